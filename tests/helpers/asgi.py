"""Asks an ASGI app without a server: a request's whole answer, of several threads at once where there is a Browser."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


class Browser:
    """Asks an app by one event loop, which ends with `with`; says where its requests come from, as browsers do."""

    def __init__(self, app: Any, host: str = "127.0.0.1:8501") -> None:
        self.app, self.host = app, host
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self._thread.start()

    def __enter__(self) -> Browser:
        return self

    def __exit__(self, *exception: object) -> None:
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join()
        self.loop.close()

    def get(self, address: str, headers: dict | None = None) -> Answer:
        return self.ask("GET", address, headers=headers)

    def post(self, address: str, body: Any = b"", headers: dict | None = None) -> Answer:
        return self.ask("POST", address, body, headers)

    def ask(self, method: str, address: str, body: Any = b"", headers: dict | None = None) -> Answer:
        """The answer; `body` is as `ask` takes it, or a list of parts that come one after the other (or break off)."""
        sent = {"host": self.host, "origin": f"http://{self.host}"} | (headers or {})
        pairs = [(name.encode(), value.encode()) for name, value in sent.items()]
        parts = body if isinstance(body, list) else [_bytes(body)]
        asked = _ask(self.app, method, address, parts, pairs, self.host)
        return asyncio.run_coroutine_threadsafe(asked, self.loop).result(60)  # a hang limit


def ask(app: Any, method: str, path: str, body: Any = b"", headers: Sequence = ()) -> Answer:
    """The answer to a request; `path` may hold a query, `body` is bytes or what becomes JSON."""
    pairs = [(b"host", b"localhost"), *headers]
    return asyncio.run(_ask(app, method, path, [_bytes(body)], pairs, "localhost:8501"))


def _bytes(body: Any) -> bytes:
    return body if isinstance(body, bytes) else json.dumps(body).encode()


async def _ask(app: Any, method: str, address: str, parts: list, headers: list, host: str) -> Answer:
    path, _, query = address.partition("?")
    name, _, port = host.partition(":")
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": unquote(path),
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "root_path": "",
        "headers": headers,
        "client": ("127.0.0.1", 50000),
        "server": (name, int(port)),
    }
    waiting, sent = list(parts), []

    async def receive() -> dict:
        if not waiting:
            await asyncio.Event().wait()
        part = waiting.pop(0)
        if isinstance(part, Exception):
            return {"type": "http.disconnect"}
        return {"type": "http.request", "body": part, "more_body": bool(waiting)}

    async def send(message: dict) -> None:
        sent.append(message)

    await app(scope, receive, send)
    start = next(message for message in sent if message["type"] == "http.response.start")
    body = [message.get("body", b"") for message in sent if message["type"] == "http.response.body"]
    headers = {name.decode().lower(): value.decode() for name, value in start["headers"]}
    return Answer(start["status"], headers, b"".join(body))
