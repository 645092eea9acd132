"""A reading session as files for others: CSV, a row a film, and JSON, everything with its summary."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from typing import Any

import msgspec

from xraykit import RESEARCH_ONLY
from xraykit.reading import summary
from xraykit.reading.kept import ReadFilm, Record
from xraykit.system.files import csv_cells

# docs/reading.md says what each holds
COLUMNS = (
    *("order", "sha256", "name", "reference", "finding_before_models", "finding", "changed", "flagged"),
    *("gate", "laid"),
)
LAST_COLUMNS = ("seconds_before_models", "seconds", "text", "marks", "measurements", "recorded")
OF_MODEL = ("answer", "probability", "known", "reader_says")  # after the model's name and a space


def to_csv(record: Record) -> str:
    """A row a film in the order they were read; names only where they were asked for. No cell is a formula."""
    shared = record.shared()
    models = sorted({model for film in shared.films for model in film.answers})
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    of_models = [f"{model} {column}" for model in models for column in OF_MODEL]
    writer.writerow(csv_cells([*COLUMNS, *of_models, *LAST_COLUMNS]))
    for film in shared.films:
        writer.writerow(csv_cells(_written(value) for value in _row(film, models)))
    return out.getvalue()


def to_json(record: Record) -> str:
    """The session and its summary; names only where they were asked for."""
    shared = record.shared()
    data = {
        "note": RESEARCH_ONLY,
        "session": msgspec.to_builtins(shared),
        "summary": summary.summarise(shared).to_dict(),
    }
    return json.dumps(data, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def _row(film: ReadFilm, models: list[str]) -> Iterator[Any]:
    last, before = film.last, film.before
    yield from (film.order, film.sha256, film.name, film.label, before and before.finding, last.finding)
    yield from (summary.changed(film), last.flagged, film.gate, film.laid)
    for model in models:
        answer = film.answers.get(model)
        yield answer and answer.top
        yield answer and answer.probabilities.get(answer.top)
        yield answer and answer.known
        yield last.agrees.get(model)
    yield from (before and before.seconds, last.seconds, last.text)
    for drawn in (last.marks, last.measurements):
        yield json.dumps(msgspec.to_builtins(drawn), ensure_ascii=False) if drawn else None
    yield last.at


def _written(value: Any) -> Any:
    """None as an empty cell, a switch as yes or no, a float as Python reads it again, text in one line."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return repr(value)
    return " ".join(str(value).split()) if isinstance(value, str) and "\n" in value else value
