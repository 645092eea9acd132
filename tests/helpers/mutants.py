"""Films with something wrong in them, the same ones for the same seed: `Mutants(seed).mutant(number)`.

Seeds are pydicom's small test images, the drawn chest in its DICOM dresses, and drawn stills. A mutation changes what a
file says (its bytes, lengths, tags, sides, codestream) and knows nothing of who reads it.
"""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache, cached_property

import numpy as np
from PIL import Image

from tests.helpers.bad_films import chunk
from tests.helpers.dicom_elements import (
    PIXELS,
    UNDEFINED,
    Element,
    File,
    encapsulated,
    even,
    fragments,
    split,
)
from tests.helpers.dicom_films import SYNTAXES, Film, Palette, Table, chest

ROWS, COLUMNS, SAMPLES, PLANAR = 0x00280010, 0x00280011, 0x00280002, 0x00280006
ALLOCATED, STORED, HIGH, SIGN = 0x00280100, 0x00280101, 0x00280102, 0x00280103
PHOTOMETRIC, FRAMES, SYNTAX = 0x00280004, 0x00280008, 0x00020010
LARGEST = 40_000  # bytes of a seed
VRS = [*b"AE AS AT CS DA DS DT FL FD IS LO LT OB OW OF PN SH SL SQ SS ST TM UC UI UL UN UR US UT XX".split(), b"\0\0"]
MEANINGS = (
    "MONOCHROME1",
    "MONOCHROME2",
    "RGB",
    "YBR_FULL",
    "YBR_FULL_422",
    "YBR_RCT",
    "PALETTE COLOR",
    "ARGB",
    "",
    "monochrome2",
)
NUMBERS = (0, 1, 2, 3, 4, 7, 8, 9, 10, 11, 12, 13, 15, 16, 17, 24, 31, 32, 64, 255, 65535)
CUTS = ("cut", "stream cut and closed")  # kinds that take away what was there
Random = np.random.RandomState


@dataclass(frozen=True)
class Seed:
    """A sound film."""

    name: str
    data: bytes

    @cached_property
    def file(self) -> File | None:
        """In pieces, if it is well-formed DICOM."""
        if self.data[128:132] != b"DICM":
            return None
        try:
            return split(self.data)
        except (ValueError, struct.error):
            return None


@dataclass(frozen=True)
class Mutant:
    """A film that is wrong: its number, what it was made of, what was done to it, and its bytes."""

    number: int
    seed: Seed
    kind: str
    data: bytes

    @property
    def name(self) -> str:
        return f"{self.number}-{self.kind.replace(' ', '-')}-{self.seed.name}"


class Mutants:
    """Mutants by number; every one can be made again alone.

    Parameters
    ----------
    seed : int
        Of all of them.
    """

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.seeds = seeds()

    def mutant(self, number: int) -> Mutant:
        random = Random([self.seed, number])
        seed = self.seeds[random.randint(len(self.seeds))]
        kinds = kinds_of(seed)
        kind = sorted(kinds)[random.randint(len(kinds))]
        return Mutant(number, seed, kind, kinds[kind](seed, random))


# --- sound films ---


@cache
def seeds() -> list[Seed]:
    """Every seed."""
    small = {"size": 40}
    dresses = {
        **{
            name: Film(name, bits=8 if name == "jpeg" else 12, allocated=8 if name == "jpeg" else 16, **small)
            for name in SYNTAXES
        },
        "signed": Film(signed=True, **small),
        "implicit VOI LUT": Film("implicit", voi=Table(entries=3000, first=500), **small),
        "VOI LUT": Film(voi=Table(depth=12), inverse=True, **small),
        "modality LUT": Film(modality=Table(entries=4096, depth=12), **small),
        "palette": Film(palette=Palette(), **small),
        "segmented palette": Film("big", palette=Palette(segmented=True), **small),
        "RGB": Film(colour="RGB", **small),
        "RGB by plane": Film("rle", colour="RGB", planar=1, **small),
        "YBR 4:2:2": Film(colour="YBR_FULL_422", **small),
        "RGB lossless": Film("lossless sv1", colour="RGB", **small),
        "RGB JPEG 2000": Film("jpeg 2000", colour="RGB", **small),
        "8 bits": Film(bits=8, allocated=8, **small),
        "high bit": Film(high=15, **small),
        "rescaled": Film(slope=0.5, intercept=-1000, **small),
        "bare": Film("implicit", meta="no preamble", **small),
    }
    drawn = [Seed(f"drawn {name}.dcm", film.data()) for name, film in dresses.items()]
    return [*_pydicom_seeds(), *drawn, *(Seed(name, data) for name, data in stills().items())]


