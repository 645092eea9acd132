"""Durations, times, sizes and percentages are written in one way."""

import datetime
import math
import os
import time

import pytest

from xraykit.system import text


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (None, text.NOT_KNOWN),
        (-1, text.NOT_KNOWN),
        (float("nan"), text.NOT_KNOWN),
        (float("inf"), text.NOT_KNOWN),
        (0, "0 s"),
        (0.2, "under 1 s"),
        (40, "40 s"),
        (754, "13 min"),
        (7500, "2 h 05 min"),
        (1e300, "over 1000 days"),
    ],
)
def test_durations(seconds, words):
    assert text.duration(seconds) == words


def test_time_left_tells_when_it_ends():
    now = datetime.datetime(2026, 11, 20, 23, 50)
    assert text.time_left(120, now) == "about 2 min left, until 23:52"
    assert text.time_left(3600, now) == "about 60 min left, until Sat 00:50"
    assert text.time_left(None) == text.time_left(-1) == text.time_left(float("nan")) == ""
    assert text.time_left(1e300) == "over 1000 days left"


@pytest.fixture
def utc(monkeypatch):
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.skipif(os.name == "nt", reason="Windows has no tzset")
def test_times_of_day(utc):
    assert text.clock("2020-05-01T10:30:00+00:00") == "01 May 2020, 10:30"
    assert text.clock("nonsense") == text.clock(None) == text.clock("") == text.NOT_KNOWN
    assert text.clock("0001-01-01T00:00:00+23:00") == text.NOT_KNOWN
    assert text.timestamp(1_795_000_000) == "2026-11-18 11:06:40" and text.timestamp(1e300) == text.NOT_KNOWN


def test_sizes_percentages_and_decimals():
    assert [text.size(n) for n in (None, 1, 5 * 2**20, 5.1 * 2**30)] == [text.NOT_KNOWN, "1 KiB", "5.0 MiB", "5.1 GiB"]
    assert [text.percent(share) for share in (None, 0.95, 1)] == [text.NOT_KNOWN, "95.0%", "100.0%"]
    assert [text.decimal(x) for x in (None, 0, 0.0001, 0.3521)] == [text.NOT_KNOWN, "0.000", "under 0.001", "0.352"]


@pytest.mark.parametrize(
    ("least", "most", "words"),
    [
        (720, 1200, "12 to 20 min"),
        (50, 120, "50 s to 2 min"),
        (5, 10, "5 to 10 s"),
        (3600, 9000, "60 min to 2 h 30 min"),
        (7200, 9000, "2 h 00 min to 2 h 30 min"),
        (61, 61.2, "61 s"),
        (0.1, 4, "under 1 s to 4 s"),
        (None, math.inf, "–"),
    ],
)
def test_a_range_of_durations_names_its_unit_once(least, most, words):
    assert text.duration_range(least, most) == words
