"""Named films as a list: truth, what each model predicted, and pictures with heatmaps when the films are at hand.

Pictures come from the inference service alone; a film that is not the one evaluated is named, never drawn.
"""

from __future__ import annotations

import contextlib
import csv
import html
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import streamlit as st

from xraykit import RESEARCH_ONLY
from xraykit.evaluation.evaluation import Evaluation
from xraykit.films import decoder, ingest, note, radiograph
from xraykit.films.refusal import Refusal
from xraykit.models import explanation
from xraykit.models.cards.card import Card
from xraykit.models.service.scoring import Reading
from xraykit.refused import Refused, words_of
from xraykit.reports.film.heatmap import overlay as overlays
from xraykit.system import files
from xraykit.ui.kit import pictures
from xraykit.ui.kit.text import EXAMPLE_FOLDER, escape_markdown, folder_at, say
from xraykit.ui.review import handing
from xraykit.ui.server import inference

MOST_REVIEWED = 500  # films handed to Review at once
PAGE = 12  # films with pictures at a time
SIDE = 320  # px, the longer side of a small picture
OPACITY, COLORMAP = 0.45, "inferno"
NO_PICTURES = "Only names are shown because the films are not at hand. Enter their folder to see pictures and heatmaps."


class Picture(NamedTuple):
    """A small picture as a data address, and what it shows."""

    address: str
    alt: str


def show(
    films: Sequence[str],
    evaluations: Sequence[Evaluation],
    folder: Path | None,
    key: str,
    titles: Mapping[str, str] | None = None,
) -> None:
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
    titles : mapping, optional
        What models are called, by the names that their evaluations have.
    """
    films = list(films)
    if not films or not evaluations:
        st.html("<p class='xk-said'>No films here.</p>")
        return
    places = [{film: i for i, film in enumerate(evaluation.films)} for evaluation in evaluations]
    with st.container(key=f"cases-{key}"):
        chosen = _show_table(films, evaluations, places, key, titles or {})
        folder = folder if folder is not None and folder.is_dir() else _ask_for_folder(key)
        if folder is None:
            return
        _offer_review(chosen or films, bool(chosen), evaluations, places, folder, key)
        shown = _page(films, key)
        cards = {card.name: card for card in inference.models()[0]}
        with st.spinner("Reading films", show_time=True):
            blocks = [_case(film, evaluations, places, folder, cards) for film in shown]
        across = max(1, 6 // (1 + len(evaluations)))
        st.html(f"<div class='xk-cases' style='--across:{across}'>{''.join(blocks)}</div>")
        st.html(
            "<p class='xk-said'>Overlays: Grad-CAM of each model's predicted class, regions that influenced the "
            "output, each on its own scale. " + html.escape(RESEARCH_ONLY) + "</p>"
        )


def _show_table(
    films: list[str],
    evaluations: Sequence[Evaluation],
    places: list[dict[str, int]],
    key: str,
    titles: Mapping[str, str],
) -> list[str]:
    """The films that the reader ticked; none at first."""
    columns = table(films, evaluations, places, titles)
    numbers = {
        name: st.column_config.NumberColumn(
            name.partition(",")[0], help=escape_markdown(name), format="%.3f", width=112
        )
        for name, values in columns.items()
        if any(isinstance(value, float) for value in values)
    }
    import pyarrow  # Streamlit's own table format: no pandas in the web process

    ticked = st.dataframe(
        pyarrow.table(columns),
        hide_index=True,
        width="stretch",
        height=min(36 * len(films) + 38, 320),
        column_config=numbers,
        key=f"cases-table-{key}",
        alt="Films with their class and each model's prediction",
        on_select="rerun",
        selection_mode="multi-row",
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
    return [films[row] for row in ticked.selection.rows if row < len(films)]  # type: ignore[union-attr]


def _offer_review(
    films: Sequence[str],
    ticked: bool,
    evaluations: Sequence[Evaluation],
    places: Sequence[dict[str, int]],
    folder: Path,
    key: str,
) -> None:
    """A button that opens the listed films in Review, or those that the reader ticked."""
    count = min(len(films), MOST_REVIEWED)
    words = f"Open {count:,}{' ticked' if ticked else ''} film{'' if count == 1 else 's'} in Review"
    if len(films) > count:
        words = f"Open the first {count:,} of {len(films):,} films in Review"
    if not st.button(words, key=f"cases-review-{key}", icon=":material/open_in_new:"):
        return
    given = [(film, _hash(film, evaluations, places)) for film in films[:count]]
    at_hand = [(Path(name).name, path) for film, sha in given for name, path in [_place_of(film, folder, sha)] if path]
    if at_hand:
        handing.open_in_review(at_hand)
    else:
        say("None of these films is in this folder.")


def _place_of(film: str, folder: Path, sha: str) -> tuple[str, Path | None]:
    """The film's name below the folder, and where it lies; None where it is not there."""
    name = _name_of(film, folder, sha)
    inside = not Path(name).is_absolute() and ".." not in Path(name).parts  # links are the user's own
    path = folder / files.named(name)
    with contextlib.suppress(OSError, ValueError):
        if inside and path.is_file():
            return name, path
    return name, None


