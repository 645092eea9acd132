"""The addresses of the reading room, below `/reading-room/{key}/`."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Mount, Route

from xraykit.ui.review.server import looking, reader, seen
from xraykit.ui.review.server.answers import answers, nothing
from xraykit.ui.review.server.films import incoming
from xraykit.ui.review.server.report import routes as report

PREFIX = "/reading-room"


async def _nothing(request: Request) -> Response:
    return nothing()


ROUTES: list[BaseRoute] = [
    Mount(
        PREFIX,
        routes=[
            *(
                Route(f"/{{key}}/{path}", answers(handler), methods=[method])
                for method, path, handler in (
                    *looking.TABLE,
                    *incoming.TABLE,
                    *reader.TABLE,
                    *seen.TABLE,
                    *report.TABLE,
                )
            ),
            Route("/{rest:path}", _nothing, methods=["GET", "HEAD", "POST", "PUT", "DELETE"]),
        ],
    )
]
