"""Films with a planted string in every place that can hold a patient's name: nothing that comes out holds it."""

from __future__ import annotations

import json
import os
import random
import re
import struct
import sys
import tempfile
import zlib
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

from tests.attack import Outcome
from tests.helpers import DATA, bad_films, dicom_elements, film_folders
from tests.helpers.dicom_elements import Element, File

MARK = "ZQPLANT"
MODEL = DATA / "tiny-model"
CLASSES = ("COVID-19", "Normal", "Pneumonia")
PIXELS = 0x7FE00010
# Where text of a stranger stands in whole files
TEXTS = (0x00080050, 0x00081030, 0x00081070, 0x00100010, 0x00100020, 0x00104000, 0x00204000, 0x00081048, 0x00181030)
# Attributes that are read, given what they cannot be: a value that is not understood is what gets into a message
READ = (
    *(0x00280002, 0x00280004, 0x00280006, 0x00280008, 0x00280010, 0x00280011, 0x00280100, 0x00280101, 0x00280102),
    *(0x00280103, 0x00281050, 0x00281051, 0x00281052, 0x00281053, 0x00281054, 0x00281055, 0x00281056, 0x00080060),
    *(0x00185101, 0x00283010, 0x00283000, 0x00080005, 0x20500020, 0x00281040, 0x00280301, 0x00181164, 0x00280030),
)
VRS = (b"LO", b"PN", b"UN", b"DS", b"IS", b"US", b"SQ", b"OB", b"UI", b"TM", b"DA", b"AS", b"FD", b"UR", b"XX", b"\0\0")


def attack(count: int, seed: int) -> Outcome:
    """Send `count` planted films through every command, the service and a run's record; look for what was planted."""
    draw = random.Random(seed)
    with tempfile.TemporaryDirectory(prefix="attack-") as place, ExitStack() as stack:
        root = Path(place)
        films = film_folders.make(root / "films", CLASSES, films=4)
        kinds = Counter(_plant(films / CLASSES[k % 3] / f"case-{k}", k, draw) for k in range(count))
        out = root / "out"
        out.mkdir()
        variables = {"XRAYKIT_CACHE": str(out / "cache"), "XRAYKIT_RUNS": str(out / "runs")}
        stack.enter_context(mock.patch.dict(os.environ, variables))
        with _descriptors(out):
            _commands(films, out)
            _pages(films, out)
        faults, searched = [], 0
        for path in sorted(path for path in out.rglob("*") if path.is_file()):
            searched += 1
            faults += [f"{path.relative_to(out)}: {near}" for near in _marks(path)]
    return Outcome(count, faults[:100], {**kinds, "searched files": searched, "found": len(faults)})


def _marks(path: Path) -> list[str]:
    """Planted strings in a file, each with a few letters around it."""
    data = path.read_bytes().replace(b"\0", b"")  # UTF-16 too
    return [match[0].decode("ascii", "replace") for match in re.finditer(rb"(?i)[ -~]{0,40}ZQPLANT\d+", data)]


@contextmanager
def _descriptors(out: Path) -> Iterator[None]:
    """Let all that this process and its children write past Python go into a file."""
    sys.stdout.flush()
    sys.stderr.flush()
    kept = {number: os.dup(number) for number in (1, 2)}
    with (out / "descriptors.txt").open("wb") as file:
        try:
            for number in kept:
                os.dup2(file.fileno(), number)
            yield
        finally:
            for number, copy in kept.items():
                os.dup2(copy, number)
                os.close(copy)


def _commands(films: Path, out: Path) -> None:
    """Every command that reads films; what it prints goes into a file."""
    from click.testing import CliRunner

    from xraykit.__main__ import main

    commands: dict[str, list[Any]] = {
        "predict": ["predict", "--model", MODEL, "--csv", out / "predict.csv", films],
        "explain": ["explain", "--model", MODEL, "--out", out / "overlays", films],
        "inspect": ["data", "inspect", films, "--json"],
        "inspect-again": ["data", "inspect", films],  # from the index
        "evaluate": ["evaluate", "--model", MODEL, "--data", films, "--out", out / "evaluation"],
    }
    for name, words in commands.items():
        done = CliRunner().invoke(main, [str(word) for word in words])
        (out / f"{name}.txt").write_text(f"{done.stdout}\n{done.stderr}\n{done.exception!r}", "utf-8")


def _pages(films: Path, out: Path) -> None:
    """What pages and a training make of the films: the service's answers, a run's record, a report."""
    from xraykit.datasets import dataset, split
    from xraykit.films.radiograph import Radiograph
    from xraykit.models.service import client as service
    from xraykit.training.recipe import presets
    from xraykit.training.run import run

    client = service.start()
    try:
        with (out / "service.txt").open("w", encoding="utf-8") as file:
            for path in sorted(films.glob("*/*")):
                film = client.read(path.name, path)
                facts = (film.format, film.view, film.notes) if isinstance(film, Radiograph) else film
                print(path.name, facts, file=file)
    finally:
        client.close()
    found = dataset.read(films)
    made = run.create(json.loads(presets.NAMED["tiny"].to_json()), films, out / "runs", "planted")
    made.write("data.json", split.describe(found, split.split(found)))


