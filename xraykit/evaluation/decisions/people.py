"""Of 100 such people: what a sensitivity and a specificity mean where a class is as common as somebody says it is."""

from __future__ import annotations

from dataclasses import dataclass

from xraykit.evaluation.stats import LEVEL, Figure

PREVALENCES = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5)  # that tables tell
DOTS = 100


@dataclass(frozen=True)
class People:
    """`DOTS` people at a `prevalence`: hits, misses, false alarms and those rightly not called; they add up to 100.

    `ppv` and `npv` are exact, not those of the rounded people.
    """

    prevalence: float
    hits: int
    missed: int
    false_alarms: int
    rejected: int
    ppv: Figure
    npv: Figure


def of_hundred(sensitivity: Figure, specificity: Figure, prevalence: float) -> People | None:
    """The people, or None where sensitivity or specificity is not known.

    Parameters
    ----------
    sensitivity, specificity : Figure
        Shares in [0, 1]; their `n` are the films with and without the class.
    prevalence : float
        In [0, 1].
    """
    if sensitivity.value is None or specificity.value is None:
        return None
    hit, ill, called = bounds(sensitivity.value, specificity.value, prevalence)
    ppv, npv = predictive_values(sensitivity, specificity, prevalence)
    return People(prevalence, hit, ill - hit, called - ill, DOTS - called, ppv, npv)


def bounds(sensitivity: float, specificity: float, prevalence: float) -> tuple[int, int, int]:
    """Where hits, misses and false alarms end among `DOTS` people in this order: rounded once, so they add up."""
    ends = (
        prevalence * sensitivity,
        prevalence,
        prevalence + (1 - prevalence) * (1 - specificity),
    )
    return tuple(int(DOTS * end + 0.5) for end in ends)  # type: ignore[return-value]  # three


def predictive_values(sensitivity: Figure, specificity: Figure, prevalence: float) -> tuple[Figure, Figure]:
    """PPV and NPV by Bayes' theorem, with intervals of the adjusted logit (Mercaldo et al. 2007, Stat Med 26:2170).

    The prevalence counts as known. Without films on either side there is no interval.
    """
    if sensitivity.value is None or specificity.value is None:
        return Figure(None), Figure(None)
    se, sp = sensitivity.value, specificity.value
    n = sensitivity.n + specificity.n
    ppv = _share(se * prevalence, (1 - sp) * (1 - prevalence))
    npv = _share(sp * (1 - prevalence), (1 - se) * prevalence)
    if not sensitivity.n or not specificity.n or not 0 < prevalence < 1:
        return Figure(ppv, n=n), Figure(npv, n=n)
    (se, ill), (sp, well) = adjusted(se, sensitivity.n), adjusted(sp, specificity.n)
    odds = prevalence / (1 - prevalence)
    spread_ppv = ((1 - se) / (se * ill) + sp / ((1 - sp) * well)) ** 0.5
    spread_npv = (se / ((1 - se) * ill) + (1 - sp) / (sp * well)) ** 0.5
    return (
        Figure(ppv, *_ends(se / (1 - sp) * odds, spread_ppv, ppv), n),
        Figure(npv, *_ends(sp / (1 - se) / odds, spread_npv, npv), n),
    )


def adjusted(share: float, n: int) -> tuple[float, float]:
    """A share and its n with z squared films added, half of them hits, so that 0 and 1 have an interval too."""
    more = _z() ** 2
    return (share * n + more / 2) / (n + more), n + more


def _ends(odds: float, spread: float, value: float | None) -> tuple[float | None, float | None]:
    """The interval of a share whose logarithm of odds has this standard deviation, drawn out to hold the value."""
    from math import exp

    if value is None:
        return None, None
    low, high = (odds * factor / (1 + odds * factor) for factor in (exp(-_z() * spread), exp(_z() * spread)))
    return min(low, value), max(high, value)


def _share(part: float, rest: float) -> float | None:
    return part / (part + rest) if part + rest else None


def _z() -> float:
    from scipy.special import ndtri

    return float(ndtri((1 + LEVEL) / 2))
