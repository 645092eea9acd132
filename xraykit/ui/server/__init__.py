"""The server's side: what lives as long as the server does, and what every request passes.

door       who may come in
headers    the headers of every response
inference  one inference client for all sessions
life       what begins and ends with the server
sessions   the end of a session whose tab was closed
shell      the header of every page and its skeleton, before Streamlit's script is there
uploads    files dropped on a page: large ones go to disk while they come in
"""
