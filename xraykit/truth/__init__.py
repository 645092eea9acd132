"""What a model's figures are worth: on films from elsewhere, without the lungs, beside chance.

elsewhere  what a model gave on films of another source, added to its card
own_films  which films a model has met: those it was trained, calibrated and tested on
places     a model at home and elsewhere, in figures and in words
seen/      what a model saw: the films it learned from, and the way of a film to its input
sets       prediction sets: what they promise, and whether they keep it at home and elsewhere
"""
