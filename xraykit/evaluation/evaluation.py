"""Evaluation: what a classifier said about labelled films, and the figures that follow, each with its interval.

Statistics only: reads no films, runs no network.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
import numpy as np

from xraykit.evaluation import curves, stats
from xraykit.evaluation.calibration import before_and_after, softmax
from xraykit.evaluation.decisions import measures
from xraykit.evaluation.stats import proportion
from xraykit.refused import Refused, field_of
from xraykit.system.files import FileRefused, read_plain, shown

FILES = {"validation": "validation.json", "test": "evaluation.json"}  # in the folder of a run or of a kept model
MOST_BYTES = 256 * 2**20
Gate = Literal["", "passed", "overridden", "off"]


class EvaluationRefused(Refused):
    """Numbers that do not make an evaluation; the message says what is wrong."""

    code = "evaluation"


@dataclass(frozen=True, eq=False)
class Evaluation:
    """A classifier's probabilities for films whose class is known.

    `truth` (N,) int64 index into `classes`; `logits` (N, C) float64 before temperature; `films` names them,
    `hashes` are the files' sha256 where known, and stand in `films` too where a file leaves its films' names out;
    films of one patient (or the same picture) share a number in `groups`, which is empty where none are known. `known`
    are the parts of the model's own films, "train", "validation" or "test", that each film or its near twin is in, ""
    where it is in none; empty where the model's films were not looked at. `gate`: "passed" where the gate looked at
    each film first, "off" where it did not, "" where nothing is known of it.
    """

    model: str
    classes: tuple[str, ...]
    films: tuple[str, ...]
    truth: np.ndarray
    logits: np.ndarray
    temperature: float = 1.0
    hashes: tuple[str, ...] = ()
    groups: tuple[int, ...] = ()
    data: str = ""
    known: tuple[str, ...] = ()
    gate: Gate = ""

    def __post_init__(self) -> None:
        n, classes = len(self.films), len(self.classes)
        if self.truth.shape != (n,) or self.logits.shape != (n, classes) or n == 0:
            raise EvaluationRefused(
                f"Expected truth ({n},) and logits ({n}, {classes}) of at least one film; got {self.truth.shape} "
                f"and {self.logits.shape}."
            )
        if not np.isfinite(self.logits).all():
            raise EvaluationRefused(f"Expected finite logits; {self.model} gave some that are no numbers.")
        if classes < 2 or len(set(self.classes)) != classes:
            raise EvaluationRefused(f"Expected two or more different classes; got {', '.join(self.classes)}.")
        if self.truth.min() < 0 or self.truth.max() >= classes:
            raise EvaluationRefused(
                f"Expected truth to count {classes} classes from 0; got {self.truth.min()} to {self.truth.max()}."
            )
        if not 0 < self.temperature < np.inf:
            raise EvaluationRefused(f"Expected a finite temperature above 0; got {self.temperature}.")
        if {len(self.hashes), len(self.groups), len(self.known)} - {0, n}:
            raise EvaluationRefused(
                f"Expected a hash and a group for each of {n} films, or none; got {len(self.hashes)} hashes, "
                f"{len(self.groups)} groups and {len(self.known)} parts."
            )

    @cached_property
    def probabilities(self) -> np.ndarray:
        """(N, C) float64, rows sum to 1."""
        return softmax(self.logits / self.temperature)

    @cached_property
    def predicted(self) -> np.ndarray:
        """(N,) int64, the class of highest probability."""
        return self.logits.argmax(axis=1)

    @cached_property
    def confusion(self) -> np.ndarray:
        """(C, C) int64 counts; rows are the reference standard, columns the prediction."""
        size = len(self.classes)
        return np.bincount(self.truth * size + self.predicted, minlength=size * size).reshape(size, size)

    @cached_property
    def test_digest(self) -> str:
        """sha256 over film hashes (or names) and classes: two evaluations with it equal are on the same films."""
        rows = sorted(
            f"{film} {self.classes[t]}" for film, t in zip(self.hashes or self.films, self.truth, strict=True)
        )
        return hashlib.sha256("\n".join(rows).encode()).hexdigest()

    @cached_property
    def films_digest(self) -> str:
        """The digest of the data set that these films are all of, as `Dataset.digest` has it; "" without hashes."""
        if not self.hashes:
            return ""
        rows = sorted(f"{sha} {self.classes[t]}" for sha, t in zip(self.hashes, self.truth, strict=True))
        return hashlib.sha256("\n".join([*sorted(self.classes), *rows]).encode()).hexdigest()

    @property
    def warning(self) -> str:
        """What must be said beside the figures because the model has met some of these films; "" where it has not."""
        return met(self.model, self.known)

    def choose(self, rows: Sequence[int]) -> Evaluation:
        """The evaluation of some of the films."""
        parts = {
            name: tuple(values[row] for row in rows)
            for name in ("films", "hashes", "groups", "known")
            if (values := getattr(self, name))
        }
        return replace(self, truth=self.truth[rows], logits=self.logits[rows], **parts)

    def metrics(self, interval: str = "wilson") -> dict:
        """Every figure by name: {"n", "accuracy": Figure, "classes": {class: {...}}, "calibration": {...}}.

        `stats.plain` makes it JSON. `interval` of shares is "wilson", "exact", or "groups" (`stats.share_of_groups`)
        where films of a group do not count as independent; of areas it is DeLong's, by groups where films share one.
        """
        matrix = self.confusion
        return {
            "n": len(self.films),
            "accuracy": self._share(self.predicted == self.truth, np.full(len(self.films), True), interval),
            "balanced_accuracy": stats.known(measures.balanced_accuracy(matrix)),
            "macro_f1": stats.known(measures.macro_f1(matrix)),
            "kappa": stats.known(measures.kappa(matrix)),
            "macro_auroc": _mean([self.auroc(k) for k in range(len(self.classes))]),
            "confusion": matrix.tolist(),
            "classes": {name: self._of_class(k, interval) for k, name in enumerate(self.classes)},
            "calibration": before_and_after(self.logits, self.truth, self.temperature),
        }

    def auroc(self, label: int) -> float | None:
        """Area under the ROC curve of one class against the rest, ties counted half; None where one side is empty."""
        return stats.auroc(self.truth == label, self.probabilities[:, label]).value

    def roc(self, label: int) -> curves.Curve | None:
        """ROC curve of one class against the rest, of probabilities after temperature; None as for `auroc`."""
        return curves.roc(self.truth == label, self.probabilities[:, label])

    def precision_recall(self, label: int) -> curves.Curve | None:
        """Precision-recall curve of one class against the rest; None where no film has it."""
        return curves.precision_recall(self.truth == label, self.probabilities[:, label])

    def cell(self, reference: int, predicted: int) -> np.ndarray:
        """Indices of the films of one confusion matrix cell, (n,) int64 ascending."""
        return np.flatnonzero((self.truth == reference) & (self.predicted == predicted))

    def report(self) -> list[dict]:
        """The classification report as rows {"row", "precision", "recall", "f1-score", "support"}.

        Numbers are scikit-learn's `classification_report(..., zero_division=0)`: the classes in order, then
        "accuracy" (under f1-score), "macro avg" and "weighted avg". A class without films is None in its row; as in
        scikit-learn it counts in the macro average, with 0, if films were given it.
        """
        return _report(self.confusion, self.classes)

    def _of_class(self, label: int, interval: str) -> dict:
        """One class against the rest: sensitivity, specificity, PPV, NPV with intervals, F1, AUROC, support."""
        is_it, called = self.truth == label, self.predicted == label
        hits, either = int((is_it & called).sum()), int(is_it.sum() + called.sum())
        groups = np.array(self.groups) if len(set(self.groups)) < len(self.groups) else None
        area = stats.auroc(is_it, self.probabilities[:, label], groups)
        return {
            "support": int(is_it.sum()),
            **self.shares(label, called, interval),
            "f1": 2 * hits / either if either else None,
            "auroc": area.value,
            "auroc_delong": area,
        }

    def shares(self, label: int, called: np.ndarray, interval: str = "wilson") -> dict[str, stats.Figure]:
        """Sensitivity, specificity, PPV and NPV of a class where the films `called` (N,) bool are given it."""
        is_it = self.truth == label
        return {
            "sensitivity": self._share(called, is_it, interval),
            "specificity": self._share(~called, ~is_it, interval),
            "ppv": self._share(is_it, called, interval),
            "npv": self._share(~is_it, ~called, interval),
        }

    def _share(self, hits: np.ndarray, among: np.ndarray, interval: str) -> stats.Figure:
        """The share of hits (N,) bool among some of the films, (N,) bool."""
        if interval == "groups" and self.groups:
            return stats.share_of_groups(hits[among], np.array(self.groups)[among])
        method = "wilson" if interval == "groups" else interval
        return proportion(int(hits[among].sum()), int(among.sum()), method)

    @cached_property
    def named(self) -> bool:
        """Do the films have their files' names, rather than their hashes in place of them?"""
        return self.films != _names_of(self.hashes)

    def to_json(self, names: bool = True) -> str:
        """The content of an evaluation file: each film's truth, logits and probabilities; `load` reads it again.

        Without `names` the files' names are left out where hashes stand for them: a name may say who the patient is.
        """
        data = {
            "format": 1,
            "model": self.model,
            "data": self.data,
            "classes": list(self.classes),
            "temperature": self.temperature,
            "test_digest": self.test_digest,
            "films": list(self.films) if self.named and (names or not self.hashes) else [],
            "sha256": list(self.hashes),
            "groups": list(self.groups),
            "known": list(self.known),
            "gate": self.gate,
            "truth": self.truth.tolist(),
            "logits": np.round(self.logits, 6).tolist(),
            "probabilities": np.round(self.probabilities, 6).tolist(),
        }
        return json.dumps(data) + "\n"


