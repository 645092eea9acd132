"""What a model's figures are worth: on films from elsewhere, without the lungs, beside chance.

biases       class biases of a saved model, fitted anew on its validation films
data_audit/  what films give away before anything learns from them. audit: all of it as one job; collect: a folder's
             films read once, measure: what is kept of each; copies/: films that are one picture, twins: as they are,
             turned or inverted, moved: cropped or moved; patients: whose films they are; probes: what tells the class
             without a lung; columns: class against source, age, ...; findings: limits and words; record: the result
             as plain data
elsewhere    what a model gave on films of another source, added to its card
model_audit  the audit of models on a folder of films, as one job: shortcuts and scorecard
places       a model at home and elsewhere, in figures and in words
scorecard/   does a heatmap do better than chance? curves: deletion and insertion; maps: random ones as smooth;
             untrained: networks that cannot know; likeness: how alike two maps are; score: the scorecard;
             readings: many altered squares read with one model
seen/        what a model saw: the films it learned from, and the way of a film to its input; own_films: which films
             it has met
sets         prediction sets: what they promise, and whether they keep it at home and elsewhere
shortcuts/   what a model still answers on altered films: alterations, lung masks, figures with their verdicts
"""
