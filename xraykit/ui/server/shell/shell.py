"""What the browser draws before Streamlit does, and what never moves after: brand, pages, banner, empty panels.

Streamlit's own page is empty until 3 MB of script have run. `Shell` puts the frame into it as plain HTML: the header,
which stays as it is on every page, and a skeleton of the page that is asked for. Streamlit draws below the header.
`shell.js` lets Streamlit begin once the frame is on screen, takes the skeleton away once the page is drawn whole, hands
a click on a page's name to Streamlit, and keeps one entry a page in the browser's history. `stage.js` and `stage.css`
present a page, `print.css` is a page on paper.
"""

from __future__ import annotations

import hashlib
import html
import re
from pathlib import Path
from typing import Any

from streamlit import file_util

from xraykit import RESEARCH_ONLY
from xraykit.ui.navigation import TITLES

FOLDER = Path(__file__).parent
UI = FOLDER.parent.parent
FILES = {
    "shell.js": (FOLDER / "shell.js", "text/javascript"),
    "stage.js": (FOLDER / "stage.js", "text/javascript"),
    "stage.css": (FOLDER / "stage.css", "text/css"),
    "print.css": (FOLDER / "print.css", "text/css"),
    "style.css": (UI / "style.css", "text/css"),
    "report.css": (UI.parent / "reports" / "report.css", "text/css"),
    "favicon.png": (UI / "favicon.png", "image/png"),
}
# Each may overrule those before: for which medium it is
STYLES = {"style.css": "all", "report.css": "all", "stage.css": "screen", "print.css": "print"}
PRESENT = "Present this page (Shift+U). Arrow keys: next screen. Shift+V: dark or light. Esc: end."
EMPTY = "Nothing to show here yet. Point at the top of the screen to open another page."
ICON = (
    '<svg width="18" height="16" viewBox="0 0 18 16" aria-hidden="true">'
    '<path d="M1 1.5h16M2 1.5v9h14v-9M9 10.5v2M5.5 15 9 12.5 12.5 15"></path></svg>'
)
ADDRESS = "/shell/"
FIRST = "review"  # what / goes on to
# Answers in HTML below these are no pages: films' reports, Streamlit's own
ELSEWHERE = ("/_stcore/", "/media/", "/component/", "/static/", "/reading-room/")
# What is changed in Streamlit's index.html, by name
_PARTS = {
    "html": r"<html",
    "title": r"<title>[^<]*</title>",
    "icon": r"<link rel=\"shortcut icon\"[^>]*>",
    "font": r"<link\s+rel=\"preload\"[^>]*SourceSans[^>]*>",
    "script": r"<script type=\"module\"[^>]*></script>(?:\s*<link rel=\"modulepreload\"[^>]*>)*",
    "style": r"<link rel=\"stylesheet\"[^>]*>",
    "root": r"<div id=\"root\"",
    "end": r"</body>",
}
_PART = re.compile("|".join(f"(?P<{name}>{part})" for name, part in _PARTS.items()))
_FONT = re.compile(r"href=\"([^\"]*SourceSans[^\"]*\.woff2)\"")


class Shell:
    """ASGI middleware: Streamlit's empty page becomes the frame with Streamlit inside; serves `/shell/`."""

    def __init__(self, app: Any) -> None:
        self.app = app
        self.files = {name: (path.read_bytes(), kind) for name, (path, kind) in FILES.items()}
        inner = (Path(file_util.get_static_dir()) / "index.html").read_text("utf-8")
        self.pages = {page: framed(inner, page).encode() for page in TITLES}

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http" or any(part in scope["path"] for part in ELSEWHERE):
            await self.app(scope, receive, send)
            return
        place, _, name = scope["path"].rpartition("/")
        if f"{place}/".endswith(ADDRESS) and name in self.files and scope["method"] in ("GET", "HEAD"):
            body, kind = self.files[name]
            await _answer(scope, send, body, kind, b"public, immutable, max-age=31536000")
            return
        body = self.pages.get(name, self.pages[FIRST])
        replaced = False

        async def send_framed(message: dict[str, Any]) -> None:
            nonlocal replaced
            if message["type"] == "http.response.start" and _is_page(message):
                replaced = True
                await _answer(scope, send, body, "text/html; charset=utf-8", b"no-cache")
            elif not replaced:
                await send(message)

        await self.app(scope, receive, send_framed)


