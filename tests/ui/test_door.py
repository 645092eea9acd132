"""Who may come in: the whole door driven with made-up requests, over http and as websockets."""

import asyncio
import itertools

import pytest

from xraykit.ui.server import door

PORT = 8501
HOME = "127.0.0.1:8501"
PATHS = ["/", "/review", "/_stcore/health", "/media/ab12.png", "/_stcore/upload_file/session/file", "/static/js/a.js"]
OPEN_IN_A_TAB = {"sec-fetch-mode": "navigate", "sec-fetch-dest": "document"}


def scope_of(
    *headers: tuple[str, str], kind="http", method="GET", path="/", server=("127.0.0.1", PORT), **more
) -> dict:
    scheme = "http" if kind == "http" else "ws"
    sent = [(name.encode(), value.encode("latin-1")) for name, value in headers]
    scope = {"type": kind, "method": method, "path": path, "headers": sent, "server": server, "scheme": scheme, **more}
    if kind == "websocket":
        del scope["method"]
    return scope


def answer(scope: dict, monkeypatch, hosts: str = "") -> tuple[int, str]:
    """Status and words; 200 if the request reached the app. Of a websocket that was closed unopened the code, 1008."""
    monkeypatch.setenv(door.VARIABLE, hosts)
    sent, reached = [], []

    async def app(scope, receive, send):
        reached.append(scope)

    async def receive():
        return {"type": "websocket.connect"}

    async def send(message):
        sent.append(message)

    asyncio.run(door.Door(app)(scope, receive, send))
    if reached:
        assert reached == [scope] and not sent
        return 200, ""
    assert sent, "neither passed nor refused"
    if sent[0]["type"] == "websocket.close":
        return sent[0]["code"], ""
    start, body = sent
    assert (
        start["type"].endswith("http.response.start")
        and (b"content-type", b"text/plain; charset=utf-8") in start["headers"]
    )
    return start["status"], body["body"].decode()


def status(*headers, monkeypatch, hosts="", **scope) -> int:
    return answer(scope_of(*headers, **scope), monkeypatch, hosts)[0]


@pytest.mark.parametrize("path", PATHS)
def test_the_own_page_asks_for_everything(path, monkeypatch):
    own = ("host", HOME), ("origin", f"http://{HOME}"), ("sec-fetch-site", "same-origin")
    for method in ("GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS"):
        assert status(*own, path=path, method=method, monkeypatch=monkeypatch) == 200
    assert status(*own, path=path, kind="websocket", monkeypatch=monkeypatch) == 200
    assert status(("host", HOME), ("sec-fetch-site", "none"), path=path, monkeypatch=monkeypatch) == 200, "typed in"
    assert status(("host", HOME), path=path, monkeypatch=monkeypatch) == 200, "curl"


GOOD_HOSTS = ["127.0.0.1:8501", "localhost:8501", "[::1]:8501", "LocalHost:8501", "[0:0:0:0:0:0:0:1]:8501"]
BAD_HOSTS = """evil.example evil.example:8501 localhost.evil.example:8501 evil.localhost:8501
127.0.0.1.evil.example:8501
localhost.:8501 127.0.0.1 localhost localhost:80 localhost:9000 127.0.0.1:85010 127.0.0.2:8501 0.0.0.0:8501 [::]:8501
[::ffff:127.0.0.1]:8501 [::1%25lo]:8501 [::1:8501 ::1:8501 [localhost]:8501 127.1:8501 0x7f.1:8501 2130706433:8501
user@127.0.0.1:8501 127.0.0.1:8501@evil.example 127.0.0.1:8501/ 127.0.0.1:8501,evil.example http://127.0.0.1:8501
127.0.0.1:8501#a 127.0.0.1:8501?a 127.0.0.1:+8501 127.0.0.1:08501 127.0.0.1:0
127.0.0.1:-1 127.0.0.1:8501:8501 127.0.0.1: 127.0.0.1:99999 :8501
192.168.1.5:8501 löcalhost:8501 *""".split()


@pytest.mark.parametrize("kind", ["http", "websocket"])
def test_only_a_host_that_is_this_server_is_answered(kind, monkeypatch):
    for host in GOOD_HOSTS:
        own = ("host", host), ("origin", f"http://{host}")
        assert status(*own, kind=kind, monkeypatch=monkeypatch) == 200, host
    for host, path in itertools.product([*BAD_HOSTS, "", " ", "127.0.0.1:8501 ", "127.0.0.1:8501\t"], PATHS):
        own = (
            ("host", host),
            ("origin", f"http://{host}"),
            ("x-forwarded-host", HOME),
            ("sec-fetch-site", "same-origin"),
        )
        code = status(*own, kind=kind, path=path, monkeypatch=monkeypatch)
        assert code == (421 if kind == "http" else 1008), (host, path)


