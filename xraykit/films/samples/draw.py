"""Draws the bundled synthetic film, PNG and 12-bit DICOM, bit for bit the same each time.

`python -m xraykit.films.samples.draw`. No person is shown; the anatomy is a few dozen curves in centimetres.
"""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

PNG = Path(__file__).parent / "synthetic-film.png"
DICOM = Path(__file__).parent / "synthetic-film.dcm"
FILMS = (PNG, DICOM)
HEIGHT, WIDTH = 1024, 896  # pixels
CM = 41.0 / HEIGHT  # one pixel in centimetres: a 36 x 41 cm film
SEED = 20260701
UID = "1.2.826.0.1.3680043.8.498.20260701."  # under pydicom's root, for made-up objects
# The patient stands facing the detector: patient's right is image left. X from -18 to 18, Y from 0 (top) to 41, cm.
Y, X = np.mgrid[0:HEIGHT, 0:WIDTH].astype(np.float64) * CM
X -= WIDTH * CM / 2
SIDE = np.abs(X)
# 5 x 7 letters, one row of bits a line, so that no font is needed
LETTERS = {
    "S": "01111 10000 10000 01110 00001 00001 11110",
    "Y": "10001 10001 01010 00100 00100 00100 00100",
    "N": "10001 11001 10101 10011 10001 10001 10001",
    "T": "11111 00100 00100 00100 00100 00100 00100",
    "H": "10001 10001 10001 11111 10001 10001 10001",
    "E": "11111 10000 10000 11110 10000 10000 11111",
    "I": "01110 00100 00100 00100 00100 00100 01110",
    "C": "01110 10001 10000 10000 10000 10001 01110",
    "L": "10000 10000 10000 10000 10000 10000 11111",
}


def film() -> np.ndarray:
    """Draw the film.

    Returns
    -------
    numpy.ndarray
        uint16, (1024, 896), 12 bits (0..4095), bright = dense, row 0 on top.
    """
    noise = np.random.RandomState(SEED)  # the one NumPy stream that is promised never to change
    density = _tissue(noise) + _bones()
    light = _blurred(_tone(density), 1.1)
    light = light * (1 - 0.05 * ((X / 18) ** 2 + ((Y - 20) / 20) ** 2))  # heel and distance fall-off
    grain = _blurred(noise.standard_normal((HEIGHT, WIDTH)), 0.8)
    light = light + grain * (0.006 + 0.014 * light)
    light = _with_letters(light)
    return np.floor(np.clip(light, 0, 1) * 4095 + 0.5).astype(np.uint16)


def png(values: np.ndarray) -> bytes:
    """The film as 8-bit grey PNG."""
    out = io.BytesIO()
    Image.fromarray(np.floor(values / 4095 * 255 + 0.5).astype(np.uint8)).save(out, "PNG", optimize=True)
    return out.getvalue()


def dicom(values: np.ndarray) -> bytes:
    """The film as 12-bit DICOM (Digital X-Ray for presentation, PA, JPEG 2000 lossless), of no patient."""
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.uid import UID as PydicomUID
    from pydicom.uid import ExplicitVRLittleEndian, JPEG2000Lossless

    film = Dataset()
    film.SOPClassUID, film.SOPInstanceUID = "1.2.840.10008.5.1.4.1.1.1.1", UID + "1"
    film.StudyInstanceUID, film.SeriesInstanceUID = UID + "2", UID + "3"
    film.PatientName, film.PatientID, film.PatientBirthDate, film.PatientSex = "SYNTHETIC^FILM", "SYNTHETIC", "", ""
    film.Modality, film.BodyPartExamined, film.ViewPosition = "DX", "CHEST", "PA"
    film.PresentationIntentType, film.PresentationLUTShape = "FOR PRESENTATION", "IDENTITY"
    film.ImageType, film.BurnedInAnnotation = ["DERIVED", "SECONDARY"], "NO"
    film.SamplesPerPixel, film.PhotometricInterpretation = 1, "MONOCHROME2"
    film.Rows, film.Columns = values.shape
    film.BitsAllocated, film.BitsStored, film.HighBit, film.PixelRepresentation = 16, 12, 11, 0
    film.WindowCenter, film.WindowWidth = 2048, 4096
    film.ImagerPixelSpacing = [f"{CM * 10:.4f}"] * 2
    film.PixelData = values.astype("<u2").tobytes()
    film.file_meta = FileMetaDataset()
    film.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    film.file_meta.ImplementationClassUID = PydicomUID(UID + "4")
    film.compress(JPEG2000Lossless, encoding_plugin="pylibjpeg", generate_instance_uid=False)
    out = io.BytesIO()
    film.save_as(out, enforce_file_format=True)
    return out.getvalue()


