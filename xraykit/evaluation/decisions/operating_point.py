"""Operating points: the threshold at which a film is classified as a class, chosen on validation, applied to test.

A point belongs to the one network it was chosen for. Knows thresholds and counts only.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import msgspec
import numpy as np

from xraykit.evaluation import stats
from xraykit.evaluation.evaluation import Evaluation
from xraykit.evaluation.stats import Figure
from xraykit.refused import Refused, field_of

SENSITIVITY = 0.95  # target of the points on a new card; others are chosen on the page Compare


class OperatingRefused(Refused):
    """A target that cannot be met, or a point of another model; the message says which."""

    code = "operating-point"


@dataclass(frozen=True)
class OperatingPoint:
    """A threshold in [0, 1] of one class's probability after temperature.

    `sha256` is that of the network (the card's model.keras) it was chosen for, "" where none is known; `target` is
    "sensitivity", "specificity" or "hand", `wanted` the share asked for; `figures` what the threshold gave on the
    films it was chosen on ({"n", "sensitivity": Figure, "specificity": Figure, ...}), None if set by hand.
    """

    model: str
    sha256: str
    label: str
    threshold: float
    target: str
    wanted: float | None
    figures: dict | None

    def to_json(self) -> str:
        return json.dumps(stats.plain(self), allow_nan=False) + "\n"

    @classmethod
    def from_json(cls, text: str) -> OperatingPoint:
        """Read a point; raises OperatingRefused where the text is none."""
        try:
            held = msgspec.json.decode(text, type=_Record)
        except msgspec.ValidationError as error:
            raise OperatingRefused(
                f"Expected an operating point; it holds something else as {field_of(error)}. Choose a file exported "
                "from Compare."
            ) from None
        except (ValueError, RecursionError):
            raise OperatingRefused(
                "Expected an operating point as JSON; got something else. Choose a file exported from Compare."
            ) from None
        if held.figures is None:
            return by_hand(held.model, held.label, held.threshold, held.sha256)
        figures = {
            key: value if isinstance(value, int) else Figure.from_dict(value) for key, value in held.figures.items()
        }
        return cls(held.model, held.sha256, held.label, held.threshold, held.target, held.wanted, figures)


class _Record(msgspec.Struct):
    """What the file of a point holds, each value of its type."""

    model: str
    sha256: str
    label: str
    threshold: Annotated[float, msgspec.Meta(ge=0, le=1)]
    target: Literal["sensitivity", "specificity", "hand"]
    wanted: Annotated[float, msgspec.Meta(ge=0, le=1)] | None
    figures: dict[str, int | dict[str, int | float | None] | None] | None


@dataclass(frozen=True, eq=False)
class Applied:
    """What a point gives on an evaluation: `predicted` (N,) int64, `confusion` (C, C) int64, `figures` and `accuracy`.

    A film at or above the threshold is classified as the point's class, any other as the likeliest other class.
    """

    point: OperatingPoint
    predicted: np.ndarray
    confusion: np.ndarray
    figures: dict
    accuracy: Figure

    def to_dict(self) -> dict[str, Any]:
        figures = {"point": self.point, "confusion": self.confusion.tolist(), "figures": self.figures}
        return stats.plain(figures | {"accuracy": self.accuracy})

    def to_json(self) -> str:
        return json.dumps(self.to_dict(), allow_nan=False) + "\n"


def choose(
    validation: Evaluation,
    label: str,
    *,
    sensitivity: float | None = None,
    specificity: float | None = None,
    sha256: str = "",
) -> OperatingPoint:
    """The threshold that meets one target on validation films and leaves the other figure as high as it can be.

    Raises
    ------
    OperatingRefused
        If not exactly one target in (0, 1] is given, the class or its opposite has no validation film, or the target
        is only met by classifying every film as the class, or none.
    """
    if (sensitivity is None) == (specificity is None):
        raise OperatingRefused("Expected one target, a sensitivity or a specificity; got none or both.")
    target, wanted = ("sensitivity", sensitivity) if specificity is None else ("specificity", specificity)
    if wanted is None or not 0 < wanted <= 1:
        raise OperatingRefused(f"Expected a {target} above 0 and up to 1; got {wanted}.")
    scores, positive = _scores(validation, label)
    side = int(positive.sum()), int((~positive).sum())
    if 0 in side:
        raise OperatingRefused(
            f"Expected validation films with and without {label}; got {side[0]} with and {side[1]} without, so no "
            f"threshold can be chosen for a {target}."
        )
    threshold = _threshold(scores, positive, target, wanted)
    if threshold is None:
        who = "every film" if target == "sensitivity" else "no film"
        raise OperatingRefused(
            f"On the {len(scores)} validation films of {validation.model}, a {target} of {wanted:.1%} for {label} can "
            f"only be reached by classifying {who} as {label}. Choose a lower target."
        )
    figures = _figures(positive, scores >= threshold)
    return OperatingPoint(validation.model, sha256, label, threshold, target, wanted, figures)


def by_hand(model: str, label: str, threshold: float, sha256: str = "") -> OperatingPoint:
    """A point at a threshold set by hand; raises OperatingRefused outside [0, 1]."""
    if not 0 <= threshold <= 1:
        raise OperatingRefused(f"Expected a threshold from 0 to 1; got {threshold}.")
    return OperatingPoint(model, sha256, label, float(threshold), "hand", None, None)


def apply(point: OperatingPoint, evaluation: Evaluation, sha256: str = "") -> Applied:
    """Classify the films of an evaluation at a point.

    Parameters
    ----------
    sha256 : str
        Of the network that made the evaluation.

    Raises
    ------
    OperatingRefused
        If the point was chosen for another network, or for a class this one has not.
    """
    if (point.model, point.sha256) != (evaluation.model, sha256):
        raise OperatingRefused(
            f"This operating point was chosen for {point.model} (sha256 {point.sha256[:12] or 'unknown'}), not for "
            f"{evaluation.model} (sha256 {sha256[:12] or 'unknown'}). Choose a new one on the validation films of this "
            "model."
        )
    scores, positive = _scores(evaluation, point.label)
    given, label = scores >= point.threshold, evaluation.classes.index(point.label)
    others = evaluation.logits.copy()
    others[:, label] = -np.inf
    predicted = np.where(given, label, others.argmax(axis=1))
    size, n = len(evaluation.classes), len(predicted)
    confusion = np.bincount(evaluation.truth * size + predicted, minlength=size * size).reshape(size, size)
    accuracy = stats.proportion(int(np.trace(confusion)), n)
    return Applied(point, predicted, confusion, _figures(positive, given), accuracy)


def of_card(parts: Mapping[str, Evaluation], sha256: str) -> list[dict[str, Any]]:
    """What a card keeps: each class's threshold for `SENSITIVITY` on validation, with what it gives there and on test.

    Parameters
    ----------
    parts : {"validation": Evaluation, "test": Evaluation}
    sha256 : of the network that made them.
    """
    points = []
    for label in parts["test"].classes:
        try:
            point = choose(parts["validation"], label, sensitivity=SENSITIVITY, sha256=sha256)
        except OperatingRefused as error:
            points.append({"label": label, "threshold": None, "words": str(error)})
            continue
        figures = {"validation": point.figures, "test": apply(point, parts["test"], sha256).figures}
        points.append({"label": label, "threshold": point.threshold, **stats.plain(figures)})
    return points


def _scores(evaluation: Evaluation, label: str) -> tuple[np.ndarray, np.ndarray]:
    if label not in evaluation.classes:
        raise OperatingRefused(f"Expected one of {', '.join(evaluation.classes)}; got {label}.")
    k = evaluation.classes.index(label)
    return evaluation.probabilities[:, k], evaluation.truth == k


def _threshold(scores: np.ndarray, positive: np.ndarray, target: str, wanted: float) -> float | None:
    """The threshold at the target and no further; None where it takes all films or none."""
    reached = np.unique(scores)
    above = np.searchsorted(np.sort(scores[positive]), reached, side="left")
    below = np.searchsorted(np.sort(scores[~positive]), reached, side="left")
    hits, rejected = positive.sum() - above, below
    if target == "sensitivity":
        meets = np.flatnonzero(hits >= wanted * positive.sum() - 1e-9)
        chosen = int(meets[-1])  # the lowest threshold always meets it
        return float(reached[chosen]) if chosen else None
    meets = np.flatnonzero(rejected >= wanted * (~positive).sum() - 1e-9)
    return float(reached[meets[0]]) if len(meets) else None


def _figures(positive: np.ndarray, given: np.ndarray) -> dict:
    tp, fp = int((positive & given).sum()), int((~positive & given).sum())
    fn, tn = int((positive & ~given).sum()), int((~positive & ~given).sum())
    return {
        "n": len(positive),
        "sensitivity": stats.proportion(tp, tp + fn),
        "specificity": stats.proportion(tn, tn + fp),
        "ppv": stats.proportion(tp, tp + fp),
        "npv": stats.proportion(tn, tn + fn),
    }
