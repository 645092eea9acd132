"""The server's side of the reading room: what the page in the browser asks for, below `/reading-room/{key}/`.

rooms     the rooms that are open, each known by a key that only its tab has
routes    what may be asked, and the answers
films     how films come in: dropped, by a path, the samples; where they lie meanwhile
reader    the reader's side: impressions, the session, its export
seen      what a model saw of a film
messages  rows and states as JSON, films and heatmaps as binary messages
report    what is taken away: reports of films, a contact sheet, the session
"""
