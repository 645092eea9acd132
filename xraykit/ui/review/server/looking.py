"""What is asked while films are looked at: the list and its changes, films, heatmaps, what comes first."""

from __future__ import annotations

import json
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from xraykit.refused import Refused
from xraykit.ui.review.server.answers import (
    NO_STORE,
    Handler,
    NotThere,
    as_json,
    binary,
    blocking,
    json_of,
    number_of,
    row_of,
)
from xraykit.ui.review.server.rooms import ROOMS, Seat

HELD = 4.0  # seconds that a question for changes is held open; the server waits for it when it ends
LATE = 10.0  # seconds that a page waits after a reload for what it sent as it went


async def adopt(request: Request, seat: Seat) -> Response:
    """The films of before a reload; answered once the impressions that the page sent as it went are recorded."""
    asked, key = await json_of(request), request.path_params["key"]
    old, unsaved = asked.get("from"), asked.get("unsaved") or {}
    if not isinstance(old, str) or not isinstance(unsaved, dict):
        raise NotThere
    if not await blocking(ROOMS.adopt, key, old):
        raise NotThere
    adopted = ROOMS.get(key)
    if adopted is not None and unsaved:
        await adopted.wait(lambda: all(_is_saved(adopted, name, said) for name, said in unsaved.items()), LATE)
    return as_json({})


def _is_saved(seat: Seat, name: str, said: Any) -> bool:
    """Is what was said of a film at a moment of the reader's clock recorded? What is no film need not be waited for."""
    row = seat.room.list.get(name)
    return row is None or row.facts is None or seat.room.session.heard(row.facts.sha256, said)


async def state(request: Request, seat: Seat) -> Response:
    def make() -> Any:
        from xraykit.ui.review.server import messages, reader

        return {**messages.state(seat.room), "reading": reader.state(seat.room)}

    return as_json(await blocking(make))


async def rows(request: Request, seat: Seat) -> Response:
    from xraykit.ui.review.server import messages

    room = await blocking(lambda: seat.room)
    since = number_of(request, "since")
    if request.query_params.get("wait") == "1":
        await seat.wait(lambda: room.list.version != since, HELD)
        if seat.ended:
            raise NotThere

    def make() -> bytes:
        changes = room.list.since(since)
        made = [messages.row(room, row) for row in changes.rows]
        answer = {"version": changes.version, "order": changes.order, "rows": made, "removed": changes.removed}
        return json.dumps(answer, ensure_ascii=False, separators=(",", ":")).encode()

    return Response(await blocking(make), media_type="application/json", headers=NO_STORE)


async def thumb(request: Request, seat: Seat) -> Response:
    row = row_of(request, seat)
    if not row.thumbnail:
        raise NotThere
    return Response(row.thumbnail, media_type="image/jpeg", headers=NO_STORE)


async def film(request: Request, seat: Seat) -> Response:
    from xraykit.films.refusal import Refusal
    from xraykit.ui.review.server import messages

    row = row_of(request, seat)
    if row.state == "refused":
        return as_json(messages.refusal(row.refusal), 422)
    softcopy = await blocking(seat.room.softcopy, row)
    if isinstance(softcopy, Refusal):
        return as_json(messages.refusal(softcopy), 422)
    return binary(await blocking(messages.film, row, softcopy))


async def heat(request: Request, seat: Seat) -> Response:
    from xraykit.films.refusal import Refusal
    from xraykit.models import explanation
    from xraykit.ui.review.server import messages

    row = row_of(request, seat)
    model, method, label = (request.query_params.get(name, "") for name in ("model", "method", "label"))
    method = method or explanation.GRAD_CAM
    if method != explanation.GRAD_CAM:
        job = seat.room.heats.ask(row, model, method, label)
        await seat.wait(lambda: job.ended, 0.5)
        if not job.ended:
            return as_json({"done": job.done, "remaining": job.remaining}, 202)
        result = seat.room.heats.collect(row, model, method, label)
    else:
        try:
            result = await blocking(seat.room.heat, row, model, method, label)
        except Refused as refused:
            result = Refusal(row.name, refused.code, refused.words)
    if result is None or isinstance(result, Refusal):
        words = result.words if result else "It was cancelled."
        return binary(messages.no_heat(row, model, method, label, words))
    return binary(messages.heat(row, model, result))


async def take_as(request: Request, seat: Seat) -> Response:
    """A film that the gate refused: turned and read, read anyway, or as it is again."""
    row = row_of(request, seat)
    await blocking(seat.room.take_as, row, str((await json_of(request)).get("take")))
    return as_json({})


async def cancel(request: Request, seat: Seat) -> Response:
    row = row_of(request, seat)
    asked = (request.query_params.get(name, "") for name in ("model", "method", "label"))
    seat.room.heats.cancel(row.id, *asked)
    return as_json({})


async def look(request: Request, seat: Seat) -> Response:
    data = await json_of(request)
    name, ahead = data.get("id"), data.get("ahead") or []
    if not isinstance(name, str) or not isinstance(ahead, list):
        raise Refused("Expected the film that is looked at and those ahead. Load the page again.", code="request")
    seat.room.look(name, [other for other in ahead if isinstance(other, str)])
    return as_json({})


async def choose_models(request: Request, seat: Seat) -> Response:
    names = (await json_of(request)).get("names")
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise Refused("Expected the names of models. Load the page again.", code="request")
    await blocking(seat.room.choose_models, names)
    return as_json({})


TABLE: list[tuple[str, str, Handler]] = [
    ("POST", "adopt", adopt),
    ("GET", "state", state),
    ("GET", "rows", rows),
    ("GET", "thumb/{id}", thumb),
    ("GET", "film/{id}", film),
    ("GET", "heat/{id}", heat),
    ("DELETE", "heat/{id}", cancel),
    ("POST", "gate/{id}", take_as),
    ("POST", "look", look),
    ("POST", "models", choose_models),
]
