"""What the Compare page says, section by section: words, pictures and tables made of a comparison.

The page shows these sections and a report writes the same ones.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from enum import StrEnum
from functools import partial
from typing import Any, Literal

import numpy as np

import xraykit
from xraykit.evaluation import comparison, curves, learning_curve, published
from xraykit.evaluation.decisions import operating_point as operating
from xraykit.evaluation.evaluation import Evaluation
from xraykit.evaluation.stats import Figure, number_text
from xraykit.models import kept as kept_models
from xraykit.models.cards import card as cards
from xraykit.reports import tables
from xraykit.reports.charts import curves as curve_charts
from xraykit.reports.charts import learning as learning_charts
from xraykit.reports.charts import matrices as matrix_charts
from xraykit.reports.charts.style import Style
from xraykit.reports.report import Column, Picture, Report, Section, Table

GRID = 400  # a curve is drawn on this many steps a side: more would not be seen
AT_HIGHEST = "Verdict, reports and calibration stay at the highest probability."
ORDER = ("operating", "reports", "curves", "calibration", "training", "recipes", "published")  # after the films


class Target(StrEnum):
    """What an operating point aims at; the value is its name in the control and in the address."""

    HIGHEST = "Highest probability"
    SENSITIVITY = "Sensitivity"
    SPECIFICITY = "Specificity"
    MANUAL = "Manual threshold"
    SAVED = "Saved points"


@dataclass(frozen=True)
class Choice:
    """What the user wants to see; hashable, a key of what was computed for it.

    `share` "row" or "column"; `method` of intervals, "wilson" or "exact"; `target` what the operating point aims at,
    `wanted` the target share, or the threshold, `saved` the text of a file that holds points; `margin` a share of
    accuracy or None; `after` temperature.
    """

    label: str
    share: Literal["row", "column"]
    method: Literal["wilson", "exact"]
    target: Target
    wanted: float
    margin: float | None
    after: bool
    saved: str = ""

    @property
    def point(self) -> tuple[str, Target, float, str]:
        """What the operating points depend on."""
        return self.label, self.target, self.wanted, self.saved


@dataclass(frozen=True)
class Chosen:
    """Films to list. `kind` "cell": `places` model, reference, predicted; else two models, by their places."""

    kind: Literal["cell", "fixes", "breaks", "wrong"]
    places: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class Material:
    """The models compared, in order, and what is known of them. `digest` names the comparison and all that follows."""

    kept: tuple[kept_models.Kept, ...]
    comparison: comparison.Comparison
    digest: str

    @property
    def models(self) -> tuple[str, ...]:
        return self.comparison.models

    @property
    def classes(self) -> tuple[str, ...]:
        return self.comparison.classes


Applied = Mapping[str, operating.Applied | str]  # each model at its operating point, or why it has none


def verdict(material: Material, metrics: Mapping[str, dict]) -> Section:
    """Is one model better: in words, with accuracies and their intervals, and the tests behind it."""
    result = material.comparison
    rows = [_interval_row(name, figures["accuracy"]) for name, figures in metrics.items()]
    words = f"Accuracy with intervals of {', '.join(result.models)}"
    picture = Picture(
        "accuracy",
        "Accuracy with 95% interval",
        lambda style: matrix_charts.intervals(rows, result.models, "Accuracy", style=style, alt_text=words),
        rows,
        f"n = {len(result.films):,} test films",
    )
    sentences = tuple(sentence for pair in result.pairs for sentence in pair.words)
    parts = (picture, tables.summary(metrics), tables.pairs(result), tables.areas(result))
    return Section("verdict", "Verdict", (*sentences, *result.notes), parts)


def matrices(
    material: Material,
    metrics: Mapping[str, dict],
    applied: Applied,
    choice: Choice,
    framed: Chosen | None,
) -> Section:
    """A picture a model, all on one colour scale, and every cell as a table. `framed` is a cell to put a frame around.

    Each is at the model's operating point where it has one.
    """
    confusions = {
        evaluation.model: point.confusion
        if isinstance(point := applied.get(evaluation.model), operating.Applied)
        else evaluation.confusion
        for evaluation in material.comparison.evaluations
    }
    words = point_words(material, metrics, applied)
    pictures = []
    for place, (name, confusion) in enumerate(confusions.items()):
        cell = framed.places[1:] if framed and framed.places[0] == place else None
        labels = (material.classes[cell[0]], material.classes[cell[1]]) if cell else None
        pictures.append(_matrix(place, name, tables.cells(confusion, material.classes), choice, words[name], labels))
    side = "reference" if choice.share == "row" else "predicted"
    sentence = f"Films, and their percentage of the {side} class; one colour scale for all matrices."
    table = tables.matrices(confusions, material.classes)
    return Section("matrices", "Confusion matrices", (sentence,), (*pictures, table))


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
    points = [result for result in applied.values() if isinstance(result, operating.Applied)]
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
    parts = (tables.operated(points, points[0].point.label),) if points else ()
    return Section("operating", "Operating point", (words, AT_HIGHEST, *refusals), parts)


def rankings(material: Material, applied: Applied, choice: Choice) -> Section:
    """ROC and precision-recall curves of one class, with the operating points on them."""
    evaluations, label = material.comparison.evaluations, choice.label
    k = material.classes.index(label)
    share = float(np.mean(evaluations[0].truth == k))
    roc_marks, recall_marks = _marks(applied, label)
    roc_curves = {evaluation.model: evaluation.roc(k) for evaluation in evaluations}
    recall_curves = {evaluation.model: evaluation.precision_recall(k) for evaluation in evaluations}
    roc, recall = (
        [row for name, curve in drawn.items() for row in _points(name, curve)] for drawn in (roc_curves, recall_curves)
    )
    pictures = (
        Picture(
            "roc",
            f"ROC, {label} against the rest",
            lambda style: curve_charts.roc(roc, material.models, label, marks=roc_marks, style=style),
            [*roc, *roc_marks],
        ),
        Picture(
            "precision-recall",
            f"Precision-recall, {label} against the rest",
            lambda style: curve_charts.precision_recall(
                recall, material.models, label, share=share, marks=recall_marks, style=style
            ),
            [*recall, *recall_marks],
        ),
    )
    columns = (Column("Model"), Column("AUROC", "number"), Column("Average precision", "number"))
    rows = tuple(
        (name, *(curve and curve.area for curve in (roc_curves[name], recall_curves[name]))) for name in material.models
    )
    return Section("curves", "Curves", (), (*pictures, Table("areas", f"Areas, {label}", columns, rows)))


def calibration(material: Material, metrics: Mapping[str, dict], choice: Choice) -> Section:
    """Reliability diagrams with counts, and calibration figures before and after temperature."""
    when = "After temperature" if choice.after else "Before temperature"
    pictures = []
    for place, evaluation in enumerate(material.comparison.evaluations):
        bins, model = tables.reliability(evaluation, after=choice.after), evaluation.model
        draw = partial(_draw_reliability, bins, model, place)
        pictures.append(Picture(f"reliability-{place}", f"Reliability, {model}", draw, bins, when))
    words = ("Numbers are film counts. Points on the diagonal are perfectly calibrated.",)
    return Section("calibration", "Calibration", words, (*pictures, tables.calibrations(metrics)))


def training(material: Material) -> Section | None:
    """Accuracy, loss and learning rate over the epochs, read out in words; None where no model brings a history."""
    trained = [kept for kept in material.kept if kept.history]
    if not trained:
        return None
    read = {kept.card.name: learning_curve.read_curve(kept.history, _validated(kept.card)) for kept in trained}
    measures = (("accuracy", "Accuracy"), ("loss", "Loss"), ("learning_rate", "Learning rate"))
    pictures = tuple(_learning(trained, read, key, title) for key, title in measures)
    words = tuple(f"{name}: {' '.join(curve.words)}" for name, curve in read.items())
    return Section("training", "Training", words, pictures)


def _validated(card: cards.Card) -> int | None:
    """How many films a model was validated on while it was trained; None where its card does not say."""
    return sum(((card.data.get("counts") or {}).get("validation") or {}).values()) or None


def recipes(material: Material) -> Section:
    """What differs between the cards, and what each model costs."""
    cards = [kept.card for kept in material.kept]
    differences = tables.differences(kept_models.differences(cards), material.models)
    costs = tables.costs(kept_models.costs(cards), material.models)
    return Section("recipes", "Recipes", (), (differences, costs))


def beside_published(material: Material, metrics: Mapping[str, dict]) -> Section | None:
    """Published figures on these very films beside ours; None where none are known."""
    ours: dict[published.PublishedFigure, list[str]] = {}
    for kept, evaluation in zip(material.kept, material.comparison.evaluations, strict=True):
        for figure in _published_on(kept, evaluation):
            if published.fits(figure, kept.card.recipe) and (not figure.label or figure.label in material.classes):
                ours.setdefault(figure, []).append(kept.card.name)
    rows, words, pictures = [], [], []
    for place, (figure, models) in enumerate(ours.items()):
        measured = {name: _measured(metrics[name], figure) for name in models}
        theirs, title = (
            Figure(figure.value),
            f"{figure.label} {figure.measure}" if figure.label else figure.measure.capitalize(),
        )
        rows.append((figure.source, title, theirs, kept_models.UNKNOWN))
        rows += [(f"Here: {name}", title, value, value.n) for name, value in measured.items()]
        words += [_beside(name, value, figure.value) for name, value in measured.items()]
        words.append(figure.words)
        shown = [_interval_row(name, value) for name, value in (*measured.items(), (figure.study, theirs))]
        pictures.append(_published_picture(place, title, shown))
    if not rows:
        return None
    words.append("The split differs from theirs: this is a side-by-side view, not a test.")
    columns = (Column("Source"), Column("Figure"), Column("Value", "percent", interval=True), Column("Films", "count"))
    table = Table("published", "Published and here", columns, tuple(rows))
    return Section("published", "Comparison with published figures", tuple(words), (*pictures, table))


def describe(material: Material, chosen: Chosen) -> str:
    """Which films are listed, in words."""
    if chosen.kind == "cell":
        model, reference, predicted = chosen.places
        classes = material.classes
        return f"{material.models[model]}: reference {classes[reference]}, predicted {classes[predicted]}"
    first, second = (material.models[place] for place in chosen.places)
    return {
        "fixes": f"correct only with {second}, wrong with {first}",
        "breaks": f"correct only with {first}, wrong with {second}",
        "wrong": f"wrong with both {first} and {second}",
    }[chosen.kind]


def films(material: Material, chosen: Chosen, listed: np.ndarray) -> Section:
    """The films that are listed on the page."""
    words = (describe(material, chosen),)
    return Section("films", f"Films: {len(listed):,}", words, (tables.films(material.comparison, listed),))


def report(
    material: Material,
    choice: Choice,
    applied: Applied,
    chosen: Chosen | None,
    listed: np.ndarray,
    sections: Mapping[str, Section],
) -> Report:
    """The whole page to hand out, made of its sections by key, with the films that are listed on it."""
    names = [material.comparison.films[i] for i in listed.tolist()]
    ordered = [sections["verdict"], sections["matrices"]]
    ordered += [films(material, chosen, listed)] if chosen else []
    ordered += [sections[key] for key in ORDER if key in sections]
    data = {
        "options": asdict(choice) | {"models": list(material.models)},
        "films": None if chosen is None else {"what": describe(material, chosen), "names": names},
        "operating_points": {
            name: result if isinstance(result, str) else result.to_dict() for name, result in applied.items()
        },
        "comparison": material.comparison.to_dict(),
    }
    title = f"Compare: {', '.join(material.models)}"
    return Report(title, xraykit.RESEARCH_ONLY, tuple(_facts(material)), tuple(ordered), data)


def _facts(material: Material) -> Iterator[tuple[str, str]]:
    first, n = material.comparison.evaluations[0], len(material.comparison.films)
    yield "Test films", f"{n:,}, {first.data or 'data not named'}; digest {first.test_digest[:16]}"
    yield "Classes", ", ".join(material.classes)
    for kept in material.kept:
        yield kept.card.name, f"{kept.card.title}; network sha256 {kept.card.files['model.keras'][:16]}"
    yield "Written", f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC by xraykit {xraykit.__version__}"


def _interval_row(model: str, figure: Figure) -> dict[str, Any]:
    return {"model": model, "value": figure.value, "low": figure.low, "high": figure.high}


def _matrix(
    place: int, name: str, cells: list[dict[str, Any]], choice: Choice, words: str, framed: tuple[str, str] | None
) -> Picture:
    classes = list(dict.fromkeys(cell["reference"] for cell in cells))
    alt_text = f"Confusion matrix of {name}, {words}"

    def draw(style: Style) -> Any:
        return matrix_charts.matrix(cells, classes, share=choice.share, chosen=framed, style=style, alt_text=alt_text)

    return Picture(f"matrix-{place}", name, draw, cells, words)


def _points(model: str, curve: curves.Curve | None) -> list[dict[str, Any]]:
    """A curve's points as they can be told apart on a screen, the first and last among them."""
    if curve is None:
        return []
    steps = np.round(np.column_stack((curve.x, curve.y)) * GRID)
    distinct = np.r_[True, (np.diff(steps, axis=0) != 0).any(axis=1)]
    distinct[-1] = True
    return [
        {"model": model, "x": x, "y": y, "place": k}
        for k, (x, y) in enumerate(zip(curve.x[distinct].tolist(), curve.y[distinct].tolist(), strict=True))
    ]


