"""What a reading session amounts to: agreement, changes of mind, reader beside models, seconds a film.

Counts what was recorded; every interval and test is of `xraykit.evaluation`. Reads no file.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from xraykit.evaluation import stats
from xraykit.evaluation.decisions import measures
from xraykit.evaluation.stats import Figure, proportion
from xraykit.reading.impressions import Agreement, Impression
from xraykit.reading.kept import ReadFilm, Record

FEW = 10  # films with or without a class, below which a share says little
UNKNOWN = -1  # no answer


@dataclass(frozen=True)
class Accord:
    """How often a reader's finding is a model's class of highest probability, over `n` films that have both.

    `kappa` is Cohen's (1960): agreement beyond chance, None where chance alone agrees fully.
    """

    n: int
    share: Figure
    kappa: float | None


@dataclass(frozen=True)
class WithModel:
    """Reader and model: `last` of the last findings, `before` of those before the models were shown; what was `said`.

    `said` counts films by "agree", "disagree" and "unsure", as the reader recorded it.
    """

    model: str
    last: Accord
    before: Accord
    said: dict[str, int]


@dataclass(frozen=True)
class Changes:
    """Of `n` films read before and after the models were shown, how many `changed` their finding.

    `towards` and `away` count changes to and from each model's answer; `corrected` and `spoiled` those to and from the
    reference standard, of `labelled` films, with McNemar's exact `p`, None where no film has a reference standard.
    """

    n: int
    changed: int
    towards: dict[str, int]
    away: dict[str, int]
    labelled: int
    corrected: int
    spoiled: int
    p: float | None


@dataclass(frozen=True)
class Shares:
    """Sensitivity and specificity of one class against the rest."""

    sensitivity: Figure
    specificity: Figure


@dataclass(frozen=True)
class Paired:
    """A difference from the reader on the same films, Tango's interval, McNemar's exact `p`, Holm's `adjusted_p`."""

    difference: Figure
    p: float | None
    adjusted_p: float | None


@dataclass(frozen=True)
class Contrast:
    """Sensitivity and specificity of who answers, and how they differ from the reader's."""

    shares: Shares
    sensitivity: Paired
    specificity: Paired


@dataclass(frozen=True)
class Beside:
    """One class, reader and model on the `n` films that both answered.

    `alone` is the model, `either` has the class where reader or model has it, `both` where reader and model have it.
    """

    model: str
    n: int
    reader: Shares
    alone: Contrast
    either: Contrast
    both: Contrast


@dataclass(frozen=True)
class OfClass:
    """One class against the rest: `reader` by the last findings, `before` by those before the models were shown."""

    label: str
    support: int
    n: int
    reader: Shares
    before: Shares
    models: tuple[Beside, ...]


@dataclass(frozen=True)
class Reference:
    """Reader and models against the reference standard of `n` films.

    `basis` says which findings stand beside the models: "before" they were shown, on films that have one, or "last"
    where none has. `accuracy` is of "reader", "before" and each model, over the films each answered.
    """

    n: int
    basis: str
    accuracy: dict[str, Figure]
    classes: tuple[OfClass, ...]


@dataclass(frozen=True)
class Quartiles:
    """Seconds a film: median and quartiles (linear between neighbours) of `n` films; None where there are none."""

    n: int
    low: float | None = None
    median: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Summary:
    """Every figure of a session; `counts` are films, `words` say what must be known before a figure is believed.

    `seconds` are by "before" (until the impression, models hidden), "after" (from then on, same films), "shown" (films
    with the models shown from the start) and "whole" (all films with a finding).
    """

    counts: dict[str, int]
    models: tuple[WithModel, ...]
    changes: Changes
    reference: Reference
    seconds: dict[str, Quartiles]
    words: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain data without NaN."""
        return {"format": 1, **stats.plain(self)}


def summarise(record: Record) -> Summary:
    """Every figure of a session, from the films that have a finding."""
    table = _Table(record)
    counts = _counts(record.films)
    reference = _reference(table)
    seconds = _seconds(table.films)
    return Summary(
        counts=counts,
        models=tuple(_with_model(table, model) for model in table.answers),
        changes=_changes(table),
        reference=reference,
        seconds=seconds,
        words=tuple(_words(counts, table, reference)),
    )


class _Table:
    """The films with a finding as numbers of classes: `truth`, `last`, `before` and each model's, (N,) int64."""

    def __init__(self, record: Record) -> None:
        self.classes = record.options.classes
        self.films = [film for film in record.films if film.last.finding is not None]
        answers = {model: None for film in self.films for model in film.answers}
        others = {answer.top for film in self.films for answer in film.answers.values()}
        others |= {film.label for film in self.films if film.label}
        self.labels = (*self.classes, *sorted(others - set(self.classes)))
        self.truth = self._numbers([film.label for film in self.films])
        self.last = self._numbers([film.last.finding for film in self.films])
        self.before = self._numbers([film.before and film.before.finding for film in self.films])
        self.answers = {
            model: self._numbers([film.answers[model].top if model in film.answers else None for film in self.films])
            for model in sorted(answers)
        }

    def _numbers(self, names: Sequence[str | None]) -> np.ndarray:
        places = {label: place for place, label in enumerate(self.labels)}
        return np.array([UNKNOWN if name is None else places[name] for name in names], np.int64)


