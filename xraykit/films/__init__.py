"""A stranger's bytes become a Radiograph, or a Refusal. Knows no label, no dataset and no network.

ingest          the firewall: decoder processes that can be killed; a Radiograph or a Refusal for each film
walk            a folder of films, to any depth: links, litter, what may be a film by its name
decoder         what runs inside one decoder process
radiograph      a film: pixels with their provenance; the square that a network sees
png_jpeg        PNG and JPEG bytes to pixels
dicom           DICOM bytes to pixels, as a workstation would show them
refusal         why a file is not read: a code for programs, words for people
samples/draw    the two synthetic films that come with xraykit, and how they were drawn
"""
