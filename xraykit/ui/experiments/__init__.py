"""The Experiments page: studies set up, watched, and read.

selection  which study is shown, named by the address
snapshot   studies as they are now, read again only where a file has changed
draft      the study being set up, as plain data
form/      its question, its trials, its films, plan and start
listing    all studies as a table
live       where a running study stands, and what can be done with it
results    its table and charts
trial      one trial: its runs, and what they are good for
"""
