"""What a model is given of a film: the very tensor, and the way to it in words."""

import io
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from tests.helpers import bad_films, film_folders, tiny_model
from xraykit.films import radiograph
from xraykit.films.refusal import Refusal
from xraykit.gate.verdict import AS_IT_IS, Asked
from xraykit.models import classifier
from xraykit.models.cards.card import NETWORK
from xraykit.models.service import process, seen
from xraykit.models.service.seen import Way
from xraykit.truth.seen import steps
from xraykit.truth.seen.films import Known

STILL = Way("PNG", False, 300, 300, 8, (), 1, 0, None, ("Full range", "linear-exact", 0, 255), False, (0, False),
            (0, 0, 300, 300), 224, 1, (3, 250), (-1.0, 1.0))  # fmt: skip
DICOM = replace(
    STILL, format="DICOM", bits=12, width=400, codes=("bits", "window"), window=("Lung", "linear", 24, 1024),
    box=(50, 0, 350, 300),
)  # fmt: skip


class Spy:
    """A LiteRT graph that notes what it is given."""

    def __init__(self, graph, given) -> None:
        self._graph, self._given = graph, given

    def set_tensor(self, index, value) -> None:
        self._given.append(value.copy())
        self._graph.set_tensor(index, value)

    def __getattr__(self, name):
        return getattr(self._graph, name)


@pytest.fixture
def service(tmp_path, monkeypatch):
    """The service in this process, and every tensor that LiteRT is given in it."""
    given: list[np.ndarray] = []
    make = classifier._interpreter
    monkeypatch.setattr(classifier, "_interpreter", lambda *about: Spy(make(*about), given))
    monkeypatch.setenv("XRAYKIT_WEIGHTS", str(tiny_model.KEPT.parent))
    return process.Service(), given


def test_the_picture_is_bit_for_bit_what_litert_is_given(service, tmp_path):
    inside, given = service
    values = np.random.default_rng(0).integers(0, 2**16, (70, 53)).astype(np.uint16)
    Image.fromarray(values).save(tmp_path / "film.png")
    (tmp_path / "film.dcm").write_bytes(bad_films.dicom(bad_films.film_values((64, 60), 1)))
    for place in (tmp_path / "film.png", tmp_path / "film.dcm"):
        for asked in (AS_IT_IS, Asked("off", turn=90, inverted=True)):
            given.clear()
            saw = inside._see(place.name, place, None, "tiny-model", asked)
            film = radiograph.read(place.read_bytes(), place.name).laid(asked.turn, asked.inverted)
            prediction = classifier.load(tiny_model.KEPT).predict([film])[0]
            shown = np.asarray(Image.open(io.BytesIO(steps.picture(saw))))
            assert shown.shape == (32, 32) and shown.dtype == np.uint8
            fed, classified = given
            assert fed.tobytes() == classified.tobytes() == shown[None, ..., None].astype(np.float32).tobytes()
            assert saw.tensor.tobytes() == fed.tobytes() and prediction.top in tiny_model.CLASSES
            assert saw.way.values == (shown.min(), shown.max()) and saw.way.laid == (asked.turn, asked.inverted)


def test_features_and_fingerprint_are_the_films_and_a_refusal_says_why(service, tmp_path):
    from xraykit.datasets.reading import groups

    inside, _ = service
    Image.fromarray(film_folders.draw(1, 2)).save(tmp_path / "film.png")
    film = radiograph.read((tmp_path / "film.png").read_bytes(), "film.png")
    saw = inside._see("film.png", tmp_path / "film.png", film.sha256, "tiny-model", AS_IT_IS)
    loaded = classifier.load(tiny_model.KEPT)
    assert saw.features.tobytes() == loaded.features(film.square(32)[None])[0].mean(axis=(0, 1)).tobytes()
    assert saw.fingerprint.tolist() == groups.fingerprint(film).tolist() and saw.sha256 == film.sha256
    scored = inside._score("film.png", tmp_path / "film.png", ["tiny-model"], AS_IT_IS)
    assert scored.fingerprint.tolist() == saw.fingerprint.tolist()
    changed = inside._see("film.png", tmp_path / "film.png", "0" * 64, "tiny-model", AS_IT_IS)
    assert isinstance(changed, Refusal) and changed.code == "changed"


