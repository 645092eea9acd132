"""Card report: what a saved model's card says, as a report for the page Models and for files.

Opens no file, no network and no page. What the card does not say is "not reported".
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from xraykit import RESEARCH_ONLY
from xraykit.evaluation import published
from xraykit.evaluation.stats import Figure, number_text
from xraykit.models.cards.card import Card
from xraykit.reports.film import software
from xraykit.reports.report.page import Report, Section, Tile
from xraykit.reports.report.table import Column, Table
from xraykit.reports.truth import home_and_elsewhere, left_out, numbers_report
from xraykit.reports.truth.data_audit import report as data_audit_report
from xraykit.training.recipe import sentences as recipe_sentences

UNKNOWN = "not reported"
INTENDED = (
    "To show, teach and study how such a network classifies chest films, and which regions influence it.",
    "To be compared with other models on the same films.",
)
NOT_FOR = (
    "Any decision about a person: no examination, screening, triage, treatment or second reading.",
    "Findings other than its classes, other body parts, lateral films: it assigns one of its classes to each of them.",
    "Films from another hospital, machine or age group without testing it on such films first.",
)
HASHED = "xraykit verifies these hashes before loading the model and refuses it if one differs."
NEVER_REPORTED = (
    "Age and sex",
    "View (PA, AP)",
    "Hospital and machine",
    "Who made the reference standard",
    "Licence",
)
SHOWN = (  # fields of card.data that have a line or a table of their own
    "name",
    "digest",
    "group_rule",
    "groups",
    "counts",
    "split_digests",
    "refused",
    "train_used",
    "shrink",
    "balance",
)
OVERALL = {
    "balanced_accuracy": "Balanced accuracy",
    "macro_f1": "Macro F1",
    "kappa": "Cohen's kappa",
    "macro_auroc": "Macro AUROC",
}
SHARES = {"sensitivity": "Sensitivity", "specificity": "Specificity", "ppv": "PPV", "npv": "NPV"}
SOFTWARE = {
    "python": "Python",
    "backend": "Backend",
    "keras": "Keras",
    "tensorflow": "TensorFlow",
    "tensorflow-cpu": "TensorFlow (CPU)",
    "jax": "JAX",
    "torch": "PyTorch",
    "ai-edge-litert": "AI Edge LiteRT",
    "numpy": "NumPy",
    "pillow": "Pillow",
}
CALIBRATION = {"ece": "Expected calibration error", "brier": "Brier score", "log_loss": "Log loss"}


def report(card: Card) -> Report:
    """The whole card to show or to hand out."""
    return Report(
        title=card.title,
        notice=RESEARCH_ONLY,
        facts=(),
        sections=sections(card),
        data={"kind": "model card", "redo": _redo(card)},
        lead=lead(card),
        headline=headline(card),
        columns=True,
        written=_created(card),
    )


def _redo(card: Card) -> dict[str, Any]:
    """What makes the same report again."""
    return {
        "verb": "report model",
        "arguments": {"model": card.name},
        "settings": {},
        "hashes": {"models": {card.name: dict(card.files)}},
        "versions": software.versions(),
    }


def sections(card: Card) -> tuple[Section, ...]:
    """The card's sections, in reading order."""
    test, validation = (card.metrics.get(part) or {} for part in ("test", "validation"))
    return (
        home_and_elsewhere.section(card),
        *numbers_report.sections([card]),
        Section("use", "Intended use", INTENDED, listed=True),
        Section("not-for", "Not for", NOT_FOR, listed=True),
        Section("limits", "Known failures and limits", (*_failures(card, test), *card.limits), listed=True),
        Section("data", "Data", parts=tuple(_data(card.data))),
        *data_audit_report.card_sections(card.checks),
        Section("recipe", "Recipe", tuple(recipe_sentences.sentences(card.recipe)), listed=True),
        _figures(test, validation),
        *_published(card, test),
        *left_out.sections(card),
        _classes(test),
        *_operating(card.metrics.get("operating_points") or ()),
        _confusion(card, test),
        _calibration(card, test, validation),
        Section("network", "Checked against the original network", (_agreement(card.metrics),), wide=True),
        Section("software", "Network and software", parts=(_facts("software", _network(card)),), wide=True),
        Section("files", "Files and their SHA-256", parts=(_facts("hashes", card.files.items(), HASHED),), wide=True),
    )


