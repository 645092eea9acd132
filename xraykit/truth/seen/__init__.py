"""What a model saw: the films it learned from, remembered as numbers, and the way of a film to its input.

films      what is remembered of a model's training films, and whether a film is among them
remember   made from the films themselves
nearest    the training films nearest to a film, and how far away they are
own_films  which films a model has met: those it was trained, calibrated and tested on
steps      how the network's input came about, in words
"""
