"""A published dataset comes onto this computer: downloaded, unpacked through the firewall of zips, put into its place.

Nothing is left of a download that was broken off, but what kagglehub keeps in its own cache to go on from.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import threading
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from xraykit.datasets import pool
from xraykit.datasets.archive import place, unpack
from xraykit.datasets.catalog import known, published
from xraykit.datasets.catalog.published import Archive, Kaggle, Pooled, Published
from xraykit.datasets.layout import DatasetRefused
from xraykit.datasets.listing import folder as listing
from xraykit.films.folders import check, walk
from xraykit.refused import Refused
from xraykit.system import text
from xraykit.system.folders import UNFINISHED, datasets_folder, make_private, restore

TIMEOUT = 60  # seconds without an answer
CHUNK = 2**18
LOOK = 0.5  # seconds between two looks at how much kagglehub has
Progress = Callable[[str, int, int], None]  # what is done, bytes or films done, bytes or films in all


class FetchRefused(Refused):
    """A dataset that could not be fetched; the words say why and what to do.

    `code`: "offline", "broken-off", "not-there", "checksum", "too-large", "no-room", "kagglehub-missing",
    "kaggle-login", "kaggle", "there-already", "sources-missing" or "not-expected".
    """

    code = "fetch"


def get(dataset: Published, root: Path | None = None, progress: Progress | None = None) -> Path:
    """Download and unpack a dataset into a folder of `root` that has its name; returns that folder.

    Parameters
    ----------
    dataset : Published
    root : Path, optional
        Default `folders.datasets_folder()`.
    progress : callable, optional
        What it raises ends the work, and nothing is left.

    Raises
    ------
    FetchRefused
        If it cannot be fetched, or what came is not what was expected.
    ArchiveRefused
        If the zip is not safe to unpack.
    OSError
        If the disk is full or must not be written.
    """
    root = root or datasets_folder()
    target = root / dataset.key
    if isinstance(dataset.way, Pooled):
        return _pool(dataset, dataset.way, root, progress)
    if os.path.lexists(target):
        raise FetchRefused(
            f"{target} is there already. Remove or rename it to fetch {dataset.title} again, or choose another folder.",
            code="there-already",
        )
    make_private(root)
    restore(root)
    _look_for_room(dataset, root)
    part = root / f".{dataset.key}.{uuid.uuid4().hex[:8]}.{UNFINISHED}"
    part.mkdir(mode=0o700)
    report = progress or (lambda what, done, total: None)
    try:
        fetch = _from_kaggle if isinstance(dataset.way, Kaggle) else _from_address
        films = fetch(dataset, part, report)
        _check(dataset, films)
        os.rename(films, target)
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return target


def _pool(dataset: Published, way: Pooled, root: Path, progress: Progress | None) -> Path:
    """Pool a dataset from others, where they are on this computer."""
    copies = published.copies(known.known())
    if missing := [name for name in way.sources if not copies[name]]:
        raise FetchRefused(
            f"{dataset.title} is pooled from other datasets, and {' and '.join(missing)} "
            f"{'is' if len(missing) == 1 else 'are'} not on this computer. {' '.join(dataset.steps)}",
            code="sources-missing",
        )
    folders = {name: copies[name][0].path for name in way.sources}
    report = progress or (lambda what, done, total: None)
    return pool.pool(folders, way.classes, dataset.key, root, lambda done, total: report("Reading films", done, total))


def _look_for_room(dataset: Published, root: Path) -> None:
    """The zip and what is unpacked from it lie side by side for a while."""
    free, needed = shutil.disk_usage(root).free, 2 * dataset.size
    if needed > free:
        raise FetchRefused(
            f"{dataset.title} needs about {text.size(needed)} in {root}; {text.size(free)} are free. Make room, or "
            "choose another folder.",
            code="no-room",
        )


def _from_address(dataset: Published, part: Path, report: Progress) -> Path:
    """Download the zip with pooch and unpack it; returns the folder of films below `part`."""
    import pooch

    assert isinstance(dataset.way, Archive)
    pooch.get_logger().setLevel("ERROR")
    bar: Any = _Bar(dataset.size, report)
    loader: Any = pooch.HTTPDownloader(progressbar=bar, chunk_size=CHUNK, timeout=TIMEOUT)
    expected = f"sha256:{dataset.way.sha256}" if dataset.way.sha256 else None
    archive = f"{dataset.key}.zip"
    with _in_words(dataset):
        zipped = Path(pooch.retrieve(dataset.way.address, expected, archive, part, downloader=loader))
    unpacked = unpack.unpack(zipped, dataset.key, part, lambda done, total: report("Unpacking", done, total))
    inside = [path for path in (unpacked, *unpacked.rglob("*")) if path.name == dataset.way.inside and path.is_dir()]
    return inside[0] if inside else unpacked


class _Bar:
    """What pooch moves while it downloads, as it would a bar of tqdm."""

    def __init__(self, expected: int, report: Progress) -> None:
        self.total, self.expected, self.report = 0, expected, report
        self.done = 0

    def update(self, n: int) -> None:
        self.done += n
        if self.done > check.MAX_ARCHIVE:
            raise FetchRefused(
                f"The download is larger than {text.size(check.MAX_ARCHIVE)}, which is the limit.", code="too-large"
            )
        self.report("Downloading", self.done, max(self.total or self.expected, self.done))

    def reset(self) -> None:
        """Pooch sets a bar back at the end, to fill it."""

    def close(self) -> None:
        """There is nothing to close."""


@contextlib.contextmanager
def _in_words(dataset: Published) -> Iterator[None]:
    """Turn what pooch and requests raise into words; none of their text is shown."""
    from requests import exceptions

    try:
        yield
    except Refused:
        raise
    except exceptions.HTTPError as error:
        status = error.response.status_code if error.response is not None else "an error"
        raise FetchRefused(
            f"The server of {dataset.title} answered {status}. {_by_hand(dataset)}", code="not-there"
        ) from None
    except (exceptions.ChunkedEncodingError, exceptions.ReadTimeout, exceptions.ContentDecodingError):
        raise FetchRefused(
            f"The download of {dataset.title} broke off; nothing of it was kept. Try again.", code="broken-off"
        ) from None
    except exceptions.RequestException:
        raise FetchRefused(_offline(dataset), code="offline") from None
    except ValueError:  # pooch has no error of its own for this
        raise FetchRefused(
            f"What came as {dataset.title} is not the file that was published (its checksum differs); it was deleted. "
            f"Try again. {_by_hand(dataset)}",
            code="checksum",
        ) from None


def _offline(dataset: Published) -> str:
    return (
        f"{dataset.title} could not be reached: this computer seems to be offline, or a firewall is in the way. "
        f"On another computer: {' '.join(dataset.steps)}"
    )


def _by_hand(dataset: Published) -> str:
    return f"By hand: {' '.join(dataset.steps)}"


def _from_kaggle(dataset: Published, part: Path, report: Progress) -> Path:
    """Let kagglehub fetch it into its cache, which goes on where it was broken off; its films are taken over."""
    assert isinstance(dataset.way, Kaggle)
    handle = dataset.way.handle
    try:
        import kagglehub  # type: ignore[import-not-found]
    except ImportError:
        raise FetchRefused(
            f"{dataset.title} is on Kaggle, and fetching it needs the package kagglehub: pip install kagglehub. "
            f"{_by_hand(dataset)}",
            code="kagglehub-missing",
        ) from None
    came = _run(lambda: kagglehub.dataset_download(handle), dataset, report)
    return _take_over(Path(came), part / dataset.key, report)


def _run(download: Callable[[], Any], dataset: Published, report: Progress) -> Any:
    """Download in a thread, so that progress is told and a stop is heard meanwhile."""
    answers: list[Any] = []
    faults: list[BaseException] = []

    def work() -> None:
        try:
            answers.append(download())
        except BaseException as error:
            faults.append(error)

    thread = threading.Thread(target=work, daemon=True)  # a stop ends the process, and it with it
    thread.start()
    while thread.is_alive():
        report("Downloading", min(_so_far(dataset), dataset.size), dataset.size)
        thread.join(LOOK)
    if faults:
        raise _kaggle_fault(faults[0], dataset) from None
    return answers[0]


def _so_far(dataset: Published) -> int:
    """Bytes of the archive that kagglehub has in its cache."""
    assert isinstance(dataset.way, Kaggle)
    cache = Path(os.environ.get("KAGGLEHUB_CACHE") or Path.home() / ".cache" / "kagglehub")
    size = 0
    for archive in (cache / "datasets" / dataset.way.handle).glob("*.archive"):
        with contextlib.suppress(OSError):
            size += archive.stat().st_size
    return size


def _kaggle_fault(error: BaseException, dataset: Published) -> BaseException:
    """What kagglehub raised, in words: by the answer's status or the kind of error, never by its text."""
    if isinstance(error, Refused) or (isinstance(error, OSError) and error.errno is not None):
        return error
    kinds = {kind.__name__ for kind in type(error).__mro__}
    status = getattr(getattr(error, "response", None), "status_code", None)
    if status in (401, 403) or kinds & {"UnauthenticatedError", "CredentialError"}:
        words = (
            f"Kaggle asks for a login to give {dataset.title}. Make a token at https://www.kaggle.com/settings and put "
            f"it into ~/.kaggle/kaggle.json, agree to the dataset's terms on its page if it has any, then try again. "
            f"{_by_hand(dataset)}"
        )
        return FetchRefused(words, code="kaggle-login")
    if kinds & {"ConnectionError", "Timeout", "ConnectTimeout", "ReadTimeout", "SSLError", "ProxyError"}:
        return FetchRefused(_offline(dataset), code="offline")
    if "DataCorruptionError" in kinds:
        words = f"What Kaggle sent as {dataset.title} fails its checksum. Try again. {_by_hand(dataset)}"
        return FetchRefused(words, code="checksum")
    said = f"answered {status}" if status else f"gave up ({type(error).__name__})"
    return FetchRefused(f"kagglehub {said} when asked for {dataset.title}. {_by_hand(dataset)}", code="kaggle")


def _take_over(came: Path, target: Path, report: Progress) -> Path:
    """The films and the manifest of a folder as plain files in another; hard links where they can be."""
    tree = walk.walk(came)
    wanted = [
        folder.path / name
        for folder in tree.all_folders()
        for name in (*folder.films, *(other for other in folder.others if other.lower().startswith("manifest.")))
    ]
    for number, path in enumerate(wanted, 1):
        place.place(path, target / path.relative_to(came))
        if number % 100 == 0 or number == len(wanted):
            report("Unpacking", number, len(wanted))
    return target


def _check(dataset: Published, folder: Path) -> None:
    """Is it the dataset that was asked for? By its classes, as everybody will read them."""
    try:
        labels = {row.label for row in listing.read(folder).rows} if folder.is_dir() else set()
    except DatasetRefused as refused:
        raise FetchRefused(
            f"What came as {dataset.title} cannot be read. {refused.words}", code="not-expected"
        ) from None
    if len(labels) < 2:
        raise FetchRefused(
            f"What came as {dataset.title} has {', '.join(sorted(labels)) or 'no class'}; expected "
            f"{', '.join(names[0] for names in dataset.classes)}. {_by_hand(dataset)}",
            code="not-expected",
        )