def _marks(applied: Applied, label: str) -> tuple[list[dict], list[dict]]:
    """Where the operating points of a class lie on the ROC and on the precision-recall curve."""
    on_roc, on_recall = [], []
    for model, result in applied.items():
        if isinstance(result, str) or result.point.label != label:
            continue
        sensitivity, specificity, ppv = (result.figures[key].value for key in ("sensitivity", "specificity", "ppv"))
        mark = {"model": model, "threshold": result.point.threshold}
        if sensitivity is not None and specificity is not None:
            on_roc.append(mark | {"x": 1 - specificity, "y": sensitivity})
        if sensitivity is not None and ppv is not None:
            on_recall.append(mark | {"x": sensitivity, "y": ppv})
    return on_roc, on_recall


def _draw_reliability(bins: list, model: str, place: int, style: Style) -> Any:
    return curve_charts.reliability(bins, model, place, style=style)


def _learning(
    trained: Sequence[kept_models.Kept], read: Mapping[str, learning_curve.TrainingCurve], key: str, title: str
) -> Picture:
    columns = {"validation": f"val_{key}", "training": key} if key != "learning_rate" else {"training": key}
    points = [
        {"model": kept.card.name, "split": split, "epoch": epoch, "value": value}
        for kept in trained
        for split, column in columns.items()
        for epoch, row in enumerate(kept.history, 1)
        if (value := row.get(column)) is not None
    ]
    best = [
        point
        for point in points
        if point["split"] == "validation" and point["epoch"] == read[point["model"]].best_epoch
    ]
    models = [kept.card.name for kept in trained]

    def draw(style: Style) -> Any:
        logarithmic = key == "learning_rate"
        return learning_charts.learning(points, models, title, best=best, logarithmic=logarithmic, style=style)

    note = "validation thick, training thin, dot: best epoch" if best else ""
    return Picture(f"training-{key.replace('_', '-')}", title, draw, points, note)


