"""What the Compare page says, section by section: words, pictures and tables made of a comparison.

Imports no Streamlit: the page shows these sections and a report writes the same ones.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from xraykit.evaluation import comparison, curves, learning_curve, published
from xraykit.evaluation import operating_point as operating
from xraykit.models import kept as records
from xraykit.reports import tables
from xraykit.reports.charts import curves as curve_charts
from xraykit.reports.charts import learning
from xraykit.reports.charts import matrices as matrix_charts
from xraykit.reports.charts import style as chart_style
from xraykit.reports.report import Column, Picture, Section, Table
from xraykit.ui.compare import inputs


@dataclass(frozen=True)
class Choice:
    """What the user wants to see; hashable, a key of what was computed for it.

    `share` "row" or "column"; `method` of intervals; `target` what the operating point aims at, `wanted` how much of
    it, or the threshold, `saved` the text of a file that holds points; `margin` a share of accuracy or None; `after`
    temperature.
    """

    label: str
    share: str
    method: str
    target: str
    wanted: float
    margin: float | None
    after: bool
    saved: str = ""

    @property
    def point(self) -> tuple[str, str, float, str]:
        """What the operating points depend on."""
        return self.label, self.target, self.wanted, self.saved


@dataclass(frozen=True)
class Chosen:
    """Films to list. `kind` "cell": `places` model, reference, predicted; else two models, by their places."""

    kind: str
    places: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class Material:
    """The models compared, in order, and what is known of them. `digest` names the comparison and all that follows."""

    kept: tuple[records.Kept, ...]
    found: comparison.Comparison
    digest: str

    @property
    def models(self) -> tuple[str, ...]:
        return self.found.models

    @property
    def classes(self) -> tuple[str, ...]:
        return self.found.classes


ELSEWHERE = "Verdict, reports and calibration stay at the highest probability."
GRID = 400  # a curve is drawn on this many steps a side: more would not be seen


def verdict(material: Material, metrics: Mapping[str, dict]) -> Section:
    """Is one model better: in words, with accuracies and their intervals, and the tests behind it."""
    found = material.found
    rows = [
        {"model": name, **{end: of["accuracy"][end] for end in ("value", "low", "high")}}
        for name, of in metrics.items()
    ]
    picture = Picture(
        "accuracy",
        "Accuracy with 95 % interval",
        lambda style: matrix_charts.intervals(
            rows,
            found.models,
            "Accuracy",
            style=style,
            alt_text=f"Accuracy with intervals of {', '.join(found.models)}",
        ),
        rows,
        f"n = {len(found.films):,} test films",
    )
    words = tuple(sentence for pair in found.pairs for sentence in pair.words)
    parts = (picture, tables.summary(metrics), tables.pairs(found), tables.areas(found))
    return Section("verdict", "Verdict", (*words, *found.notes), parts)


def matrices(
    material: Material,
    confusions: Mapping[str, np.ndarray],
    choice: Choice,
    point_words: Mapping[str, str],
    chosen: tuple[int, str, str] | None,
) -> Section:
    """A picture a model, all on one colour scale, and every cell as a table."""
    of = "reference" if choice.share == "row" else "predicted"
    pictures = [
        _matrix(
            place,
            name,
            confusions[name],
            material.classes,
            choice.share,
            point_words[name],
            chosen[1:] if chosen and chosen[0] == place else None,
        )
        for place, name in enumerate(material.models)
    ]
    words = f"Films, and their share of the {of} class; one colour scale for all matrices."
    table = tables.matrices(confusions, material.classes)
    return Section("matrices", "Confusion matrices", (words,), (*pictures, table))


def reports(material: Material, metrics: Mapping[str, dict], choice: Choice) -> Section:
    """Scikit-learn's reports side by side, and each class against the rest with intervals."""
    parts = [tables.classification_report(of, place) for place, of in enumerate(material.found.evaluations)]
    rest = tables.one_against_rest(metrics, material.classes, choice.method)
    words = ("At the highest probability. The reports have scikit-learn's numbers.",)
    return Section("reports", "Classification reports", words, (*parts, rest))


def operating_point(applied: Mapping[str, operating.Applied | str], choice: Choice) -> Section | None:
    """Thresholds chosen on validation films and what they give on test films; None at the highest probability."""
    if choice.target == inputs.HIGHEST:
        return None
    points = [of for of in applied.values() if isinstance(of, operating.Applied)]
    aim = f"a {choice.target.lower()} of {choice.wanted:.1%} on its validation films, applied once to the test films."
    words = {
        inputs.BY_HAND: f"One threshold for {choice.label}, set by hand: it was not chosen on validation films.",
        inputs.SAVED: "Thresholds as they were saved; each belongs to the one network it was chosen for.",
    }.get(choice.target, f"Each model has its own threshold for {choice.label}, for {aim}")
    refused = tuple(of for of in applied.values() if isinstance(of, str))
    parts = (tables.operated(points, points[0].point.label),) if points else ()
    return Section("operating", "Operating point", (words, ELSEWHERE, *refused), parts)


