"""What a kept model gave on films of another source: added to its card, read again, taken off.

Films that the model was trained or calibrated on are left out first, and counted.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from xraykit.datasets.dataset import Dataset
from xraykit.evaluation import evaluation, stats
from xraykit.evaluation.evaluation import Evaluation
from xraykit.models import classifier, folder_evaluation
from xraykit.models.cards import amend
from xraykit.models.cards import card as cards
from xraykit.models.cards.card import Card
from xraykit.refused import Refused
from xraykit.system import folders
from xraykit.truth import own_films, sets

MOST = 50  # other sources on one card
HOME = "home"  # the model's own test split, so no other source's name


class ElsewhereRefused(Refused):
    """An evaluation that cannot be added to a card or is not on it.

    `code`: "name" (no name for other films), "too-many", "all-known" (the model knows every film), "not-attached".
    """

    code = "elsewhere"


@dataclass(frozen=True)
class Source:
    """Films of another source: their `name` on the card, what they are in words, and what their classes count as."""

    name: str
    data: str
    classes: Mapping[str, str] = field(default_factory=dict)


@dataclass
class Attaching:
    """An evaluation on its way to the models' cards: `knows` and `attach` are what `folder_evaluation.evaluate` asks.

    `name` None adds nothing; `about` are the films in words, else the folder's name; `trained_on` the folder that the
    models were trained on, where it must be told. `cards` are those that were changed.
    """

    models: Sequence[str]
    name: str | None
    about: str
    classes: Mapping[str, str]
    trained_on: Path | None = None
    cards: list[Card] = field(default_factory=list)
    remembered: dict[Path, int] = field(default_factory=dict)

    def knows(self, folder: Path, films: Dataset) -> tuple[str, ...]:
        """The part of the model's own films that each film is in."""
        own = own_films.read(folder, self.trained_on)
        self.remembered[folder] = own.remembered
        return own.parts_of(films.hashes, films.pictures())

    def attach(self, evaluations: Sequence[Evaluation], films: Dataset) -> None:
        """Add each evaluation to its model's card."""
        labels = [label for label, n in films.counts().items() if n]
        for model, given in zip(self.models, evaluations, strict=True) if self.name else ():
            folder = classifier.find(model)
            card = cards.read(folder)
            classes = {label: folder_evaluation.counted_as(card, label, self.classes) for label in labels}
            source = Source(str(self.name), self.about or films.root.name, classes)
            self.cards.append(attach(folder, given, source, self.remembered.get(folder, 0)))


def check(name: str) -> None:
    """Raise ElsewhereRefused ("name") where films from elsewhere cannot be called so."""
    if not folders.is_plain_name(name) or name == HOME:
        raise ElsewhereRefused(
            "Expected a name for these films of at most 100 letters, digits, '.', '_' and '-', starting with a letter "
            f"or digit, and not {HOME}, which is the model's own test split; got {name[:100]!r}.",
            code="name",
        )


def attach(folder: Path, given: Evaluation, source: Source, compared: int) -> Card:
    """Add what a model gave on films of another source to its card, in place of what it has under that name.

    Films that `given.known` says the model was trained or calibrated on are left out. Intervals count films of one
    group (a patient, a picture) as one. The evaluation beside the card names no file: a name may say who a patient is.

    Parameters
    ----------
    compared : int
        How many of the model's own films these were compared with; 0 where its training films are not known.

    Raises
    ------
    ElsewhereRefused
        If the name is none, the model knows every film, or its card has too many sources.
    ModelRefused
        If the card cannot be changed.
    """
    check(source.name)
    strange = [row for row, part in enumerate(given.known) if part not in ("train", "validation")]
    rows = strange if given.known else list(range(len(given.films)))
    if not rows:
        raise ElsewhereRefused(
            f"{given.model} knows all {len(given.films):,} films of {source.name}: they are among its training and "
            "validation films, so they say nothing of films from elsewhere. Choose films of another source.",
            code="all-known",
        )
    kept, before = given.choose(rows), cards.read(folder)
    content = kept.to_json(names=False).encode()
    file = amend.named(f"elsewhere-{source.name[:60]}", content)
    entry = {
        "name": source.name,
        "data": source.data,
        "file": file,
        "n": len(rows),
        "overlap": len(given.films) - len(rows),
        "compared": compared,
        "classes": dict(source.classes),
        "figures": stats.plain(kept.metrics("groups") | {"operating_points": list(_at_points(before, kept))}),
    }
    if len(before.elsewhere) >= MOST and source.name not in _names(before):
        raise ElsewhereRefused(
            f"The card of {before.name} has {MOST} evaluations on other films, as many as it takes. Take one off with "
            f"python -m xraykit models detach {before.name} NAME.",
            code="too-many",
        )
    old = [place["file"] for place in before.elsewhere if place["name"] == source.name]
    card = amend.amend(folder, lambda card: _put(card, source.name, entry), add={file: content}, drop=old)
    return sets.renewed(folder, card)


def detach(folder: Path, name: str) -> Card:
    """Take what a model gave on films of another source off its card, with its file.

    Raises ElsewhereRefused ("not-attached") where the card has none of that name, ModelRefused as `attach`.
    """
    before = cards.read(folder)
    old = [place["file"] for place in before.elsewhere if place["name"] == name]
    if not old:
        has = ", ".join(_names(before)) or "none"
        raise ElsewhereRefused(
            f"The card of {before.name} has no evaluation named {name[:100]}. It has {has}.", code="not-attached"
        )
    return sets.renewed(folder, amend.amend(folder, lambda card: _put(card, name, None), drop=old))


def load(card: Card, folder: Path, name: str) -> Evaluation:
    """Each film's probabilities on films of another source.

    Raises
    ------
    ElsewhereRefused
        If the card has none of that name.
    EvaluationRefused
        If its file cannot be read.
    """
    for place in card.elsewhere:
        if place["name"] == name:
            return evaluation.load(folder / place["file"])
    raise ElsewhereRefused(f"The card of {card.name} has no evaluation named {name[:100]}.", code="not-attached")


def shared(given: Sequence[Evaluation]) -> list[Evaluation]:
    """The evaluations on the films that all of them have: a film that one model knows is left out for all."""
    common = set.intersection(*(set(each.hashes) for each in given)) if given else set()
    return [each.choose([row for row, sha256 in enumerate(each.hashes) if sha256 in common]) for each in given]


def _at_points(card: Card, kept: Evaluation) -> Iterator[dict[str, Any]]:
    """The card's operating points, chosen on the model's own validation films, with what they give on these films."""
    for point in card.metrics.get("operating_points") or ():
        label, threshold = point.get("label"), point.get("threshold")
        if label in kept.classes and threshold is not None:
            number = kept.classes.index(label)
            shares = kept.shares(number, kept.probabilities[:, number] >= threshold, "groups")
            yield {"label": label, "threshold": threshold, "test": {"n": len(kept.films), **shares}}


def _names(card: Card) -> list[str]:
    return [place["name"] for place in card.elsewhere]


def _put(card: Card, name: str, entry: dict[str, Any] | None) -> Card:
    others = [place for place in card.elsewhere if place["name"] != name]
    return dataclasses.replace(card, elsewhere=tuple([*others, entry] if entry else others))
