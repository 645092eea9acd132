"""A film scored by models: what a worklist shows of it, without its pixels."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from xraykit.datasets.reading import groups
from xraykit.films.decoder import Glance
from xraykit.films.refusal import Refusal
from xraykit.gate import verdict as gate
from xraykit.gate.verdict import AS_IT_IS, Asked, Outcome
from xraykit.models import classifier, explanation
from xraykit.models.cards.card import Card
from xraykit.models.classifier import Classifier, Prediction
from xraykit.models.explanation import Explanation
from xraykit.models.service import heatmaps
from xraykit.models.service.heatmaps import Agreement
from xraykit.models.service.kept import Kept
from xraykit.refused import Refused, words_of

READINGS_BYTES = 16 * 2**20  # of some 5,000; one that is forgotten costs a decoding
NOT_ASKED = Outcome("off")
ENTRY_BYTES = 1500  # of a reading, beside its arrays


@dataclass(frozen=True)
class Reading:
    """What one model makes of one film: the prediction, and Grad-CAM of every class in class order (none where its
    network has no such map)."""

    prediction: Prediction
    explanations: tuple[Explanation, ...]

    @property
    def top(self) -> Explanation | None:
        """Grad-CAM of the predicted class."""
        return next((each for each in self.explanations if each.label == self.prediction.top), None)


@dataclass(frozen=True, eq=False)
class Scored:
    """A film and what models make of it; the pixels stay with the service.

    Attributes
    ----------
    film : Glance
        Without squares and softcopy.
    predictions : dict of str to Prediction or str
        By model; words where it has none.
    gate : Outcome
        Whether the film was read, or refused before a model of chest films spoke.
    agreement : dict of (str, str) to Agreement
        By two models: of the Grad-CAM of the class that each predicts.
    fingerprint : numpy.ndarray or None
        uint64 (4,), as `groups.fingerprint`; None where its square was not asked for.
    """

    film: Glance
    gate: Outcome
    predictions: dict[str, Prediction | str]
    agreement: dict[tuple[str, str], Agreement]
    fingerprint: np.ndarray | None = None


class Readings:
    """What models made of films, remembered by the film's SHA-256 and the model's version."""

    def __init__(self, model: Callable[[str], tuple[tuple, Classifier]]) -> None:
        self._model = model
        self._kept: Kept[Reading] = Kept(READINGS_BYTES, _bytes_of)

    def read(self, film: Glance, name: str) -> Reading:
        """A model's reading of a film; raises ModelRefused."""
        version, model = self._model(name)
        key = (film.sha256, film.laid, version)
        reading = self._kept.get(key)
        if reading is None:
            form = (model.card.image_size, model.card.channels)
            reading = Reading(*explanation.grad_cam_of(model, film.squares[form], film.box))
            self._kept.put(key, reading)
        return reading

    def known(self, sha256: str, laid: tuple[int, bool], name: str) -> Reading | None:
        """The reading that is remembered of a film laid so; raises ModelRefused."""
        return self._kept.get((sha256, laid, self._model(name)[0]))

    def score(self, film: Glance, names: Sequence[str], asked: Asked = AS_IT_IS) -> Scored:
        """What each of these models makes of a film; one that cannot read it says why in its place."""
        readings: dict[str, Reading | str] = {}
        outcome = None
        for name in names:
            try:
                if classifier.is_gated(self._model(name)[1].card):
                    outcome = outcome or gate.decide(film.small, film.view, asked)
                    if outcome.state == "refused":
                        readings[name] = f"Not read. {outcome.words}"
                        continue
                readings[name] = self.read(film, name)
            except (Refused, OSError) as error:
                readings[name] = words_of(error)
        return scored(film, readings, outcome or Outcome("off", asked))


def refused_by_gate(film: Glance, card: Card, asked: Asked) -> Refusal | None:
    """Why a model is not to read a film; None where it may."""
    if not classifier.is_gated(card):
        return None
    outcome = gate.decide(film.small, film.view, asked)
    return gate.refusal(film.source, outcome.verdict) if outcome.verdict and outcome.state == "refused" else None


def scored(film: Glance, readings: Mapping[str, Reading | str], outcome: Outcome = NOT_ASKED) -> Scored:
    """A film with the models' readings, or words in their place, and how far their heatmaps agree."""
    tops = {name: reading.top for name, reading in readings.items() if isinstance(reading, Reading)}
    square = film.squares.get(groups.FORM)
    return Scored(
        replace(film, squares={}, softcopy=None),
        fingerprint=None if square is None else groups.fingerprint_of(square),
        gate=outcome,
        predictions={
            name: reading if isinstance(reading, str) else reading.prediction for name, reading in readings.items()
        },
        agreement={
            (a, b): heatmaps.compare(first, second)
            for (a, first), (b, second) in itertools.combinations(tops.items(), 2)
            if first is not None and second is not None
        },
    )


def _bytes_of(reading: Reading) -> int:
    return ENTRY_BYTES + sum(each.heatmap.nbytes + 400 for each in reading.explanations)