def met(model: str, known: Sequence[str]) -> str:
    """That a model was trained or calibrated on some films; "" where not. `known` are `Evaluation.known`."""
    seen = sum(part in ("train", "validation") for part in known)
    if not seen:
        return ""
    return (
        f"{seen:,} of these {len(known):,} films {'is' if seen == 1 else 'are'} among the training and validation "
        f"films of {model}. Its figures here are better than on films it has not seen."
    )


def probability_columns(others: Sequence[str], classes: Sequence[str]) -> list[str]:
    """Names for the columns of the probabilities, in class order, beside `others` in one table.

    They are the classes' own; where a class is called as one of the others, each is "probability of CLASS".
    """
    taken = {name.casefold() for name in others}
    return [f"probability of {name}" for name in classes] if any(c.casefold() in taken for c in classes) else [*classes]


def load(path: str | Path) -> Evaluation:
    """Read an evaluation file, as `Evaluation.to_json` writes it.

    Where an older run has one evaluation.json for both parts, see `load_parts`, its test part is read.

    Raises
    ------
    EvaluationRefused
        If the file is missing or does not hold an evaluation.
    """
    with _refusing(path):
        return _from_json(_parts_of(Path(path))["test"])


def load_parts(folder: str | Path) -> dict[str, Evaluation]:
    """The evaluations of a run or of a kept model, one a part: {"validation": Evaluation, "test": Evaluation}.

    Each part has a file of its own, see `FILES`. A run trained before that has one evaluation.json for both parts,
    {"classes": [...], "validation": {...}, "test": {...}}, with films, truth and logits each; such a part is read
    with temperature 1, and without hashes and groups.

    Raises
    ------
    EvaluationRefused
        If a file is missing or does not hold an evaluation.
    """
    with _refusing(folder):
        parts = _parts_of(Path(folder) / FILES["test"])
        if "validation" not in parts:
            parts["validation"] = _parts_of(Path(folder) / FILES["validation"])["test"]
        return {part: _from_json(parts[part]) for part in FILES}


