"""xraykit: read chest films with Keras networks, see where they looked, compare them, train them.

Rooms, each importing only those above it (tests/test_architecture.py has every name in its order):

picture, dicom, radiograph    bytes to a film: pixels with their provenance
decoder, ingest               the firewall: strangers' files decoded in killable processes, or refused with a reason
samples                       two synthetic films to try things on
grouping, labelling           which films belong together; which a folder holds and their labels
filmindex                     what is remembered of files read before
dataset                       labelled films, their split, their decoded cache
zipcheck, archive             a zip of films through its own firewall, unpacked
reciperules, recipe           what a training is to do, every fault of it at once
recipefields, sampling        each field of it in plain words; which films it learns from
augmenting                    training films turned, shifted, zoomed and relit, ahead of time where asked
run, catalog                  the folder of one training; datasets known on this computer
detached, devices, failures, engine, work    processes that outlive the page: start, queue for a device, end, resume
statistics, curves            intervals and paired tests; ROC, precision-recall, reliability
evaluation, calibration       figures from truth and logits; what is fitted on validation
operating                     operating points: chosen on validation, applied to test
alignment, comparison         several models on the same films: is the difference real
batches, network, compiling, checkpoint, callbacks, speed, training   Keras: feed, build, keep the state, watch, fit
probing, runner               two steps tell how long it will take; a run from its place in line to its end
card, head, conversion        the parts of a kept model
classifier                    a kept model read without TensorFlow
keeping                       from a finished run to a kept model
history, records              a training's curve in words; what differs between two cards
scoring                       kept models evaluated on a folder of films
recipewords, cardpage, cardprint   a card in plain words, as a page and as a file
colormaps, legends, explanation    heatmaps and their overlay
companion, gradients, inference    the processes behind the pages
charts, tables, published, report  Altair charts, tables, published figures, the page as one file
doctor                        what is on this machine, what is missing
ui                            the only room that imports streamlit
commands, __main__            the command line

Keras is imported in batches, network, compiling, checkpoint, callbacks, training and probing, and inside conversion
and gradients.
A research demonstration, never a medical device.
"""

__version__ = "0.1.0"
RESEARCH_ONLY = "Research demonstration. Not a medical device. Not for diagnosis."  # on every page and export
