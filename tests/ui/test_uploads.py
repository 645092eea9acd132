"""Dropped files on their way in: Streamlit's own upload route behind `uploads.ToDisk`, without a browser."""

import asyncio
import errno
import gc
import io
import os
import random
import shutil
import subprocess
import sys
import tracemalloc
from types import SimpleNamespace

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from streamlit import config
from streamlit.proto.Common_pb2 import FileURLs
from streamlit.runtime.memory_uploaded_file_manager import MemoryUploadedFileManager
from streamlit.runtime.uploaded_file_manager import UploadedFile
from streamlit.web.server.starlette import starlette_routes

from tests.helpers import ROOT
from xraykit.refused import Refused
from xraykit.ui.server import uploads

SESSION, FILE = "a-session", "a-file"
FEW = 1000  # bytes that are held in memory here
EDGE = "----WebKitFormBoundary7MA4YWxk"
LARGE = random.Random(3).randbytes(5 * FEW) + f"\r\n--{EDGE}x\r\n--{EDGE[:-3]}\r\n\r".encode()


class Site:
    """Streamlit's upload route, with one session that is known."""

    def __init__(self, folder) -> None:
        self.folder = folder
        self.files = MemoryUploadedFileManager("/_stcore/upload_file")
        self.sessions = {SESSION}
        server = SimpleNamespace(uploaded_file_mgr=self.files, is_active_session=lambda name: name in self.sessions)
        routes = starlette_routes.create_upload_routes(server, self.files, None)  # type: ignore[arg-type]
        self.app = Starlette(routes=routes, middleware=[Middleware(uploads.ToDisk, lambda: server)])
        self.asked = 0  # messages that were asked of the browser

    def send(self, chunks, *, session=SESSION, file=FILE, method="PUT", length: int | None = -1, kind=None, ends=True):
        """The status of the answer; None where there was none. `length` None: chunked."""
        chunks = list(chunks)
        headers = [(b"content-type", kind or f"multipart/form-data; boundary={EDGE}".encode())]
        size = sum(map(len, chunks)) if length == -1 else length
        headers += [(b"transfer-encoding", b"chunked")] if size is None else [(b"content-length", str(size).encode())]
        scope = {"type": "http", "method": method, "path": f"/_stcore/upload_file/{session}/{file}", "headers": headers}
        scope |= {"query_string": b"", "http_version": "1.1", "scheme": "http", "root_path": "", "server": ("x", 1)}
        messages = [{"type": "http.request", "body": chunk, "more_body": True} for chunk in chunks]
        if ends:
            messages.append({"type": "http.request", "body": b"", "more_body": False})
        answers = []

        async def receive():
            self.asked += 1
            return messages.pop(0) if messages else {"type": "http.disconnect"}

        async def send(message):
            answers.append(message)

        asyncio.run(self.app(scope, receive, send))
        return answers[0]["status"] if answers else None

    def dropped(self, session=SESSION, file=FILE) -> UploadedFile:
        """As a page has it."""
        return UploadedFile(self.files.get_files(session, [file])[0], FileURLs())

    def open_files(self) -> int:
        """How many files of no name are held."""
        gc.collect()
        links = [f"/proc/self/fd/{name}" for name in os.listdir("/proc/self/fd")]
        return sum(os.readlink(link).startswith(str(self.folder)) for link in links if os.path.islink(link))

    def names(self) -> list[str]:
        return os.listdir(self.folder) if self.folder.exists() else []


@pytest.fixture(autouse=True)
def trusting(monkeypatch):
    """No browser has been given an XSRF token here."""
    monkeypatch.setattr(starlette_routes, "is_xsrf_enabled", lambda: False)


@pytest.fixture
def site(tmp_path, monkeypatch):
    monkeypatch.setenv("XRAYKIT_DATASETS", str(tmp_path / "datasets"))
    monkeypatch.setattr(uploads, "_most_in_memory", lambda: FEW)
    monkeypatch.setattr(uploads, "FRAMING", 400)
    monkeypatch.setattr(uploads, "WRITTEN_AT_ONCE", 700)
    made = Site(tmp_path / "datasets")
    context = SimpleNamespace(uploaded_file_mgr=made.files, session_id=SESSION)
    monkeypatch.setattr(uploads, "get_script_run_ctx", lambda: context)
    yield made
    made.files.remove_session_files(SESSION)


def part(data: bytes, name: str = "films.zip", disposition: str | None = None) -> bytes:
    disposition = disposition or f'form-data; name="{name}"; filename="{name}"'
    head = f"--{EDGE}\r\nContent-Disposition: {disposition}\r\nContent-Type: application/zip\r\n\r\n"
    return head.encode() + data + b"\r\n"


