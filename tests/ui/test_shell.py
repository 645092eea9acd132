"""The frame in the first response: a header and an empty page of the right shape, before a script has run."""

import asyncio
import re
from pathlib import Path

import pytest
from streamlit import file_util

from xraykit import RESEARCH_ONLY
from xraykit.ui.navigation import TITLES
from xraykit.ui.server.headers import content_security
from xraykit.ui.server.shell import shell

INNER = (Path(file_util.get_static_dir()) / "index.html").read_text("utf-8")


def ask(path: str, kind: str = "text/html; charset=utf-8", status: int = 200, method: str = "GET"):
    """What comes back through the frame where the app inside answers with an HTML page of its own."""
    sent = []

    async def inner(scope, receive, send):
        await send({"type": "http.response.start", "status": status, "headers": [(b"content-type", kind.encode())]})
        await send({"type": "http.response.body", "body": b"inner", "more_body": True})
        await send({"type": "http.response.body", "body": b""})

    async def send(message):
        sent.append(message)

    asyncio.run(shell.Shell(inner)({"type": "http", "method": method, "path": path}, None, send))
    headers = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
    return (
        sent[0]["status"],
        headers,
        b"".join(message.get("body", b"") for message in sent[1:]).decode(errors="replace"),
    )


@pytest.mark.parametrize("address", TITLES)
def test_the_first_response_holds_the_frame_and_the_shape_of_the_page(address):
    status, headers, page = ask(f"/{address}")
    title = TITLES[address][1]
    assert status == 200 and int(headers["content-length"]) == len(page.encode())
    assert f"<title>{title} · xraykit</title>" in page and f'data-page="{address}" data-drawn="no"' in page
    links = re.findall(r'<a href="\./([a-z-]+)" data-page="\1"( aria-current="page")?>([^<]+)</a>', page)
    assert [(name, label) for name, _, label in links] == [(name, label) for name, (_, label) in TITLES.items()]
    assert [name for name, here, _ in links if here] == [address]
    assert RESEARCH_ONLY in page and f'<div data-page="{address}"' in page.split('id="xk-skeletons"')[1]
    assert page.index('id="xk-frame"') < page.index('<div id="root"') < page.index("style.css")


def test_what_streamlit_needs_is_still_in_the_page():
    page = shell.framed(INNER, "compare")
    needed = re.findall(r"<script.*?</script>|<link rel=\"(?:modulepreload|stylesheet|preload)\"[^>]*>", INNER, re.S)
    assert len(needed) > 10 and all(part in page for part in needed)
    assert content_security(page) == content_security(INNER), "no inline script of its own"
    assert not re.search(r"\sstyle=|\son\w+=", page)


def test_the_browser_fetches_nothing_of_streamlits_before_the_frame_is_drawn_but_its_font():
    before, later = shell.framed(INNER, "compare").split("<template")
    assert "/static/js/" not in before and "stylesheet" not in before and "/static/css/" not in before
    assert later.index("/static/css/") < later.index("style.css") < later.index("/static/js/index."), "styles overrule"


def test_another_streamlits_page_is_not_guessed_at():
    with pytest.raises(ValueError, match=r"index\.html"):
        shell.framed(INNER.replace('id="root"', 'id="app"'), "compare")


@pytest.mark.parametrize("path", ["/", "/nowhere", "/base/review"])
def test_an_address_without_a_page_opens_as_the_first(path):
    assert 'data-page="review" data-drawn="no"' in ask(path)[2]


@pytest.mark.parametrize(
    ("path", "kind", "status"),
    [
        ("/media/report.html", "text/html", 200),
        ("/reading-room/key/state", "text/html", 200),
        ("/compare", "text/plain; charset=utf-8", 200),
        ("/compare", "text/html", 404),
        ("/shell/nothing.css", "text/css", 200),
    ],
)
def test_other_answers_pass_as_they_are(path, kind, status):
    assert ask(path, kind, status)[::2] == (status, "inner")


def test_its_files_are_kept_by_the_browser_until_they_change():
    page = ask("/compare")[2]
    named = re.findall(r'"\./shell/([a-z.]+)\?([0-9a-f]{12})"', page)
    assert {name for name, _ in named} == set(shell.FILES)
    for name, _ in named:
        status, headers, body = ask(f"/shell/{name}")
        assert status == 200 and body != "inner" and headers["content-type"] == shell.FILES[name][1]
        assert "immutable" in headers["cache-control"]
    assert ask("/shell/style.css", method="HEAD")[2] == ""
