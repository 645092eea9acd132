"""One inference client for all sessions of this server, started on first use."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from xraykit.films.refusal import Refusal
    from xraykit.models.cards.card import Card
    from xraykit.models.service import client as service

_lock = threading.Lock()
_client: service.Client | None = None


def client() -> service.Client:
    """The inference client of this server, started on first use and shared by all sessions."""
    global _client
    with _lock:
        if _client is None:
            from xraykit.models.service import (
                client as service,  # not at the top: NumPy would hold the server's start back
            )

            _client = service.start()
        return _client


def models() -> tuple[list[Card], list[Refusal]]:
    """The models that the service can use, and those it cannot, each with its reason; never raises.

    Where the service itself does not answer there are no models, and that is the reason.
    """
    from xraykit.films.refusal import Refusal
    from xraykit.models.service.lines import ServiceError

    try:
        return client().models()
    except ServiceError as error:
        return [], [Refusal("inference service", "service", error.words)]


def use(client: service.Client | None) -> service.Client | None:
    """Answer every session with this client from now on, as tests and benchmarks do; returns the one before."""
    global _client
    with _lock:
        before, _client = _client, client
        return before


def close() -> None:
    """End the service, where one was started; the server ends."""
    ended = use(None)
    if ended is not None:
        ended.close()
