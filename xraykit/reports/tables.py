"""Tables: the figures of a comparison laid out in rows, for pages and reports.

Arranges what evaluations, pairs, points and cards give; computes nothing but shares of a matrix.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from xraykit.evaluation import calibration
from xraykit.evaluation.comparison import Comparison
from xraykit.evaluation.evaluation import Evaluation
from xraykit.evaluation.operating_point import Applied
from xraykit.models.kept import UNKNOWN, Difference
from xraykit.reports.report import Column, Table

PARTS = ("sensitivity", "specificity", "ppv", "npv")
HEADS = ("Sensitivity", "Specificity", "PPV", "NPV")
MEASURES = {"accuracy": "Accuracy", "balanced_accuracy": "Balanced accuracy", "macro_f1": "Macro F1"}


def summary(metrics: Mapping[str, dict]) -> Table:
    """A row a model: accuracy with its interval and the figures over all classes."""
    columns = (
        Column("Model"),
        Column("Films", "count"),
        Column("Accuracy", "percent figure"),
        Column("Balanced accuracy", "percent"),
        Column("Macro F1", "number"),
        Column("Kappa", "number"),
        Column("Macro AUROC", "number"),
    )
    rows = tuple(
        (
            name,
            found["n"],
            found["accuracy"],
            found["balanced_accuracy"],
            found["macro_f1"],
            found["kappa"],
            found["macro_auroc"],
        )
        for name, found in metrics.items()
    )
    return Table("summary", "All classes", columns, rows)


def pairs(found: Comparison) -> Table:
    """A row a pair: differences second minus first with bootstrap intervals, McNemar, and how many films changed."""
    changes = (Column(head, "points figure") for head in MEASURES.values())
    counts = (Column(head, "count") for head in ("Fixes", "Breaks", "Both wrong"))
    tests = (Column("McNemar p", "p"), Column("Holm p", "p"), Column("Verdict"))
    columns = (Column("First"), Column("Second"), *changes, *counts, *tests)
    rows = tuple(
        (
            pair.first,
            pair.second,
            *(pair.differences[key] for key in MEASURES),
            len(pair.fixes),
            len(pair.breaks),
            len(pair.both_wrong),
            pair.p,
            pair.adjusted_p,
            pair.verdict,
        )
        for pair in found.pairs
    )
    note = f"Second minus first, in points; 95 % bootstrap intervals of {found.draws:,} draws over {_groups(found)}."
    return Table("pairs", "Paired differences", columns, rows, note)


def areas(found: Comparison) -> Table:
    """A row a pair and class: both areas under the ROC curve and DeLong's paired test."""
    columns = (
        Column("Class"),
        Column("First"),
        Column("Second"),
        Column("AUROC first", "figure"),
        Column("AUROC second", "figure"),
        Column("Difference", "figure"),
        Column("z", "number"),
        Column("DeLong p", "p"),
        Column("Holm p", "p"),
    )
    rows = tuple(
        (
            label,
            pair.first,
            pair.second,
            test["first"],
            test["second"],
            test["difference"],
            test["z"],
            test["p"],
            test["adjusted_p"],
        )
        for label in found.classes
        for pair in found.pairs
        for test in (pair.delong[label],)
    )
    return Table("delong", "AUROC, DeLong's paired test", columns, rows, "Each class against the rest.")


def cells(confusion: np.ndarray, classes: Sequence[str]) -> list[dict[str, Any]]:
    """A matrix (C, C) cell by cell: films and their shares of row and column, None where those are empty."""
    along, down = confusion.sum(axis=1).tolist(), confusion.sum(axis=0).tolist()
    return [
        {
            "reference": one,
            "predicted": other,
            "films": films,
            "row_share": films / along[i] if along[i] else None,
            "column_share": films / down[j] if down[j] else None,
        }
        for i, (one, row) in enumerate(zip(classes, confusion.tolist(), strict=True))
        for j, (other, films) in enumerate(zip(classes, row, strict=True))
    ]


def matrices(confusions: Mapping[str, np.ndarray], classes: Sequence[str]) -> Table:
    """Every cell of every model's matrix."""
    columns = (
        Column("Model"),
        Column("Reference"),
        Column("Predicted"),
        Column("Films", "count"),
        Column("Of the reference class", "percent"),
        Column("Of the predicted class", "percent"),
    )
    rows = tuple((name, *cell.values()) for name, matrix in confusions.items() for cell in cells(matrix, classes))
    return Table("matrices", "Confusion matrices", columns, rows)


def classification_report(found: Evaluation, place: int) -> Table:
    """Scikit-learn's classification report of one model."""
    columns = (
        Column("Class"),
        *(Column(name, "number") for name in ("Precision", "Recall", "F1")),
        Column("Support", "count"),
    )
    rows = [tuple(row.values()) for row in found.report()]
    rows[-3] = (rows[-3][0], "", "", *rows[-3][3:])  # accuracy has neither, which is not "n/a"
    return Table(f"report-{place}", found.model, columns, tuple(rows))


