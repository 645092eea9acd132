"""Subject: a film with what the gate, models and a reader made of it: all that a film report shows.

`read` asks models in this process; a page, whose models lie in another, gives their answers itself. Draws nothing.
"""

from __future__ import annotations

import hashlib
import math
import textwrap
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from typing import Any, Literal

import numpy as np

from xraykit.films.dicom.softcopy import Window
from xraykit.films.radiograph import Radiograph
from xraykit.gate import verdict as gate
from xraykit.gate.verdict import AS_IT_IS, Asked, Outcome
from xraykit.models import classifier, explanation
from xraykit.models.cards.card import Card, titles_of
from xraykit.models.classifier import Classifier, Prediction
from xraykit.models.explanation import Explanation
from xraykit.reading import trust
from xraykit.reading.impressions import Impression
from xraykit.reading.trust import Known
from xraykit.refused import Refused
from xraykit.system import files
from xraykit.truth.seen import films as seen
from xraykit.truth.seen.films import KnownAs

Explain = Callable[[Classifier, Radiograph, str], Explanation]  # of a class; raises Refused
LONG, BEGUN = 48, 24  # letters of a title that is too long to stand above each column, and of what stands there
ID = 12  # letters of a SHA-256 that name a film or a model's files in a report


@dataclass(frozen=True)
class Grey:
    """The window that a reader chose: `low` and `high` in units of the film's values, of the film's own window `name`
    where it has one of that name; with black and white changed round where `inverted`."""

    name: str
    low: float
    high: float
    inverted: bool = False

    def __post_init__(self) -> None:
        if not (math.isfinite(self.low) and math.isfinite(self.high) and self.low < self.high):
            raise ValueError("Expected a window whose high value is above its low one.")


@dataclass(frozen=True)
class Settings:
    """How a film is shown: the class that is explained (each model's predicted one where none is given), its colours,
    and the longer side of its pictures in pixels. `heatmaps`: are they shown; `grey` is None for the film's own."""

    label: str | None = None
    method: str = explanation.GRAD_CAM
    opacity: float = 0.4
    colormap: str = "inferno"
    longest: int = 1200
    heatmaps: bool = True
    grey: Grey | None = None


@dataclass(frozen=True)
class Noise:
    """What SmoothGrad is drawn with: `samples` films with noise of this `share` of the film's range."""

    samples: int = explanation.SMOOTH_SAMPLES
    share: float = explanation.SMOOTH_NOISE
    seed: int = explanation.SMOOTH_SEED


@dataclass(frozen=True, eq=False)
class Answer:
    """What a model made of the film: a prediction and the heatmap of one class, or `words` that say why it has none.

    `known`: the part of the model's own films that this one is in, or its near twin; "" where it is in none of them,
    None where the model remembers no films. `trust` holds operating points, and what they gave at home and elsewhere.
    """

    card: Card
    trust: Known
    prediction: Prediction | None = None
    explanation: Explanation | None = None
    known: KnownAs | Literal[""] | None = None
    words: str = ""

    @property
    def called(self) -> tuple[str, ...]:
        """The classes at or above their operating points; a class without one is left out."""
        return tuple(
            label
            for label, probability in self.probabilities.items()
            if (threshold := self.threshold(label)) is not None and probability >= threshold
        )

    @property
    def probabilities(self) -> dict[str, float]:
        """By class, in the model's order; empty where it has no answer."""
        if self.prediction is None:
            return {}
        return dict(zip(self.prediction.classes, map(float, self.prediction.probabilities), strict=True))

    def threshold(self, label: str) -> float | None:
        """The operating point of a class at home; None where the class of highest probability counts."""
        return at_home.threshold if (at_home := self.trust.home.get(label)) else None


@dataclass(frozen=True, eq=False)
class Subject:
    """A film and what is said of it.

    `film` is laid as it was read; `created` ISO 8601 with a time zone; `name` the file's, "" unless it was asked for;
    `bytes` the size of the file, 0 where it is not known.
    """

    film: Radiograph
    gate: Outcome
    answers: tuple[Answer, ...]
    created: str
    settings: Settings = field(default_factory=Settings)
    impression: Impression | None = None
    name: str = ""
    bytes: int = 0

    @property
    def id(self) -> str:
        """What the film is called where no name was asked for: the beginning of its file's SHA-256."""
        return self.film.sha256[:ID]

    @property
    def title(self) -> str:
        return f"Film {self.name or self.id}"

    @cached_property
    def titled(self) -> tuple[tuple[str, Answer], ...]:
        """Each answer beside its model's title, after a letter where several are long: see `heads`."""
        titles = titles_of([answer.card for answer in self.answers])
        letters = self._letters(titles.values())
        return tuple(
            (f"{letter}{titles[answer.card.name]}", answer)
            for letter, answer in zip(letters, self.answers, strict=True)
        )

    @cached_property
    def heads(self) -> tuple[tuple[str, Answer], ...]:
        """Each answer beside what stands above a column: of several long titles a letter, and how they begin."""
        titles = titles_of([answer.card for answer in self.answers])
        letters = self._letters(titles.values())
        return tuple(
            (f"{letter}{_begun(titles[answer.card.name])}" if letter else titles[answer.card.name], answer)
            for letter, answer in zip(letters, self.answers, strict=True)
        )

    def _letters(self, titles: Iterable[str]) -> list[str]:
        """In front of each model's title: "A: " and so on where several are long, else nothing."""
        is_long = len(self.answers) > 1 and max(map(len, titles)) > LONG
        return [f"{chr(ord('A') + place)}: " if is_long else "" for place in range(len(self.answers))]

    @cached_property
    def shown(self) -> Radiograph:
        """The film as the reader has it in sight; models read `film`."""
        return self.film if self.settings.grey is None else _in_grey(self.film, self.settings.grey)


