"""xraykit: read chest films with Keras networks, see where they looked, compare them, train them.

Rooms, each importing only those above it:

picture, dicom, radiograph   bytes to a film: pixels with their provenance
ingest                       the firewall: untrusted files decoded in killable processes, or refused with a reason
samples                      two synthetic films to try things on
dataset                      labelled films, their groups, their split, their decoded cache
recipe, run, work            what a training is to do; the folder of one training, of one evaluation
statistics, curves           intervals and paired tests; ROC, precision-recall, reliability
evaluation                   figures with intervals from truth and logits
operating                    operating points: chosen on validation, applied to test
alignment, comparison        several models on the same films: is the difference real
network, batches, callbacks, training   Keras: build, feed, fit             (Keras is imported here, and only in
card, head, conversion       parts of a kept model                          conversion and gradients besides)
classifier                   a kept model read without TensorFlow
keeping                      from a finished run to a kept model
history, records             a training's curve in words; a kept model's evaluations, what differs between cards
scoring                      kept models evaluated on a folder of films
recipewords, cardpage, cardprint   a model's card in plain words, as a page and as a file
colormaps, legends, explanation   heatmaps and their overlay
companion, gradients, inference   the processes behind the pages
charts                       Altair charts: data in, chart out
doctor                       what is on this machine, what is missing
ui                           the only room that imports streamlit
__main__                     the command line

A research demonstration, never a medical device.
"""

__version__ = "0.1.0"
