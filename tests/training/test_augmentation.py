"""Batches prepared ahead in other processes are the batches that would have been made here."""

import os
import signal
import time

import numpy as np
import psutil
import pytest

from tests.helpers.late import Late
from xraykit.training.fit.input import augmentation
from xraykit.training.recipe.presets import CHEST

FilmBatches = Late("xraykit.training.fit.input.batches", "FilmBatches")


@pytest.fixture
def squares(tmp_path):
    films = np.random.default_rng(0).integers(0, 256, (23, 32, 32, 1), np.uint8)
    np.save(tmp_path / "films.npy", films)
    return np.load(tmp_path / "films.npy", mmap_mode="r")


@pytest.fixture
def make(squares):
    made = []

    def of(**given):
        labels, indices = np.arange(23) % 3, np.arange(23)
        shared = {"classes": 3, "batch_size": 4, "seed": 7, "augmentation": CHEST}
        made.append(FilmBatches(squares, labels, indices, **shared, **given))
        return made[-1]

    yield of
    for batches in made:
        batches.close()


def same(one, other):
    return len(one) == len(other) and all(
        np.array_equal(a, b) for k in range(len(one)) for a, b in zip(one[k], other[k], strict=True)
    )


def children():
    return {child.pid for child in psutil.Process().children(recursive=True)}


def test_they_are_the_same_in_every_epoch_in_halves_and_in_the_rest_of_an_epoch(make):
    for given in ({}, {"accumulation": 2}):
        here, ahead = make(**given), make(**given, processes=2)
        for epoch in (0, 1, 5, 0):
            here.epoch = ahead.epoch = epoch
            assert same(here, ahead)
        rest, rest_ahead = here.rest(3), ahead.rest(3)
        rest.epoch = rest_ahead.epoch = 2
        assert same(rest, rest_ahead)


def test_what_was_begun_for_an_epoch_that_was_left_is_not_given_in_the_next(make):
    here, ahead = make(), make(processes=1)
    ahead[0], ahead[1]
    here.epoch = ahead.epoch = 1
    assert same(here, ahead)


def test_processes_that_are_killed_cost_time_alone(make):
    before = children()
    here, ahead = make(), make(processes=2)
    assert np.array_equal(here[0][0], ahead[0][0])
    for pid in children() - before:
        os.kill(pid, signal.SIGKILL)
    assert same(here, ahead)


def test_they_end_when_the_fit_does(make):
    before = children()
    ahead = make(processes=2)
    ahead[0]
    own = children() - before
    assert own
    ahead.close()
    deadline = time.monotonic() + 30
    while own & children() and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not own & {p.pid for p in psutil.Process().children() if p.status() != psutil.STATUS_ZOMBIE}


def test_no_processes_are_started_where_they_would_not_help(make, squares):
    before = children()
    make()[0]
    frozen = FilmBatches(np.asarray(squares), np.zeros(23, int), np.arange(23), classes=2, batch_size=4, processes=2)
    frozen[0]
    assert frozen.ahead is None and children() == before


def test_nothing_of_keras_is_loaded_by_those_processes():
    import subprocess
    import sys

    code = (
        "import sys, xraykit.training.fit.input.augmentation; "
        "print(sorted({'keras', 'tensorflow', 'jax', 'torch'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "[]"
    assert augmentation.DEPTH >= 1
