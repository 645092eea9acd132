"""Budget: how a study fits into a time, by fewer training films or not at all."""

from __future__ import annotations

import math
from dataclasses import dataclass

from xraykit.experiments.plan.plan import SLOWER, Plan
from xraykit.experiments.study.study import Study
from xraykit.system import text

LEAST_SHRINK = 0.05


@dataclass(frozen=True)
class Cut:
    """How a study fits into a budget: its new `shrink`, or None where shrinking alone does not do it."""

    budget: float
    shrink: float | None
    words: str


def cut(study: Study, planned: Plan, budget: float) -> Cut:
    """How the study fits into a budget of seconds, by the upper end of its range: fewer training films, if enough.

    Shrinking takes whole groups, and what each run takes to begin stays, as do the passes through frozen layers.
    """
    whole = text.duration(budget)
    if planned.high <= budget:
        return Cut(budget, planned.shrink, f"It fits into {whole} as it is.")
    rest = SLOWER * (planned.features + planned.start)
    share = (budget - rest) / (SLOWER * planned.learning) if planned.learning else 0.0
    shrink = math.floor(share * planned.shrink * 1000) / 1000
    if "shrink" in study.factors:
        words = "the fraction of training films is a factor of the study and is not cut"
    elif shrink < LEAST_SHRINK:
        words = f"learning from {LEAST_SHRINK:.0%} of the training films would still take longer"
    else:
        return Cut(
            budget,
            shrink,
            f"To fit into {whole}, each run learns from {shrink:.1%} of the training films (whole groups). Validation "
            "and test films stay as they are.",
        )
    trials = max(0, math.floor(planned.trials * budget / planned.high))
    return Cut(
        budget,
        None,
        f"It does not fit into {whole}: {words}. Take fewer values, folds, seeds or epochs: about {trials} of the "
        f"{planned.trials} trials would fit as they are.",
    )
