"""Mutants of films are made again alike, and their judge sees faults; tests/attack reads thousands of them."""

import dataclasses
from types import SimpleNamespace

import numpy as np
import pytest

pytest.importorskip("data_store", reason="pydicom-data is not installed")
pytest.importorskip("gdcm", reason="python-gdcm is not installed")

from tests.helpers import bad_films, fuzz_films, mutants  # noqa: E402
from tests.helpers.dicom_films import Film  # noqa: E402
from tests.helpers.fuzz_films import judged  # noqa: E402
from tests.helpers.mutants import COLUMNS, Mutants, Seed  # noqa: E402
from xraykit.films import radiograph  # noqa: E402
from xraykit.films.refusal import Refusal  # noqa: E402

DRAWN = Film(size=40)
READ = radiograph.read(DRAWN.data(), "film")


def test_a_mutant_can_be_made_again_alone():
    assert Mutants(3).mutant(17) == Mutants(3).mutant(17)
    assert Mutants(3).mutant(17).data != Mutants(4).mutant(17).data


def test_every_kind_of_mutation_is_drawn():
    maker = Mutants(1)
    possible = {kind for seed in maker.seeds for kind in mutants.kinds_of(seed)}
    assert {maker.mutant(number).kind for number in range(1000)} == possible


def test_the_judge_passes_a_sound_film():
    assert judged(DRAWN.data(), "flips", READ, DRAWN.data(), READ)[0] == "same"


def test_the_judge_sees_other_pixels():
    wrong = dataclasses.replace(READ, pixels=np.roll(READ.pixels, 1))
    assert judged(DRAWN.data(), "flips", wrong, DRAWN.data(), READ)[0] == "other pixels"


@pytest.mark.parametrize("columns", [20, 39, 41])
def test_the_judge_sees_pixels_against_the_header(columns):
    file = DRAWN.file().put_number(COLUMNS, columns).joined()
    assert judged(file, "sides", READ, DRAWN.data(), READ)[0] == "against its header"


def test_the_judge_sees_what_is_cut_in_silence():
    whole = bad_films.jpeg(bad_films.film_values((48, 40)))
    cut = mutants.stream_closed(whole, np.random.RandomState(1))
    grey = dataclasses.replace(READ, pixels=np.zeros((48, 40), np.uint8), format="JPEG")
    assert judged(cut, "stream cut and closed", grey, whole, radiograph.read(whole, "film"))[0] == "cut, not said"


def test_the_judge_sees_a_png_of_more_rows_than_it_holds():
    whole = bad_films.png(bad_films.film_values((48, 40)))
    answer = radiograph.read(whole, "film")
    for seed in range(20):
        taller = mutants._still_sides(Seed("film.png", whole), np.random.RandomState(seed))
        if taller != whole and mutants.side_fields(taller)[0]:
            assert judged(taller, "sides", answer, whole, answer)[0] == "against its header"


@pytest.mark.parametrize("code, outcome", [("padding", "said"), ("tiny", "against its header")])
def test_only_a_note_that_sound_films_do_not_have_says_that_something_is_odd(code, outcome):
    file = DRAWN.file().put_number(COLUMNS, 39).joined()
    noted = dataclasses.replace(READ, pixels=READ.pixels[:, :39], notes=(SimpleNamespace(code=code),))
    assert judged(file, "sides", noted, DRAWN.data(), READ)[0] == outcome


def test_an_exception_and_a_dead_service_are_faults(monkeypatch):
    class Raising:
        def __enter__(self):
            return self

        def __exit__(self, *exception):
            pass

        def read_many(self, films):
            return (Refusal(name, "corrupt", "") if name == "seed" else 1 / 0 for name, _ in films)

        def read(self, film, source):
            return Refusal(source, "corrupt", "")

    monkeypatch.setattr(fuzz_films, "Ingest", Raising)
    maker, seed = Mutants(1), Seed("seed", b"")
    mutant = dataclasses.replace(maker.mutant(0), seed=seed)
    outcomes = [judgement.outcome for judgement in fuzz_films.fuzz([mutant], [seed])]
    assert outcomes == ["traceback", "dead service"]
