"""What the reader does: impressions of films, the session, its summary and its export."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from starlette.requests import Request
from starlette.responses import Response

from xraykit.refused import Refused
from xraykit.ui.review.server.answers import Handler, blocking, body_of, json_of, row_of, told
from xraykit.ui.review.server.rooms import Seat

if TYPE_CHECKING:
    from xraykit.reading.worklist.room import Room


def state(room: Room) -> dict[str, Any]:
    """What the page knows of the session: the reader's choices, and how many films were read."""
    options = room.session.options
    return {
        "keep": options.keep,
        "title": options.title,
        "name": room.session.name,
        "blind": options.blind,
        "classes": list(options.classes),
        "names": options.names,
        "pictures": options.pictures,
    }


async def put(request: Request, seat: Seat) -> Response:
    """Record an impression of a film that is ready."""
    from xraykit.reading import impressions
    from xraykit.reading.kept import Answer

    row = row_of(request, seat)
    if row.facts is None:
        raise Refused(f"{row.name} is not read yet. Wait for it, then record the impression.", code="impression")
    body = await body_of(request, impressions.MOST_BYTES)

    def record() -> dict[str, Any] | None:
        session = seat.room.session
        impression = impressions.read(body, session.options.classes)
        answers = {
            name: Answer(reading.top, dict(zip(reading.classes, reading.probabilities, strict=True)))
            for name, reading in row.models.items()
            if reading.top is not None
        }
        session.put(row.facts.sha256, impression, name=row.name, answers=answers, picture=row.thumbnail)
        seat.room.list.touch(row)
        return session.row(row.facts.sha256)

    return told({"impression": await blocking(record)})


async def choose(request: Request, seat: Seat) -> Response:
    """Take over what the reader chose for the session."""
    import msgspec

    from xraykit.reading.kept import Options
    from xraykit.refused import field_of

    given = await json_of(request)

    def take() -> dict[str, Any]:
        session = seat.room.session
        try:
            fresh = msgspec.convert({**msgspec.to_builtins(session.options), **given}, Options)
        except msgspec.ValidationError as error:
            raise Refused(
                f"Expected something else as {field_of(error)}. Load the page again.", code="request"
            ) from None
        session.choose(fresh)
        seat.room.list.tell()
        return state(seat.room)

    return told(await blocking(take))


async def summary(request: Request, seat: Seat) -> Response:
    return told({})


TABLE: list[tuple[str, str, Handler]] = [
    ("PUT", "impression/{id}", put),
    ("GET", "reading", summary),
    ("POST", "reading", choose),
]
