"""Files dropped on a page: large ones go to disk while they come in, and every page reads what was dropped here.

Streamlit holds what is dropped in memory. `ToDisk` stands before its route and lets files of a film's size pass. The
bytes of a larger one are written beside the datasets, into a file that has no name. Streamlit, which has by then
checked who sends it, takes a file of no bytes, and its record is then given the open file. So whatever ends the record
ends the file: the X beside its name, another file in its place, the end of the session or of the server, however that
comes.
"""

from __future__ import annotations

import contextlib
import errno
import re
import shutil
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from typing import TYPE_CHECKING, Any, BinaryIO

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from streamlit import config, runtime
from streamlit.runtime.scriptrunner import get_script_run_ctx

from xraykit.refused import Refused
from xraykit.system import folders, text

if TYPE_CHECKING:
    from streamlit.runtime.uploaded_file_manager import UploadedFile

FRAMING = 2**20  # bytes of a body that are not its file's: Streamlit allows as many
WRITTEN_AT_ONCE = 2**20  # bytes
SPARE = 256 * 2**20  # bytes of the disk that are left to runs and their records
_ROUTE = re.compile(r"/_stcore/upload_file/([^/]+)/([^/]+)\Z")


class Kept(bytes):
    """What Streamlit's record of a large file holds in place of its bytes; what a browser sends is never of this type.

    Attributes
    ----------
    content : binary file or Refused
        The file on disk, or why it is not there.
    """

    content: BinaryIO | Refused

    def __new__(cls, content: BinaryIO | Refused) -> Kept:
        kept = super().__new__(cls)
        kept.content = content
        return kept


def opened(file: UploadedFile, most: int) -> BinaryIO:
    """A dropped file, open at its beginning. It stays open: others may read it too.

    Parameters
    ----------
    file : UploadedFile
    most : int
        Bytes that it may have.

    Raises
    ------
    Refused
        If it has more ("file-too-large"), the disk had no room for it ("no-room"), it could not be written
        ("not-written"), or it has been taken back ("gone").
    """
    context = get_script_run_ctx()
    records = context.uploaded_file_mgr.get_files(context.session_id, [file.file_id]) if context else []
    if not records:
        raise Refused("The file is no longer there. Drop it again.", code="gone")
    data = records[0].data
    content = data.content if isinstance(data, Kept) else file
    if isinstance(content, Refused):
        raise Refused(content.words, code=content.code)
    size = content.seek(0, 2)
    if size > most:
        words = f"The file has {text.size(size)}; the limit is {text.size(most)}. Choose a smaller one."
        raise Refused(words, code="file-too-large")
    content.seek(0)
    return content


def read(file: UploadedFile, most: int) -> bytes:
    """The bytes of a dropped file; `most` and what is raised are those of `opened`."""
    return opened(file, most).read()


def let_go(file: UploadedFile) -> None:
    """Forget a dropped file that has been read: it would stay until the session ends."""
    context = get_script_run_ctx()
    if context is not None:
        context.uploaded_file_mgr.remove_file(context.session_id, file.file_id)  # type: ignore[attr-defined]


