"""The script the server runs for every page: which pages there are, and nothing else. Draws nothing itself."""

from pathlib import Path

import streamlit as st

PAGES = Path(__file__).parent.parent.parent / "pages"


def show() -> None:
    """Run the page that the address names; / goes on to Review, so that every page has one address of its own."""
    # No icon=: the browser would fetch it as favicon from fonts.gstatic.com before the page names a local one.
    review = st.Page(PAGES / "review.py", title="Review", url_path="review")
    models = st.Page(PAGES / "models.py", title="Models", url_path="models")
    compare = st.Page(PAGES / "compare.py", title="Compare", url_path="compare")

    def go_to_review() -> None:
        st.switch_page(review)

    door = st.Page(go_to_review, title="xraykit", url_path="door", default=True, visibility="hidden")
    st.navigation([door, review, compare, models], position="top").run()


if __name__ == "__main__":
    show()
