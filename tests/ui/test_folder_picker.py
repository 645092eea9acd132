"""The folder picker: what of this computer it shows, and what it never does."""

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from tests.ui.test_fine_tune_page import text_of
from xraykit.ui.kit import folder_picker


@pytest.fixture
def home(tmp_path, monkeypatch) -> Path:
    home = tmp_path / "home"
    for name in ("films/COVID-19", "films/Normal", ".cache", "__MACOSX", "a *b* folder"):
        (home / name).mkdir(parents=True)
    for number in range(3):
        (home / "films" / "Normal" / f"{number}.png").touch()
    (tmp_path / "elsewhere").mkdir()
    (home / "link-out").symlink_to(tmp_path / "elsewhere")
    (home / "link-in").symlink_to(home / "films")
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.delenv("XRAYKIT_DATA", raising=False)
    monkeypatch.setenv("XRAYKIT_DATASETS", str(tmp_path / "no-such"))
    return home


def page() -> None:
    import streamlit as st

    from xraykit.ui.kit import folder_picker

    st.session_state["taken"] = folder_picker.pick("picker")


def test_folders_are_listed_with_their_counts_and_nothing_hidden_or_elsewhere(home):
    inside, left_out = folder_picker.listed(home)
    assert [(entry.path.name, entry.words) for entry in inside] == [
        ("a *b* folder", "empty"),
        ("films", "2 folders"),
        ("link-in", "2 folders"),
    ]
    assert left_out == 0
    assert [entry.words for entry in folder_picker.listed(home / "films")[0]] == ["empty", "3 files"]
    assert folder_picker.listed(home / "gone") == ([], 0)


def test_many_folders_and_files_are_counted_no_further(home, monkeypatch):
    monkeypatch.setattr(folder_picker, "MOST", 1)
    monkeypatch.setattr(folder_picker, "COUNTED", 2)
    assert folder_picker.listed(home)[1] == 2
    assert folder_picker._count(home / "films" / "Normal", 1).words == "over 2 entries"


@pytest.mark.parametrize("path", ["/etc", "..", "../elsewhere", "../home/../elsewhere", "link-out"])
def test_nothing_outside_the_places_is_shown(home, path):
    assert not folder_picker.may_be_shown(home / path)
    app = AppTest.from_function(page)
    app.session_state["picker-here"] = home / path
    app.run()
    assert not app.exception and any(" films " in button.label for button in app.button), "home is shown instead"


def test_without_any_place_the_page_says_to_enter_a_path(home, monkeypatch):
    monkeypatch.setenv("HOME", "/no/such/home")
    app = AppTest.from_function(page).run()
    assert not app.exception and "Enter its path" in text_of(app) and app.session_state["taken"] is None


def test_a_folder_is_opened_step_by_step_and_taken(home):
    app = AppTest.from_function(page).run()
    assert app.button(key="picker-take").disabled, "the whole home folder is no folder of films"
    next(button for button in app.button if " films " in button.label).click().run()
    assert [button.label.split(" ")[1] for button in app.button if button.key.removeprefix("picker-").isdecimal()] == [
        "COVID\\-19",
        "Normal",
    ]
    app.button(key="picker-take").click().run()
    assert app.session_state["taken"] == home / "films" and not app.exception
    app.button(key="picker-up").click().run()
    assert app.session_state["picker-here"] == home and app.session_state["taken"] is None
    assert "No folders" not in text_of(app)
