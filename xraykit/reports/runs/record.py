"""Record: what a run's folder says of its training, as far as it is there yet. Writes nothing, trains nothing.

What a report shows comes from here alone: no path, no film's name, no line of a log, no text of a library.
"""

from __future__ import annotations

import contextlib
import datetime
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import msgspec

from xraykit.datasets.reading import groups
from xraykit.datasets.reading.groups import GroupKind, GroupRule
from xraykit.evaluation import evaluation, learning_curve
from xraykit.evaluation.evaluation import Evaluation, EvaluationRefused
from xraykit.evaluation.learning_curve import HistoryRefused, TrainingCurve
from xraykit.models.cards import card as cards
from xraykit.models.cards.card import Card
from xraykit.refused import Refused
from xraykit.system import files, folders
from xraykit.system.job_folder.record import State
from xraykit.training.recipe import presets, sentences
from xraykit.training.run.run import Failure, Run, RunRefused, Status

HASHED = ("recipe.json", "data.json", "history.csv", "validation.json", "evaluation.json", "model.keras")
EVENTS = ("created", "started", "resumed", "out of memory", "no room for features", *map(str, State))
TOO_MANY = 4000  # events of a run that is resumed for ever


class Data(msgspec.Struct, frozen=True):
    """What data.json says of the films and of their division; `refused` files are counted alone: they have names."""

    name: str = ""
    digest: str = ""
    group_rule: dict[str, Any] | str | None = None
    groups: int | None = None
    division: str = "drawn"
    counts: dict[str, dict[str, int]] = {}
    train_used: dict[str, int] | None = None
    split_digests: dict[str, str] = {}
    refused: list[Any] = []
    data_audit: dict[str, Any] | None = None

    @property
    def rule(self) -> GroupRule | None:
        """How films were kept together; None where it is not known."""
        with contextlib.suppress(LookupError, TypeError, ValueError):
            return groups.read_rule(self.group_rule) if self.group_rule else None
        return None

    @property
    def knows_patients(self) -> bool:
        return self.rule is not None and self.rule.kind is GroupKind.PATIENTS

    def films(self, part: str) -> int:
        """Films of a part: "train", "validation" or "test"."""
        return sum(self.counts.get(part, {}).values())


class Event(msgspec.Struct, frozen=True):
    """A line of events.jsonl that a report tells of."""

    time: str
    event: str
    epoch: int | None = None  # complete ones, at a resume
    step: int | None = None
    device: str = ""
    accumulation: int | None = None  # parts of a batch
    failure: Failure | None = None


@dataclass(frozen=True, eq=False)
class Record:
    """A run.

    `recipe` is its plain data without the folder of a weight file, {} where it cannot be read; `readings` are the
    evaluations of "validation" and "test" that there are; `kept` the cards of the models whose network is this run's.
    """

    run: Run
    status: Status
    recipe: dict[str, Any]
    data: Data
    history: tuple[learning_curve.Row, ...]
    readings: Mapping[str, Evaluation]
    events: tuple[Event, ...]
    kept: tuple[Card, ...]

    @property
    def name(self) -> str:
        return self.run.name

    @cached_property
    def curve(self) -> TrainingCurve:
        return learning_curve.read_curve(self.history, self.data.films("validation") or None)

    @cached_property
    def written(self) -> datetime.datetime:
        """When what is said here was so: the end of the run, or its last sign of life."""
        with contextlib.suppress(TypeError, ValueError):
            ended = datetime.datetime.fromisoformat(self.status.ended or "")
            return ended if ended.tzinfo else ended.replace(tzinfo=datetime.UTC)
        seconds = self.status.heartbeat if 0 <= self.status.heartbeat < 2**37 else 0.0
        return datetime.datetime.fromtimestamp(seconds, datetime.UTC).replace(microsecond=0)

    @cached_property
    def metrics(self) -> dict[str, dict[str, Any]]:
        """`Evaluation.metrics` of each reading."""
        return {part: reading.metrics() for part, reading in self.readings.items()}

    @cached_property
    def hashes(self) -> dict[str, str]:
        """SHA-256 of the files that the report rests on, those that are there."""
        return {name: files.sha256_of(path) for name in HASHED if (path := self.run.path / name).is_file()}

    @cached_property
    def preset(self) -> str:
        """The named recipe that this one is, or is nearest to; "" where there is no recipe."""
        if not self.recipe:
            return ""
        if (own := str(self.recipe.get("name"))) in presets.NAMED:
            return own
        return min(presets.NAMED, key=lambda name: len(self.differences(name)))

    def differences(self, preset: str) -> list[tuple[str, str, str]]:
        """The fields that its recipe has otherwise than a preset: label, the preset's value, its own."""
        plain = json.loads(presets.NAMED[preset].to_json())
        return sentences.changed(plain | {"name": None}, self.recipe | {"name": None})


def read(run: Run, kept: Sequence[str] | None = None) -> Record:
    """What a run's folder says; `kept` names the models to look at, all of `models_folder()` where it is None.

    Raises
    ------
    RunRefused
        If its status cannot be read. What else is missing or damaged is left out: a run may stand anywhere.
    """
    status = run.status()
    return Record(
        run,
        status,
        _recipe(run),
        _data(run),
        _history(run),
        _readings(run),
        tuple(_events(run)),
        tuple(_kept(run, kept)),
    )


def _recipe(run: Run) -> dict[str, Any]:
    with contextlib.suppress(RunRefused):
        recipe = run.read("recipe.json")
        return sentences.portable(recipe) if isinstance(recipe, dict) else {}
    return {}


def _data(run: Run) -> Data:
    with contextlib.suppress(RunRefused, msgspec.ValidationError):
        return msgspec.convert(run.read("data.json"), Data)
    return Data()


def _history(run: Run) -> tuple[learning_curve.Row, ...]:
    with contextlib.suppress(HistoryRefused):
        return tuple(learning_curve.load(run.path / "history.csv"))
    return ()


def _readings(run: Run) -> dict[str, Evaluation]:
    """Of validation and test where the run has read them; a study's runs have no test split of their own."""
    with contextlib.suppress(EvaluationRefused):
        return evaluation.load_parts(run.path)
    with contextlib.suppress(EvaluationRefused):
        return {"validation": evaluation.load(run.path / evaluation.FILES["validation"])}
    return {}


def _events(run: Run) -> Iterator[Event]:
    for line in run.events()[:TOO_MANY]:
        with contextlib.suppress(msgspec.ValidationError):
            event = msgspec.convert(line, Event)
            if event.event in EVENTS:
                yield event


def _kept(run: Run, names: Sequence[str] | None) -> Iterator[Card]:
    network = run.path / cards.NETWORK
    if not network.is_file():
        return
    sha256, root = files.sha256_of(network), folders.models_folder()
    models = sorted(path.parent.name for path in root.glob(f"[!.]*/{cards.CARD}")) if names is None else names
    for name in models:
        with contextlib.suppress(Refused, OSError):
            card = cards.read(root / name)
            if card.files.get(cards.NETWORK) == sha256:
                yield card
