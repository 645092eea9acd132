"""An inference client without a service: plausible readings at once, so that pages are tested and not networks."""

from __future__ import annotations

import dataclasses
import io
import threading
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from tests.helpers import DATA
from xraykit.datasets.reading import groups
from xraykit.films import decoder, radiograph
from xraykit.films.refusal import Refusal
from xraykit.gate import verdict as gate
from xraykit.gate.verdict import AS_IT_IS, Asked
from xraykit.models import classifier, explanation
from xraykit.models.cards.card import Card
from xraykit.models.service import lines, scoring, seen
from xraykit.models.service.scoring import Reading, Scored

CLASSES = ("COVID-19", "Normal", "Viral Pneumonia")
CENTRES = {"COVID-19": (4.4, 1.7), "Normal": (2.4, 3.0), "Viral Pneumonia": (3.0, 4.8)}  # rows, columns of 7 x 7


def card(name: str = "mobilenetv2-scratch", title: str = "MobileNetV2 from scratch") -> Card:
    return Card(
        name=name,
        title=title,
        created="2026-01-01T00:00:00+00:00",
        classes=CLASSES,
        image_size=224,
        channels=1,
        feature_layer="out_relu",
        temperature=1.0,
        recipe={},
        data={},
        metrics={},
        limits=(),
        software={},
        files={},
        parameters=1,
    )


def glance(name: str, sha256: str, **changes: Any) -> decoder.Glance:
    """A film as a worklist knows it, of 64 x 64 pixels that are all black."""
    plain = decoder.Glance(
        source=name,
        format="PNG",
        sha256=sha256,
        view=None,
        laterality=None,
        notes=(),
        width=64,
        height=64,
        bits=8,
        colour=False,
        patient=None,
        taken=None,
        box=(0, 0, 1, 1),
        squares={},
        thumbnail=b"jpeg",
        small=np.zeros((64, 64), np.uint8),
    )
    return dataclasses.replace(plain, **changes)


CARDS = [card(), card("mobilenetv2-imagenet", "MobileNetV2 from ImageNet")]


class Client:
    """Answers as `inference.Client` does; `broken`, `refusing` and `slow` make it fail or wait on demand."""

    def __init__(self, cards: list[Card] | None = None, broken_models: tuple = ()) -> None:
        self.cards = CARDS if cards is None else cards
        self.broken_models = list(broken_models)
        self.restarts = 0
        self.broken = False
        self.explain_with = explanation_now
        self.calls: list[str] = []

    def read(self, source: str, film: bytes | Path) -> radiograph.Radiograph | Refusal:
        self._note("read")
        (result,) = decoder.read_batch([(source, film) if isinstance(film, bytes) else film])
        return dataclasses.replace(result, source=source)

    def models(self):
        self._note("models")
        return list(self.cards), list(self.broken_models)

    def classify(self, film: Any, model: str) -> Reading:
        self._note("classify")
        logits = np.random.default_rng([int(film.sha256[:8], 16), len(model)]).normal(size=3) * 2.5
        probabilities = np.exp(logits) / np.exp(logits).sum()
        maps = tuple(heatmap_of(film, label, model) for label in CLASSES)
        return Reading(classifier.Prediction(CLASSES, probabilities, logits), maps)

    def explain(self, film, model, method, label, progress=None) -> explanation.Explanation:
        self._note("explain")
        return self.explain_with(film, model, method, label, progress)

    def prepare(self, models) -> None:
        self.calls.append("prepare")

    def score(self, source: str, place: Path, models, asked: Asked = AS_IT_IS) -> Scored | Refusal:
        film = self._glance(source, place, asked)
        if isinstance(film, Refusal):
            return film
        outcome = gate.decide(film.small, film.view, asked)
        if outcome.state == "refused":
            return scoring.scored(film, dict.fromkeys(models, f"Not read. {outcome.words}"), outcome)
        drawn = SimpleNamespace(sha256=film.sha256, square_box=lambda: film.box)
        return scoring.scored(film, {model: self.classify(drawn, model) for model in models}, outcome)

    def score_many(self, films, models, each) -> None:
        for number, (source, place) in enumerate(films):
            each(number, self.score(source, place, models))

    def softcopy(self, source: str, place: Path, sha256: str | None, models=(), asked: Asked = AS_IT_IS):
        film = self._glance(source, place, asked)
        return film if isinstance(film, Refusal) else film.softcopy

    def heat(
        self, source, place, sha256, model, method, label, progress=None, asked: Asked = AS_IT_IS
    ) -> explanation.Explanation | Refusal:
        film = self.read(source, place)
        if isinstance(film, Refusal):
            return film
        return self.explain(film.laid(asked.turn, asked.inverted), model, method, label, progress)

    def see(self, source: str, place: Path, sha256: str | None, model: str, asked: Asked = AS_IT_IS):
        film = self._glance(source, place, asked)
        return film if isinstance(film, Refusal) else seen.see(film, classifier.load(DATA / "tiny-model"))

    def _glance(self, source: str, place: Path, asked: Asked) -> decoder.Glance | Refusal:
        self._note("score")
        wanted = decoder.Wanted((groups.FORM, (32, 1)), whole=True, turn=asked.turn, inverted=asked.inverted)
        (film,) = decoder.read_batch([place], wanted)
        return dataclasses.replace(film, source=source)

    def close(self) -> None:
        self.calls.append("close")

    def _note(self, call: str) -> None:
        self.calls.append(call)
        if self.broken:
            raise lines.ServiceError("The inference service cannot be reached. Start the app again.")


def explanation_now(film, model, method, label, progress):
    if progress:
        progress(0.5, 1.0)
    return heatmap_of(film, label, model, method)


def explanation_in_steps(gate: threading.Event):
    """An `explain` that reports progress until the gate opens."""

    def explain(film, model, method, label, progress):
        while not gate.is_set():
            progress(0.25, 3.0)
            time.sleep(0.02)
        return heatmap_of(film, label, model, method)

    return explain


def heatmap_of(film, label: str, model: str, method: str = "Grad-CAM") -> explanation.Explanation:
    row, column = CENTRES[label]
    shift = 0.8 if "imagenet" in model else 0.0
    rows, columns = np.mgrid[0:7, 0:7]
    heat = np.exp(-((rows - row + shift) ** 2 + (columns - column) ** 2) / 3.0) - 0.12
    heat = np.clip(heat, 0, None).astype(np.float32)
    maximum = 2.4 if "imagenet" in model else 1.3
    return explanation.Explanation(label, method, "out_relu", heat / heat.max(), maximum, film.square_box())


def film_png(seed: int = 0, height: int = 256, width: int = 200) -> bytes:
    """A grey PNG that is no film of anyone."""
    from PIL import Image

    rows, columns = np.mgrid[0:height, 0:width] / [[[height]], [[width]]]
    lungs = sum(np.exp(-((((columns - x) / 0.16) ** 2 + ((rows - 0.5) / 0.3) ** 2) ** 2)) for x in (0.3, 0.7))
    grain = np.random.default_rng(seed).normal(0, 5, rows.shape)
    coded = io.BytesIO()
    Image.fromarray(np.clip(200 - 140 * lungs + grain, 0, 255).astype(np.uint8)).save(coded, "PNG")
    return coded.getvalue()