def table(
    films: Sequence[str],
    evaluations: Sequence[Evaluation],
    places: Sequence[dict[str, int]],
    titles: Mapping[str, str] | None = None,
) -> dict[str, list[Any]]:
    """Columns film, reference standard and, for each model, predicted class and model probabilities."""
    truths = [_truth(film, evaluations, places) for film in films]
    columns: dict[str, list[Any]] = {"Film": list(films), "Reference standard": truths}
    models = [evaluation.model for evaluation in evaluations]
    for number, (evaluation, place) in enumerate(zip(evaluations, places, strict=True), 1):
        model = evaluation.model
        title = (titles or {}).get(model, model)
        name = title if models.count(model) == 1 else f"{title} ({number})"
        rows = [place.get(film) for film in films]
        predicted = [None if i is None else evaluation.classes[evaluation.predicted[i]] for i in rows]
        columns[f"{name} predicts"] = predicted
        for c, label in enumerate(evaluation.classes):
            probabilities = [None if i is None else float(evaluation.probabilities[i, c]) for i in rows]
            columns[f"p {label}, {name}"] = probabilities
    return columns


def to_csv(columns: dict[str, list[Any]]) -> str:
    """A table as CSV, numbers with all their digits."""
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(files.csv_cells(columns))
    writer.writerows(map(files.csv_cells, zip(*columns.values(), strict=True)))
    return text.getvalue()


def _truth(film: str, evaluations: Sequence[Evaluation], places: Sequence[dict[str, int]]) -> str | None:
    for evaluation, place in zip(evaluations, places, strict=True):
        if film in place:
            return evaluation.classes[evaluation.truth[place[film]]]
    return None


def _ask_for_folder(key: str) -> Path | None:
    """The folder that the user names for this session; None while there is none."""
    path = st.text_input(
        "Folder of these films", key=f"cases-folder-{key}", persist_state="session", placeholder=EXAMPLE_FOLDER
    )
    words = NO_PICTURES
    if path.strip():
        try:
            return folder_at(path)
        except Refused as error:
            words = error.words
    st.html(f"<p class='xk-said' role='status'>{html.escape(words)}</p>")
    return None


