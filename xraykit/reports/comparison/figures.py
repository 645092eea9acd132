"""Is one model better: the verdict, confusion matrices, reports and operating points, and the films behind them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from xraykit.evaluation.decisions import operating_point as operating
from xraykit.evaluation.stats import Figure, number_text
from xraykit.reports import tables
from xraykit.reports.charts import matrices as matrix_charts
from xraykit.reports.charts.style import Style
from xraykit.reports.comparison.chosen import Applied, Choice, Chosen, Material, Target
from xraykit.reports.report import read_out
from xraykit.reports.report.page import Section
from xraykit.reports.report.picture import Picture

SHORT = 12  # letters of a film's SHA-256 that call it
FEW_CELLS = 48  # of all matrices, that are a table beside them
AT_HIGHEST = "Verdict, reports and calibration stay at the highest probability."


def verdict(material: Material, metrics: Mapping[str, dict]) -> Section:
    """Is one of two models better: in words, with accuracies and their intervals, and the tests behind it."""
    result = material.comparison
    sentences = tuple(sentence for pair in result.pairs for sentence in pair.words)
    parts = (
        accuracies(material, metrics, material.models),
        tables.summary(metrics),
        tables.pairs(result),
        tables.areas(result),
    )
    return Section("verdict", verdict_title(material), (*result.warnings, *sentences, *result.notes), parts)


def verdict_title(material: Material) -> str:
    data = material.comparison.evaluations[0].data
    return f"Verdict on {data}" if data else "Verdict"


def accuracies(material: Material, metrics: Mapping[str, dict], order: Sequence[str]) -> Picture:
    """Each model's accuracy with its interval, a row each."""
    rows = [interval_row(name, metrics[name]["accuracy"]) for name in order]
    words = f"Accuracy with 95% intervals of {read_out.models(order)}"
    return Picture(
        "accuracy",
        "Accuracy with 95% interval",
        lambda style: matrix_charts.intervals(rows, order, "Accuracy", style=style, alt_text=words),
        rows,
        f"n = {len(material.comparison.films):,} test films",
    )


def matrices(
    material: Material,
    metrics: Mapping[str, dict],
    applied: Applied,
    choice: Choice,
    framed: Chosen | None,
) -> Section:
    """A picture a model, all on one colour scale. `framed` is a cell to put a frame around.

    Each is at the model's operating point where it has one. Few cells stand in a table too.
    """
    confusions = confusions_of(material, applied)
    words = point_words(material, metrics, applied)
    pictures = []
    for place, (name, confusion) in enumerate(confusions.items()):
        cell = framed.places[1:] if framed and framed.places[0] == place else None
        labels = (material.classes[cell[0]], material.classes[cell[1]]) if cell else None
        pictures.append(_matrix(place, name, tables.cells(confusion, material.classes), choice, words[name], labels))
    side = "reference" if choice.share == "row" else "predicted"
    sentence = f"Films, and their percentage of the {side} class; one colour scale for all matrices."
    few = len(confusions) * len(material.classes) ** 2 <= FEW_CELLS
    parts = (*pictures, *([tables.matrices(confusions, material.classes)] if few else []))
    return Section("matrices", "Confusion matrices", (sentence,), parts)


def confusions_of(material: Material, applied: Applied) -> dict[str, np.ndarray]:
    """Each model's matrix, at its operating point where it has one."""
    return {
        evaluation.model: point.confusion
        if isinstance(point := applied.get(evaluation.model), operating.Applied)
        else evaluation.confusion
        for evaluation in material.comparison.evaluations
    }


def point_words(material: Material, metrics: Mapping[str, dict], applied: Applied) -> dict[str, str]:
    """A line for each model: at which operating point its matrix is, and the accuracy there."""
    lines = {}
    for name in material.models:
        result = applied.get(name)
        if isinstance(result, operating.Applied):
            words, accuracy = f"{result.point.label} at probability ≥ {result.point.threshold:.3f}", result.accuracy
        else:
            words, accuracy = "highest probability", metrics[name]["accuracy"]
        lines[name] = f"{words}; accuracy {accuracy.text()}, n = {accuracy.n:,}"
    return lines


