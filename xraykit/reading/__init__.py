"""A worklist of films, what the models make of each, and what its reader does. No pixels, no Streamlit.

worklist     the films of a tab: where each lies, what became of it, which are read next
trust        what is known of a model's figures: its operating point, at home and elsewhere
impressions  what a reader said of a film: finding, agreement with each model, words, marks, seconds
session      a reading session on disk, where it was asked for
summary      agreement, and sensitivity and specificity of reader, models and both
"""
