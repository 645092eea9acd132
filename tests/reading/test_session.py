"""A session leaves nothing where it was not asked to, and comes back whole where it was."""

import json
import os
import stat
import threading

import pytest

from xraykit.reading import kept
from xraykit.reading.impressions import Impression, ImpressionRefused
from xraykit.reading.kept import Answer, Options, SessionRefused
from xraykit.reading.reference import Labels
from xraykit.reading.session import Session
from xraykit.system import files

CLASSES = ("COVID-19", "Normal")
ANSWERS = {"first": Answer("Normal", {"COVID-19": 0.25, "Normal": 0.75})}
FILM, OTHER = "a" * 64, "b" * 64


@pytest.fixture
def root(tmp_path):
    return tmp_path / "readings"


@pytest.fixture
def session(root):
    session = Session(Options(classes=CLASSES), root)
    yield session
    session.close()


def read_film(session, sha=FILM, **values):
    return session.put(sha, Impression(finding="Normal", seconds=4.0, **values), name="DOE_JANE.png", answers=ANSWERS)


def keep(session, **choices):
    session.choose(Options(keep=True, title="Tuesday list", classes=CLASSES, **choices))
    return session.name


def text_of(root):
    return "\n".join(path.read_text() for path in root.rglob("session.json"))


def test_a_session_that_nobody_asked_to_keep_leaves_nothing(session, root, tmp_path):
    read_film(session)
    session.put(OTHER, Impression(flagged=True), picture=b"jpeg")
    session.end()
    assert list(tmp_path.rglob("*")) == [] and session.film(FILM) is None


def test_a_kept_session_comes_back_by_the_films_hash(session, root):
    read_film(session)
    name = keep(session, blind=True)
    session.put(OTHER, Impression(finding="COVID-19", blind=True, text="Left base"), answers=ANSWERS)
    before = session.record().shared()
    session.end()
    again = Session(Options(), root)
    assert again.resume(name).films == before.films
    assert again.row(OTHER)["text"] == "Left base" and again.row(OTHER)["before"] == "COVID-19"
    assert again.options.blind and again.options.classes == CLASSES and again.name == name
    again.put(FILM, Impression(finding="COVID-19"))
    again.close()
    assert [film.last.finding for film in kept.load(name, root).films] == ["COVID-19", "COVID-19"]


def test_names_and_pictures_only_where_asked(session, root):
    name = keep(session)
    session.put(FILM, Impression(finding="Normal"), name="DOE_JANE.png", picture=b"jpeg")
    assert "DOE_JANE" not in text_of(root) and not list(root.rglob("*.jpg"))
    session.choose(Options(keep=True, classes=CLASSES, names=True, pictures=True))
    assert "DOE_JANE" in text_of(root)
    assert (root / name / "pictures" / f"{FILM}.jpg").read_bytes() == b"jpeg"
    session.choose(Options(keep=True, classes=CLASSES))
    assert "DOE_JANE" not in text_of(root) and not list(root.rglob("*.jpg"))


@pytest.mark.skipif(os.name == "nt", reason="POSIX permissions")
def test_only_this_user_may_read_it(session, root):
    keep(session, pictures=True)
    session.put(FILM, Impression(finding="Normal"), picture=b"jpeg")
    for path in [root, *root.rglob("*")]:
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path


def test_to_keep_no_longer_takes_the_folder_away(session, root):
    keep(session)
    session.choose(Options(classes=CLASSES))
    assert list(root.iterdir()) == [] and session.name == ""


def test_two_tabs_do_not_write_the_same(session, root):
    name = keep(session)
    read_film(session)
    tab = Session(Options(), root)
    with pytest.raises(SessionRefused, match="open in another tab") as refused:
        tab.resume(name)
    assert refused.value.code == "open" and kept.list_kept(root)[0].open
    with pytest.raises(SessionRefused, match="another tab"):
        kept.delete(name, root)
    session.end()
    assert tab.resume(name).films and not tab.record().ended
    tab.close()
    assert kept.load(name, root).ended
    kept.delete(name, root)
    assert kept.list_kept(root) == []