class ToDisk:
    """ASGI middleware: what is too large for memory is written to disk on its way to Streamlit.

    Nothing is read before Streamlit asks for the body, which it does once it knows the session and the XSRF token.
    A file that finds no room is taken to its end and dropped: its record says why, so that the page can.
    """

    def __init__(self, app: Any, server: Callable[[], Any] = runtime.get_instance) -> None:
        self.app = app
        self.server = server

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        place = _ROUTE.search(scope["path"]) if scope["type"] == "http" and scope["method"] == "PUT" else None
        headers = Headers(scope=scope) if place else Headers()
        if place is None or _fits_memory(headers):
            await self.app(scope, receive, send)
            return
        kept: list[Kept] = []
        asked = False

        async def receive_stand_in() -> dict[str, Any]:
            nonlocal asked
            if asked:
                return await receive()
            asked = True
            return {"type": "http.request", "body": await _take(headers, receive, kept), "more_body": False}

        async def send_when_kept(message: dict[str, Any]) -> None:
            if kept and message["type"] == "http.response.start" and message["status"] == 204:
                self._keep(place[1], place[2], kept.pop())
            await send(message)

        plain = [(name, value) for name, value in scope["headers"] if name not in _LENGTHS]
        with contextlib.suppress(ClientDisconnect):  # a browser that breaks off is no fault of the server
            await self.app({**scope, "headers": plain}, receive_stand_in, send_when_kept)

    def _keep(self, session: str, file: str, kept: Kept) -> None:
        server = self.server()
        files = server.uploaded_file_mgr
        for record in files.get_files(session, [file]):
            files.add_file(session, record._replace(data=kept))
        if not server.is_active_session(session):  # it ended while the file came in: nobody would clear it away
            files.remove_session_files(session)


_LENGTHS = (b"content-length", b"transfer-encoding")  # of the body that Streamlit does not get


def _fits_memory(headers: Headers) -> bool:
    return "transfer-encoding" not in headers and _length(headers) in range(_most_in_memory() + FRAMING + 1)


def _length(headers: Headers) -> int:
    """What the browser says the body has; -1 where it does not say."""
    length = headers.get("content-length", "")
    return int(length) if re.fullmatch(r"[0-9]{1,18}", length) else -1


def _most_in_memory() -> int:
    from xraykit.films import decoder  # not at the top: NumPy would hold the server's start back

    return decoder.MAX_BYTES


async def _take(headers: Headers, receive: Any, kept: list[Kept]) -> bytes:
    """Take the whole body in; returns the one for Streamlit. A file that it does not hold is added to `kept`.

    Raises
    ------
    HTTPException
        If the body is too large, no multipart form, or holds anything but one file.
    ClientDisconnect
        If the browser breaks off.
    """
    body, most = _Body(headers), config.get_option("server.maxUploadSize") * 2**20 + FRAMING
    length, received = _length(headers), 0
    if length > most:
        raise HTTPException(413, "File too large")
    with await run_in_threadpool(_Store, length) as store:
        waiting = bytearray()
        async for chunk in _chunks(receive):
            received += len(chunk)
            if received > most:
                raise HTTPException(413, "File too large")
            waiting += b"".join(body.file_bytes(chunk))
            if len(waiting) >= WRITTEN_AT_ONCE:
                await run_in_threadpool(store.write, bytes(waiting))
                waiting.clear()
        head = body.head()
        data = await run_in_threadpool(store.end, bytes(waiting))
        if not data:
            kept.append(store.kept())
    edge = b"--" + body.boundary
    return b"\r\n".join((edge, head, data, edge + b"--", b""))


async def _chunks(receive: Any) -> AsyncIterator[bytes]:
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        yield message.get("body", b"")
        if not message.get("more_body", False):
            return


