"""What the gate does with pictures it never learned from, by kind, with 95 % intervals."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from xraykit.evaluation import stats
from xraykit.films.radiograph import Radiograph
from xraykit.gate import network
from xraykit.training.gate import bodies, changes, drawn
from xraykit.training.gate.pictures import Picture

Scores = Callable[[np.ndarray], np.ndarray]  # float32 (N, 64, 64) grey to (N, 6), as the network gives them
EACH = 150  # pictures of a group to which every change is made


def shares(scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Scores (N, 6) as shares of the kinds (N, 5) and of inverted (N,)."""
    kinds = np.exp(scores[:, :5] - scores[:, :5].max(axis=1, keepdims=True))
    return kinds / kinds.sum(axis=1, keepdims=True), 1 / (1 + np.exp(-np.clip(scores[:, 5], -50, 50)))


def named(scores: np.ndarray, limits: dict[str, float]) -> list[str]:
    """What each is taken for: "0", "90", "180", "270" out of true, with " inverted" behind, or "other"."""
    kinds, inverted = shares(scores)
    names = []
    for row, light in zip(kinds, inverted, strict=True):
        out = int(row[:4].argmax())
        turned = network.KINDS[out] if row[out] / row[:4].sum() >= limits["turned"] else "0"
        chest = 1 - row[4] >= limits["chest"]
        names.append(turned + " inverted" * bool(light >= limits["inverted"]) if chest else "other")
    return names


def of_films(pictures: Sequence[Picture], scores: Scores, limits: dict[str, float]) -> list[dict[str, Any]]:
    """Films as they are, in the other three positions and inverted: a row each, by source."""
    rows = []
    for kind in dict.fromkeys(picture.kind for picture in pictures):
        grey = np.stack([network.luma(picture.small) for picture in pictures if picture.kind == kind])
        for turn in range(4):
            seen = named(scores(np.rot90(grey, -turn, axes=(1, 2))), limits)
            rows.append(_row(kind, f"turned {90 * turn}°" if turn else "as it is", seen, str(90 * turn)))
        rows.append(_row(kind, "inverted", named(scores(255 - grey), limits), "0 inverted"))
    return rows


def of_others(pictures: Iterable[Picture], scores: Scores, limits: dict[str, float]) -> list[dict[str, Any]]:
    """Pictures that are no films, in grey: how many of each kind are refused as such, and how many in any way."""
    by_kind: dict[str, list[np.ndarray]] = {}
    for picture in pictures:
        by_kind.setdefault(picture.kind, []).append(network.luma(picture.small))
    rows = []
    for kind, grey in by_kind.items():
        seen = named(scores(np.stack(grey)), limits)
        rows.append({**_row(kind, "as it is", seen, "other"), "passed": seen.count("0")})
    return rows


def of_changed(
    films: Sequence[Picture], others: Sequence[Picture], scores: Scores, limits: dict[str, float]
) -> list[dict[str, Any]]:
    """The same pictures after each of `changes.CHANGES`: films that pass, other pictures that are refused."""
    groups = {
        kind: [film for film in films if film.kind == kind] for kind in dict.fromkeys(film.kind for film in films)
    }
    rest = {"drawings": drawn.KINDS, "drawn bodies": bodies.KINDS}
    kinds = {kind: name for name, those in rest.items() for kind in those}
    for picture in others:
        groups.setdefault(kinds.get(picture.kind, "photographs"), []).append(picture)
    rows = []
    for group, pictures in groups.items():
        chosen = [pictures[place] for place in np.linspace(0, len(pictures) - 1, min(EACH, len(pictures))).astype(int)]
        right = "other" if pictures[0].kind not in {film.kind for film in films} else "0"
        for name, change in changes.CHANGES.items():
            noise = np.random.default_rng(len(rows))
            grey = [Radiograph(change.make(picture.grey, noise), group, "PNG", "").small() for picture in chosen]
            rows.append(_row(group, name, named(scores(np.stack(grey)), limits), right))
    return rows


def _row(kind: str, done: str, seen: list[str], right: str) -> dict[str, Any]:
    figure = stats.proportion(seen.count(right), len(seen))
    return {
        "kind": kind,
        "done": done,
        "n": len(seen),
        "right": seen.count(right),
        "share": [figure.value, figure.low, figure.high],
        "other": seen.count("other"),
    }
