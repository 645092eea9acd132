"""Films that another page hands to the reading room of this tab."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import streamlit as st

from xraykit.refused import Refused
from xraykit.ui import navigation
from xraykit.ui.review.room import component
from xraykit.ui.review.server import rooms


def open_in_review(films: Sequence[tuple[str, Path]]) -> None:
    """Put films, name and place each, into this tab's worklist unless they are in it, and go there.

    The first of them is shown. What is in the worklist already stays. Raises Refused where the tab is closed.
    """
    room = rooms.room_of(component.key()) or rooms.room_of(component.key(new=True))
    if room is None:
        raise Refused("The reading room of this tab has ended. Load the page again.", code="gone")
    here = {str(row.place): row for row in room.list.rows()}
    room.add([(name, path) for name, path in films if str(path) not in here])
    first_name, first_path = films[0]
    st.session_state[component.FILM] = here[str(first_path)].name if str(first_path) in here else first_name
    st.switch_page(navigation.page("review"))
