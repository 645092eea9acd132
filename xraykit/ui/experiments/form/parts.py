"""Fields of the form as widgets, each with what is wrong with it right below."""

from __future__ import annotations

import html
import json
from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from xraykit.experiments.study import json_text
from xraykit.experiments.study.json_text import JSONRefused
from xraykit.ui.experiments import draft

Faults = Mapping[str, str]
MOST = 2**53 - 1


def fault(path: str, faults: Faults) -> None:
    """What is wrong with a field, if anything."""
    draft.current().drawn.add(path)
    if words := faults.get(path):
        st.html(f"<p class='xk-fault' role='alert'>{html.escape(words)}</p>")


def text(path: str, label: str, faults: Faults, *, area: bool = False, help: str = "") -> None:
    """A field of plain text."""
    key = draft.key(path)
    given = draft.get(path, "")
    value = given if isinstance(given, str) else json.dumps(given)
    field: Any = st.text_area if area else st.text_input
    field(label, value, key=key, on_change=_take_text, args=(path, key), help=help, **({"height": 110} if area else {}))
    fault(path, faults)


def values(path: str, label: str, faults: Faults, *, brackets: bool = True, height: int = 0, help: str = "") -> None:
    """A field of JSON; without `brackets` a list is typed without its brackets."""
    key = draft.key(path)
    typed = draft.current().texts.get(path)
    shown = written(draft.get(path), brackets) if typed is None else typed.text
    arguments = {"key": key, "on_change": _take_json, "args": (path, key, brackets), "help": help}
    if height:
        st.text_area(label, shown, height=height, **arguments)
    else:
        st.text_input(label, shown, **arguments)
    fault(path, faults)


def choice(path: str, label: str, options: Mapping[Any, str], faults: Faults, default: Any, help: str = "") -> None:
    """A field with a few values; what is none of them is shown too, to be corrected."""
    key, value = draft.key(path), draft.get(path, default)
    known = dict(options)
    if not isinstance(value, str | int | float | bool | None) or value not in known:
        known[json.dumps(value)] = json.dumps(value)
        value = json.dumps(value)
    keys = list(known)
    st.selectbox(
        label,
        keys,
        index=keys.index(value),
        key=key,
        format_func=lambda option: known[option],
        on_change=_take_choice,
        args=(path, key),
        help=help,
    )
    fault(path, faults)


def number(
    path: str,
    label: str,
    faults: Faults,
    *,
    whole: bool = False,
    unit: float = 1,
    default: Any = None,
    placeholder: str = "",
    help: str = "",
) -> None:
    """A field of a number, shown in multiples of `unit`; empty for none."""
    key, value = draft.key(path), draft.get(path, default)
    if not _is_shown(value, whole, unit):
        values(path, label, faults, help=help)
        return
    shown: Any = value if value is None else int(value) if whole else float(value) / unit
    st.number_input(
        label,
        value=shown,
        step=1 if whole else None,
        format="%d" if whole else "%g",
        key=key,
        placeholder=placeholder,
        on_change=_take_number,
        args=(path, key, unit),
        help=help,
    )
    fault(path, faults)


def _is_shown(value: Any, whole: bool, unit: float) -> bool:
    """Can a field of a number show this as it is? A browser's numbers are those of JavaScript."""
    if value is None:
        return True
    if isinstance(value, bool) or not isinstance(value, int | float) or abs(value) > MOST:
        return False
    return value == int(value) if whole else abs(value / unit) <= MOST


def written(value: Any, brackets: bool) -> str:
    """A value as JSON in a line, numbers in their shortest form."""
    line = json.dumps(value, ensure_ascii=False)
    return line[1:-1] if not brackets and isinstance(value, Sequence) and not isinstance(value, str) else line


def _take_text(path: str, key: str) -> None:
    draft.put(path, st.session_state.get(key) or "")


def _take_json(path: str, key: str, brackets: bool) -> None:
    typed = str(st.session_state.get(key) or "")
    texts = draft.current().texts
    try:
        value = json_text.parse(typed if brackets else f"[{typed}]")
    except JSONRefused as refused:
        texts[path] = draft.Typed(typed, refused.words)
        return
    texts.pop(path, None)
    draft.put(path, value)


def _take_choice(path: str, key: str) -> None:
    draft.put(path, st.session_state.get(key))


def _take_number(path: str, key: str, unit: float) -> None:
    value = st.session_state.get(key)
    draft.put(path, value if value is None or unit == 1 else value * unit)