def _counts(films: Sequence[ReadFilm]) -> dict[str, int]:
    read = [film for film in films if film.last.finding is not None]
    return {
        "recorded": len(films),
        "read": len(read),
        "blind": sum(film.before is not None for film in read),
        "flagged": sum(film.last.flagged for film in films),
        "with_text": sum(bool(film.last.text) for film in films),
        "with_marks": sum(bool(film.last.marks) for film in films),
        "with_reference": sum(film.label is not None for film in read),
    }


def _with_model(table: _Table, model: str) -> WithModel:
    answers = table.answers[model]
    said = [film.last.agrees.get(model) for film in table.films]
    return WithModel(
        model=model,
        last=_accord(table.last, answers, len(table.labels)),
        before=_accord(table.before, answers, len(table.labels)),
        said={word.value: said.count(word) for word in Agreement},
    )


def _accord(reader: np.ndarray, model: np.ndarray, size: int) -> Accord:
    both = (reader != UNKNOWN) & (model != UNKNOWN)
    n = int(both.sum())
    matrix = np.bincount(reader[both] * size + model[both], minlength=size * size).reshape(size, size)
    return Accord(n, proportion(int(np.trace(matrix)), n), stats.known(measures.kappa(matrix)))


def _changes(table: _Table) -> Changes:
    twice = table.before != UNKNOWN
    changed = twice & (table.before != table.last)
    labelled = twice & (table.truth != UNKNOWN)
    corrected = int((changed & labelled & (table.last == table.truth)).sum())
    spoiled = int((changed & labelled & (table.before == table.truth)).sum())
    return Changes(
        n=int(twice.sum()),
        changed=int(changed.sum()),
        towards={model: int((changed & (table.last == answer)).sum()) for model, answer in table.answers.items()},
        away={model: int((changed & (table.before == answer)).sum()) for model, answer in table.answers.items()},
        labelled=int(labelled.sum()),
        corrected=corrected,
        spoiled=spoiled,
        p=stats.mcnemar(corrected, spoiled) if labelled.any() else None,
    )


def _reference(table: _Table) -> Reference:
    labelled = table.truth != UNKNOWN
    basis = "before" if (labelled & (table.before != UNKNOWN)).any() else "last"
    readers = {"reader": table.last, "before": table.before}
    return Reference(
        n=int(labelled.sum()),
        basis=basis,
        accuracy={
            name: _accuracy(table.truth, given, labelled & (given != UNKNOWN))
            for name, given in {**readers, **table.answers}.items()
        },
        classes=tuple(
            OfClass(
                label=label,
                support=int((table.truth == place).sum()),
                n=int(labelled.sum()),
                reader=_shares(table.truth == place, table.last == place, labelled),
                before=_shares(table.truth == place, table.before == place, labelled & (table.before != UNKNOWN)),
                models=_beside(table, place, readers["before" if basis == "before" else "reader"]),
            )
            for place, label in enumerate(table.classes)
            if labelled.any()
        ),
    )


def _accuracy(truth: np.ndarray, given: np.ndarray, counted: np.ndarray) -> Figure:
    return proportion(int((truth == given)[counted].sum()), int(counted.sum()))


def _shares(positive: np.ndarray, given: np.ndarray, counted: np.ndarray) -> Shares:
    hits, cleared = int((positive & given & counted).sum()), int((~positive & ~given & counted).sum())
    return Shares(
        proportion(hits, int((positive & counted).sum())), proportion(cleared, int((~positive & counted).sum()))
    )


