"""Statistics: intervals, areas, paired tests and bootstrap on plain arrays, in closed form or vectorised.

Knows no films, models or files. What cannot be known from the numbers given is None, never NaN, and never a warning.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from itertools import combinations
from typing import Any, Literal

import numpy as np

from xraykit.system import text

LEVEL = 0.95  # of every interval
LIMIT, NEAR_LIMIT, MOST_DIGITS = 0.05, 0.005, 9  # of p: where three digits are too few
UNDEFINED = "n/a"  # a figure that these films cannot give
_CELLS = 2**22  # numbers a block of bootstrap draws may hold: 32 MB

Kind = Literal["percent", "points", "number"]
_Area = tuple[float | None, np.ndarray | None]  # and each film's part in it


@dataclass(frozen=True)
class Figure:
    """A number with its interval: `value` None where it is not defined, `low` and `high` None without an interval.

    `n` is how many films it rests on, `level` the interval's, in (0, 1). Shares are in [0, 1], differences of shares
    in [-1, 1]; `text` writes both as percentages or points.
    """

    value: float | None
    low: float | None = None
    high: float | None = None
    n: int = 0
    level: float = LEVEL

    @property
    def ends(self) -> tuple[float, float] | None:
        """The interval, or None where there is none."""
        return None if self.low is None or self.high is None else (self.low, self.high)

    def text(self, kind: Kind = "percent") -> str:
        """Value and interval as every page, file and command writes them: "95.0% [90.1, 97.6]"."""
        interval = self.interval_text(kind)
        return f"{self.value_text(kind)} {interval}" if interval else UNDEFINED

    def value_text(self, kind: Kind = "percent") -> str:
        """The value alone: "95.0%" ("percent"), "2.7" ("points") or "0.9501" ("number")."""
        return number_text(self.value, kind)

    def interval_text(self, kind: Kind = "percent") -> str:
        """The interval alone: "[90.1, 97.6]"; empty where the value is not defined."""
        if self.value is None:
            return ""
        if self.ends is None:
            return "(no interval)"
        return f"[{', '.join(number_text(end, kind).removesuffix('%') for end in self.ends)}]"

    def negated(self) -> Figure:
        """The same difference, counted the other way round."""
        value, low, high = (None if number is None else -number for number in (self.value, self.high, self.low))
        return Figure(value, low, high, self.n, self.level)

    def to_dict(self) -> dict[str, Any]:
        """{"value", "low", "high", "n"}, as cards, evaluations and reports keep it in JSON."""
        return {"value": self.value, "low": self.low, "high": self.high, "n": self.n}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any] | None) -> Figure:
        """Read what `to_dict` wrote; what is missing is not defined."""
        data = data or {}
        return cls(data.get("value"), data.get("low"), data.get("high"), data.get("n") or 0)


def number_text(value: float | None, kind: Kind) -> str:
    """A share as a percentage or in points, one decimal, or a number with four."""
    if value is None:
        return UNDEFINED
    if kind == "number":
        return f"{value:.4f}"
    return text.percent(value) if kind == "percent" else f"{round(100 * value, 1) + 0.0:.1f}"  # no -0.0


def p_number(p: float | None) -> str:
    """A p value: "0.012", "< 0.001", and as many digits near 0.05 as show on which side it lies: "0.0496"."""
    if p is None:
        return UNDEFINED
    if p < 0.001:
        return "< 0.001"
    digits = 4 if abs(p - LIMIT) < NEAR_LIMIT else 3
    while p != LIMIT and float(f"{p:.{digits}f}") == LIMIT and digits < MOST_DIGITS:
        digits += 1
    return f"{p:.{digits}f}"


def p_text(p: float | None) -> str:
    """A p value after the letter p: "= 0.012" or "< 0.001"."""
    written = p_number(p)
    return written if p is None or written.startswith("<") else f"= {written}"


def plain(value: Any) -> Any:
    """Dataclasses, mappings and sequences as the dicts and lists that JSON knows; a Figure without its level."""
    if isinstance(value, Figure):
        return value.to_dict()
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Mapping):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return value


def proportion(successes: int, n: int, method: str = "wilson") -> Figure:
    """A share with its 95% interval; value None where n is 0.

    `method` "wilson" is the score interval (Wilson 1927); "exact" is Clopper and Pearson's (1934), never too narrow.
    """
    from scipy.stats import binomtest

    if n == 0:
        return Figure(None)
    interval = binomtest(int(successes), int(n)).proportion_ci(LEVEL, method)
    return Figure(successes / n, float(interval.low), float(interval.high), int(n))


def share_of_groups(hits: np.ndarray, groups: np.ndarray) -> Figure:
    """A share of films with its 95% interval, films of one group (a patient's) not counted as independent.

    Wilson's interval at the effective number of films, n over the design effect of the ratio estimator (Rao and Scott
    1992, Biometrics 48:577), which counts as 1 where it is less. Where every film or none is a hit, or there is one
    group only, nothing can be said of the groups' spread: the effective number is that of the groups.

    Parameters
    ----------
    hits : (N,) bool
    groups : (N,) int
    """
    n, places = len(hits), np.unique(groups, return_inverse=True)[1]
    if n == 0:
        return Figure(None)
    count, share = int(places.max()) + 1, float(np.mean(hits))
    effective = float(count)
    if 0 < share < 1 and count > 1:
        residuals = np.bincount(places, np.asarray(hits, float) - share)
        variance = count / (count - 1) * float(residuals @ residuals) / n**2
        effective = min(n, share * (1 - share) / variance) if variance else n
    return Figure(share, *_wilson(share, effective), n)


def mean_of_shares(shares: Sequence[Figure]) -> Figure:
    """The mean of independent shares with its 95% interval: of sensitivities, the balanced accuracy.

    Recovers the variances from each share's own interval (Zou, Huang and Zhang 2009, Comput Stat Data Anal 53:1080),
    so that it needs no films. Shares that are not defined are left out; `n` is the sum.
    """
    known = [(share.value, *share.ends, share.n) for share in shares if share.value is not None and share.ends]
    if not known:
        return Figure(None)
    values, lows, highs, counts = np.array(known, float).T
    mean = float(values.mean())
    below, above = (float(np.sqrt(((values - ends) ** 2).sum())) / len(values) for ends in (lows, highs))
    return Figure(mean, max(0.0, mean - below), min(1.0, mean + above), int(counts.sum()))


def _wilson(share: float, n: float) -> tuple[float, float]:
    """Wilson's interval (1927) of a share of `n` films, which need not be whole."""
    from scipy.special import ndtri

    z = float(ndtri((1 + LEVEL) / 2))
    middle, half = share + z * z / (2 * n), z * (share * (1 - share) / n + z * z / (4 * n * n)) ** 0.5
    low, high = ((end / (1 + z * z / n)) for end in (middle - half, middle + half))
    return (0.0 if share == 0 else low), (1.0 if share == 1 else high)


