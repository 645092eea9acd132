"""Labelled films: found, grouped, divided and known by name. Knows no recipe and no network.

layout        what is found in a folder before a film is opened: labelled films, and remarks
listing/folder         the layout of a folder, by its manifest or by class folders
listing/class_folders  films labelled by the folders they lie in; masks, copies, wrappers, parts
listing/manifest       films listed in a table: which column says what, which file a row means
listing/pool_record    what a pooled folder was made of
listing/pool_request   what goes into a pool: films of which datasets, under which class
listing/names          what the names of folders, classes and columns mean
dataset       the films of a folder with labels, groups and hashes; their decoded cache
split         training, validation and test; which training films are learned from; the weights of classes and sources
inspection    what a folder holds and how it would be divided, told before anything starts
pool          several datasets become one, each film with its source
reading/groups         which films show one patient, or are the same image, and by which rule that was found
reading/copies         pictures that several datasets have
reading/index          what is remembered of films that were read before
reading/samples        a few small pictures a class, and how large films are, kept while they are read
reading/preview        everything about a folder before it is used: what inspection tells, samples, sizes, twins
reading/gated          what the gate would refuse of a folder, asked while its films are read
reading/twins          films that are the same picture as one of another dataset
catalog/known          the datasets on this computer
catalog/published      the datasets of the studies: what each is, its faults, how to get it
catalog/fetch          a published dataset comes onto this computer
catalog/work           fetching and pooling in a process of its own
archive/place    a film takes its place in a folder of ours: a hard link, else a copy
archive/unpack   a zip of films becomes a folder
"""
