"""Learning curve: reads the rows of history.csv and says in words what they show.

Reads no network and draws nothing.
"""

from __future__ import annotations

import csv
import dataclasses
import io
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from xraykit.evaluation.stats import Figure, proportion
from xraykit.refused import Refused
from xraykit.system.files import FileRefused, read_plain, shown

Row = dict[str, float | None]
MOST_BYTES = 64 * 2**20
CUT = 0.9  # a rate below this share of the last epoch's was cut
GAP = 0.05  # of accuracy, between training and validation films
RISE = 0.1  # of validation loss over its best; label smoothing keeps losses high, so a tenth is a lot
LEAST_RISE = 0.02  # below that, losses near zero rise by hundreds of percent and mean nothing
STALE = 5  # epochs without a better validation loss
FEW = 30  # validation films, of which one alone is three points of accuracy: nothing is called overfitting
ENOUGH = 100  # validation films below which a rise of their loss says nothing: their accuracy's interval is +-10 points


class HistoryRefused(Refused):
    """A file that is no training history; the message names it."""

    code = "history"


@dataclass(frozen=True)
class TrainingCurve:
    """What a learning curve shows. Epochs count from 1; None where the columns do not tell.

    `best_epoch` has the lowest validation loss; `cuts` are rate cuts (epoch, before, after); `phases` the epochs that
    began a phase after the first; `gap` is training minus validation accuracy at the last epoch; `rise` the share by
    which validation loss rose from its best to the end while training loss fell, 0 where it did not; `overfitting` a
    gap over five points or a rise over a tenth, None where the validation films are too few to tell; `seconds` of
    training; `films` validated on, None where that is not known.
    """

    epochs: int
    best_epoch: int | None
    best_loss: float | None
    best_accuracy: float | None
    cuts: tuple[tuple[int, float, float], ...]
    phases: tuple[int, ...]
    gap: float | None
    rise: float | None
    overfitting: bool | None
    still_improving: bool | None
    seconds: float | None
    words: tuple[str, ...]
    films: int | None = None

    @property
    def best(self) -> Figure:
        """Validation accuracy of the best epoch with its 95% interval, which needs the number of films."""
        return share(self.best_accuracy, self.films)

    def to_json(self) -> str:
        return json.dumps(asdict(self), allow_nan=False) + "\n"


def load(path: str | Path) -> list[Row]:
    """Rows of a history.csv with numbers as floats; what is no finite number is None.

    Raises
    ------
    HistoryRefused
        If the file cannot be read or has no epoch column.
    """
    try:
        text = read_plain(Path(path), MOST_BYTES).decode("utf-8")
        rows = list(csv.DictReader(io.StringIO(text, newline="")))
    except FileRefused as refused:
        raise HistoryRefused(f"Expected a training history in {shown(path)}. {refused.words}") from None
    except (UnicodeDecodeError, csv.Error):
        raise HistoryRefused(
            f"Expected a training history in {shown(path)}: text in UTF-8 with a row for each epoch. The file is "
            "damaged, or another one. Restore it."
        ) from None
    if rows and "epoch" not in rows[0]:
        raise HistoryRefused(f"Expected a column named epoch in {shown(path)}; there is none. Restore the file.")
    return [{str(key): _number(value) for key, value in row.items() if key} for row in rows]


def share(accuracy: float | None, films: int | None) -> Figure:
    """An accuracy on so many films with its 95% interval; without one where it is not known on how many."""
    if accuracy is None or not films or not 0 <= accuracy <= 1:
        return Figure(accuracy)
    return proportion(round(accuracy * films), films)


def read_curve(rows: Sequence[Mapping[str, float | str | None]], films: int | None = None) -> TrainingCurve:
    """Read the rows of a history.csv, as `load` or csv.DictReader gives them.

    `films` is how many were validated on: of few, only differences beyond the interval are told.
    """
    table = [{key: _number(value) for key, value in row.items()} for row in rows]
    losses = [(value, k) for k, row in enumerate(table) if (value := row.get("val_loss")) is not None]
    best = min(losses)[1] if losses else None
    last = table[-1] if table else {}
    gap = _gap(last)
    since = None if best is None else len(table) - 1 - best
    rise = None if best is None else _rise(table, best)
    curve = TrainingCurve(
        epochs=len(table),
        best_epoch=None if best is None else best + 1,
        best_loss=None if best is None else table[best].get("val_loss"),
        best_accuracy=None if best is None else table[best].get("val_accuracy"),
        cuts=_cuts(table),
        phases=_phases(table),
        gap=gap,
        rise=rise,
        overfitting=_overfitting(gap, rise, _beyond(last, films), films),
        still_improving=None if since is None or len(table) < 2 else since == 0,
        seconds=_total([row.get("seconds") for row in table]),
        words=(),
        films=films,
    )
    return dataclasses.replace(curve, words=tuple(_sentences(curve, _beyond(last, films))))