def _step(distance: np.ndarray, width: float) -> np.ndarray:
    """0 outside, 1 inside, smooth over `width` centimetres round distance 0."""
    t = np.clip(distance / width + 0.5, 0, 1)
    return t * t * (3 - 2 * t)


def _ellipse(x: float, y: float, rx: float, ry: float, tilt: float = 0.0) -> np.ndarray:
    """1 at the centre, 0 on the rim, negative outside: one minus the squared radius."""
    c, s = np.cos(np.radians(tilt)), np.sin(np.radians(tilt))
    dx, dy = X - x, Y - y
    return 1 - ((dx * c + dy * s) / rx) ** 2 - ((dy * c - dx * s) / ry) ** 2


def _blurred(image: np.ndarray, sigma: float) -> np.ndarray:
    """Gaussian blur, sigma in pixels."""
    reach = int(np.ceil(3 * sigma))
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
    kernel /= kernel.sum()
    for axis in (0, 1):
        padded = np.pad(image, [(reach, reach) if a == axis else (0, 0) for a in (0, 1)], mode="edge")
        length = image.shape[axis]
        shifted = [k * np.take(padded, range(i, i + length), axis) for i, k in enumerate(kernel)]
        image = np.sum(shifted, axis=0)
    return image


def _tone(density: np.ndarray) -> np.ndarray:
    """Density (1 = the mediastinum) to brightness 0..1, the S-shaped curve of film."""
    return 0.02 + 0.92 / (1 + np.exp(-(density - 0.70) / 0.205)) - 0.92 / (1 + np.exp(0.70 / 0.205))


def _chest_wall(y: np.ndarray) -> np.ndarray:
    """Half width of the inside of the rib cage, cm."""
    t = np.clip((y - 5.0) / 21, 0, 1.3)
    return 13.2 * np.sqrt(np.clip(1 - (1 - np.minimum(t, 1)) ** 2.4, 0, 1)) + 0.35 * np.maximum(t - 1, 0)


def _body() -> np.ndarray:
    """Soft tissue from front to back: trunk, shoulders, neck; 1 in the middle of the trunk, 0 in air."""
    flank = 16.4 - 0.9 * _step(Y - 24, 14) + 4.5 * _step(11.5 - Y, 9)
    shoulder = 5.4 * _step(SIDE - 9.0, 10.0) - 4.0 * _step(6.5 - SIDE, 5.0)
    inside = np.clip((flank - SIDE) / flank, 0, 1)
    thick = np.clip(inside * (2 - inside), 0, 1) ** 0.42 * _step(flank - SIDE, 0.5)
    over = np.clip((Y - shoulder) / 9, 0, 1) ** 0.45
    return thick * over * (0.80 + 0.2 * _step(Y - 9, 14))


def _lungs() -> np.ndarray:
    """How much of the way through is air: 0..1, right lung and left lung."""
    wall = _chest_wall(Y)
    lateral = np.sqrt(np.clip((wall - SIDE) / 3.6, 0, 1))
    medial = _step(SIDE - 1.3, 1.4)
    dome = np.where(X < 0, 27.0, 28.6) + 0.052 * (SIDE - 5.6) ** 2 + 1.5 * _step(SIDE - 11.4, 2.6)
    above = _step(dome - Y, 0.35) * (0.82 + 0.18 * _step(dome - Y - 1.2, 4))
    apex = np.clip((Y - 5.0) / 5.5, 0, 1) ** 0.6
    return lateral * medial * above * apex


def _mediastinum() -> tuple[np.ndarray, np.ndarray]:
    """Where heart and great vessels replace lung (0..1), and what they add (density)."""
    heart = np.maximum(_ellipse(2.7, 23.6, 7.0, 4.7, 36), _ellipse(-0.7, 22.8, 3.9, 5.4, -4))
    parts = [
        heart,
        _ellipse(1.2, 11.6, 2.2, 2.2, 10),  # aortic knob
        _ellipse(1.5, 16.0, 2.4, 4.2, -14),  # pulmonary trunk
        _ellipse(-0.6, 14.0, 2.4, 6.5),  # superior vena cava, ascending aorta
        _ellipse(0.2, 8.0, 2.5, 8.0),  # vessels to the neck
        _ellipse(1.2, 22.0, 1.3, 12.0, 3),  # descending aorta
    ]
    parts.append(_ellipse(1.0, 28.6, 6.0, 1.6, 5))  # fat and veins where the heart lies on the diaphragm
    covered = 1 - np.prod([1 - _step(part, 0.3) for part in parts], axis=0)
    return covered, 0.15 * np.clip(heart, 0, 1) ** 0.7 + 0.05 * _step(parts[1], 0.4)


