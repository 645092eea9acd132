"""The worklist of a tab.

rows     the films in their order, each with what became of it; which are read next
room     a worklist with the threads that have the service read it, its reader's session and its models
sources  what a path on this computer holds: a film, a folder of films
"""
