"""The addresses of the reading room, below `/reading-room/{key}/`."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Mount, Route

from xraykit.ui.review.server import films, looking, reader, seen
from xraykit.ui.review.server.answers import answers, nothing

PREFIX = "/reading-room"


async def _nothing(request: Request) -> Response:
    return nothing()


ROUTES: list[BaseRoute] = [
    Mount(
        PREFIX,
        routes=[
            *(
                Route(f"/{{key}}/{path}", answers(handler), methods=[method])
                for method, path, handler in (*looking.TABLE, *films.TABLE, *reader.TABLE, *seen.TABLE)
            ),
            Route("/{rest:path}", _nothing, methods=["GET", "HEAD", "POST", "PUT", "DELETE"]),
        ],
    )
]
