"""Curves of the models compared: ROC, precision-recall, reliability and training."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np

from xraykit.evaluation import curves, learning_curve
from xraykit.models import kept as kept_models
from xraykit.models.cards import card as cards
from xraykit.reports import tables
from xraykit.reports.charts import curves as curve_charts
from xraykit.reports.charts import learning as learning_charts
from xraykit.reports.charts.style import Style
from xraykit.reports.comparison.chosen import Applied, Choice, Material
from xraykit.reports.report.page import Section
from xraykit.reports.report.picture import Picture
from xraykit.reports.report.table import Column, Table

GRID = 400  # a curve is drawn on this many steps a side: more would not be seen


def rankings(material: Material, applied: Applied, choice: Choice) -> Section:
    """ROC and precision-recall curves of one class, with the operating points; of many models the pair is coloured."""
    evaluations, label = material.comparison.evaluations, choice.label
    focus = [material.models[place] for place in choice.pair]
    k = material.classes.index(label)
    share = float(np.mean(evaluations[0].truth == k))
    roc_marks, recall_marks = _marks(applied, label)
    roc_curves = {evaluation.model: evaluation.roc(k) for evaluation in evaluations}
    recall_curves = {evaluation.model: evaluation.precision_recall(k) for evaluation in evaluations}
    roc, recall = (
        [row for name, curve in drawn.items() for row in _points(name, curve)] for drawn in (roc_curves, recall_curves)
    )
    areas = [
        {name: curve.area for name, curve in drawn.items() if curve is not None}
        for drawn in (roc_curves, recall_curves)
    ]
    pictures = (
        Picture(
            "roc",
            f"ROC, {label} against the rest",
            lambda style: curve_charts.roc(
                roc, material.models, label, marks=roc_marks, focus=focus, areas=areas[0], style=style
            ),
            [*roc, *roc_marks],
        ),
        Picture(
            "precision-recall",
            f"Precision-recall, {label} against the rest",
            lambda style: curve_charts.precision_recall(
                recall,
                material.models,
                label,
                share=share,
                marks=recall_marks,
                focus=focus,
                areas=areas[1],
                style=style,
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
    trained = {name: kept for name, kept in zip(material.models, material.kept, strict=True) if kept.history}
    if not trained:
        return None
    read = {name: learning_curve.read_curve(kept.history, _validated(kept.card)) for name, kept in trained.items()}
    measures = (("accuracy", "Accuracy"), ("loss", "Loss"), ("learning_rate", "Learning rate"))
    pictures = tuple(_learning(trained, read, key, title) for key, title in measures)
    words = tuple(f"{name}: {' '.join(curve.words)}" for name, curve in read.items())
    return Section("training", "Training", words, pictures)


def _validated(card: cards.Card) -> int | None:
    """How many films a model was validated on while it was trained; None where its card does not say."""
    return sum(((card.data.get("counts") or {}).get("validation") or {}).values()) or None


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
    trained: Mapping[str, kept_models.Kept], read: Mapping[str, learning_curve.TrainingCurve], key: str, title: str
) -> Picture:
    columns = {"validation": f"val_{key}", "training": key} if key != "learning_rate" else {"training": key}
    points = [
        {"model": name, "split": split, "epoch": epoch, "value": value}
        for name, kept in trained.items()
        for split, column in columns.items()
        for epoch, row in enumerate(kept.history, 1)
        if (value := row.get(column)) is not None
    ]
    best = [
        point
        for point in points
        if point["split"] == "validation" and point["epoch"] == read[point["model"]].best_epoch
    ]
    models = list(trained)

    def draw(style: Style) -> Any:
        logarithmic = key == "learning_rate"
        return learning_charts.learning(points, models, title, best=best, logarithmic=logarithmic, style=style)

    note = "validation thick, training thin, dot: best epoch" if best else ""
    return Picture(f"training-{key.replace('_', '-')}", title, draw, points, note)
