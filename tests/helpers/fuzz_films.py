"""Thousands of films with something wrong in them: `make fuzz`, or `python -m tests.helpers.fuzz_films --help`.

Every answer must be a Radiograph or a Refusal, in time, from decoders that live on; and a film that is accepted must
follow from its file: sides and samples as header and codestream say, pixels as a second reading has them, and nothing
cut off in silence. What is not so is a fault; its file is saved and can be tried again.
"""

from __future__ import annotations

import argparse
import queue
import re
import struct
import sys
import tempfile
import threading
import time
import warnings
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tests.helpers import bad_films, plain_stills, workstation
from tests.helpers.dicom_elements import PIXELS, UNDEFINED, fragments, split
from tests.helpers.mutants import ALLOCATED, COLUMNS, CUTS, ROWS, SAMPLES, STORED, Mutant, Mutants, Seed, frame_header
from tests.helpers.pydicom_films import CHOICES, COLOUR_LEVELS, GREY_LEVELS, stretched
from tests.helpers.workstation import NotShown
from xraykit.films.ingest import SECONDS, Ingest
from xraykit.films.radiograph import Radiograph
from xraykit.films.refusal import Refusal
from xraykit.system import processes

# What an answer may be: refused; or accepted, and ...
SOUND = {
    "refused": "with a code",
    "timeout": "refused after the time a film has",
    "said": "accepted, and a note says what is odd or was chosen",
    "same": "the pixels of the sound film",
    "follows": "other pixels, those that a second reading has, too",
    "unjudged": "other pixels, and no second reading",
}
FAULTS = {
    "traceback": "raised instead of answered",
    "no answer": "none in three times the time a film has",
    "dead service": "a sound film was not read afterwards",
    "against its header": "accepted, against what the file says of its sides, samples or length, and no note",
    "cut, not said": "accepted without a part of its data, and no note",
    "other pixels": "accepted with pixels that a second reading does not have",
}
# Codes of notes that sound films have, too; another code says that something is odd about the file
FACTS = """bits window no-window voi-lut modality-lut palette inverted tiny even blank lateral for-processing
    burned-in-text ycbr cmyk grey-in-colour tinted colour-not-radiograph colour-bits transparent turned
    first-frame cropped exif-damaged""".split()
Answer = Radiograph | Refusal


@dataclass(frozen=True)
class Judgement:
    """A mutant and what became of it: a key of `SOUND` or `FAULTS`, and a word on why."""

    mutant: Mutant
    outcome: str
    why: str = ""


def fuzz(mutants: Iterable[Mutant], seeds: Iterable[Seed]) -> Iterator[Judgement]:
    """Read and judge mutants, in order."""
    from pebble import ProcessPool

    good = "good.png", bad_films.png(bad_films.film_values())
    with Ingest() as decoders, ProcessPool(max_workers=1, context=processes.CONTEXT) as judges:
        sound = dict(zip((seed.name for seed in seeds), decoders.read_many(_named(seeds)), strict=True))
        for batch in _batches(mutants, 250):
            answers = _answers(decoders, batch)
            tasks = [
                judges.schedule(
                    judged,
                    args=(mutant.data, mutant.kind, answer, mutant.seed.data, sound[mutant.seed.name]),
                    timeout=SECONDS,
                )
                if isinstance(answer, Radiograph)
                else None
                for mutant, answer in zip(batch, answers, strict=True)
            ]
            for mutant, answer, task in zip(batch, answers, tasks, strict=True):
                yield Judgement(mutant, *_outcome(answer, task))
            if not isinstance(decoders.read(good[1], good[0]), Radiograph):
                yield Judgement(batch[-1], "dead service")


def _outcome(answer: Answer | Exception, task: Any) -> tuple[str, str]:
    if isinstance(answer, queue.Empty):
        return "no answer", ""
    if isinstance(answer, Exception):
        return "traceback", f"{type(answer).__name__}: {answer}"[:160]
    if isinstance(answer, Refusal):
        return ("timeout" if answer.code == "timeout" else "refused"), answer.code
    try:
        return task.result()
    except Exception as error:  # the second reading hung or crashed on the film: it says nothing
        return "unjudged", type(error).__name__


def _named(films: Iterable[Seed | Mutant]) -> Iterator[tuple[str, bytes]]:
    return ((film.name, film.data) for film in films)


def _batches(mutants: Iterable[Mutant], size: int) -> Iterator[list[Mutant]]:
    batch: list[Mutant] = []
    for mutant in mutants:
        batch.append(mutant)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch


