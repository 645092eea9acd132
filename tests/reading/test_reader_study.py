"""A reader study in small, through the routes of the reading room: what is exported is what was counted by hand."""

import csv
import hashlib
import io
import json
from types import SimpleNamespace

import numpy as np
import pytest
from starlette.applications import Starlette

from tests.helpers import fakes, reader_study, study_check
from tests.helpers.asgi import ask
from tests.helpers.reader_study import CLASSES, MODELS
from xraykit.gate.verdict import Outcome
from xraykit.models.classifier import Prediction
from xraykit.models.service.scoring import Scored
from xraykit.reading import kept
from xraykit.reading.worklist.room import Room
from xraykit.ui.review.server import rooms, routes

APP = Starlette(routes=routes.ROUTES)
FILMS = reader_study.plan()


def scored(film, name):
    def prediction(model):
        p = np.array([0.8 if label == film.answers[model] else 0.1 for label in CLASSES])
        return Prediction(CLASSES, p, np.log(p))

    return Scored(
        fakes.glance(name, hashlib.sha256(name.encode()).hexdigest()),
        gate=Outcome("off"),
        predictions={model: prediction(model) for model in MODELS},
        agreement={},
    )


class Tab:
    """A tab's room with its films read, asked as a browser asks."""

    def __init__(self, folder, monkeypatch):
        monkeypatch.setenv("XRAYKIT_RUNS", str(folder / "runs"))
        self.key = rooms.create_room("session")
        self.seat = rooms.ROOMS.get(self.key)
        self.room = self.seat._room = Room(lambda: SimpleNamespace(restarts=0), self.seat._changed)
        self.room.cards = [SimpleNamespace(name=model, classes=CLASSES) for model in MODELS]
        films = folder / "films"
        self.room.folders.add(films)
        for film in FILMS:
            (films / film.name).parent.mkdir(parents=True, exist_ok=True)
            (films / film.name).touch()
        self.room.list.want(dict.fromkeys(MODELS, "1"))
        self.rows = self.room.list.add([(film.name, films / film.name) for film in FILMS])
        for row, film in zip(self.rows, FILMS, strict=True):
            self.room.list.settle(row, scored(film, film.name), dict.fromkeys(MODELS, "1"))

    def ask(self, method, path, body=b""):
        return ask(APP, method, f"/reading-room/{self.key}/{path}", body)

    def say(self, row, **values):
        answer = self.ask("PUT", f"impression/{row.id}", values)
        assert answer.status == 200, answer.body
        return answer.json()["impression"]

    def read_all(self):
        """As the page sends it: the finding before the models, then what came after. Gives the seconds of each film."""
        seconds = []
        for place, (row, film) in enumerate(zip(self.rows, FILMS, strict=True)):
            before, whole = 3.0 + place % 7, 5.5 + place % 11 + place % 7
            self.say(row, finding=film.before, seconds=before, blind=True)
            self.say(row, finding=film.last, agrees=film.says, seconds=whole)
            seconds.append((before, whole))
        return seconds


@pytest.fixture
def tab(tmp_path, monkeypatch):
    tab = Tab(tmp_path, monkeypatch)
    yield tab
    tab.seat.end()


def test_the_exported_summary_is_the_one_counted_by_hand(tab):
    tab.ask("POST", "reading", {"blind": True})
    seconds = tab.read_all()
    answer = tab.ask("GET", "reading").json()
    study_check.check_summary(answer, FILMS, seconds)
    assert answer["session"]["films"] == 60 and answer["kept"] == []
    whole = tab.ask("GET", "reading.json")
    assert whole.headers["content-disposition"] == 'attachment; filename="reading.json"'
    study_check.check_summary(whole.json()["summary"], FILMS, seconds)
    table = tab.ask("GET", "reading.csv")
    rows = list(csv.DictReader(io.StringIO(table.body.decode())))
    study_check.check_table(rows, FILMS)
    assert [(float(row["seconds_before_models"]), float(row["seconds"])) for row in rows] == seconds


def test_a_kept_session_is_resumed_in_another_tab_and_meets_its_films(tab, tmp_path, monkeypatch):
    made = tab.ask("POST", "reading", {"keep": True, "title": "Study", "names": True}).json()
    row, film = tab.rows[0], FILMS[0]
    tab.say(row, finding=film.before, blind=True, marks=[{"kind": "arrow", "points": [[1, 2]]}])
    other = Tab(tmp_path, monkeypatch)
    assert other.ask("POST", "reading", {"resume": made["name"]}).status == 400
    assert tab.ask("POST", "reading", {"end": True}).json()["films"] == 0
    changed = tab.ask("GET", "rows?since=0").json()["rows"]
    assert all(row["impression"] is None for row in changed)
    assert other.ask("POST", "reading", {"resume": made["name"]}).json()["films"] == 1
    told = other.ask("GET", "rows?since=0").json()["rows"][0]["impression"]
    assert (told["finding"], told["before"], told["blind"]) == (film.before, film.before, True)
    assert told["marks"] == [{"kind": "arrow", "points": [[1.0, 2.0]], "label": ""}]
    other.seat.end()
    (listed,) = kept.list_kept()
    assert (listed.title, listed.films, listed.open) == ("Study", 1, False)


def test_what_a_tab_did_not_keep_is_nowhere(tab, tmp_path):
    tab.say(tab.rows[0], finding="Normal", text="left base")
    tab.seat.end()
    assert not (tmp_path / "runs").exists()
    assert tab.ask("GET", "reading").status == 404


def test_labels_from_a_table_take_the_place_of_the_folders(tab):
    tab.say(tab.rows[0], finding="Normal")
    lines = ["film,finding", f"{tab.rows[0].facts.sha256},normal", "film-001.png,covid 19"]
    assert tab.ask("POST", "reading/labels?name=truth.csv", "\n".join(lines).encode()).json() == {
        "films": 1,
        "labels": 2,
    }
    tab.say(tab.rows[1], finding="Normal")
    rows = list(csv.DictReader(io.StringIO(tab.ask("GET", "reading.csv").body.decode())))
    assert [row["reference"] for row in rows] == ["Normal", "COVID-19"]
    refused = tab.ask("POST", "reading/labels?name=truth.csv", b"film,finding\na.png,Effusion\n")
    assert refused.status == 400 and "none of the findings" in refused.json()["words"]


def test_what_cannot_be_recorded_is_refused_in_words(tab):
    for body, words in (({"finding": "Effusion"}, "findings of this session"), (b"{", "as JSON")):
        answer = tab.ask("PUT", f"impression/{tab.rows[0].id}", body)
        assert answer.status == 400 and words in answer.json()["words"]
    assert tab.ask("PUT", "impression/none", {}).status == 404
    assert json.loads(tab.ask("POST", "reading", {"classes": ["A", "A"]}).body)["code"] == "reading-session"
