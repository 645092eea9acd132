"""Tables: the figures of a comparison laid out in rows, for pages and reports.

Arranges what evaluations, pairs, points and cards give; computes nothing but shares of a matrix.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from xraykit.evaluation import calibration
from xraykit.evaluation.comparison import Comparison
from xraykit.evaluation.decisions.operating_point import Applied
from xraykit.evaluation.evaluation import Evaluation
from xraykit.models.kept import UNKNOWN, Difference
from xraykit.reports.report.table import Column, Measured, Table
from xraykit.system import text
from xraykit.training.recipe import fields

SHARES = {"sensitivity": "Sensitivity", "specificity": "Specificity", "ppv": "PPV", "npv": "NPV"}
MEASURES = {"accuracy": "Accuracy", "balanced_accuracy": "Balanced accuracy", "macro_f1": "Macro F1"}
OVERALL = {"macro_f1": "Macro F1", "kappa": "Kappa", "macro_auroc": "Macro AUROC"}
PHASES = "recipe.phases."
CARD_FIELDS = {
    "recipe.name": "Recipe",
    "temperature": "Temperature",
    "feature_layer": "Heatmap layer",
    "classes": "Classes",
    "data.name": "Collection",
    "data.digest": "SHA-256 of films and labels",
    "data.group_rule": "Kept together in one split",
    "data.groups": "Groups",
    "data.refused": "Refused files",
    "recipe.split": "Batches cut in",
    "recipe.device_name": "Device",
}
COSTS = {
    "parameters": "Parameters",
    "network bytes": "Network file",
    "reading files bytes": "Files used to read films",
    "learning seconds": "Training time",
    "best epoch": "Best epoch",
    "milliseconds a film": "Time per film",
}


def summary(metrics: Mapping[str, dict]) -> Table:
    """A row a model: accuracy with its interval and the figures over all classes."""
    columns = (
        Column("Model"),
        Column("Films", "count"),
        Column("Accuracy", "percent", interval=True),
        Column("Balanced accuracy", "percent"),
        *(Column(head, "number") for head in OVERALL.values()),
    )
    rows = tuple(
        (
            name,
            figures["n"],
            figures["accuracy"],
            figures["balanced_accuracy"],
            *(figures[key] for key in OVERALL),
        )
        for name, figures in metrics.items()
    )
    return Table("summary", "All classes", columns, rows)


def pairs(comparison: Comparison) -> Table:
    """A row a pair: differences second minus first with bootstrap intervals, McNemar, and how many films changed."""
    changes = (Column(head, "points", interval=True) for head in MEASURES.values())
    counts = (Column(head, "count") for head in ("Corrected", "Newly wrong", "Wrong in both"))
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
        for pair in comparison.pairs
    )
    note = (
        f"Second minus first, in points; 95% bootstrap intervals from {comparison.draws:,} draws over "
        f"{_groups(comparison)}."
    )
    return Table("pairs", "Paired differences", columns, rows, note)


def areas(comparison: Comparison) -> Table:
    """A row a pair and class: both areas under the ROC curve, DeLong's test. One pair alone is named below."""
    figures = ("AUROC first", "AUROC second", "Difference")
    only, *more = comparison.pairs
    named = ("First", "Second") if more else ()
    columns = (
        *(Column(head) for head in ("Class", *named)),
        *(Column(head, "number", interval=True) for head in figures),
        Column("z", "number"),
        Column("DeLong p", "p"),
        Column("Holm p", "p"),
    )
    rows = tuple(
        (
            label,
            *((pair.first, pair.second) if named else ()),
            *(pair.delong[label][key] for key in ("first", "second", "difference", "z", "p", "adjusted_p")),
        )
        for label in comparison.classes
        for pair in comparison.pairs
    )
    note = "Each class against the rest."
    if not named:
        note = f"First: {only.first}; second: {only.second}. {note}"
    return Table("delong", "AUROC, DeLong's paired test", columns, rows, note, rank="appendix")