@dataclass(frozen=True)
class PairedAuroc:
    """Areas of two scores on the same films, `difference` second minus first, `z` and two-sided `p`."""

    first: Figure
    second: Figure
    difference: Figure
    z: float | None
    p: float | None


def auroc(positive: np.ndarray, scores: np.ndarray, groups: np.ndarray | None = None) -> Figure:
    """Area under the ROC curve, ties counted half, with DeLong's interval (DeLong et al. 1988).

    Parameters
    ----------
    positive : (N,) bool
    scores : (N,) float
    groups : (N,) int, optional
        Films of one group do not count as independent (Obuchowski 1997, Biometrics 53:567).

    Returns
    -------
    Figure
        `value` None where one side is empty; `low` and `high` None where the variance cannot be estimated: fewer
        than two films on a side, or perfect separation.
    """
    return _area(positive, *_components(positive, scores), groups)


def delong(
    positive: np.ndarray, first: np.ndarray, second: np.ndarray, groups: np.ndarray | None = None
) -> PairedAuroc:
    """DeLong's paired test of two areas on the same films (DeLong et al. 1988; midranks, Sun and Xu 2014).

    Films count as independent, or with `groups` those of different groups do (Obuchowski 1997). Where the difference
    has no variance, `p` is 1 for equal areas and None for others.
    """
    return delong_pairs(positive, (first, second), groups)[0, 1]