def reports(material: Material, metrics: Mapping[str, dict], choice: Choice) -> Section:
    """Scikit-learn's reports side by side, and each class against the rest with intervals."""
    evaluations = material.comparison.evaluations
    parts = [tables.classification_report(evaluation, place) for place, evaluation in enumerate(evaluations)]
    rest = tables.one_against_rest(metrics, material.classes, choice.method)
    words = ("At the highest probability. Computed as in scikit-learn.",)
    return Section("reports", "Classification reports", words, (*parts, rest))


def operating_point(applied: Applied, choice: Choice) -> Section | None:
    """Thresholds chosen on validation films and what they give on test films; None at the highest probability."""
    if choice.target == Target.HIGHEST:
        return None
    points = {name: result for name, result in applied.items() if isinstance(result, operating.Applied)}
    if choice.target == Target.MANUAL:
        words = f"One threshold for {choice.label}, set by hand: it was not chosen on validation films."
    elif choice.target == Target.SAVED:
        words = "Thresholds as they were saved; each belongs to the one network it was chosen for."
    else:
        wanted = number_text(choice.wanted, "percent")
        words = (
            f"Each model has its own threshold for {choice.label}, chosen for a {choice.target.lower()} of {wanted} on "
            "its validation films and applied once to the test films."
        )
    refusals = tuple(result for result in applied.values() if isinstance(result, str))
    parts = (tables.operated(points, next(iter(points.values())).point.label),) if points else ()
    return Section("operating", "Operating point", (words, AT_HIGHEST, *refusals), parts)


def describe(material: Material, chosen: Chosen) -> str:
    """Which films are listed, in words."""
    if chosen.kind == "cell":
        model, reference, predicted = chosen.places
        classes = material.classes
        return f"{material.models[model]}: reference {classes[reference]}, predicted {classes[predicted]}"
    first, second = (material.models[place] for place in chosen.places[:2])
    if chosen.kind == "changed":
        reference, predicted = (material.classes[place] for place in chosen.places[2:])
        return f"reference {reference}, predicted {predicted} by {first} or {second} alone"
    return {
        "fixes": f"correct only with {second}, wrong with {first}",
        "breaks": f"correct only with {first}, wrong with {second}",
        "wrong": f"wrong with both {first} and {second}",
    }[chosen.kind]


def films(
    material: Material, chosen: Chosen, listed: np.ndarray, called: Sequence[str], places: Sequence[int]
) -> Section:
    """The films that are listed on the page, `called` in the same order, and what the models at these places say."""
    words = (describe(material, chosen),)
    table = tables.films(material.comparison.choose(sorted({*places, *models_of(chosen)})), listed, called)
    return Section("films", f"Films: {len(listed):,}", words, (table,))


def called(material: Material, listed: np.ndarray, *, names: bool) -> list[str]:
    """What films are called: by their files, else by the first letters of their SHA-256, or by their number."""
    hashes = material.comparison.evaluations[0].hashes
    if names:
        return [material.comparison.films[i] for i in listed.tolist()]
    return [hashes[i][:SHORT] if hashes else f"Film {i + 1:,}" for i in listed.tolist()]


def models_of(chosen: Chosen) -> tuple[int, ...]:
    """Places of the models that the listed films are about."""
    return chosen.places[:1] if chosen.kind == "cell" else chosen.places[:2]


def interval_row(model: str, figure: Figure) -> dict[str, Any]:
    return {"model": model, "value": figure.value, "low": figure.low, "high": figure.high}


def _matrix(
    place: int, name: str, cells: list[dict[str, Any]], choice: Choice, words: str, framed: tuple[str, str] | None
) -> Picture:
    classes = list(dict.fromkeys(cell["reference"] for cell in cells))
    alt_text = f"Confusion matrix of {name}, {words}"

    def draw(style: Style) -> Any:
        return matrix_charts.matrix(cells, classes, share=choice.share, chosen=framed, style=style, alt_text=alt_text)

    return Picture(f"matrix-{place}", name, draw, cells, words)
