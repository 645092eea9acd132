"""A film scored by models: what a worklist shows of it, without its pixels."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from xraykit.films.decoder import Glance
from xraykit.models import explanation
from xraykit.models.classifier import Classifier, Prediction
from xraykit.models.explanation import Explanation
from xraykit.models.service import heatmaps
from xraykit.models.service.heatmaps import Agreement
from xraykit.models.service.kept import Kept
from xraykit.refused import Refused, words_of

READINGS_BYTES = 16 * 2**20  # of some 5,000; one that is forgotten costs a decoding
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
    agreement : dict of (str, str) to Agreement
        By two models: of the Grad-CAM of the class that each predicts.
    """

    film: Glance
    predictions: dict[str, Prediction | str]
    agreement: dict[tuple[str, str], Agreement]


class Readings:
    """What models made of films, remembered by the film's SHA-256 and the model's version."""

    def __init__(self, model: Callable[[str], tuple[tuple, Classifier]]) -> None:
        self._model = model
        self._kept: Kept[Reading] = Kept(READINGS_BYTES, _bytes_of)

    def read(self, film: Glance, name: str) -> Reading:
        """A model's reading of a film; raises ModelRefused."""
        version, model = self._model(name)
        key = (film.sha256, version)
        reading = self._kept.get(key)
        if reading is None:
            form = (model.card.image_size, model.card.channels)
            reading = Reading(*explanation.grad_cam_of(model, film.squares[form], film.box))
            self._kept.put(key, reading)
        return reading

    def known(self, sha256: str, name: str) -> Reading | None:
        """The reading that is remembered of a film; raises ModelRefused."""
        return self._kept.get((sha256, self._model(name)[0]))

    def score(self, film: Glance, names: Sequence[str]) -> Scored:
        """What each of these models makes of a film; one that cannot read it says why in its place."""
        readings: dict[str, Reading | str] = {}
        for name in names:
            try:
                readings[name] = self.read(film, name)
            except (Refused, OSError) as error:
                readings[name] = words_of(error)
        return scored(film, readings)


def scored(film: Glance, readings: Mapping[str, Reading | str]) -> Scored:
    """A film with the models' readings, or words in their place, and how far their heatmaps agree."""
    tops = {name: reading.top for name, reading in readings.items() if isinstance(reading, Reading)}
    return Scored(
        replace(film, squares={}, softcopy=None),
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
