"""Ties: which trials of a study cannot be told apart from the best, and by which test."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from xraykit.evaluation import stats
from xraykit.evaluation.stats import Figure
from xraykit.experiments.results.records import RunRecord, Standing
from xraykit.experiments.results.spread import corrected_interval, corrected_p

ALPHA = 0.05


class Method(enum.StrEnum):
    """How two trials are told apart; always in pairs."""

    FOLDS = "paired t over folds and seeds, corrected for shared training films"
    FILMS = "exact sign test over the validation films"  # with one seed it is McNemar's exact test
    SEEDS = "paired t over seeds"
    NONE = "none"  # one run each, and no film they have in common


@dataclass(frozen=True)
class Difference:
    """The best trial minus another one, in shares of accuracy on the same validation films.

    `p` is None where nothing could be tested; `adjusted_p` is Holm's for every pair of trials there is, as the best
    one was found by the same figures. `pairs` runs or films were compared.
    """

    trial: int
    difference: Figure
    p: float | None
    adjusted_p: float | None
    pairs: int
    method: Method

    @property
    def tied(self) -> bool:
        """It cannot be told apart from the best."""
        return self.adjusted_p is None or self.adjusted_p >= ALPHA


@dataclass(frozen=True)
class Ties:
    """The best trial, and each other one beside it, best first. `best` is None before a run has finished."""

    best: int | None = None
    others: tuple[Difference, ...] = ()

    @property
    def compared(self) -> int:
        """How many trials have a figure."""
        return 0 if self.best is None else 1 + len(self.others)

    @property
    def tied(self) -> tuple[int, ...]:
        """The trials that cannot be told apart from the best, itself first."""
        return () if self.best is None else (self.best, *(other.trial for other in self.others if other.tied))

    @property
    def methods(self) -> tuple[Method, ...]:
        """The tests that were made, each once."""
        return tuple(dict.fromkeys(other.method for other in self.others))

    def difference(self, trial: int) -> Difference | None:
        """What is known of a trial beside the best; None of the best itself, and where there is nothing."""
        return next((other for other in self.others if other.trial == trial), None)


def ties(runs: dict[int, Sequence[RunRecord]], folds: int) -> Ties:
    """Tell trials apart by their finished runs.

    Parameters
    ----------
    runs : dict of int to sequence of RunRecord
        By trial.
    folds : int
        Of the study.
    """
    finished = {
        trial: {run.key: run for run in records if run.standing is Standing.FINISHED and run.accuracy is not None}
        for trial, records in runs.items()
    }
    means = {trial: _mean(by_key) for trial, by_key in finished.items() if by_key}
    if not means:
        return Ties()
    # While a study runs, a trial with one fold of five is not yet the best of those that have all
    most = max(len(finished[trial]) for trial in means)
    ranks = {trial: _rank(trial, list(finished[trial].values())) for trial in means}
    best = min((trial for trial in means if len(finished[trial]) == most), key=ranks.__getitem__)
    order = sorted((trial for trial in means if trial != best), key=ranks.__getitem__)
    compared = [_compare(finished[best], finished[trial], trial, folds) for trial in order]
    pairs = len(means) * (len(means) - 1) // 2
    adjusted = stats.holm([*(each.p for each in compared), *[1.0] * (pairs - len(compared))])
    return Ties(
        best,
        tuple(
            Difference(each.trial, each.difference, each.p, p, each.pairs, each.method)
            for each, p in zip(compared, adjusted, strict=False)
        ),
    )


def _rank(trial: int, runs: Sequence[RunRecord]) -> tuple[float, float, int, int]:
    """The best is the least: accuracy, then loss, then size, as the engine chooses."""
    accuracy = float(np.mean([run.accuracy or 0.0 for run in runs]))
    loss = float(np.mean([np.inf if run.loss is None else run.loss for run in runs]))
    return -accuracy, loss, max(run.parameters or 0 for run in runs), trial


def _mean(by_key: dict[tuple[int, int], RunRecord]) -> float:
    return float(np.mean([run.accuracy or 0.0 for run in by_key.values()]))


def _compare(
    best: dict[tuple[int, int], RunRecord], other: dict[tuple[int, int], RunRecord], trial: int, folds: int
) -> Difference:
    keys = sorted(best.keys() & other.keys())
    pairs = [(best[key], other[key]) for key in keys]
    differences = [(first.accuracy or 0.0) - (second.accuracy or 0.0) for first, second in pairs]
    mean = float(np.mean(differences)) if differences else None
    if folds > 1 and len(differences) > 1:
        low, high = corrected_interval(differences, folds)
        p = corrected_p(differences, folds)
        return Difference(trial, Figure(mean, low, high, len(pairs)), p, p, len(pairs), Method.FOLDS)
    if folds == 1 and (films := _films(pairs)) is not None:
        return _by_film(films, trial)
    if folds == 1 and len(differences) > 1:
        low, high = corrected_interval(differences, 1)
        p = corrected_p(differences, 1)
        return Difference(trial, Figure(mean, low, high, len(pairs)), p, p, len(pairs), Method.SEEDS)
    return Difference(trial, Figure(mean, n=len(pairs)), None, None, len(pairs), Method.NONE)


def _films(pairs: Sequence[tuple[RunRecord, RunRecord]]) -> tuple[np.ndarray, np.ndarray] | None:
    """How often each film was right over the seeds, with either trial; None where the films are not the same."""
    known = [read for pair in pairs for run in pair if (read := run.right) is not None]
    if not pairs or len(known) < 2 * len(pairs) or len({read.digest for read in known}) > 1:
        return None
    first, second = (np.array([read.right for read in known[side::2]]).sum(axis=0) for side in (0, 1))
    return first / len(pairs), second / len(pairs)


def _by_film(films: tuple[np.ndarray, np.ndarray], trial: int) -> Difference:
    change = films[0] - films[1]
    better, worse, n = int((change > 0).sum()), int((change < 0).sum()), len(change)
    p = stats.mcnemar(better, worse)
    value = float(change.mean())
    if np.isin(change, (-1, 0, 1)).all():
        low, high = stats.paired_score_interval(better, worse, n)
    else:  # means over several seeds: films are the sample
        half = 1.959964 * float(change.std(ddof=1)) / n**0.5
        low, high = value - half, value + half
    return Difference(trial, Figure(value, low, high, n), p, p, n, Method.FILMS)
