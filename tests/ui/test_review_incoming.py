"""How films come into Review by a path, and how what must be known of them is shown."""

import os

import pytest
from streamlit.testing.v1 import AppTest

from tests.helpers import ROOT, bad_films, fakes
from tests.ui.test_pages import drop, words
from xraykit.refused import Refused
from xraykit.ui import server
from xraykit.ui.review import incoming, worklist


@pytest.fixture
def app() -> AppTest:
    server.use(fakes.Client())
    return AppTest.from_file(str(ROOT / "app.py"), default_timeout=60).run()


def open_path(app: AppTest, path, place: str = "main") -> AppTest:
    app.text_input(key=f"path-{place}").set_value(str(path))
    app.button(key=f"path-open-{place}").click()
    return app.run()


def names(app: AppTest) -> list[str]:
    return [film.name for film in app.session_state["films"].values()] if "films" in app.session_state else []


def test_a_film_opens_by_its_path(app, tmp_path):
    (tmp_path / "film").write_bytes(fakes.film_png())
    open_path(app, f'"{tmp_path / "film"}" ')
    assert not app.exception and names(app) == ["film"]


def test_a_study_opens_by_its_folder_with_a_reason_for_every_other_file(app, tmp_path):
    bad_films.write_study(tmp_path)
    open_path(app, tmp_path)
    assert names(app) == [f"IMAGES/SERIES{series}/IM{number}" for series in (0, 1) for number in (0, 1)]
    refused = {refusal.source: refusal.code for refusal in app.session_state["refused"]}
    assert not app.exception and set(refused.values()) == {"dicomdir", "no-pixels"} and "IMAGES/SR0" in refused
    assert "IMAGES/SR0" in words(app) and "dicomdir" in words(app)


def test_a_folder_opens_beside_films_and_its_first_film_is_looked_at(app, tmp_path):
    drop(app, ("a.png", fakes.film_png(1)))
    (tmp_path / "b.png").write_bytes(fakes.film_png(2))
    (tmp_path / "c.png").write_bytes(fakes.film_png(3))
    open_path(app, tmp_path, "side")
    assert names(app) == ["a.png", "b.png", "c.png"]
    assert app.session_state["films"][app.session_state["film"]].name == "b.png"


def test_a_folder_of_more_films_than_can_be_open_says_so(app, tmp_path, monkeypatch):
    monkeypatch.setattr(worklist, "MOST_FILMS", 2)
    for number in range(5):
        (tmp_path / f"{number}.png").write_bytes(fakes.film_png(number))
    open_path(app, tmp_path)
    assert names(app) == ["0.png", "1.png"] and not app.session_state["refused"]
    assert f"Not opened: 3 files in {tmp_path}. At most" in words(app)


def test_a_folder_that_is_left_for_another_path_is_told(app, tmp_path, monkeypatch):
    monkeypatch.setattr(incoming, "go_on", lambda: None)  # as if the first folder were still being read
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "film.png").write_bytes(fakes.film_png())
        (tmp_path / name / "other.png").write_bytes(fakes.film_png(1))
        open_path(app, tmp_path / name)
    monkeypatch.undo()
    server.use(fakes.Client())
    app.run()
    assert len(names(app)) == 2 and f"Not opened: 2 files in {tmp_path / 'first'}. Another path was opened." in words(
        app
    )


def test_a_folder_with_more_files_than_are_listed_says_so(app, tmp_path, monkeypatch):
    monkeypatch.setattr(incoming, "MOST_LISTED", 2)
    for number in range(3):
        (tmp_path / f"{number}.png").write_bytes(fakes.film_png(number))
    open_path(app, tmp_path)
    assert names(app) == ["0.png", "1.png"] and f"Not opened: more files in {tmp_path}." in words(app)


def test_a_folder_of_anything_but_films_is_left_soon(app, tmp_path, monkeypatch):
    monkeypatch.setattr(incoming, "MOST_REFUSED", 3)
    for number in range(9):
        (tmp_path / f"{number}.txt").write_text("no film")
    open_path(app, tmp_path)
    assert not app.exception and len(app.session_state["refused"]) == 3
    assert f"Not opened: 6 files in {tmp_path}. 3 other files could not be opened." in words(app)


def test_paths_that_are_none_are_refused_in_words(app, tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "empty").mkdir()
    for path, said in {
        "": "Enter the path",
        tmp_path / "none": "No such file",
        tmp_path / "pipe": "device or pipe",
        "/dev/null": "device or pipe",
        tmp_path / "empty": "No films in",
        "a" * 5000: "too long",
    }.items():
        open_path(app, path)
        assert not app.exception and said in words(app), path
    with pytest.raises(Refused, match="no file can have this name"):
        incoming.look_at("nul\0.png")


def test_a_folder_that_may_not_be_read_is_refused_in_words(tmp_path, monkeypatch):
    def scandir(path):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(os, "scandir", scandir)
    with pytest.raises(Refused, match="Permission denied"):
        incoming.look_at(str(tmp_path))


def test_warnings_stand_above_the_panes_and_in_the_list_and_facts_below_the_film(app):
    lateral = bad_films.dicom(
        bad_films.film_values((96, 96)), ViewPosition="LL", PresentationIntentType="FOR PROCESSING"
    )
    drop(app, ("lateral.dcm", lateral), ("plain.png", fakes.film_png()))
    warned = [block for block in map(html_of, app.get("html")) if "class='xk-warnings'" in block]
    assert len(warned) == 1 and "2 warnings" in warned[0] and "lateral or decubitus" in warned[0]
    facts = next(block for block in map(html_of, app.get("html")) if "class='xk-notes'" in block)
    assert "8 bits stored" in facts and "lateral" not in facts and "bits stored" not in warned[0]
    captions = app.radio(key="worklist").proto.captions
    assert "2 warnings" in captions[0] and "arning" not in captions[1]
    app.button(key="next").click().run()
    assert not [block for block in map(html_of, app.get("html")) if "class='xk-warnings'" in block]


def test_a_blank_film_is_refused_on_the_page(app):
    drop(app, ("white.png", bad_films.blank_png()))
    assert [refusal.code for refusal in app.session_state["refused"]] == ["blank"] and "is blank" in words(app)


def html_of(block) -> str:
    return block.proto.body