def _tissue(noise: np.random.RandomState) -> np.ndarray:
    covered, added = _mediastinum()
    air = _lungs() * (1 - 0.93 * covered)
    vessels = _vessels(noise)
    hila = np.clip(_ellipse(-3.4, 16.6, 1.9, 3.6, 14), 0, 1) + np.clip(_ellipse(4.0, 15.4, 1.9, 3.2, -14), 0, 1)
    breasts = sum(np.sqrt(np.clip(_ellipse(side * 7.6, 23.5, 5.4, 5.2), 0, 1)) for side in (-1, 1))
    windpipe = _step(0.85 - np.abs(X + 0.25 * _step(Y - 8, 8)), 0.35) * _step(13.2 - Y, 0.8) * _step(Y + 1, 2)
    bronchi = _bar((-0.2, 12.6), (-2.9, 15.4), 0.55) + _bar((-0.2, 12.6), (3.3, 15.9), 0.5)
    liver = 0.06 * _step(-X + 1, 8) * _step(Y - 28, 3)
    stomach = 0.13 * _step(_ellipse(7.0, 32.2, 3.6, 2.3, -6), 0.6) * _step(33.0 - Y, 0.25)  # its fluid level is flat
    soft = _body() * (0.90 - 0.58 * air) + added + liver - stomach
    return soft + air * (0.22 * vessels + 0.13 * hila) + 0.03 * breasts - 0.13 * windpipe - 0.06 * bronchi


def _bar(start: tuple[float, float], end: tuple[float, float], half: float) -> np.ndarray:
    """A straight bar with round ends, soft edges, 0..1."""
    (x0, y0), (x1, y1) = start, end
    along = np.clip(((X - x0) * (x1 - x0) + (Y - y0) * (y1 - y0)) / ((x1 - x0) ** 2 + (y1 - y0) ** 2), 0, 1)
    distance = np.hypot(X - x0 - along * (x1 - x0), Y - y0 - along * (y1 - y0))
    return _step(half - distance, 0.5)


def _vessels(noise: np.random.RandomState) -> np.ndarray:
    """Lung vessels: trees from both hila, thinning outwards, denser below; 0..1."""
    canvas = Image.new("L", (WIDTH, HEIGHT))
    pen = ImageDraw.Draw(canvas)
    for side, y in ((-1, 16.2), (1, 15.2)):
        for angle in np.linspace(-80, 82, 10):
            start = (side * (2.3 + noise.random_sample()), y + angle / 45)
            _branch(pen, noise, start, np.radians(angle + 14 * noise.random_sample() - 7), side, 0.34, 6)
    return _blurred(np.asarray(canvas, dtype=np.float64) / 255, 2.0)


def _branch(pen, noise, start, angle: float, side: int, width: float, left: int) -> None:  # noqa: ANN001
    length = 0.8 + 1.3 * noise.random_sample()
    end = (start[0] + side * length * np.cos(angle), start[1] + length * np.sin(angle))
    ends = [((x + WIDTH * CM / 2) / CM, y / CM) for x, y in (start, end)]
    pen.line([int(v) for point in ends for v in point], fill=int(70 + 480 * width), width=max(1, int(width / CM)))
    if left:
        for turn in (-1, 1) if noise.random_sample() < 0.62 else (0.3,):
            bend = angle + turn * (0.18 + 0.42 * noise.random_sample())
            _branch(pen, noise, end, bend, side, width * (0.66 + 0.14 * noise.random_sample()), left - 1)


def _tube(distance: np.ndarray, half: float) -> np.ndarray:
    """A hollow bone seen from the side: brighter at its cortex, 0..1."""
    r = np.clip(np.abs(distance) / half, 0, 1.2)
    return (0.62 + 0.38 * r**5) * _step(half - np.abs(distance), 0.16)


def _bones() -> np.ndarray:
    ribs = sum(_rib(k) for k in range(11))
    return 0.115 * ribs + _spine() + _shoulders()


