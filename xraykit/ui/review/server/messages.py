"""Rows and states as JSON, films and heatmaps as binary messages: what the reading room's page is sent.

A binary message is the length of its header (4 bytes, little-endian), the header as JSON, padded with blanks so that
what follows starts at a multiple of 4, and raw little-endian numbers.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from functools import cache
from typing import Any

import numpy as np

from xraykit.films import note
from xraykit.films.dicom import message
from xraykit.films.dicom.softcopy import Softcopy
from xraykit.films.refusal import Refusal
from xraykit.gate.verdict import Outcome, name_of
from xraykit.models import explanation
from xraykit.models.cards.card import Card
from xraykit.models.explanation import Explanation
from xraykit.reading import trust
from xraykit.reading.worklist.room import Room
from xraykit.reading.worklist.rows import Reading, Row
from xraykit.reports.film.heatmap import colormaps
from xraykit.truth import sets
from xraykit.truth.scorecard import score
from xraykit.ui.review.server import seen


def state(room: Room) -> dict[str, Any]:
    """How far a room is, its models, and what the page needs to know once."""
    counts = room.list.counts()
    return {
        "version": room.list.version,
        "films": {
            "total": counts.total,
            "done": counts.done,
            "refused": counts.refused,
            "waiting": counts.waiting,
            "eta_seconds": counts.seconds,
            "listing": room.listing > 0,
            "more": room.more,
        },
        "models": [_model(card, card.name in room.chosen) for card in room.cards],
        "broken": [{"name": refusal.source, "code": refusal.code, "words": refusal.words} for refusal in room.broken],
        "methods": list(explanation.METHODS),
        "colormaps": {name: _colours(name) for name in colormaps.NAMES},
        "restarted": room.restarts,
    }


def row(room: Room, film: Row) -> dict[str, Any]:
    """A film of the list."""
    facts = film.facts
    warnings = note.warnings(facts.notes) if facts else ()
    impression = room.session.row(facts.sha256) if facts else None
    return {
        "id": film.id,
        "name": film.name,
        "state": film.state,
        "refused": refusal(film.refusal) if film.refusal else None,
        "format": facts.format if facts else None,
        "width": facts.width if facts else None,
        "height": facts.height if facts else None,
        "bits": facts.bits if facts else None,
        "view": facts.view if facts else None,
        "laterality": facts.laterality if facts else None,
        "colour": facts.colour if facts else False,
        "gate": _gate(film.gate) if film.gate else None,
        "warnings": [warning.words for warning in warnings],
        "notes": [each.words for each in facts.notes if not each.warning] if facts else [],
        "sha": facts.sha256[:12] if facts else None,
        "thumb": bool(film.thumbnail),
        "same_as": film.same_as,
        "patient": film.group,
        "taken": facts.taken if facts else None,
        "models": {name: _reading(reading) for name, reading in film.models.items()},
        "disagree": film.disagree,
        "compared": {
            "|".join(pair): {"correlation": correlation, "overlap": overlap}
            for pair, (correlation, overlap) in film.compared.items()
        },
        "impression": impression,
        "flagged": bool(impression and impression["flagged"]),
    }


def refusal(refused: Refusal) -> dict[str, str]:
    """Why there is no film, or no heatmap."""
    return {"code": refused.code, "words": refused.words}


def film(of_row: Row, softcopy: Softcopy) -> list[bytes | memoryview]:
    """A film for drawing, in parts: header, pixels, then the tables of its windows as uint16."""
    return message.pieces(softcopy, id=of_row.id, name=of_row.name)


def heat(of_row: Row, model: str, heatmap: Explanation) -> list[bytes | memoryview]:
    """A heatmap, in parts: header and the grid as float32."""
    grid = np.ascontiguousarray(heatmap.heatmap, np.float32)
    header = {
        "id": of_row.id,
        "model": model,
        "method": heatmap.method,
        "label": heatmap.label,
        "layer": heatmap.layer,
        "rows": grid.shape[0],
        "columns": grid.shape[1],
        "maximum": heatmap.maximum,
        "box": list(heatmap.box),
        "words": None if heatmap.maximum else explanation.NO_EVIDENCE,
    }
    return [_head(header), _little(grid)]


def no_heat(of_row: Row, model: str, method: str, label: str, words: str) -> list[bytes | memoryview]:
    """Why there is no heatmap, in place of one."""
    known = {"id": of_row.id, "model": model, "method": method, "label": label, "layer": ""}
    return [_head({**known, "rows": 0, "columns": 0, "maximum": 0.0, "box": [0, 0, 0, 0], "words": words})]


def _head(header: Mapping[str, Any]) -> bytes:
    text = json.dumps(header, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 4)
    return struct.pack("<I", len(text)) + text


def _little(values: np.ndarray) -> memoryview:
    return values.astype(values.dtype.newbyteorder("<"), copy=False).reshape(-1).data.cast("B")


def _gate(outcome: Outcome) -> dict[str, Any]:
    """What the gate made of a film: `turn` and `inverted` are what would set it right, `laid` what was done."""
    verdict, asked = outcome.verdict, outcome.asked
    return {
        "state": outcome.state,
        "code": outcome.code,
        "title": name_of(verdict) if verdict else "",
        "words": outcome.words,
        "turn": verdict.turn if verdict else 0,
        "inverted": verdict.inverted if verdict else False,
        "laid": {"turn": asked.turn, "inverted": asked.inverted},
    }


def _reading(reading: Reading) -> dict[str, Any]:
    if reading.top is None:
        return {"words": reading.words}
    shares = dict(zip(reading.classes, reading.probabilities, strict=True))
    return {"top": reading.top, "probabilities": shares, "known": seen.known(reading.known)}


def _model(card: Card, on: bool) -> dict[str, Any]:
    known = trust.known(card).to_dict()
    return {
        "name": card.name,
        "title": card.title,
        "classes": list(card.classes),
        "size": card.image_size,
        "heatmaps": bool(card.feature_layer),
        "on": on,
        "sets": sets.beside(card),
        "scorecard": score.badge(card),
        **known,
    }


@cache
def _colours(name: str) -> list[list[int]]:
    return colormaps.table(name).tolist()
