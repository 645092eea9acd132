"""What the gate would refuse of a folder that a network is to learn from: counted, shown, left out with one click."""

from __future__ import annotations

import html
from collections.abc import Callable
from pathlib import Path
from typing import Any

import streamlit as st

from xraykit.datasets.reading.samples import PICTURE
from xraykit.system import files
from xraykit.system.jobs import Job
from xraykit.ui.fine_tune.form.classes import choose_pool
from xraykit.ui.kit import pictures

MOST_BYTES = 2**20  # of a picture
NAMED = 100  # films that are named on the page; films.json names all
MOST = 0.9  # share of refused films above which a folder is not of chest films
NONE = "The gate would refuse {n} of {judged} films: these are not chest films, and the gate is not for them."
SOME = (
    "The gate would refuse {n} of {judged} films: no upright frontal chest film. A network learns from them all the "
    "same unless you leave them out."
)


def show(job: Job, contents: dict[str, Any], folder: Path, choose: Callable[[Path], None], key: str) -> None:
    """The count, the first few as pictures, all by name; `choose` is given the folder without them."""
    judged = contents.get("gate")
    if not judged:
        return
    refused, n = judged["refused"], judged["judged"]
    if not refused:
        st.html(f"<p class='xk-said'>The gate passes all {n:,} films.</p>")
        return
    whole = len(refused) > MOST * n
    words = (NONE if whole else SOME).format(n=f"{len(refused):,}", judged=f"{n:,}")
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key=f"{key}-gated"):
        st.html(f"<p class='xk-said' role='status'>{html.escape(words)}</p>", width="stretch")
        wanted = not whole and st.button("Leave them out", key=f"{key}-gated-out")
    if not whole:
        st.html(_shown(job, judged) + _named(refused))
    if wanted:
        films = [refusal["source"] for refusal in refused]
        choose_pool(folder, choose, f"{files.shown(folder.name)}-gated", without=films)


def _shown(job: Job, judged: dict[str, Any]) -> str:
    figures = ""
    for file, refusal in zip(judged["pictures"], judged["refused"], strict=False):
        try:
            data = files.read_plain(job.path / file, MOST_BYTES) if PICTURE.fullmatch(file) else b""
        except files.FileRefused:
            continue
        film = html.escape(refusal["source"], quote=True)
        figures += f"<img src='{pictures.address(data)}' alt='{film}' title='{film}'>" if data else ""
    row = f"<figure><figcaption>First refused</figcaption><div>{figures}</div></figure>"
    label = "Films that the gate would refuse"
    return (
        f"<section class='xk-glance xk-refused-films' aria-label='{label}' tabindex='0'>{row}</section>"
        if figures
        else ""
    )


def _named(refused: list[dict[str, str]]) -> str:
    rows = "".join(
        f"<li>{html.escape(refusal['source'])}: {html.escape(refusal['words'])}</li>" for refusal in refused[:NAMED]
    )
    more = f"<p>and {len(refused) - NAMED:,} more</p>" if len(refused) > NAMED else ""
    return (
        f"<details class='xk-list'><summary>What the gate would refuse: {len(refused):,}</summary>"
        f"<ul>{rows}</ul>{more}</details>"
    )