def _rib(k: int) -> np.ndarray:
    """Rib k+1, both sides: the part behind falls outwards, the fainter part in front falls inwards."""
    y0 = 4.6 + 2.25 * k
    reach = float(_chest_wall(np.array(y0 + 2.6))) + 0.55
    s = np.clip((SIDE - 2.0) / (reach - 2.0), 0, 1)
    drop = 2.3 + 0.16 * k
    behind = y0 - 0.9 * np.sin(np.pi * np.minimum(s * 1.5, 1)) + drop * s**2.6
    slope = drop * 2.6 * s**1.6 / (reach - 2.0)
    half = 0.42 + 0.018 * min(k, 7)
    ends = _step(SIDE - 2.2, 0.8) * _step(reach - SIDE, 0.5)
    back = _tube((Y - behind) / np.hypot(1, slope), half) * ends
    if k > 6:
        return back * (0.85 if k < 9 else 0.6)
    fall = 3.6 + 0.35 * k
    front = y0 + drop + fall * (1 - s) ** 1.15 - 0.2
    slope = fall * 1.15 * (1 - s) ** 0.15 / (reach - 2.0)
    ends = _step(SIDE - (3.6 + 0.5 * k), 2.2) * _step(reach - SIDE, 0.5)
    return back + 0.62 * _tube((Y - front) / np.hypot(1, slope), half * 1.12) * ends


def _spine() -> np.ndarray:
    """Vertebrae with discs between, pedicles and spinous processes; fades into the density below."""
    size = 1.75 + 0.028 * Y
    phase = np.cos(2 * np.pi * (Y + 0.006 * Y**2) / 2.15)
    column = _step(size * (1 + 0.06 * phase) - SIDE, 0.3)
    discs = np.clip(-phase, 0, 1) ** 3
    pedicles = np.clip(phase, 0, 1) ** 4 * np.exp(-(((SIDE - 1.15) / 0.28) ** 2))
    spinous = np.clip(np.cos(2 * np.pi * (Y - 0.7 + 0.006 * Y**2) / 2.15), 0, 1) ** 3 * np.exp(-((X / 0.25) ** 2))
    fading = 0.45 + 0.55 * _step(16 - Y, 14)
    return fading * (column * (0.13 - 0.06 * discs) + 0.05 * pedicles + 0.05 * spinous)


def _shoulders() -> np.ndarray:
    """Collar bones, shoulder blades, heads of the upper arms."""
    s = np.clip((SIDE - 1.6) / 13.4, 0, 1)
    collar = 8.7 - 3.6 * s**0.8 + 0.75 * np.sin(2 * np.pi * s)
    slope = (3.6 * 0.8 - 0.75 * 6.28 * np.cos(2 * np.pi * s)) / 13.4
    ends = _step(SIDE - 1.6, 0.6) * _step(15.0 - SIDE, 0.6)
    clavicles = _tube((Y - collar) / np.hypot(1, slope), 0.62 + 0.25 * (1 - s) ** 4) * ends
    edge = 11.9 + 1.6 * _step(Y - 15, 13) + 0.5 * np.sin(Y / 3)
    blade = _step(SIDE - edge, 0.35) * _step(21.2 - Y - 0.9 * (SIDE - 13.6) ** 2 / 2, 1.2) * _step(Y - 7.0, 2.0)
    rim = np.exp(-(((SIDE - edge - 0.3) / 0.25) ** 2)) * _step(20.8 - Y, 1.0) * _step(Y - 8.5, 2)
    heads = sum(np.sqrt(np.clip(_ellipse(side * 18.2, 8.6, 2.7, 2.9), 0, 1)) for side in (-1, 1))
    return 0.17 * clavicles + 0.05 * blade + 0.05 * rim + 0.2 * heads


def _with_letters(light: np.ndarray) -> np.ndarray:
    """Burn SYNTHETIC into the lower left and a side marker L (patient's left) into the upper right."""
    mark = np.zeros_like(light)
    for word, row, column, scale in (("SYNTHETIC", HEIGHT - 60, 36, 4), ("L", 96, WIDTH - 110, 6)):
        for place, letter in enumerate(word):
            bits = np.array([[int(bit) for bit in line] for line in LETTERS[letter].split()], dtype=np.float64)
            left = column + place * 6 * scale
            mark[row : row + 7 * scale, left : left + 5 * scale] = np.kron(bits, np.ones((scale, scale)))
    mark = _blurred(mark, 0.7)
    return light * (1 - mark) + 0.97 * mark


def main(folder: Path = PNG.parent) -> None:
    """Write both files into `folder`."""
    values = film()
    (folder / PNG.name).write_bytes(png(values))
    (folder / DICOM.name).write_bytes(dicom(values))


if __name__ == "__main__":
    main()