@pytest.mark.parametrize("hosts", [[], [HOME, HOME], [HOME, "evil.example"], ["evil.example", HOME]])
def test_a_host_is_named_once(hosts, monkeypatch):
    code, words = answer(scope_of(*(("host", host) for host in hosts)), monkeypatch)
    assert code == 421 and f"found {len(hosts)} Host headers" in words


BAD_ORIGINS = """http://127.0.0.1:9000 http://localhost:8501 https://127.0.0.1:8501 http://127.0.0.1 http://127.0.0.1:85010
http://evil.example:8501 http://127.0.0.1.evil.example:8501 http://127.0.0.1:8501.evil.example null file:// NULL
http://user@127.0.0.1:8501 http://127.0.0.1:8501/ http://127.0.0.1:8501/review ws://127.0.0.1:8501 //127.0.0.1:8501
127.0.0.1:8501 http://[::1]:8501 http://127.0.0.1.:8501 chrome-extension://abcdef about:blank *""".split()


def test_a_page_of_another_origin_may_not_ask(monkeypatch):
    for origin, path in itertools.product(
        [*BAD_ORIGINS, "", f"http://{HOME} http://{HOME}", f"http://{HOME}\0"], PATHS
    ):
        sent = ("host", HOME), ("origin", origin), ("x-forwarded-host", "evil.example")
        for method in ("GET", "POST", "PUT", "DELETE", "OPTIONS"):
            assert status(*sent, path=path, method=method, monkeypatch=monkeypatch) == 403, (origin, path, method)
        assert status(*sent, path=path, kind="websocket", monkeypatch=monkeypatch) == 1008, (origin, path)
    twice = ("host", HOME), ("origin", f"http://{HOME}"), ("origin", "http://evil.example")
    assert status(*twice, monkeypatch=monkeypatch) == 403
    assert status(*twice, kind="websocket", monkeypatch=monkeypatch) == 1008


def test_who_opens_the_websocket_or_changes_something_says_where_from(monkeypatch):
    assert status(("host", HOME), kind="websocket", monkeypatch=monkeypatch) == 1008
    for method in ("POST", "PUT", "DELETE", "OPTIONS", "PATCH", "get"):
        assert status(("host", HOME), method=method, monkeypatch=monkeypatch) == 403, method


@pytest.mark.parametrize("site", ["cross-site", "same-site", "", "Same-Origin", "anything"])
def test_another_site_may_link_here_and_no_more(site, monkeypatch):
    def asks(mode: str, goal: str, **scope) -> int:
        fetched = ("sec-fetch-site", site), ("sec-fetch-mode", mode), ("sec-fetch-dest", goal)
        return status(("host", HOME), *fetched, monkeypatch=monkeypatch, **scope)

    assert asks("navigate", "document") == 200
    for goal in ("iframe", "frame", "object", "embed", "image", "script", "empty", "style", "worker", "video", ""):
        assert asks("navigate", goal, path="/media/ab12.png") == 403
        assert asks("no-cors", goal, path="/media/ab12.png") == 403
    assert asks("no-cors", "document") == 403
    assert asks("navigate", "document", method="HEAD") == 403
    assert status(("host", HOME), ("sec-fetch-site", site), monkeypatch=monkeypatch) == 403
    own = ("host", HOME), ("origin", f"http://{HOME}"), ("sec-fetch-site", site)
    assert status(*own, *OPEN_IN_A_TAB.items(), kind="websocket", monkeypatch=monkeypatch) == 1008
    assert status(*own, *OPEN_IN_A_TAB.items(), method="POST", monkeypatch=monkeypatch) == 403
    assert status(*own, ("sec-fetch-site", "same-origin"), monkeypatch=monkeypatch) == 403, "said twice"


@pytest.mark.parametrize(
    ("server", "scheme", "host", "passes"),
    [
        (("192.168.1.5", 8501), "http", "192.168.1.5:8501", True),
        (("192.168.1.5", 8501), "http", "localhost:8501", True),  # a mapped port of the same number, ssh -L
        (("192.168.1.5", 8501), "http", "192.168.1.6:8501", False),
        (("192.168.1.5", 8501), "http", "workstation:8501", False),
        (("::ffff:192.168.1.5", 8501), "http", "192.168.1.5:8501", True),
        (("fd00::5", 8501, 0, 0), "http", "[FD00:0::5]:8501", True),
        (("127.0.0.1", 80), "http", "localhost", True),
        (("127.0.0.1", 80), "http", "localhost:80", True),
        (("127.0.0.1", 80), "http", "localhost:0", False),
        (("127.0.0.1", 443), "https", "localhost", True),
        (("127.0.0.1", 443), "http", "localhost", False),
        (("127.0.0.1", 80), "https", "localhost", False),
        (("/run/xraykit.sock", None), "http", "localhost", False),
        (None, "http", "localhost:8501", False),
    ],
)
def test_the_own_addresses_follow_from_where_the_connection_arrived(server, scheme, host, passes, monkeypatch):
    scope = scope_of(("host", host), ("origin", f"{scheme}://{host}"), server=server) | {"scheme": scheme}
    assert answer(scope, monkeypatch)[0] == (200 if passes else 421)


