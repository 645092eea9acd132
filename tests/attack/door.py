"""Requests with made-up headers against the door: only this server's own pages, and links to it, may pass.

What may pass is decided here by another way than the door's: the URL parser of the standard library reads the addresses
and a list says which are the server's.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections import Counter
from typing import Any
from urllib.parse import urlsplit

from tests.attack import Outcome
from xraykit.ui.server import door

PORT = 8501
LISTED = "https://xray.example, localhost:9000, workstation"
# What a browser says of these addresses: scheme, host, port
OURS = {
    ("http", "localhost", PORT),
    ("http", "127.0.0.1", PORT),
    ("http", "::1", PORT),
    ("http", "10.0.0.5", PORT),
    ("https", "xray.example", 443),
    ("http", "localhost", 9000),
    ("http", "workstation", PORT),
}
NAMES = [
    *("localhost", "127.0.0.1", "[::1]", "10.0.0.5", "xray.example", "workstation"),
    *("evil.example", "localhost.evil.example", "127.0.0.1.nip.io", "xlocalhost", "0.0.0.0", "127.0.0.2", "10.0.0.6"),
    *("[::]", "[::2]", "[::ffff:127.0.0.1]", "localhost.", "xray.example.", "a.workstation", "2130706433", ""),
]
TAILS = [
    "",
    f":{PORT}",
    ":80",
    ":443",
    ":9000",
    ":8502",
    ":",
    ":x",
    f":{PORT}0",
    f":{PORT}/",
    f":{PORT}@evil.example",
    ":0",
]
SITES = ["same-origin", "none", "same-site", "cross-site", "Same-Origin", ""]
MODES, GOALS = ["navigate", "cors", "no-cors", "websocket"], ["document", "iframe", "image", "empty", "object"]
METHODS = ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS"]
PATHS = ["/", "/review", "/_stcore/health", "/_stcore/stream", "/media/a.png", "/_stcore/upload_file/a/b"]


def attack(count: int, seed: int) -> Outcome:
    """Send `count` requests; each passes if and only if it should."""
    chance = random.Random(seed)
    listed = door.listed_hosts(LISTED)
    faults: list[str] = []
    counts: Counter[str] = Counter()
    reached: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        reached.append(scope)

    guarded = door.Door(app)
    guarded.listed = listed

    async def run() -> None:
        for _ in range(count):
            scope = _scope(chance)
            sent: list[Any] = []
            before = len(reached)
            await guarded(scope, _receive, _Sender(sent))
            passed = len(reached) > before
            counts["passed" if passed else "refused"] += 1
            if passed == bool(sent) or passed != _may_pass(scope):
                faults.append(f"{'passed' if passed else 'refused'}: {scope}")

    log = logging.getLogger(door.__name__)
    before, log.disabled = log.disabled, True
    try:
        asyncio.run(run())
    finally:
        log.disabled = before
    return Outcome(count, faults, dict(counts))


class _Sender:
    def __init__(self, sent: list[Any]) -> None:
        self.sent = sent

    async def __call__(self, message: Any) -> None:
        self.sent.append(message)


async def _receive() -> Any:
    return {"type": "websocket.connect"}


def _scope(chance: random.Random) -> dict[str, Any]:
    kind = chance.choice(["http", "http", "websocket"])
    host = _address(chance)
    origins = [
        chance.choice([f"http://{host}", f"https://{host}", f"http://{_address(chance)}", "null", "file://", ""])
    ]
    times = chance.choices([0, 1, 2], [2, 7, 1])[0]
    headers = [("host", host)] * chance.choices([0, 1, 2], [1, 20, 1])[0] + [("origin", origins[0])] * times
    for name, values in (("site", SITES), ("mode", MODES), ("dest", GOALS)):
        headers += [(f"sec-fetch-{name}", chance.choice(values))] * chance.choice([0, 1, 1])
    headers += [("x-forwarded-host", f"127.0.0.1:{PORT}"), ("forwarded", f"host=127.0.0.1:{PORT}")] * chance.choice(
        [0, 1]
    )
    chance.shuffle(headers)
    scope = {
        "type": kind,
        "path": chance.choice(PATHS),
        "headers": [(name.encode(), value.encode()) for name, value in headers],
        "scheme": "http" if kind == "http" else "ws",
        "server": ("10.0.0.5", PORT),
    }
    return scope | ({"method": chance.choice(METHODS)} if kind == "http" else {})


def _address(chance: random.Random) -> str:
    text = chance.choice(NAMES) + chance.choice(TAILS)
    if chance.random() < 0.4:
        text = chance.choice([f"localhost:{PORT}", f"127.0.0.1:{PORT}", f"[::1]:{PORT}", "xray.example"])
    return text.upper() if chance.random() < 0.1 else text


def _may_pass(scope: dict[str, Any]) -> bool:
    said: dict[str, list[str]] = {}
    for name, value in scope["headers"]:
        said.setdefault(name.decode(), []).append(value.decode())
    method = scope.get("method", "")
    hosts, origins = said.get("host", []), said.get("origin", [])
    if len(hosts) != 1 or len(origins) > 1:
        return False
    named = {_read(f"{scheme}://{hosts[0]}") for scheme in ("http", "https")} & OURS
    if not named:
        return False
    if not origins and method not in ("GET", "HEAD"):
        return False
    if origins and _read(origins[0]) not in named:
        return False
    opens = (
        method == "GET" and said.get("sec-fetch-mode") == ["navigate"] and said.get("sec-fetch-dest") == ["document"]
    )
    return opens or set(said.get("sec-fetch-site", ["none"])) <= {"same-origin", "none"}


def _read(url: str) -> tuple[str, str, int] | None:
    """An origin as the standard library reads it; None if it has more parts than one."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return None
    if parts.path or parts.query or parts.fragment or "@" in parts.netloc or parts.netloc.endswith(":"):
        return None
    if parts.scheme not in ("http", "https") or not parts.hostname:
        return None
    return parts.scheme, parts.hostname, port if port is not None else {"http": 80, "https": 443}[parts.scheme]
