"""A whole session over DICOM films with planted strings where identifiers stand: nothing that comes out has them."""

import json
import logging
import os
import tempfile
import zipfile
from pathlib import Path

import pytest
from starlette.applications import Starlette

from tests.helpers import asgi, bad_films, fakes
from tests.helpers.room_tab import Tab
from xraykit.ui.review.server.routes import ROUTES
from xraykit.ui.server.door import Door
from xraykit.ui.server.headers import SecureHeaders

PLANTED = {
    "PatientName": "ZQPLANT^Jane",
    "PatientID": "ZQPLANT-4711",
    "PatientBirthDate": "19570413",
    "AccessionNumber": "ZQPLANT99",
    "StudyDate": "20190823",
    "AcquisitionDate": "20190823",
    "StudyInstanceUID": "1.2.826.0.1.77777.5",
    "SOPInstanceUID": "1.2.826.0.1.77777.6",
    "InstitutionName": "ZQPLANT Hospital",
    "ReferringPhysicianName": "ZQPLANT^Ref",
    "StudyDescription": "ZQPLANT chest",
    "OperatorsName": "ZQPLANT^Op",
    "DeviceSerialNumber": "ZQPLANT-77",
    "RequestedProcedureDescription": "ZQPLANT thorax",
    "PatientComments": "ZQPLANT said so",
    "WindowCenterWidthExplanation": "ZQPLANT window",
}
MARKS = (b"ZQPLANT", b"19570413", b"1957-04-13", b"20190823", b"2019-08-23", b"1.2.826.0.1.77777")


def film(number: int, **more: object) -> bytes:
    values = bad_films.film_values((64, 60), number)
    return bad_films.dicom(values, **{**PLANTED, "WindowCenter": 100, "WindowWidth": 180, **more})


@pytest.fixture
def films() -> dict[str, bytes]:
    """Sound films, one with a clashing attribute, and broken ones: what is not understood gets into messages."""
    sound = film(1)
    return {
        "film-1.dcm": sound,
        "film-2.dcm": film(2, ViewPosition="ZQPLANT"),
        "film-3.dcm": sound[: len(sound) // 2],
        "film-4.dcm": film(4, PhotometricInterpretation="ZQPLANT"),
        "film-5.dcm": film(5, RescaleType="ZQPLANT", PixelSpacing=[0.2, 0.2], PatientOrientation=["ZQPLANT", "F"]),
    }


def test_what_is_planted_in_films_comes_out_nowhere(
    films, open_rooms, fake, spooled, tmp_path, monkeypatch, caplog, capfd
):
    monkeypatch.setenv("XRAYKIT_RUNS", str(tmp_path / "runs"))
    monkeypatch.setenv("XRAYKIT_FILM_SECRET", "secret of this test")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    caplog.set_level(logging.DEBUG)
    (tmp_path / "opened").mkdir()
    (tmp_path / "opened" / "by-path.dcm").write_bytes(film(7))
    with zipfile.ZipFile(tmp_path / "opened" / "zipped.zip", "w") as packed:
        packed.writestr("in-zip.dcm", film(8))
    answers = []
    with asgi.Browser(SecureHeaders(Door(Starlette(routes=ROUTES)))) as browser:
        tab = Tab(browser)

        def ask(method: str, rest: str, body: object = b"") -> asgi.Answer:
            answer = browser.ask(method, tab.address(rest), body)
            answers.append((f"{method} {rest}", answer))
            return answer

        for name, data in films.items():
            ask("POST", f"films?name={name}", data)
        ask("POST", "open", {"path": str(tmp_path / "opened" / "by-path.dcm")})
        ask("POST", "open", {"path": str(tmp_path / "opened" / "zipped.zip")})
        rows = tab.until_read()
        ask(
            "POST",
            "reading",
            {"keep": True, "title": "scan", "names": True, "pictures": True, "classes": list(fakes.CLASSES)},
        )
        for row in rows:
            for rest in (
                f"film/{row['id']}",
                f"thumb/{row['id']}",
                f"heat/{row['id']}?model=mobilenetv2-scratch&label=Normal",
            ):
                ask("GET", rest)
            ask("PUT", f"impression/{row['id']}", {"finding": "Normal", "seconds": 3.5, "flagged": True})
        for rest in ("state", "rows?since=0", "reading", "reading.csv", "reading.json"):
            assert ask("GET", rest).status == 200
        assert {row["state"] for row in rows} == {"ready", "refused"} and len(rows) == 7
        assert len({row["patient"] for row in rows if row["state"] == "ready"} - {None}) == 1
        logged = caplog.text + "".join(capfd.readouterr())
        own = {*films.values(), *(path.read_bytes() for path in (tmp_path / "opened").iterdir())}
        written = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    faults = [what for what, answer in answers if holds(answer.body) or holds(json.dumps(answer.headers).encode())]
    assert faults == [] and not holds(logged.encode())
    assert [path for path in written if holds(os.fsencode(path))] == []
    # What was dropped lies in the private folder as it came, under a name that says nothing; all else is ours
    assert [path for path, data in written.items() if holds(data) and data not in own] == []
    assert {path.parent.name for path, data in written.items() if data in own and "opened" not in path.parts} != set()
    assert any("runs" in path.parts for path in written), "the session was kept"


def holds(data: bytes) -> bool:
    """Is anything planted in it, in plain or as UTF-16? Pixels are no text."""
    text = data.replace(b"\0", b"")
    return any(mark.lower() in text.lower() for mark in MARKS)


def test_nothing_is_left_when_the_rooms_end(films, open_rooms, fake, spooled):
    with asgi.Browser(Starlette(routes=ROUTES)) as browser:
        tab = Tab(browser)
        for name, data in films.items():
            tab.post(f"films?name={name}", data)
        tab.until_read()
        open_rooms.close()
    assert [path for path in Path(spooled).rglob("*") if path.is_file()] == []
