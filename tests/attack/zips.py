"""Damaged, hostile and odd zips: refused in words, or unpacked whole into a folder of their own."""

from __future__ import annotations

import io
import os
import random
import re
import stat
import struct
import tempfile
import tracemalloc
import warnings
import zipfile
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from tests.attack import Outcome
from tests.helpers import DATA
from xraykit.datasets.archive import unpack
from xraykit.datasets.listing.folder import RECORD
from xraykit.refused import Refused

FILMS = sorted((DATA / "fc00794" / "films").glob("*/*.png"))[::9]
MOST_MEMORY = 48 * 2**20  # bytes beyond the zip itself
ANYTHING = (
    "../out.png",
    "/tmp/out.png",
    "a/../../out.png",
    "C:\\out.png",
    "\\\\host\\out.png",
    "..\\out.png",
    "./a.png",
)
ODD = (
    *("a//b.png", "NUL", "con.png", "aux", "COM1.png", "name.png ", "name.", " ", "", "..", ".hidden.png", "a:b.png"),
    *(
        "x" * 3000 + ".png",
        "é" * 150 + ".png",
        "/".join("d" * 40) + "/a.png",
        "a\nb.png",
        "a\x1b[2J.png",
        "\u202egnp.a",
    ),
    *("Normal/FILM.PNG", "normal/film.png", "Normal", "e\u0301.png", "\u00e9.png", ".xraykit.json", "manifest.csv"),
    *("__MACOSX/._a.png", "Normal/deep/manifest.csv", "=cmd.png", "-rf", "$(id).png", "a\0b.png"),
)
KINDS = (stat.S_IFLNK, stat.S_IFIFO, stat.S_IFCHR, stat.S_IFBLK, stat.S_IFSOCK, stat.S_IFDIR)
# What Python's modules say of a zip; a refusal is in our own words
LIBRARY = (
    "Errno",
    "codec",
    "Error -",
    "Bad CRC",
    "magic number",
    "zlib",
    "zipfile",
    "Traceback",
    "not a zip",
    "struct",
)


@dataclass
class Zip:
    """Members (name, content, attributes), and what is done to the bytes once they are zipped."""

    members: list[tuple[str, bytes, int]]
    changes: list[Callable[[bytearray], bytes | bytearray]] = field(default_factory=list)
    packed: int = zipfile.ZIP_DEFLATED
    comment: bytes = b""
    zip64: bool = False

    def bytes(self) -> bytes:
        file = io.BytesIO()
        with warnings.catch_warnings(), zipfile.ZipFile(file, "w", self.packed) as archive:
            warnings.simplefilter("ignore")  # of two members of one name
            for name, content, attributes in self.members:
                member = zipfile.ZipInfo("x")
                member.filename, member.external_attr, member.compress_type = name, attributes << 16, self.packed
                with archive.open(member, "w", force_zip64=self.zip64) as target:
                    target.write(content)
            archive.comment = self.comment
        data = bytearray(file.getvalue())
        for change in self.changes:
            data = bytearray(change(data))
        return bytes(data)


def attack(count: int, seed: int) -> Outcome:
    """Unpack `count` zips beside a folder that stays as it is."""
    draw, faults, counts = random.Random(seed), [], Counter()
    with tempfile.TemporaryDirectory(prefix="zips-") as place:
        root = Path(place) / "above" / "datasets"
        root.mkdir(parents=True)
        tracemalloc.start()
        try:
            for number in range(count):
                chosen = [draw.choice(HARMS) for _ in range(draw.choice((1, 1, 1, 2, 3)))]
                what = f"{number}: {', '.join(harm.__name__.strip('_') for harm in chosen)}"
                try:
                    counts[_judge(Path(place), root, chosen, draw)] += 1
                except Exception as error:  # every exception is a fault of what is attacked
                    faults.append(f"{what}: {type(error).__name__}: {error}"[:400])
        finally:
            tracemalloc.stop()
    return Outcome(count, faults, dict(counts))


