"""What runs inside one decoder process: films in, answers out, bounded in memory, bound to its parent's life.

Started by `ingest` only; imports no network library and keeps nothing between films.
"""

from __future__ import annotations

import contextlib
import io
import logging
import os
import signal
import stat
import sys
import threading
import time
import warnings
import zipfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from xraykit.films import radiograph
from xraykit.films.dicom.softcopy import Softcopy
from xraykit.films.folders import check
from xraykit.films.folders.member import Member
from xraykit.films.note import Note
from xraykit.films.refusal import TOO_MUCH_MEMORY, Film, NotARadiograph, Refusal, name_of, refuse, too_large
from xraykit.system.processes import PR_SET_PDEATHSIG, end_with_parent

MAX_BYTES = check.MAX_MEMBER
MEMORY = 2 * 2**30  # address space of one decoder: a 40-megapixel film at its worst needs about a third of it
BATCH_BYTES, BATCH_PAUSE = 64 * 2**20, 1.0  # a batch comes back early when it holds this much or took this long
HEAVY = ("keras", "tensorflow", "jax", "torch")
THUMBNAIL, THUMBNAIL_BYTES = 96, 2048  # longest side in pixels, most bytes of its JPEG
QUALITIES = (70, 50, 30, 15, 5)
SAMPLED = 6  # pixels of the film, along a side, that one of the thumbnail is made of at least


@dataclass(frozen=True)
class Wanted:
    """What a worklist wants of a film in place of its pixels.

    `squares` are the (size, channels) that networks take; `whole`: its softcopy too, for drawing it; `turn` and
    `inverted`: as `Radiograph.laid` has them, all of it is of the film laid so.
    """

    squares: tuple[tuple[int, int], ...] = ()
    whole: bool = False
    turn: int = 0
    inverted: bool = False


@dataclass(frozen=True, eq=False)
class Glance:
    """A film as a worklist knows it, made where the film is decoded: a few kilobytes travel instead of its pixels.

    `squares` by (size, channels), as `Radiograph.square` gives them; `box` is what they show, (left, top, right,
    bottom) film pixels; `thumbnail` JPEG, longest side `THUMBNAIL`, at most `THUMBNAIL_BYTES`; `small` as
    `Radiograph.small` gives it; `laid` is how the film was laid, as `Wanted` has it; `bits`, `laterality`, `patient`
    and `taken` as `Softcopy` has them; `softcopy` where it was wanted. The rest as `Radiograph` has it.
    """

    source: str
    format: str
    sha256: str
    view: str | None
    laterality: str | None
    notes: tuple[Note, ...]
    width: int
    height: int
    bits: int
    colour: bool
    patient: str | None
    taken: int | None
    box: tuple[int, int, int, int]
    squares: dict[tuple[int, int], np.ndarray]
    thumbnail: bytes
    small: np.ndarray
    laid: tuple[int, bool] = (0, False)
    softcopy: Softcopy | None = None


