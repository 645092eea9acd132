"""Who may come in: a request that names this server and was made by one of its own pages.

A browser lets any page send requests to this computer. Three of its headers, which no page can set, say where a request
goes and where it comes from: Host, Origin and Sec-Fetch-Site. Nothing here looks at what is asked for: pages, films,
uploads, health and the websocket pass the same door. X-Forwarded-* headers are never read.
"""

from __future__ import annotations

import ipaddress
import logging
import os
import re
from collections.abc import Iterable
from typing import Any, NamedTuple

from xraykit.refused import Refused

VARIABLE = "XRAYKIT_HOSTS"
PORTS = {"http": 80, "https": 443}
LOOPBACK = ("localhost", "127.0.0.1", "[::1]")
SAFE = {"GET", "HEAD"}  # methods that a browser may send without an Origin
LOGGED = 20  # reasons for refused websockets; no page fills the log
_HOST = r"(?P<host>\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::(?P<port>[1-9][0-9]{0,4}))?"
_HOST_HEADER = re.compile(_HOST)
_ORIGIN = re.compile(rf"(?P<scheme>https?)://{_HOST}")
_LISTED = re.compile(rf"(?:(?P<scheme>https?)://)?{_HOST}/?")
_log = logging.getLogger(__name__)


class Address(NamedTuple):
    """Where a browser finds a server: scheme, host in lower case (IPv6 in brackets), port."""

    scheme: str
    host: str
    port: int

    def __str__(self) -> str:
        port = "" if self.port == PORTS[self.scheme] else f":{self.port}"
        return f"{self.scheme}://{self.host}{port}"


class Listed(NamedTuple):
    """An entry of XRAYKIT_HOSTS. Without a scheme: the server's own; with neither scheme nor port: the server's own."""

    scheme: str | None
    host: str
    port: int | None


class WrongHost(Refused):
    """The request names a server that this one is not."""

    code = "wrong-host"


class WrongPage(Refused):
    """The request was made by a page that is not this server's."""

    code = "wrong-page"


class Door:
    """ASGI middleware: what `check` refuses never reaches the app.

    It is answered 421 (not this server) or 403 (not its page) in plain text; a websocket is closed unopened.
    """

    def __init__(self, app: Any) -> None:
        self.app = app
        self.listed = listed_hosts(os.environ.get(VARIABLE, ""))
        self._said: set[str] = set()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] in ("http", "websocket"):
            try:
                check(scope, self.listed)
            except Refused as refused:
                if scope["type"] == "websocket":
                    self._say(refused.words)
                await _refuse(scope, receive, send, refused)
                return
        await self.app(scope, receive, send)

    def _say(self, words: str) -> None:
        """Log why a websocket was refused: a browser tells its user nothing. Who tries for ever is named once."""
        if words not in self._said and len(self._said) < LOGGED:
            self._said.add(words)
            _log.warning("websocket refused: %s", words)


def listed_hosts(text: str) -> list[Listed]:
    """The entries of XRAYKIT_HOSTS, separated by commas or blanks; what is none is named in the log and left out."""
    entries = []
    for word in text.replace(",", " ").split():
        match = _LISTED.fullmatch(word.lower())
        if match is None or (host := _host(match)) is None:
            _log.warning("%s: %r is left out: expected an address such as https://xray.example:8443", VARIABLE, word)
        else:
            entries.append(Listed(match["scheme"], host, int(match["port"]) if match["port"] else None))
    return entries


def check(scope: Any, listed: Iterable[Listed] = ()) -> None:
    """Let an http or websocket scope pass, or say why not.

    Raises
    ------
    WrongHost
        Where the Host header is not there once, or is none of the server's addresses.
    WrongPage
        Where the request was made by a page of another origin, or does not say by which although it has to.
    """
    addresses = _named(scope, listed)
    origins = _values(scope, b"origin")
    has_to_say = scope["type"] == "websocket" or scope["method"] not in SAFE
    if len(origins) > 1 or (has_to_say and not origins):
        raise WrongPage(
            f"Found {len(origins)} Origin headers where one is expected. A program that opens the websocket or changes "
            f"something sends Origin: {addresses[0]}"
        )
    if origins and _address(_ORIGIN.fullmatch(origins[0].lower())) not in addresses:
        raise WrongPage(
            f"This was asked by a page of {_shown(origins[0])}; only pages of {addresses[0]} may ask it. Open "
            f"{addresses[0]} in a tab of its own. Behind a proxy, let it pass on the Host header as the browser sent "
            f"it, and list the address that users open in {VARIABLE}."
        )
    if any(site not in ("same-origin", "none") for site in _values(scope, b"sec-fetch-site")) and not _opens(scope):
        raise WrongPage(
            f"This was asked by a page of another address; only pages of {addresses[0]} may ask it. Open "
            f"{addresses[0]} in a tab of its own."
        )


