"""Results of audits, made up: as a model's card holds them."""

import functools
from dataclasses import replace

import numpy as np

from tests.helpers import evaluations, tiny_model
from xraykit.evaluation import stats
from xraykit.evaluation.stats import Figure
from xraykit.models.cards import card as cards
from xraykit.models.cards.card import Card
from xraykit.truth.model_audit import Audited
from xraykit.truth.scorecard import likeness, score
from xraykit.truth.scorecard.score import Likeness, Scorecard
from xraykit.truth.shortcuts import figures
from xraykit.truth.shortcuts.alterations import ALTERATIONS
from xraykit.truth.shortcuts.figures import Shortcuts

MADE = "2026-01-01T00:00:00+00:00"


@functools.cache
def shortcuts() -> Shortcuts:
    """Ninety films: hardly worse without the centre, much worse without the borders, at chance in noise."""
    own = evaluations.made(truth=np.arange(90) % 3, strength=6.0)
    noise = np.random.default_rng(5).normal(size=own.logits.shape)
    altered = {each.key: own.logits + noise / 10 for each in ALTERATIONS if not each.masked}
    altered |= {"borders-out": noise, "noise": noise}
    pairs = {key: (range(90), logits) for key, logits in altered.items()}
    return figures.gather(own, pairs, data="films", part="test", made=MADE)


def scorecard(verdict: score.Verdict = "better", value: float = 0.12, sanity: score.Sanity = "passed") -> Scorecard:
    """Forty films, of this advantage over random maps."""
    alike = {name: Likeness(Figure(0.1, 0.0, 0.2, 40), Figure(0.2, 0.1, 0.3, 40)) for name in likeness.OTHERS}
    figure = Figure(value, round(value - 0.04, 4), round(value + 0.04, 4), 40)
    down, up = (tuple(np.linspace(*ends, 17).tolist()) for ends in ((1, 0.3), (0.3, 1)))
    curves = {
        f"{name}{other}": line
        for name, line in (("deletion", down), ("insertion", up))
        for other in ("", " of random maps")
    }
    middle = Figure(0.02, -0.01, 0.05, 40)
    return Scorecard(
        method="Grad-CAM",
        verdict=verdict,
        sanity=sanity,
        data="films",
        n=40,
        left_out=0,
        made=MADE,
        score=figure,
        random_score=middle,
        advantage=figure,
        over_middle=middle,
        likeness=alike,
        curves=curves,
        **score.USUAL._asdict(),
    )


def checked(card: Card, scored: Scorecard | None = None) -> Card:
    """The card with the results of an audit."""
    checks = {"shortcuts": stats.plain(shortcuts()), "scorecard": stats.plain(scored or scorecard())}
    return replace(card, checks=checks)


def audited(name: str) -> Audited:
    """The result of an audit of a model of this name."""
    card = checked(replace(cards.read(tiny_model.KEPT), name=name))
    return Audited(card, shortcuts(), scorecard())