class _Body:
    """A multipart form as it comes in; of its parts only the file counts, which Streamlit wants alone."""

    def __init__(self, headers: Headers) -> None:
        kind, options = parse_options_header(headers.get("content-type"))
        self.boundary = options.get(b"boundary", b"")
        if kind != b"multipart/form-data" or not self.boundary:
            raise HTTPException(400, "Expected a multipart form")
        self._heads: list[list[tuple[bytes, bytes]]] = []  # of the files
        self._data: list[bytes] = []
        self._fields: list[tuple[bytes, bytes]] = []  # of the part that comes in
        self._name = self._value = b""
        self._is_file = self._ended = False
        names = ("part_begin", "part_data", "header_field", "header_value", "header_end", "headers_finished", "end")
        callbacks: Any = {f"on_{name}": getattr(self, f"_on_{name}") for name in names}
        with _refusing():
            self._parser = MultipartParser(self.boundary, callbacks)

    def file_bytes(self, chunk: bytes) -> list[bytes]:
        """What the file has of the next bytes of the body."""
        with _refusing():
            self._parser.write(chunk)
        data, self._data = self._data, []
        return data

    def head(self) -> bytes:
        """The header of the file as it was sent, once the body is whole."""
        if not self._ended or len(self._heads) != 1:
            raise HTTPException(400, f"Expected 1 whole file, but got {len(self._heads)}")
        return b"".join(name + b": " + value + b"\r\n" for name, value in self._heads[0])

    def _on_part_begin(self) -> None:
        self._fields, self._is_file = [], False

    def _on_header_field(self, data: bytes, start: int, end: int) -> None:
        self._name += data[start:end]

    def _on_header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _on_header_end(self) -> None:
        self._fields.append((self._name, self._value))
        self._name = self._value = b""

    def _on_headers_finished(self) -> None:
        dispositions = [value for name, value in self._fields if name.lower() == b"content-disposition"]
        self._is_file = bool(dispositions) and b"filename" in parse_options_header(dispositions[-1])[1]
        if self._is_file:
            self._heads.append(self._fields)
        if len(self._heads) > 1:
            raise HTTPException(400, "Expected 1 file, but got more")

    def _on_part_data(self, data: bytes, start: int, end: int) -> None:
        if self._is_file:
            self._data.append(data[start:end])

    def _on_end(self) -> None:
        self._ended = True


@contextlib.contextmanager
def _refusing() -> Iterator[None]:
    try:
        yield
    except FormParserError:
        raise HTTPException(400, "Expected a multipart form") from None


class _Store:
    """Where the bytes of a file go: memory while they are few, then a file without a name. Writes in any thread."""

    def __init__(self, expected: int) -> None:
        self._file: BinaryIO | None = None
        self._refused: Refused | None = None
        self._size, self._expected = 0, expected
        self._folder = folders.datasets_folder()
        with self._noting():
            folders.make_private(self._folder)
            self._look_for_room(expected)
            few = 1 if expected > 0 else _most_in_memory()  # 1: to disk at once, as it is known to be large
            self._file = tempfile.SpooledTemporaryFile(max_size=few, dir=self._folder)  # type: ignore[assignment]

    def __enter__(self) -> _Store:
        return self

    def __exit__(self, *exception: object) -> None:
        self._drop()

    def write(self, data: bytes) -> None:
        self._size += len(data)
        if self._file is not None:
            with self._noting():
                self._look_for_room(len(data))
                self._file.write(data)

    def end(self, data: bytes) -> bytes:
        """Write the last bytes; returns all of a small file, which is not kept, and none of a large one."""
        self.write(data)
        with self._noting():
            if self._file is not None:
                self._file.flush()
                self._file.seek(0)
                return self._file.read() if self._size <= _most_in_memory() else b""
        return b""

    def kept(self) -> Kept:
        """What was written, or why it was not; it is the caller's from now on."""
        file, self._file = self._file, None
        return Kept(self._refused or file)  # type: ignore[arg-type]

    def _look_for_room(self, size: int) -> None:
        if shutil.disk_usage(self._folder).free < size + SPARE:
            raise OSError(errno.ENOSPC, "no room")

    @contextlib.contextmanager
    def _noting(self) -> Iterator[None]:
        """Nothing is left of a file that cannot be written, but the reason."""
        try:
            yield
        except OSError as error:
            self._drop()
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                size = text.size(max(self._size, self._expected))
                self._refused = Refused(
                    f"There is no room for it: it needs {size} on the disk of {self._folder}, where "
                    f"{text.size(SPARE)} must stay free. Make room there, or enter a path instead.",
                    code="no-room",
                )
            else:
                self._refused = Refused(
                    f"It could not be written to {self._folder}: {error.strerror}. Make that possible, or enter a path "
                    "instead.",
                    code="not-written",
                )

    def _drop(self) -> None:
        if self._file is not None:
            with contextlib.suppress(OSError):  # closing tries once more to write what does not fit
                self._file.close()
            self._file = None