def headline(card: Card) -> tuple[Tile, ...]:
    """The few figures above all others, and what each rests on."""
    return (
        *home_and_elsewhere.tiles(card),
        Tile(
            "Parameters",
            f"{card.parameters:,}" if card.parameters else UNKNOWN,
            recipe_sentences.backbone(card.recipe),
        ),
    )


def lead(card: Card) -> str:
    """What the model is, in a line."""
    classes = f"{', '.join(card.classes[:-1])} or {card.classes[-1]}"
    return f"{card.name}: classifies chest films as {classes}. Saved {card.created[:16].replace('T', ' ')} UTC."


def _created(card: Card) -> datetime | None:
    try:
        made = datetime.fromisoformat(card.created)
    except ValueError:
        return None
    return made if made.tzinfo else made.replace(tzinfo=UTC)


def _failures(card: Card, test: Mapping[str, Any]) -> Iterator[str]:
    matrix = test.get("confusion")
    if not matrix:
        yield f"Errors on test films: {UNKNOWN}."
        return
    errors = [
        (count, reference, predicted)
        for reference, row in enumerate(matrix)
        for predicted, count in enumerate(row)
        if count and reference != predicted
    ]
    for count, reference, predicted in sorted(errors, reverse=True):
        films = sum(matrix[reference])
        yield (
            f"On its test split, {count} of {films} {card.classes[reference]} films "
            f"({number_text(count / films, 'percent')}) {'was' if count == 1 else 'were'} classified as "
            f"{card.classes[predicted]}."
        )
    if not errors:
        yield "On its test split it made no error; with so few films, that does not mean it makes none."


def _data(data: Mapping[str, Any]) -> Iterator[Table]:
    counts: Mapping[str, Mapping[str, int]] = data.get("counts") or {}
    if counts:
        yield films_table(counts, data.get("train_used"))
    yield _facts(
        "data-facts",
        (
            ("Collection", str(data.get("name", UNKNOWN))),
            ("Kept together in one split", str(data.get("group_rule", UNKNOWN))),
            ("Groups", _count(data.get("groups"))),
            ("Refused files", _count(data.get("refused"))),
            ("Training films used", _used(data)),
            *((name, UNKNOWN) for name in NEVER_REPORTED),
            *((name.replace("_", " ").capitalize(), str(value)) for name, value in data.items() if name not in SHOWN),
            ("SHA-256 of films and labels", str(data.get("digest", UNKNOWN))),
        ),
    )


def films_table(counts: Mapping[str, Mapping[str, int]], used: Mapping[str, int] | None) -> Table:
    """Films by class and part; where a recipe left training films out, a last column counts those it was trained on."""
    classes = list(dict.fromkeys(name for part in counts.values() for name in part))
    rows = [(name, *(part.get(name, 0) for part in counts.values())) for name in classes]
    rows.append(("All", *(sum(part.values()) for part in counts.values())))
    rows = [(*row, sum(row[1:])) for row in rows]
    heads = [*counts, "all"]
    if used is not None and dict(used) != dict(counts.get("train", {})):
        trained_on = [*(used.get(name, 0) for name in classes), sum(used.values())]
        rows = [(*row, count) for row, count in zip(rows, trained_on, strict=True)]
        heads.append("trained on")
    return Table("films", "", (Column("Films"), *(Column(head, "count") for head in heads)), tuple(rows), even=True)


def _used(data: Mapping[str, Any]) -> str:
    shrink, balance = data.get("shrink", 1.0), data.get("balance", "none")
    share = "all" if shrink == 1 else f"{number_text(shrink, 'percent')}, in whole groups"
    return share + {
        "undersample": ", then as many of each class as of the smallest",
        "weights": ", rare classes weighted more",
        "cells": ", every class of every source weighted the same",
    }.get(str(balance), "")


