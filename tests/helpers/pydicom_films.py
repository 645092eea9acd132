"""docs/films.md, pydicom's own test images as they are read here: `python -m tests.helpers.pydicom_films`.

Each is read through the decoders and compared with two readings that share no code with ours (`workstation`).
"""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import chain, repeat
from pathlib import Path

import numpy as np
from pydicom import Dataset, FileDataset
from pydicom.data import get_testdata_files
from pydicom.dataset import FileMetaDataset
from pydicom.uid import UID

from tests.helpers import ROOT, workstation
from tests.helpers.workstation import NotShown
from xraykit.films.ingest import Ingest
from xraykit.films.radiograph import Radiograph
from xraykit.films.refusal import Refusal

PAGE = ROOT / "docs" / "films.md"
GREY_LEVELS, COLOUR_LEVELS = 0.51, 2.0  # of 255; a hundredth for the sixteen bits that a film is kept in
CHOICES = {"other-window", "window-misses", "fewer-bits"}  # notes: not the display that the file asks for
HEAD = """# Films of pydicom

`make docs` writes this page from the {films} test images with pixels that come with pydicom and pydicom-data. Each goes
through the decoders and is compared with two readings that share no code with ours: DCMTK's `dcmj2pnm`, and PS3.3 step
by step in NumPy (uncompressed and RLE pixels by hand, grey JPEG 2000 from Pillow, other codecs from GDCM). Equal means
within half a level of 255 in grey, within two in colour; of several frames the first is compared. "Stretched": DCMTK
shows the whole range of stored values where xraykit shows the range of the film's own pixels.

A film goes to a viewer before its window (`films.dicom.softcopy`), at full depth, with every window that it names; the
first of them is the picture compared here, to the last bit. What a browser draws is held against `Softcopy.render`.
[Decision 28](decisions/0028-what-a-viewer-is-given-of-a-film.md) says which windows, millimetres and sides are told.
{counts}
In {bare} more DICOM files pydicom finds no pixels; here they are {refused}.

| film | transfer syntax | photometric | bits | size | here | NumPy | DCMTK |
| --- | --- | --- | --- | --- | --- | --- | --- |
"""


@dataclass(frozen=True)
class Row:
    """One film.

    Attributes
    ----------
    film : str
        Its file name.
    what : tuple of str
        Transfer syntax, photometric interpretation, bits and size.
    here : str
        "equal", "another display" (and a note says so), "differs", "unproven" (no other reading) or a refusal's code.
    numpy, dcmtk : str
        What the others make of it: "equal", "stretched", "differs by 12", "shows it" (refused here), or "".
    """

    film: str
    what: tuple[str, ...]
    here: str
    numpy: str
    dcmtk: str

    def line(self) -> str:
        here = (
            self.here if self.here in ("equal", "another display", "differs", "unproven") else f"refused: `{self.here}`"
        )
        return f"| {' | '.join([self.film, *self.what, here, self.numpy, self.dcmtk])} |"


def rows(ask_dcmtk: bool = True, every: int = 1) -> tuple[list[Row], Counter[str]]:
    """A row for each film with pixels, by name; and how often files without pixels were refused with which code.

    `every`: 3 for each third film with pixels.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what pydicom finds odd is why these films are tried
        opened = films()
    images = [(path, film) for path, film in opened if _has_pixels(film)][::every]
    bare = [path for path, film in opened if not _has_pixels(film)]
    with Ingest() as decoders, ThreadPoolExecutor(2) as threads:
        answers = [_answer(decoders, path) for path, _ in images]
        asked = zip(images, answers, strict=True) if ask_dcmtk else ()
        theirs = threads.map(lambda image: _picture(workstation.by_dcmtk, image[0][0]), asked)
        others = chain(theirs, repeat(None))
        made = [_row(*image, *both) for image, *both in zip(images, answers, others, strict=False)]
        codes = [getattr(answer, "code", "read") for answer in decoders.read_many(bare)]
    return made, Counter(codes)


def _answer(decoders: Ingest, path: Path) -> Radiograph | Refusal:
    """The answer; asked for twice more where a busy machine was too slow for a large film."""
    answers = (decoders.read(path) for _ in range(3))
    return next(
        (answer for answer in answers if getattr(answer, "code", "") != "timeout"), Refusal(path.name, "timeout", "")
    )


def page(made: list[Row], bare: Counter[str]) -> str:
    """The whole page."""
    counts = Counter(row.here for row in made)
    counted = "".join(f"\n- {number} {_told(here)}" for here, number in counts.most_common()) + "\n"
    refused = ", ".join(f"{_told(code)} ({number})" for code, number in bare.most_common())
    head = HEAD.format(films=len(made), counts=counted, bare=bare.total(), refused=refused)
    return head + "\n".join(row.line() for row in made) + "\n"


def _told(here: str) -> str:
    words = {
        "read": "read",
        "equal": "read and equal",
        "another display": "shown otherwise than the file says, with a note that says so",
        "differs": "read and **not** equal",
        "unproven": "read by no other reading",
    }
    return words.get(here, f"refused: `{here}`")


def films() -> list[tuple[Path, Dataset]]:
    """pydicom's DICOM files, by name."""
    paths = [Path(name) for name in {*get_testdata_files()} if Path(name).is_file()]
    opened = [(path, _opened(path)) for path in sorted(paths, key=lambda path: (path.name, path))]
    return [(path, film) for path, film in opened if film.file_meta or _has_pixels(film)]