def framed(inner: str, page: str) -> str:
    """Streamlit's index.html with the frame around it, as it opens on `page`.

    Raises
    ------
    ValueError
        If it is not built as expected: another version of Streamlit.
    """
    parts = {match.lastgroup or "": match[0] for match in _PART.finditer(inner)}
    font = _FONT.search(inner)
    if set(parts) != set(_PARTS) or len(_PART.findall(inner)) > len(_PARTS) or font is None:
        raise ValueError("Streamlit's index.html is not the one that the frame was made for.")
    put = {
        "html": f'{parts["html"]} data-page="{page}" data-drawn="no"',
        "title": f"<title>{TITLES[page][1]} · xraykit</title>",
        "icon": f'<link rel="shortcut icon" href="{_address("favicon.png")}" />',
        "font": parts["font"],
        "script": f"{_style(font[1])}{_script('shell.js')}{_script('stage.js')}",
        "style": "",
        "root": f'{_body(page)}{parts["root"]} aria-busy="true"',
        "end": f"{_later(parts['style'], *map(_link_to, STYLES), parts['script'])}{parts['end']}",
    }
    return _PART.sub(lambda match: put[match.lastgroup or ""], inner)


def _style(font: str) -> str:
    """The frame's own style, and the font that Streamlit's page loads first, under Streamlit's name for it."""
    face = f'font-family: "Source Sans"; font-weight: 100 900; src: url("{font}") format("woff2"); font-display: swap'
    return f"<style>@font-face {{ {face} }}\n{(FOLDER / 'shell.css').read_text('utf-8')}</style>"


def _later(*parts: str) -> str:
    """What the browser leaves alone until `shell.js` has drawn the frame: 60 files, of which it needs none for it."""
    return f'<template id="xk-later">{"".join(parts)}</template>'


def _script(name: str) -> str:
    return f'<script type="module" src="{_address(name)}"></script>'


def _link_to(name: str) -> str:
    return f'<link rel="stylesheet" media="{STYLES[name]}" href="{_address(name)}" />'


def _body(page: str) -> str:
    links = "".join(_link(address, title, address == page) for address, (_, title) in TITLES.items())
    skeletons = (FOLDER / "skeletons.html").read_text("utf-8").replace("<div data-page", "<div hidden data-page")
    skeletons = skeletons.replace(f'<div hidden data-page="{page}"', f'<div data-page="{page}"')
    return (
        f'<header id="xk-frame"><span class="xk-brand">xraykit</span><nav aria-label="Pages">{links}</nav>'
        f'<button type="button" id="xk-present" aria-pressed="false" aria-label="Present" title="{PRESENT}">'
        f"{ICON}</button>"
        f'<p class="xk-banner" role="note">{html.escape(RESEARCH_ONLY)}</p></header>'
        f'<footer id="xk-stage" hidden><p role="note">{html.escape(RESEARCH_ONLY)}</p><p class="xk-stage-title"></p>'
        f'<p class="xk-stage-count" role="status"></p><p>Esc ends</p></footer><div id="xk-stage-below" hidden></div>'
        f'<p class="xk-stage-empty" hidden>{EMPTY}</p>'
        f'<div id="xk-skeletons" aria-hidden="true">{skeletons}</div>'
    )


def _link(address: str, title: str, current: bool) -> str:
    here = ' aria-current="page"' if current else ""
    return f'<a href="./{address}" data-page="{address}"{here}>{html.escape(title)}</a>'


def _address(name: str) -> str:
    """Where the browser gets a file; another address when the file has changed."""
    digest = hashlib.sha256(FILES[name][0].read_bytes()).hexdigest()[:12]
    return f".{ADDRESS}{name}?{digest}"


def _is_page(message: dict[str, Any]) -> bool:
    kinds = [value for name, value in message.get("headers", ()) if name.lower() == b"content-type"]
    return message["status"] == 200 and bool(kinds) and kinds[0].startswith(b"text/html")


async def _answer(scope: Any, send: Any, body: bytes, kind: str, keep: bytes) -> None:
    headers = [
        (b"content-type", kind.encode()),
        (b"content-length", str(len(body)).encode()),
        (b"cache-control", keep),
    ]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})