def _pydicom_seeds() -> list[Seed]:
    from tests.helpers.pydicom_films import films, name_of

    found, taken = [], 0
    for path, film in films():
        taken += "/" in name_of(path)
        if path.stat().st_size > LARGEST or "Rows" not in film or ("/" in name_of(path) and taken > 3):
            continue
        found.append(Seed(name_of(path).replace("/", "-"), path.read_bytes()))
    return found


def stills() -> dict[str, bytes]:
    """The drawn chest as PNG, JPEG, TIFF, BMP, WebP and JPEG 2000."""
    deep = np.rint(chest(40) * (65535 / 4095)).astype(np.uint16)[:, :33]
    grey = (deep >> 8).astype(np.uint8)
    tinted = np.stack([grey, grey * 0.8, grey * 0.6], -1).astype(np.uint8)
    picture, colour = Image.fromarray(grey), Image.fromarray(tinted)
    forms = {
        "grey.png": (picture, "PNG", {}),
        "deep.png": (Image.fromarray(deep), "PNG", {}),
        "rgb.png": (colour, "PNG", {}),
        "palette.png": (colour.quantize(32), "PNG", {}),
        "alpha.png": (colour.convert("RGBA"), "PNG", {}),
        "grey.jpg": (picture, "JPEG", {"quality": 90}),
        "colour.jpg": (colour, "JPEG", {"quality": 90}),
        "progressive.jpg": (colour, "JPEG", {"quality": 90, "progressive": True}),
        "cmyk.jpg": (colour.convert("CMYK"), "JPEG", {"quality": 90}),
        "restarts.jpg": (picture, "JPEG", {"quality": 90, "restart_marker_rows": 1}),
        "grey.tif": (picture, "TIFF", {}),
        "deep.tif": (Image.fromarray(deep), "TIFF", {}),
        "lzw.tif": (colour, "TIFF", {"compression": "tiff_lzw"}),
        "grey.bmp": (picture, "BMP", {}),
        "rgb.bmp": (colour, "BMP", {}),
        "lossy.webp": (colour, "WEBP", {"quality": 90}),
        "lossless.webp": (colour, "WEBP", {"lossless": True}),
        "grey.jp2": (picture, "JPEG2000", {}),
        "rgb.jp2": (colour, "JPEG2000", {}),
    }
    made = {name: _saved(*form) for name, form in forms.items()}
    return made | {"interlaced.png": interlaced_png(grey)}


def _saved(picture: Image.Image, form: str, options: dict[str, object]) -> bytes:
    out = io.BytesIO()
    picture.save(out, form, **options)
    return out.getvalue()


def interlaced_png(grey: np.ndarray) -> bytes:
    """8-bit grey in Adam7, unfiltered; Pillow writes none."""
    passes = ((0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1))
    lines = [b"\0" + line.tobytes() for top, left, down, right in passes for line in grey[top::down, left::right]]
    header = struct.pack(">IIBBBBB", grey.shape[1], grey.shape[0], 8, 0, 0, 0, 1)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"".join(lines))) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


# --- what can be wrong ---


