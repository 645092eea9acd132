"""A worklist: its order, its versions, and which films come first."""

import threading
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from tests.helpers import fakes
from xraykit.films.note import Note
from xraykit.films.refusal import Refusal
from xraykit.gate.verdict import Asked, Outcome
from xraykit.models.classifier import Prediction
from xraykit.models.service.heatmaps import Agreement
from xraykit.models.service.scoring import Scored
from xraykit.reading.worklist.rows import BATCH, Worklist

WANTED = {"a": "1", "b": "1"}


def scored(sha: str = "0", tops: tuple = ("x", "x"), patient: str | None = None) -> Scored:
    """What the service says of a film that two models read."""
    predictions = {}
    for name, top in zip(WANTED, tops, strict=True):
        probabilities = np.array([0.7, 0.3]) if top == "x" else np.array([0.3, 0.7])
        predictions[name] = Prediction(("x", "y"), probabilities, np.log(probabilities))
    notes = (Note("cropped", "Cropped."),)
    film = fakes.glance("film", sha, notes=notes, width=10, height=12, patient=patient)
    return Scored(
        film,
        gate=Outcome("off"),
        predictions=predictions,
        agreement={("a", "b"): Agreement(tops, 0.5, 0.25)},
    )


def of(count: int, *, wanted: dict | None = WANTED) -> Worklist:
    films = Worklist()
    films.add([(f"{number}.png", Path(f"/films/{number}.png")) for number in range(1, count + 1)])
    films.want(wanted or {})
    return films


def taken(films: Worklist, looked_at: bool = False) -> list[str]:
    """The films a worker gets; it must not have to wait."""
    got: list = []
    worker = threading.Thread(target=lambda: got.append(films.take(looked_at)), daemon=True)
    worker.start()
    worker.join(60)  # a hang limit
    assert got, "there is nothing to read"
    return [row.id for row in got[0][0]]


def read(films: Worklist, *names: str, **more) -> None:
    for name in names:
        films.settle(films.get(name), scored(sha=name, **more), WANTED)


def test_films_keep_their_order_and_each_change_has_a_version():
    films = of(3)
    everything = films.since(0)
    assert everything.order == ["1", "2", "3"] and [row.id for row in everything.rows] == ["1", "2", "3"]
    read(films, "2")
    changes = films.since(everything.version)
    assert changes.order is None and [row.id for row in changes.rows] == ["2"] and changes.removed == []
    assert films.since(changes.version).rows == []


def test_a_removed_film_is_named_and_gone_from_the_order():
    films = of(3)
    before = films.version
    assert [row.id for row in films.remove(["2", "9"])] == ["2"]
    changes = films.since(before)
    assert (changes.order, changes.removed) == (["1", "3"], ["2"])
    assert films.get("2") is None and [row.id for row in films.add([("4.png", Path("/4.png"))])] == ["4"]


def test_what_came_of_a_film_that_was_removed_meanwhile_is_dropped():
    films = of(2)
    row = films.get("1")
    taken(films)
    films.remove(["1"])
    films.settle(row, scored(), WANTED)
    assert films.counts().total == 1 and films.counts().done == 0


def test_the_first_film_comes_alone_then_batches():
    films = of(40)
    assert taken(films) == ["1"]
    read(films, "1")
    assert len(taken(films)) == BATCH and taken(films)[0] == str(2 + BATCH)


def test_the_film_looked_at_comes_first_then_those_ahead_then_the_rest():
    films = of(50)
    read(films, *taken(films))
    films.look("40", ["41", "42"])
    assert [taken(films, looked_at=True) for _ in range(2)] == [["40"], ["41"]]
    assert taken(films) == ["42"] and taken(films)[0] == "2"


def test_who_reads_what_is_looked_at_waits_for_it():
    films = of(3)
    got = []
    worker = threading.Thread(target=lambda: got.append(films.take(looked_at=True)), daemon=True)
    worker.start()
    films.look("3")
    worker.join(60)
    assert [row.id for row in got[0][0]] == ["3"]


def test_closing_ends_who_waits():
    films = Worklist()
    got = []
    workers = [threading.Thread(target=lambda: got.append(films.take()), daemon=True) for _ in range(3)]
    for worker in workers:
        worker.start()
    films.close()
    for worker in workers:
        worker.join(60)
    assert got == [None] * 3


