"""How the reading room answers: who may ask, what is read of a request, how an answer is made.

Whoever has no key of a room is told nothing: 404.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from xraykit.refused import Refused
from xraykit.ui.review.server.rooms import ROOMS, Seat

MOST_JSON = 2**20  # bytes of a body
# Kept by nobody, and not compressed on the way: what a film is made of is noise
NO_STORE = {"cache-control": "no-store", "content-encoding": "identity"}
# The threads of what blocks: its own, so that a slow film holds up no page
POOL = ThreadPoolExecutor(max_workers=12, thread_name_prefix="reading-room")
Handler = Callable[[Request, Seat], Awaitable[Response]]
log = logging.getLogger(__name__)


class NotThere(Exception):
    """What is asked for is not there, or not the asker's: both are answered alike."""


async def blocking(function: Callable[..., Any], *arguments: Any) -> Any:
    """The result of something that blocks, computed in a thread."""
    return await asyncio.get_running_loop().run_in_executor(POOL, function, *arguments)


def answers(handler: Handler) -> Callable[[Request], Awaitable[Response]]:
    """An endpoint that finds the room of a key, and turns what is raised into an answer."""

    async def endpoint(request: Request) -> Response:
        try:
            key = request.path_params["key"]
            seat = ROOMS.get(key)
            if seat is None and request.method == "PUT":  # an impression that a reload overtook
                seat = ROOMS.before_reload(key)
            if seat is None or seat.ended:
                raise NotThere
            return await handler(request, seat)
        except NotThere:
            return nothing()
        except Refused as refused:
            return JSONResponse({"code": refused.code, "words": refused.words}, 400, NO_STORE)
        except ClientDisconnect:
            return Response(status_code=400)
        except HTTPException:
            raise
        except Exception as error:  # its text may hold what stands in a film
            place = error.__traceback__
            while place and place.tb_next:
                place = place.tb_next
            where = f"{place.tb_frame.f_code.co_name}:{place.tb_lineno}" if place else "?"
            log.error("the reading room could not answer (%s at %s)", type(error).__name__, where)
            words = f"The server failed on this ({type(error).__name__}). Its log says where. Try again."
            return JSONResponse({"code": "failed", "words": words}, 500, NO_STORE)

    return endpoint


async def body_of(request: Request, most: int = MOST_JSON) -> bytes:
    """The body of a request; raises Refused where it is larger."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > most:
            raise Refused(f"Expected at most {most >> 10} KiB; got more.", code="too-large")
    return bytes(body)


async def json_of(request: Request) -> dict[str, Any]:
    """The object of a request's body; raises Refused where it is none."""
    try:
        data = json.loads(await body_of(request) or b"{}")
    except (ValueError, RecursionError):
        data = None
    if not isinstance(data, dict):
        raise Refused("Expected an object as JSON. Load the page again.", code="request")
    return data


def number_of(request: Request, name: str) -> int:
    """A whole number of an address; 0 where there is none."""
    value = request.query_params.get(name, "0")
    return int(value) if value.isascii() and value.isdigit() and len(value) < 16 else 0


def row_of(request: Request, seat: Seat) -> Any:
    """The film that an address names."""
    row = seat.room.list.get(request.path_params["id"])
    if row is None:
        raise NotThere
    return row


def binary(parts: list[bytes | memoryview]) -> Response:
    """A message in parts, none of them copied."""

    async def send() -> AsyncIterator[bytes | memoryview]:
        for part in parts:
            yield part

    length = {"content-length": str(sum(len(part) for part in parts))}
    return StreamingResponse(send(), media_type="application/octet-stream", headers={**NO_STORE, **length})


def as_json(data: Any, status: int = 200) -> Response:
    """An answer as JSON."""
    return JSONResponse(data, status, NO_STORE)


def nothing() -> Response:
    """What there is not: a room, a film, an address."""
    return as_json({"code": "gone", "words": "There is nothing here."}, 404)
