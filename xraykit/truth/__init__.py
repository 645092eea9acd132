"""What a model's figures are worth: on films from elsewhere, without the lungs, beside chance.

model_audit   the audit of models on a folder of films, as one job: shortcuts and scorecard
readings      many altered squares read with one model
scorecard/    does a heatmap do better than chance? curves: deletion and insertion; maps: random ones as smooth;
              untrained: networks that cannot know; likeness: how alike two maps are; score: the scorecard
shortcuts/    what a model still answers on altered films: alterations, lung masks, figures with their verdicts
"""
