"""How a request goes to another process of ours and its answer comes back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from xraykit.refused import Refused
from xraykit.system.local_service import LocalService


class ServiceError(Refused):
    """The service could not answer; the message is meant for the user."""

    code = "service"


class Lost(Exception):
    """The other process went away in the middle of a call."""


def ask(service: LocalService, request: Any, progress: Callable[..., None] | None = None) -> Any:
    """Send a request and return its answer; raises the error it was answered with, or Lost."""
    try:
        line = service.connect()
    except ConnectionError as error:
        raise Lost from error
    with line:
        try:
            line.send(request)
            kind, *answer = line.recv()
        except (EOFError, OSError) as error:
            raise Lost from error
        while kind == "progress":
            if progress is not None:
                progress(*answer)  # outside the guard: what the caller raises is the caller's
            try:
                kind, *answer = line.recv()
            except (EOFError, OSError) as error:
                raise Lost from error
    if kind == "error":
        raise answer[0]
    return answer[0]
