"""Named films as a list: truth, what each model predicted, and pictures with heatmaps when the films are at hand.

Pictures come from the inference service alone; a film that is not the one evaluated is named, never drawn.
"""

from __future__ import annotations

import base64
import csv
import html
import io
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import streamlit as st

from xraykit import RESEARCH_ONLY
from xraykit.evaluation.evaluation import Evaluation
from xraykit.films import decoder, radiograph
from xraykit.films.refusal import Refusal
from xraykit.models import explanation, service
from xraykit.models.card import Card
from xraykit.refused import Refused
from xraykit.reports.heatmap import overlay as overlays
from xraykit.ui import server
from xraykit.ui.kit import inference

PAGE = 12  # films with pictures at a time
SIDE = 320  # px, the longer side of a small picture
OPACITY, COLORMAP = 0.45, "inferno"
NO_PICTURES = (
    "The films are not at hand, so only their names are shown. To see pictures and heatmaps, give the folder that "
    "holds these files."
)


class Picture(NamedTuple):
    """A small picture as a data address, and what it shows."""

    address: str
    alt: str


def show(films: Sequence[str], evaluations: Sequence[Evaluation], folder: Path | None, key: str) -> None:
    """List films with each model's prediction; with their folder at hand, with thumbnails and Grad-CAM heatmaps.

    Parameters
    ----------
    films : sequence of str
        Names as in `Evaluation.films`.
    evaluations : sequence of Evaluation
        Of one or more models; a film that an evaluation does not know has an empty place there.
    folder : Path or None
        Where the films lie; None where that is not known.
    key : str
        Unique on the page.
    """
    films = list(films)
    if not films or not evaluations:
        st.html("<p class='xk-said'>No films here.</p>")
        return
    places = [{film: i for i, film in enumerate(one.films)} for one in evaluations]
    with st.container(key=f"cases-{key}"):
        _show_table(films, evaluations, places, key)
        folder = folder if folder is not None and folder.is_dir() else _ask_for_folder(key)
        if folder is None:
            return
        shown = _page(films, key)
        cards = {card.name: card for card in inference.cards()[0]}
        with st.spinner("Reading films", show_time=True):
            blocks = [_case(film, evaluations, places, folder, cards) for film in shown]
        across = max(1, 6 // (1 + len(evaluations)))
        st.html(f"<div class='xk-cases' style='--across:{across}'>{''.join(blocks)}</div>")
        st.html(
            "<p class='xk-said'>Overlays: Grad-CAM of each model's predicted class, regions that influenced the "
            "output, each on its own scale. " + html.escape(RESEARCH_ONLY) + "</p>"
        )


def _show_table(films: list[str], evaluations: Sequence[Evaluation], places: list[dict[str, int]], key: str) -> None:
    columns = table(films, evaluations, places)
    numbers = {
        name: st.column_config.NumberColumn(name.partition(",")[0], help=name, format="%.3f", width=112)
        for name in columns
        if name.startswith("p ")
    }
    import pyarrow  # Streamlit's own table format: no pandas in the web process

    st.dataframe(
        pyarrow.table(columns),
        hide_index=True,
        width="stretch",
        height=min(36 * len(films) + 38, 320),
        column_config=numbers,
        key=f"cases-table-{key}",
        alt="Films with their class and each model's prediction",
    )
    st.download_button(
        "Download CSV",
        lambda: to_csv(columns),
        "films.csv",
        "text/csv",
        key=f"cases-csv-{key}",
        on_click="ignore",
        type="tertiary",
    )


def table(
    films: Sequence[str], evaluations: Sequence[Evaluation], places: Sequence[dict[str, int]]
) -> dict[str, list[Any]]:
    """Columns film, reference standard and, for each model, predicted class and model probabilities."""
    truths = [_truth(film, evaluations, places) for film in films]
    columns: dict[str, list[Any]] = {"Film": list(films), "Reference standard": truths}
    for number, (one, place) in enumerate(zip(evaluations, places, strict=True), 1):
        name = one.model if [other.model for other in evaluations].count(one.model) == 1 else f"{one.model} ({number})"
        rows = [place.get(film) for film in films]
        columns[f"{name} predicts"] = [None if i is None else one.classes[one.predicted[i]] for i in rows]
        for c, label in enumerate(one.classes):
            columns[f"p {label}, {name}"] = [None if i is None else float(one.probabilities[i, c]) for i in rows]
    return columns


def to_csv(columns: dict[str, list[Any]]) -> str:
    """A table as CSV, every number whole."""
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(columns)
    writer.writerows(zip(*columns.values(), strict=True))
    return text.getvalue()


def _truth(film: str, evaluations: Sequence[Evaluation], places: Sequence[dict[str, int]]) -> str | None:
    for one, place in zip(evaluations, places, strict=True):
        if film in place:
            return one.classes[one.truth[place[film]]]
    return None


def _ask_for_folder(key: str) -> Path | None:
    """The folder that the user names for this session; None while there is none."""
    path = st.text_input(
        "Folder of these films", key=f"cases-folder-{key}", persist_state="session", placeholder="/home/me/films"
    ).strip()
    folder = Path(os.path.expanduser(path))
    if path and folder.is_dir():
        return folder
    words = f"Expected a folder; there is none at {path}." if path else NO_PICTURES
    st.html(f"<p class='xk-said' role='status'>{html.escape(words)}</p>")
    return None


def _page(films: list[str], key: str) -> list[str]:
    pages = -(-len(films) // PAGE)
    if pages == 1:
        return films
    left, _ = st.columns([1, 4])
    number = left.number_input(f"Page of {pages}, {PAGE} films each", 1, pages, 1, key=f"cases-page-{key}")
    return films[(int(number) - 1) * PAGE : int(number) * PAGE]


def _case(
    film: str,
    evaluations: Sequence[Evaluation],
    places: Sequence[dict[str, int]],
    folder: Path,
    cards: dict[str, Card],
) -> str:
    """One film as HTML: the film, then each model's overlay, with what was evaluated under each."""
    truth = _truth(film, evaluations, places)
    sha = next(
        (
            one.hashes[place[film]]
            for one, place in zip(evaluations, places, strict=True)
            if one.hashes and film in place
        ),
        "",
    )
    found = _open(film, folder, sha)
    picture = found if isinstance(found, str) else _film_picture(found, film)
    parts = [_figure(picture, html.escape(truth or "not reported"), "reference standard")]
    for one, place in zip(evaluations, places, strict=True):
        if film not in place:
            parts.append(_figure("Not among this model's films.", "", one.model))
            continue
        i = place[film]
        label = one.classes[one.predicted[i]]
        overlay = found if isinstance(found, str) else _overlay(found, film, one.model, label, cards)
        right = "right" if label == truth else "wrong"
        words = f"{html.escape(label)} {one.probabilities[i].max():.3f} <i class='xk-{right}'>{right}</i>"
        parts.append(_figure(overlay, words, cards[one.model].title if one.model in cards else one.model))
    return f"<section class='xk-case'><h3>{html.escape(film)}</h3><div>{''.join(parts)}</div></section>"


def _figure(picture: Picture | str, words: str, under: str) -> str:
    if isinstance(picture, str):
        shown = f"<p class='xk-nothing'>{html.escape(picture)}</p>"
    else:
        shown = f"<img src='{picture.address}' alt='{html.escape(picture.alt, quote=True)}'>"
    return f"<figure>{shown}<figcaption><b>{words}</b><span>{html.escape(under)}</span></figcaption></figure>"


def _open(film: str, folder: Path, sha: str) -> radiograph.Radiograph | str:
    """The film through the service's firewall; words where there is none or it is another one."""
    path = folder / film
    try:
        inside = not Path(film).is_absolute() and ".." not in Path(film).parts  # links are the user's own
        if not inside or not path.is_file() or path.stat().st_size > decoder.MAX_BYTES:
            return "Not in the folder."
        found = _read(str(path), path.stat().st_mtime_ns, path)
    except (OSError, ValueError, service.ServiceError) as error:
        return f"Cannot be read: {error}"
    if isinstance(found, Refusal):
        return found.words
    return "Another file than the one evaluated." if sha and found.sha256 != sha else found


@st.cache_data(scope="session", max_entries=4 * PAGE, show_spinner=False)
def _read(name: str, modified: int, _path: Path) -> radiograph.Radiograph | Refusal:
    return server.client().read(_path.name, _path.read_bytes())


def _film_picture(film: radiograph.Radiograph, name: str) -> Picture:
    return Picture(_film_address(film.sha256, film), f"Radiograph {name}")


def _overlay(film: radiograph.Radiograph, name: str, model: str, label: str, cards: dict[str, Card]) -> Picture | str:
    if model not in cards:
        return "The model is not here any more."
    found = _classify(film.sha256, (model, cards[model].created), film)
    if isinstance(found, str):
        return found
    heat = next((heat for heat in found.explanations if heat.label == label), None)
    if heat is None:
        return f"The model does not know {label} any more."
    address = _overlay_address((film.sha256, model, cards[model].created, label), film, heat)
    return Picture(address, f"Grad-CAM overlay of {label}, {cards[model].title}, {name}")


@st.cache_data(scope="session", max_entries=16 * PAGE, show_spinner=False)
def _classify(sha: str, model: tuple[str, str], _film: radiograph.Radiograph) -> service.Reading | str:
    try:
        return server.client().classify(_film, model[0])
    except (Refused, OSError) as error:
        return str(error)


@st.cache_data(scope="session", max_entries=16 * PAGE, show_spinner=False)
def _film_address(sha: str, _film: radiograph.Radiograph) -> str:
    return _encode(_film.display(SIDE))


@st.cache_data(scope="session", max_entries=16 * PAGE, show_spinner=False)
def _overlay_address(key: tuple, _film: radiograph.Radiograph, _heat: explanation.Explanation) -> str:
    return _encode(overlays.overlay(_film, _heat, opacity=OPACITY, colormap=COLORMAP, longest=SIDE))


def _encode(pixels: np.ndarray) -> str:
    from PIL import Image

    coded = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(pixels)).save(coded, "JPEG", quality=88)
    return "data:image/jpeg;base64," + base64.b64encode(coded.getvalue()).decode()
