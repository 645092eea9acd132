"""One drawn chest in many DICOM dresses: each is read as it was drawn, and a second reading agrees on what that is."""

import numpy as np
import pytest

from tests.helpers import workstation
from tests.helpers.dicom_films import SYNTAXES, Film, Palette, Table, each
from tests.helpers.pydicom_films import stretched
from xraykit.films import radiograph

pytest.importorskip("gdcm", reason="python-gdcm is not installed")

SMALL = {"size": 48}
DRESSES: dict[str, Film] = {
    **each(**SMALL),
    "16 bits, no window": Film(bits=16, window=None, **SMALL),
    "8 bits": Film(bits=8, allocated=8, **SMALL),
    "1 bit": Film(bits=1, allocated=1, window=None, **SMALL),
    "MONOCHROME1": Film(inverse=True, **SMALL),
    "MONOCHROME1 with a VOI LUT": Film(inverse=True, voi=Table(), **SMALL),
    "signed": Film(signed=True, **SMALL),
    "bits under the film": Film(high=15, below=9, **SMALL),
    "bits under the film, RLE": Film("rle", high=15, below=9, **SMALL),
    "bits over the film": Film(above=0xF, **SMALL),
    "rescaled": Film(slope=0.5, intercept=-1000, **SMALL),
    "sigmoid window": Film(window=(2048, 2000, "SIGMOID"), **SMALL),
    "exact window": Film(window=(2048, 2000, "LINEAR_EXACT"), **SMALL),
    "modality LUT": Film(modality=Table(depth=12), **SMALL),
    "VOI LUT": Film(voi=Table(), **SMALL),
    "VOI LUT, big endian": Film("big", voi=Table(), **SMALL),
    "VOI LUT, implicit": Film("implicit", voi=Table(), **SMALL),
    "VOI LUT of 8 bits": Film(voi=Table(depth=8, vr="US"), **SMALL),
    "VOI LUT of 8 bits, two a word": Film(voi=Table(depth=8, packed=True), **SMALL),
    "VOI LUT of 8 bits, two a word, big endian": Film("big", voi=Table(depth=8, packed=True), **SMALL),
    "VOI LUT of 65536 entries": Film(bits=16, voi=Table(entries=65536), **SMALL),
    "VOI LUT of signed values": Film(signed=True, voi=Table(first=-2048, descriptor_vr="SS"), **SMALL),
    "VOI LUT of 65536 signed values": Film(
        bits=16, signed=True, voi=Table(entries=65536, first=-32768, descriptor_vr="SS"), **SMALL
    ),
    "palette": Film(palette=Palette(), **SMALL),
    "palette of fewer entries": Film(palette=Palette(entries=200, first=10), **SMALL),
    "palette of 8 bits": Film(palette=Palette(depth=8), **SMALL),
    "palette of 8 bits, two a word": Film(palette=Palette(depth=8, packed=True), **SMALL),
    "segmented palette": Film(palette=Palette(segmented=True), **SMALL),
    "palette, big endian": Film("big", palette=Palette(), **SMALL),
    "RGB": Film(colour="RGB", **SMALL),
    "RGB by plane": Film(colour="RGB", planar=1, **SMALL),
    "YBR": Film(colour="YBR_FULL", **SMALL),
    "YBR 4:2:2": Film(colour="YBR_FULL_422", **SMALL),
    **{f"RGB, {name}": Film(name, colour="RGB", **SMALL) for name in ("rle", "lossless sv1", "jpeg-ls", "jpeg 2000")},
    **{f"signed, {name}": Film(name, signed=True, **SMALL) for name in SYNTAXES if name not in ("jpeg", "extended")},
    **{
        f"group 2: {fault}": Film(meta=fault, **SMALL) for fault in ("wrong length", "no group length", "full preamble")
    },
}


def levels(film: Film) -> float:
    """How far from the drawing a reading may be, of 255: lossy JPEG is what it is."""
    return 2 if film.colour or film.palette or film.syntax == "jpeg" else 0.51


@pytest.mark.parametrize("name", DRESSES)
def test_a_second_reading_agrees_with_the_drawing(name, tmp_path):
    film = DRESSES[name]
    (tmp_path / "film.dcm").write_bytes(film.data())
    shown = workstation.by_numpy(tmp_path / "film.dcm")
    assert np.abs(shown - film.shown()).max() <= levels(film)


@pytest.mark.parametrize("name", DRESSES)
def test_a_drawn_film_is_read_as_it_was_drawn(name):
    film = DRESSES[name]
    pixels = radiograph.read(film.data(), name).pixels
    ours = pixels / 257 if pixels.dtype == np.uint16 else pixels.astype(float)
    assert ours.shape == film.shown().shape
    near = np.abs(ours - film.shown()).max() <= levels(film)
    assert near or (film.window is None and stretched(ours, film.shown()))  # no file says which range to show
