"""What is known behind a model's probability: its operating point, and what that gave at home and elsewhere.

Reads cards and evaluation files; opens no network.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from xraykit.evaluation import evaluation, stats
from xraykit.evaluation.stats import Figure
from xraykit.models.cards.card import Card
from xraykit.refused import Refused

HOME = "home"  # the model's own test split
MOST_PLACES = 20  # other collections of films that are told


@dataclass(frozen=True)
class Trust:
    """What a model gave on films whose class was known, for one class against the rest.

    `threshold` is the probability at or above which a film counts as the class, None where the class of highest
    probability counts; `n` films; `source` is "home" or the name of other films.
    """

    threshold: float | None
    sensitivity: Figure
    specificity: Figure
    n: int
    source: str = HOME

    def to_dict(self) -> dict[str, Any]:
        """As the page takes it: figures are [value, low, high], None where not known."""
        return {
            "threshold": self.threshold,
            "sensitivity": [self.sensitivity.value, self.sensitivity.low, self.sensitivity.high],
            "specificity": [self.specificity.value, self.specificity.low, self.specificity.high],
            "n": self.n,
            "source": self.source,
        }


@dataclass(frozen=True)
class Known:
    """All that is known of a model: by class at `home`, and on other films by their name and class."""

    home: Mapping[str, Trust]
    elsewhere: Mapping[str, Mapping[str, Trust]]

    def to_dict(self) -> dict[str, Any]:
        """{"trust": {class: ...}, "elsewhere": [{"source", "classes": {class: ...}}]}."""
        return {
            "trust": {label: trust.to_dict() for label, trust in self.home.items()},
            "elsewhere": [
                {"source": source, "classes": {label: trust.to_dict() for label, trust in classes.items()}}
                for source, classes in self.elsewhere.items()
            ],
        }


def known(card: Card, folder: Path | None = None) -> Known:
    """What stands behind the probabilities of a model.

    Figures are those of its card: on the test split at the card's operating points, and for a class without one at the
    class of highest probability. A card without figures has those of the `evaluation.json` in its folder, where that
    is one of this model. What is not known is left out.
    """
    home = dict(_of_part(card, card.metrics.get("test") or _evaluated(card, folder), HOME))
    home |= dict(_at_points(card, card.metrics.get("operating_points") or ()))
    elsewhere = {}
    for place in card.elsewhere[:MOST_PLACES]:
        classes = dict(_of_part(card, place["figures"], place["name"]))
        classes |= dict(_at_points(card, place["figures"].get("operating_points"), place["name"]))
        if classes:
            elsewhere[place["name"]] = classes
    return Known(home, elsewhere)


def _of_part(card: Card, part: Any, source: str) -> Iterator[tuple[str, Trust]]:
    """By class, from the figures of an evaluation at the class of highest probability."""
    classes = part.get("classes") if isinstance(part, Mapping) else None
    for label, figures in (classes or {}).items() if isinstance(classes, Mapping) else ():
        shares = _shares(figures)
        if label in card.classes and shares is not None:
            yield label, Trust(None, *shares, n=_count(part, *shares), source=source)


def _at_points(card: Card, points: Any, source: str = HOME) -> Iterator[tuple[str, Trust]]:
    """By class, from operating points that were applied to films: a threshold without figures stands for nothing."""
    for point in points if isinstance(points, Sequence) else ():
        threshold, label = (point.get(key) if isinstance(point, Mapping) else None for key in ("threshold", "label"))
        if not isinstance(threshold, int | float) or label not in card.classes:
            continue
        given = point.get("test")
        shares = _shares(given)
        if given and shares is not None:
            yield label, Trust(float(threshold), *shares, n=_count(given, *shares), source=source)


def _shares(figures: Any) -> tuple[Figure, Figure] | None:
    """Sensitivity and specificity of what an evaluation says of a class; None where it says neither."""
    if not isinstance(figures, Mapping):
        return None
    held = [figures.get(key) for key in ("sensitivity", "specificity")]
    if not all(figure is None or _is_figure(figure) for figure in held) or held == [None, None]:
        return None
    sensitivity, specificity = (Figure.from_dict(figure) for figure in held)
    return sensitivity, specificity


def _is_figure(data: Any) -> bool:
    """Is it a share with its interval? Cards are checked where they are read; what newer versions add is not."""
    if not isinstance(data, Mapping):
        return False
    shares = [data.get(key) for key in ("value", "low", "high")]
    plain = all(share is None or (isinstance(share, int | float) and 0 <= share <= 1) for share in shares)
    return plain and isinstance(data.get("n", 0), int | None)


def _count(part: Mapping[str, Any], sensitivity: Figure, specificity: Figure) -> int:
    n = part.get("n")
    return n if isinstance(n, int) and n >= 0 else sensitivity.n + specificity.n


def _evaluated(card: Card, folder: Path | None) -> dict[str, Any] | None:
    """The figures of the evaluation that was kept with a model; None where there is none that can be used."""
    if folder is None:
        return None
    try:
        kept = evaluation.load(folder / evaluation.FILES["test"])
    except Refused:
        return None
    return stats.plain(kept.metrics()) if (kept.model, kept.classes) == (card.name, card.classes) else None