def kinds_of(seed: Seed) -> dict[str, Callable[[Seed, Random], bytes]]:
    """The mutations that fit a film."""
    kinds = {"flips": _flips, "cut": _cut}
    if seed.file is None:
        if not seed.name.endswith(".dcm"):
            kinds |= {"sides": _still_sides, "numbers": _overwritten, "stream cut and closed": _still_closed}
        return kinds
    for name, change in OF_TAGS.items():
        kinds[name] = lambda seed, random, change=change: change(seed.file, random).joined()
    if seed.file.find(PIXELS).length == UNDEFINED:
        for name, change in OF_FRAGMENTS.items():
            kinds[name] = lambda seed, random, change=change: _with_fragments(seed.file, random, change)
    return kinds


def _flips(seed: Seed, random: Random) -> bytes:
    changed = bytearray(seed.data)
    reach = len(changed) if random.randint(2) else min(len(changed), 1200)
    for _ in range(random.randint(1, 5)):
        place, how = random.randint(reach), random.randint(4)
        if how < 2:
            changed[place] ^= 1 << random.randint(8)
        elif how == 2:
            changed[place] = random.randint(256)
        else:
            changed[place:place] = random.bytes(random.randint(1, 9))
    return bytes(changed)


def _cut(seed: Seed, random: Random) -> bytes:
    return seed.data[: random.randint(4, len(seed.data))]


def _overwritten(seed: Seed, random: Random) -> bytes:
    """Two or four bytes of the first hundred, as lengths, sides and offsets are."""
    place, number = random.randint(4, 100), NUMBERS[random.randint(len(NUMBERS))]
    form = (">H", "<H", ">I", "<I")[random.randint(4)]
    return seed.data[:place] + struct.pack(form, number) + seed.data[place + struct.calcsize(form) :]


def _length(file: File, random: Random) -> File:
    return _one_changed(file, random, lambda one: replace(one, length=_other(len(one.value), random)))


def _other(number: int, random: Random, top: int = 0xFFFFFFFF) -> int:
    tried = (
        number + 1,
        number - 1,
        number + 2,
        number - 2,
        number // 2,
        number * 2,
        0,
        0xFFFE,
        top,
        random.randint(2**16),
    )
    return max(0, tried[random.randint(len(tried))]) & top


def _value(file: File, random: Random) -> File:
    return _one_changed(file, random, lambda one: replace(one, value=random.bytes(len(one.value))))


def _removed(file: File, random: Random) -> File:
    place = _place(file, random)
    return replace(file, body=[one for number, one in enumerate(file.body) if number != place])


def _doubled(file: File, random: Random) -> File:
    place = _place(file, random)
    again = file.body[place]
    if random.randint(2):
        again = replace(again, value=random.bytes(len(again.value)))
    return replace(file, body=[*file.body[: place + 1], again, *file.body[place + 1 :]])


def _moved(file: File, random: Random) -> File:
    body = list(file.body)
    one = body.pop(_place(file, random))
    body.insert(random.randint(len(body) + 1), one)
    return replace(file, body=body)


def _other_vr(file: File, random: Random) -> File:
    return _one_changed(file, random, lambda one: replace(one, vr=VRS[random.randint(len(VRS))]))


def _other_tag(file: File, random: Random) -> File:
    return _one_changed(file, random, lambda one: replace(one, tag=one.tag ^ 1 << random.randint(32)))


def _place(file: File, random: Random) -> int:
    """Of an element; mostly of one that describes the pixels."""
    told = [place for place, one in enumerate(file.body) if one.tag >> 16 in (0x0028, 0x7FE0)]
    return told[random.randint(len(told))] if told and random.randint(4) else random.randint(len(file.body))


def _one_changed(file: File, random: Random, change: Callable[[Element], Element]) -> File:
    place = _place(file, random)
    return replace(file, body=[*file.body[:place], change(file.body[place]), *file.body[place + 1 :]])


