"""What a model's figures are worth: on films from elsewhere, without the lungs, beside chance.

elsewhere    what a model gave on films of another source, added to its card
model_audit  the audit of models on a folder of films, as one job: shortcuts and scorecard
own_films    which films a model has met: those it was trained, calibrated and tested on
places       a model at home and elsewhere, in figures and in words
scorecard/   does a heatmap do better than chance? curves: deletion and insertion; maps: random ones as smooth;
             untrained: networks that cannot know; likeness: how alike two maps are; score: the scorecard;
             readings: many altered squares read with one model
seen/        what a model saw: the films it learned from, and the way of a film to its input
shortcuts/   what a model still answers on altered films: alterations, lung masks, figures with their verdicts
"""
