"""A film of the worklist as a film report wants it: with what models and reader made of it, as the room shows it.

Reads nothing twice: pixels come from the service, which has the film at hand, probabilities from the worklist.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from xraykit.films import radiograph
from xraykit.films.folders.zipped import Place
from xraykit.films.refusal import Refusal, name_of
from xraykit.gate.verdict import Outcome
from xraykit.models import classifier
from xraykit.models.cards.card import Card
from xraykit.models.classifier import Prediction
from xraykit.models.explanation import Explanation
from xraykit.reading import impressions, trust
from xraykit.reading.impressions import Impression
from xraykit.reading.worklist.room import Room, known
from xraykit.reading.worklist.rows import Facts, Reading, Row
from xraykit.refused import Refused
from xraykit.reports.film.subject import Answer, Settings, Subject
from xraykit.system import files
from xraykit.truth.seen import films as seen
from xraykit.truth.seen.films import Known
from xraykit.ui.review.server.report.asked import View

Progress = Callable[..., None]


class NotRead(Refused):
    """A file that is no film, or is not what it was: `sha256` of its bytes where they can be read."""

    code = "not-read"

    def __init__(self, refusal: Refusal, sha256: str) -> None:
        super().__init__(refusal.words, code=refusal.code)
        self.refusal, self.sha256 = refusal, sha256


@dataclass(frozen=True)
class _Film:
    """What was made of a film: what it is, what the gate says, and by model an answer or words."""

    facts: Any  # Facts, or a Glance, which has the same attributes
    gate: Outcome
    answers: Mapping[str, Prediction | str]
    known: Mapping[str, Known | None]


def subject_of(
    room: Room,
    row: Row,
    view: View,
    *,
    names: bool = False,
    hidden: bool = False,
    created: str = "",
    progress: Progress | None = None,
) -> Subject:
    """A film and what is said of it.

    Parameters
    ----------
    room, row
        The tab's room and the film in its list.
    view : View
        What is shown of it, and how.
    names : bool
        Whether the film is called by its file.
    hidden : bool
        Whether the reader must not be told yet what models say of it: they are left out.
    created : str
        ISO 8601; now where it is not given.
    progress : callable, optional
        Called while a slow heatmap is computed; raising in it ends that.

    Raises
    ------
    NotRead
        If the file is no film.
    Refused
        If the service does not answer, or there is no such view.
    """
    settings = view.settings()
    chosen = () if hidden else view.models
    cards = [card for name in chosen for card in room.cards if card.name == name]
    given = _read(room, row, [card.name for card in cards])
    softcopy = room.softcopy(row)
    if isinstance(softcopy, Refusal):
        raise NotRead(softcopy, given.facts.sha256)
    facts = given.facts
    film = radiograph.of_softcopy(softcopy, source="", form=facts.format, sha256=facts.sha256, notes=facts.notes)
    return Subject(
        film=film,
        gate=given.gate,
        answers=tuple(_answer(room, row, card, given, settings, progress) for card in cards),
        created=created or files.now(),
        settings=_fitting(settings, film.softcopy.windows),
        impression=_impression(room, facts.sha256),
        name=name_of((Path(row.name).name, b"")) if names else "",
        bytes=_size(row.place),
    )


def name_in(row: Row, names: bool) -> str:
    """What a file is called: by its name without folders where that was asked for."""
    return name_of((Path(row.name).name, b"")) if names else ""


def sha256_of(place: Place) -> str:
    """Of a file that is no film; zeros where it cannot be read."""
    with contextlib.suppress(Exception):  # a broken zip has a dozen ways to say so
        if isinstance(place, Path):
            return files.sha256_of(place)
        return hashlib.sha256(place.read()).hexdigest()
    return "0" * 64


def _read(room: Room, row: Row, names: Sequence[str]) -> _Film:
    readings, facts, outcome = dict(row.models), row.facts, row.gate
    if row.state == "refused" and row.refusal:
        raise NotRead(row.refusal, sha256_of(row.place))
    if row.state == "ready" and facts and outcome and set(names) <= readings.keys():
        return _of_row(facts, outcome, readings)
    scored = room.score(row, names)
    if isinstance(scored, Refusal):
        raise NotRead(scored, sha256_of(row.place))
    knows = {name: known(name, scored) for name in names}
    return _Film(scored.film, _asked(scored.gate), scored.predictions, knows)


def _of_row(facts: Facts, outcome: Outcome, readings: Mapping[str, Reading]) -> _Film:
    answers = {name: _prediction(reading) for name, reading in readings.items()}
    return _Film(facts, _asked(outcome), answers, {name: reading.known for name, reading in readings.items()})


def _prediction(reading: Reading) -> Prediction | str:
    """An answer of the worklist; its logits are known but for what all have in common."""
    if reading.top is None:
        return reading.words
    probabilities = np.array(reading.probabilities)
    return Prediction(reading.classes, probabilities, np.log(np.maximum(probabilities, np.finfo(float).tiny)))


def _asked(outcome: Outcome) -> Outcome:
    """Where no model asked the gate, nobody is to ask it when the report is made again."""
    if outcome.state != "off":
        return outcome
    return replace(outcome, asked=replace(outcome.asked, gate="off"))


def _answer(room: Room, row: Row, card: Card, given: _Film, settings: Settings, progress: Progress | None) -> Answer:
    folder = classifier.named(card.name)
    behind = trust.known(card, folder)
    prediction = given.answers[card.name]
    if isinstance(prediction, str):
        return Answer(card, behind, words=prediction)
    heatmap, words = None, ""
    if settings.heatmaps:
        label = settings.label if settings.label in prediction.classes else prediction.top
        heatmap, words = _heat(room, row, card.name, settings.method, label, progress)
    code = given.known.get(card.name)
    return Answer(card, behind, prediction, heatmap, code.code if code else _remembered(folder), words)


def _heat(
    room: Room, row: Row, model: str, method: str, label: str, progress: Progress | None
) -> tuple[Explanation | None, str]:
    """The heatmap, or why there is none; no words where the network has none at all: the report says that."""
    try:
        result = room.heat(row, model, method, label, progress)
    except Refused as refused:
        return None, "" if refused.code == "no-heatmap" else refused.words
    return (None, result.words) if isinstance(result, Refusal) else (result, "")


def _remembered(folder: Path) -> Any:
    """ "" for a model whose films are remembered, None for another."""
    with contextlib.suppress(Refused, OSError):
        return None if seen.load(folder) is None else ""
    return None


def _fitting(settings: Settings, windows: Sequence[Any]) -> Settings:
    """No name of a window but those that a film or the room gives."""
    grey = settings.grey
    if grey is None or grey.name in {window.name for window in windows} | {"Auto", "Full range"}:
        return settings
    return replace(settings, grey=replace(grey, name="chosen"))


def _impression(room: Room, sha256: str) -> Impression | None:
    read = room.session.film(sha256)
    return None if read is None or impressions.is_empty(read.last) else read.last


def _size(place: Place) -> int:
    with contextlib.suppress(OSError):
        return place.stat().st_size if isinstance(place, Path) else place.size
    return 0