def _figures(test: Mapping[str, Any], validation: Mapping[str, Any]) -> Section:
    title = "Figures at home with 95% intervals"
    if not test:
        return Section("figures", title, (f"Figures on a test split: {UNKNOWN}.",), wide=True)
    parts = {"test": test, "validation": validation}
    heads = (f"{name}, n {part.get('n', UNKNOWN)}" for name, part in parts.items())
    columns = (Column("Measure"), *(Column(head, "percent", interval=True, look="bar") for head in heads))
    rows = [("Accuracy", *(_figure(part.get("accuracy")) for part in parts.values()))]
    rows += [(name, *(_number(part.get(key)) for part in parts.values())) for key, name in OVERALL.items()]
    note = "Wilson intervals; DeLong for AUROC. No test film was used for training, epoch selection or calibration."
    return Section("figures", title, parts=(Table("overall", "", columns, tuple(rows), note, even=True),), wide=True)


def _published(card: Card, test: Mapping[str, Any]) -> Iterator[Section]:
    """This model's figures above what others published on these films; nothing where nobody did."""
    figures = [figure for figure in published.of_card(card.data, card.metrics) if published.fits(figure, card.recipe)]
    if not figures:
        return
    rows, words = [], []
    for figure in figures:
        ours = _own(figure, test)
        name = f"{figure.label} {figure.measure}".strip()
        if ("This model", name) not in [row[:2] for row in rows]:
            rows.append(("This model", name, ours or UNKNOWN, f"{ours.n if ours else 0} test films, its own split"))
        rows.append((figure.study, name, Figure(figure.value).value_text(), figure.source))
        words.append(f"{figure.study}: {figure.words}{_beside(ours, figure.value)}")
    words.append("The films and the split differ from theirs: this is a side-by-side view, not a test.")
    columns = (
        Column("On this collection"),
        Column("Figure"),
        Column("Value", "percent", interval=True),
        Column("Source"),
    )
    yield Section(
        "published",
        "Comparison with published figures",
        tuple(words),
        (Table("published-figures", "", columns, tuple(rows)),),
        listed=True,
        wide=True,
    )


def _own(figure: published.PublishedFigure, test: Mapping[str, Any]) -> Figure | None:
    """What this model reached of what was published; None where its card does not say."""
    metrics = (test.get("classes") or {}).get(figure.label) if figure.label else test
    value = (metrics or {}).get(figure.measure)
    return Figure.from_dict(value) if isinstance(value, Mapping) else None


def _beside(ours: Figure | None, theirs: float) -> str:
    if ours is None or ours.ends is None:
        return ""
    low, high = ours.ends
    side = "lies above" if low > theirs else "lies below" if high < theirs else "contains"
    return f" This model's interval {ours.interval_text()} {side} the published {number_text(theirs, 'percent')}."


def _classes(test: Mapping[str, Any]) -> Section:
    title = "Each class against the rest, test split"
    classes: Mapping[str, Mapping[str, Any]] = test.get("classes") or {}
    if not classes:
        return Section("classes", title, (f"Figures by class: {UNKNOWN}.",), wide=True)
    columns = (
        Column("Class"),
        Column("n", "count"),
        *(Column(head, "percent", interval=True, look="bar") for head in SHARES.values()),
        Column("F1", "number"),
        Column("AUROC", "number", interval=True, look="bar"),
    )
    rows = tuple(
        (
            name,
            figures.get("support", UNKNOWN),
            *(_figure(figures.get(key)) for key in SHARES),
            _number(figures.get("f1")),
            _figure(figures.get("auroc_delong")) if figures.get("auroc_delong") else _number(figures.get("auroc")),
        )
        for name, figures in classes.items()
    )
    note = "PPV and NPV depend on how common each class is in this test split; where a class is rarer, PPV is lower."
    return Section("classes", title, parts=(Table("one-vs-rest", "", columns, rows, note),), wide=True)


def _operating(points: Sequence[Mapping[str, Any]]) -> Iterator[Section]:
    """Thresholds chosen on validation beside what they give on test; nothing on cards from before there were any."""
    if not points:
        return
    heads = ("Sensitivity, test", "Specificity, test", "PPV, test")
    columns = (
        Column("Class"),
        Column("Threshold"),
        *(Column(head, "percent", interval=True, look="bar") for head in heads),
    )
    rows = []
    for point in points:
        test, threshold = point.get("test") or {}, point.get("threshold")
        figures = (_figure(test.get(key)) for key in ("sensitivity", "specificity", "ppv"))
        rows.append((str(point.get("label")), UNKNOWN if threshold is None else f"{threshold:.3f}", *figures))
    words = [str(point["words"]) for point in points if point.get("words")]
    note = (
        "Chosen on validation films for a sensitivity of 95.0%, applied once to the test films. Films at or above the "
        "threshold are classified as the class. Choose other thresholds on the page Compare."
    )
    table = Table("thresholds", "", columns, tuple(rows), note, even=True)
    yield Section("operating", "Operating points", tuple(words), (table,), listed=True, wide=True)


