"""The figures of a shortcut audit and their verdicts, on made-up readings."""

from dataclasses import replace

import msgspec
import numpy as np
import pytest

from tests.helpers import evaluations, tiny_model
from xraykit.evaluation import stats
from xraykit.models.cards import card as cards
from xraykit.models.cards.card import Card
from xraykit.truth.shortcuts import figures
from xraykit.truth.shortcuts.figures import Figure

N = 90
TRUTH = np.arange(N) % 3


def own(**fields):
    return evaluations.made(truth=TRUTH, strength=6.0, **fields)


def gathered(**logits):
    altered = {key.replace("_", "-"): (range(N), values) for key, values in logits.items()}
    return figures.gather(own(), altered, data="films", part="test", made="2026-01-01T00:00:00+00:00")


def by_key(shortcuts):
    return {row.key: row for row in shortcuts.alterations}


def test_figures_are_those_of_the_readings():
    logits = own().logits.copy()
    logits[:30] = np.roll(logits[:30], 1, axis=1)  # thirty films become another class
    row = by_key(gathered(borders_out=logits, mirrored=own().logits))["borders-out"]
    assert row.flipped == 30 and row.n == N
    assert row.accuracy.value == row.balanced.value == pytest.approx(60 / 90)
    assert row.given == {"COVID-19": 30, "Normal": 30, "Viral Pneumonia": 30}
    assert row.difference.value == row.balanced_difference.value == pytest.approx(-1 / 3)
    assert row.sensitivity["Normal"].value == pytest.approx(20 / 30)
    assert row.p == pytest.approx(stats.mcnemar(0, 30)) and row.adjusted_p == pytest.approx(2 * row.p)
    assert row.balanced.low < row.balanced.value < row.balanced.high


def test_verdicts_by_type():
    random = np.random.default_rng(5).normal(size=(N, 3))
    same, most = own().logits, own().logits.copy()
    most[::3] = random[::3]
    rows = by_key(gathered(centre_out=most, lungs_out=random, borders_out=random, mirrored=same, centre_only=most))
    assert {key: row.verdict for key, row in rows.items()} == {
        "centre-out": "above-chance",
        "lungs-out": "chance",
        "borders-out": "falls",
        "mirrored": "steady",
        "centre-only": "falls",
    }
    assert rows["centre-out"].chance == pytest.approx(1 / 3)
    few = replace(rows["borders-out"], n=29)
    assert figures.judge(few) == "unknown"
    wide = replace(rows["mirrored"], balanced_difference=Figure(-0.02, -0.08, 0.04, N))
    assert figures.judge(wide) == "unclear"
    assert figures.judge(replace(wide, adjusted_p=0.001, balanced_difference=Figure(0.1, 0.04, 0.2, N))) == "rises"


def test_an_interval_has_a_width_where_every_film_is_right():
    figure = figures.balanced(replace(own(), logits=10 * np.eye(3)[TRUTH]))
    assert figure.value == figure.high == 1
    whole = stats.proportion(30, 30)
    assert figure.low == pytest.approx(1 - np.sqrt(3) * (1 - whole.low) / 3), "Zou and Donner, of three classes alike"
    row = by_key(gathered(mirrored=own().logits))["mirrored"]
    assert row.difference.value == 0 and row.difference.low < 0 < row.difference.high
    few = figures.gather(
        own(), {"mirrored": (range(45), own().logits[:45])}, data="films", part="all", made="2026-01-01T00:00:00+00:00"
    )
    assert few.alterations[0].verdict == "unclear", "45 unchanged films rule no loss of 5 points out"


def test_films_without_a_mask_are_left_out_of_the_pair():
    some = list(range(0, N, 2))
    shortcuts = figures.gather(
        own(), {"lungs-out": (some, own().logits[some])}, data="films", part="all", made="2026-01-01T00:00:00+00:00"
    )
    (row,) = shortcuts.alterations
    assert row.n == shortcuts.masks == 45 and row.difference.value == 0 and row.flipped == 0


def test_films_of_one_patient_widen_the_interval():
    alone, grouped = (figures.balanced(own(**fields)) for fields in ({}, {"groups": tuple(range(0, 30)) * 3}))
    logits = own().logits.copy()
    logits[:30] = -logits[:30]
    pairs = (replace(own(), logits=logits), replace(own(), logits=logits, groups=tuple(np.repeat(range(9), 10))))
    widths = [figures.balanced(pair).high - figures.balanced(pair).low for pair in pairs]
    assert alone.value == grouped.value and widths[1] > widths[0]


def test_a_card_holds_the_audit_and_gives_it_back():
    shortcuts = gathered(mirrored=own().logits)
    card = replace(cards.read(tiny_model.KEPT), checks={"shortcuts": stats.plain(shortcuts)})
    assert figures.read(Card.from_json(card.to_json())) == shortcuts
    assert figures.read(cards.read(tiny_model.KEPT)) is None
    assert figures.read(replace(card, checks={"shortcuts": {"n": 3}})) is None, "of another version"
    assert msgspec.convert(stats.plain(shortcuts), figures.Shortcuts) == shortcuts
