"""The whole Compare page: what makes each of its sections, and the page to hand out."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from functools import partial
from typing import Any, Literal

import numpy as np

import xraykit
from xraykit.evaluation import comparison
from xraykit.evaluation.decisions import ranks
from xraykit.models.kept import Kept
from xraykit.reports.comparison import cards as card_sections
from xraykit.reports.comparison import changes, curves, figures, overview, seeds, worth
from xraykit.reports.comparison.chosen import Applied, Choice, Chosen, Material, Target, titled
from xraykit.reports.comparison.figures import describe, films
from xraykit.reports.film import software
from xraykit.reports.report.page import Report, Section
from xraykit.reports.report.picture import Picture
from xraykit.reports.report.table import Table
from xraykit.reports.truth import home_and_elsewhere, numbers_report, scorecard_report, shortcuts_report
from xraykit.truth import places

ORDER = (  # after the films
    "difference",
    "by-class",
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
MAIN = (  # of a short report
    "places",
    "verdict",
    "pairs",
    "glance",
    "matrices",
    "difference",
    "operating",
    "reports",
    "curves",
    "recipes",
)
MEASURED = (
    "verdict",
    "pairs",
    "glance",
    "matrices",
    "difference",
    "by-class",
    "operating",
    "decision",
    "reports",
    "curves",
)
FILM_LISTS = ("fixes", "breaks", "both_wrong")  # of a pair in JSON: films by their files' names
Make = Callable[[], Section | None]


@dataclass(frozen=True)
class Shown:
    """How a comparison is shown, as fields of a Choice; `pair` None: the two that rank highest."""

    share: Literal["row", "column"] = "row"
    method: Literal["wilson", "exact"] = "wilson"
    after: bool = True
    pair: tuple[int, int] | None = None


def makers(
    material: Material, choice: Choice, applied: Applied, chosen: Chosen | None, metrics: Mapping[str, dict]
) -> dict[tuple, Make]:
    """What makes each section, by its key and all that it depends on: a page keeps a section for as long as that stays.

    Of more models than are shown in full, sections that would grow with them are of the chosen pair. `metrics` are each
    model's by `choice.method`. A maker gives None where a section has nothing to say.
    """
    framed, flipped = (chosen if chosen and chosen.kind == kind else None for kind in ("cell", "changed"))
    point, pair, places = choice.point, choice.pair, material.in_full(choice)
    few, framed_here = material.choose(places), _among(framed, places)
    here = replace(choice, pair=tuple(sorted(places).index(place) for place in pair))
    figured = {name: metrics[name] for name in few.models}
    cards = [kept.card for kept in few.kept]
    two = len(material.models) == 2
    made: dict[tuple, Make] = {
        ("places", *places): lambda: home_and_elsewhere.compared(cards),
        ("verdict", choice.method, choice.margin): lambda: (figures if two else overview).verdict(material, metrics),
        ("pairs", *pair): lambda: overview.pairs(material, choice),
        ("glance", choice.share, *point, *places): lambda: overview.glance(material, applied, choice),
        ("matrices", choice.share, choice.method, *point, framed, *places): lambda: figures.matrices(
            few, figured, applied, here, framed_here
        ),
        ("difference", *point, pair, flipped): lambda: changes.difference(
            few, changes.of_pair(few, applied, here.pair), here, flipped
        ),
        ("by-class", choice.method): lambda: overview.by_class(material, metrics),
        ("seeds",): lambda: seeds.section(material.recipes),
        ("people", *point, *places): lambda: worth.people(few, figured, applied, here),
        ("decision", choice.label, pair, *places): lambda: changes.decision(few, here),
        ("sets", *places): lambda: numbers_report.prediction_sets(cards),
        ("operating", *point): lambda: figures.operating_point(applied, choice),
        ("reports", choice.method, *places): lambda: figures.reports(few, figured, here),
        ("curves", *point, pair): lambda: curves.rankings(material, applied, choice),
        ("calibration", choice.after, *places): lambda: curves.calibration(few, figured, here),
        ("shortcuts", *places): lambda: shortcuts_report.sections(cards)[0],
        ("scorecard", *places): lambda: scorecard_report.sections(cards)[0],
        ("training", *places): lambda: curves.training(few),
        ("recipes", *places): lambda: card_sections.recipes(few),
        ("published", choice.method): lambda: card_sections.beside_published(material, metrics),
    }
    leak = _leak(material)
    return {key: partial(_warned, make, leak if key[0] in MEASURED else "") for key, make in made.items()}


def _among(framed: Chosen | None, places: Sequence[int]) -> Chosen | None:
    """The cell to frame, its model counted among those shown in full; None where it is not."""
    if framed is None or framed.places[0] not in places:
        return None
    return replace(framed, places=(sorted(places).index(framed.places[0]), *framed.places[1:]))


def _warned(make: Make, leak: str) -> Section | None:
    """A section whose charts and tables each say that a model has met some of the films, as they go on alone."""
    section = make()
    if section is None or not leak:
        return section
    parts = [
        replace(part, note=f"{part.note}; {leak}" if part.note else leak)
        if isinstance(part, Picture)
        else replace(part, note=f"{part.note} {leak}.".strip())
        if isinstance(part, Table)
        else part
        for part in section.parts
    ]
    return replace(section, parts=tuple(parts))


def _leak(material: Material) -> str:
    """How many films each model has met before, in few words; "" where none has."""
    known = {
        each.model: sum(part in ("train", "validation") for part in each.known)
        for each in material.comparison.evaluations
    }
    met = [f"{count:,} of these films are among the training films of {name}" for name, count in known.items() if count]
    return "; ".join(met)


def of_models(
    kept: Sequence[Kept],
    *,
    label: str = "",
    margin: float | None = None,
    names: bool = False,
    shown: Shown | None = None,
) -> Report:
    """The page of saved models on their own test films, each class by the highest probability.

    `label` is the class of the curves, the first if not given; films' names stand in it only with `names`; `shown` is
    how it is shown, as a user may choose on the page. Raises ComparisonRefused where a model is given twice, or they
    were not tested on the same films.
    """
    times = Counter(model.card.name for model in kept)
    if twice := next((name for name, count in times.items() if count > 1), None):
        raise comparison.ComparisonRefused(f"Expected each model once; {twice} is given {times[twice]} times.")
    compared = comparison.compare(titled(kept, [model.test for model in kept]), margin=margin)
    digest = hashlib.sha256("".join(model.card.to_json() for model in kept).encode()).hexdigest()
    material = Material(tuple(kept), compared, digest, seeds.families(list(kept), list(kept)))
    shown = shown or Shown()
    choice = Choice(
        label or compared.classes[0],
        shown.share,
        shown.method,
        Target.HIGHEST,
        0.0,
        margin,
        shown.after,
        pair=shown.pair or best_pair(material),
    )
    metrics = {test.model: test.metrics(choice.method) for test in compared.evaluations}
    made = {key[0]: make() for key, make in makers(material, choice, {}, None, metrics).items()}
    sections = {key: section for key, section in made.items() if section is not None}
    return report(material, choice, {}, None, np.array([], int), sections, names=names)


def best_pair(material: Material) -> tuple[int, int]:
    """The two models of which more is shown unless others are chosen: the two that rank highest."""
    first, second = sorted(each.place for each in ranks.ranks(material.comparison)[:2])
    return first, second


def _without_names(pair: Mapping[str, Any]) -> dict[str, Any]:
    """How many films instead of which."""
    return {key: len(value) if key in FILM_LISTS else value for key, value in pair.items()}


def _redo(material: Material, choice: Choice, chosen: Chosen | None, names: bool) -> dict[str, Any]:
    """What makes the page again: models, what was chosen, and the films compared by one SHA-256."""
    return {
        "verb": "report compare",
        "arguments": {
            "models": [model.card.name for model in material.kept],
            "label": choice.label,
            "margin": choice.margin,
            "names": names,
        },
        "settings": {
            **asdict(Shown(choice.share, choice.method, choice.after, choice.pair)),
            "target": choice.target,
            "wanted": choice.wanted,
            "listed": None if chosen is None else asdict(chosen),
        },
        "hashes": {
            "films": material.comparison.evaluations[0].test_digest,
            "models": {model.card.name: dict(model.card.files) for model in material.kept},
        },
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
    ordered = [ranked[key] for key in ("places", "verdict", "pairs", "glance", "matrices") if key in ranked]
    ordered += [films(material, chosen, listed, called, material.in_full(choice))] if chosen else []
    ordered += [ranked[key] for key in ORDER if key in ranked]
    data = {
        "options": asdict(choice) | {"models": [model.card.name for model in material.kept]},
        "films": None if chosen is None else {"what": describe(material, chosen), "names": called},
        "operating_points": {
            kept.card.name: result if isinstance(result := applied[title], str) else result.to_dict()
            for kept, title in zip(material.kept, material.models, strict=True)
            if title in applied
        },
        "warnings": list(material.comparison.warnings),
        "comparison": compared,
        "redo": _redo(material, choice, chosen, names),
    }
    few, now = len(material.models) == 2, datetime.now(UTC)
    title = " against ".join(material.models) if few else f"Comparison of {len(material.models)} models"
    return Report(
        title,
        xraykit.RESEARCH_ONLY,
        tuple(_facts(material, now)),
        tuple(ordered),
        data,
        lead="" if few else "; ".join(material.models),
        written=now.replace(microsecond=0),
    )


def _facts(material: Material, now: datetime) -> Iterator[tuple[str, str]]:
    first, n = material.comparison.evaluations[0], len(material.comparison.films)
    yield "Test films", f"{n:,}, {first.data or 'data not named'}; digest {first.test_digest[:16]}"
    yield "Classes", ", ".join(material.classes)
    for number, warning in enumerate(material.comparison.warnings, 1):
        yield "Films known to a model" if number == 1 else f"Films known to a model, {number}", warning
    for kept, title in zip(material.kept, material.models, strict=True):
        sha256 = kept.card.files["model.keras"][:16]
        yield title, f"{places.headline(kept.card)}; network sha256 {sha256}"
    yield "Written", f"{now:%Y-%m-%d %H:%M} UTC by xraykit {xraykit.__version__}"
