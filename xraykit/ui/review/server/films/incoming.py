"""How films come in and go: dropped, by a path on this computer, the samples; closed one by one, or all."""

from __future__ import annotations

from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response

from xraykit.refused import Refused
from xraykit.system import text
from xraykit.ui.review.server.answers import Handler, NotThere, as_json, blocking, json_of, row_of
from xraykit.ui.review.server.films.spool import Writing
from xraykit.ui.review.server.rooms import Seat

WRITTEN_AT_ONCE = 2**20  # bytes
ZIP = b"PK\3\4"
MOST_NAME = 1000  # letters


async def take(request: Request, seat: Seat) -> Response:
    """One file that was dropped, a film or a zip of films: written to disk while it comes in.

    It is taken to its end whatever becomes of it: a browser shows an answer that comes before as a broken connection.
    """
    from xraykit.films.refusal import name_of

    name = name_of((Path(request.query_params.get("name", "")[:MOST_NAME]).name or "film", b""))
    incoming = _Incoming(seat, name)
    try:
        async for chunk in request.stream():
            await incoming.take(chunk)
        place = await incoming.end()
        if seat.ended:
            place.unlink(missing_ok=True)
            raise NotThere
        if incoming.is_zip:
            await blocking(_open, seat, place, name)
            return as_json({"ids": [], "listing": True})
        return as_json({"ids": [row.id for row in await blocking(seat.room.add, [(name, place)])]})
    except Refused as refused:
        return as_json({"code": refused.code, "words": refused.words}, 413)
    finally:
        await incoming.close()


def _open(seat: Seat, path: Path, name: str) -> None:
    from xraykit.reading.worklist.sources import Source

    try:
        seat.room.open(Source(path, name))
    except Refused:
        path.unlink(missing_ok=True)
        raise


class _Incoming:
    """A file on its way to the tab's folder; what goes wrong is kept until the body is at its end."""

    def __init__(self, seat: Seat, name: str) -> None:
        self._seat, self._name = seat, name
        self._writing: Writing | None = None
        self._waiting = bytearray()
        self._size = 0
        self._refused: Refused | None = None
        self.is_zip = False

    async def take(self, chunk: bytes) -> None:
        """The next bytes."""
        self._size += len(chunk)
        if self._refused is not None:
            return
        self._waiting += chunk
        if self._writing is None and len(self._waiting) >= len(ZIP):
            self.is_zip = self._waiting.startswith(ZIP)
        most = _most(self.is_zip)
        if self._size > most:
            advice = "Divide it, or open it by its path." if self.is_zip else "Export the film at a smaller size."
            words = f"{self._name} has more than {text.size(most)}. {advice}"
            self._refused = Refused(words, code="file-too-large")
            self._waiting.clear()
        elif len(self._waiting) >= WRITTEN_AT_ONCE:
            await self._write()

    async def end(self) -> Path:
        """Where the whole file lies; raises Refused."""
        if self._refused is None:
            await self._write()
        if self._refused is not None or self._writing is None:
            raise self._refused or Refused("It did not come in. Drop it again.")
        return await blocking(self._writing.end)

    async def close(self) -> None:
        """Remove what did not come to its end."""
        if self._writing is not None:
            await blocking(self._writing.close)

    async def _write(self) -> None:
        data = bytes(self._waiting)
        self._waiting.clear()
        try:
            writing = self._writing or await blocking(lambda: Writing(self._seat.folder(), self._name))
            self._writing = writing
            await blocking(writing.write, data)
        except Refused as refused:
            self._refused = refused


def _most(is_zip: bool) -> int:
    from xraykit.films.folders import check

    return check.MAX_ARCHIVE if is_zip else check.MAX_MEMBER


async def open_path(request: Request, seat: Seat) -> Response:
    """Open what lies at a path on this computer."""
    from xraykit.reading.worklist import sources

    path = (await json_of(request)).get("path")
    if not isinstance(path, str):
        raise Refused("Enter the path of a film or a folder.", code="no-path")
    source = await blocking(sources.look_at, path)
    await blocking(seat.room.open, source)
    return as_json({"listing": True})


async def samples(request: Request, seat: Seat) -> Response:
    """Open a synthetic film that comes with xraykit."""
    from xraykit.films.samples import draw

    sample = {"png": draw.PNG, "dicom": draw.DICOM}.get(str((await json_of(request)).get("name")))
    if sample is None:
        raise Refused("Expected the sample png or dicom.", code="request")
    return as_json({"ids": [row.id for row in await blocking(seat.room.add, [(sample.name, sample)])]})


async def stop(request: Request, seat: Seat) -> Response:
    await blocking(seat.room.stop)
    return as_json({})


async def close(request: Request, seat: Seat) -> Response:
    row = row_of(request, seat)
    # Asked before what is left is looked at: while something is listed, a zip may have films to come
    await blocking(lambda: _close(seat, [row.id], listing=bool(seat.room.listing)))
    return as_json({})


async def close_all(request: Request, seat: Seat) -> Response:
    def close_them() -> None:
        seat.room.stop()
        _close(seat, [row.id for row in seat.room.list.rows()], listing=False)
        seat.room.more = False

    await blocking(close_them)
    return as_json({})


def _close(seat: Seat, names: list[str], listing: bool) -> None:
    from xraykit.films.folders.member import Member

    rows = seat.room.remove(names)
    gone = {Path(row.place) for row in rows if not (listing and isinstance(row.place, Member))}
    for place in gone - {Path(row.place) for row in seat.room.list.rows()}:  # a zip goes with the last of its films
        seat.drop(place)


TABLE: list[tuple[str, str, Handler]] = [
    ("POST", "films", take),
    ("POST", "open", open_path),
    ("POST", "samples", samples),
    ("POST", "stop", stop),
    ("DELETE", "film/{id}", close),
    ("DELETE", "films", close_all),
]