def rankings(material: Material, applied: Mapping[str, operating.Applied | str], choice: Choice) -> Section:
    """ROC and precision-recall curves of one class, with the operating points on them."""
    evaluations, label = material.found.evaluations, choice.label
    k = material.classes.index(label)
    drawn = {of.model: (of.roc(k), of.precision_recall(k)) for of in evaluations}
    share = float(np.mean(evaluations[0].truth == k))
    marks = _marks({name: of for name, of in applied.items() if isinstance(of, str) or of.point.label == label})
    roc, recall = ([row for name, of in drawn.items() for row in _points(name, of[side])] for side in (0, 1))
    titles = f"ROC, {label} against the rest", f"Precision-recall, {label} against the rest"
    pictures = (
        Picture("roc", titles[0], partial(_draw_roc, roc, material.models, label, marks[0]), [*roc, *marks[0]]),
        Picture(
            "precision-recall",
            titles[1],
            partial(_draw_recall, recall, material.models, label, share, marks[1]),
            [*recall, *marks[1]],
        ),
    )
    columns = (Column("Model"), Column("AUROC", "number"), Column("Average precision", "number"))
    rows = tuple((name, *(None if curve is None else curve.area for curve in both)) for name, both in drawn.items())
    return Section("curves", "Curves", (), (*pictures, Table("areas", f"Areas, {label}", columns, rows)))


def calibration(material: Material, metrics: Mapping[str, dict], choice: Choice) -> Section:
    """Reliability diagrams with counts, and calibration figures before and after temperature."""
    pictures = []
    for place, of in enumerate(material.found.evaluations):
        bins = tables.reliability(of, after=choice.after)
        pictures.append(
            Picture(
                f"reliability-{place}",
                f"Reliability, {of.model}",
                partial(_draw_reliability, bins, of.model, place),
                bins,
                f"{'After' if choice.after else 'Before'} temperature",
            )
        )
    words = ("Numbers above the points: films. On the diagonal a probability means what it says.",)
    return Section("calibration", "Calibration", words, (*pictures, tables.calibrations(metrics)))


def training(material: Material) -> Section | None:
    """Accuracy, loss and learning rate over the epochs, read out in words; None where no model brings a history."""
    kept = [of for of in material.kept if of.history]
    if not kept:
        return None
    read = {of.card.name: learning_curve.read_curve(of.history) for of in kept}
    measures = (("accuracy", "Accuracy"), ("loss", "Loss"), ("learning_rate", "Learning rate"))
    pictures = tuple(_learning(kept, read, key, title) for key, title in measures)
    words = tuple(f"{name}: {' '.join(_phases(curve.words))}" for name, curve in read.items())
    return Section("training", "Training", words, pictures)


def recipes(material: Material) -> Section:
    """What differs between the cards, and what each model costs."""
    cards = [of.card for of in material.kept]
    different = tables.differences(records.differences(cards), material.models, "differences", "What differs")
    costs = tables.differences(records.costs(cards), material.models, "costs", "Cost")
    return Section("recipes", "Recipes", (), (different, costs))


def beside_published(material: Material, metrics: Mapping[str, dict]) -> Section | None:
    """Published figures beside ours; None where the classes do not fit any."""
    rows, words = [], []
    for of in published.fitting(material.classes):
        label = published.label_for(of, material.classes)
        ours = [k for k in material.kept if k.card.recipe.get("weights") == of.weights]
        if label is None or not ours:
            continue
        rows.append((of.source, f"{label} {of.measure}", {"value": of.value, "low": None, "high": None}, None))
        for kept in ours:
            figure = metrics[kept.card.name]["classes"][label][of.measure]
            rows.append((f"Here: {kept.card.name}", f"{label} {of.measure}", figure, figure["n"]))
            words.append(_beside(kept.card.name, figure, of.value))
        words.append(f"{of.words} Other films and another split: the figures are side by side, not a test.")
    if not rows:
        return None
    columns = (Column("Source"), Column("Figure"), Column("From scratch", "percent figure"), Column("Films", "count"))
    table = Table("published", "From scratch", columns, tuple(rows))
    return Section("published", "Beside the published study", tuple(words), (_published(rows), table))


