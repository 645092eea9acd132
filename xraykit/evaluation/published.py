"""Published figures on known sets of films, each with its source and with what its authors left unsaid.

A set is known by the digest of its films and labels, never by the name of a folder.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class PublishedFigure:
    """A figure that others report: `value` a share of `measure`.

    `label` is the class it is about, "" for all classes together. `weights` narrows it to models that began from the
    same weights: "scratch", or "" for any.
    """

    study: str
    source: str
    measure: str
    value: float
    words: str
    label: str = ""
    weights: str = ""


SETS: Mapping[str, tuple[PublishedFigure, ...]] = {
    "radiography": (
        PublishedFigure(
            study="scratch-vs-pretrained",
            source="Published study scratch-vs-pretrained: MobileNetV2, three balanced classes, Adam 0.001",
            measure="sensitivity",
            value=0.81,
            words="The study found training from scratch better than pretraining. Number of test films, split and "
            "interval: not reported.",
            label="COVID-19",
            weights="scratch",
        ),
    ),
    "darkcovid": (
        PublishedFigure(
            study="DarkCovidNet",
            source="Ozturk et al. 2020, as reported in their repository muhammedtalo/COVID-19",
            measure="accuracy",
            value=0.8702,
            words="DarkCovidNet, three classes, on 125 COVID-19, 500 no-finding and 500 pneumonia films: the mean of 5 "
            "folds in which films of one patient could be on both sides. Interval: not reported. Of two classes, "
            "COVID-19 and no finding, they report 98.08%: a network of its own, on 625 of the films.",
        ),
        PublishedFigure(
            study="header-only tree",
            source="measured for xraykit on the same 125 + 500 + 500 original files",
            measure="accuracy",
            value=0.9235,
            words="A decision tree of depth 4 given only width, height, bytes and format of the original files and not "
            "one pixel; 5 folds, patients kept apart. So much of an accuracy on this set can come from where a film "
            "was made; copies of one size and format hide part of it.",
        ),
    ),
}
# `python -m xraykit data inspect DIR --json` prints a set's digest
DIGESTS = {
    "4b5059515b7549748edb1e2649daf738de75d9d9fb228f87ed1f5e1acf742940": "radiography",
    "730bc13a6eb0eb490951de712646dad9c656186bec2bda376e9f0de3dec4f6bf": "darkcovid",
}


def figures(digest: str) -> tuple[PublishedFigure, ...]:
    """The published figures on the films of this digest; empty where none are known."""
    return SETS.get(DIGESTS.get(digest, ""), ())


def for_card(digest: str, name: str | None = None) -> list[dict[str, Any]]:
    """Published figures for `card.metrics["published"]`: of the set that the user named, else of these very films.

    Raises
    ------
    KeyError
        If `name` is none of SETS.
    """
    return [asdict(figure) for figure in (SETS[name] if name else figures(digest))]


def fits(figure: PublishedFigure, recipe: Mapping[str, Any]) -> bool:
    """Whether a figure is about models that began from the same weights as this recipe's."""
    return not figure.weights or (figure.weights == "scratch") == (recipe.get("weights") is None)


def of_card(data: Mapping[str, Any], metrics: Mapping[str, Any]) -> tuple[PublishedFigure, ...]:
    """The figures that a card carries, else those on the films that it was trained on."""
    rows: Sequence[Mapping[str, Any]] = metrics.get("published") or ()
    return tuple(map(_read, rows)) or figures(str(data.get("digest", "")))


def _read(row: Mapping[str, Any]) -> PublishedFigure:
    """A figure of a card; one written before has neither label nor weights."""
    texts = {key: str(row.get(key, "")) for key in ("study", "source", "measure", "words", "label", "weights")}
    return PublishedFigure(value=float(row.get("value", 0)), **texts)
