"""A stranger's bytes become a Radiograph, or a Refusal. Knows no label, no dataset and no network.

ingest          the firewall: decoder processes that can be killed; a Radiograph or a Refusal for each film
decoder         what runs inside one decoder process
radiograph      a film: pixels with their provenance; the square that a network sees
stills/decode   PNG, JPEG, TIFF, BMP, WebP and JPEG 2000 bytes to pixels
stills/header   what the file of a still says of how it was made
stills/jpeg     what a JPEG says of itself, and whether its data are as many as it promises
folders/walk    a folder of films, to any depth: links, litter, what may be a film by its name
folders/listing  what a path holds: a folder, a zip, a DICOM study, a film; one after the other, in natural order
folders/zipped  the films of a zip, listed
folders/member  a film in a zip, read where it lies
folders/check   everything that is wrong with a stranger's zip
dicom/attributes  attributes of a data set as they are stored
dicom/container   a DICOM file taken apart: its attributes, and where its pixels lie
dicom/header    what the header says of the pixels, checked
dicom/pixels    the stored values of a DICOM film, held against its header
dicom/tables    modality, VOI and palette look-up tables
dicom/display   DICOM bytes to pixels, as a workstation would show them
dicom/softcopy  a film before its window: values, windows, spacing, orientation; the yardstick for viewers
dicom/facts     what the file says of mm, sides, units, names of windows, patient and date; no identifier leaves it
dicom/message   a softcopy as bytes for the browser
note            what is to be said of a film that is read: warnings and facts
refusal         why a file is not read: a code for programs, words for people
samples/draw    the two synthetic films that come with xraykit, and how they were drawn
samples/example  a small labelled set of synthetic films, made on request
"""