def test_a_tab_that_only_lists_the_sessions_keeps_no_other_from_opening_one(session, root, monkeypatch):
    name = keep(session)
    session.end()
    lock, tab, faults, tried = files.try_lock, Session(Options(), root), [], threading.Event()

    def resume():
        try:
            tab.resume(name)
        except SessionRefused as refused:
            faults.append(refused)
        tried.set()

    other = threading.Thread(target=resume)

    def look(file, shared=False):
        locked = lock(file, shared)
        if threading.current_thread() is other:
            tried.set()
        elif not tried.is_set():
            other.start()
            assert tried.wait(60)
        return locked

    monkeypatch.setattr(files, "try_lock", look)
    assert [listed.name for listed in kept.list_kept(root)] == [name]
    other.join(60)
    assert faults == [] and tab.name == name
    tab.close()


def test_a_session_that_goes_is_opened_by_no_other_tab_meanwhile(session, root, monkeypatch):
    name, discard = keep(session), kept.discard

    def look_and_discard(folder):
        with pytest.raises(SessionRefused, match="another tab"):
            Session(Options(), root).resume(name)
        discard(folder)

    monkeypatch.setattr(kept, "discard", look_and_discard)
    session.choose(Options(classes=CLASSES))
    assert kept.list_kept(root) == [] and session.name == ""


def test_a_disk_that_is_full_loses_nothing_in_the_tab(session, root, monkeypatch):
    keep(session)

    def full(path, text):
        raise OSError(28, "No space left on device", str(path))

    with monkeypatch.context() as disk, pytest.raises(SessionRefused, match="still whole in this tab"):
        disk.setattr(kept.files, "replace_text", full)
        read_film(session)
    assert session.film(FILM).last.finding == "Normal"
    session.put(OTHER, Impression(finding="Normal"))
    assert len(kept.load(session.name, root).films) == 2


def test_what_was_overtaken_on_its_way_takes_nothing_back(session):
    session.put(FILM, Impression(finding="COVID-19", text="left base"), said=3)
    session.put(FILM, Impression(text="left"), said=2)
    film = session.put(FILM, Impression(finding="Normal", blind=True, seconds=4.0), said=1)
    assert (film.last.finding, film.last.text, film.last.blind) == ("COVID-19", "left base", False)
    assert film.before.finding == "Normal" and film.before.blind, "it was said before the models were shown"
    assert session.put(FILM, Impression(finding="COVID-19", blind=True), said=2).before == film.before
    assert session.heard(FILM, 3) and not session.heard(FILM, 4) and not session.heard(OTHER, 1)
    assert session.put(FILM, Impression(text="right base"), said=4).last.text == "right base"


def test_what_was_read_blind_stays_and_nothing_is_blind_after_the_models(session):
    read_film(session, blind=True)
    session.put(FILM, Impression(finding="COVID-19", seconds=9.0))
    session.put(FILM, Impression(finding="Normal", seconds=11.0, blind=True))
    film = session.film(FILM)
    assert (film.before.finding, film.before.seconds) == ("Normal", 4.0)
    assert film.last.finding == "Normal" and not film.last.blind and film.last.seconds == 11.0
    session.put(OTHER, Impression())  # the models were shown without a finding
    session.put(OTHER, Impression(finding="Normal", blind=True))
    assert session.film(OTHER).before is None


def test_films_are_in_the_order_of_reading(session):
    for sha in (OTHER, FILM):
        read_film(session, sha)
    session.put(OTHER, Impression(finding="COVID-19"))
    assert [film.sha256 for film in session.record().films] == [OTHER, FILM]


def test_a_browser_asks_for_choices_resuming_deleting_and_the_end(session, root):
    session.ask(b'{"keep": true, "title": "Ward 3", "blind": true}')
    name = session.name
    read_film(session)
    assert session.state() | {"session": ""} == {
        "keep": True,
        "title": "Ward 3",
        "blind": True,
        "classes": CLASSES,
        "names": False,
        "pictures": False,
        "name": name,
        "films": 1,
        "labels": 0,
        "created": session.record().created,
        "session": "",
    }
    session.ask(b'{"blind": false}')
    assert session.options.keep and not session.options.blind and session.name == name
    before = session.state()["session"]
    assert session.row(FILM)["session"] == before
    session.ask(b'{"end": true}')
    assert session.state()["films"] == 0 and not session.options.keep and session.state()["session"] != before
    session.ask(json.dumps({"resume": name}).encode())
    assert session.state()["films"] == 1
    session.ask(b'{"end": true}')
    session.ask(json.dumps({"delete": name}).encode())
    assert kept.list_kept(root) == []