def _opened(path: Path) -> FileDataset:
    try:
        return workstation.opened(path)
    except NotShown:
        return FileDataset(path, {}, file_meta=FileMetaDataset())


def name_of(path: Path) -> str:
    """The file name; of a DICOMDIR's numbers with their folders."""
    return path.name if path.suffix else "/".join(path.parts[-3:])


def _has_pixels(film: Dataset) -> bool:
    return any(name in film for name in ("PixelData", "FloatPixelData", "DoubleFloatPixelData"))


def _row(path: Path, film: Dataset, answer: Radiograph | Refusal, dcmtk: np.ndarray | None) -> Row:
    numpy = _picture(workstation.by_numpy, path)
    judged = {name: _judged(answer, theirs) for name, theirs in (("numpy", numpy), ("dcmtk", dcmtk))}
    if isinstance(answer, Refusal):
        here = answer.code
    else:
        here = "unproven" if numpy is None else "differs" if judged["numpy"].startswith("differs") else "equal"
        if here == "differs" and CHOICES & {getattr(note, "code", "") for note in answer.notes}:
            here = "another display"
    return Row(name_of(path), _described(film), here, **judged)


def _described(film: Dataset) -> tuple[str, ...]:
    sign = " signed" if film.get("PixelRepresentation") else ""
    frames = f" x {film.NumberOfFrames}" if str(film.get("NumberOfFrames") or 1) != "1" else ""
    return (
        UID(workstation.syntax_of(film)).keyword,
        str(film.get("PhotometricInterpretation", "")),
        f"{film.BitsStored} of {film.BitsAllocated}{sign}" if "BitsAllocated" in film else "",
        f"{film.Columns} x {film.Rows}{frames}" if "Columns" in film else "",
    )


def _picture(shown: Callable[[Path], np.ndarray], path: Path) -> np.ndarray | None:
    try:
        return shown(path)
    except NotShown:
        return None


def _judged(answer: Radiograph | Refusal, theirs: np.ndarray | None) -> str:
    if theirs is None:
        return ""
    if isinstance(answer, Refusal):
        return "shows it"
    ours = answer.pixels / 257 if answer.pixels.dtype == np.uint16 else answer.pixels.astype(float)
    levels = COLOUR_LEVELS if theirs.ndim == 3 else GREY_LEVELS
    if theirs.ndim > ours.ndim:  # a grey film in a colour file
        theirs = theirs @ np.array([0.299, 0.587, 0.114])
    if ours.shape != theirs.shape:
        return f"differs: {theirs.shape[1]} x {theirs.shape[0]}"
    apart = np.abs(ours - theirs).max()
    if apart <= levels:
        return "equal"
    return "stretched" if _own_range(answer) and stretched(ours, theirs) else f"differs by {apart:.0f}"


def _own_range(answer: Radiograph) -> bool:
    return bool({note.code for note in answer.notes} & {"no-window", "window-misses"})


def stretched(ours: np.ndarray, theirs: np.ndarray) -> bool:
    """Whether ours are theirs times a factor plus an offset: the same film over another range of stored values."""
    if theirs.min() == theirs.max():
        return False
    factor, offset = np.polyfit(theirs.ravel(), ours.ravel(), 1)
    return factor > 1 and bool(np.abs(theirs * factor + offset - ours).max() <= GREY_LEVELS)


def main() -> None:
    """Write the page anew, where DCMTK is."""
    if not workstation.dcmtk_is_here():
        print("docs/films.md stays as it is: DCMTK's command line tools are not installed (Debian: dcmtk).")
        return
    PAGE.write_text(page(*rows()), "utf-8")


if __name__ == "__main__":
    main()
