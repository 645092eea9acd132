"""What is taken away from the reading room: the report of a film, of many, a contact sheet, the reading session.

asked     what a page asks for, checked value by value
subjects  a film of the worklist with what models and reader made of it, as a report wants it
files     a report as the files that are handed out, and their names
desk      what a tab keeps of reports: the last one, and the work that is under way
work      something that takes a while, in a thread: how far it is, its end, what came of it
many      the reports of many films in one ZIP; the contact sheet
routes    the addresses
"""