def test_a_refusal_stands_in_its_row_and_is_not_read_again():
    films = of(1)
    row = films.get(taken(films)[0])
    films.settle(row, Refusal("1.png", "truncated", "The file is cut short."), WANTED)
    assert (row.state, row.refusal.code) == ("refused", "truncated")
    films.add([("2.png", Refusal("2.png", "encrypted", "It is encrypted."))])
    assert films.counts().refused == 2 and films.counts().waiting == 0
    films.want({"c": "1"})
    films.add([("3.png", Path("/3.png"))])
    assert taken(films) == ["3"]


def test_a_film_that_is_asked_for_in_another_way_while_it_is_refused_is_read_anew():
    films = of(1)
    row = films.get(taken(films)[0])
    films.ask(row, Asked("overridden"))
    films.settle(row, Refusal("1.png", "service", "The service stopped twice."), WANTED)
    assert row.state == "waiting" and taken(films) == ["1"]


def test_a_model_that_appears_or_changes_reads_on_and_one_that_goes_is_forgotten():
    films = of(2)
    read(films, "1", "2")
    films.want({"a": "1", "b": "2"})
    assert taken(films) == ["1", "2"]
    for name in ("1", "2"):
        films.settle(films.get(name), scored(sha=name), {"a": "1", "b": "2"})
    before = films.version
    films.want({"a": "1"})
    assert [row.id for row in films.since(before).rows] == ["1", "2"]
    assert list(films.get("1").models) == ["a"] and films.get("1").compared == {}


def test_a_film_read_while_the_models_changed_is_read_on():
    films = of(1)
    taken(films)
    films.want({**WANTED, "c": "1"})
    read(films, "1")
    assert taken(films) == ["1"]


def test_a_model_that_was_put_away_while_a_film_was_read_says_nothing_of_it():
    films = of(1)
    taken(films)
    films.want({"a": "1"})
    read(films, "1")
    assert list(films.get("1").models) == ["a"] and films.get("1").compared == {}


def test_films_that_were_not_read_are_given_back():
    films = of(3)
    read(films, *taken(films))
    rows = [films.get(name) for name in taken(films)]
    films.release(rows)
    assert sorted(taken(films)) == ["2", "3"]


def test_the_same_film_twice_is_named():
    films = of(3)
    for name in ("1", "2", "3"):
        films.settle(films.get(name), scored(sha="same"), WANTED)
    assert [films.get(name).same_as for name in ("1", "2", "3")] == [None, "1", "1"]
    before = films.version
    films.remove(["1"])
    assert [films.get(name).same_as for name in ("2", "3")] == [None, "2"]
    assert [row.id for row in films.since(before).rows] == ["2", "3"]


def test_films_of_a_patient_have_a_number_and_models_that_disagree_are_told():
    films = of(3)
    for name, patient in (("1", "p"), ("2", None), ("3", "p")):
        films.settle(films.get(name), scored(sha=name, patient=patient, tops=("x", "y")), WANTED)
    assert [films.get(name).group for name in ("1", "2", "3")] == [1, None, 1]
    assert films.get("1").disagree and films.get("1").compared == {("a", "b"): (0.5, 0.25)}


def test_stopping_forgets_what_nobody_has_read():
    films = of(20)
    read(films, *taken(films))
    busy = taken(films)
    films.stop_waiting()
    assert set(films.since(0).order) == {"1", *busy}


def test_the_time_left_follows_the_pace(monkeypatch):
    films = of(10)
    clock = iter(range(100))
    monkeypatch.setattr("xraykit.reading.worklist.rows.time", SimpleNamespace(monotonic=lambda: next(clock)))
    assert films.counts().seconds is None
    read(films, "1", "2", "3")
    assert films.counts().waiting == 7 and films.counts().seconds == pytest.approx(7)
    read(films, *map(str, range(4, 11)))
    assert films.counts().seconds is None


def test_words_of_a_model_that_cannot_read_stand_in_its_place():
    films = of(1)
    result = scored()
    result.predictions["b"] = "The model b is broken."
    films.settle(films.get("1"), result, WANTED)
    reading = films.get("1").models["b"]
    assert (reading.top, reading.words) == (None, "The model b is broken.") and not films.get("1").disagree
