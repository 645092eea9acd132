"""A model at home and elsewhere as parts of a page: one picture and table a model, an overview of several.

Reads cards alone; the first section of a card and of a comparison.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from xraykit.evaluation.stats import Figure
from xraykit.models.cards.card import Card, titles_of
from xraykit.reports.report.page import Section, Tile
from xraykit.reports.report.picture import Picture
from xraykit.reports.report.table import Column, Table
from xraykit.truth import places
from xraykit.truth.places import Place

TITLE = "At home and elsewhere"
ACCURACY, BALANCED = "Accuracy", "Balanced accuracy"
NOT_TESTED = "not tested"
DRAWN = 4  # places in a picture: home and the worst three
MOST_FALLS = 3  # sentences on a card
NOTE = (
    "At home: its own test split. Elsewhere: films of other sources, without those that the model knows; films of one "
    "patient count as one in the intervals (95%). At the class of highest probability; a class is its sensitivity."
)


def section(card: Card) -> Section:
    """The picture of a model at home and elsewhere, what it gets wrong there, and the figures."""
    return Section("places", TITLE, words(card), (*pictures(card), table(card)), across=True)


def compared(cards: Sequence[Card]) -> Section:
    """Several models at home and elsewhere, side by side."""
    titles = titles_of(cards)
    said = tuple(f"{titles[card.name]}: {words(card, most=1)[0]}" for card in cards)
    drawn = tuple(picture for card in cards for picture in pictures(card, titles[card.name]))
    figures = (replace(table(card, titles[card.name]), rank="appendix") for card in cards)  # the pictures say them
    return Section("places", TITLE, said, (*drawn, *figures), listed=True)


def words(card: Card, most: int = MOST_FALLS) -> tuple[str, ...]:
    """What goes wrong elsewhere, the worst first; or that nothing is known, and how to know."""
    if not card.elsewhere:
        return (places.not_tested(card),)
    if said := [fall.words for fall in places.falls(card)]:
        return tuple(said[:most])
    worst = places.elsewhere(card)[0]
    return (
        f"No class is worse elsewhere than at home by more than chance would do; balanced accuracy is lowest on "
        f"{worst.name}, {worst.balanced.text()}.",
    )


def tiles(card: Card) -> tuple[Tile, ...]:
    """Accuracy at home, on each other source (the worst three), and the class that it fails most."""
    here, away, worst = places.home(card), places.elsewhere(card), places.worst_class(card)
    films = f"test films of {here.data}" if here and here.data else "test films"
    shown = [Tile("Accuracy at home", *_accuracy(here, films))]
    shown += [Tile(f"Accuracy on {place.name}", *_accuracy(place, "films")) for place in away[: DRAWN - 1]]
    if worst is None:
        return (*shown, Tile("Elsewhere", NOT_TESTED, "evaluate --attach adds it"))
    place, label, figure = worst
    note = f"{figure.interval_text()} of {figure.n:,} {place.called(label)} films of {place.name}"
    return (*shown, Tile("Lowest sensitivity elsewhere", figure.value_text(), note))


def pictures(card: Card, named: str = "") -> tuple[Picture, ...]:
    """Home and the worst three other sources; nothing where the card has no figures at all."""
    shown = _places(card)[:DRAWN]
    if not shown:
        return ()
    titles, measures = [place.title for place in shown], _measures(card, shown)
    rows = [row for name, figures in measures.items() for row in _rows(name, shown, figures)]

    def draw(style: Any) -> Any:
        from xraykit.reports.truth import pictures as charts

        return charts.places(rows, list(measures), titles, style=style, alt_text=f"{card.title}: {TITLE}")

    left_out = len(card.elsewhere) + bool(places.home(card)) - len(shown)
    note = f"{left_out} more in the table" if left_out > 0 else ""
    title = named or "Figures with 95% intervals"
    return (Picture(f"places-{card.name}" if named else "places", title, draw, rows, note),)


def table(card: Card, named: str = "") -> Table:
    """Every measure at home and on each other source, with how many films it rests on; classes worst first."""
    shown = _places(card)
    heads = [
        column for place in shown for column in (Column(place.title, "percent", interval=True), Column("n", "count"))
    ]
    rows = tuple(
        (name, *(part for place in shown for part in _cell(figures.get(place.name))))
        for name, figures in _measures(card, shown).items()
    )
    overlap = [f"{place.name}: {places.overlap_words(place)}." for place in shown if not place.is_home]
    known = [f"{place.name}: {_counted(place)}." for place in shown if place.theirs]
    key = f"places-table-{card.name}" if named else "places-table"
    title = f"{named}, in figures" if named else ""
    return Table(key, title, (Column("Measure"), *heads), rows, " ".join((NOTE, *overlap, *known)))


def overview(cards: Sequence[Card]) -> Table:
    """A line a model: accuracy at home and on every source that any of them was tested on, and the lowest class."""
    names = list(dict.fromkeys(place.name for card in cards for place in places.elsewhere(card)))
    rows, titles = [], titles_of(cards)
    for card in cards:
        by_name = {place.name: place for place in _places(card)}
        figures = [by_name[name].said if name in by_name else NOT_TESTED for name in (places.HOME, *names)]
        rows.append((titles[card.name], *figures, _lowest(card)))
    heads = [Column(name) for name in (places.AT_HOME, *names)]
    columns = (Column("Accuracy"), *heads, Column("Lowest sensitivity elsewhere"))
    return Table("overview", "", columns, tuple(rows))


def _lowest(card: Card) -> str:
    worst = places.worst_class(card)
    if worst is None:
        return f"{NOT_TESTED}: {places.command(card)}"
    place, label, figure = worst
    return f"{figure.text()} of {figure.n:,} {place.called(label)} films, {place.name}"


def _places(card: Card) -> list[Place]:
    """Home first, then the worst."""
    return [place for place in (places.home(card), *places.elsewhere(card)) if place is not None]


def _measures(card: Card, shown: Sequence[Place]) -> dict[str, dict[str, Figure]]:
    """By measure and place's name: both accuracies, then the classes, the lowest sensitivity first."""
    overall = {
        ACCURACY: {place.name: place.accuracy for place in shown},
        BALANCED: {place.name: place.balanced for place in shown},
    }
    classes = {
        label: {place.name: place.classes[label] for place in shown if label in place.classes} for label in card.classes
    }
    known = {label: figures for label, figures in classes.items() if figures}
    ordered = sorted(known, key=lambda label: min(figure.value or 0.0 for figure in known[label].values()))
    return overall | {label: known[label] for label in ordered}