def _beside(table: _Table, place: int, readings: np.ndarray) -> tuple[Beside, ...]:
    """Each model, alone and with the reader, for one class; p values are Holm's over these, for each measure."""
    rows, positive, reader = [], table.truth == place, readings == place
    for model, answers in table.answers.items():
        counted = (table.truth != UNKNOWN) & (readings != UNKNOWN) & (answers != UNKNOWN)
        given = {"alone": answers == place, "either": reader | (answers == place), "both": reader & (answers == place)}
        contrasts = {name: _contrast(positive, had, reader, counted) for name, had in given.items()}
        rows.append((model, int(counted.sum()), _shares(positive, reader, counted), contrasts))
    contrasts = [contrast for *_, given in rows for contrast in given.values()]
    adjusted = iter(_adjust(contrasts))
    return tuple(
        Beside(model, n, shares, **{name: next(adjusted) for name in given}) for model, n, shares, given in rows
    )


def _contrast(positive: np.ndarray, given: np.ndarray, reader: np.ndarray, counted: np.ndarray) -> Contrast:
    sides = {"sensitivity": positive & counted, "specificity": ~positive & counted}
    paired = {}
    for name, side in sides.items():
        right, reader_right = ((answer == positive)[side] for answer in (given, reader))
        paired[name] = _paired(int((right & ~reader_right).sum()), int((~right & reader_right).sum()), int(side.sum()))
    return Contrast(_shares(positive, given, counted), **paired)


def _paired(fixed: int, broken: int, n: int) -> Paired:
    if not n:
        return Paired(Figure(None), None, None)
    p = stats.mcnemar(fixed, broken)
    return Paired(Figure((fixed - broken) / n, *stats.paired_score_interval(fixed, broken, n), n), p, p)


def _adjust(contrasts: Sequence[Contrast]) -> list[Contrast]:
    sensitivity = stats.holm([contrast.sensitivity.p for contrast in contrasts])
    specificity = stats.holm([contrast.specificity.p for contrast in contrasts])
    return [
        replace(
            contrast,
            sensitivity=replace(contrast.sensitivity, adjusted_p=first),
            specificity=replace(contrast.specificity, adjusted_p=second),
        )
        for contrast, first, second in zip(contrasts, sensitivity, specificity, strict=True)
    ]


def seconds_of(film: ReadFilm) -> dict[str, float | None]:
    """Seconds a film was shown "before" its models were, "after" that, and with them "shown" from the start."""
    if film.before is None:
        return {"before": None, "after": None, "shown": film.last.seconds}
    return {
        "before": film.before.seconds,
        "after": max(0.0, film.last.seconds - film.before.seconds),
        "shown": None,
    }


def _seconds(films: Sequence[ReadFilm]) -> dict[str, Quartiles]:
    spent = [seconds_of(film) for film in films]
    columns = {name: [row[name] for row in spent if row[name] is not None] for name in ("before", "after", "shown")}
    columns["whole"] = [film.last.seconds for film in films]
    return {name: _quartiles(values) for name, values in columns.items()}


def _quartiles(values: Sequence[float | None]) -> Quartiles:
    if not values:
        return Quartiles(0)
    low, median, high = np.quantile(np.array(values, float), [0.25, 0.5, 0.75])
    return Quartiles(len(values), float(low), float(median), float(high))


def _words(counts: dict[str, int], table: _Table, reference: Reference) -> Iterator[str]:
    read, blind = counts["read"], counts["blind"]
    if not read:
        yield "No film has a finding yet. Record one with the keys 1 to 9."
        return
    if read < FEW:
        yield f"Only {read} film{'s' * (read != 1)} read: the intervals are wide, and agreement may be chance."
    if overridden := sum(film.gate == "overridden" for film in table.films):
        yield f"{overridden} of {read} films were read by the models although the gate refused them."
    if not reference.n:
        yield (
            "No film has a reference standard, so sensitivity and specificity are not known. Open a folder with class "
            "folders or a manifest, or load a table of labels."
        )
        return
    for of_class in reference.classes:
        if of_class.support < FEW:
            films = f"{of_class.support} film{'s' * (of_class.support != 1)}"
            yield f"{films} with {of_class.label} as reference: its sensitivity says little."
    if reference.basis == "last":
        yield (
            "No film was read before the models were shown: the reader's findings are not independent of theirs, so "
            "reader and model together are shown at their best."
        )
    elif blind < read:
        yield f"{read - blind} of {read} films were read with the models shown: left out beside the models."
    if others := sorted({film.label for film in table.films if film.label} - set(table.classes)):
        yield f"The reference standard has classes that are no finding here: {', '.join(others)}. They count as others."


def changed(film: ReadFilm) -> bool | None:
    """Did the finding change after the models were shown? None where the film was not read before."""
    before: Impression | None = film.before
    return None if before is None else before.finding != film.last.finding
