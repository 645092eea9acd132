"""How a film and its heatmaps are drawn on a page. Pictures reach the browser as PNG, pixel for pixel."""

from __future__ import annotations

import dataclasses
import html
from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np
import streamlit as st

from xraykit.films import note
from xraykit.films.radiograph import Radiograph
from xraykit.models import service
from xraykit.models.card import Card
from xraykit.models.explanation import Explanation
from xraykit.reports.charts import bars
from xraykit.reports.heatmap import overlay
from xraykit.ui.kit import pictures, report_view
from xraykit.ui.kit.text import say

if TYPE_CHECKING:
    from streamlit.delta_generator import DeltaGenerator

LONGEST = 1600  # px sent to the browser; a pane is at most about 900 on a large screen, so it stays sharp
SHORTEST = 900  # a smaller film is enlarged before it is drawn on
ACROSS = 3  # panes in a row
NOTHING = "No positive evidence at this layer: the film is shown as it is."


def places(models: int) -> list[DeltaGenerator]:
    """A place for the film and one for each model, three to a row; four share a row, or two rows where it is narrow."""
    panes = 1 + models
    across = panes if panes == ACROSS + 1 else ACROSS
    with st.container(key=f"panes-{across}"):
        rows = [st.columns(across, gap="small") for _ in range(-(-panes // across))]
    return [column for row in rows for column in row][:panes]


def show_warnings(film: Radiograph) -> None:
    """What must be known of the film before a model probability is believed, above all panes."""
    if warned := note.warnings(film.notes):
        rows = "".join(f"<p>{html.escape(one.words)}</p>" for one in warned)
        title = "Warning" if len(warned) == 1 else f"{len(warned)} warnings"
        st.html(f"<section class='xk-warnings' role='alert'><h2>{title} on this film</h2>{rows}</section>")


def show_film(name: str, film: Radiograph, agreement: str = "") -> None:
    """The film as it is, with whether the models agree, what it is and what was converted: facts, no warnings."""
    facts = " · ".join(
        part
        for part in (
            film.format,
            f"{film.width} × {film.height}",
            f"{film.pixels.dtype.itemsize * 8} bit",
            film.view or "",
        )
        if part
    )
    _head(name, facts)
    _picture(_film_png(film.sha256, film), f"Radiograph {name}", "film")
    notes = [html.escape(note.words) for note in film.notes if not note.warning]
    first = [f"<b>{html.escape(agreement)}</b>"] if agreement else []
    st.html("<div class='xk-notes'>" + "".join(f"<p>{note}</p>" for note in first + notes) + "</div>")


def show_reading(
    card: Card,
    film: Radiograph,
    reading: service.Reading | str,
    heat: Explanation | str | None,
    *,
    opacity: float,
    colormap: str,
    shared_maximum: float | None,
    classes: tuple[str, ...],
) -> None:
    """One model's reading: what it predicts, where it looked, and its probability of every class."""
    if isinstance(reading, str):
        _head(card.title, "no reading")
        _picture(_film_png(film.sha256, film), "Radiograph without overlay", card.name)
        say(reading)
        return
    prediction = reading.prediction
    values = dict(zip(prediction.classes, map(float, prediction.probabilities), strict=True))
    _head(card.title, f"predicts <b>{html.escape(prediction.top)}</b> <i>{values[prediction.top]:.3f}</i>", safe=True)
    if isinstance(heat, Explanation):
        settings = (heat.method, heat.label, opacity, colormap, shared_maximum)
        png = _overlay_png((film.sha256, card.name, card.created, *settings), film, heat, settings)
        _picture(png, f"{heat.method} overlay of {heat.label}, {card.title}", card.name)
    else:
        _picture(_film_png(film.sha256, film), "Radiograph without overlay", card.name)
    _say(_describe(heat, values, shared_maximum))
    report_view.before_charts()
    chart = bars.probabilities(values, card.title, classes)
    st.altair_chart(chart, theme=None, width="stretch", key=f"chart-{card.name}")


def agreement(readings: Iterable[service.Reading | str]) -> str:
    """Whether the models predict the same class, in words; empty for fewer than two readings."""
    tops = [reading.prediction.top for reading in readings if not isinstance(reading, str)]
    if len(tops) < 2:
        return ""
    counts = Counter(tops)
    if len(counts) == 1:
        return f"All models predict {tops[0]}."
    votes = tops if len(tops) == 2 else [f"{n} × {label}" for label, n in counts.most_common()]
    return f"The models disagree: {', '.join(votes)}."


def _describe(heat: Explanation | str | None, values: dict[str, float], shared_maximum: float | None) -> str:
    if heat is None:
        return "The heatmap is being computed."
    if isinstance(heat, str):
        return heat
    if heat.maximum <= 0:
        return NOTHING
    if values.get(heat.label, 1.0) < 1 / len(values):
        return f"The model probability of {heat.label} is low, so this heatmap says little."
    if shared_maximum:
        return f"Peak: {heat.maximum / shared_maximum:.2f} on the shared scale."
    return "Own scale: 1 = maximum of this heatmap."


def _head(title: str, facts: str, safe: bool = False) -> None:
    facts = facts if safe else html.escape(facts)
    st.html(f"<div class='xk-pane-head'><h2>{html.escape(title)}</h2><p>{facts}</p></div>")


def _say(words: str) -> None:
    st.html(f"<p class='xk-said'>{html.escape(words)}</p>")


def _picture(png: bytes, alt: str, name: str) -> None:
    width = int.from_bytes(png[16:20], "big")  # of the IHDR: an explicit width keeps Streamlit from resampling
    with st.container(key=f"pane-{name}"):
        st.image(png, width=width, output_format="PNG", alt=alt)


@st.cache_data(scope="session", max_entries=8, show_spinner=False)
def _film_png(sha: str, _film: Radiograph) -> bytes:
    return pictures.png(_at_least(SHORTEST, _film).display(LONGEST))


@st.cache_data(scope="session", max_entries=16, show_spinner=False)
def _overlay_png(key: tuple, _film: Radiograph, _heat: Explanation, _settings: tuple) -> bytes:
    _, _, opacity, colormap, shared_maximum = _settings
    film = _at_least(SHORTEST, _film)
    heat = dataclasses.replace(_heat, box=tuple(side * film.width // _film.width for side in _heat.box))
    return pictures.png(
        overlay.overlay(
            film,
            heat,
            opacity=opacity,
            colormap=colormap,
            shared_maximum=shared_maximum,
            longest=LONGEST,
            legend=True,
        )
    )


def _at_least(longest: int, film: Radiograph) -> Radiograph:
    """A small film enlarged by a whole factor for the screen, so that the legend's text below it is sharp."""
    factor = -(-longest // max(film.width, film.height))
    if factor == 1:
        return film
    from PIL import Image

    image = Image.fromarray(film.display())
    larger = image.resize((film.width * factor, film.height * factor), Image.Resampling.BICUBIC)
    return dataclasses.replace(film, pixels=np.asarray(larger))