def _answers(decoders: Ingest, batch: list[Mutant]) -> list[Any]:
    """An answer or an exception for each mutant; read in a thread, so that a hang of the service itself is seen."""
    come: queue.Queue[Any] = queue.Queue()

    def read() -> None:
        try:
            for answer in decoders.read_many(_named(batch)):
                come.put(answer)
        except Exception as error:
            come.put(error)

    threading.Thread(target=read, daemon=True).start()
    answers: list[Any] = []
    while len(answers) < len(batch):
        try:
            answers.append(come.get(timeout=3 * SECONDS))
        except queue.Empty as empty:
            answers.append(empty)
        if isinstance(answers[-1], Exception):  # the rest of the batch alone, film by film
            answers += [_alone(decoders, mutant) for mutant in batch[len(answers) :]]
    return answers


def _alone(decoders: Ingest, mutant: Mutant) -> Any:
    try:
        return decoders.read(mutant.data, mutant.name)
    except Exception as error:
        return error


# --- whether an accepted film follows from its file ---


def judged(data: bytes, kind: str, answer: Radiograph, seed: bytes, sound: Answer) -> tuple[str, str]:
    """The outcome for an accepted film, and why. Runs in a process of its own: second readings may crash."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        same = isinstance(sound, Radiograph) and np.array_equal(answer.pixels, sound.pixels)
        codes = _codes(answer) - (_codes(sound) if isinstance(sound, Radiograph) else set())
        said = bool(codes - set(FACTS))
        wrong = sides_against(data, answer) or contradictions(data)
        if wrong and wrong != contradictions(seed):
            return ("said" if said else "against its header"), wrong
        if kind == "sides" and jpeg_blocks(data) != jpeg_blocks(seed):
            return ("said" if said else "against its header"), f"{jpeg_blocks(data)} blocks, {jpeg_blocks(seed)} coded"
        if kind in CUTS and isinstance(sound, Radiograph) and not same:
            return ("said" if said else "cut, not said"), f"{len(data)} of {len(seed)} bytes"
        if _codes(answer) & CHOICES:
            return "said", ""
        if kind == "photometric or frames" and _coded_by_jpeg(data):  # its colours have two descriptions by now
            return ("same" if same else "unjudged"), "another photometric interpretation than the codestream's"
        if kind == "flips" and _coded_by_jpeg(data) and not same:
            return "unjudged", "decoders differ where a damaged codestream leads beyond the grey scale"
        return second_opinion(data, answer, same)


def _coded_by_jpeg(data: bytes) -> bool:
    file = _pieces(data)
    pixels = file and file.find(PIXELS)
    return bool(pixels and pixels.length == UNDEFINED and b"\xff\xd8" in pixels.value[:64])


def _codes(film: Radiograph) -> set[str]:
    return {getattr(note, "code", "bits") for note in film.notes}


def sides_against(data: bytes, answer: Radiograph) -> str:
    """What the file says of its sides where the pixels have others."""
    for width, height in declared_sides(data):
        if {width, height} != {answer.width, answer.height}:  # a film may be turned upright
            return f"{width} x {height} in the file, {answer.width} x {answer.height} accepted"
    return ""


def declared_sides(data: bytes) -> list[tuple[int, int]]:
    """Width and height wherever a file says them: DICOM tags and codestream, or the headers of a still."""
    if data.startswith(b"\x89PNG"):
        return [struct.unpack(">II", data[16:24])]
    if data.startswith(b"BM") and len(data) > 26:
        width, height = struct.unpack("<ii", data[18:26])
        return [(abs(width), abs(height))]
    if data.startswith((b"\xff\xd8", b"\0\0\0\x0cjP", b"\xff\x4f")):
        return codestream_sides(data)
    file = _pieces(data)
    if file is None or file.number(ROWS) is None or file.number(COLUMNS) is None or _twice(data):
        return []
    said = [(file.number(COLUMNS) or 0, file.number(ROWS) or 0)]
    pixels = file.find(PIXELS)
    if pixels and pixels.length == UNDEFINED:
        said += codestream_sides(b"".join(fragments(pixels.value)[1:]))
    return said


def codestream_sides(stream: bytes) -> list[tuple[int, int]]:
    """Width and height by SOF or SIZ (and the box before it)."""
    place, form = frame_header(stream)
    if not form or len(stream) < place + 16:
        return []
    numbers = struct.unpack_from(form, stream, place)
    if form == ">BHH":
        return [(numbers[2], numbers[1])]
    left, top = struct.unpack_from(">II", stream, place + 8)
    said = [(numbers[0] - left, numbers[1] - top)]
    box = stream.find(b"ihdr", 0, place)
    if box > 0:
        height, width = struct.unpack_from(">II", stream, box + 4)
        said.append((width, height))
    return said


def jpeg_blocks(data: bytes) -> int:
    """How many blocks of the first component a JPEG still must have coded (T.81 A.2); 0 for other files."""
    place, form = frame_header(data)
    if form != ">BHH" or not data.startswith(b"\xff\xd8"):
        return 0
    height, width, components = struct.unpack_from(">HHB", data, place + 1)
    sampling = [(one >> 4, one & 15) for one in data[place + 7 : place + 6 + 3 * components : 3]]
    across, down = (max(side) for side in zip(*sampling, strict=True)) if len(sampling) > 1 else (1, 1)
    return -(-width // (8 * across)) * -(-height // (8 * down))


def contradictions(data: bytes) -> str:
    """What a file says of its samples or its length against what it holds, or nothing."""
    if data.startswith(b"\x89PNG"):
        return _png_contradiction(data)
    if wrong := plain_stills.contradiction(data):
        return wrong
    file = _pieces(data)
    pixels = file and file.find(PIXELS)
    if not file or not pixels or _twice(data):
        return ""
    rows, columns, samples, allocated = (file.number(tag) for tag in (ROWS, COLUMNS, SAMPLES, ALLOCATED))
    if None in (rows, columns, samples, allocated):
        return ""
    if pixels.length == UNDEFINED:
        return _codestream_contradiction(b"".join(fragments(pixels.value)[1:]), samples, file.number(STORED))
    need = (rows * columns * samples * allocated + 7) // 8
    if b"YBR_FULL_422" in getattr(file.find(0x00280004), "value", b""):
        need = need * 2 // 3
    if not need <= len(pixels.value) <= need + need % 2:
        return f"{len(pixels.value)} bytes of pixels, {need} by the header"
    return ""


def _codestream_contradiction(stream: bytes, samples: int | None, stored: int | None) -> str:
    place, form = frame_header(stream)
    if form == ">BHH" and len(stream) > place + 6:
        bits, components = stream[place], stream[place + 5]
    elif form == ">II" and len(stream) > place + 40:
        components, bits = struct.unpack_from(">H", stream, place + 32)[0], (stream[place + 34] & 0x7F) + 1
    else:
        return ""
    if components != samples:
        return f"{components} components in the codestream, {samples} samples by the header"
    if stored is not None and bits < stored:
        return f"{bits} bits in the codestream, {stored} by the header"
    return ""


def _png_contradiction(data: bytes) -> str:
    width, height, depth, kind, _, _, interlaced = struct.unpack(">IIBBBBB", data[16:29])
    packed, place = b"", 8
    while place + 8 <= len(data):
        length = int.from_bytes(data[place : place + 4], "big")
        packed += data[place + 8 : place + 8 + length] if data[place + 4 : place + 8] == b"IDAT" else b""
        place += 12 + length
    unpacker = zlib.decompressobj()
    try:
        lines = unpacker.decompress(packed)
    except zlib.error as error:
        return str(error)[:60]
    bits = depth * {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}.get(kind, 0)
    passes = ADAM7 if interlaced else ((0, 0, 1, 1),)
    sides = [(len(range(top, height, down)), len(range(left, width, right))) for top, left, down, right in passes]
    need = sum(rows * (1 + (columns * bits + 7) // 8) for rows, columns in sides if rows and columns)
    return "" if len(lines) == need else f"{len(lines)} bytes of pixels, {need} by the header"


ADAM7 = ((0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1))


def _pieces(data: bytes) -> Any:
    try:
        return split(data)
    except (ValueError, struct.error, UnicodeDecodeError, IndexError):
        return None


def second_opinion(data: bytes, answer: Radiograph, same: bool) -> tuple[str, str]:
    """Whether NumPy's reading of the same file has the same pixels."""
    if twice := _twice(data):
        return ("same" if same else "unjudged"), twice
    try:
        theirs = workstation.by_numpy(data) if answer.format == "DICOM" else plain_stills.shown(data)
    except NotShown as reason:
        return ("same" if same else "unjudged"), str(reason)
    ours = answer.pixels / 257 if answer.pixels.dtype == np.uint16 else answer.pixels.astype(float)
    levels = COLOUR_LEVELS if theirs.ndim == 3 else GREY_LEVELS
    if theirs.ndim > ours.ndim:
        theirs = theirs @ np.array([0.299, 0.587, 0.114])
    if theirs.shape != ours.shape:
        return "other pixels", f"{theirs.shape} by NumPy, {ours.shape} accepted"
    apart = float(np.abs(theirs - ours).max())
    if apart <= levels or stretched(ours, theirs):
        return ("same" if same else "follows"), ""
    return "other pixels", f"{apart:.0f} levels from NumPy's"


