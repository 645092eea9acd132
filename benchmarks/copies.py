"""Which copies of films an audit names, and which films it calls copies by mistake: `python -m benchmarks copies`.

Films of $XRAYKIT_DATA/radiography, FILMS other ones for each way of copying, are changed, saved and laid beside all
films there. Then pairs are counted as `data audit` finds them: copies named with their film (asked: nine of ten), and
copies that are joined to another film, its own pairs left out (asked: none). About three minutes.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks import claims
from xraykit.truth.data_audit import collect
from xraykit.truth.data_audit.copies import twins

FILMS = 60
NAMED = 0.9  # of the copies
Change = Callable[[Image.Image, np.random.Generator], Image.Image]


def cropped(share: float) -> Change:
    """Cut off so much of each side, anywhere."""

    def change(film: Image.Image, random: np.random.Generator) -> Image.Image:
        width, height = round(film.width * (1 - share)), round(film.height * (1 - share))
        left = int(random.integers(0, film.width - width + 1))
        top = int(random.integers(0, film.height - height + 1))
        return film.crop((left, top, left + width, top + height))

    return change


def framed(share: float) -> Change:
    """Laid on a larger black square, anywhere."""

    def change(film: Image.Image, random: np.random.Generator) -> Image.Image:
        larger = Image.new("L", (round(film.width * (1 + share)), round(film.height * (1 + share))))
        left = int(random.integers(0, larger.width - film.width + 1))
        larger.paste(film, (left, int(random.integers(0, larger.height - film.height + 1))))
        return larger

    return change


def turned(degrees: float) -> Change:
    """Turned either way, its corners black."""
    return lambda film, random: film.rotate(degrees * random.choice([-1, 1]), Image.Resampling.BICUBIC)


def moved(share: float) -> Change:
    """Moved by so much of its sides, black where it was."""

    def change(film: Image.Image, random: np.random.Generator) -> Image.Image:
        right, down = (share * side * random.choice([-1, 1]) for side in film.size)
        return film.transform(film.size, Image.Transform.AFFINE, (1, 0, right, 0, 1, down))

    return change


def scaled(factor: float) -> Change:
    """Saved with more pixels or fewer."""
    return lambda film, random: film.resize((round(film.width * factor), round(film.height * factor)))


def shaded(gain: float, offset: float) -> Change:
    """Brighter, darker, or inverted."""
    return lambda film, random: Image.eval(film, lambda grey: round(gain * grey + offset))


def flipped(way: Image.Transpose) -> Change:
    """Mirrored, or turned by quarters."""
    return lambda film, random: film.transpose(way)


WAYS: dict[str, Change] = {
    **{f"cropped-{percent}": cropped(percent / 100) for percent in (2, 3, 5, 10, 15, 20)},
    **{f"framed-{percent}": framed(percent / 100) for percent in (5, 10, 20)},
    **{f"moved-{percent}": moved(percent / 100) for percent in (3, 6)},
    **{f"turned-{degrees}-degrees": turned(degrees) for degrees in (1, 2, 5, 8)},
    "halved": scaled(0.5),
    "doubled": scaled(2),
    "darker": shaded(0.6, 20),
    "inverted": shaded(-1, 255),
    "mirrored": flipped(Image.Transpose.FLIP_LEFT_RIGHT),
    "turned-90-degrees": flipped(Image.Transpose.ROTATE_90),
    "cropped-5-darker-halved": lambda film, random: scaled(0.5)(
        shaded(0.6, 20)(cropped(0.05)(film, random), random), random
    ),
}
BEYOND = {"cropped-20"}  # said, not asked


def main() -> None:
    source = Path(os.environ.get("XRAYKIT_DATA", "")) / "radiography"
    if not source.is_dir():
        sys.exit("Expected films in $XRAYKIT_DATA/radiography.")
    originals = sorted(source.glob("*/*.*"))
    random = np.random.default_rng(0)
    chosen = iter(random.permutation(len(originals)).tolist())
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "films"
        os.environ["XRAYKIT_CACHE"] = str(Path(folder) / "cache")
        for film in originals:
            (root / film.parent.name).mkdir(parents=True, exist_ok=True)
            (root / film.parent.name / film.name).symlink_to(film)
        copies = {}  # name of the copy: name of its film, way
        for way, change in WAYS.items():
            for _ in range(FILMS):
                film = originals[next(chosen)]
                name = f"{film.parent.name}/{film.stem}-{way}.jpg"
                with Image.open(film) as picture:
                    change(picture.convert("L"), random).save(root / name, quality=90)
                copies[name] = (f"{film.parent.name}/{film.name}", way)
        _count(collect.read(root), copies)


def _count(collection: collect.Collection, copies: dict[str, tuple[str, str]]) -> None:
    names = collection.films.films
    pairs = {frozenset((names[pair.first], names[pair.second])): pair.how for pair in twins.inside(collection)}
    own = [pair for pair in pairs if not pair & copies.keys()]
    belonging = {frozenset(copies.get(name, (name,))[0] for name in pair) for pair in own}
    named = dict.fromkeys(WAYS, 0)
    wrong = 0
    for pair, how in pairs.items():
        films = frozenset(copies.get(name, (name,))[0] for name in pair)
        if len(films) == 1:
            named[next(copies[name][1] for name in pair if name in copies)] += 1
        elif pair & copies.keys() and films not in belonging:
            wrong += 1
            print(f"{', '.join(sorted(pair))}: {how}")
    for way, count in named.items():
        if way in BEYOND:
            print(f"# {way}: {count} of {FILMS} named")
        else:
            claims.report(f"copies-{way}-named", count / FILMS, NAMED, at_least=True)
    claims.report("copies-joined-to-other-films", wrong, 0)
    print(f"pairs of the films themselves: {len(own)}")


if __name__ == "__main__":
    main()
