"""One field of the recipe as a widget: its label, help and choices, and what is wrong with it right below."""

from __future__ import annotations

import contextlib
import html
import json
from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from xraykit.models.cards.card import titles_of
from xraykit.training.recipe import fields, rules
from xraykit.training.recipe.field import Field
from xraykit.ui.fine_tune import draft

WHOLE, MOST = 2**53 - 1, 1e300  # a browser counts no further
NOTHING = ""  # a choice of None: a select box takes None for "not chosen"


def show(path: str, faults: Mapping[str, str]) -> None:
    """Draw a field; what is typed goes into the draft, whether it fits or not."""
    field = fields.at(path)
    value = draft.get(path)
    # An imported recipe may hold anything: what no widget of the kind can show is shown as text, to be corrected
    draw = _DRAWERS.get(field.kind, _show_text) if _drawable(field, value) else _show_text
    kind = "switch" if draw is _show_switch else "field"
    with st.container(key=f"{draft.key(path)}-{kind}-box", gap="xxsmall"):
        draw(path, field, value)
        show_fault(path, faults)


def show_fault(path: str, faults: Mapping[str, str]) -> None:
    """What is wrong with a field, if anything."""
    if words := faults.get(path):
        st.html(f"<p class='xk-fault' role='alert'>{html.escape(words)}</p>")


def row(paths: Sequence[str], faults: Mapping[str, str], across: int = 3) -> None:
    """Fields side by side, in as many rows as it takes."""
    for start in range(0, len(paths), across):
        columns = st.columns(across, gap="small")
        for column, path in zip(columns, paths[start : start + across], strict=False):
            with column:
                show(path, faults)


def _drawable(field: Field, value: Any) -> bool:
    if value is None:
        return field.kind == "choice" or bool(field.none) or field.kind == "numbers"
    if field.kind == "integer":
        return isinstance(value, int) and not isinstance(value, bool) and abs(value) <= WHOLE
    if field.kind == "number":
        return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= MOST
    if field.kind == "switch":
        return isinstance(value, bool)
    return not isinstance(value, dict | list) or field.kind == "numbers"


def _take(path: str, key: str) -> None:
    _put(path, key, st.session_state[key])


def _put(path: str, key: str, value: Any) -> None:
    """Change the draft; what comes from a form of a recipe that was replaced since is let go."""
    if key == draft.key(path):
        draft.put(path, value)


def _common(path: str, field: Field) -> dict[str, Any]:
    key = draft.key(path)
    unit = f" ({field.unit})" if field.unit else ""
    label = "Recipe name" if path == "name" else field.label + unit  # beside the name of the run
    return {"label": label, "key": key, "help": field.help, "on_change": _take, "args": (path, key)}


def _show_number(path: str, field: Field, value: Any) -> None:
    common = {**_common(path, field), "placeholder": field.none}
    if field.kind == "integer":
        st.number_input(**common, value=value, step=int(field.step or 1), format="%d")
    else:
        shown: Any = None if value is None else float(value)
        st.number_input(**common, value=shown, step=float(field.step or 0.1), format="%g")


def _show_choice(path: str, field: Field, value: Any) -> None:
    names = {NOTHING if value is None else value: name for value, name in field.choices.items()}
    if path == "weights":
        titles = titles_of(draft.cards())
        names |= {rules.MODEL + name: f"Saved model {title}" for name, title in titles.items()}
    chosen = NOTHING if value is None else value
    options = [*names, *([] if chosen in names else [chosen])]
    common = _common(path, field) | {"on_change": _take_choice, "args": (path, draft.key(path))}
    st.selectbox(
        **common,
        options=options,
        index=options.index(chosen),
        accept_new_options=bool(field.other),
        format_func=lambda choice: names.get(choice, str(choice)),
    )


def _take_choice(path: str, key: str) -> None:
    value = st.session_state[key]
    if isinstance(value, str) and value.isdecimal():
        value = int(value)  # a number of last layers, typed
    _put(path, key, None if value == NOTHING else value)


def _show_switch(path: str, field: Field, value: Any) -> None:
    st.checkbox(**_common(path, field), value=bool(value))


def _show_text(path: str, field: Field, value: Any) -> None:
    text = value if isinstance(value, str) else json.dumps(value)
    common = _common(path, field) | {"on_change": _take_text, "args": (path, draft.key(path), field.kind)}
    st.text_input(**common, value=text)


def _take_text(path: str, key: str, kind: str) -> None:
    value: Any = st.session_state[key]
    if kind != "text":
        with contextlib.suppress(ValueError):
            value = json.loads(value)
    _put(path, key, value)


def _show_numbers(path: str, field: Field, value: Any) -> None:
    text = ", ".join(map(str, value)) if isinstance(value, list) else "" if value is None else str(value)
    common = _common(path, field) | {"on_change": _take_numbers, "args": (path, draft.key(path))}
    st.text_input(**common, value=text, placeholder=field.none)


def _take_numbers(path: str, key: str) -> None:
    text = str(st.session_state[key]).strip()
    parts = [part.strip() for part in text.split(",")] if text else []
    try:
        _put(path, key, [float(part) for part in parts] or None)
    except ValueError:
        _put(path, key, text)  # the rules say what to enter


_DRAWERS = {
    "integer": _show_number,
    "number": _show_number,
    "choice": _show_choice,
    "switch": _show_switch,
    "numbers": _show_numbers,
}