def _twice(data: bytes) -> str:
    """A tag that describes the pixels and is there twice with two values: either may be taken."""
    file = _pieces(data)
    values: dict[int, bytes] = {}
    for element in file.body if file else []:
        if element.tag >> 16 in (0x0028, 0x7FE0) and values.setdefault(element.tag, element.value) != element.value:
            return f"{element.tag:08x} twice"
    return ""


# --- the command ---


def table(judgements: list[Judgement]) -> str:
    """Kinds by outcome."""
    columns = [one for one in [*SOUND, *FAULTS] if any(judgement.outcome == one for judgement in judgements)]
    counts = Counter((judgement.mutant.kind, judgement.outcome) for judgement in judgements)
    kinds = sorted({judgement.mutant.kind for judgement in judgements})
    wide = max(map(len, kinds), default=4)
    lines = [" " * wide + "".join(f"  {column}" for column in columns)]
    for kind in kinds:
        cells = (f"  {counts[kind, column] or '':>{len(column)}}" for column in columns)
        lines.append(f"{kind:{wide}}" + "".join(cells))
    total = Counter(judgement.outcome for judgement in judgements)
    lines.append(f"{'all':{wide}}" + "".join(f"  {total[column]:>{len(column)}}" for column in columns))
    return "\n".join(lines)


