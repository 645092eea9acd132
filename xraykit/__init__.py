"""Read chest films with Keras networks, see where they looked, compare them, train them.

Thirteen rooms; each imports only those above it. `help(xraykit.films)` lists a room's files; docs/house.md draws them.

refused       the base of every refusal: a code for programs, words for people
system        this computer: folders, files, processes, devices, jobs
evaluation    truth and probabilities become figures with intervals, tests and comparisons
films         a stranger's bytes become a Radiograph, or a refusal
gate          is an image a frontal chest film, the right way up
datasets      labelled films: found, grouped, divided and known by name
models        a saved model: its card, its reading of a film, its heatmaps, its evaluation on a folder
truth         what a model's figures are worth: elsewhere, without the lungs, beside chance
reading       a worklist of films, what the models and a reader make of each
training      a recipe and films become a finished run, and a run becomes a saved model
experiments   many runs that answer one question: study = factors x folds x seeds
reports       everything a reader sees: sections, tables, charts, overlays, files
doctor        what this machine has for xraykit, what is missing
ui            the pages in the browser; the only room that imports Streamlit
cli           the same in a terminal; __main__ gathers its commands

Keras is imported in training/fit, models/conversion and models/tf_keras_vis alone. A research demonstration, never a
medical device.
"""

__version__ = "0.1.0"
RESEARCH_ONLY = "Research demonstration. Not a medical device. Not for diagnosis."  # on every page and export
