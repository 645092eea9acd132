"""The pictures of a film report: the film and each model's overlay, all of one size, their legends level below them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from xraykit import RESEARCH_ONLY
from xraykit.films import note
from xraykit.films.radiograph import Radiograph
from xraykit.models.explanation import Explanation
from xraykit.reports.film.heatmap import colormaps, overlay
from xraykit.reports.film.photograph import Legend, Photograph, png_of
from xraykit.reports.film.subject import Answer, Subject

SMALLEST = 640  # px of the longer side: a smaller film is enlarged, so that its legend can be read
NARROWEST = 0.6  # width of a picture over the height of its film: a narrow film stands on a wider ground
MOST_ACROSS = 5  # pictures side by side; more of them stand in rows
ACROSS, LETTERS = 26, 8  # of the width are letters high where two stand side by side: a part of both together
SIDES = {"R": "right", "L": "left", "A": "front", "P": "back", "H": "head", "F": "feet"}
STOPS = 16  # colours of a bar in type
GROUND = (16, 16, 18)  # as the legend's


class _Drawn(NamedTuple):
    """A picture (h, w, 3), its legend in pixels and in type, and the colour map of its bar, "" without one."""

    pixels: np.ndarray
    lines: Sequence[str]
    in_type: Sequence[str]
    warnings: Sequence[str] = ()
    colormap: str = ""


def photographs(subject: Subject) -> tuple[Photograph, ...]:
    """The film, then the overlay of each model that has one, in the models' order."""
    film, settings = subject.shown, subject.settings
    warnings = [warning.words for warning in note.warnings(film.notes)]
    drawn = [
        _Drawn(_colour(film.display(settings.longest)), [*_about(subject), RESEARCH_ONLY], _about(subject), warnings)
    ]
    shown = [(title, answer, answer.explanation) for title, answer in subject.titled if answer.explanation is not None]
    for title, answer, map_ in shown:
        heat = overlay.overlay(
            film, map_, opacity=settings.opacity, colormap=settings.colormap, longest=settings.longest
        )
        drawn.append(_Drawn(heat, _legend(title, answer, map_), _below(answer, map_), (), settings.colormap))
    share = 1 / min(max(len(drawn), 2), MOST_ACROSS)
    placed = [_placed(_enlarged(picture.pixels)) for picture in drawn]
    # Letters nearly as large in print, however many stand
    pictures = _level(placed, drawn, ACROSS * 2 * share + LETTERS)
    legends = [_in_type(picture, len(ground)) for picture, ground in zip(drawn, placed, strict=True)]
    first = Photograph("film", subject.title, png_of(pictures[0]), _alt(subject), shown=share, legend=legends[0])
    heads = {answer.card.name: head for head, answer in subject.heads}
    overlays = (
        Photograph(
            f"overlay-{answer.card.name}",
            heads[answer.card.name],
            png_of(pixels),
            f"{subject.title} under a heatmap: regions that influenced the output of {title} for "
            f"{map_.label}, by {map_.method}.",
            shown=share,
            legend=legend,
            figures=_probability(answer, map_.label),
        )
        for (title, answer, map_), pixels, legend in zip(shown, pictures[1:], legends[1:], strict=True)
    )
    return (first, *overlays)


def _probability(answer: Answer, label: str) -> str:
    """What the model gives the class of its heatmap, in a sentence."""
    given = answer.probabilities.get(label) if answer.prediction is not None else None
    return "" if given is None else f"Model probability {given:.3f}."


def _in_type(picture: _Drawn, rows: int) -> Legend:
    """The legend below so many rows as text, without the notice, which a page has."""
    table = colormaps.table(picture.colormap)[:: 255 // (STOPS - 1)] if picture.colormap else ()
    colors = tuple("#" + bytes(color).hex().upper() for color in table)
    return Legend(rows, tuple(picture.in_type), tuple(picture.warnings), colors)


def lies(film: Radiograph) -> Iterator[str]:
    """Which view it is, which side of the patient lies where, and which side was taken, where the file says so."""
    softcopy = film.softcopy
    yield f"{film.view} view" if film.view else "view not stated in the file"
    if softcopy.orientation and softcopy.orientation.left:
        side = " and ".join(SIDES.get(letter, letter) for letter in softcopy.orientation.left)
        yield f"the patient's {side} on the left of the picture ({softcopy.orientation.left})"
    else:
        yield "sides not stated in the file"
    if softcopy.laterality in ("L", "R"):
        yield f"laterality {softcopy.laterality}"


def _about(subject: Subject) -> list[str]:
    film, softcopy = subject.film, subject.film.softcopy
    size = f"{film.width:,} x {film.height:,} pixels"
    if softcopy.spacing:
        where = "in the patient" if softcopy.spacing.kind == "patient" else "at the detector"
        size += f", {softcopy.spacing.column:.3g} mm each {where}"
    view, *sides = lies(film)
    if grey := subject.settings.grey:
        size += f"; window {grey.name}, {grey.low:.4g} to {grey.high:.4g}{', inverted' * grey.inverted}"
    return [f"{subject.title}, {view}", "; ".join(sides), size]


def _legend(title: str, answer: Answer, map_: Explanation) -> list[str]:
    probability = answer.probabilities.get(map_.label, 0.0)
    what, how, scale, notice = overlay.legend_lines(map_)
    return [f"{title}: model probability {probability:.3f}", what, f"{how}; {scale}", notice]


def _below(answer: Answer, map_: Explanation) -> list[str]:
    """The legend in type: below the model's name, on a page with the notice."""
    what, how, scale, _ = overlay.legend_lines(map_)
    return [f"{what}; model probability {answer.probabilities.get(map_.label, 0.0):.3f}", f"{how}; {scale}"]


def _alt(subject: Subject) -> str:
    film = subject.film
    return f"{subject.title}: a radiograph, {film.width} x {film.height} pixels, {', '.join(lies(film))}."


def _colour(shown: np.ndarray) -> np.ndarray:
    return shown if shown.ndim == 3 else np.repeat(shown[:, :, None], 3, axis=2)


def _level(placed: Sequence[np.ndarray], drawn: Sequence[_Drawn], across: float) -> list[np.ndarray]:
    """Pictures (h, w, 3) of one film on grounds of one size, with strips of one height below them."""
    width = placed[0].shape[1]
    strips = [overlay.strip(width, each.lines, each.warnings, each.colormap, across) for each in drawn]
    highest = max(len(strip) for strip in strips)
    return [
        np.vstack([picture, strip, _ground(highest - len(strip), width)])
        for picture, strip in zip(placed, strips, strict=True)
    ]


def _enlarged(picture: np.ndarray) -> np.ndarray:
    from PIL import Image

    height, width = picture.shape[:2]
    if (factor := SMALLEST / max(height, width)) <= 1:
        return picture
    size = (max(1, round(width * factor)), max(1, round(height * factor)))
    return np.asarray(Image.fromarray(picture).resize(size, Image.Resampling.BICUBIC))


def _placed(picture: np.ndarray) -> np.ndarray:
    height, width = picture.shape[:2]
    if (missing := round(NARROWEST * height) - width) <= 0:
        return picture
    return np.hstack([_ground(height, missing // 2), picture, _ground(height, missing - missing // 2)])


def _ground(height: int, width: int) -> np.ndarray:
    return np.broadcast_to(np.array(GROUND, np.uint8), (height, width, 3))