def _sides(file: File, random: Random) -> File:
    rows, columns = file.number(ROWS) or 1, file.number(COLUMNS) or 1
    if random.randint(5) == 0:
        return file.put_number(ROWS, columns).put_number(COLUMNS, rows)
    tag = (ROWS, COLUMNS)[random.randint(2)]
    return file.put_number(tag, _other(file.number(tag) or 1, random, 0xFFFF))


def _bits(file: File, random: Random) -> File:
    tags = (ALLOCATED, STORED, HIGH, SIGN, SAMPLES, PLANAR)
    for _ in range(random.randint(1, 3)):
        file = file.put_number(tags[random.randint(len(tags))], NUMBERS[random.randint(len(NUMBERS))])
    return file


def _meaning(file: File, random: Random) -> File:
    if random.randint(4) == 0:
        text = ("0", "2", "1000000000", "-1", "1A", "", "1\\1")[random.randint(7)]
        return file.put(Element(FRAMES, b"IS", even(text.encode())))
    return file.put(Element(PHOTOMETRIC, b"CS", even(MEANINGS[random.randint(len(MEANINGS))].encode())))


def _display(file: File, random: Random) -> File:
    texts = ("0", "1", "-1", "0.5", "1e400", "nan", "", "12,5", "2048\\40", "1e-9", "99999999", "4096 ", "x")
    for tag in (0x00281050, 0x00281051, 0x00281052, 0x00281053):
        if random.randint(2):
            file = file.put(Element(tag, b"DS", even(texts[random.randint(len(texts))].encode())))
    return file


def _syntax(file: File, random: Random) -> File:
    uids = [
        *SYNTAXES.values(),
        "1.2.840.10008.1.2.1.99",
        "1.2.840.10008.1.2.4.91",
        "1.2.840.10008.1.2.4.81",
        "1.2.3",
        "",
    ]
    uid = even(uids[random.randint(len(uids))].encode(), b"\0")
    return replace(file, meta=[replace(one, value=uid) if one.tag == SYNTAX else one for one in file.meta])


OF_TAGS: dict[str, Callable[[File, Random], File]] = {
    "length of an element": _length,
    "value of an element": _value,
    "tag removed": _removed,
    "tag doubled": _doubled,
    "tag moved": _moved,
    "other VR": _other_vr,
    "other tag": _other_tag,
    "sides": _sides,
    "bits": _bits,
    "photometric or frames": _meaning,
    "window or rescale": _display,
    "transfer syntax": _syntax,
}


def _with_fragments(file: File, random: Random, change: Callable[[list[bytes], Random], list[bytes]]) -> bytes:
    pixels = file.find(PIXELS)
    assert pixels is not None
    offsets, *frame = change(fragments(pixels.value), random)
    return file.put(encapsulated(frame, offsets)).joined()


def _fragments(items: list[bytes], random: Random) -> list[bytes]:
    offsets, *frame = items
    place = random.randint(len(frame))
    one = frame[place]
    half = random.randint(len(one) + 1) // 2 * 2
    changed = (
        [],
        [one, one],
        [one[:half], one[half:]],
        [one[half:], one[:half]],
        [one[:half]],
        [one, b""],
        [random.bytes(len(one))],
        [one, random.bytes(8)],
    )[random.randint(8)]
    return [offsets, *frame[:place], *changed, *frame[place + 1 :]]


def _offsets(items: list[bytes], random: Random) -> list[bytes]:
    entries = [int(number) for number in random.randint(0, 2**16, random.randint(1, 5))]
    if random.randint(2):
        entries[0] = 0
    return [struct.pack(f"<{len(entries)}I", *entries), *items[1:]]


def _codestream(items: list[bytes], random: Random) -> list[bytes]:
    return [items[0], codestream_changed(items[1], random), *items[2:]]


def _closed(items: list[bytes], random: Random) -> list[bytes]:
    return [items[0], stream_closed(b"".join(items[1:]), random)]