def form(*parts: bytes) -> bytes:
    return b"".join(parts) + f"--{EDGE}--\r\n".encode()


def split(body: bytes, size: int) -> list[bytes]:
    return [body[start : start + size] for start in range(0, len(body), size)]


@pytest.mark.parametrize("length", [-1, None], ids=["length", "chunked"])
def test_a_large_file_lies_on_disk_and_is_read_whole_however_it_is_split(site, length):
    body = form(part(LARGE))
    for size in (1, 2, 3, 7, len(EDGE), 100, 999, len(body)):
        assert site.send(split(body, size), length=length) == 204
        record = site.files.get_files(SESSION, [FILE])[0]
        assert (record.name, record.type, len(record.data)) == ("films.zip", "application/zip", 0)
        assert uploads.opened(site.dropped(), 10**6).read() == LARGE
        assert uploads.read(site.dropped(), 10**6) == LARGE, "a second reader begins at the beginning"
    assert site.names() == [], "the file has no name, so that nothing can be left of it"


def test_every_place_of_the_header_may_be_a_split(site):
    body = form(part(LARGE))
    for place in range(len(part(b"")) + 3):
        assert site.send([body[:place], body[place:]]) == 204
        assert uploads.read(site.dropped(), 10**6) == LARGE


@pytest.mark.parametrize(
    "name",
    ["Ärzte – 胸部 🫁.zip", "a %22b%22 c.zip", "a;b=c.zip", "' or 1.zip", "..%2F..%2Fetc.zip", "x" * 200 + ".zip"],
)
def test_a_name_is_what_streamlit_makes_of_it(site, name):
    assert site.send([form(part(b"few", name))]) == 204
    expected = site.dropped().name
    assert site.send([form(part(LARGE, name))]) == 204
    assert site.dropped().name == expected and uploads.read(site.dropped(), 10**6) == LARGE


def test_a_file_of_a_films_size_never_touches_the_disk(site, monkeypatch):
    monkeypatch.setattr(uploads.shutil, "disk_usage", lambda folder: pytest.fail("looked for room"))
    assert site.send([form(part(b"f" * FEW))]) == 204
    assert type(site.files.get_files(SESSION, [FILE])[0].data) is bytes
    assert uploads.read(site.dropped(), FEW) == b"f" * FEW and not site.folder.exists()


def test_a_small_file_that_comes_in_without_its_length_is_as_any_small_file(site):
    assert site.send(split(form(part(b"f" * FEW)), 50), length=None) == 204
    assert site.files.get_files(SESSION, [FILE])[0].data == b"f" * FEW
    assert site.names() == [] and site.open_files() == 0


def test_a_false_length_beside_chunks_does_not_fill_the_memory(site):
    scope_length = [(b"content-length", b"10")]
    headers = uploads.Headers(raw=[*scope_length, (b"transfer-encoding", b"chunked")])
    assert not uploads._fits_memory(headers)
    for length in (b"", b"-1", b"1e9", b"9" * 5000, "٣".encode("latin-1", "replace")):
        assert not uploads._fits_memory(uploads.Headers(raw=[(b"content-length", length)]))


def test_other_fields_are_left_out_and_two_files_are_refused(site):
    field = part(b"word" * 9000, disposition='form-data; name="note"')
    assert site.send(split(form(field, part(LARGE), field), 333)) == 204
    assert uploads.read(site.dropped(), 10**6) == LARGE
    site.files.remove_session_files(SESSION)
    assert site.send([form(part(LARGE), part(LARGE))]) == 400
    assert site.send([form(field)]) == 400
    assert not site.files.get_files(SESSION, [FILE]) and site.open_files() == 0


def test_a_body_that_is_no_form_is_refused(site):
    cut = form(part(LARGE))[:-20]
    for body, kind in (
        (LARGE, None),
        (cut, None),
        (b"--" + LARGE, None),
        (form(part(LARGE)), b"application/zip"),
        (form(part(LARGE)), b"multipart/form-data"),
        (form(part(LARGE)), b"multipart/form-data; boundary=" + b"x" * 3000),
        (form(part(LARGE)).replace(b"Content-Type:", b"Content Type\x00"), None),
        (form(part(LARGE, disposition="form-data; filename=x")), None),  # no name: Streamlit's own parser refuses it
    ):
        assert site.send([body], kind=kind) == 400
    assert not site.files.get_files(SESSION, [FILE]) and site.open_files() == 0