@pytest.mark.parametrize(
    ("hosts", "host", "origin", "code"),
    [
        ("workstation", "workstation:8501", "http://workstation:8501", 200),
        ("workstation", "workstation", "http://workstation", 421),
        ("workstation", "a.workstation:8501", "http://a.workstation:8501", 421),
        ("localhost:9000", "localhost:9000", "http://localhost:9000", 200),  # docker -p 9000:8501
        ("localhost:9000", "localhost:9000", "https://localhost:9000", 403),
        ("https://xray.example", "xray.example", "https://xray.example", 200),  # a proxy that passes on the Host
        ("HTTPS://XRAY.example/", "xray.example:443", "https://xray.example", 200),
        ("https://xray.example", "xray.example", "http://xray.example", 403),
        ("https://xray.example", "xray.example", "https://evil.example", 403),
        ("https://xray.example", "xray.example:80", "http://xray.example", 421),
        ("https://xray.example", HOME, "https://xray.example", 403),  # a proxy that does not
        ("https://xray.example, http://xray.example", "xray.example", "http://xray.example", 200),
        ("a.example:1,b.example:2", "a.example:2", "http://a.example:2", 421),
        ("https://[fd00::5]:8443", "[fd00::5]:8443", "https://[fd00::5]:8443", 200),
        ("*", "evil.example:8501", "http://evil.example:8501", 421),
        ("*.example", "evil.example:8501", "http://evil.example:8501", 421),
    ],
)
def test_listed_hosts_carry_their_own_scheme_and_port(hosts, host, origin, code, monkeypatch):
    sent = ("host", host), ("origin", origin)
    assert status(*sent, monkeypatch=monkeypatch, hosts=hosts) == code
    assert status(*sent, monkeypatch=monkeypatch, hosts=hosts, kind="websocket") == (code if code == 200 else 1008)
    assert status(("host", HOME), monkeypatch=monkeypatch, hosts=hosts) == 200, "its own addresses stay"


def test_an_entry_that_is_no_address_is_named_and_left_out(caplog):
    assert door.listed_hosts("ftp://a b.example/path c.example:x [zz] *.d, e.example") == [
        door.Listed(None, "e.example", None)
    ]
    assert "'b.example/path' is left out" in caplog.text and len(caplog.records) == 5


def test_a_refusal_says_what_was_found_expected_and_what_to_do(monkeypatch):
    code, words = answer(scope_of(("host", "Evil.example:8501")), monkeypatch)
    assert code == 421 and "'Evil.example:8501'" in words and "http://127.0.0.1:8501" in words
    assert "XRAYKIT_HOSTS" in words
    code, words = answer(scope_of(("host", HOME), ("origin", "http://127.0.0.1:9000")), monkeypatch)
    assert code == 403 and "'http://127.0.0.1:9000'" in words and f"http://{HOME}" in words
    _, words = answer(scope_of(("host", "<é\r\n" + "a" * 500)), monkeypatch)
    assert words.isascii() and len(words) < 450 and words.count("\n") == 1


def test_a_page_that_tries_for_ever_does_not_fill_the_log(monkeypatch, caplog):
    monkeypatch.delenv(door.VARIABLE, raising=False)
    guarded = door.Door(None)

    async def receive():
        return {"type": "websocket.connect"}

    async def send(message):
        assert message["type"] == "websocket.close"

    async def try_for_ever():
        for number in range(1000):
            origin = f"http://127.0.0.1:{1 + number % 500}"
            await guarded(scope_of(("host", HOME), ("origin", origin), kind="websocket"), receive, send)

    asyncio.run(try_for_ever())
    assert len(caplog.records) == len(set(caplog.messages)) == door.LOGGED


def test_only_requests_pass_the_door(monkeypatch):
    monkeypatch.delenv(door.VARIABLE, raising=False)
    reached = []

    async def app(scope, receive, send):
        reached.append(scope)

    asyncio.run(door.Door(app)({"type": "lifespan"}, None, None))
    assert reached == [{"type": "lifespan"}]