@pytest.mark.parametrize("body", [b"", b"[]", b'{"keep": "yes"}', b'{"classes": ["A", "A"]}', b'{"title": "a\\u0000"}'])
def test_other_requests_are_refused_in_words(session, body):
    with pytest.raises(SessionRefused):
        session.ask(body)


def test_a_finding_that_was_recorded_stays_among_the_findings(session):
    read_film(session)
    with pytest.raises(SessionRefused, match="Normal was recorded already"):
        session.choose(Options(classes=("COVID-19",)))
    assert session.options.classes == CLASSES
    with pytest.raises(ImpressionRefused):
        session.put(OTHER, Impression(finding="Effusion"))


def test_labels_reach_films_read_and_to_come(session):
    read_film(session)
    assert session.refer(Labels({FILM: "COVID-19"}, {"next.png": "Normal"})) == 1
    session.put(OTHER, Impression(finding="Normal"), name="ward/next.png")
    assert [film.label for film in session.record().films] == ["COVID-19", "Normal"]


DAMAGE = {
    "empty": lambda text: "",
    "half": lambda text: text[: len(text) // 2],
    "no text": lambda text: b"\xff\xfe\x00".decode("latin-1"),
    "a list": lambda text: "[]",
    "newer": lambda text: text.replace('"format":1', '"format":2'),
    "no hash": lambda text: text.replace(FILM, "../../etc"),
    "a film twice": lambda text: text.replace(OTHER, FILM),
    "a finding of no class": lambda text: text.replace('"finding":"Normal"', '"finding":"Effusion"'),
    "seconds as text": lambda text: text.replace('"seconds":4.0', '"seconds":"4"'),
    "probability of 9": lambda text: text.replace("0.75", "9.0"),
}


@pytest.mark.parametrize("name", DAMAGE)
def test_a_damaged_file_is_refused_in_words_and_stays(session, root, name):
    folder = keep(session)
    read_film(session)
    read_film(session, OTHER)
    session.end()
    path = root / folder / "session.json"
    text = DAMAGE[name](path.read_text())
    assert text != path.read_text()
    path.write_text(text)
    with pytest.raises(SessionRefused, match="Restore the file") as refused:
        session.resume(folder)
    assert folder in refused.value.words and path.read_text() == text
    assert kept.list_kept(root)[0].refused == refused.value.words
    session.close()
    kept.delete(folder, root)


@pytest.mark.parametrize("name", ["", "..", "../readings", "none", ".hidden", "a/b", "x\0y"])
def test_no_other_folder_is_opened(root, name):
    root.mkdir()
    with pytest.raises(SessionRefused, match="No reading session"):
        kept.load(name, root)


def test_sessions_are_listed_last_changed_first(root):
    names = []
    for number in range(2):
        session = Session(Options(classes=CLASSES), root)
        session.choose(Options(keep=True, title=f"List {number}", classes=CLASSES))
        names.append(session.name)
        session.close()
        path = root / names[-1] / "session.json"
        path.write_text(path.read_text().replace('"changed":"20', f'"changed":"2{number}'))
    assert [listed.name for listed in kept.list_kept(root)] == names[::-1]
    assert kept.list_kept(root / "none") == []


def test_an_impression_never_bears_the_id_of_the_session_that_follows(session, monkeypatch):
    read_film(session)
    before = session.state()["session"]

    class Ending(dict):
        def get(self, key):
            film = super().get(key)
            session.end()  # by another thread, right after the film was looked up
            return film

    monkeypatch.setattr(session, "_films", Ending(session._films))
    assert session.row(FILM)["session"] == before != session.state()["session"]
    assert session.row(FILM) is None