def test_a_stranger_is_refused_before_a_byte_is_read(site, monkeypatch):
    assert site.send([form(part(LARGE))], session="another") == 400
    monkeypatch.setattr(starlette_routes, "is_xsrf_enabled", lambda: True)
    assert site.send([form(part(LARGE))]) == 403, "no XSRF token"
    assert site.asked == 0 and not site.folder.exists()


def test_an_upload_that_breaks_off_leaves_nothing(site):
    body = split(form(part(LARGE)), 500)
    for count in range(len(body)):
        assert site.send(body[:count], length=10**6, ends=False) is None
    assert not site.files.get_files(SESSION, [FILE]) and site.names() == [] and site.open_files() == 0


def test_more_than_the_largest_drop_is_refused(site, monkeypatch):
    monkeypatch.setattr(config, "get_option", lambda name: 0)  # MB: `FRAMING` bytes are allowed
    assert site.send([form(part(LARGE))]) == 413 and site.asked == 0
    assert site.send(split(form(part(LARGE)), 100), length=None) == 413 and site.asked < 10
    assert site.open_files() == 0


def test_a_full_disk_is_said_in_words_and_nothing_is_written(site, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: SimpleNamespace(free=uploads.SPARE + 100))
    for length in (-1, None):
        assert site.send(split(form(part(LARGE)), 300), length=length) == 204, "the page says it, not the browser"
        with pytest.raises(Refused) as refused:
            uploads.opened(site.dropped(), 10**6)
        assert refused.value.code == "no-room"
        assert str(site.folder) in refused.value.words and "Make room" in refused.value.words
    assert site.names() == [] and site.open_files() == 0


def test_a_disk_that_fills_up_on_the_way_is_a_full_disk(site, monkeypatch):
    limits = shutil.disk_usage  # there is room whenever it is asked
    assert limits(ROOT).free

    def fail(store, data):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(uploads.tempfile.SpooledTemporaryFile, "write", fail)
    assert site.send(split(form(part(LARGE)), 300)) == 204
    with pytest.raises(Refused) as refused:
        uploads.opened(site.dropped(), 10**6)
    assert refused.value.code == "no-room" and site.open_files() == 0


def test_a_folder_that_cannot_be_made_is_said_in_words(site):
    site.folder.write_text("in the way")
    assert site.send([form(part(LARGE))]) == 204
    with pytest.raises(Refused) as refused:
        uploads.read(site.dropped(), 10**6)
    assert refused.value.code == "not-written" and str(site.folder) in refused.value.words


def test_the_file_ends_with_its_record(site):
    for end in (
        lambda: site.send([], method="DELETE", length=0),
        lambda: site.files.remove_session_files(SESSION),
        lambda: site.send([form(part(b"small"))]),  # another in its place
        lambda: uploads.let_go(site.dropped()),
    ):
        assert site.send([form(part(LARGE))]) == 204 and site.open_files() == 1
        end()
        assert site.open_files() == 0
    assert site.send([form(part(LARGE))]) == 204 and site.send([form(part(LARGE))]) == 204 and site.open_files() == 1
    site.files.remove_session_files(SESSION)


def test_a_session_that_ends_meanwhile_keeps_nothing(site):
    def chunks():
        yield form(part(LARGE))

    held = site.files.add_file

    def end_session(session_id, file):
        held(session_id, file)
        site.sessions.clear()

    site.files.add_file = end_session
    site.send(chunks())
    assert not site.files.get_files(SESSION, [FILE]) and site.open_files() == 0


def test_who_reads_a_file_keeps_it_while_it_is_taken_back(site):
    site.send([form(part(LARGE))])
    dropped = site.dropped()
    file = uploads.opened(dropped, 10**6)
    site.send([], method="DELETE", length=0)
    assert file.read() == LARGE
    with pytest.raises(Refused) as refused:
        uploads.opened(dropped, 10**6)
    assert refused.value.code == "gone"
    file.close()


def test_no_bytes_can_pass_for_a_file_on_disk(site):
    site.send([form(part(LARGE))], file="secret")
    kept = site.files.get_files(SESSION, ["secret"])[0].data
    for forged in (b"", bytes(kept), repr(kept).encode(), b"/proc/self/fd/3"):
        site.send([form(part(forged))])
        assert uploads.read(site.dropped(), FEW) == forged
    site.files.remove_session_files(SESSION)


def test_a_file_above_the_limit_of_its_drop_zone_is_refused_with_the_limit(site):
    for data in (LARGE, b"f" * FEW):
        site.send([form(part(data))])
        with pytest.raises(Refused) as refused:
            uploads.read(site.dropped(), FEW - 1)
        assert refused.value.code == "file-too-large" and "1 KiB" in refused.value.words
    site.files.remove_session_files(SESSION)


