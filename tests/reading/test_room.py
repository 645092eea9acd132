"""A reading room over a service that is none: films are read, models come and go, faults stay with their films."""

import threading
from pathlib import Path

import pytest

from tests.helpers import fakes
from xraykit.films.refusal import Refusal
from xraykit.models.service.lines import ServiceError
from xraykit.reading.worklist import sources
from xraykit.reading.worklist.room import Heats, Room
from xraykit.refused import Refused


class Watched:
    """A room whose changes a test waits for."""

    def __init__(self, client) -> None:
        self.changed = threading.Condition()
        self.room = Room(lambda: client, self.notify)
        self.room.set_models(*client.models())

    def notify(self) -> None:
        with self.changed:
            self.changed.notify_all()

    def until(self, true) -> None:
        with self.changed:
            assert self.changed.wait_for(true, 60), "a hang limit"

    def until_read(self) -> list:
        self.until(lambda: not self.room.listing and not self.room.list.counts().waiting)
        return self.room.list.rows()


@pytest.fixture
def client():
    return fakes.Client()


@pytest.fixture
def watched(client):
    watched = Watched(client)
    yield watched
    watched.room.close()


@pytest.fixture
def folder(tmp_path) -> Path:
    (tmp_path / "films" / "deeper").mkdir(parents=True)
    for number in range(1, 4):
        (tmp_path / "films" / f"{number}.png").write_bytes(fakes.film_png(number, 64, 60))
    (tmp_path / "films" / "deeper" / "4.png").write_bytes(fakes.film_png(4, 64, 60))
    (tmp_path / "films" / "deeper" / "broken.png").write_bytes(fakes.film_png(5, 64, 60)[:200])
    return tmp_path / "films"


def test_a_folder_is_read_to_any_depth_and_a_broken_film_spoils_none(watched, folder):
    watched.room.open(sources.look_at(str(folder)))
    watched.until(lambda: len(watched.room.list))
    rows = {row.name: row for row in watched.until_read()}
    assert list(rows) == ["1.png", "2.png", "3.png", "deeper/4.png", "deeper/broken.png"]
    broken = rows.pop("deeper/broken.png")
    assert broken.state == "refused" and broken.refusal.code == "truncated"
    assert all(row.state == "ready" and len(row.models) == 2 for row in rows.values())
    assert all(0 < len(row.thumbnail) <= 2048 for row in rows.values())


@pytest.mark.parametrize(
    ("path", "code"), [("", "no-path"), ("/nowhere/at/all", "no-path"), ("/dev/null", "unreadable")]
)
def test_a_path_that_holds_no_films_is_refused_at_once(path, code):
    with pytest.raises(Refused) as refused:
        sources.look_at(path)
    assert refused.value.code == code


def test_a_folder_without_films_or_of_the_system_is_refused_at_once(watched, tmp_path):
    for path, code in (("/usr", "system-folder"), (tmp_path, "no-films")):
        with pytest.raises(Refused) as refused:
            watched.room.open(sources.look_at(str(path)))
        assert refused.value.code == code
    assert len(watched.room.list) == 0 and watched.room.listing == 0


def test_the_first_two_models_read_until_others_are_chosen(folder):
    client = fakes.Client([fakes.card(name) for name in ("a", "b", "c")])
    watched = Watched(client)
    watched.room.add([("1.png", folder / "1.png")])
    (row,) = watched.until_read()
    watched.until(lambda: set(row.models) == {"a", "b"})
    watched.room.choose_models(["c", "nobody"])
    watched.until(lambda: set(row.models) == {"c"})
    assert watched.room.chosen == ("c",)
    watched.room.close()


def test_films_are_read_on_by_a_model_that_is_kept_meanwhile(client, folder):
    client.cards = [fakes.card("first")]
    watched = Watched(client)
    watched.room.add([("1.png", folder / "1.png")])
    (row,) = watched.until_read()
    client.cards = [fakes.card("first"), fakes.card("kept-anew")]
    watched.room.set_models(*client.models())
    watched.until(lambda: set(row.models) == {"first", "kept-anew"})
    assert row.compared
    watched.room.close()


def test_a_film_that_ends_the_service_costs_no_other_film(client, watched, folder):
    def lost(*arguments):
        raise ServiceError("The inference service stopped twice on this film.")

    score = client.score
    client.score_many = lost
    client.score = lambda source, *more: lost() if source == "2.png" else score(source, *more)
    watched.room.add([(f"{number}.png", folder / f"{number}.png") for number in range(1, 4)])
    states = {row.name: (row.state, row.refusal and row.refusal.code) for row in watched.until_read()}
    assert states == {"1.png": ("ready", None), "2.png": ("refused", "service"), "3.png": ("ready", None)}


