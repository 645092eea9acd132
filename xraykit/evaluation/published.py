"""Published figures that a comparison may lay its own beside; each with where it was said and what was left unsaid."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any


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


@dataclass(frozen=True)
class DatasetFigure:
    """A figure of others on a set of films: `value` a share of `measure`, of all classes together."""

    study: str
    source: str
    measure: str
    value: float
    words: str


DARKCOVID = (
    DatasetFigure(
        study="DarkCovidNet",
        source="Ozturk et al. 2020, as their repository muhammedtalo/COVID-19 says it",
        measure="accuracy",
        value=0.8702,
        words="DarkCovidNet, three classes, on 125 COVID-19, 500 no-finding and 500 pneumonia films: the mean of 5 "
        "folds in which films of one patient could be on both sides. Interval: not reported.",
    ),
    DatasetFigure(
        study="header-only tree",
        source="measured for xraykit on the same 125 + 500 + 500 original files",
        measure="accuracy",
        value=0.9235,
        words="A decision tree of depth 4 that is given width, height, bytes and format of the original files and not "
        "one pixel; 5 folds, patients kept apart. So much of an accuracy on this set can come from where a film was "
        "made; copies of one size and format hide part of it.",
    ),
)


def beside(data_name: str, classes: Sequence[str]) -> list[dict[str, Any]]:
    """Published figures on this set of films, by its name and its three classes.

    Returns
    -------
    list of dict
        With study, source, measure, value and words, for `card.metrics["published"]`; empty where none is known.
    """
    named = re.sub(r"[^a-z]", "", data_name.lower()).startswith("darkcovid")
    return [asdict(figure) for figure in DARKCOVID] if named and _three_kinds(classes) else []


def fitting(classes: Sequence[str]) -> list[PublishedFigure]:
    """The figures about three classes like these: COVID-19, normal and a pneumonia, in any order and spelling."""
    return list(FIGURES) if _three_kinds(classes) else []


def label_for(figure: PublishedFigure, classes: Sequence[str]) -> str | None:
    """Which of these classes the figure is about."""
    part = figure.label.lower().split("-")[0]
    return next((name for name in classes if part in name.lower()), None)


def _three_kinds(classes: Sequence[str]) -> bool:
    words = [name.lower().replace("_", " ").replace("no findings", "normal") for name in classes]
    return len(words) == 3 and all(
        sum(kind in word for word in words) == 1 for kind in ("covid", "normal", "pneumonia")
    )