def _plant(path: Path, number: int, draw: random.Random) -> str:
    """Write one planted film; returns its kind."""
    mark = f"{MARK}{number:04d}"
    path.parent.mkdir(parents=True, exist_ok=True)
    if number % 4 == 3:
        kind = draw.choice(("png", "jpeg", "tiff", "bmp"))
        data = _still(kind, mark, number)
    else:
        kind = "dicom"
        data = _dicom(mark, number, draw)
    damage = draw.random()
    if damage < 0.25:
        kind, data = f"broken {kind}", _broken(data, mark, draw)
    elif damage < 0.35:
        data += mark.encode() * 3
    path.with_suffix(".dcm" if "dicom" in kind else f".{kind.split()[-1]}").write_bytes(data)
    return kind


def _dicom(mark: str, number: int, draw: random.Random) -> bytes:
    film = dicom_elements.split(bad_films.dicom(bad_films.film_values((64, 72), number), PatientName=f"{mark}^A"))
    text = dicom_elements.even(mark.encode())
    for tag in draw.sample(TEXTS, 3):
        film = film.put(Element(tag, b"LO", text))
    film = film.put(Element(0x00091010, draw.choice(VRS[:9]), text)).put(Element(0x00090010, b"LO", text))
    film = film.put(Element(0x00401101, b"SQ", dicom_elements.item([Element(0x00080100, b"SH", text)])))
    if draw.random() < 0.7:
        film = film.put(Element(draw.choice(READ), draw.choice(VRS), _value(mark, draw)))
    if draw.random() < 0.2:
        film = film.put(Element(0x60003000, b"OW", text * 4)).put(Element(0x60000022, b"LO", text))
    if draw.random() < 0.2:
        film = _in_meta(film, mark, draw)
    if draw.random() < 0.2:
        film = File(film.body, film.meta, film.syntax, text.ljust(128, b"\0") + b"DICM")
    return film.joined()


def _value(mark: str, draw: random.Random) -> bytes:
    """The string as the value of an attribute, alone, among numbers, or in another coding."""
    forms = (mark, f"{mark}\\1", f"1\\{mark}", f"1{mark}", f"{mark}\0", f"ISO {mark}", f"{mark}^\x1b$B", f"1.2.{mark}")
    return dicom_elements.even(draw.choice(forms).encode(draw.choice(("ascii", "utf-16-le", "latin-1"))))


def _in_meta(film: File, mark: str, draw: random.Random) -> File:
    """In the file meta information: the names of programs, or the transfer syntax itself."""
    tag = draw.choice((0x00020010, 0x00020002, 0x00020013, 0x00020016, 0x00020100, 0x00020102))
    planted = Element(tag, b"UI" if tag < 0x00020013 else b"SH", dicom_elements.even(f"1.2.{mark}".encode()))
    others = [element for element in film.meta if element.tag not in (tag, 0x00020000)]
    meta = sorted([*others, planted], key=lambda element: element.tag)
    length = sum(len(dicom_elements.written(element, False, "<")) for element in meta)
    return File(film.body, [Element(0x00020000, b"UL", struct.pack("<I", length)), *meta], film.syntax, film.preamble)


def _still(kind: str, mark: str, number: int) -> bytes:
    from PIL import Image
    from PIL.PngImagePlugin import PngInfo

    pixels = bad_films.film_values((64, 72), number)
    if kind == "png":
        about = PngInfo()
        about.add_text("Patient", mark)
        about.add_itxt(mark, mark, zip=True)
        return bad_films.png(pixels, pnginfo=about)
    if kind == "bmp":
        return bad_films.saved(pixels, "BMP")[:-4] + mark.encode()[-4:]
    exif = Image.Exif()
    exif[0x010E], exif[0x013B], exif[0x9286] = mark, mark, mark
    if kind == "jpeg":
        return bad_films.jpeg(pixels, exif=exif, comment=mark.encode())
    return bad_films.saved(pixels, "TIFF", tiffinfo={270: mark, 305: mark, 315: mark, 65000: mark})


def _broken(data: bytes, mark: str, draw: random.Random) -> bytes:
    """Cut short, with the string written over a part, or with a damaged check sum."""
    kind, place = draw.randrange(4), draw.randrange(8, len(data))
    if kind == 0:
        return data[:place]
    if kind == 1:
        return data[:place] + mark.encode() + data[place + len(mark) :]
    if kind == 2 and data.startswith(b"\x89PNG"):
        return data[:33] + bad_films.chunk(b"IDAT", zlib.compress(mark.encode())) + data[33:]
    return data[:place] + bytes([data[place] ^ 0xFF]) + data[place + 1 :]
