"""Charts on the page whose rows travel beside their layout: new rows change the lines and nothing else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st


def before_charts() -> None:
    """Import what Streamlit imports at its first chart anyway; call it before a chart is made.

    Altair looks into a pandas that another session's thread has only half imported, and fails.
    """
    import pandas  # noqa: F401


TEXTS = ("kind", "label", "part")


def chart(rows: Sequence[Mapping[str, Any]], columns: Sequence[str], spec: dict[str, Any], key: str, alt: str) -> None:
    """Draw a chart; `alt` tells its figures to who does not see it."""
    import pyarrow  # Streamlit's own table format: no pandas in the web process

    kinds = {name: pyarrow.string() if name in TEXTS else pyarrow.float64() for name in columns}
    table = pyarrow.Table.from_pylist([dict(row) for row in rows], schema=pyarrow.schema(list(kinds.items())))
    layout = {name: part for name, part in spec.items() if name != "description"}  # one of the two is read out: `alt`
    st.vega_lite_chart(table, layout, theme=None, width="stretch", key=key, alt=alt)