def _sentences(curve: TrainingCurve, beyond: bool) -> list[str]:
    if not curve.epochs:
        return ["No epochs were recorded."]
    words = [_best_words(curve)]
    words += [f"The learning rate was cut at epoch {n}, from {a:.2g} to {b:.2g}." for n, a, b in curve.cuts]
    words += [f"Phase {k} began at epoch {n}." for k, n in enumerate(curve.phases, 2)]
    if curve.gap is not None:
        points, side = f"{100 * abs(curve.gap):.1f}", "above" if curve.gap >= 0 else "below"
        place = "equal to" if points == "0.0" else f"{points} points {side}"
        chance = "" if beyond or not curve.films else f", which may be chance on {curve.films} films"
        words.append(f"In the last epoch, training accuracy is {place} validation accuracy{chance}.")
    if curve.rise:
        words.append(f"Since its best epoch, validation loss rose by {curve.rise:.1%} while training loss fell.")
    if curve.overfitting and curve.still_improving:
        words.append("Training accuracy is well above validation, but validation is still improving.")
    elif curve.overfitting is not None:
        words.append("Signs of overfitting." if curve.overfitting else "No sign of overfitting.")
    if curve.still_improving:
        words.append("Validation loss was still improving in the last epoch: more epochs may help.")
    elif curve.best_epoch is not None and curve.epochs - curve.best_epoch >= STALE:
        words.append(f"Validation loss did not improve in the last {curve.epochs - curve.best_epoch} epochs.")
    return words


def _best_words(curve: TrainingCurve) -> str:
    if curve.best_epoch is None:
        return f"{curve.epochs} epochs; validation loss is not reported."
    films = f" of {curve.films:,} films" if curve.films else ""
    figure = curve.best.text() if curve.films else curve.best.value_text()
    accuracy = "" if curve.best_accuracy is None else f", validation accuracy {figure}{films}"
    return f"Best epoch {curve.best_epoch} of {curve.epochs}: validation loss {curve.best_loss:.3f}{accuracy}."


def _overfitting(gap: float | None, rise: float | None, beyond: bool, films: int | None) -> bool | None:
    if gap is None or rise is None:
        return None
    enough = films is None or films >= ENOUGH
    if (gap > GAP and beyond and (films is None or films >= FEW)) or (rise > RISE and enough):
        return True
    return False if enough else None


def _beyond(row: Mapping[str, float | None], films: int | None) -> bool:
    """Is the training accuracy beyond the interval of the validation accuracy? True where that has none."""
    training, ends = row.get("accuracy"), share(row.get("val_accuracy"), films).ends
    return training is None or ends is None or not ends[0] <= training <= ends[1]


def _gap(row: Mapping[str, float | None]) -> float | None:
    ours, theirs = row.get("accuracy"), row.get("val_accuracy")
    return None if ours is None or theirs is None else ours - theirs


def _rise(table: Sequence[Row], best: int) -> float | None:
    then, now = table[best], table[-1]
    validation, training = ((then.get(key), now.get(key)) for key in ("val_loss", "loss"))
    if None in (*validation, *training) or not validation[0]:
        return None
    (low, end), (before, after) = validation, training
    return end / low - 1 if after < before and end - low > LEAST_RISE else 0.0  # type: ignore[operator]


def _cuts(table: Sequence[Row]) -> tuple[tuple[int, float, float], ...]:
    """Falls of the rate between two epochs of a phase whose rate otherwise stands; a cosine's falls are no cuts."""
    cuts = []
    for phase in sorted({row.get("phase") or 0.0 for row in table}):
        rates = [
            (k + 1, rate)
            for k, row in enumerate(table)
            if (row.get("phase") or 0.0) == phase and (rate := row.get("learning_rate")) is not None
        ]
        steps = [(n, a, b) for (_, a), (n, b) in zip(rates, rates[1:], strict=False)]
        standing = sum(math.isclose(a, b, rel_tol=1e-6) for _, a, b in steps)
        if standing >= len(steps) / 2:
            cuts += [(n, a, b) for n, a, b in steps if b < CUT * a]
    return tuple(cuts)


def _phases(table: Sequence[Row]) -> tuple[int, ...]:
    numbers = [row.get("phase") for row in table]
    return tuple(k + 1 for k in range(1, len(numbers)) if numbers[k] != numbers[k - 1])


def _total(seconds: Sequence[float | None]) -> float | None:
    known = [value for value in seconds if value is not None]
    return sum(known) if known and len(known) == len(seconds) else None


def _number(value: object) -> float | None:
    try:
        number = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) else None