def one_against_rest(metrics: Mapping[str, dict], classes: Sequence[str], method: str) -> Table:
    """A row a class and model: sensitivity, specificity, PPV, NPV and AUROC with intervals, and F1."""
    columns = (
        Column("Class"),
        Column("Model"),
        Column("Films", "count"),
        *(Column(head, "percent figure") for head in HEADS),
        Column("F1", "number"),
        Column("AUROC", "figure"),
    )
    rows = tuple(
        (label, model, of["support"], *(of[part] for part in PARTS), of["f1"], of["auroc_delong"])
        for label in classes
        for model, found in metrics.items()
        for of in (found["classes"][label],)
    )
    name = "Wilson" if method == "wilson" else "exact (Clopper-Pearson)"
    return Table(
        "one-vs-rest",
        "Each class against the rest",
        columns,
        rows,
        f"95 % intervals: {name} for shares, DeLong for AUROC.",
    )


def calibrations(metrics: Mapping[str, dict]) -> Table:
    """A row a model: calibration error, Brier score and log-loss, before and after temperature."""
    names = {"ece": "ECE", "brier": "Brier", "log_loss": "Log-loss"}
    heads = (f"{head} {when}" for head in names.values() for when in ("before", "after"))
    columns = (Column("Model"), Column("Temperature", "number"), *(Column(head, "number") for head in heads))
    rows = tuple(
        (name, of["temperature"], *(of[when][key] for key in names for when in ("before", "after")))
        for name, found in metrics.items()
        for of in (found["calibration"],)
    )
    return Table(
        "calibration",
        "Calibration before and after temperature",
        columns,
        rows,
        "Lower is better. The temperature was fitted on validation films.",
    )


def reliability(found: Evaluation, *, after: bool = True) -> list[dict[str, Any]]:
    """Ten bins of the highest probability: mean, share right with its interval, and films."""
    probabilities = found.probabilities if after else calibration.softmax(found.logits)
    return [
        {
            "from": of["low"],
            "to": of["high"],
            "n": of["n"],
            "probability": of["probability"],
            "observed": of["observed"]["value"],
            "low": of["observed"]["low"],
            "high": of["observed"]["high"],
        }
        for of in calibration.reliability(probabilities, found.truth)
    ]


def operated(applied: Sequence[Applied], label: str) -> Table:
    """A row a model: its threshold, what it gave on validation films, and what it gives on the test films."""
    heads = ("Validation sensitivity", "Validation specificity", *(f"Test {part}" for part in PARTS), "Test accuracy")
    shares = (Column(head.replace("ppv", "PPV").replace("npv", "NPV"), "percent figure") for head in heads)
    columns = (Column("Model"), Column("Threshold", "number"), *shares)
    rows = tuple(
        (
            of.point.model,
            of.point.threshold,
            *((of.point.figures or {}).get(part) for part in PARTS[:2]),
            *(of.figures[part] for part in PARTS),
            of.accuracy,
        )
        for of in applied
    )
    return Table("operating", f"At the operating point of {label}", columns, rows)


def differences(found: Sequence[Difference], models: Sequence[str], key: str, title: str) -> Table:
    """A row a field of the cards, a column a model."""
    rows = tuple((_field(of.field), *(_plain(value, of.field) for value in of.values)) for of in found)
    kind = "text" if key == "differences" else "plain"
    return Table(key, title, (Column("Field"), *(Column(name, kind) for name in models)), rows)


def films(found: Comparison, chosen: np.ndarray) -> Table:
    """A row a film: its class, and what each model predicts with which probability."""
    heads = ((Column(f"{name} predicts"), Column(f"{name} probability", "number")) for name in found.models)
    columns = (Column("Film"), Column("Reference standard"), *(column for pair in heads for column in pair))
    rows = tuple(
        (
            found.films[i],
            found.classes[found.evaluations[0].truth[i]],
            *(
                cell
                for of in found.evaluations
                for cell in (found.classes[of.predicted[i]], float(of.probabilities[i].max()))
            ),
        )
        for i in chosen.tolist()
    )
    return Table("films", f"{len(chosen):,} films", columns, rows)


def _groups(found: Comparison) -> str:
    count = int(found.groups.max()) + 1
    return f"{count:,} groups of films" if count < len(found.films) else f"{count:,} films"


def _field(path: str) -> str:
    """The name of a card's field for a reader: "recipe.phases.0.learning_rate" is "phase 1, learning rate"."""
    parts = path.removeprefix("recipe.").replace("_", " ").split(".")
    if parts[0] == "phases" and len(parts) > 1 and parts[1].isdigit():
        parts[:2] = [f"phase {int(parts[1]) + 1}"]
    return ", ".join(parts)


def _plain(value: Any, path: str) -> Any:
    """A card's value as one cell: lists joined, nothing as "none"; a phase that a recipe has not is named so."""
    if value == UNKNOWN and path.startswith("recipe.phases."):
        return "no such phase"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value)) or "none"
    return "none" if value is None else value
