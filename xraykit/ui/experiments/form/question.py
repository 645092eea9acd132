"""Step 1 of a new study: a preset, or one's own as JSON; what it asks, and what is published of it."""

from __future__ import annotations

import html
import json

import streamlit as st

from xraykit.experiments.published import figures, presets
from xraykit.experiments.study import json_text
from xraykit.experiments.study.json_text import MOST_BYTES, JSONRefused, NotJSON
from xraykit.refused import Refused
from xraykit.ui.experiments import draft, snapshot
from xraykit.ui.experiments.form import parts
from xraykit.ui.kit.text import say
from xraykit.ui.server import uploads

NO_STUDY = (
    "Expected a study as JSON: an object with name, recipe and factors. This is something else. Export a preset to see "
    "its form."
)
EMPTY_JSON = "Paste a study as JSON first."


def show() -> None:
    """Draw the step."""
    faults = draft.faults()
    draft.current().drawn.clear()  # the first step of the page
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small", key="study-preset"):
        _choose()
        with st.popover("JSON", width=90):
            _hand_over()
    if words := st.session_state.pop("study-json-words", None):
        say(words)
    parts.text(
        "name", "Study name", faults, help="Letters, digits, '.', '_' and '-'. A number is added if the name is taken."
    )
    parts.text("words", "Question", faults, area=True, help="What the study asks, in a sentence or two.")
    _show_published()


def titles() -> dict[str, str]:
    """What each source is called, by its key."""
    known = {name: name for name in presets.NAMED}
    known |= {draft.COPY + study.name: f"Copy of {study.name}" for study in snapshot.take_all() if study.study}
    source = draft.current().source
    known.setdefault(source, "From JSON" if source == draft.IMPORTED else source)
    return known


def _choose() -> None:
    known = titles()
    keys = list(known)
    key = draft.key("source")
    st.selectbox(
        "Preset or study",
        keys,
        index=keys.index(draft.current().source),
        key=key,
        format_func=lambda source: known[source],
        on_change=_take,
        args=(key,),
        help="The five published studies, what they wished for, and your own studies to change and run again.",
    )


def _take(key: str) -> None:
    source = st.session_state.get(key)
    if source in presets.NAMED:
        draft.take(draft.plain(presets.NAMED[source]), source)
    elif isinstance(source, str) and source.startswith(draft.COPY):
        chosen = snapshot.find(source.removeprefix(draft.COPY))
        if chosen and chosen.study:
            draft.take(draft.plain(chosen.study), source)


def _hand_over() -> None:
    """A study in and out as JSON."""
    turn = draft.current().turn
    file = st.file_uploader("Study as JSON file", type=["json"], key=f"study-file-{turn}", max_upload_size=1)
    if file is not None:
        try:
            _import(uploads.opened(file, MOST_BYTES).read().decode("utf-8-sig"))
        except UnicodeDecodeError:
            st.session_state["study-json-words"] = NO_STUDY
        except Refused as refused:
            st.session_state["study-json-words"] = refused.words
        draft.current().turn += 1  # an uploader that has taken nothing yet
        st.rerun()
    st.text_area("or paste it", key=f"study-paste-{turn}", height=160)
    st.button("Use this JSON", key="study-paste-use", on_click=_paste, args=(f"study-paste-{turn}",))
    data = draft.current().data
    st.download_button(
        "Export as JSON",
        json.dumps(data, indent=2) + "\n",
        f"{data.get('name') or 'study'}.json",
        "application/json",
        key="study-export",
        on_click="ignore",
    )


def _paste(key: str) -> None:
    text = str(st.session_state.get(key) or "").strip()
    if not text:
        st.session_state["study-json-words"] = EMPTY_JSON
        return
    _import(text)


def _import(text: str) -> None:
    try:
        data = json_text.parse(text)
    except NotJSON:
        st.session_state["study-json-words"] = NO_STUDY
        return
    except JSONRefused as refused:
        st.session_state["study-json-words"] = f"This JSON cannot be used. {refused.words}"
        return
    if not isinstance(data, dict):
        st.session_state["study-json-words"] = NO_STUDY
        return
    draft.take(data, draft.IMPORTED)


def _show_published() -> None:
    published = figures.STUDIES.get(str(draft.get("published", "")))
    if published is None:
        return
    lines = [f"Published on {published.films}.", f"Reading there: {published.reading}"]
    lines += [f"Slip: {slip}" for slip in published.slips]
    st.html("".join(f"<p class='xk-said'>{html.escape(line)}</p>" for line in lines))
