"""The script the server runs for every page: which pages there are, and nothing else. Draws nothing itself."""

import streamlit as st
from streamlit.navigation.page import StreamlitPage

from xraykit.system import folders

PAGES = folders.REPOSITORY / "pages"
# By address, in the order of the menu: file and title
TITLES = {
    "review": ("review.py", "Review"),
    "compare": ("compare.py", "Compare"),
    "fine-tune": ("fine_tune.py", "Fine-tune"),
    "experiments": ("experiments.py", "Experiments"),
    "datasets": ("datasets.py", "Datasets"),
    "models": ("models.py", "Models"),
}


def show() -> None:
    """Run the page that the address names; / goes on to Review, so that every page has one address of its own."""

    def go_to_review() -> None:
        st.switch_page(page("review"))

    door = st.Page(go_to_review, title="xraykit", url_path="door", default=True, visibility="hidden")
    st.navigation([door, *map(page, TITLES)], position="hidden").run()


def page(address: str) -> StreamlitPage:
    """A page by its address."""
    # No icon=: the browser would fetch it as favicon from fonts.gstatic.com before the page names a local one.
    file, title = TITLES[address]
    return st.Page(PAGES / file, title=title, url_path=address)


def link(address: str, label: str, **words: str | list[str]) -> None:
    """A link to another page of this session; `words` go into its address."""
    st.page_link(page(address), label=label, query_params=words or None)


if __name__ == "__main__":
    show()
