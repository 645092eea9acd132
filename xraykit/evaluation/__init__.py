"""Truth and probabilities become figures with intervals, tests and comparisons. Knows no films, models or pages.

evaluation       a classifier's probabilities for labelled films, and every figure that follows from them
stats            a figure with its interval: how it is computed, written and kept; paired tests and bootstrap
curves           ROC and precision-recall curves with their areas
calibration      temperature and class biases fitted on validation films; reliability and calibration error
decisions/       operating_point: a threshold chosen on validation films and applied to test films; conformal:
                 prediction sets; people: of 100 such people; net_benefit: decision curves; changes: the difference
                 of two confusion matrices; ranks: models in order, as far as they can be told apart; bootstrap and
                 measures: of whole confusion matrices
alignment        several evaluations brought into one order of films, or why they cannot be
comparison       two to ten models on the same films: is the difference real, and on which films
published        figures that others published on known sets of films
learning_curve   the history of a training, read out in words
"""