def prepare(parent: int) -> None:
    """Bind this process to its parent and bound its memory; run once in every decoder."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)  # end at once: there is nothing to tidy up
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)  # reaches a decoder that holds the GIL in C too
    if os.name == "posix" and os.getppid() != parent:
        os._exit(1)
    threading.Thread(target=end_with_parent, name="parent watch", daemon=True).start()
    _bound_memory()
    _be_silent()
    from PIL import Image

    Image.preinit()


def read_batch(films: list[Film], wanted: Wanted | None = None) -> list[Any]:
    """Read films in order; the list is shorter than `films` if it grew large or slow, and never empty.

    Of each a Radiograph, a Glance where `wanted` says what of, or a Refusal.
    """
    results: list[Any] = []
    began, held = time.monotonic(), 0
    for film in films:
        result = _read(film, wanted)
        results.append(result)
        held += result.pixels.nbytes if isinstance(result, radiograph.Radiograph) else 0
        if held > BATCH_BYTES or time.monotonic() - began > BATCH_PAUSE:
            break
    return results


def loaded_modules() -> dict[str, Any]:
    """Process id of this decoder and the heavy modules in it (there should be none)."""
    return {"pid": os.getpid(), "heavy": sorted(set(HEAVY) & set(sys.modules))}


def glance(film: radiograph.Radiograph, wanted: Wanted) -> Glance:
    """What is wanted of a film."""
    film = film.laid(wanted.turn, wanted.inverted)
    softcopy = film.softcopy
    return Glance(
        source=film.source,
        format=film.format,
        sha256=film.sha256,
        view=film.view,
        laterality=softcopy.laterality,
        notes=film.notes,
        width=film.width,
        height=film.height,
        bits=softcopy.bits,
        colour=film.colour,
        patient=softcopy.patient,
        taken=softcopy.taken,
        box=film.square_box(),
        squares=_squares(film, wanted.squares),
        thumbnail=_thumbnail(film),
        small=film.small(),
        laid=(wanted.turn, wanted.inverted),
        softcopy=softcopy if wanted.whole else None,
    )


def _squares(film: radiograph.Radiograph, forms: tuple[tuple[int, int], ...]) -> dict[tuple[int, int], np.ndarray]:
    """As `Radiograph.square`; of a grey film each size is made once, whatever the channels."""
    if film.colour:
        return {form: film.square(*form) for form in forms}
    grey = {size: film.square(size) for size in {size for size, _ in forms}}
    return {(size, channels): np.repeat(grey[size], channels, axis=-1) for size, channels in forms}


def _thumbnail(film: radiograph.Radiograph) -> bytes:
    from PIL import Image

    step = max(1, max(film.pixels.shape[:2]) // (SAMPLED * THUMBNAIL))
    few = replace(film, pixels=film.pixels[::step, ::step])
    picture = Image.fromarray(few.display(THUMBNAIL))
    for quality in QUALITIES:
        picture.save(coded := io.BytesIO(), "JPEG", quality=quality)
        if coded.tell() <= THUMBNAIL_BYTES:
            break
    return coded.getvalue()


def _read(film: Film, wanted: Wanted | None) -> Any:
    try:
        data = film[1] if isinstance(film, tuple) else _bytes(film)
        if isinstance(data, Refusal):
            return data
        read = radiograph.read(data, name_of(film))
        return read if wanted is None else glance(read, wanted)
    except NotARadiograph as refused:
        if refused.code == "no-pixels" and name_of(film).upper() == "DICOMDIR":
            words = "This is the directory of a DICOM study, not a film. Open the folder that it is in."
            return refuse(film, "dicomdir", words)
        return refuse(film, refused.code, refused.words)
    except MemoryError:
        return refuse(film, "memory", TOO_MUCH_MEMORY)


def _bytes(path: Path | Member) -> bytes | Refusal:
    try:
        if isinstance(path, Member):
            return path.read()
        status = os.stat(path)
        if not stat.S_ISREG(status.st_mode):
            if stat.S_ISDIR(status.st_mode):
                os.scandir(path).close()  # one that may not be read says so
            kind = "a folder" if stat.S_ISDIR(status.st_mode) else "a device or pipe"
            return refuse(path, "unreadable", f"This is {kind}, not a file. Choose the film itself.")
        if status.st_size > MAX_BYTES:
            return too_large(path, status.st_size, MAX_BYTES)
        return path.read_bytes()
    except zipfile.BadZipFile:
        words = "The zip is damaged here: the film does not unpack, or fails its checksum. Zip it again."
        return refuse(path, "corrupt", words)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        reason = getattr(error, "strerror", None) or "no file can have this name"
        return refuse(path, "unreadable", f"The file cannot be read: {reason}. Check its name and permissions.")


def _be_silent() -> None:
    """Let nothing that a library prints, warns or logs leave this process: it may be what stands in a film.

    The descriptors themselves go nowhere, for what C libraries write past Python.
    """
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (1, 2):
        os.dup2(nowhere, stream)
    os.close(nowhere)
    warnings.simplefilter("ignore")
    logging.disable()


def _bound_memory() -> None:
    if os.name != "posix":
        return
    import resource

    with contextlib.suppress(ValueError, OSError):  # macOS knows no limit on address space
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a crashed decoder leaves no picture of a film on disk