def own_addresses(scope: Any) -> list[Address]:
    """Where this server is found without any setting: loopback and the address the connection came in on, its port."""
    server = scope.get("server")
    if not server or server[1] is None:  # a Unix socket
        return []
    hosts = list(LOOPBACK)
    try:
        arrived = ipaddress.ip_address(server[0])
    except ValueError:
        pass
    else:
        arrived = getattr(arrived, "ipv4_mapped", None) or arrived  # an IPv4 visitor of a server bound to ::
        host = f"[{arrived}]" if arrived.version == 6 else str(arrived)
        hosts += [host] if host not in hosts else []
    return [Address(_scheme(scope), host, server[1]) for host in hosts]


def _named(scope: Any, listed: Iterable[Listed]) -> list[Address]:
    """The server's addresses that the Host header names: one, or two where http and https are both listed."""
    own = own_addresses(scope)
    known = own + [_resolved(entry, scope) for entry in listed]
    hosts = _values(scope, b"host")
    match = _HOST_HEADER.fullmatch(hosts[0].lower()) if len(hosts) == 1 else None
    if match is not None:
        host = _host(match)
        port = int(match["port"]) if match["port"] else None
        named = [address for address in known if (address.host, address.port) == (host, port or PORTS[address.scheme])]
        if named:
            return named
    seen = f"asked for {_shown(hosts[0])}" if len(hosts) == 1 else f"found {len(hosts)} Host headers"
    at = ", ".join(map(str, own[: len(LOOPBACK)])) or "the addresses of " + VARIABLE
    raise WrongHost(
        f"This server does not go by that name: {seen}, expected one of {at}. Open one of these, or list the address "
        f"in {VARIABLE} before the server starts."
    )


def _resolved(entry: Listed, scope: Any) -> Address:
    scheme = entry.scheme or _scheme(scope)
    own = (scope.get("server") or (None, None))[1] if entry.scheme is None else None
    return Address(scheme, entry.host, entry.port or own or PORTS[scheme])


def _scheme(scope: Any) -> str:
    return "https" if scope.get("scheme") in ("https", "wss") else "http"


def _address(match: re.Match[str] | None) -> Address | None:
    if match is None or (host := _host(match)) is None:
        return None
    return Address(match["scheme"], host, int(match["port"]) if match["port"] else PORTS[match["scheme"]])


def _host(match: re.Match[str]) -> str | None:
    """The host of a match, an IPv6 address in its short form; None where brackets hold none."""
    host = match["host"]
    if not host.startswith("["):
        return host
    try:
        return f"[{ipaddress.IPv6Address(host[1:-1])}]"
    except ValueError:
        return None


def _opens(scope: Any) -> bool:
    """Whether a link opens the app in a tab: what another site may do."""
    mode, goal = _values(scope, b"sec-fetch-mode"), _values(scope, b"sec-fetch-dest")
    return scope["type"] == "http" and scope["method"] == "GET" and mode == ["navigate"] and goal == ["document"]


def _values(scope: Any, name: bytes) -> list[str]:
    return [value.decode("latin-1") for key, value in scope["headers"] if key.lower() == name]


def _shown(text: str) -> str:
    """What somebody sent, fit for a message: short and in plain characters."""
    return repr(ascii(text)[1:-1][:80])


async def _refuse(scope: Any, receive: Any, send: Any, refused: Refused) -> None:
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.close", "code": 1008})  # before it was opened: the server answers 403
        return
    body = f"{refused.words}\n".encode()
    headers = [
        (b"content-type", b"text/plain; charset=utf-8"),
        (b"content-length", str(len(body)).encode()),
        (b"connection", b"close"),  # a body that was sent along is not read
    ]
    status = 421 if isinstance(refused, WrongHost) else 403
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
