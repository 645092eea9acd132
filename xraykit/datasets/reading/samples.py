"""A few small pictures a class, and how large films are, kept while a folder is being read. Decodes nothing itself."""

from __future__ import annotations

import contextlib
import hashlib
import io
import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path

import msgspec
import numpy as np

from xraykit.datasets.layout import Row
from xraykit.datasets.reading import groups
from xraykit.films.radiograph import Radiograph
from xraykit.films.refusal import Refusal
from xraykit.system import files

SAMPLES = "samples.json"
PICTURE = re.compile(r"[0-9a-f]{16}\.jpg")
MOST_BYTES = 2**20  # of a picture, or of the list of them
A_CLASS = 6  # pictures
RESERVE = 6  # more candidates, for films that cannot be read
LONGEST = 224  # pixels of a picture's longer side
MOST_CLASSES = 20  # with pictures
COMMON = 12  # sizes that are counted by name
BINS = 24


class Sample(msgspec.Struct, frozen=True):
    """A small picture of a film: `file` lies in the folder of the job."""

    film: str
    label: str
    file: str
    width: int
    height: int


class Sizes(msgspec.Struct, frozen=True):
    """How large films are.

    Attributes
    ----------
    common : list of (width, height, films)
        The most common sizes in pixels; `other` films have none of these.
    smallest, median, largest : (width, height)
        By number of pixels.
    file_bytes : list of (from, to, films)
        A histogram of the files' sizes.
    total_bytes : int
    """

    common: list[tuple[int, int, int]] = []
    other: int = 0
    smallest: tuple[int, int] = (0, 0)
    median: tuple[int, int] = (0, 0)
    largest: tuple[int, int] = (0, 0)
    file_bytes: list[tuple[int, int, int]] = []
    total_bytes: int = 0


class Collector:
    """Takes films as they are read; the same folder gives the same pictures, drawn from all of a class."""

    def __init__(self, rows: Sequence[Row], folder: Path) -> None:
        """`folder` is where pictures are written; it is there."""
        self.folder = folder
        self.wanted = _candidates(rows)
        self.wholes: dict[str, np.ndarray] = {}  # fingerprints of whole films, by film
        self.shapes: Counter[tuple[int, int]] = Counter()
        self.samples: dict[str, list[tuple[int, Sample]]] = defaultdict(list)

    def take(self, name: str, film: Radiograph | Refusal) -> None:
        """Count a film, and keep a picture of it where it was drawn."""
        if isinstance(film, Refusal):
            return
        self.shapes[film.width, film.height] += 1
        self.wholes[name] = groups.whole_fingerprint(film)
        if name not in self.wanted:
            return
        label, place = self.wanted[name]
        file = f"{hashlib.sha256(name.encode()).hexdigest()[:16]}.jpg"
        (self.folder / file).write_bytes(jpeg(film.display(LONGEST)))
        self.samples[label].append((place, Sample(name, label, file, film.width, film.height)))

    def kept(self) -> list[Sample]:
        """The pictures, by class; the rest is deleted."""
        chosen: list[Sample] = []
        for label in sorted(self.samples):
            drawn = [sample for _, sample in sorted(self.samples[label], key=lambda pair: pair[0])]
            chosen += drawn[:A_CLASS]
            for sample in drawn[A_CLASS:]:
                (self.folder / sample.file).unlink(missing_ok=True)
        return chosen

    def write(self) -> None:
        """Leave the pictures with a list of them, for `read_samples`."""
        files.replace_text(self.folder / SAMPLES, msgspec.json.encode(self.kept()).decode())

    def sizes(self, root: Path, films: Sequence[str]) -> Sizes:
        """How large the films of a folder are, in pixels and bytes."""
        if not self.shapes:
            return Sizes()
        by_area = sorted(self.shapes.elements(), key=lambda shape: shape[0] * shape[1])
        common = self.shapes.most_common(COMMON)
        bytes_of = np.array([_bytes(root / files.named(film)) for film in films], np.int64)
        numbers, edges = np.histogram(bytes_of, BINS)
        return Sizes(
            common=[(width, height, n) for (width, height), n in common],
            other=len(by_area) - sum(n for _, n in common),
            smallest=by_area[0],
            median=by_area[len(by_area) // 2],
            largest=by_area[-1],
            file_bytes=[
                (int(start), int(end), int(n)) for start, end, n in zip(edges[:-1], edges[1:], numbers, strict=True)
            ],
            total_bytes=int(bytes_of.sum()),
        )


def read_samples(folder: Path) -> list[tuple[Sample, bytes]]:
    """The pictures that `Collector.write` left in a folder, as JPEG; those that are gone or damaged are left out."""
    try:
        samples = msgspec.json.decode(files.read_plain(folder / SAMPLES, MOST_BYTES), type=list[Sample])
    except (files.FileRefused, msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return []
    pictures = []
    for sample in samples:
        with contextlib.suppress(files.FileRefused):
            if PICTURE.fullmatch(sample.file):
                pictures.append((sample, files.read_plain(folder / sample.file, MOST_BYTES)))
    return pictures


def _candidates(rows: Sequence[Row]) -> dict[str, tuple[str, int]]:
    """Films that may be shown: to each its class and its place among those of the class, drawn by its name's hash."""
    by_label: dict[str, list[str]] = defaultdict(list)
    for row in rows:
        by_label[row.label].append(row.film)
    wanted = {}
    for label in sorted(by_label)[:MOST_CLASSES]:
        drawn = sorted(by_label[label], key=lambda film: hashlib.sha256(film.encode()).digest())
        wanted |= {film: (label, place) for place, film in enumerate(drawn[: A_CLASS + RESERVE])}
    return wanted


def jpeg(pixels: np.ndarray) -> bytes:
    """Pixels (H, W) or (H, W, 3) uint8 as a small picture's file."""
    from PIL import Image

    coded = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(pixels)).save(coded, "JPEG", quality=85)
    return coded.getvalue()


def _bytes(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
