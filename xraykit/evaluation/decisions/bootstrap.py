"""Bootstrap: differences of several models' measures on the same films, over draws of whole groups of films."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np

from xraykit.evaluation import stats
from xraykit.evaluation.decisions import measures
from xraykit.evaluation.evaluation import Evaluation
from xraykit.evaluation.stats import Figure

MEASURES = {
    "accuracy": measures.accuracy,
    "balanced_accuracy": measures.balanced_accuracy,
    "macro_f1": measures.macro_f1,
}


def differences(
    evaluations: Sequence[Evaluation], groups: np.ndarray, draws: int, seed: Sequence[int]
) -> dict[tuple[int, int], dict[str, Figure]]:
    """Accuracy, balanced accuracy and macro F1 of each pair of places, second minus first, with 95% intervals.

    A draw takes whole groups of films, counted from 0 in `groups` (N,) int64, and is the same for every pair.
    """
    n, count = len(groups), int(groups.max()) + 1
    drawn = _drawn_measures(evaluations, groups, draws, seed)
    values = [{name: measure(evaluation.confusion) for name, measure in MEASURES.items()} for evaluation in evaluations]
    return {
        (i, j): {
            name: stats.percentile_interval(
                stats.known(values[j][name] - values[i][name]), drawn[j][name] - drawn[i][name], n, count
            )
            for name in MEASURES
        }
        for i, j in combinations(range(len(evaluations)), 2)
    }


def _drawn_measures(
    evaluations: Sequence[Evaluation], groups: np.ndarray, draws: int, seed: Sequence[int]
) -> list[dict[str, np.ndarray]]:
    """Each measure (draws,) of each model, over bootstrap draws of whole groups."""
    classes, count = np.arange(len(evaluations[0].classes)), int(groups.max()) + 1
    # A film is no more than its class and the predictions: films alike in them are drawn together
    said = np.column_stack([evaluations[0].truth, *(evaluation.predicted for evaluation in evaluations)])
    kinds, kind = np.unique(said, axis=0, return_inverse=True)
    k, kind = len(kinds), kind.ravel()
    given = (kinds[:, :, None] == classes).astype(float)  # (K, 1 + models, C): class, then predictions
    counted = np.concatenate([given, given[:, :1] * given[:, 1:]], axis=1).reshape(k, -1)
    if count == len(groups):
        rows, times = counted, np.bincount(kind, minlength=k)
    else:
        held, times = np.unique(
            np.bincount(groups * k + kind, minlength=count * k).reshape(count, k), axis=0, return_counts=True
        )
        rows = held.astype(float) @ counted
    parts = 1 + 2 * len(evaluations)
    sums = [block.reshape(len(block), parts, -1) for block in stats.draw(rows, draws, seed, times)]
    support, *rest = np.moveaxis(np.concatenate(sums), 1, 0)
    predicted, hits = rest[: len(evaluations)], rest[len(evaluations) :]
    return [
        {name: measure(*counts) for name, measure in measures.FROM_COUNTS.items()}
        for counts in ((hit, support, called) for hit, called in zip(hits, predicted, strict=True))
    ]