def test_the_memory_stays_flat(tmp_path, monkeypatch):
    monkeypatch.setenv("XRAYKIT_DATASETS", str(tmp_path / "datasets"))
    site, block = Site(tmp_path / "datasets"), os.urandom(2**16)
    size = 120 * 2**20
    chunks = [part(b"")[:-2], *[block] * (size // len(block)), b"\r\n" + form()]
    site.send(chunks[:3])  # what is imported once
    tracemalloc.start()
    assert site.send(chunks) == 204
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 16 * 2**20
    kept = site.files.get_files(SESSION, [FILE])[0].data
    assert isinstance(kept, uploads.Kept) and kept.content.seek(0, io.SEEK_END) == size  # type: ignore[union-attr]
    site.files.remove_session_files(SESSION)


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_a_killed_server_leaves_no_file(tmp_path):
    code = (
        "import os, signal\n"
        "from xraykit.ui.server import uploads\n"
        "store = uploads._Store(60 * 2**20)\n"
        "store.write(bytes(60 * 2**20))\n"
        "links = [f'/proc/self/fd/{number}' for number in range(3, 30)]\n"
        "assert any('deleted' in os.readlink(link) for link in links if os.path.islink(link))\n"
        "print('written', flush=True)\n"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    environment = os.environ | {"XRAYKIT_DATASETS": str(tmp_path / "datasets")}
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.stdout == "written\n" and done.returncode == -9, done.stderr
    assert os.listdir(tmp_path / "datasets") == []
    assert (tmp_path / "datasets").stat().st_mode & 0o077 == 0


def test_each_drop_zone_has_the_limit_of_what_reads_it():
    from xraykit.films import decoder
    from xraykit.films.folders import check
    from xraykit.models.conversion import archive

    largest = config.get_option("server.maxUploadSize") * 2**20
    assert largest == check.MAX_ARCHIVE >= max(decoder.MAX_BYTES, archive.LARGEST)
    texts = [path.read_text("utf-8") for path in (ROOT / "xraykit" / "ui").rglob("*.py")]
    calls = [text for text in texts if "st.file_uploader(" in text]
    zones = sum(text.count("st.file_uploader(") for text in calls)
    assert zones == sum(text.count("max_upload_size=") for text in calls) == 6
    assert not any("getvalue()" in text or "getbuffer()" in text for text in calls), (
        "only `uploads` reads what was dropped"
    )


def test_unpacking_says_how_much_is_done_and_how_long_it_takes(monkeypatch):
    from xraykit.ui.datasets import zips

    shown, moments = [], iter([0.0, 0.1, 60.0, 60.1, 90.0])
    bar = SimpleNamespace(progress=lambda share, words: shown.append((share, words)))
    monkeypatch.setattr(zips.st, "progress", lambda share, words: bar)
    monkeypatch.setattr(zips.time, "monotonic", lambda: next(moments))
    report = zips.progress_bar("a.zip")
    for done in (1, 2, 3, 4):  # of which those that follow too fast are not drawn
        report(done * 2**30, 4 * 2**30)
    assert [share for share, _ in shown] == [0.5, 1.0]
    assert "2.0 GiB of 4.0 GiB" in shown[0][1] and "about 60 s left" in shown[0][1]


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (
            OSError(errno.ENOSPC, "No space left on device"),
            "was not unpacked: No space left on device. It is unpacked in",
        ),
        (
            Refused("A file is where a folder should be.", code="no-folder"),
            "was not unpacked. A file is where a folder",
        ),
    ],
)
def test_a_zip_that_could_not_be_unpacked_is_said_and_let_go(monkeypatch, fault, words):
    from xraykit.ui.datasets import zips
    from xraykit.ui.fine_tune.form import films

    def refuse(*_, **__):
        raise fault

    file, state, let_go = SimpleNamespace(name="large.zip"), {}, []
    streamlit = {"file_uploader": lambda *_, **__: file, "progress": lambda *_: None, "rerun": lambda: None}
    for name, value in {**streamlit, "session_state": state}.items():
        monkeypatch.setattr(films.st, name, value)
    monkeypatch.setattr(zips.uploads, "opened", lambda given, most: given)
    monkeypatch.setattr(zips.uploads, "let_go", let_go.append)
    monkeypatch.setattr(zips.unpack, "unpack", refuse)
    films._ask_for_zip()
    assert state["films-words"].startswith(f"large.zip {words}") and let_go == [file]
    assert state["zip-turn"] == 1, "an empty drop zone, for the next try"