def read(
    film: Radiograph,
    readers: Sequence[Classifier],
    *,
    asked: Asked = AS_IT_IS,
    settings: Settings | None = None,
    created: str = "",
    explain: Explain | None = None,
    **rest: Any,
) -> Subject:
    """Lay the film as asked, ask the gate, then the models; what the gate refuses no model of chest films reads.

    `explain` draws the heatmaps, Grad-CAM where it is not given; `rest` are `impression`, `name` and `bytes` as a
    Subject has them. Raises ModelRefused where an answer is broken.
    """
    laid = film.laid(asked.turn, asked.inverted)
    outcome = gate.decide(laid.small(), laid.view, asked)
    settings = settings or Settings()
    answers = tuple(_answer(reader, laid, outcome, settings, explain) for reader in readers)
    return Subject(laid, outcome, answers, created or files.now(), settings, **rest)


def _answer(
    reader: Classifier, film: Radiograph, outcome: Outcome, settings: Settings, explain: Explain | None
) -> Answer:
    card = reader.card
    behind = trust.known(card, reader.folder)
    if outcome.state == "refused" and classifier.is_gated(card):
        return Answer(card, behind, words=f"Not read. {outcome.words}")
    prediction, maps = explanation.grad_cam(reader, film)
    known = seen.known_as(reader.folder, film)
    code = known.code if known else "" if seen.load(reader.folder) else None
    if not settings.heatmaps:
        return Answer(card, behind, prediction, None, code)
    if explain is None:
        return Answer(card, behind, prediction, heatmap(prediction, maps, settings), code)
    try:
        shown, words = explain(reader, film, explained(prediction, settings)), ""
    except Refused as refused:  # a report says itself that a network has no such map
        shown, words = None, "" if refused.code == "no-heatmap" else refused.words
    return Answer(card, behind, prediction, shown, code, words)


def _in_grey(film: Radiograph, grey: Grey) -> Radiograph:
    softcopy = film.softcopy
    own = next((window for window in softcopy.windows if window.name == grey.name), None)
    window = replace(own, low=grey.low, high=grey.high) if own else Window(grey.name, grey.low, grey.high)
    top = int(np.iinfo(film.pixels.dtype).max)
    return replace(film, pixels=softcopy.render(window, softcopy.inverted != grey.inverted, top))


def explained(prediction: Prediction, settings: Settings) -> str:
    """The class whose heatmap is shown: the one asked for, or the predicted one."""
    return settings.label if settings.label in prediction.classes else prediction.top


def _begun(title: str) -> str:
    words = textwrap.shorten(title, BEGUN, placeholder="")
    return title if len(title) <= BEGUN else f"{words.rstrip(' ,;:') or title[:BEGUN]}…"


def heatmap(prediction: Prediction, maps: Sequence[Explanation], settings: Settings) -> Explanation | None:
    """That of the class asked for, or of the predicted one; None where the network has none."""
    label = explained(prediction, settings)
    return next((each for each in maps if each.label == label), None)


def model_hash(card: Card) -> str:
    """One SHA-256 of all files of a model: of the lines "name sha256" in the order of their names."""
    lines = "".join(f"{name} {digest}\n" for name, digest in sorted(card.files.items()))
    return hashlib.sha256(lines.encode()).hexdigest()


def redo(subject: Subject) -> dict[str, Any]:
    """What makes the same report of the same film: no path, no file's name."""
    from xraykit.reports.film import software

    said: Mapping[str, Any] | None = None if subject.impression is None else asdict(subject.impression)
    return {
        "verb": "report film",
        "arguments": {
            "models": [answer.card.name for answer in subject.answers],
            "gate": asdict(subject.gate.asked),
            "impression": said,
            "name": subject.name,
            "created": subject.created,
        },
        "settings": asdict(subject.settings),
        "hashes": {
            "film": {"sha256": subject.film.sha256, "bytes": subject.bytes},
            "models": {answer.card.name: dict(answer.card.files) for answer in subject.answers},
        },
        "versions": software.versions(),
    } | _drawn_by_chance(subject)


def _drawn_by_chance(subject: Subject) -> dict[str, Any]:
    """What makes the same noise again, where heatmaps are drawn with noise."""
    if subject.settings.method != explanation.SMOOTH_GRAD:
        return {}
    return {"noise": asdict(Noise())}
