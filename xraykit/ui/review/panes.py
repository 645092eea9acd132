"""How a film and its heatmaps are drawn on a page. Pictures reach the browser as PNG, pixel for pixel."""

from __future__ import annotations

import dataclasses
import html
import io
from collections import Counter
from collections.abc import Iterable

import numpy as np
import streamlit as st

from xraykit.films import radiograph
from xraykit.models import card as cards
from xraykit.models import explanation, service
from xraykit.reports.charts import probabilities
from xraykit.reports.heatmap import overlay
from xraykit.ui.kit import report_view as charts

LONGEST = 1600  # px sent to the browser; a pane is at most about 900 on a large screen, so it stays sharp
SHORTEST = 900  # a smaller film is enlarged before it is drawn on
NOTHING = "No positive evidence at this layer: the film is shown as it is."


def show_film(name: str, film: radiograph.Radiograph, agreement: str = "") -> None:
    """The film as it is, with whether the models agree, what it is and what was converted."""
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
    left, top, right, bottom = film.square_box()
    crop = "" if (right - left, bottom - top) == (film.width, film.height) else "Models see the centre square."
    notes = [html.escape(note) for note in (*film.notes, crop) if note]
    first = [f"<b>{html.escape(agreement)}</b>"] if agreement else []
    st.html("<div class='xk-notes'>" + "".join(f"<p>{note}</p>" for note in first + notes) + "</div>")


def show_reading(
    card: cards.Card,
    film: radiograph.Radiograph,
    reading: service.Reading | str,
    heat: explanation.Explanation | str | None,
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
        st.warning(reading)
        return
    prediction = reading.prediction
    values = dict(zip(prediction.classes, map(float, prediction.probabilities), strict=True))
    _head(card.title, f"predicts <b>{html.escape(prediction.top)}</b> <i>{values[prediction.top]:.3f}</i>", safe=True)
    if isinstance(heat, explanation.Explanation):
        settings = (heat.method, heat.label, opacity, colormap, shared_maximum)
        png = _overlay_png((film.sha256, card.name, card.created, *settings), film, heat, settings)
        _picture(png, f"{heat.method} overlay of {heat.label}, {card.title}", card.name)
    else:
        _picture(_film_png(film.sha256, film), "Radiograph without overlay", card.name)
    _say(_describe(heat, values, shared_maximum))
    charts.before_charts()
    chart = probabilities.probabilities(values, card.title, classes)
    st.altair_chart(chart, theme=None, width="stretch", key=f"chart-{card.name}")


def agreement(readings: Iterable[service.Reading | str]) -> str:
    """Whether the models predict the same class, in words; empty for fewer than two readings."""
    tops = [found.prediction.top for found in readings if not isinstance(found, str)]
    if len(tops) < 2:
        return ""
    counts = Counter(tops)
    if len(counts) == 1:
        return f"All models predict {tops[0]}."
    told = tops if len(tops) == 2 else [f"{label} {n}" for label, n in counts.most_common()]
    return f"The models disagree: {', '.join(told)}."


def _describe(
    heat: explanation.Explanation | str | None, values: dict[str, float], shared_maximum: float | None
) -> str:
    if heat is None:
        return "The heatmap is being computed."
    if isinstance(heat, str):
        return heat
    if heat.maximum <= 0:
        return NOTHING
    if values.get(heat.label, 1.0) < 1 / len(values):
        return f"A low model probability of {heat.label}: its heatmap says little."
    if shared_maximum:
        return f"Reaches {heat.maximum / shared_maximum:.2f} on the shared scale."
    return "Own scale: 1 is this heatmap's maximum."


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
def _film_png(sha: str, _film: radiograph.Radiograph) -> bytes:
    return _encode(_at_least(SHORTEST, _film).display(LONGEST))


@st.cache_data(scope="session", max_entries=16, show_spinner=False)
def _overlay_png(key: tuple, _film: radiograph.Radiograph, _heat: explanation.Explanation, _settings: tuple) -> bytes:
    _, _, opacity, colormap, shared_maximum = _settings
    film = _at_least(SHORTEST, _film)
    heat = dataclasses.replace(_heat, box=tuple(side * film.width // _film.width for side in _heat.box))
    return _encode(
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


def _at_least(longest: int, film: radiograph.Radiograph) -> radiograph.Radiograph:
    """A small film enlarged by a whole factor for the screen, so that the legend's text below it is sharp."""
    factor = -(-longest // max(film.width, film.height))
    if factor == 1:
        return film
    from PIL import Image

    image = Image.fromarray(film.display())
    larger = image.resize((film.width * factor, film.height * factor), Image.Resampling.BICUBIC)
    return dataclasses.replace(film, pixels=np.asarray(larger))


def _encode(pixels: np.ndarray) -> bytes:
    """PNG of uint8 (h, w) or (h, w, 3); fast rather than small, it only crosses this computer."""
    from PIL import Image

    coded = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(pixels)).save(coded, "PNG", compress_level=1)
    return coded.getvalue()