def _judge(place: Path, root: Path, harms: list[Callable[[Zip, random.Random], None]], draw: random.Random) -> str:
    """What became of a zip; raises AssertionError or what unpacking raises."""
    made = Zip([(f"{film.parent.name}/{film.name}", film.read_bytes(), 0o100644) for film in FILMS])
    for harm in harms:
        harm(made, draw)
    data = made.bytes()
    file = place / "upload.zip"
    file.write_bytes(data)
    before = _tree(place)
    tracemalloc.reset_peak()
    held, _ = tracemalloc.get_traced_memory()
    try:
        folder = unpack.unpack(
            io.BytesIO(data) if draw.random() < 0.5 else file, draw.choice(("films.zip", "../../x.zip")), root
        )
    except Refused as refused:
        _, peak = tracemalloc.get_traced_memory()
        assert _tree(place) == before, f"left behind: {sorted(_tree(place) - before)[:3]}"
        assert not any(said in str(refused) for said in LIBRARY), f"a library's words: {refused}"
        str(refused).encode()
        assert len(str(refused)) < 20_000, "a refusal without end"
        outcome = "refused"
    else:
        _, peak = tracemalloc.get_traced_memory()
        _check(folder, root, place, before, made)
        outcome = "unpacked"
    assert peak - held < MOST_MEMORY + len(data), f"{(peak - held) >> 20} MiB of memory"
    return outcome


def _check(folder: Path, root: Path, place: Path, before: set[str], made: Zip) -> None:
    """An unpacked folder is one of the root's own, and each file in it is whole; then it is removed."""
    assert folder.parent == root and not folder.name.startswith("."), f"unpacked into {folder}"
    new = _tree(place) - before
    inside = os.path.relpath(folder, place)
    assert all(path == inside or path.startswith(inside + os.sep) for path in new), (
        f"written outside: {sorted(new)[:3]}"
    )
    contents = {content for _, content, _ in made.members}
    for path in sorted(folder.rglob("*"), reverse=True):
        mode = path.lstat().st_mode
        assert stat.S_ISDIR(mode) or stat.S_ISREG(mode), f"no plain file: {path.name}"
        if stat.S_ISREG(mode):
            assert path.name == RECORD or path.read_bytes() in contents, f"not whole: {path.name}"
            path.unlink()
        else:
            path.rmdir()
    folder.rmdir()


def _tree(place: Path) -> set[str]:
    return {os.path.relpath(path, place) for path in place.rglob("*")}


def _name(made: Zip, draw: random.Random) -> None:
    made.members.append((draw.choice((*ANYTHING, *ODD)), FILMS[0].read_bytes(), 0o100644))


def _twins(made: Zip, draw: random.Random) -> None:
    if not made.members:
        return
    name = made.members[0][0]
    made.members.append((draw.choice((name, name.upper(), name + "/x.png", name.split("/")[0])), b"twin", 0o100644))


def _kind(made: Zip, draw: random.Random) -> None:
    content = draw.choice((b"/etc/passwd", b"../../out", b"", FILMS[0].read_bytes()))
    made.members.append((draw.choice(("Normal/link.png", "link", "Normal/")), content, draw.choice(KINDS) | 0o777))


def _bomb(made: Zip, draw: random.Random) -> None:
    size = draw.choice((2, 20, 70)) * 2**20
    made.members.append((draw.choice(("Normal/bomb.png", "bomb")), b"\x89PNG\r\n\x1a\n" + bytes(size), 0o100644))


def _nested(made: Zip, draw: random.Random) -> None:
    inner = Zip([*made.members[:2], ("bomb.png", bytes(2**20), 0)])
    made.members.append((draw.choice(("inner.zip", "Normal/inner.png")), inner.bytes(), 0o100644))


def _none(made: Zip, draw: random.Random) -> None:
    made.members = draw.choice(([], [("Normal/", b"", 0)], [("notes.txt", b"nothing", 0)]))


