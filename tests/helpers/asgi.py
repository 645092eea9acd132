"""A browser for an ASGI app without a server: requests of several threads at once, answered by one event loop."""

from __future__ import annotations

import asyncio
import json
import threading
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


class Browser:
    """Asks an app; `with` ends its event loop."""

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

    def get(self, address: str, **more: Any) -> Answer:
        return self.ask("GET", address, **more)

    def post(self, address: str, data: Any = None, **more: Any) -> Answer:
        return self.ask("POST", address, data, **more)

    def ask(self, method: str, address: str, data: Any = None, headers: dict | None = None) -> Answer:
        """The answer to a request; `data` are bytes, parts of a body that come one after the other, or JSON."""
        parts = data if isinstance(data, list) else [data if isinstance(data, bytes) else json.dumps(data).encode()]
        parts = [b""] if data is None else parts
        path, _, query = address.partition("?")
        sent = {"host": self.host, "origin": f"http://{self.host}"} | (headers or {})
        host, _, port = self.host.partition(":")
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
            "headers": [(name.encode(), value.encode()) for name, value in sent.items()],
            "server": (host, int(port or 80)),
            "client": ("127.0.0.1", 50000),
        }
        return asyncio.run_coroutine_threadsafe(self._ask(scope, parts), self.loop).result(60)  # a hang limit

    async def _ask(self, scope: dict, parts: list[bytes]) -> Answer:
        waiting = list(parts)
        messages: list[dict] = []

        async def receive() -> dict:
            if not waiting:
                await asyncio.sleep(3600)
            part = waiting.pop(0)
            if isinstance(part, BaseException):
                return {"type": "http.disconnect"}
            return {"type": "http.request", "body": part, "more_body": bool(waiting)}

        async def send(message: dict) -> None:
            messages.append(message)

        await self.app(scope, receive, send)
        start, *rest = messages
        headers = {name.decode().lower(): value.decode() for name, value in start["headers"]}
        return Answer(start["status"], headers, b"".join(message.get("body", b"") for message in rest))
