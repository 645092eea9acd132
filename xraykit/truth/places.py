"""A model at home and elsewhere, as its card says: figures with intervals, the worst first, in figures and in words.

Home is its own test split. Reads cards alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from xraykit.evaluation import stats
from xraykit.evaluation.stats import Figure
from xraykit.models.cards.card import Card
from xraykit.truth.elsewhere import HOME

AT_HOME, ELSEWHERE = "At home", "Elsewhere"


@dataclass(frozen=True)
class Place:
    """What a model gave on films of one source, at the class of highest probability.

    `balanced` accuracy is the mean sensitivity of the classes that have films, with its interval; `classes` those
    classes' sensitivities. `confusion` rows are the model's classes in order. `theirs` are the source's names of a
    class of the model where they are others. `overlap` films were left out because the model knows them, told by
    `compared` films of its own; None where nothing was compared.
    """

    name: str
    data: str
    n: int
    accuracy: Figure
    balanced: Figure
    classes: Mapping[str, Figure]
    confusion: tuple[tuple[int, ...], ...]
    theirs: Mapping[str, tuple[str, ...]]
    overlap: int | None = None
    compared: int = 0

    @property
    def is_home(self) -> bool:
        return self.name == HOME

    @property
    def title(self) -> str:
        """As pages name it: "At home" or the source's name."""
        return AT_HOME if self.is_home else self.name

    @property
    def said(self) -> str:
        """Its accuracy: "99.6% [98.4, 99.9], n 450"."""
        return f"{self.accuracy.text()}, n {self.n:,}"

    def called(self, label: str) -> str:
        """A class as the source names it, and in brackets as the model does where that differs."""
        names = self.theirs.get(label)
        return f"{', '.join(names)} ({label})" if names else label


@dataclass(frozen=True)
class Fall:
    """A class whose sensitivity elsewhere lies below that at home, intervals apart.

    Of `films` films `hits` were given their class; `instead` is the class that most of the others were given.
    """

    place: Place
    label: str
    home: Figure
    away: Figure
    hits: int
    films: int
    instead: str
    given_instead: int

    @property
    def words(self) -> str:
        """In a plain sentence: "0 of 700 Normal films from kermany are called Normal, 684 Viral Pneumonia: ..."."""
        label, name, data = self.label, self.place.name, self.place.data
        source = name if data in ("", name) else f"{name} ({data})"
        theirs = ", ".join(self.place.theirs.get(label, (label,)))
        verb = "is" if self.hits == 1 else "are"
        others = f", {self.given_instead:,} {self.instead}" if self.given_instead else ""
        return (
            f"{self.hits:,} of {self.films:,} {theirs} films from {source} {verb} called {label}{others}: "
            f"{self.away.text()}; at home {self.home.text()} of {self.home.n:,}."
        )


def home(card: Card) -> Place | None:
    """The model on its own test split; None where its card has no figures of one."""
    part = card.metrics.get("test") or {}
    if not part.get("accuracy"):
        return None
    return _place(card, HOME, str(card.data.get("name") or ""), part)


def elsewhere(card: Card) -> tuple[Place, ...]:
    """The model on films of other sources, the worst balanced accuracy first."""
    places = []
    for entry in card.elsewhere:
        compared = entry.get("compared", 0)
        place = _place(card, entry["name"], entry["data"], entry["figures"])
        overlap = entry["overlap"] if compared else None
        places.append(replace(place, theirs=_theirs(entry["classes"]), overlap=overlap, compared=compared))
    return tuple(sorted(places, key=lambda place: 2.0 if place.balanced.value is None else place.balanced.value))


def worst_class(card: Card) -> tuple[Place, str, Figure] | None:
    """The class of lowest sensitivity on films from elsewhere, and where; None where nothing is known."""
    known = [(place, label, figure) for place in elsewhere(card) for label, figure in place.classes.items()]
    return min(known, key=lambda item: 2.0 if item[2].value is None else item[2].value, default=None)


def falls(card: Card) -> tuple[Fall, ...]:
    """The classes that are worse elsewhere than at home by more than chance (intervals apart), the worst first."""
    here = home(card)
    fallen = [] if here is None else [fall for place in elsewhere(card) for fall in _falls(card, here, place)]
    return tuple(sorted(fallen, key=lambda fall: (fall.away.value or 0.0) - (fall.home.value or 0.0)))


def headline(card: Card) -> str:
    """Accuracy at home and elsewhere with interval and n, and the class it fails most; what is missing is said."""
    here, away, worst = home(card), elsewhere(card), worst_class(card)
    parts = [f"at home {here.said}" if here else "at home not tested"]
    parts += [f"on {place.name} {place.said}" for place in away] or ["elsewhere not tested"]
    if worst is not None:
        place, label, figure = worst
        parts.append(f"lowest: {figure.text()} of {figure.n:,} {place.called(label)} films of {place.name}")
    return "; ".join(parts)


def overlap_words(place: Place) -> str:
    """How many of a source's films were left out because the model knows them, and how that was told."""
    if place.overlap is None:
        return f"n {place.n:,}; its training films are not known here, so some of them may be among these"
    left_out = f"{place.overlap:,} film{'s' * (place.overlap != 1)} left out" if place.overlap else "none left out"
    return f"n {place.n:,}; {left_out} as known to the model, compared with its {place.compared:,} own films"


def command(card: Card) -> str:
    """What adds figures on other films to the card."""
    return f"python -m xraykit evaluate --model {card.name} --data DIR --attach NAME"


def not_tested(card: Card) -> str:
    """What is said where a card has no figures from elsewhere."""
    return f"Not tested on films from elsewhere, where figures are mostly lower than at home. To test: {command(card)}"


def _place(card: Card, name: str, data: str, part: Mapping[str, Any]) -> Place:
    classes = {
        label: Figure.from_dict(figures.get("sensitivity"))
        for label, figures in (part.get("classes") or {}).items()
        if figures.get("support") and figures.get("sensitivity")
    }
    classes = {label: classes[label] for label in card.classes if label in classes}
    accuracy = Figure.from_dict(part.get("accuracy"))
    return Place(
        name=name,
        data=data,
        n=part.get("n") or accuracy.n,
        accuracy=accuracy,
        balanced=stats.mean_of_shares(list(classes.values())),
        classes=classes,
        confusion=tuple(map(tuple, part.get("confusion") or ())),
        theirs={},
    )


def _theirs(classes: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
    """By class of the model, the source's names of it where any is another."""
    labels = dict.fromkeys(ours for theirs, ours in classes.items() if theirs != ours)
    return {label: tuple(theirs for theirs, ours in classes.items() if ours == label) for label in labels}


def _falls(card: Card, here: Place, place: Place) -> Iterator[Fall]:
    for label, away in place.classes.items():
        at_home = here.classes.get(label)
        if at_home is None or at_home.low is None or away.high is None or away.high >= at_home.low:
            continue
        row = place.confusion[card.classes.index(label)] if place.confusion else ()
        others = [(count, name) for count, name in zip(row, card.classes, strict=False) if name != label]
        most, instead = max(others, default=(0, ""))
        hits = round((away.value or 0.0) * away.n)
        yield Fall(place, label, at_home, away, hits, away.n, instead, most)