def test_a_dicom_films_way_is_told_from_its_header(service, tmp_path):
    inside, _ = service
    values = bad_films.film_values((64, 60), 1)
    odd = {"PhotometricInterpretation": "MONOCHROME1", "RescaleSlope": "2", "RescaleIntercept": "-1024"}
    (tmp_path / "film.dcm").write_bytes(bad_films.dicom(values, **odd))
    saw = inside._see("film.dcm", tmp_path / "film.dcm", None, "tiny-model", AS_IT_IS)
    said = {step.kind: step.words for step in steps.steps(saw.way)}
    assert "value = 2 × stored − 1024" in said["modality"] and "MONOCHROME1" in said["polarity"]
    assert "60 × 60" in said["crop"] and "2 rows at the top and 2 at the bottom" in said["crop"]
    assert "60 × 60 to 32 × 32" in said["resampling"] and said["file"].startswith("DICOM, 60 × 64")


WAYS = {
    "a square still": (STILL, {
        "file": "PNG, 300 × 300, 8 bits, grey.", "window": "full range, 0 to 255; no window, no percentiles",
        "polarity": "As stored", "crop": "None: the film is square", "resampling": "shrunk with antialiasing",
        "range": "3 to 250 of 0 to 255, as 32-bit numbers. The network's first layer makes 0 to 255 into −1 to 1.",
    }),
    "a window by name": (DICOM, {
        "modality": "None", "window": "“Lung”: centre 524, width 1000, linear.",
        "crop": "50 columns at the left and 50 at the right are left out (25% of the film)",
    }),
    "no window": (replace(DICOM, codes=("no-window",)), {"window": "window is missing: the range of the film's own"}),
    "a window that misses": (replace(DICOM, codes=("window-misses",)), {"window": "shows next to nothing of it"}),
    "a VOI LUT": (
        replace(DICOM, codes=("voi-lut",), window=("VOI LUT", "table", 0, 4096)),
        {"window": "“VOI LUT”, for values from 0 to 4095."},
    ),
    "8 bits without window": (replace(DICOM, codes=(), window=("Full range", "linear", 0, 255)), {"window": "No win"}),
    "a modality LUT": (replace(DICOM, codes=("modality-lut", "window"), units="OD"), {"modality": "table of the file"}),
    "a turned film": (replace(STILL, laid=(270, True)), {"turned": "Turned by 270° clockwise. Black"}),
    "EXIF": (replace(STILL, codes=("turned",)), {"turned": "EXIF"}),
    "colour to grey": (replace(STILL, colour=True), {"colour": "its luma"}),
    "colour": (replace(STILL, colour=True, channels=3), {"colour": "three channels"}),
    "grey to colour": (replace(STILL, channels=3), {"colour": "three times"}),
    "as large as the input": (replace(STILL, box=(0, 0, 224, 224), width=224, height=224), {"resampling": "None"}),
    "smaller than the input": (replace(STILL, box=(0, 0, 99, 99), width=99, height=99), {"resampling": "enlarged"}),
    "no first layer that scales": (replace(STILL, scaled=None), {"range": "as 32-bit numbers."}),
}  # fmt: skip


@pytest.mark.parametrize("name", WAYS)
def test_each_step_says_what_was_done(name):
    way, expected = WAYS[name]
    said = {step.kind: step.words for step in steps.steps(way)}
    for kind, words in expected.items():
        assert words in said[kind]
    assert ("turned" in said) == ("turned" in expected)
    assert all(words.endswith(".") for words in said.values())
    if name == "no first layer that scales":
        assert "first layer" not in said["range"]
    if way.colour:
        assert "window" not in said and "modality" not in said


def test_the_networks_own_scaling_is_read_from_its_description(tmp_path):
    assert seen.scaling(tiny_model.KEPT / NETWORK) == pytest.approx((-1, 1))
    (tmp_path / "odd.keras").write_bytes(b"PK\3\4 no zip")
    assert seen.scaling(tmp_path / "odd.keras") is None and seen.scaling(tmp_path / "none.keras") is None


def test_a_film_that_is_known_is_named_by_its_part():
    assert steps.known_words(Known("train", True, 0, 1)) == "In the model's training set"
    assert steps.known_words(Known("test", False, 3, 1)).startswith("Near twin in the model's test set (3 of 256 bits")