def _many(made: Zip, draw: random.Random) -> None:
    made.members += [(f"Normal/{i}.png", b"", 0) for i in range(draw.choice((100, 3000)))]


def _other_packing(made: Zip, draw: random.Random) -> None:
    made.packed = draw.choice((zipfile.ZIP_STORED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA))


def _big_numbers(made: Zip, draw: random.Random) -> None:
    made.zip64 = True


def _comment(made: Zip, draw: random.Random) -> None:
    made.comment = draw.choice((b"x" * 65_535, b"PK\5\6" + bytes(18), b"PK\1\2" * 100))


def _before(made: Zip, draw: random.Random) -> None:
    junk = draw.choice((b"#!/bin/sh\n", b"PK\3\4", draw.randbytes(1000)))
    made.changes.append(lambda data: junk + data)


def _behind(made: Zip, draw: random.Random) -> None:
    junk = draw.choice((b"\0", b"PK\5\6" + bytes(18), draw.randbytes(1000)))
    made.changes.append(lambda data: data + junk)


def _twice(made: Zip, draw: random.Random) -> None:
    made.changes.append(lambda data: data + data)


def _cut(made: Zip, draw: random.Random) -> None:
    share = draw.choice((draw.random(), 0.0, 0.999))
    made.changes.append(lambda data: data[: int(share * len(data))])


def _flip(made: Zip, draw: random.Random) -> None:
    places = [draw.random() for _ in range(draw.choice((1, 1, 5, 50)))]

    def flip(data: bytearray) -> bytearray:
        for place in places if data else ():
            data[int(place * len(data))] ^= 1 << draw.randrange(8)
        return data

    made.changes.append(flip)


def _lie(made: Zip, draw: random.Random) -> None:
    """A number of a member's entry in the list of members, or of its own head, is another."""
    offset, form = draw.choice(((8, "<H"), (10, "<H"), (16, "<L"), (20, "<L"), (24, "<L"), (28, "<H"), (30, "<H")))
    if draw.random() < 0.3:
        offset, form = 42, "<L"  # where its bytes begin: those of another
    mark = draw.choice((b"PK\1\2", b"PK\1\2", b"PK\3\4"))
    value = draw.choice((0, 1, 9, 0x41, 0x801, 40, 1000, 2**16 - 1, 2**31, 2**32 - 1)) % 256 ** struct.calcsize(form)

    def lie(data: bytearray) -> bytearray:
        places = [match.start() for match in re.finditer(re.escape(mark), data)]
        if places and (place := draw.choice(places)) + offset + 4 <= len(data):
            struct.pack_into(form, data, place + offset, value)
        return data

    made.changes.append(lie)


def _end_lies(made: Zip, draw: random.Random) -> None:
    offset, value = draw.choice((8, 10, 12, 16, 20)), draw.choice((0, 1, 2**16 - 1))

    def lie(data: bytearray) -> bytearray:
        if (place := data.rfind(b"PK\5\6")) >= 0 and place + offset + 2 <= len(data):
            struct.pack_into("<H", data, place + offset, value)
        return data

    made.changes.append(lie)


def _raw_name(made: Zip, draw: random.Random) -> None:
    """A name that is no UTF-8 and says that it is, or holds a NUL or a slash that it did not have."""
    raw = draw.choice((b"\xff\xfe\xfd\xfc", b"a\0b.", b"/../", b"../.", b"\xed\xa0\x80x"))
    made.changes.append(lambda data: data.replace(b"film", raw))


HARMS: tuple[Callable[[Zip, random.Random], None], ...] = (
    *(_name, _name, _name, _twins, _kind, _bomb, _nested, _none, _many, _other_packing, _big_numbers, _comment),
    *(_before, _behind, _twice, _cut, _flip, _flip, _lie, _lie, _lie, _end_lies, _raw_name),
)
