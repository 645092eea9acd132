"""The same as the pages do, in a terminal; `xraykit.__main__` gathers the commands.

reading     doctor, predict, explain; readings list, show, export
models/     models: models, models import; evaluate: evaluate, compare
report/     report: the group; film; pages: compare, reading, run, study, model, data; verify; write: their files
audit       audit: shortcuts of models, and their heatmaps against chance
data        data inspect, list, get, pool
train       train, and its estimate
runs        runs list, show, stop, resume, keep, delete
study/      study: list, export, run and its plan; work: show, resume, stop and the like
terminal    progress on stderr, errors in words, exit codes
"""