def _published_on(kept: kept_models.Kept, evaluation: Evaluation) -> tuple[published.PublishedFigure, ...]:
    """What is published on the films of an evaluation: of the model's own test split, or of a whole known set."""
    if evaluation.test_digest == kept.test.test_digest:
        return published.of_card(kept.card.data, kept.card.metrics)
    return published.figures(evaluation.films_digest)


def _measured(metrics: Mapping[str, Any], figure: published.PublishedFigure) -> Figure:
    return metrics["classes"][figure.label][figure.measure] if figure.label else metrics[figure.measure]


def _published_picture(place: int, title: str, rows: list[dict[str, Any]]) -> Picture:
    """Ours first, so that each model keeps its colour; the published figure has no interval."""
    names = [row["model"] for row in rows]

    def draw(style: Style) -> Any:
        return matrix_charts.intervals(rows, names, title, style=style, alt_text=f"{title}: published and here")

    return Picture(f"published-figure-{place}", title, draw, rows)


def _beside(name: str, figure: Figure, theirs: float) -> str:
    if figure.ends is None:
        return f"{name}: {figure.text()}."
    low, high = figure.ends
    side = "lies above" if low > theirs else "lies below" if high < theirs else "contains"
    published_value = number_text(theirs, "percent")
    return f"{name}: {figure.text()} on {figure.n} films; the interval {side} the published {published_value}."