def cells(confusion: np.ndarray, classes: Sequence[str]) -> list[dict[str, Any]]:
    """A matrix (C, C) cell by cell: films and their shares of row and column, None where those are empty."""
    along, down = confusion.sum(axis=1).tolist(), confusion.sum(axis=0).tolist()
    return [
        {
            "reference": reference,
            "predicted": predicted,
            "films": films,
            "row_share": films / along[i] if along[i] else None,
            "column_share": films / down[j] if down[j] else None,
        }
        for i, (reference, row) in enumerate(zip(classes, confusion.tolist(), strict=True))
        for j, (predicted, films) in enumerate(zip(classes, row, strict=True))
    ]


def matrices(confusions: Mapping[str, np.ndarray], classes: Sequence[str]) -> Table:
    """Every cell of every model's matrix."""
    columns = (
        Column("Model"),
        Column("Reference"),
        Column("Predicted"),
        Column("Films", "count"),
        Column("% of the reference class", "percent"),
        Column("% of the predicted class", "percent"),
    )
    rows = tuple((name, *cell.values()) for name, matrix in confusions.items() for cell in cells(matrix, classes))
    return Table("matrices", "Confusion matrices", columns, rows, rank="appendix")


def classification_report(evaluation: Evaluation, place: int) -> Table:
    """Scikit-learn's classification report of one model."""
    columns = (
        Column("Class"),
        *(Column(name, "number") for name in ("Precision", "Recall", "F1")),
        Column("Support", "count"),
    )
    rows = [tuple(row.values()) for row in evaluation.report()]
    rows[-3] = (rows[-3][0], "", "", *rows[-3][3:])  # accuracy has neither, which is not undefined
    return Table(f"report-{place}", evaluation.model, columns, tuple(rows))


def one_against_rest(metrics: Mapping[str, dict], classes: Sequence[str], method: str) -> Table:
    """A row a class and model: sensitivity, specificity, PPV, NPV and AUROC with intervals, and F1."""
    columns = (
        Column("Class"),
        Column("Model"),
        Column("Films", "count"),
        *(Column(head, "percent", interval=True) for head in SHARES.values()),
        Column("F1", "number"),
        Column("AUROC", "number", interval=True),
    )
    rows = tuple(
        (
            label,
            model,
            figures["support"],
            *(figures[key] for key in SHARES),
            figures["f1"],
            figures["auroc_delong"],
        )
        for label in classes
        for model, figures in ((model, metrics[model]["classes"][label]) for model in metrics)
    )
    name = "Wilson" if method == "wilson" else "exact (Clopper-Pearson)"
    note = f"95% intervals: {name} for proportions, DeLong for AUROC."
    return Table("one-vs-rest", "Each class against the rest", columns, rows, note, rank="appendix")


def calibrations(metrics: Mapping[str, dict]) -> Table:
    """A row a model: calibration error, Brier score and log-loss, before and after temperature."""
    names = {"ece": "ECE", "brier": "Brier", "log_loss": "Log-loss"}
    heads = (f"{head} {when}" for head in names.values() for when in ("before", "after"))
    columns = (Column("Model"), Column("Temperature", "number"), *(Column(head, "number") for head in heads))
    rows = tuple(
        (name, figures["temperature"], *(figures[when][key] for key in names for when in ("before", "after")))
        for name, figures in ((name, metrics[name]["calibration"]) for name in metrics)
    )
    note = "Lower is better. The temperature was fitted on validation films."
    return Table("calibration", "Calibration before and after temperature", columns, rows, note)


def reliability(evaluation: Evaluation, *, after: bool = True) -> list[dict[str, Any]]:
    """Ten bins of the highest probability: mean, fraction correct with its interval, and films."""
    probabilities = evaluation.probabilities if after else calibration.softmax(evaluation.logits)
    return [
        {
            "from": row["low"],
            "to": row["high"],
            "n": row["n"],
            "probability": row["probability"],
            "observed": row["observed"].value,
            "low": row["observed"].low,
            "high": row["observed"].high,
        }
        for row in calibration.reliability(probabilities, evaluation.truth)
    ]


def operated(applied: Mapping[str, Applied], label: str) -> Table:
    """A row a model: its threshold, what it gave on validation films, and what it gives on the test films."""
    validation = ("sensitivity", "specificity")
    heads = (
        *(f"Validation {SHARES[key].lower()}" for key in validation),
        "Test sensitivity",
        "Test specificity",
        "Test PPV",
        "Test NPV",
        "Test accuracy",
    )
    shares = (Column(head, "percent", interval=True) for head in heads)
    columns = (Column("Model"), Column("Threshold", "number"), *shares)
    rows = tuple(
        (
            name,
            result.point.threshold,
            *((result.point.figures or {}).get(key) for key in validation),
            *(result.figures[key] for key in SHARES),
            result.accuracy,
        )
        for name, result in applied.items()
    )
    return Table("operating", f"At the operating point of {label}", columns, rows)


