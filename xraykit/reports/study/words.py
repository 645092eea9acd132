"""A study in words: settings as people write them, trials by name, and what the figures say in sentences.

Every sentence is made of a type: no program reads it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from xraykit.evaluation.stats import p_text
from xraykit.experiments.results.overfitting import ALL, HEAD, Overfitting, Reading
from xraykit.experiments.results.records import Standing
from xraykit.experiments.results.ties import Difference, Method, Ties
from xraykit.experiments.table import Table, TrialRow
from xraykit.training.recipe import sentences

RANDOM_START = "random start"  # ImageNet weights were asked for and are not on this computer
LETTERS = 60  # of a trial's name in a chart
STATE_WORDS = {
    Standing.WAITING: "waiting",
    Standing.RUNNING: "running",
    Standing.FINISHED: "finished",
    Standing.CUT: "cut early",
    Standing.STOPPED: "stopped",
    Standing.FAILED: "failed",
}
METHODS = {
    Method.FOLDS: "paired t over folds and seeds, corrected for the training films that folds share",
    Method.FILMS: "an exact sign test over the validation films, with one seed McNemar's",
    Method.SEEDS: "paired t over seeds",
    Method.NONE: "no test: one run each, and no films in common",
}
DEPTHS = {HEAD: "head only", ALL: "everything"}


def label(path: str) -> str:
    """A factor as a column names it: "Hidden layers", "Learning rate"; the phase is named where it is not the first."""
    words = sentences.field_label(path).removeprefix("phase 1: ")
    words = "hidden layers" if path == "hidden" else words
    return words[:1].upper() + words[1:]


def setting(path: str, value: Any) -> str:
    """A value of a factor: "2 × 8 units", "1e-05", "head only"."""
    if path == "hidden" and isinstance(value, list | tuple):
        return _hidden(value)
    if path.endswith(".trainable") or path == "trainable":
        return DEPTHS.get(str(value), f"last {value} convolutions")
    if path == "shrink" and isinstance(value, int | float):
        return f"{100 * value:g}%"
    if isinstance(value, bool) or value is None or isinstance(value, str):
        return sentences.field_value(path, value)
    if isinstance(value, int | float):
        return f"{value:g}" if isinstance(value, float) else str(value)
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {setting(name, part)}" for name, part in value.items()) or "none"
    return f"{len(value)}: " + "; ".join(setting(path, part) for part in value) if value else "none"


def _hidden(layers: Sequence[Any]) -> str:
    if not layers:
        return "none"
    sizes = [_layer(layer) for layer in layers]
    if len(set(sizes)) == 1:
        return f"{len(sizes)} × {sizes[0]} units" if len(sizes) > 1 else f"{sizes[0]} units"
    return f"{', '.join(sizes)} units"


def _layer(layer: Any) -> str:
    return str(layer.get("width", "?")) if isinstance(layer, Mapping) else str(layer)


def names(table: Table) -> dict[int, str]:
    """A short name for each trial: its number and what it has otherwise than some other trial."""
    varied = [path for path in table.factors if len({repr(row.settings.get(path)) for row in table.rows}) > 1] or list(
        table.factors
    )
    return {row.number: name(row, varied) for row in table.rows}


def name(row: TrialRow, factors: Sequence[str]) -> str:
    """ "3: 8 units, 5e-05", with a mark where it began from random weights."""
    values = ", ".join(setting(path, row.settings[path]) for path in factors if path in row.settings)
    values = values if len(values) <= LETTERS else f"{values[: LETTERS - 1]}…"
    mark = f" ({RANDOM_START})" if row.random_start else ""
    return f"{row.number}: {values}{mark}" if values else f"{row.number}{mark}"


def states(row: TrialRow) -> str:
    """Where its runs stand: "5 of 5 finished", "3 of 5 finished, 1 failed"."""
    counts = row.counts
    parts = [f"{counts[Standing.FINISHED]} of {len(row.runs)} finished"]
    order = (Standing.RUNNING, Standing.FAILED, Standing.CUT, Standing.STOPPED)
    return ", ".join([*parts, *(f"{counts[state]} {STATE_WORDS[state]}" for state in order if counts[state])])


def beside_best(ties: Ties, trial: int) -> str:
    """ "best", "cannot be told apart", "worse, p = 0.003", or nothing without a figure."""
    if trial == ties.best:
        return "best"
    other = ties.difference(trial)
    if other is None:
        return ""
    return "cannot be told apart" if other.tied else f"worse, p {p_text(other.adjusted_p)}"


def verdict(table: Table, by_number: Mapping[int, str]) -> Iterator[str]:
    """Which trial is best, how sure that is, and what it rests on."""
    best, ties = table.best, table.ties
    if best is None:
        yield _without_best(table)
        return
    n = best.accuracy.n
    runs = f"mean of {n} runs" if n > 1 else "one run"
    films = f", n = {best.films:,} validation films{' each' * (n > 1)}" if best.films else ""
    yield (
        f"Best so far on validation films: trial {by_number[best.number]}, accuracy "
        f"{best.accuracy.figure.text()} ({runs}{films})."
        if _open(table)
        else f"Best on validation films: trial {by_number[best.number]}, accuracy {best.accuracy.figure.text()} "
        f"({runs}{films})."
    )
    yield from _tie_words(ties)
    if table.random_start:
        yield (
            "Trials marked “random start” asked for ImageNet weights that are not on this computer: they began from "
            "random weights and say nothing about pretraining."
        )


def _without_best(table: Table) -> str:
    if finished := table.counts[Standing.FINISHED]:
        runs = "The finished run has no" if finished == 1 else f"None of the {finished} finished runs has a"
        return f"{runs} validation accuracy that can be read."
    if table.runs and table.counts[Standing.FAILED] == len(table.runs):
        return "Every run has failed."
    return "No run has finished yet."


def _open(table: Table) -> bool:
    return any(table.counts[standing] for standing in Standing if standing.open)


def _tie_words(ties: Ties) -> Iterator[str]:
    if ties.compared < 2:
        return
    tied = len(ties.tied)
    methods = "; ".join(METHODS[method] for method in ties.methods)
    pairs = ties.compared * (ties.compared - 1) // 2
    basis = f"{methods[0].upper()}{methods[1:]}; Holm-adjusted over {pairs} pair{'s' * (pairs != 1)} of trials."
    if tied == ties.compared:
        yield f"The {tied} trials cannot be told apart. {basis}"
    elif tied == 1:
        others = ties.compared - 1
        yield f"It is better than {'the other trial' if others == 1 else f'each of the other {others} trials'}. {basis}"
    elif set(ties.tied) == {ties.best, *(other.trial for other in ties.others[: tied - 1])}:
        yield f"The top {tied} of {ties.compared} cannot be told apart. {basis}"
    else:
        yield f"{tied} of {ties.compared} cannot be told apart from the best. {basis}"


def difference(other: Difference) -> str:
    """ "2.1 points [0.4, 3.9]"."""
    return f"{other.difference.value_text('points')} points {other.difference.interval_text('points')}"


def overfitting(group: Overfitting) -> str:
    """Whether the published reading holds: overfitting less with everything unfrozen."""
    same = ", ".join(f"{label(path).lower()} {setting(path, value)}" for path, value in group.same.items())
    begin = f"With {same}: " if same else ""
    change = group.difference
    figures = f"{change.value_text('points')} points {change.interval_text('points')}"
    runs = f"{change.n} run{'s' * (change.n != 1)} each"
    words = {
        Reading.HOLDS: f"the published reading holds here: with everything unfrozen the gap between training and "
        f"validation accuracy at the last epoch is smaller by {figures} than with the head alone ({runs}).",
        Reading.CONTRARY: f"the published reading does not hold here: with everything unfrozen the gap between "
        f"training and validation accuracy at the last epoch is larger by "
        f"{change.negated().value_text('points')} points {change.negated().interval_text('points')} than with the "
        f"head alone ({runs}).",
        Reading.NOT_TOLD_APART: f"whether the published reading holds cannot be told here: the gap with the head "
        f"alone minus the gap with everything unfrozen is {figures} at the last epoch ({runs}).",
        Reading.UNKNOWN: "whether the published reading holds is not known before the head alone and everything "
        "unfrozen have both finished.",
    }[group.reading]
    sentence = begin + words
    return sentence[0].upper() + sentence[1:]
