"""The end of a closed tab, with the clock in the test's hand."""

import asyncio
from types import SimpleNamespace

import pytest
from streamlit import runtime
from streamlit.runtime import media_file_manager
from streamlit.runtime.memory_media_file_storage import MemoryMediaFileStorage
from streamlit.runtime.memory_session_storage import MemorySessionStorage
from streamlit.runtime.memory_uploaded_file_manager import MemoryUploadedFileManager
from streamlit.runtime.uploaded_file_manager import UploadedFileRec
from streamlit.web.cache_storage_manager_config import create_default_cache_storage_manager

from xraykit.ui.server import inference, life, sessions


class Tabs:
    """Streamlit's own runtime, with tabs opened and closed by hand."""

    def __init__(self, script, monkeypatch) -> None:
        self.monkeypatch = monkeypatch
        self.files = MemoryMediaFileStorage("/media")
        self.uploads = MemoryUploadedFileManager("/_stcore/upload_file")
        self.runtime = runtime.Runtime(
            runtime.RuntimeConfig(
                script_path=str(script),
                media_file_storage=self.files,
                uploaded_file_manager=self.uploads,
                cache_storage_manager=create_default_cache_storage_manager(),
                session_storage=MemorySessionStorage(),
            )
        )

    def open(self, **known) -> str:
        return self.runtime.connect_session(client=SimpleNamespace(), user_info={}, **known)

    def close(self, tab: str) -> None:
        self.runtime.disconnect_session(tab)

    def show(self, tab: str, film: str, download: bool = False) -> str:
        """What a script does that shows a picture or offers a download."""
        self.monkeypatch.setattr(media_file_manager, "_get_session_id", lambda: tab)
        data = film.encode()
        self.runtime.media_file_mgr.add(data, "image/png", film, is_for_static_download=download)
        return film

    def upload(self, tab: str, film: str) -> None:
        self.uploads.add_file(tab, UploadedFileRec(film, film, "image/png", film.encode()))

    def served(self) -> set[str]:
        """The films that /media gives out."""
        return {file.content.decode() for file in self.files._files_by_id.values()}

    def uploaded(self) -> set[str]:
        return {name for files in self.uploads.file_storage.values() for name in files}


@pytest.fixture
def with_tabs(tmp_path, monkeypatch):
    """Run a test's coroutine on a started runtime, then forget the runtime."""
    script = tmp_path / "script.py"
    script.touch()
    monkeypatch.setattr(runtime.Runtime, "_instance", None)

    def run(visit) -> None:
        async def on_the_loop() -> None:
            tabs = Tabs(script, monkeypatch)
            await tabs.runtime.start()
            try:
                await visit(tabs, sessions.Sweeper(tabs.runtime))
            finally:
                tabs.runtime.stop()
                await tabs.runtime.stopped

        asyncio.run(on_the_loop())

    return run


def test_a_closed_tab_takes_its_pictures_and_uploads_with_it(with_tabs):
    async def visit(tabs, sweeper):
        here, gone = tabs.open(), tabs.open()
        tabs.show(here, "mine")
        tabs.show(here, "shared"), tabs.show(gone, "shared")
        tabs.show(gone, "theirs"), tabs.show(gone, "report", download=True)
        tabs.show(here, "my report", download=True)
        tabs.upload(gone, "their film"), tabs.upload(here, "my film")
        sweeper.sweep(1000)
        tabs.close(gone)
        sweeper.sweep(1005)
        sweeper.sweep(1005 + sessions.KEEP - 0.1)
        assert tabs.served() == {"mine", "shared", "theirs", "report", "my report"}
        sweeper.sweep(1005 + sessions.KEEP)
        assert tabs.served() == {"mine", "shared", "report", "my report"} and tabs.uploaded() == {"my film"}
        sweeper.sweep(1010 + sessions.KEEP)
        assert tabs.served() == {"mine", "shared", "my report"}, "Streamlit lets go of a download at its second call"
        assert [info.session.id for info in tabs.runtime._session_mgr.list_sessions()] == [here]
        sweeper.sweep(9999)
        assert tabs.served() == {"mine", "shared", "my report"}

    with_tabs(visit)


def test_a_connection_that_comes_back_in_time_finds_everything(with_tabs):
    async def visit(tabs, sweeper):
        tab = tabs.open()
        tabs.show(tab, "film"), tabs.upload(tab, "film")
        for start in (0, 100, 200):  # dropped again and again: the time counts anew
            tabs.close(tab)
            sweeper.sweep(start)
            sweeper.sweep(start + sessions.KEEP - 1)
            assert tabs.open(existing_session_id=tab) == tab
            sweeper.sweep(start + sessions.KEEP + 1)
            assert tabs.served() == tabs.uploaded() == {"film"}
        tabs.close(tab)
        sweeper.sweep(300)
        sweeper.sweep(300 + sessions.KEEP)
        assert tabs.open(existing_session_id=tab) != tab and tabs.served() == set()

    with_tabs(visit)


def test_what_comes_too_late_for_its_session_goes_as_well(with_tabs):
    async def visit(tabs, sweeper):
        tab = tabs.open()
        tabs.close(tab)
        sweeper.sweep(0)
        sweeper.sweep(sessions.KEEP)
        tabs.show(tab, "late"), tabs.show(tab, "late report", download=True), tabs.upload(tab, "late")
        sweeper.sweep(sessions.KEEP + 5)
        sweeper.sweep(sessions.KEEP + 10)
        assert tabs.served() == tabs.uploaded() == set()

    with_tabs(visit)


def test_a_session_that_streamlit_ended_earlier_leaves_nothing(with_tabs):
    async def visit(tabs, sweeper):
        tab = tabs.open()
        tabs.show(tab, "film"), tabs.upload(tab, "film")
        tabs.close(tab)
        tabs.runtime._session_mgr._session_storage.delete(tab)  # as server.disconnectedSessionTTL or the 129th does
        sweeper.sweep(0)
        assert tabs.served() == tabs.uploaded() == set()

    with_tabs(visit)


def test_the_server_looks_after_closed_tabs_by_itself(with_tabs, monkeypatch):
    """Nobody visits, nobody asks: the server's own timer does it, and a look that failed is not the last."""
    monkeypatch.setattr(sessions, "EVERY", 0)
    monkeypatch.setattr(sessions, "KEEP", 0)
    looks = []
    sweep = sessions.Sweeper.sweep

    def failing_first(sweeper, now):
        looks.append(now)
        if len(looks) == 1:
            raise RuntimeError("of Streamlit's")
        return sweep(sweeper, now)

    monkeypatch.setattr(sessions.Sweeper, "sweep", failing_first)
    inference.use(SimpleNamespace(close=lambda: None))

    async def visit(tabs, _):
        async with life.keep_service(None):
            tab = tabs.open()
            tabs.show(tab, "film"), tabs.show(tab, "report", download=True)
            tabs.close(tab)
            while tabs.served():
                await asyncio.sleep(0)
        ended = len(looks)
        for _ in range(10):
            await asyncio.sleep(0)
        assert len(looks) == ended, "the timer ends with the server"

    with_tabs(visit)