def delong_pairs(
    positive: np.ndarray, scores: Sequence[np.ndarray], groups: np.ndarray | None = None
) -> dict[tuple[int, int], PairedAuroc]:
    """`delong` of each pair of several scores on the same films, by their places."""
    areas = [_components(positive, score) for score in scores]
    figures = [_area(positive, *area, groups) for area in areas]
    return {
        (i, j): _paired_areas(positive, (areas[i], areas[j]), (figures[i], figures[j]), groups)
        for i, j in combinations(range(len(scores)), 2)
    }


def _paired_areas(
    positive: np.ndarray, areas: Sequence[_Area], figures: tuple[Figure, Figure], groups: np.ndarray | None
) -> PairedAuroc:
    n, ((area_a, parts_a), (area_b, parts_b)) = len(positive), areas
    if area_a is None or area_b is None:
        return PairedAuroc(*figures, _area_figure(None, None, n, (-1.0, 1.0)), None, None)
    change = area_b - area_a
    # Of the components' differences, so that identical scores give exactly 0
    variance = None if parts_a is None or parts_b is None else _variance(positive, parts_b - parts_a, groups)
    difference = _area_figure(change, variance, n, (-1.0, 1.0))
    if not variance:
        return PairedAuroc(*figures, difference, 0.0 if change == 0 else None, 1.0 if change == 0 else None)
    z = change / variance**0.5
    return PairedAuroc(*figures, difference, float(z), _two_sided(z))


def mcnemar(fixed: int, broken: int) -> float:
    """Two-sided exact p of McNemar's test (McNemar 1947): discordant films fall either way alike; 1 where none are."""
    from scipy.stats import binomtest

    return float(binomtest(int(fixed), int(fixed + broken)).pvalue) if fixed + broken else 1.0


def paired_score_interval(fixed: int, broken: int, n: int) -> tuple[float, float]:
    """95% interval of the paired difference (fixed - broken) / n by Tango's score (Tango 1998, Stat Med 17:891).

    Unlike the bootstrap it does not collapse where no film or every film is discordant.
    """
    from scipy.optimize import root_scalar
    from scipy.special import ndtri

    z, estimate = float(ndtri((1 + LEVEL) / 2)), (fixed - broken) / n

    def excess(delta: float) -> float:
        """Squared score statistic less its limit, times the variance: free of 0 / 0 at the ends."""
        a, b = 2 * n, -fixed - broken + (2 * n - fixed + broken) * delta
        c = -broken * delta * (1 - delta)
        root = max(b * b - 4 * a * c, 0.0) ** 0.5
        q = -2 * c / (b + root) if b > 0 else (root - b) / (2 * a)
        return (fixed - broken - n * delta) ** 2 - z * z * n * max(2 * q + delta * (1 - delta), 0.0)

    # Beside the estimate, not at it: where no film is discordant both sides of the equation are 0 there
    low = -1.0 if excess(-1.0) <= 0 else root_scalar(excess, bracket=(-1.0, estimate - 1e-12), xtol=1e-14).root
    high = 1.0 if excess(1.0) <= 0 else root_scalar(excess, bracket=(estimate + 1e-12, 1.0), xtol=1e-14).root
    return float(low), float(high)


def holm(p: Sequence[float | None]) -> list[float | None]:
    """Adjusted p values that keep the chance of any false alarm at its level (Holm 1979); None stays None."""
    known = sorted((value, place) for place, value in enumerate(p) if value is not None)
    adjusted: list[float | None] = [None] * len(p)
    least = 0.0
    for rank, (value, place) in enumerate(known):
        least = max(least, min(1.0, value * (len(known) - rank)))
        adjusted[place] = least
    return adjusted


