"""The app's front door, found by `streamlit run app.py`: the server with its inference service, headers and door."""

from pathlib import Path

import streamlit as st
from starlette.middleware import Middleware

from xraykit.ui.kit.frame import say_error
from xraykit.ui.review.server.routes import ROUTES
from xraykit.ui.server import life, uploads
from xraykit.ui.server.door import Door
from xraykit.ui.server.headers import SecureHeaders
from xraykit.ui.server.shell.shell import Shell

# The script lies in a folder without pages/ beside it, so that a link to a page on a server nobody has opened yet
# cannot fall into Streamlit's old pages/ discovery (docs/decisions: navigation).
SHELL = Path(__file__).parent / "xraykit" / "ui" / "navigation.py"

app = st.App(
    SHELL,
    lifespan=life.keep_service,
    routes=ROUTES,
    middleware=[Middleware(SecureHeaders), Middleware(Door), Middleware(uploads.ToDisk), Middleware(Shell)],
    on_script_error=say_error,
)

if __name__ == "__main__":
    from xraykit.ui import navigation

    navigation.show()
