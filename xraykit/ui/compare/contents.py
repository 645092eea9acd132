"""The sections of the Compare page, made once for each comparison and choice, and the page as one report."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

import numpy as np
import streamlit as st

import xraykit
from xraykit.evaluation import operating_point
from xraykit.models.card import RESEARCH_ONLY
from xraykit.reports import comparison_report, report, tables
from xraykit.ui.compare import material
from xraykit.ui.kit import report_view

Applied = Mapping[str, operating_point.Applied | str]


def metrics(of: comparison_report.Material, method: str) -> dict[str, dict]:
    """Every model's figures at the highest probability, with intervals by this method."""
    return _metrics(of.digest, method, of)


def fixed(
    of: comparison_report.Material, choice: comparison_report.Choice, applied: Applied
) -> dict[str, report.Section]:
    """Every section but the matrices, whose frame follows each click; by key, those that there are."""
    report_view.before_charts()
    figures = metrics(of, choice.method)
    point = choice.point
    # Each section is kept by what it depends on, so that moving a slider makes no other section anew
    made = {
        ("verdict", choice.method, choice.margin): lambda: comparison_report.verdict(of, figures),
        ("operating", *point): lambda: comparison_report.operating_point(applied, choice),
        ("reports", choice.method): lambda: comparison_report.reports(of, figures, choice),
        ("curves", *point): lambda: comparison_report.rankings(of, applied, choice),
        ("calibration", choice.after): lambda: comparison_report.calibration(of, figures, choice),
        ("training",): lambda: comparison_report.training(of),
        ("recipes",): lambda: comparison_report.recipes(of),
        ("published", choice.method): lambda: comparison_report.beside_published(of, figures),
    }
    return {key[0]: found for key, make in made.items() if (found := _keep(of.digest, key, make)) is not None}


def matrices(
    of: comparison_report.Material,
    choice: comparison_report.Choice,
    applied: Applied,
    chosen: comparison_report.Chosen | None,
) -> report.Section:
    """The matrices, with a frame around the cell whose films are listed."""
    cell = chosen if chosen and chosen.kind == "cell" else None
    framed = (cell.places[0], of.classes[cell.places[1]], of.classes[cell.places[2]]) if cell else None

    def make() -> report.Section:
        words = point_words(of, choice, applied)
        return comparison_report.matrices(of, material.confusions(of, applied), choice, words, framed)

    key = ("matrices", choice.share, choice.method, *choice.point, framed)
    return _keep(of.digest, key, make) or make()


def point_words(of: comparison_report.Material, choice: comparison_report.Choice, applied: Applied) -> dict[str, str]:
    """A line for each model: at which operating point its matrix is, and the accuracy there."""
    figures = metrics(of, choice.method)
    said = {}
    for name in of.models:
        point = applied.get(name)
        at = isinstance(point, operating_point.Applied)
        words = f"{point.point.label} from {point.point.threshold:.3f} on" if at else "highest probability"
        accuracy = point.accuracy if at else figures[name]["accuracy"]
        said[name] = f"{words}; accuracy {report.write(accuracy, 'percent figure')}, n = {accuracy['n']:,}"
    return said


def page(
    of: comparison_report.Material,
    choice: comparison_report.Choice,
    applied: Applied,
    chosen: comparison_report.Chosen | None,
    listed: np.ndarray,
) -> report.Report:
    """The whole page to hand out, with the films that are listed on it."""
    made = fixed(of, choice, applied)
    ordered = [made.get("verdict"), matrices(of, choice, applied, chosen), _listed(of, chosen, listed)]
    ordered += [
        made.get(key) for key in ("operating", "reports", "curves", "calibration", "training", "recipes", "published")
    ]
    films = [of.found.films[i] for i in listed.tolist()]
    points = {name: point if isinstance(point, str) else point.to_dict() for name, point in applied.items()}
    data = {
        "options": asdict(choice) | {"models": list(of.models)},
        "films": None if chosen is None else {"what": describe(of, chosen), "names": films},
        "operating_points": points,
        "comparison": of.found.to_dict(),
    }
    title = f"Compare: {', '.join(of.models)}"
    return report.Report(title, RESEARCH_ONLY, tuple(_facts(of)), tuple(part for part in ordered if part), data)


def describe(of: comparison_report.Material, chosen: comparison_report.Chosen) -> str:
    """Which films are listed, in words."""
    if chosen.kind == "cell":
        model, reference, predicted = (of.models[chosen.places[0]], *(of.classes[k] for k in chosen.places[1:]))
        return f"{model}: reference {reference}, predicted {predicted}"
    first, second = (of.models[place] for place in chosen.places)
    words = {
        "fixes": f"right for {second} alone, wrong for {first}",
        "breaks": f"right for {first} alone, wrong for {second}",
        "wrong": f"wrong for {first} and for {second}",
    }
    return words[chosen.kind]


@st.cache_resource(max_entries=32, show_spinner=False)
def _metrics(digest: str, method: str, _of: comparison_report.Material) -> dict[str, dict]:
    return {of.model: of.metrics(method) for of in _of.found.evaluations}


@st.cache_resource(max_entries=512, show_spinner=False)
def _keep(digest: str, key: tuple, _make: Callable[[], report.Section | None]) -> report.Section | None:
    return _make()


def _listed(
    of: comparison_report.Material, chosen: comparison_report.Chosen | None, listed: np.ndarray
) -> report.Section | None:
    if chosen is None:
        return None
    words = (describe(of, chosen),)
    return report.Section("films", f"Films: {len(listed):,}", words, (tables.films(of.found, listed),))


def _facts(of: comparison_report.Material) -> list[tuple[str, str]]:
    first = of.found.evaluations[0]
    facts: list[tuple[str, Any]] = [
        ("Test films", f"{len(of.found.films):,}, {first.data or 'data not named'}; digest {first.test_digest[:16]}"),
        ("Classes", ", ".join(of.classes)),
    ]
    for kept in of.kept:
        facts.append((kept.card.name, f"{kept.card.title}; network sha256 {kept.card.files['model.keras'][:16]}"))
    return [*facts, ("Written", f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC by xraykit {xraykit.__version__}")]