def draw(
    counts: np.ndarray, draws: int, seed: int | Sequence[int] = 0, times: np.ndarray | None = None
) -> Iterator[np.ndarray]:
    """Bootstrap sums of rows, in blocks (draws of the block, K) that follow each other.

    A draw takes as many rows as there are, with replacement, and adds them up. Equal rows are drawn together by one
    multinomial, so that cost depends on how many different rows there are and not on how many films.

    Parameters
    ----------
    counts : (G, K) int64, a row for each group of films
    times : (G,) int64, optional
        How often each row is there, where the rows are known to differ.
    """
    rows, times = np.unique(counts, axis=0, return_counts=True) if times is None else (counts, times)
    groups, random = int(times.sum()), np.random.default_rng(seed)
    block = max(1, _CELLS // max(rows.shape))
    for start in range(0, draws, block):
        taken = random.multinomial(groups, times / groups, size=min(block, draws - start))
        yield (taken.astype(float) @ rows).round().astype(np.int64)  # floats: BLAS; exact below 2**53


def percentile_interval(value: float | None, drawn: np.ndarray, n: int, groups: int) -> Figure:
    """A Figure from bootstrap draws; no interval where fewer than two groups could be drawn, or nothing is known."""
    drawn = drawn[np.isfinite(drawn)]
    if value is None or groups < 2 or not len(drawn):
        return Figure(value, n=n)
    low, high = np.quantile(drawn, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Figure(float(value), float(low), float(high), n)


def known(value: float | np.ndarray) -> float | None:
    """The number, or None where it is none."""
    return float(value) if np.isfinite(value) else None


def _components(positive: np.ndarray, scores: np.ndarray) -> tuple[float | None, np.ndarray | None]:
    """The area, and each film's part in it (N,), whose mean over either side it is; no parts below two films a side."""
    from scipy.stats import rankdata

    positive = np.asarray(positive, bool)
    n, m = int(positive.sum()), int((~positive).sum())
    if not n or not m:
        return None, None
    ranks, parts = rankdata(scores), np.empty(len(scores))
    parts[positive] = (ranks[positive] - rankdata(scores[positive])) / m
    parts[~positive] = 1 - (ranks[~positive] - rankdata(scores[~positive])) / n
    area = float((ranks[positive].sum() - n * (n + 1) / 2) / (n * m))
    return area, parts if min(n, m) > 1 else None


def _variance(positive: np.ndarray, parts: np.ndarray, groups: np.ndarray | None) -> float | None:
    """Of the area whose parts these are, sums of groups counted as one each; None with one group on a side."""
    positive = np.asarray(positive, bool)
    groups = np.arange(len(parts)) if groups is None else np.unique(groups, return_inverse=True)[1]
    sums, sizes = [], []
    for side in (positive, ~positive):
        deviations = np.where(side, parts - parts[side].mean(), 0.0) / side.sum()
        sums.append(np.bincount(groups, deviations))
        sizes.append(len(np.unique(groups[side])))
    if min(sizes) < 2:
        return None
    every = len(sums[0])
    variance = sum(size / (size - 1) * float(side @ side) for size, side in zip(sizes, sums, strict=True))
    variance += 2 * every / (every - 1) * float(sums[0] @ sums[1])
    return variance if variance > 1e-24 else 0.0  # rounding of equal parts


def _area(positive: np.ndarray, area: float | None, parts: np.ndarray | None, groups: np.ndarray | None) -> Figure:
    variance = None if parts is None else _variance(positive, parts, groups)
    return _area_figure(area, variance, len(positive), (0.0, 1.0))


def _area_figure(value: float | None, variance: float | None, n: int, ends: tuple[float, float]) -> Figure:
    from scipy.special import ndtri

    if value is None or not variance:
        return Figure(value, n=n)
    half = float(ndtri((1 + LEVEL) / 2)) * variance**0.5
    return Figure(value, max(ends[0], value - half), min(ends[1], value + half), n)


def _two_sided(z: float) -> float:
    from scipy.special import ndtr

    return float(2 * ndtr(-abs(z)))