def row(measure: str, title: str, figure: Figure) -> dict[str, Any]:
    """A dot of the picture: a figure that has a value, of a place or a model called `title`."""
    assert figure.value is not None
    low, high = figure.ends or (figure.value, figure.value)
    return {
        "measure": measure,
        "place": title,
        "value": figure.value,
        "low": low,
        "high": high,
        "n": figure.n,
        "label": f"{figure.value_text()}, n {figure.n:,}",
        "said": f"{figure.text()}, n {figure.n:,}",
    }


def _rows(name: str, shown: Sequence[Place], figures: Mapping[str, Figure]) -> list[dict[str, Any]]:
    known = ((place, figures.get(place.name)) for place in shown)
    return [
        row(name, place.title, figure) for place, figure in known if figure is not None and figure.value is not None
    ]


def _cell(figure: Figure | None) -> tuple[Any, Any]:
    return (figure, figure.n) if figure is not None else ("no films", "")


def _accuracy(place: Place | None, films: str) -> tuple[str, str]:
    if place is None:
        return NOT_TESTED, "no test split on its card"
    return place.accuracy.value_text(), f"{place.accuracy.interval_text()}, {place.n:,} {films}"


def _counted(place: Place) -> str:
    return ", ".join(
        f"{name} counted as {label}" for label, names in place.theirs.items() for name in names if name != label
    )