def test_an_error_that_nobody_foresaw_is_told_without_its_text(client, watched, folder, caplog):
    def broken(*arguments):
        raise KeyError("Doe^Jane")

    client.score = client.score_many = broken
    watched.room.add([("1.png", folder / "1.png")])
    (row,) = watched.until_read()
    assert row.state == "refused" and "KeyError" in row.refusal.words
    assert "Doe" not in row.refusal.words + caplog.text


def test_closing_a_room_in_the_middle_of_a_folder_ends_its_threads(client, watched, folder):
    gate, inside = threading.Event(), threading.Event()
    score = client.score

    def slow(*arguments):
        inside.set()
        gate.wait(60)
        return score(*arguments)

    client.score = slow
    watched.room.open(sources.look_at(str(folder)))
    assert inside.wait(60)
    watched.room.close()
    gate.set()
    for thread in watched.room._threads:
        thread.join(60)
        assert not thread.is_alive()
    assert len(watched.room.list) == 0


class Lock:
    """A room's lock that tells when it is waited for."""

    def __init__(self, lock) -> None:
        self.lock, self.waited = lock, threading.Event()

    def __enter__(self) -> None:
        if not self.lock.acquire(blocking=False):
            self.waited.set()
            self.lock.acquire()

    def __exit__(self, *_: object) -> None:
        self.lock.release()


@pytest.fixture
def beside(watched):
    """Do something in a thread, as another request would at this moment: until it is done, or waits for the room."""
    watched.room._lock, threads = Lock(watched.room._lock), []

    def do(act) -> None:
        ended = threading.Event()
        threads.append(threading.Thread(target=lambda: (act(), ended.set(), watched.room._lock.waited.set())))
        threads[-1].start()
        assert watched.room._lock.waited.wait(60)

    yield do
    for thread in threads:
        thread.join(60)


def test_a_stop_between_two_looks_leaves_no_film_of_what_was_listed(watched, folder, beside, monkeypatch):
    room, add, calls = watched.room, Room.add, []

    def add_and_stop(self, films):
        calls.append(films)
        if len(calls) == 2:
            beside(room.stop)
        return add(self, films)

    monkeypatch.setattr(Room, "_start", lambda self: None)  # nothing is read
    monkeypatch.setattr(Room, "add", add_and_stop)
    room.open(sources.look_at(str(folder)))
    watched.until(lambda: len(calls) == 2 and not room.listing and not len(room.list))


def test_a_stop_while_the_first_film_is_looked_for_stops_the_rest(watched, folder):
    source = sources.look_at(str(folder))

    class Slow:
        name, folder, path, more = source.name, source.folder, source.path, False

        def films(self):
            watched.room.stop()
            yield from source.films()

    watched.room.open(Slow())
    watched.until(lambda: not watched.room.listing)
    assert len(watched.room.list) == 0


def test_models_that_are_chosen_while_others_come_are_those_that_read(watched, beside, monkeypatch):
    room, want, calls = watched.room, watched.room.list.want, []

    def want_and_choose(models):
        calls.append(models)
        if len(calls) == 1:
            beside(lambda: room.choose_models(["b"]))
        want(models)

    monkeypatch.setattr(room.list, "want", want_and_choose)
    room.set_models([fakes.card(name) for name in ("a", "b", "c")], [])
    watched.until(lambda: len(calls) == 2 and set(room.list._wanted) == {"b"})


def test_a_slow_heatmap_is_computed_once_and_can_be_cancelled():
    gate, began = threading.Event(), threading.Event()
    calls = []

    def compute(row, model, method, label, progress):
        calls.append(label)
        began.set()
        while not gate.wait(0.01):
            progress(0.5, 2.0)
        return fakes.heatmap_of(type("Film", (), {"square_box": lambda self: (0, 0, 1, 1)})(), label, model, method)

    told = threading.Event()
    heats = Heats(compute, told.set)
    row = type("Row", (), {"id": "1", "name": "film"})()
    job = heats.ask(row, "a", "Score-CAM", "Normal")
    assert began.wait(60) and heats.ask(row, "a", "Score-CAM", "Normal") is job
    heats.cancel("1", "a", "Score-CAM", "Normal")
    assert told.wait(60) and job.ended and job.cancelled and job.result is None
    gate.set()
    told.clear()
    again = heats.ask(row, "a", "Score-CAM", "Normal")
    assert told.wait(60) and again.result.label == "Normal" and calls == ["Normal", "Normal"]
    assert heats.collect(row, "a", "Score-CAM", "Normal") is again.result


def test_a_heatmap_that_fails_says_why():
    def broken(*arguments):
        raise Refused("There is no such map.", code="no-heatmap")

    told = threading.Event()
    heats = Heats(broken, told.set)
    job = heats.ask(type("Row", (), {"id": "1", "name": "film"})(), "a", "Score-CAM", "Normal")
    assert told.wait(60) and isinstance(job.result, Refusal) and job.result.code == "no-heatmap"
