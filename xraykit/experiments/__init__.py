"""Many runs that answer one question: study = factors x folds x seeds -> trials -> runs. Trains nothing itself.

study/        a question: base recipe, factors, folds, seeds, budget; read from JSON, every fault named; its films
grid          the trials of a study: each a recipe
folds         which films each run learns from, is validated on and never sees
study_folder  the folder of a study: its trials, their runs, where it stands
plan/ready    a study with its films, trials and folds, before it starts
plan/plan     what it would take, from probes of its trials
plan/probe    two steps of each kind of trial, in a process of its own
plan/sizes    how many films each fold has
plan/budget   how it fits into a time
engine/trial  one run of a trial, from its films to its figures
engine/session  a study at work in one process: what is left, what has ended, how long it will take
engine/chosen  the best trial on validation, whose networks read the held-out films once
engine/local  the runs one after the other on this computer's devices
engine/ray    the same on a Ray cluster
engine/search random and TPE search with early cutting
table         the results: a row a trial, a row an epoch; what can be told apart
results/      what runs leave, read, compared and written as CSV, and onto a card
published/    the presets and the published figures
"""