def _confusion(card: Card, test: Mapping[str, Any]) -> Section:
    title, matrix = "Confusion matrix, test split", test.get("confusion")
    if not matrix:
        return Section("confusion", title, (f"Confusion matrix: {UNKNOWN}.",), wide=True)
    columns = (
        Column("Reference standard \\ predicted"),
        *(Column(name, "count", look="shade") for name in card.classes),
    )
    rows = tuple((name, *row) for name, row in zip(card.classes, matrix, strict=False))
    return Section("confusion", title, parts=(Table("matrix", "", columns, rows, even=True),), wide=True)


def _calibration(card: Card, test: Mapping[str, Any], validation: Mapping[str, Any]) -> Section:
    if "imported" in card.recipe:
        words = "Not calibrated: imported at temperature 1. How well its probabilities fit is not known."
        return Section("calibration", "Calibration", (words,), wide=True)
    side = "underconfident" if card.temperature < 1 else "overconfident"
    before = f" Before it, model probabilities were {side}." if card.temperature != 1 else ""
    note = (
        f"Temperature {card.temperature:.3f}, fitted on validation films alone.{before} It changes no predicted class."
    )
    parts = {name: part.get("calibration") or {} for name, part in (("test", test), ("validation", validation))}
    if not any(parts.values()):
        return Section("calibration", "Calibration", (f"Calibration: {UNKNOWN}.", note), wide=True)
    columns = [(part, when) for part in parts for when in ("before", "after")]
    rows = tuple(
        (name, *(_number((parts[part].get(when) or {}).get(key)) for part, when in columns))
        for key, name in CALIBRATION.items()
    )
    heads = (Column("Lower is better"), *(Column(f"{part}, {when}", "number") for part, when in columns))
    return Section(
        "calibration", "Calibration", parts=(Table("calibrated", "", heads, rows, note, even=True),), wide=True
    )


def _agreement(metrics: Mapping[str, Any]) -> str:
    agreement = metrics.get("agreement_with_keras") or {}
    if "largest_difference" not in agreement:
        return f"Agreement of the converted files with the original Keras network: {UNKNOWN}."
    kind = agreement.get("kind", "validation and test")
    return (
        f"Pages read films with features.tflite and head.npz, converted from model.keras. On "
        f"{agreement.get('films', '?')} {kind} films, no model probability differed from the original "
        f"network's by more than {agreement['largest_difference']:.1e}; up to {agreement.get('allowed', 1e-4):.0e} is "
        "allowed."
    )


def _network(card: Card) -> Iterator[tuple[str, str]]:
    yield "Input", f"{card.image_size} x {card.image_size} pixels, {'grey' if card.channels == 1 else 'colour'}"
    yield "Heatmap layer", card.feature_layer or "none: this network has no Grad-CAM heatmap"
    speed = card.metrics.get("milliseconds_a_film")
    yield "Milliseconds per film", UNKNOWN if speed is None else f"{speed:.1f}, on the computer that saved it"
    yield from (
        (SOFTWARE.get(str(name), str(name)), SOFTWARE.get(str(value), str(value)))
        for name, value in card.software.items()
    )
    if not card.software:
        yield "Software", UNKNOWN


def _facts(key: str, rows: Any, note: str = "") -> Table:
    return Table(key, "", (Column("Fact"), Column("Value")), tuple(rows), note, head=False)


def _figure(data: Mapping[str, Any] | None) -> Figure | str:
    return UNKNOWN if data is None else Figure.from_dict(data)


def _number(value: float | None) -> str:
    return UNKNOWN if value is None else number_text(value, "number")


def _count(value: Any) -> str:
    return f"{value:,}" if isinstance(value, int) else UNKNOWN
