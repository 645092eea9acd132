"""The script the server runs for every page: which pages there are, and nothing else. Draws nothing itself."""

from pathlib import Path

import streamlit as st

PAGES = Path(__file__).parent.parent.parent / "pages"


def show() -> None:
    """Run the page that the address names; the default page answers to / and to its own name."""
    # No icon=: the browser would fetch it as favicon from fonts.gstatic.com before the page names a local one.
    pages = [st.Page(PAGES / "review.py", title="Review", default=True)]
    st.navigation(pages, position="top").run()


if __name__ == "__main__":
    show()
