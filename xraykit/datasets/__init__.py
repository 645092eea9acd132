"""Labelled films: found, grouped, divided and known by name. Knows no recipe and no network.

layout        which films a folder holds and how they are labelled, by class folders or a manifest
groups        which films show one patient, or are the same image, and by which rule that was found
index         what is remembered of films that were read before
dataset       the films of a folder with labels, groups and hashes; their decoded cache
split         training, validation and test; which training films are learned from; the weights of classes
inspection    what a folder holds and how it would be divided, told before anything starts
catalog       the datasets known on this computer
archive/check    everything that is wrong with a stranger's zip
archive/unpack   a zip of films becomes a folder
"""
