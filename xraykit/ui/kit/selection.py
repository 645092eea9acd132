"""What a page shows: named by the address (?run=NAME), remembered over page switches; words that a click left."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import streamlit as st

from xraykit.ui.kit import jobs
from xraykit.ui.kit.text import say

T = TypeVar("T")


@dataclass(frozen=True)
class Selection:
    """One page's choice.

    `key` is its word in the address, and what it is called; `page` names it in the session, because the address loses
    its words when another page is opened. `within` are words of the address that mean something for this choice alone.
    """

    key: str
    page: str
    within: tuple[str, ...] = ()

    def shown(self, find: Callable[[str], T | None]) -> T | None:
        """What to show, by its name; None while something new is being set up."""
        name = st.query_params.get(self.key) or st.session_state.get(self._remembered)
        if not name:
            return None
        item = find(name)
        if item is None:
            self._forget()
            self.keep_word(f"No {self.key} named {name}. It may have been deleted.")
            return None
        self._remember(name)
        return item

    def open(self, name: str) -> None:
        """Show another; a callback."""
        jobs.redraw_page()
        self._forget()
        self._remember(name)

    def close(self) -> None:
        """Show the form of a new one; a callback."""
        jobs.redraw_page()
        self._forget()

    def keep_word(self, words: str) -> None:
        """Keep words for the user until the page is drawn again."""
        st.session_state[self._words] = words

    def show_words(self) -> None:
        """The words that a click left, once."""
        if words := st.session_state.pop(self._words, None):
            say(words)

    @property
    def _remembered(self) -> str:
        return f"{self.page}-{self.key}"

    @property
    def _words(self) -> str:
        return f"{self.page}-words"

    def _remember(self, name: str) -> None:
        st.session_state[self._remembered] = name
        if st.query_params.get(self.key) != name:
            st.query_params[self.key] = name

    def _forget(self) -> None:
        st.session_state.pop(self._remembered, None)
        for key in (self.key, *self.within):
            st.query_params.pop(key, None)
