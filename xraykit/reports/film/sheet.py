"""Contact sheet: many films small on a page, numbered, with a table that says of each what the models made of it.

For a worklist, or for the films of a cell of a confusion matrix. No file's name unless it was asked for.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from xraykit import RESEARCH_ONLY
from xraykit.models.cards.card import titles_of
from xraykit.reports.film import report as film_report
from xraykit.reports.film import software
from xraykit.reports.film.photograph import Photograph, png_of
from xraykit.reports.film.pictures import GROUND
from xraykit.reports.film.subject import Subject
from xraykit.reports.report.page import Report, Section
from xraykit.reports.report.table import Column, Table

if TYPE_CHECKING:
    from PIL import ImageFont

ACROSS, DOWN = 5, 4  # films of a picture
SIDE, GAP, SIZE = 300, 12, 17  # px: of a film's place, between places, of letters
LINES = 3  # under a film
MOST_NAMED = 2  # models under a film; the table has all
TEXT, QUIET = (236, 236, 236), (172, 178, 184)


@dataclass(frozen=True, eq=False)
class Film:
    """A film of a sheet: `pixels` uint8 (h, w) or (h, w, 3), at most three `lines` under it, and its `cells` in the
    table's columns."""

    pixels: np.ndarray
    lines: tuple[str, ...]
    cells: tuple[Any, ...]


def of_subjects(subjects: Sequence[Subject], title: str = "Contact sheet", words: tuple[str, ...] = ()) -> Report:
    """The sheet of films that were read, in their order."""
    titles = titles_of({answer.card.name: answer.card for each in subjects for answer in each.answers}.values())
    films = [film_of(subject, tuple(titles)) for subject in subjects]
    created = max((subject.created for subject in subjects), default="")
    models = tuple(titles.values())
    return sheet(films, columns(models), title=title, words=words, created=created, models=models)


def columns(models: Sequence[str]) -> tuple[Column, ...]:
    """Of the table of films that models of these titles read."""
    answers = (column for model in models for column in (Column(model), Column("Model probability", "number")))
    return (Column("Film"), Column("Gate"), *answers)


def film_of(subject: Subject, models: Sequence[str]) -> Film:
    """A film that was read, as it stands in a sheet whose columns are of models of these names."""
    by_name = {answer.card.name: answer for answer in subject.answers}
    cells: list[Any] = [subject.name or subject.id, film_report.GATE[subject.gate.state]]
    lines = []
    for model in models:
        answer = by_name.get(model)
        if answer is None or answer.prediction is None:
            cells += ["not read", None]
            lines.append("not read")
        else:
            top = answer.prediction.top
            cells += [top, answer.probabilities[top]]
            lines.append(f"{top} {answer.probabilities[top]:.3f}")
    more = len(lines) - MOST_NAMED
    if more > 0:
        lines = [lines[0], f"{more + 1} more models in the table"]
    shown = subject.film.display(SIDE)
    return Film(shown, (subject.name or subject.id, *lines), tuple(cells))


def sheet(
    films: Sequence[Film],
    heads: Sequence[Column],
    *,
    title: str,
    created: str,
    words: tuple[str, ...] = (),
    models: Sequence[str] = (),
) -> Report:
    """A sheet: its pictures, each of up to twenty films, then the table with a row a film."""
    a_picture = ACROSS * DOWN
    pictures = tuple(
        Photograph(
            f"sheet-{first // a_picture + 1}",
            f"Films {first + 1} to {min(first + a_picture, len(films))}",
            png_of(draw(films[first : first + a_picture], first + 1)),
            f"{min(a_picture, len(films) - first)} small films, numbered as in the table.",
            shown=min(len(films), ACROSS) / ACROSS,
            figures=_ends(films[first : first + a_picture], first + 1),
        )
        for first in range(0, len(films), a_picture)
    )
    rows = tuple((number, *film.cells) for number, film in enumerate(films, 1))
    table = Table("films", "", (Column("No.", "count"), *heads), rows)
    facts = (
        ("Films", f"{len(films):,}"),
        *((("Models", "; ".join(models)),) if models else ()),
        ("Date", film_report.moment(created)),
        ("Software", software.line()),
    )
    sections = (Section("sheet", "Films", words, pictures), Section("list", "List of films", parts=(table,)))
    data = {"kind": "contact sheet", "films": len(films)}
    return Report(title, RESEARCH_ONLY, facts, sections, data, lead="The class is that of the highest probability.")


def _ends(films: Sequence[Film], first: int) -> str:
    """What stands below the first film of a picture and below its last, in a sentence."""
    numbered = dict.fromkeys(((first, films[0].lines), (first + len(films) - 1, films[-1].lines)))
    return " ".join(f"Film {number}: {', '.join(lines)}." for number, lines in numbered)


def draw(films: Sequence[Film], first: int) -> np.ndarray:
    """Up to twenty films as one picture uint8 (h, w, 3), numbered from `first`."""
    from PIL import Image, ImageDraw, ImageFont

    across = min(ACROSS, len(films))
    down = -(-len(films) // ACROSS)
    caption = round(SIZE * 1.35) * LINES + GAP
    drawn = Image.new("RGB", (across * (SIDE + GAP) + GAP, down * (SIDE + GAP + caption) + GAP), GROUND)
    pen, font = ImageDraw.Draw(drawn), ImageFont.load_default(SIZE)
    for place, film in enumerate(films):
        left = GAP + place % ACROSS * (SIDE + GAP)
        top = GAP + place // ACROSS * (SIDE + GAP + caption)
        small = Image.fromarray(film.pixels).convert("RGB")
        small = _fitted(small)
        drawn.paste(small, (left + (SIDE - small.width) // 2, top + (SIDE - small.height) // 2))
        for number, line in enumerate(film.lines[:LINES]):
            words = f"{first + place}  {line}" if number == 0 else line
            at = (left, top + SIDE + GAP // 2 + number * round(SIZE * 1.35))
            pen.text(at, _cut(words, font), fill=QUIET if number == 0 else TEXT, font=font)
    return np.asarray(drawn)


def _fitted(small: Any) -> Any:
    """As large as its place allows."""
    from PIL import Image

    factor = SIDE / max(small.size)
    size = (max(1, round(small.width * factor)), max(1, round(small.height * factor)))
    return small if size == small.size else small.resize(size, Image.Resampling.BICUBIC)


def _cut(words: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont) -> str:
    """A line that fits below a film; the number of a probability at its end stays."""
    if font.getlength(words) <= SIDE:
        return words
    head, _, tail = words.rpartition(" ")
    while head and font.getlength(f"{head}… {tail}") > SIDE:
        head = head[:-1]
    return f"{head}… {tail}"