def _page(films: list[str], key: str) -> list[str]:
    pages = -(-len(films) // PAGE)
    if pages == 1:
        return films
    left, _ = st.columns([1, 4])
    number = left.number_input(f"Page (of {pages}, {PAGE} films each)", 1, pages, 1, key=f"cases-page-{key}")
    return films[(int(number) - 1) * PAGE : int(number) * PAGE]


def _case(
    film: str,
    evaluations: Sequence[Evaluation],
    places: Sequence[dict[str, int]],
    folder: Path,
    cards: dict[str, Card],
) -> str:
    """One film as HTML: the film, then each model's overlay, with what was evaluated under each."""
    truth, sha = _truth(film, evaluations, places), _hash(film, evaluations, places)
    opened = _open(film, folder, sha)
    picture = opened if isinstance(opened, str) else _film_picture(opened, film)
    parts = [_figure(picture, html.escape(truth or "not reported"), "reference standard")]
    for evaluation, place in zip(evaluations, places, strict=True):
        if film not in place:
            parts.append(_figure("Not among this model's films.", "", evaluation.model))
            continue
        i = place[film]
        label = evaluation.classes[evaluation.predicted[i]]
        overlay = opened if isinstance(opened, str) else _overlay(opened, film, evaluation.model, label, cards)
        verdict = "right" if label == truth else "wrong"
        words = f"{html.escape(label)} {evaluation.probabilities[i].max():.3f} <i class='xk-{verdict}'>{verdict}</i>"
        title = cards[evaluation.model].title if evaluation.model in cards else evaluation.model
        parts.append(_figure(overlay, words, title))
    notes = () if isinstance(opened, str) else note.warnings(opened.notes)
    warnings = "".join(f"<p class='xk-warned'>{html.escape(warning.words)}</p>" for warning in notes)
    name = html.escape(_name_of(film, folder, sha))
    return f"<section class='xk-case'><h3>{name}</h3>{warnings}<div>{''.join(parts)}</div></section>"


def _hash(film: str, evaluations: Sequence[Evaluation], places: Sequence[dict[str, int]]) -> str:
    """SHA-256 of the film that was evaluated; empty where no evaluation tells it."""
    for evaluation, place in zip(evaluations, places, strict=True):
        if evaluation.hashes and film in place:
            return evaluation.hashes[place[film]]
    return ""


def _figure(picture: Picture | str, words: str, under: str) -> str:
    if isinstance(picture, str):
        shown = f"<p class='xk-nothing'>{html.escape(picture)}</p>"
    else:
        shown = f"<img src='{picture.address}' alt='{html.escape(picture.alt, quote=True)}'>"
    return f"<figure>{shown}<figcaption><b>{words}</b><span>{html.escape(under)}</span></figcaption></figure>"


def _name_of(film: str, folder: Path, sha: str) -> str:
    """The film's name below the folder: of one that is known by its hash alone, the name of the file that has it."""
    return _names(str(folder)).get(sha, film) if sha and film.startswith(sha) else film


@st.cache_data(scope="session", max_entries=4, show_spinner="Looking for the films")
def _names(folder: str) -> dict[str, str]:
    return names_by_hash(Path(folder))


def names_by_hash(folder: Path) -> dict[str, str]:
    """Names of the films below a folder by the sha256 of their files."""
    names = {}
    for path in ingest.find_films([folder]):
        with contextlib.suppress(OSError):
            if path.is_file() and path.stat().st_size <= decoder.MAX_BYTES:
                names.setdefault(files.sha256_of(path), files.shown(path.relative_to(folder)))
    return names


def _open(film: str, folder: Path, sha: str) -> radiograph.Radiograph | str:
    """The film through the service's firewall; words where there is none or it is another one."""
    film = _name_of(film, folder, sha)
    path = folder / files.named(film)
    try:
        inside = not Path(film).is_absolute() and ".." not in Path(film).parts  # links are the user's own
        if not inside or not path.is_file() or path.stat().st_size > decoder.MAX_BYTES:
            return "Not in this folder."
        opened = _read(str(path), path.stat().st_mtime_ns, path)
    except OSError as error:
        return f"Cannot be read: {words_of(error)}"
    except ValueError:  # a NUL in the name
        return "Cannot be read: no file can have this name."
    if isinstance(opened, Refusal):
        return opened.words
    return "Not the file that was evaluated." if sha and opened.sha256 != sha else opened


@st.cache_data(scope="session", max_entries=4 * PAGE, show_spinner=False)
def _read(name: str, modified: int, _path: Path) -> radiograph.Radiograph | Refusal:
    return inference.client().read(_path.name, _path.read_bytes())


def _film_picture(film: radiograph.Radiograph, name: str) -> Picture:
    return Picture(_film_address(film.sha256, film), f"Radiograph {name}")


def _overlay(film: radiograph.Radiograph, name: str, model: str, label: str, cards: dict[str, Card]) -> Picture | str:
    if model not in cards:
        return "The model has been deleted."
    reading = _classify(film.sha256, (model, cards[model].created), film)
    if isinstance(reading, str):
        return reading
    heat = next((heat for heat in reading.explanations if heat.label == label), None)
    if heat is None:
        return f"The model now has no class {label}."
    address = _overlay_address((film.sha256, model, cards[model].created, label), film, heat)
    return Picture(address, f"Grad-CAM overlay of {label}, {cards[model].title}, {name}")


@st.cache_data(scope="session", max_entries=16 * PAGE, show_spinner=False)
def _classify(sha: str, model: tuple[str, str], _film: radiograph.Radiograph) -> Reading | str:
    try:
        return inference.client().classify(_film, model[0])
    except (Refused, OSError) as error:
        return words_of(error)


@st.cache_data(scope="session", max_entries=16 * PAGE, show_spinner=False)
def _film_address(sha: str, _film: radiograph.Radiograph) -> str:
    return pictures.jpeg_address(_film.display(SIDE))


@st.cache_data(scope="session", max_entries=16 * PAGE, show_spinner=False)
def _overlay_address(key: tuple, _film: radiograph.Radiograph, _heat: explanation.Explanation) -> str:
    return pictures.jpeg_address(overlays.overlay(_film, _heat, opacity=OPACITY, colormap=COLORMAP, longest=SIDE))
