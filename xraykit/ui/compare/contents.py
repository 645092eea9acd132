"""The sections of the Compare page, made once for each comparison and choice, and the page as one report."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

import numpy as np
import streamlit as st

import xraykit
from xraykit import operating, report, tables, ui
from xraykit.ui.compare import inputs, material, sections

Applied = Mapping[str, operating.Applied | str]


def metrics(of: material.Material, method: str) -> dict[str, dict]:
    """Every model's figures at the highest probability, with intervals by this method."""
    return _metrics(of.digest, method, of)


def fixed(of: material.Material, choice: inputs.Choice, applied: Applied) -> dict[str, report.Section]:
    """Every section but the matrices, whose frame follows each click; by key, those that there are."""
    return _fixed(of.digest, choice, of, applied)


def matrices(
    of: material.Material, choice: inputs.Choice, applied: Applied, chosen: inputs.Chosen | None
) -> report.Section:
    """The matrices, with a frame around the cell whose films are listed."""
    return _matrices(of.digest, choice, chosen if chosen and chosen.kind == "cell" else None, of, applied)


def point_words(of: material.Material, choice: inputs.Choice, applied: Applied) -> dict[str, str]:
    """A line for each model: at which operating point its matrix is, and the accuracy there."""
    figures = metrics(of, choice.method)
    said = {}
    for name in of.models:
        point = applied.get(name)
        at = isinstance(point, operating.Applied)
        words = f"{choice.label} from {point.point.threshold:.3f} on" if at else "highest probability"
        accuracy = point.accuracy if at else figures[name]["accuracy"]
        said[name] = f"{words}; accuracy {report.write(accuracy, 'percent figure')}, n = {accuracy['n']:,}"
    return said


def page(
    of: material.Material, choice: inputs.Choice, applied: Applied, chosen: inputs.Chosen | None, listed: np.ndarray
) -> report.Report:
    """The whole page to hand out, with the films that are listed on it."""
    made = fixed(of, choice, applied)
    ordered = [made.get("verdict"), matrices(of, choice, applied, chosen), _listed(of, chosen, listed)]
    ordered += [made.get(key) for key in ("operating", "reports", "curves", "calibration", "training", "recipes",
                                          "published")]  # fmt: skip
    films = [of.found.films[i] for i in listed.tolist()]
    points = {name: point if isinstance(point, str) else point.to_dict() for name, point in applied.items()}
    data = {
        "options": asdict(choice) | {"models": list(of.models)},
        "films": None if chosen is None else {"what": describe(of, chosen), "names": films},
        "operating_points": points,
        "comparison": of.found.to_dict(),
    }
    title = f"Compare: {', '.join(of.models)}"
    return report.Report(title, ui.RESEARCH_ONLY, tuple(_facts(of)), tuple(part for part in ordered if part), data)


def describe(of: material.Material, chosen: inputs.Chosen) -> str:
    """Which films are listed, in words."""
    if chosen.kind == "cell":
        model, reference, predicted = (of.models[chosen.places[0]], *(of.classes[k] for k in chosen.places[1:]))
        return f"{model}: reference {reference}, predicted {predicted}"
    first, second = (of.models[place] for place in chosen.places)
    words = {"fixes": f"right for {second} alone, wrong for {first}", "breaks": f"right for {first} alone, wrong for "
             f"{second}", "wrong": f"wrong for {first} and for {second}"}  # fmt: skip
    return words[chosen.kind]


@st.cache_resource(max_entries=32, show_spinner=False)
def _metrics(digest: str, method: str, _of: material.Material) -> dict[str, dict]:
    return {of.model: of.metrics(method) for of in _of.found.evaluations}


@st.cache_resource(max_entries=32, show_spinner=False)
def _fixed(digest: str, choice: inputs.Choice, _of: material.Material, _applied: Applied) -> dict[str, report.Section]:
    figures = metrics(_of, choice.method)
    made = [
        sections.verdict(_of, figures),
        sections.operating_point(_applied, choice),
        sections.reports(_of, figures, choice),
        sections.rankings(_of, _applied, choice),
        sections.calibration(_of, figures, choice),
        sections.training(_of),
        sections.recipes(_of),
        sections.beside_published(_of, figures),
    ]
    return {of.key: of for of in made if of is not None}


@st.cache_resource(max_entries=64, show_spinner=False)
def _matrices(
    digest: str, choice: inputs.Choice, cell: inputs.Chosen | None, _of: material.Material, _applied: Applied
) -> report.Section:
    framed = (cell.places[0], *(_of.classes[k] for k in cell.places[1:])) if cell else None
    words = point_words(_of, choice, _applied)
    return sections.matrices(_of, material.confusions(_of, _applied), choice, words, framed)


def _listed(of: material.Material, chosen: inputs.Chosen | None, listed: np.ndarray) -> report.Section | None:
    if chosen is None:
        return None
    words = (describe(of, chosen),)
    return report.Section("films", f"Films: {len(listed):,}", words, (tables.films(of.found, listed),))


def _facts(of: material.Material) -> list[tuple[str, str]]:
    first = of.found.evaluations[0]
    facts: list[tuple[str, Any]] = [
        ("Test films", f"{len(of.found.films):,}, {first.data or 'data not named'}; digest {first.test_digest[:16]}"),
        ("Classes", ", ".join(of.classes)),
    ]
    for kept in of.kept:
        facts.append((kept.card.name, f"{kept.card.title}; network sha256 {kept.card.files['model.keras'][:16]}"))
    return [*facts, ("Written", f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC by xraykit {xraykit.__version__}")]
