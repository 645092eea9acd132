"""The addresses of reports: a preview, a file, and work on many films that is begun, watched, stopped and fetched.

All is made in threads, of what the tab's own room holds; nothing of it is kept when the tab ends.
"""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

from starlette.requests import Request
from starlette.responses import FileResponse, Response

from xraykit.ui.review.server.answers import NO_STORE, Handler, NotThere, as_json, blocking, body_of
from xraykit.ui.review.server.rooms import Seat

if TYPE_CHECKING:
    from xraykit.reports.export.formats import File


async def preview(request: Request, seat: Seat) -> Response:
    """The pages of a report as pictures, and the formats it can be had in."""
    body = await body_of(request)

    def make() -> dict[str, Any]:
        from xraykit.ui.review.server.report import asked, files

        wish = asked.read(body)
        made = seat.desk.made(wish)
        if wish.slide:
            drawn = [files.slide(made.report, "png", wish.look, made.stem).content]
            listed = [{"kind": kind, "name": name} for kind, name in files.SLIDES.items()]
        else:
            drawn = files.pages(made.report, wish.sheet, wish.look, wish.full)
            listed = files.kinds(made.report, made.subject)
        pages = [base64.b64encode(page).decode() for page in drawn]
        has_more = files.has_appendix(made.report)
        return {"title": made.report.title, "pages": pages, "kinds": listed, "appendix": has_more}

    return as_json(await blocking(make))


async def file(request: Request, seat: Seat) -> Response:
    """A report as a file."""
    body = await body_of(request)

    def make() -> File:
        from xraykit.ui.review.server.report import asked, files

        wish = asked.read(body)
        made = seat.desk.made(wish)
        if wish.slide:
            return files.slide(made.report, wish.kind, wish.look, made.stem)
        listed = files.make(made.report, made.subject, wish.kind, wish.look, made.stem, wish.full)
        return files.handed(listed, made.stem, wish.kind)

    made = await blocking(make)
    return Response(made.content, media_type=made.mime, headers=_named(made.name))


async def begin(request: Request, seat: Seat) -> Response:
    """Begin the reports of many films, or a contact sheet."""
    body = await body_of(request)

    def start() -> dict[str, Any]:
        from xraykit.ui.review.server.report import asked

        return seat.desk.begin(asked.read(body)).to_dict()

    return as_json(await blocking(start))


async def state(request: Request, seat: Seat) -> Response:
    """How far the work is; null where there is none."""
    work = seat.desk.work
    return as_json(work.to_dict() if work else None)


async def stop(request: Request, seat: Seat) -> Response:
    work = seat.desk.work
    if work is not None:
        work.stop()
    return as_json(work.to_dict() if work else None)


async def finished(request: Request, seat: Seat) -> Response:
    """What came of the work."""
    work = seat.desk.work
    if work is None or work.state == "running" or work.file is None or not work.file.is_file():
        raise NotThere
    return FileResponse(work.file, media_type="application/zip", headers=_named(work.name))


def _named(name: str) -> dict[str, str]:
    return {**NO_STORE, "content-disposition": f'attachment; filename="{name}"'}


TABLE: list[tuple[str, str, Handler]] = [
    ("POST", "report", preview),
    ("POST", "report/file", file),
    ("POST", "report/work", begin),
    ("GET", "report/work", state),
    ("DELETE", "report/work", stop),
    ("GET", "report/work/file", finished),
]
