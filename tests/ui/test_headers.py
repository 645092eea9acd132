"""What every response says to the browser."""

import asyncio
from pathlib import Path

import pytest
from streamlit import file_util

from xraykit.ui.server import door
from xraykit.ui.server.headers import SecureHeaders, content_security

PAGE = (Path(file_util.get_static_dir()) / "index.html").read_text("utf-8")


def headers_of(path: str, app) -> dict[str, str]:
    sent = []

    async def send(message):
        sent.append(message)

    scope = {"type": "http", "method": "GET", "path": path, "headers": [], "server": ("127.0.0.1", 8501)}
    asyncio.run(SecureHeaders(app)(scope, None, send))
    headers = [(name.decode(), value.decode()) for name, value in sent[0]["headers"]]
    assert len(dict(headers)) == len(headers), "each header once"
    return dict(headers)


async def empty(scope, receive, send):
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"0")]})
    await send({"type": "http.response.body"})


@pytest.mark.parametrize("app", [empty, door.Door(empty)], ids=["answered", "refused"])
def test_every_response_forbids_other_pages(app):
    headers = headers_of("/review", app)
    assert headers["cross-origin-opener-policy"] == headers["cross-origin-resource-policy"] == "same-origin"
    assert headers["x-frame-options"] == "DENY" and "frame-ancestors 'none'" in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff" and headers["referrer-policy"] == "no-referrer"
    assert "cache-control" not in headers


def test_a_films_picture_stays_out_of_the_browsers_cache():
    for path in ("/media/ab12.png", "/base/media/report.html"):
        assert headers_of(path, empty)["cache-control"] == "no-store"


def test_no_script_runs_but_streamlits_own():
    policy = dict(part.split(" ", 1) for part in content_security(PAGE).split("; "))
    sources = policy["script-src"].split()
    hashes = [source for source in sources if source.startswith("'sha256-")]
    assert sorted(set(sources) - set(hashes)) == ["'self'", "'wasm-unsafe-eval'"]
    assert len(hashes) == PAGE.count("<script>") == 1, "Streamlit's page has other inline scripts than it had"
    assert policy["default-src"] == "'self'" and policy["object-src"] == "'none'"
    assert "*" not in content_security(PAGE) and "http" not in content_security(PAGE)


def test_a_changed_inline_script_gets_its_own_hash():
    changed = content_security("<script>a</script><script src='b.js'></script><script>c</script>")
    assert changed.count("'sha256-") == 2 and "'sha256-ypeBEsobvcr6wjGzmiPcTaeG7/gUfE5yuYB3ha/uSLs='" in changed