def _parts_of(path: Path) -> dict[str, dict]:
    """What a file holds: the data of its evaluation as "test", or of both parts where it is of the old form."""
    data = msgspec.json.decode(read_plain(path, MOST_BYTES), type=dict[str, Any])
    if "validation" not in data:
        return {"test": data}
    shared = {"model": path.parent.name, "classes": data.get("classes"), "temperature": 1.0}
    parts = msgspec.convert({part: data.get(part) for part in FILES}, dict[str, dict[str, Any]])
    return {part: {**shared, "data": f"{part} split", **held} for part, held in parts.items()}


class _Record(msgspec.Struct):
    """What an evaluation's file holds, each value of its type."""

    model: str
    classes: tuple[str, ...]
    films: tuple[str, ...]
    truth: list[Annotated[int, msgspec.Meta(ge=0, lt=2**31)]]
    logits: list[list[float]]
    temperature: float
    sha256: tuple[str, ...] = ()
    groups: tuple[Annotated[int, msgspec.Meta(ge=-(2**62), le=2**62)], ...] = ()
    data: str = ""
    known: tuple[Literal["", "train", "validation", "test"], ...] = ()
    gate: Gate = ""


def _from_json(data: dict[str, Any]) -> Evaluation:
    held = msgspec.convert(data, _Record)
    widths = sorted({len(row) for row in held.logits})
    if len(widths) > 1:
        raise EvaluationRefused(f"Expected one logit a class for every film; got from {widths[0]} to {widths[-1]}.")
    return Evaluation(
        model=held.model,
        classes=held.classes,
        films=held.films or _names_of(held.sha256),
        truth=np.array(held.truth, np.int64),
        logits=np.array(held.logits, float).reshape(len(held.logits), -1),
        temperature=held.temperature,
        hashes=held.sha256,
        groups=held.groups,
        data=held.data,
        known=held.known,
        gate=held.gate,
    )


