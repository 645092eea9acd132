"""How films come in and go: dropped, by a path on this computer, the samples; closed one by one, or all."""

from __future__ import annotations

from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response

from xraykit.refused import Refused
from xraykit.system import text
from xraykit.ui.review.server.answers import Handler, NotThere, blocking, json_of, row_of, told
from xraykit.ui.review.server.rooms import Seat
from xraykit.ui.review.server.spool import Writing

WRITTEN_AT_ONCE = 2**20  # bytes
MOST_NAME = 1000  # letters


async def take(request: Request, seat: Seat) -> Response:
    """One file that was dropped: written to disk while it comes in, and taken to its end whatever becomes of it."""
    from xraykit.films import decoder
    from xraykit.films.refusal import name_of

    name = name_of((Path(request.query_params.get("name", "")[:MOST_NAME]).name or "film", b""))
    most = decoder.MAX_BYTES
    refused: Refused | None = None
    try:
        writing = await blocking(lambda: Writing(seat.folder(), name))
    except Refused as error:
        writing, refused = None, error
    waiting = bytearray()
    size = 0
    try:
        async for chunk in request.stream():
            size += len(chunk)
            if size > most and refused is None:
                words = f"{name} has more than {text.size(most)}. Export the film at a smaller size."
                refused = Refused(words, code="file-too-large")
            if refused is not None or writing is None:
                continue
            waiting += chunk
            if len(waiting) >= WRITTEN_AT_ONCE:
                refused = await _write(writing, waiting)
        if refused is None and writing is not None:
            refused = await _write(writing, waiting)
        if refused is not None or writing is None:
            return told({"code": refused.code, "words": refused.words} if refused else {}, 413)
        place = await blocking(writing.end)
        if seat.ended:
            raise NotThere
        return told({"ids": [row.id for row in await blocking(seat.room.add, [(name, place)])]})
    finally:
        if writing is not None:
            await blocking(writing.close)


async def _write(writing: Writing, waiting: bytearray) -> Refused | None:
    data = bytes(waiting)
    waiting.clear()
    try:
        await blocking(writing.write, data)
    except Refused as refused:
        return refused
    return None


async def open_path(request: Request, seat: Seat) -> Response:
    """Open what lies at a path on this computer."""
    from xraykit.reading.worklist import sources

    path = (await json_of(request)).get("path")
    if not isinstance(path, str):
        raise Refused("Enter the path of a film or a folder.", code="no-path")
    source = await blocking(sources.look_at, path)
    await blocking(seat.room.open, source)
    return told({"listing": True})


async def samples(request: Request, seat: Seat) -> Response:
    """Open a synthetic film that comes with xraykit."""
    from xraykit.films.samples import draw

    sample = {"png": draw.PNG, "dicom": draw.DICOM}.get(str((await json_of(request)).get("name")))
    if sample is None:
        raise Refused("Expected the sample png or dicom.", code="request")
    return told({"ids": [row.id for row in await blocking(seat.room.add, [(sample.name, sample)])]})


async def stop(request: Request, seat: Seat) -> Response:
    await blocking(seat.room.stop)
    return told({})


async def close(request: Request, seat: Seat) -> Response:
    row = row_of(request, seat)
    await blocking(_close, seat, [row.id])
    return told({})


async def close_all(request: Request, seat: Seat) -> Response:
    def close_them() -> None:
        seat.room.stop()
        _close(seat, [row.id for row in seat.room.list.rows()])
        seat.room.more = False

    await blocking(close_them)
    return told({})


def _close(seat: Seat, names: list[str]) -> None:
    for row in seat.room.remove(names):
        seat.drop(row.place)


TABLE: list[tuple[str, str, Handler]] = [
    ("POST", "films", take),
    ("POST", "open", open_path),
    ("POST", "samples", samples),
    ("POST", "stop", stop),
    ("DELETE", "film/{id}", close),
    ("DELETE", "films", close_all),
]