OF_FRAGMENTS: dict[str, Callable[[list[bytes], Random], list[bytes]]] = {
    "fragments": _fragments,
    "offset table": _offsets,
    "sides in the codestream": _codestream,
    "stream cut and closed": _closed,
}


def codestream_changed(stream: bytes, random: Random) -> bytes:
    """Other sides, precision or components in the header of a JPEG, JPEG-LS, JPEG 2000 or RLE frame."""
    place, form = frame_header(stream)
    if not form:
        number = random.randint(16)
        return stream[: 4 * number] + struct.pack("<I", _other(64, random)) + stream[4 * number + 4 :]
    numbers = list(struct.unpack_from(form, stream, place))
    which = random.randint(len(numbers) + 1)
    if which == len(numbers):
        numbers[-2], numbers[-1] = numbers[-1], numbers[-2]
    else:
        top = 0xFF if form == ">BHH" and which == 0 else 0xFFFF
        numbers[which] = _other(numbers[which], random, top)
    return stream[:place] + struct.pack(form, *numbers) + stream[place + struct.calcsize(form) :]


def frame_header(stream: bytes) -> tuple[int, str]:
    """Where a codestream says its sides, and how: precision, height and width of SOF; width and height of SIZ."""
    siz = stream.find(b"\xff\x4f\xff\x51")
    if siz >= 0:
        return siz + 8, ">II"
    if not stream.startswith(b"\xff\xd8"):
        return 0, ""
    place = 2
    while place + 4 <= len(stream) and stream[place] == 0xFF:
        marker, length = stream[place + 1], int.from_bytes(stream[place + 2 : place + 4], "big")
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC) or marker == 0xF7:
            return place + 4, ">BHH"
        place += 2 + length
    return 0, ""


def stream_closed(stream: bytes, random: Random) -> bytes:
    """The first 5 to 95 % of the coded data, with the marker that ends a whole stream."""
    begins = max(stream.find(b"\xff\xda"), stream.find(b"\xff\x93"), 64)
    kept = begins + int((len(stream) - begins) * random.uniform(0.05, 0.95))
    return stream[:kept] + (b"\xff\xd9" if stream.startswith((b"\xff\xd8", b"\xff\x4f", b"\0\0\0\x0cjP")) else b"")


def _still_sides(seed: Seed, random: Random) -> bytes:
    """Other sides where the file says them; the check sum of a PNG is right again."""
    data = seed.data
    place, form = side_fields(data)
    if not form:
        return _overwritten(seed, random)
    changed = codestream_changed(data, random) if form in (">BHH", ">II") and not data.startswith(b"\x89PNG") else None
    if changed is None:
        numbers = list(struct.unpack_from(form, data, place))
        which = random.randint(3)
        numbers = numbers[::-1] if which == 2 else numbers
        if which < 2:
            numbers[which] = _other(numbers[which], random, 0xFFFF)
        changed = data[:place] + struct.pack(form, *numbers) + data[place + struct.calcsize(form) :]
    if data.startswith(b"\x89PNG"):
        changed = changed[:29] + struct.pack(">I", zlib.crc32(changed[12:29])) + changed[33:]
    return changed


def side_fields(data: bytes) -> tuple[int, str]:
    """Where a still says its sides first, and how they are packed: width and height, or as `frame_header`."""
    if data.startswith(b"\x89PNG"):
        return 16, ">II"
    if data.startswith(b"BM"):
        return 18, "<ii"
    if data.startswith(b"RIFF") and data[12:16] == b"VP8 ":
        return 26, "<HH"
    return frame_header(data)


def _still_closed(seed: Seed, random: Random) -> bytes:
    data = seed.data
    if not data.startswith(b"\x89PNG"):
        return stream_closed(data, random)
    place = data.index(b"IDAT")
    length = int.from_bytes(data[place - 4 : place], "big")
    packed = data[place + 4 : place + 4 + int(length * random.uniform(0.05, 0.95))]
    return data[: place - 4] + chunk(b"IDAT", packed) + chunk(b"IEND", b"")
