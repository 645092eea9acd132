"""Evaluations to compare, made of random logits."""

from dataclasses import replace

import numpy as np

from xraykit.evaluation.evaluation import Evaluation

CLASSES = ("COVID-19", "Normal", "Viral Pneumonia")


def made(model="a", n=300, strength=2.0, seed=0, truth=None, **fields):
    """`strength` is how far the right class's logit stands out; one `seed` gives one noise."""
    truth = np.random.default_rng(99).integers(0, 3, n) if truth is None else np.asarray(truth)
    noise = np.random.default_rng(seed).normal(size=(len(truth), 3))
    names = tuple(f"film-{i:04}.png" for i in range(len(truth)))
    given = {"classes": CLASSES, "films": names, "truth": truth, "logits": noise + strength * np.eye(3)[truth]}
    return Evaluation(model, **(given | fields))


def hashes(n, salt="0000"):
    """As many different sha256; another `salt`, other ones."""
    return tuple(f"{salt}{i:060d}" for i in range(n))


def turned(evaluation, order, **fields):
    """The same evaluation with its films in another order."""
    order = list(order)
    take = lambda column: tuple(column[i] for i in order) if column else ()  # noqa: E731
    return replace(
        evaluation,
        films=take(evaluation.films),
        truth=evaluation.truth[order],
        logits=evaluation.logits[order],
        hashes=take(evaluation.hashes),
        groups=take(evaluation.groups),
        **fields,
    )