def _names_of(hashes: tuple[str, ...]) -> tuple[str, ...]:
    """Hashes as names; the copies of a file are numbered."""
    if len(set(hashes)) == len(hashes):
        return hashes
    seen: Counter[str] = Counter()
    names = []
    for sha in hashes:
        seen[sha] += 1
        names.append(sha if seen[sha] == 1 else f"{sha} ({seen[sha]})")
    return tuple(names)


@contextlib.contextmanager
def _refusing(path: str | Path) -> Iterator[None]:
    try:
        yield
    except (EvaluationRefused, FileRefused) as refused:
        raise EvaluationRefused(f"Expected an evaluation in {shown(path)}. {refused.words}") from None
    except msgspec.ValidationError as error:
        raise EvaluationRefused(
            f"Expected an evaluation in {shown(path)}; it holds something else as {field_of(error)}. Restore it, or "
            "evaluate again."
        ) from None
    except (ValueError, RecursionError):
        raise EvaluationRefused(
            f"Expected an evaluation in {shown(path)}; the file is damaged, or was written by something else. Restore "
            "it, or evaluate again."
        ) from None


def _report(confusion: np.ndarray, classes: Sequence[str]) -> list[dict]:
    hits, support, given = np.diagonal(confusion), confusion.sum(axis=1), confusion.sum(axis=0)
    columns = {
        "precision": hits / np.maximum(given, 1),
        "recall": hits / np.maximum(support, 1),
        "f1-score": 2 * hits / np.maximum(support + given, 1),
    }
    n, counted = int(support.sum()), support + given > 0
    rows = [
        {
            "row": name,
            **{key: float(column[k]) if support[k] else None for key, column in columns.items()},
            "support": int(support[k]),
        }
        for k, name in enumerate(classes)
    ]
    accuracy = {"row": "accuracy", "precision": None, "recall": None, "f1-score": float(hits.sum() / n), "support": n}
    macro = {key: float(column[counted].mean()) for key, column in columns.items()}
    weighted = {key: float(np.average(column, weights=support)) for key, column in columns.items()}
    averages = [{"row": "macro avg", **macro, "support": n}, {"row": "weighted avg", **weighted, "support": n}]
    return [*rows, accuracy, *averages]


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None
