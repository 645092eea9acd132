"""Published figures that a comparison may lay its own beside; each with where it was said and what was left unsaid."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class PublishedFigure:
    """A figure of others: `value` a share of `measure` for class `label`; `weights` None is from scratch."""

    study: str
    source: str
    label: str
    measure: str
    value: float
    weights: str | None
    words: str


FIGURES = (
    PublishedFigure(
        study="scratch-vs-pretrained",
        source="Published study scratch-vs-pretrained: MobileNetV2, three balanced classes, Adam 0.001",
        label="COVID-19",
        measure="sensitivity",
        value=0.81,
        weights=None,
        words="The study found from scratch better than pretrained. Number of test films, split and interval: "
        "not reported.",
    ),
)


def fitting(classes: Sequence[str]) -> list[PublishedFigure]:
    """The figures about three classes like these: COVID-19, normal and a pneumonia, in any order and spelling."""
    words = [name.lower().replace("_", " ") for name in classes]
    kinds = [sum(part in word for word in words) for part in ("covid", "normal", "pneumonia")]
    return list(FIGURES) if len(classes) == 3 and kinds == [1, 1, 1] else []


def label_for(figure: PublishedFigure, classes: Sequence[str]) -> str | None:
    """Which of these classes the figure is about."""
    part = figure.label.lower().split("-")[0]
    return next((name for name in classes if part in name.lower()), None)
