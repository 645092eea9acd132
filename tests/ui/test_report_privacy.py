"""Every format of every report, from films with planted strings where identifiers stand: none of it is in a file."""

from __future__ import annotations

import contextlib
import io
import re
import zipfile
import zlib
from pathlib import Path

import pytest
from starlette.applications import Starlette

from tests.helpers import asgi, fakes
from tests.helpers.room_tab import Tab
from tests.ui.test_reading_room_privacy import film, holds
from xraykit.ui.review.server.routes import ROUTES

pytestmark = pytest.mark.slow
VIEW = {"models": [card.name for card in fakes.CARDS]}
FILM_KINDS = ("pdf", "pptx", "html", "json", "markdown", "dicom", "dicom-state", "png")
FOLDER, NAME = "zqplant-ward", "zqplant-jane"


def test_nothing_that_is_planted_in_films_their_names_or_folders_is_taken_away(open_rooms, tmp_path):
    folder = tmp_path / FOLDER
    folder.mkdir()
    (folder / f"{NAME}.dcm").write_bytes(film(1, ViewPosition="ZQPLANT"))
    (folder / f"{NAME}-2.dcm").write_bytes(film(2)[:500])
    with asgi.Browser(Starlette(routes=ROUTES)) as browser:
        tab = Tab(browser)
        tab.post("open", {"path": str(folder)})
        rows = tab.until_read()
        assert sorted(row["state"] for row in rows) == ["ready", "refused"]
        (sound,) = (row["id"] for row in rows if row["state"] == "ready")
        browser.ask("PUT", tab.address(f"impression/{sound}"), {"finding": "Normal", "seconds": 3.5})
        files = dict(taken_away(tab, sound, [row["id"] for row in rows]))
    assert len(files) > 20
    faults = [name for name, data in files.items() if holds(data) or holds(name.encode())]
    assert faults == [] and not any(str(tmp_path).encode() in data for data in files.values())


def taken_away(tab: Tab, sound: str, films: list[str]):
    """Every format of a film's report, of the session, the sheet and a batch; unpacked."""
    for kind in FILM_KINDS:
        yield from fetched(tab, film=sound, kind=kind)
    for kind in ("pptx", "png"):
        yield from fetched(tab, film=sound, kind=kind, slide=True)
    work(tab, films, kind="json")
    yield from unpacked("batch", tab.get("report/work/file").body)
    work(tab, films, what="sheet")
    for what in ("sheet", "session"):
        for kind in ("html", "json", "markdown", "pptx"):
            yield from fetched(tab, what=what, kind=kind)


def fetched(tab: Tab, **asked: object):
    answer = tab.post("report/file", {"view": VIEW, **asked})
    assert answer.status == 200, asked
    yield from unpacked(f"{asked} {answer.headers['content-disposition']}", answer.body)


def work(tab: Tab, films: list[str], **asked: object) -> None:
    tab.post("report/work", {"films": films, "view": VIEW, **asked})
    while tab.get("report/work").json()["state"] == "running":
        pass


def unpacked(name: str, data: bytes):
    """A file, and where it is packed what is in it; the streams of a PDF."""
    yield name, data
    if data.startswith(b"PK"):
        with zipfile.ZipFile(io.BytesIO(data)) as packed:
            for member in packed.namelist():
                yield from unpacked(f"{name} {Path(member)}", packed.read(member))
    elif data.startswith(b"%PDF"):
        for place, stream in enumerate(re.findall(rb"stream\r?\n(.*?)\r?\nendstream", data, re.DOTALL)):
            with contextlib.suppress(zlib.error):
                yield f"{name} stream {place}", zlib.decompress(stream)
