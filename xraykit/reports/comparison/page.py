"""The whole Compare page: what makes each of its sections, and the page to hand out."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime
from typing import Any

import numpy as np

import xraykit
from xraykit.evaluation import comparison
from xraykit.models.kept import Kept
from xraykit.reports.comparison import cards as card_sections
from xraykit.reports.comparison import changes, curves, figures, seeds, worth
from xraykit.reports.comparison.chosen import Applied, Choice, Chosen, Material, Target
from xraykit.reports.comparison.figures import describe, films
from xraykit.reports.film import software
from xraykit.reports.report import Report, Section
from xraykit.reports.truth import home_and_elsewhere, numbers_report, scorecard_report, shortcuts_report
from xraykit.truth import places

ORDER = (  # after the films
    "difference",
    "seeds",
    "operating",
    "people",
    "decision",
    "sets",
    "reports",
    "curves",
    "calibration",
    "shortcuts",
    "scorecard",
    "training",
    "recipes",
    "published",
)
MAIN = ("places", "verdict", "matrices", "difference", "operating", "reports", "curves", "recipes")  # of a short report

FILM_LISTS = ("fixes", "breaks", "both_wrong")  # of a pair in JSON: films by their files' names
Make = Callable[[], Section | None]


def makers(
    material: Material, choice: Choice, applied: Applied, chosen: Chosen | None, metrics: Mapping[str, dict]
) -> dict[tuple, Make]:
    """What makes each section, by its key and all that it depends on: a page keeps a section for as long as that stays.

    `metrics` are each model's by `choice.method`. A maker gives None where a section has nothing to say.
    """
    framed, flipped = (chosen if chosen and chosen.kind == kind else None for kind in ("cell", "changed"))
    point, pair = choice.point, choice.pair
    cards = [kept.card for kept in material.kept]
    return {
        ("places",): lambda: home_and_elsewhere.compared(cards),
        ("verdict", choice.method, choice.margin): lambda: figures.verdict(material, metrics),
        ("matrices", choice.share, choice.method, *point, framed): lambda: figures.matrices(
            material, metrics, applied, choice, framed
        ),
        ("difference", *point, pair, flipped): lambda: changes.difference(
            material, changes.of_pair(material, applied, pair), choice, flipped
        ),
        ("seeds",): lambda: seeds.section(material.recipes),
        ("people", *point): lambda: worth.people(material, metrics, applied, choice),
        ("decision", choice.label, pair): lambda: changes.decision(material, choice),
        ("sets",): lambda: numbers_report.prediction_sets(cards),
        ("operating", *point): lambda: figures.operating_point(applied, choice),
        ("reports", choice.method): lambda: figures.reports(material, metrics, choice),
        ("curves", *point): lambda: curves.rankings(material, applied, choice),
        ("calibration", choice.after): lambda: curves.calibration(material, metrics, choice),
        ("shortcuts",): lambda: shortcuts_report.sections(cards)[0],
        ("scorecard",): lambda: scorecard_report.sections(cards)[0],
        ("training",): lambda: curves.training(material),
        ("recipes",): lambda: card_sections.recipes(material),
        ("published", choice.method): lambda: card_sections.beside_published(material, metrics),
    }


def of_models(kept: Sequence[Kept], *, label: str = "", margin: float | None = None, names: bool = False) -> Report:
    """The page of saved models on their own test films, each class by the highest probability.

    `label` is the class of the curves, the first if not given; films' names stand in it only with `names`. Raises
    ComparisonRefused where the models were not tested on the same films.
    """
    compared = comparison.compare([model.test for model in kept], margin=margin)
    choice = Choice(label or compared.classes[0], "row", "wilson", Target.HIGHEST, 0.0, margin, True)
    digest = hashlib.sha256("".join(model.card.to_json() for model in kept).encode()).hexdigest()
    material = Material(tuple(kept), compared, digest, seeds.families(list(kept), list(kept)))
    metrics = {test.model: test.metrics(choice.method) for test in compared.evaluations}
    made = {key[0]: make() for key, make in makers(material, choice, {}, None, metrics).items()}
    sections = {key: section for key, section in made.items() if section is not None}
    page = report(material, choice, {}, None, np.array([], int), sections, names=names)
    return replace(page, data=dict(page.data) | {"redo": _redo(material, choice)})


def _without_names(pair: Mapping[str, Any]) -> dict[str, Any]:
    """How many films instead of which."""
    return {key: len(value) if key in FILM_LISTS else value for key, value in pair.items()}


def _redo(material: Material, choice: Choice) -> dict[str, Any]:
    return {
        "verb": "report compare",
        "arguments": {"models": list(material.models), "label": choice.label, "margin": choice.margin},
        "hashes": {"models": {model.card.name: dict(model.card.files) for model in material.kept}},
        "versions": software.versions(),
    }


def report(
    material: Material,
    choice: Choice,
    applied: Applied,
    chosen: Chosen | None,
    listed: np.ndarray,
    sections: Mapping[str, Section],
    *,
    names: bool = False,
) -> Report:
    """The whole page to hand out, made of its sections by key, with the films that are listed on it.

    Films are called by their files only with `names`, else by the first letters of their SHA-256.
    """
    called = figures.called(material, listed, names=names)
    compared = material.comparison.to_dict()
    if not names:
        compared |= {"pairs": [_without_names(pair) for pair in compared["pairs"]]}
    ranked = {key: section if key in MAIN else replace(section, rank="appendix") for key, section in sections.items()}
    ordered = [ranked["places"], ranked["verdict"], ranked["matrices"]]
    ordered += [films(material, chosen, listed, called)] if chosen else []
    ordered += [ranked[key] for key in ORDER if key in ranked]
    data = {
        "options": asdict(choice) | {"models": list(material.models)},
        "films": None if chosen is None else {"what": describe(material, chosen), "names": called},
        "operating_points": {
            name: result if isinstance(result, str) else result.to_dict() for name, result in applied.items()
        },
        "comparison": compared,
    }
    title = f"Compare: {', '.join(material.models)}"
    now = datetime.now(UTC)
    return Report(
        title,
        xraykit.RESEARCH_ONLY,
        tuple(_facts(material, now)),
        tuple(ordered),
        data,
        written=now.replace(microsecond=0),
    )


def _facts(material: Material, now: datetime) -> Iterator[tuple[str, str]]:
    first, n = material.comparison.evaluations[0], len(material.comparison.films)
    yield "Test films", f"{n:,}, {first.data or 'data not named'}; digest {first.test_digest[:16]}"
    yield "Classes", ", ".join(material.classes)
    for kept in material.kept:
        sha256 = kept.card.files["model.keras"][:16]
        yield kept.card.name, f"{kept.card.title}; {places.headline(kept.card)}; network sha256 {sha256}"
    yield "Written", f"{now:%Y-%m-%d %H:%M} UTC by xraykit {xraykit.__version__}"
