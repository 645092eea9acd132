"""The gate on real films and photographs, however they lie; needs XRAYKIT_DATA."""

import numpy as np
import pytest

from xraykit.films import radiograph
from xraykit.gate import network
from xraykit.gate import verdict as gate

pytestmark = pytest.mark.slow
SOURCES = {"radiography": 40, "darkcovid": 30, "kermany": 30}


def spread(paths: list, count: int) -> list[radiograph.Radiograph]:
    """So many of the files, from all of them alike."""
    paths = sorted(paths)
    places = np.linspace(0, len(paths) - 1, count).astype(int)
    return [radiograph.read(paths[place].read_bytes(), paths[place].name) for place in places]


@pytest.fixture(scope="module")
def films(real_films) -> list[radiograph.Radiograph]:
    return [film for name, count in SOURCES.items() for film in spread((real_films / name).rglob("*.jpg"), count)]


def test_chest_films_pass_and_their_quarter_turns_are_named(films):
    wrong = {turn: 0 for turn in (0, 90, 180, 270)}
    for film in films:
        for turn in wrong:
            seen = gate.judge(film.laid(turn))
            wrong[turn] += (seen.kind, seen.turn) != (("turned", 360 - turn) if turn else ("chest", 0))
    assert max(wrong.values()) <= 3, wrong


def test_inverted_films_are_named(films):
    assert sum(gate.judge(film.laid(inverted=True)).inverted for film in films) >= 95


def test_photographs_are_refused_in_colour_and_in_grey(real_films):
    small = [film.small() for film in spread((real_films / "intel" / "test").rglob("*.jpg"), 300)]
    grey = [network.luma(each).astype(np.uint8) for each in small]
    refused = [sum(gate.judge_small(each).kind == "other" for each in seen) for seen in (small, grey)]
    assert min(refused) >= 294, refused
