"""What the gate takes pictures for: the synthetic film however it lies, and what is drawn of anything else."""

import dataclasses
import io

import numpy as np
import pytest
from PIL import Image

from tests.helpers import gate_page
from xraykit.films import radiograph
from xraykit.films.dicom.softcopy import Orientation, Spacing
from xraykit.films.samples import draw, example
from xraykit.gate import network, verdict
from xraykit.training.gate import bodies, drawn

TURNS = (90, 180, 270)


@pytest.fixture(autouse=True)
def gate_is_on(monkeypatch):
    monkeypatch.setenv("XRAYKIT_GATE", "on")


@pytest.fixture(scope="module")
def film() -> radiograph.Radiograph:
    return radiograph.read(draw.PNG.read_bytes(), "film.png")


def of_pixels(pixels: np.ndarray, form: str = "PNG", **options) -> radiograph.Radiograph:
    coded = io.BytesIO()
    Image.fromarray(pixels).save(coded, form, **options)
    return radiograph.read(coded.getvalue(), "picture")


def test_both_synthetic_films_pass(film):
    assert verdict.check(film) is None and verdict.judge(film).kind == "chest"
    assert verdict.check(radiograph.read(draw.DICOM.read_bytes(), "film.dcm")) is None


def test_films_of_the_example_set_pass(monkeypatch, tmp_path):
    monkeypatch.setattr(example, "EACH", 3)
    example.write(tmp_path)
    films = [radiograph.read(path.read_bytes(), path.name) for path in sorted(tmp_path.rglob("*.png"))]
    assert len(films) == 9 and [verdict.judge(film).kind for film in films] == ["chest"] * 9


@pytest.mark.parametrize("turn", TURNS)
def test_a_turned_film_is_named_and_turning_it_sets_it_right(film, turn):
    lying = film.laid(turn)
    seen = verdict.judge(lying)
    assert (seen.kind, seen.turn, seen.inverted) == ("turned", 360 - turn, False)
    refused = verdict.check(lying)
    assert refused.code == "film-turned" and refused.source == "film.png"
    assert verdict.check(lying.laid(seen.turn)) is None


def test_an_inverted_film_is_named_upright_or_not(film):
    assert verdict.check(film.laid(inverted=True)).code == "film-inverted"
    both = verdict.judge(film.laid(180, inverted=True))
    assert (both.kind, both.turn, both.inverted) == ("turned", 180, True)


def test_words_say_how_it_lies_and_what_to_do():
    words = {turn: verdict.name_of(verdict.Verdict("turned", turn)) for turn in TURNS}
    assert words == {
        90: "Lies on its side (turned 90° counter-clockwise)",
        180: "Upside down",
        270: "Lies on its side (turned 90° clockwise)",
    }
    refused = verdict.refusal("a.png", verdict.Verdict("turned", 270, inverted=True))
    assert refused.words == (
        "Lies on its side (turned 90° clockwise), inverted. Turn it 90° counter-clockwise and change black and white "
        "round before it is read."
    )
    assert verdict.refusal("a.png", verdict.Verdict("other")).code == "not-a-chest-film"
    assert verdict.refusal("a.png", verdict.Verdict("lateral")) is None


def test_what_is_drawn_of_other_things_is_refused():
    noise = np.random.default_rng(7)
    pictures = [make(noise) for make in [*drawn.KINDS.values(), *bodies.KINDS.values()] for _ in range(4)]
    small = [np.asarray(Image.fromarray(picture).resize((64, 64))) for picture in pictures]
    passed = [verdict.judge_small(picture).kind == "chest" for picture in small]
    assert sum(passed) <= 1


def test_colour_tells_a_photograph_and_a_film_in_a_tint_is_none(film):
    grey = film.display(256)
    tinted = np.stack([grey * 0.8, grey * 0.9, grey], axis=-1).astype(np.uint8)
    assert verdict.colourfulness(of_pixels(tinted).small()) < 2
    assert verdict.judge(of_pixels(tinted)).kind == "chest"
    as_colour = np.stack([grey] * 3, axis=-1)
    assert verdict.judge(of_pixels(as_colour, "JPEG", quality=60)).kind == "chest"
    colours = np.random.default_rng(0).integers(0, 256, (4, 4, 3), np.uint8).repeat(64, 0).repeat(56, 1)
    seen = verdict.judge(of_pixels((0.6 * as_colour + 0.4 * colours).astype(np.uint8)))
    assert (seen.kind, seen.score) == ("other", 0.0)


@pytest.mark.parametrize("change", ["small", "bordered", "dark", "flat", "bits"])
def test_a_film_passes_however_it_was_saved(film, change):
    grey = film.display(512)
    height, width = grey.shape
    changed = {
        "small": lambda: np.asarray(Image.fromarray(grey).resize((72, 80))),
        "bordered": lambda: np.pad(grey, ((0, 0), (60, 60))),
        "dark": lambda: (255 * (grey / 255) ** 2.2).astype(np.uint8),
        "flat": lambda: (90 + grey * 0.25).astype(np.uint8),
        "bits": lambda: grey.astype(np.uint16) * 257,
    }[change]()
    assert verdict.check(of_pixels(changed)) is None, (height, width)


def test_a_lateral_film_is_warned_of_and_not_judged(film):
    noise = np.random.default_rng(0).integers(0, 256, (64, 64), np.uint8)
    assert verdict.judge_small(noise, "LL").kind == "lateral" and verdict.judge_small(noise, "PA").kind == "other"


def test_the_gate_can_be_put_off_and_overridden_and_says_so(film, monkeypatch):
    noise = np.random.default_rng(0).integers(0, 256, (64, 64), np.uint8)
    states = {name: verdict.decide(noise, None, verdict.Asked(name)).state for name in ("on", "overridden", "off")}
    assert states == {"on": "refused", "overridden": "overridden", "off": "off"}
    assert verdict.decide(film.small(), None, verdict.Asked("overridden")).state == "passed", "nothing was overridden"
    monkeypatch.setenv("XRAYKIT_GATE", "off")
    assert verdict.decide(noise, None, verdict.AS_IT_IS).state == "off"


def test_a_film_laid_otherwise_takes_its_sides_and_millimetres_along():
    pixels = np.arange(12, dtype=np.uint16).reshape(3, 4) * 5000
    film = radiograph.Radiograph(pixels, "a.png", "PNG", "0" * 64)
    spacing, sides = Spacing(0.1, 0.2, "detector"), Orientation("R", "H", "L", "F")
    softcopy = dataclasses.replace(film.softcopy, spacing=spacing, orientation=sides)
    film = dataclasses.replace(film, softcopy=softcopy)
    laid = film.laid(90)
    assert np.array_equal(laid.pixels, np.rot90(pixels, -1)) and (laid.height, laid.width) == (4, 3)
    assert laid.softcopy.spacing == Spacing(0.2, 0.1, "detector")
    assert laid.softcopy.orientation == Orientation("F", "R", "H", "L"), "the left side of the film is on top now"
    assert [note.code for note in laid.notes] == ["laid"]
    assert np.array_equal(film.laid(180, inverted=True).pixels, np.rot90(65535 - pixels, 2))
    assert film.laid() is film


def test_the_package_says_how_the_network_was_learned_and_what_it_gave():
    about = network.about()
    assert set(about) == {"limits", "learned", "measured", "left_out"}
    assert network.NETWORK.stat().st_size < 500_000
    assert gate_page.PAGE.read_text("utf-8") == gate_page.page(about), "make docs"
