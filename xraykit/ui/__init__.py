"""The pages' side: what a reader sees and clicks. The only room that imports Streamlit; it computes nothing itself.

server/           one inference client for all sessions; who may come in, the headers of every response, closed tabs
server/shell      the header of every page and a skeleton of each, there before Streamlit's script is
kit/frame         what opens a page: its title, words after a restart or a fault
server/uploads    dropped files: large ones go to disk while they come in, and all are read here
navigation        which pages there are and how they link to each other
kit/selection     what a page shows, by its address
kit/text          words shown as they are, the field for a folder's path, the table of what was refused
kit/pictures      pixels as the pictures a browser draws
kit/jobs          a job that is watched and stopped
kit/folder_facts  what a folder of films holds and how an evaluation on it went
kit/folder_picker  the folders of this computer, opened one after the other
kit/film_list     named films with predictions, and pictures with heatmaps where the films are at hand
kit/report/       a report on a page; view: its sections; handout: the button, and what it hands out; dialog: its
                  preview and formats; slide: the menu of a section
review/           the reading room: server/ its routes, viewer/ films as drawn, room/ list, panels and reader
compare/          models on the same films: inputs, the evaluation of a folder, what is computed, the panels
fine_tune/        a run: the draft and its form, the chosen run and what can be done with it, the table of all
experiments/      a study: the draft and its form, where it stands, its results, its trials; the table of all
datasets/         datasets on this computer and of the studies, a look inside a folder, its data audit, pools
models/           a model's card; the import of a Keras file
"""
