"""A worklist of films, what the models make of each, and what its reader does. No pixels, no Streamlit.

worklist/    the films of a tab: where each lies, what became of it, which are read next
trust        what is known of a model's figures: its operating point, at home and elsewhere
impressions  what a reader said of a film: finding, agreement with each model, words, marks, seconds
session      what a reader said of each film, in memory, and on disk where that was asked for
kept         sessions on disk: as they are written, listed, read, checked, deleted
reference    the reference standard of films: from labelled folders and from CSV
summary      agreement, changes of mind, sensitivity and specificity of reader, models and both, seconds a film
export       a session as CSV and JSON
"""
