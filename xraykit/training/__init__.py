"""A recipe and films become a finished run and a kept model.

recipe   what a training is to do: fields, rules, presets, and the same in sentences
run      the folder of one training: its Status, why it failed, and how it is started, stopped and resumed
fit      the training itself, in Keras: network, batches, optimiser, checkpoints, time and memory
worker   a run from its place in the queue to its end, in the process that trains it
keep     a finished run becomes a kept model: converted, checked, calibrated, with a card
"""