def faults_of(judgements: Iterable[Judgement]) -> list[Judgement]:
    return [judgement for judgement in judgements if judgement.outcome in FAULTS]


def run(seed: int, count: int, folder: Path, first: int = 0) -> list[Judgement]:
    """Fuzz with progress on stderr; faults are saved in the folder as they come."""
    maker, began, done = Mutants(seed), time.monotonic(), []
    for judgement in fuzz(map(maker.mutant, range(first, first + count)), maker.seeds):
        done.append(judgement)
        if judgement.outcome in FAULTS:
            _save(judgement, folder, seed)
        if len(done) % 250 == 0 or len(done) == count:
            spent = time.monotonic() - began
            left = spent / len(done) * (count - len(done))
            faults = len(faults_of(done))
            print(f"\r{len(done)} of {count}, {faults} faults, {left:.0f} s left ", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    return done


def _save(judgement: Judgement, folder: Path, seed: int) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    name = f"{judgement.outcome} seed{seed}-{judgement.mutant.name}".replace(",", "").replace(" ", "-")
    (folder / name).write_bytes(judgement.mutant.data)


def again(path: Path) -> Judgement:
    """Try one saved file; its name says which mutant of which seed it is, and so what the sound film was."""
    data = path.read_bytes()
    made = re.search(r"seed(\d+)-(\d+)-", path.name)
    maker = Mutants(int(made[1]) if made else 0)
    mutant = maker.mutant(int(made[2])) if made else None
    if mutant is None or mutant.data != data:  # no mutant of today's seeds: judged without a sound film
        mutant = Mutant(0, Seed("none", b""), "file", data)
    return next(fuzz([mutant], [mutant.seed]))


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n\n")[2])
    parser.add_argument("--mutants", type=int, default=20_000, help="how many (20000)")
    parser.add_argument("--seed", type=int, default=1, help="the same mutants for the same seed (1)")
    parser.add_argument("--first", type=int, default=0, help="number of the first mutant (0)")
    parser.add_argument(
        "--folder", type=Path, default=Path(tempfile.gettempdir(), "xraykit-fuzz"), help="for the faults' files"
    )
    parser.add_argument("--unjudged", action="store_true", help="say why films could not be judged")
    parser.add_argument("--again", type=Path, metavar="FILE", help="try one saved file, and nothing else")
    given = parser.parse_args()
    if given.again:
        judgement = again(given.again)
        print(f"{judgement.outcome}: {judgement.why}")
        sys.exit(judgement.outcome in FAULTS)
    judgements = run(given.seed, given.mutants, given.folder, given.first)
    print(table(judgements))
    if given.unjudged:
        reasons = Counter(judgement.why for judgement in judgements if judgement.outcome == "unjudged")
        print("\n".join(f"{number:6} unjudged: {why}" for why, number in reasons.most_common(30)))
    faults = faults_of(judgements)
    for judgement in faults[:40]:
        print(f"{judgement.outcome}: {judgement.mutant.name}: {judgement.why}")
    if faults:
        print(f"{len(faults)} faults of seed {given.seed}; their files are in {given.folder}")
    sys.exit(bool(faults))


if __name__ == "__main__":
    main()
