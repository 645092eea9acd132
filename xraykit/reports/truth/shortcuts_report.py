"""Shortcut audits of models as a section: what each still answers on altered films, side by side, and what that means.

Computes no figure; a model that was not checked is named with the command that does it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from xraykit.evaluation.stats import Figure, number_text
from xraykit.models.cards.card import Card, titles_of
from xraykit.reports.charts.style import Style
from xraykit.reports.report.page import Section
from xraykit.reports.report.picture import Picture
from xraykit.reports.report.table import Column, Table
from xraykit.truth.shortcuts import figures
from xraykit.truth.shortcuts.figures import Altered, Shortcuts

TITLE = "Shortcuts: what is answered on altered films"
AS_IT_IS = "As it is"
MOST = 0.8  # of the films, that are given one class
NOT_CHECKED = "{title}: not checked yet. `python -m xraykit audit --model {name} --data DIR` does it."
NOTE = (
    "Balanced accuracy: mean sensitivity over the classes; chance: a blind guess. Changes are paired, on the same "
    "films. 95% intervals: bootstrap over groups of films, or Wilson's and Tango's where they are wider. What is taken "
    "out becomes the film's mean grey."
)
# What is gone, or is left, in a sentence
THINGS = {
    "lungs-out": "the lungs' region",
    "lungs-only": "the lungs",
    "centre-out": "the centre of the film",
    "centre-only": "the centre of the film",
    "borders-out": "its borders",
    "corners-out": "its corners and their markers",
}


def sections(cards: Sequence[Card], titles: Mapping[str, str] | None = None) -> list[Section]:
    """The models side by side, of one model with every figure; a model that was not checked in words.

    `titles` are what models are called, by their names; those of their cards if not given.
    """
    titles = titles or titles_of(cards)
    checked = {titles[card.name]: shortcuts for card in cards if (shortcuts := figures.read(card)) is not None}
    words = [
        NOT_CHECKED.format(name=card.name, title=titles[card.name])
        for card in cards
        if titles[card.name] not in checked
    ]
    for name, shortcuts in checked.items():
        words += sentences(name, shortcuts)
    parts: list[Picture | Table] = []
    if checked:
        parts += [_picture(checked), _side_by_side(checked)]
    if len(cards) == 1:
        parts += [_details(cards[0].name, name, shortcuts) for name, shortcuts in checked.items()]
    return [Section("shortcuts", TITLE, tuple(words), tuple(parts), listed=True, wide=True)]


def sentences(name: str, shortcuts: Shortcuts) -> Iterator[str]:
    """What the figures mean, each by its verdict alone."""
    films = f"{shortcuts.n:,} films of its own test split" if shortcuts.part == "test" else f"all {shortcuts.n:,} films"
    yield (
        f"{name}, on {films} in {shortcuts.data}: {_share(shortcuts.balanced)} right, balanced over the classes; "
        f"chance is {number_text(shortcuts.chance, 'percent')}."
    )
    if shortcuts.balanced.low is not None and shortcuts.balanced.low <= shortcuts.chance:
        yield "As they are, these films are answered no better than by chance: they tell nothing of shortcuts."
        return
    yield from (sentence for row in shortcuts.alterations if (sentence := _sentence(row)))
    yield from _of_harmless([row for row in shortcuts.alterations if row.kind == "harmless"])
    if not shortcuts.masks:
        yield (
            "Lungs only and lungs out were not checked: the folder has no lung masks (folders `masks` beside `images`, "
            "same names)."
        )


def _sentence(row: Altered) -> str:
    """Empty for what is told together, or not at all."""
    thing, chance = THINGS.get(row.key, row.words), number_text(row.chance, "percent")
    if row.verdict == "unknown":
        return f"{row.words}: {row.n} films are too few to say." if row.kind in ("evidence", "kept", "context") else ""
    match row.kind, row.verdict:
        case "evidence", "above-chance":
            return f"Without {thing} it still answers {_share(row.balanced)} right: chance is {chance}."
        case "evidence", _:
            return f"Without {thing} it answers {_share(row.balanced)} right: no better than chance, {chance}."
        case "kept", "falls":
            after = "it also goes by what lies outside"
            return f"With {thing} alone it answers {_share(row.balanced)} right, {_change(row)}: {after}."
        case "kept", _:
            return f"With {thing} alone it answers {_share(row.balanced)} right, {_change(row)}."
        case "context", "falls":
            return f"Without {thing} it answers {_share(row.balanced)} right, {_change(row)}: it goes by what is there."
        case "context", "steady":
            return f"Without {thing} it is as good as before: {_share(row.balanced)} right, {_change(row)}."
        case "context", _:
            return (
                f"Without {thing} it answers {_share(row.balanced)} right, {_change(row)}: too few films to say more."
            )
        case "odd", _:
            answer = f"{_share(row.balanced)} right{_drawn(row)}"
            return f"{row.words} it answers {answer}; no film should come to it like that."
    return ""


def _of_harmless(rows: Sequence[Altered]) -> Iterator[str]:
    fallen = [
        f"{row.words[0].lower()}{row.words[1:]}, {_change(row)}{_drawn(row)}" for row in rows if row.verdict == "falls"
    ]
    if fallen:
        yield f"Changes that leave a reader the same film cost it: {'; '.join(fallen)}."
    known = [row for row in rows if row.verdict != "unknown"]
    if known and not fallen:
        yield f"None of {len(known)} changes that leave a reader the same film costs it more than chance would."


def _drawn(row: Altered) -> str:
    """Where nearly every film is given one class, which."""
    label = max(row.given, key=row.given.__getitem__, default="")
    if not label or row.given[label] < MOST * row.n:
        return ""
    return f" ({row.given[label]} of {row.n} films are called {label})"


def _share(figure: Figure) -> str:
    return figure.text("percent")


def _change(row: Altered) -> str:
    """ "3.3 points less [0.0, 7.4]"."""
    change = row.balanced_difference
    less = (change.value or 0) <= 0
    shown = change.negated() if less else change
    return f"{shown.value_text('points')} points {'less' if less else 'more'} {shown.interval_text('points')}"


def _picture(checked: dict[str, Shortcuts]) -> Picture:
    from xraykit.reports.truth import pictures  # Altair: only where a chart is drawn

    rows = []
    for name, shortcuts in checked.items():
        pairs = ((AS_IT_IS, shortcuts.balanced), *((row.words, row.balanced) for row in shortcuts.alterations))
        rows += [
            {"model": name, "alteration": words, "value": shown.value, "low": shown.low, "high": shown.high}
            for words, shown in pairs
        ]
    chance = next(iter(checked.values())).chance
    models = tuple(checked)

    def draw(style: Style) -> object:
        return pictures.altered(rows, models, chance, style=style)

    return Picture("altered-films", "Balanced accuracy on altered films", draw, rows, "Dashed: chance.")


def _side_by_side(checked: dict[str, Shortcuts]) -> Table:
    """Alterations as rows; a pair of columns a model."""
    by_key = {name: {row.key: row for row in shortcuts.alterations} for name, shortcuts in checked.items()}
    words = {row.key: row.words for shortcuts in checked.values() for row in shortcuts.alterations}
    columns = [Column("Film")]
    for name in checked:
        columns += [
            Column(f"{name}: right", "percent", interval=True, look="bar"),
            Column(f"{name}: change, points", "points", interval=True),
        ]
    rows: list[tuple] = [(AS_IT_IS, *(cell for each in checked.values() for cell in (each.balanced, None)))]
    for key, head in words.items():
        pairs = [by_key[name].get(key) for name in checked]
        cells = [cell for row in pairs for cell in ((row.balanced, row.balanced_difference) if row else (None, None))]
        rows.append((head, *cells))
    title = "Right on altered films, and the change"
    return Table("shortcuts", title, tuple(columns), tuple(rows), NOTE, rank="appendix")  # the picture says it


def _details(key: str, name: str, shortcuts: Shortcuts) -> Table:
    """One model: accuracy, films whose answer flipped, McNemar's p and the sensitivity of each class."""
    classes = list(shortcuts.sensitivity)
    columns = (
        Column("Film"),
        Column("n", "count"),
        Column("Accuracy", "percent", interval=True),
        Column("Change, points", "points", interval=True),
        Column("Answers flipped", "count"),
        Column("p, Holm", "p"),
        *(Column(f"Sensitivity, {label}", "percent", interval=True) for label in classes),
    )
    own = (AS_IT_IS, shortcuts.n, shortcuts.accuracy, None, 0, None, *shortcuts.sensitivity.values())
    rows = [own] + [
        (
            row.words,
            row.n,
            row.accuracy,
            row.difference,
            row.flipped,
            row.adjusted_p,
            *(row.sensitivity.get(label) for label in classes),
        )
        for row in shortcuts.alterations
    ]
    note = "McNemar's exact test, Holm-adjusted over the alterations. Wilson intervals of accuracy and sensitivity."
    return Table(f"shortcuts-{key}", f"{name}: every figure", columns, tuple(rows), note, rank="appendix")