def _matrix(
    place: int,
    name: str,
    confusion: np.ndarray,
    classes: Sequence[str],
    share: str,
    words: str,
    chosen: tuple[str, str] | None,
) -> Picture:
    cells = tables.cells(confusion, classes)

    def draw(style: chart_style.Style) -> Any:
        return matrix_charts.matrix(
            cells, classes, share=share, chosen=chosen, style=style, alt_text=f"Confusion matrix of {name}, {words}"
        )

    return Picture(f"matrix-{place}", f"{name}", draw, cells, words)


def _points(model: str, curve: curves.Curve | None) -> list[dict[str, Any]]:
    """A curve's points as they can be told apart on a screen, the first and last among them."""
    if curve is None:
        return []
    steps = np.round(np.column_stack((curve.x, curve.y)) * GRID)
    kept = np.r_[True, (np.diff(steps, axis=0) != 0).any(axis=1)]
    kept[-1] = True
    return [
        {"model": model, "x": x, "y": y, "place": k}
        for k, (x, y) in enumerate(zip(curve.x[kept].tolist(), curve.y[kept].tolist(), strict=True))
    ]


def _marks(applied: Mapping[str, operating.Applied | str]) -> tuple[list[dict], list[dict]]:
    """Where the operating points lie on the ROC and on the precision-recall curve."""
    on_roc, on_recall = [], []
    for model, of in applied.items():
        if isinstance(of, str):
            continue
        sensitivity, specificity, ppv = (of.figures[key]["value"] for key in ("sensitivity", "specificity", "ppv"))
        at = {"model": model, "threshold": of.point.threshold}
        if None not in (sensitivity, specificity):
            on_roc.append(at | {"x": 1 - specificity, "y": sensitivity})
        if None not in (sensitivity, ppv):
            on_recall.append(at | {"x": sensitivity, "y": ppv})
    return on_roc, on_recall


def _draw_roc(rows: list, models: Sequence[str], label: str, marks: list, style: chart_style.Style) -> Any:
    return curve_charts.roc(rows, models, label, marks=marks, style=style)


def _draw_recall(
    rows: list, models: Sequence[str], label: str, share: float, marks: list, style: chart_style.Style
) -> Any:
    return curve_charts.precision_recall(rows, models, label, share=share, marks=marks, style=style)


def _draw_reliability(bins: list, model: str, place: int, style: chart_style.Style) -> Any:
    return curve_charts.reliability(bins, model, place, style=style)


def _learning(
    kept: Sequence[records.Kept], read: Mapping[str, learning_curve.TrainingCurve], key: str, title: str
) -> Picture:
    columns = {"validation": f"val_{key}", "training": key} if key != "learning_rate" else {"training": key}
    points = [
        {"model": of.card.name, "split": split, "epoch": epoch, "value": value}
        for of in kept
        for split, column in columns.items()
        for epoch, row in enumerate(of.history, 1)
        if (value := row.get(column)) is not None
    ]
    best = [
        point
        for point in points
        if point["split"] == "validation" and point["epoch"] == read[point["model"]].best_epoch
    ]
    models = [of.card.name for of in kept]

    def draw(style: chart_style.Style) -> Any:
        return learning.learning(points, models, title, best=best, logarithmic=key == "learning_rate", style=style)

    note = "thick: validation, thin: training; point: best epoch" if best else ""
    return Picture(f"training-{key.replace('_', '-')}", title, draw, points, note)


def _phases(words: Sequence[str]) -> list[str]:
    return [sentence for sentence in words if sentence]


def _published(rows: Sequence[tuple]) -> Picture:
    """Ours first, so that the model keeps its colour; the published figure has no interval."""
    ordered = [*rows[1:], rows[0]]
    names = [source.removeprefix("Here: ").split(":")[0] for source, *_ in ordered]
    shown = [
        {"model": name, **{end: row[2][end] for end in ("value", "low", "high")}}
        for name, row in zip(names, ordered, strict=True)
    ]

    def draw(style: chart_style.Style) -> Any:
        return matrix_charts.intervals(
            shown, names, rows[0][1], style=style, alt_text=f"{rows[0][1]}: published and here"
        )

    return Picture("published-figure", rows[0][1], draw, shown)


def _beside(name: str, figure: Mapping[str, Any], theirs: float) -> str:
    value, low, high = (figure[end] for end in ("value", "low", "high"))
    if value is None:
        return f"{name}: no such test films."
    side = "lies above" if low > theirs else "lies below" if high < theirs else "contains"
    ours = f"{name}: {value:.1%} [{100 * low:.1f}, {100 * high:.1f}] on {figure['n']} films"
    return f"{ours}; the interval {side} the published {theirs:.0%}."
