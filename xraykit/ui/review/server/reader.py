"""What the reader does: impressions of films, the session, its summary and its export."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from starlette.requests import Request
from starlette.responses import Response

from xraykit.refused import Refused
from xraykit.ui.review.server.answers import NO_STORE, Handler, as_json, blocking, body_of, number_of, row_of
from xraykit.ui.review.server.rooms import Seat

if TYPE_CHECKING:
    from xraykit.reading.worklist.room import Room
    from xraykit.reading.worklist.rows import Row


def state(room: Room) -> dict[str, Any]:
    """What the page knows of the session: the reader's choices, and how many films were read."""
    return {**room.session.state(), "classes": _classes(room)}


async def put(request: Request, seat: Seat) -> Response:
    """Record an impression of a film that is ready; `said` is when, in milliseconds of the reader's clock."""
    from xraykit.reading import impressions

    row = row_of(request, seat)
    if row.facts is None:
        raise Refused(f"{row.name} is not read yet. Wait for it, then record the impression.", code="impression")
    body = await body_of(request, impressions.MOST_BYTES)
    said = number_of(request, "said")
    return as_json({"impression": await blocking(_record, seat.room, row, row.facts.sha256, body, said)})


def _record(room: Room, row: Row, sha256: str, body: bytes, said: int) -> dict[str, Any] | None:
    from xraykit.reading import impressions
    from xraykit.reading.kept import Answer

    classes = _classes(room)
    impression = impressions.read(body, classes)
    if not room.session.options.classes:  # what may be found stays as it is from the first impression on
        room.session.choose(replace(room.session.options, classes=tuple(classes)))
    answers = {
        name: Answer(
            reading.top,
            dict(zip(reading.classes, reading.probabilities, strict=True)),
            reading.known.code if reading.known else "",
        )
        for name, reading in row.models.items()
        if reading.top is not None
    }
    label = room.folders.label(row.place, row.name, classes)
    try:
        given = {"name": row.name, "label": label, "answers": answers, "picture": row.thumbnail, "gate": row.gate}
        room.session.put(sha256, impression, said=said, **given)
    finally:
        room.list.touch(row)  # it is recorded even where the disk is full
    return room.session.row(sha256)


async def ask(request: Request, seat: Seat) -> Response:
    """Choices, the end of a session, a kept one resumed or deleted."""
    body = await body_of(request)

    def take() -> dict[str, Any]:
        before = seat.room.session.state()["session"]
        seat.room.session.ask(body)
        if seat.room.session.state()["session"] != before:
            for row in seat.room.list.rows():  # another session: every film has another impression, or none
                seat.room.list.touch(row)
        seat.room.list.tell()
        return state(seat.room)

    return as_json(await blocking(take))


async def labels(request: Request, seat: Seat) -> Response:
    """A table of the films' classes."""
    from xraykit.reading import reference

    body = await body_of(request, reference.MOST_BYTES)

    def take() -> dict[str, int]:
        name = request.query_params.get("name", "")[:200] or "labels.csv"
        given = reference.read_csv(body, _classes(seat.room), name)
        return {"films": seat.room.session.refer(given), "labels": len(given)}

    return as_json(await blocking(take))


async def summary(request: Request, seat: Seat) -> Response:
    """The session's figures, its choices, and the kept sessions."""

    def make() -> dict[str, Any]:
        from xraykit.evaluation import stats
        from xraykit.reading import kept
        from xraykit.reading.summary import summarise

        figures = summarise(seat.room.session.record().shared()).to_dict()
        return {**figures, "session": state(seat.room), "kept": [stats.plain(other) for other in kept.list_kept()]}

    return as_json(await blocking(make))


async def table(request: Request, seat: Seat) -> Response:
    """The session as CSV, a row a film."""
    from xraykit.reading import export

    return _file(seat, await blocking(export.to_csv, seat.room.session.record()), "csv", "text/csv")


async def whole(request: Request, seat: Seat) -> Response:
    """The session with its summary as JSON."""
    from xraykit.reading import export

    return _file(seat, await blocking(export.to_json, seat.room.session.record()), "json", "application/json")


def _file(seat: Seat, text: str, ending: str, kind: str) -> Response:
    name = f"{seat.room.session.name or 'reading'}.{ending}"
    headers = {**NO_STORE, "content-disposition": f'attachment; filename="{name}"'}
    return Response(text, media_type=kind, headers=headers)


def _classes(room: Room) -> list[str]:
    """What may be found: as the reader chose, else every class of the models that read the films, in their order."""
    if chosen := room.session.options.classes:
        return list(chosen)
    of_models = (label for card in room.cards if card.name in room.chosen for label in card.classes)
    return list(dict.fromkeys(of_models))


TABLE: list[tuple[str, str, Handler]] = [
    ("PUT", "impression/{id}", put),
    ("GET", "reading", summary),
    ("POST", "reading", ask),
    ("POST", "reading/labels", labels),
    ("GET", "reading.csv", table),
    ("GET", "reading.json", whole),
]
