"""2,000 bootstrap draws of the difference of two models at n = 10,000, against a loop over scikit-learn.

Both give intervals of the differences of accuracy, balanced accuracy and macro F1. The loop is timed on fewer draws and
scaled up, every draw costing the same.
"""

from __future__ import annotations

import sys
from functools import partial

import numpy as np
from sklearn import metrics

from benchmarks import claims
from xraykit.evaluation import comparison
from xraykit.evaluation.decisions import bootstrap
from xraykit.evaluation.evaluation import Evaluation

N, DRAWS, BUDGET, ROUNDS = 10_000, 2_000, 50.0, 5
LOOP_DRAWS = 10
CLASSES = ("COVID-19", "Normal", "Viral Pneumonia")


def main() -> None:
    for name, groups in (("films", np.arange(N)), ("groups", random_groups())):
        two = made("scratch", 2.0, groups), made("pretrained", 2.3, groups)
        contenders = {
            "ours": partial(bootstrap.differences, two, groups, DRAWS, [0]),
            "loop": partial(loop, *two, groups),
        }
        seconds = claims.interleaved(contenders, ROUNDS)
        scaled = seconds["loop"] * DRAWS / LOOP_DRAWS
        claims.report(f"comparison-bootstrap-{name}", scaled / seconds["ours"], BUDGET, at_least=True)
        note = (
            f"ours {1000 * seconds['ours']:.0f} ms, loop {scaled:.0f} s ({LOOP_DRAWS} draws timed, scaled to {DRAWS})"
        )
        print(f"# {name}: {note}", file=sys.stderr)
    groups = np.arange(N)
    four = [made(f"model {k}", 2 + k / 10, groups) for k in range(4)]
    whole = claims.interleaved({"four": partial(comparison.compare, four)}, 3)["four"]
    print(f"# four models, six verdicts with DeLong and {DRAWS} draws each: {1000 * whole:.0f} ms", file=sys.stderr)


def made(model: str, strength: float, groups: np.ndarray) -> Evaluation:
    truth = np.random.default_rng(1).integers(0, 3, N)
    logits = np.random.default_rng(round(100 * strength)).normal(size=(N, 3)) + strength * np.eye(3)[truth]
    return Evaluation(model, CLASSES, tuple(map(str, range(N))), truth, logits, groups=tuple(groups.tolist()))


def random_groups() -> np.ndarray:
    """One to about eight films a patient."""
    return np.unique(np.random.default_rng(2).integers(0, N // 3, N), return_inverse=True)[1]


def loop(first: Evaluation, second: Evaluation, groups: np.ndarray) -> np.ndarray:
    """What one writes without thinking of speed: draw films, call scikit-learn six times, take quantiles."""
    random, count = np.random.default_rng(0), int(groups.max()) + 1
    members = np.split(np.argsort(groups, kind="stable"), np.cumsum(np.bincount(groups))[:-1])
    measures = (metrics.accuracy_score, metrics.balanced_accuracy_score, partial(metrics.f1_score, average="macro"))
    drawn = []
    for _ in range(LOOP_DRAWS):
        if count == N:
            rows = random.integers(0, N, N)
        else:
            rows = np.concatenate([members[g] for g in random.integers(0, count, count)])
        truth = first.truth[rows]
        drawn.append(
            [measure(truth, second.predicted[rows]) - measure(truth, first.predicted[rows]) for measure in measures]
        )
    return np.quantile(drawn, [0.025, 0.975], axis=0)


if __name__ == "__main__":
    main()