def differences(rows: Sequence[Difference], models: Sequence[str]) -> Table:
    """A row a field in which the cards differ, a column a model."""
    paths = {row.field for row in rows}
    shown = [row for row in rows if f"recipe.{row.field}" not in paths]  # the card repeats some of its recipe
    cells = tuple((_field_name(row.field), *(_field_value(value, row.field) for value in row.values)) for row in shown)
    columns = (Column("Field"), *(Column(name) for name in models))
    return Table("differences", "What differs", columns, cells)


def costs(rows: Sequence[Difference], models: Sequence[str]) -> Table:
    """A row a cost, a column a model."""
    cells = tuple((COSTS.get(row.field, row.field), *(_cost(value, row.field) for value in row.values)) for row in rows)
    columns = (Column("Cost"), *(Column(name, "plain") for name in models))
    return Table("costs", "Cost", columns, cells)


def films(comparison: Comparison, chosen: np.ndarray, called: Sequence[str]) -> Table:
    """A row a film, `called` so: its class, and what each model predicts with which probability."""
    heads = ((Column(f"{name} predicts"), Column(f"{name} probability", "number")) for name in comparison.models)
    columns = (Column("Film"), Column("Reference standard"), *(column for pair in heads for column in pair))
    classes, truth = comparison.classes, comparison.evaluations[0].truth
    rows = tuple(
        (
            name,
            classes[truth[i]],
            *(
                cell
                for evaluation in comparison.evaluations
                for cell in (classes[evaluation.predicted[i]], float(evaluation.probabilities[i].max()))
            ),
        )
        for i, name in zip(chosen.tolist(), called, strict=True)
    )
    return Table("films", f"{len(chosen):,} films", columns, rows)


def _groups(comparison: Comparison) -> str:
    count = int(comparison.groups.max()) + 1
    return f"{count:,} groups of films" if count < len(comparison.films) else f"{count:,} films"


def _field_name(path: str) -> str:
    """A card's field for a reader: "recipe.phases.0.learning_rate" is "Phase 1, learning rate"."""
    if path in CARD_FIELDS:
        return CARD_FIELDS[path]
    name = path.rpartition(".")[2].replace("_", " ")
    field = _recipe_field(path)
    label = field.label if field else name[:1].upper() + name[1:]
    number = next((int(part) + 1 for part in path.split(".") if part.isdecimal()), None)
    if number is not None:
        return f"{'Phase' if path.startswith(PHASES) else 'Layer'} {number}, {label[:1].lower()}{label[1:]}"
    return f"Software, {path.rpartition('.')[2]}" if path.startswith("software.") else label


def _field_value(value: Any, path: str) -> Any:
    """A card's value as one cell, with the words and units of the recipe's form."""
    if value == UNKNOWN and path.startswith(PHASES):
        return f"no phase {int(path.removeprefix(PHASES).partition('.')[0]) + 1}"
    field = _recipe_field(path)
    if field and value in list(field.choices):
        return field.choices[value]
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value)) or "none"
    if isinstance(value, int | float):
        number = f"{value:,}" if isinstance(value, int) else f"{value:.4g}"
        unit = (field.unit.removesuffix("s") if value == 1 else field.unit) if field else ""
        return Measured(value, f"{number} {unit}".strip())
    return "none" if value is None else value


def _recipe_field(path: str) -> fields.Field | None:
    """The recipe's field at a card's path; the card repeats some of them."""
    try:
        return fields.at(path.removeprefix("recipe."))
    except KeyError:
        return None


def _cost(value: Any, field: str) -> Any:
    if not isinstance(value, int | float):
        return value
    if field.endswith("bytes"):
        return Measured(value, text.size(value))
    if field == "learning seconds":
        return Measured(value, text.duration(value))
    return Measured(value, f"{value:.2f} ms") if field == "milliseconds a film" else value
