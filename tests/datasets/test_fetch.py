"""Published datasets: which copies are here, and how one comes from a server that may break, lie or be gone."""

import hashlib
import io
import sys
import threading
import types
import zipfile
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tests.helpers import film_folders
from xraykit.datasets import dataset
from xraykit.datasets.catalog import fetch, known, published
from xraykit.datasets.catalog.published import Archive
from xraykit.films.folders.check import ArchiveRefused
from xraykit.system.job_folder.job_folder import Stopped


@pytest.fixture(autouse=True)
def own_folders(tmp_path, monkeypatch):
    monkeypatch.setenv("XRAYKIT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("XRAYKIT_DATASETS", str(tmp_path / "datasets"))
    monkeypatch.setenv("XRAYKIT_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("KAGGLEHUB_CACHE", str(tmp_path / "kagglehub"))


@pytest.fixture(scope="module")
def zipped(tmp_path_factory):
    """The archive as it is published: a folder around it, code and pictures beside the films."""
    made = film_folders.make(tmp_path_factory.mktemp("films"), ("Covid-19", "No_findings", "Pneumonia"), films=2)
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        archive.writestr("COVID-19-master/README.md", "words")
        archive.write(made / "Covid-19" / "film-000.png", "COVID-19-master/pictures/figure.png")
        for film in made.rglob("*.png"):
            archive.write(film, f"COVID-19-master/X-Ray Image DataSet/{film.relative_to(made)}")
    return data.getvalue()


@pytest.fixture
def serve(zipped):
    """Serve bytes as a test wants them; gives the address."""
    servers = []

    def start(data=zipped, status=200, length=None):
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                self.send_response(status)
                self.send_header("Content-Length", str(length or len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *words):
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        return f"http://127.0.0.1:{server.server_port}/master.zip"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def darkcovid(address, sha256=""):
    return replace(published.named("darkcovid"), way=Archive(address, sha256, "X-Ray Image DataSet"), size=1000)


def left(tmp_path):
    return [path.name for path in (tmp_path / "datasets").iterdir()]


def test_a_dataset_comes_from_its_address(serve, zipped, tmp_path):
    told = []
    address = serve()
    folder = fetch.get(
        darkcovid(address, hashlib.sha256(zipped).hexdigest()), progress=lambda *given: told.append(given)
    )
    assert folder == tmp_path / "datasets" / "darkcovid" and left(tmp_path) == ["darkcovid"]
    assert dataset.count_labels(folder) == {"Covid-19": 2, "No_findings": 2, "Pneumonia": 2}
    assert {what for what, _, _ in told} == {"Downloading", "Unpacking"}
    assert all(done <= total for _, done, total in told) and told[-1][1] == told[-1][2]
    assert [copy.path for copy in published.copies(known.known())["darkcovid"]] == [folder]
    with pytest.raises(fetch.FetchRefused) as refused:
        fetch.get(darkcovid(address))
    assert refused.value.code == "there-already"


@pytest.mark.parametrize(
    ("answer", "sha256", "code"),
    [
        ({"status": 404}, "", "not-there"),
        ({"status": 503}, "", "not-there"),
        ({"length": 10**6}, "", "broken-off"),
        ({}, "0" * 64, "checksum"),
        ({"data": b"no zip at all"}, "", "archive"),
    ],
)
def test_a_download_that_fails_says_why_and_leaves_nothing(answer, sha256, code, serve, tmp_path, capfd):
    with pytest.raises((fetch.FetchRefused, ArchiveRefused)) as refused:
        fetch.get(darkcovid(serve(**answer), sha256))
    assert refused.value.code == code and left(tmp_path) == []
    assert "Traceback" not in refused.value.words and "HTTPConnection" not in refused.value.words
    assert capfd.readouterr().err == ""


def test_a_computer_that_is_offline_is_told_what_to_do(tmp_path):
    with pytest.raises(fetch.FetchRefused, match="offline") as refused:
        fetch.get(darkcovid("http://127.0.0.1:9/master.zip"))
    assert refused.value.code == "offline" and left(tmp_path) == []


def test_an_archive_of_something_else_is_refused(serve, tmp_path):
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        archive.writestr("only/film.png", b"\x89PNG\r\n\x1a\n")
    with pytest.raises(fetch.FetchRefused) as refused:
        fetch.get(darkcovid(serve(data.getvalue())))
    assert refused.value.code == "not-expected" and left(tmp_path) == []


@pytest.mark.parametrize("moment", ["Downloading", "Unpacking"])
def test_a_stop_leaves_nothing(moment, serve, tmp_path):
    def stop(what, done, total):
        if what == moment:
            raise Stopped("Stopped.")

    with pytest.raises(Stopped):
        fetch.get(darkcovid(serve()), progress=stop)
    assert left(tmp_path) == []


def test_what_a_killed_download_left_is_cleared(serve, tmp_path):
    (tmp_path / "datasets" / ".darkcovid.0123abcd.part").mkdir(parents=True)
    fetch.get(darkcovid(serve()))
    assert left(tmp_path) == ["darkcovid"]


def test_too_little_room_is_said_before(tmp_path):
    with pytest.raises(fetch.FetchRefused, match="Make room") as refused:
        fetch.get(replace(published.named("darkcovid"), size=10**18))
    assert refused.value.code == "no-room"


@pytest.fixture
def kaggle(tmp_path, monkeypatch):
    """A kagglehub that does as a test says."""
    hub = types.ModuleType("kagglehub")
    monkeypatch.setitem(sys.modules, "kagglehub", hub)
    monkeypatch.setattr(fetch, "LOOK", 0.01)
    small = tuple(replace(each, size=min(each.size, 1000)) for each in published.TABLE)
    monkeypatch.setattr(published, "TABLE", small)
    return hub


def test_kagglehub_fetches_what_is_on_kaggle(kaggle, tmp_path):
    cache = film_folders.make(tmp_path / "kagglehub" / "files" / "chest_xray", ("NORMAL", "PNEUMONIA"), films=2)
    kaggle.dataset_download = lambda handle: str(cache.parent) if "chest-xray-pneumonia" in handle else None
    folder = fetch.get(published.named("kermany"))
    assert dataset.count_labels(folder) == {"NORMAL": 2, "PNEUMONIA": 2} and left(tmp_path) == ["kermany"]
    assert len([*cache.rglob("*.png")]) == 4


class UnauthenticatedError(Exception):
    pass


class KaggleApiHTTPError(Exception):
    def __init__(self, status):
        super().__init__("secret words of a library")
        self.response = types.SimpleNamespace(status_code=status)


class ConnectionError(Exception):
    pass


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (UnauthenticatedError(), "kaggle-login"),
        (KaggleApiHTTPError(403), "kaggle-login"),
        (KaggleApiHTTPError(500), "kaggle"),
        (ConnectionError("secret words of a library"), "offline"),
        (RuntimeError("secret words of a library"), "kaggle"),
    ],
)
def test_what_kagglehub_says_becomes_words(error, code, kaggle, tmp_path):
    def fail(handle):
        raise error

    kaggle.dataset_download = fail
    with pytest.raises(fetch.FetchRefused) as refused:
        fetch.get(published.named("radiography"))
    assert refused.value.code == code and "secret" not in refused.value.words and left(tmp_path) == []


def test_without_kagglehub_the_way_is_told(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "kagglehub", None)
    monkeypatch.setattr(published, "TABLE", tuple(replace(each, size=0) for each in published.TABLE))
    with pytest.raises(fetch.FetchRefused, match="pip install kagglehub") as refused:
        fetch.get(published.named("intel"))
    assert refused.value.code == "kagglehub-missing" and "puneet6060" in refused.value.words


def test_the_infected_set_is_pooled_from_the_others(tmp_path):
    infected = published.named("infected-normal")
    with pytest.raises(fetch.FetchRefused) as refused:
        fetch.get(infected)
    assert refused.value.code == "sources-missing" and "kermany" in refused.value.words
    data = tmp_path / "data"
    film_folders.make(data / "a", films=1)
    film_folders.make(data / "b", ("Covid-19", "No_findings", "Pneumonia"), films=1)
    film_folders.make(data / "c", ("NORMAL", "PNEUMONIA"), films=1)
    folder = fetch.get(infected)
    films = dataset.read(folder)
    assert films.counts() == {"infected": 5, "normal": 3} and set(films.sources) == set(infected.way.sources)
    assert fetch.get(infected) == folder
    assert published.folder_of("infected-normal") == folder


@pytest.mark.parametrize(
    ("classes", "key"),
    [
        (("COVID-19", "Normal", "Viral Pneumonia"), "radiography"),
        (("COVID", "Lung_Opacity", "Normal", "Viral Pneumonia"), "radiography"),
        (("Buildings", "forest", "glacier", "mountain", "sea", "street"), "intel"),
        (("NORMAL", "PNEUMONIA"), "kermany"),
        (("COVID-19", "Normal", "Pneumonia"), "darkcovid"),
        (("buildings", "forest"), None),
        (("infected", "normal"), None),  # only a pool is that one
        (("Normal", "Pneumonia", "Other"), None),
    ],
)
def test_a_copy_is_known_by_its_classes_not_its_name(classes, key, tmp_path):
    folder = known.Known("any name", tmp_path, dict.fromkeys(classes, 100))
    assert [name for name, copies in published.copies([folder]).items() if copies] == ([key] if key else [])
    many = known.Known("any name", tmp_path, dict.fromkeys(classes, 100_000))
    assert not any(published.copies([many]).values())


def test_class_names_alone_make_no_sure_copy(tmp_path):
    dataset = published.named("radiography")
    classes = ("COVID", "Lung_Opacity", "Normal", "Viral Pneumonia")
    look_alike = known.Known("synthetic-films", tmp_path / "data" / "synthetic-films", dict.fromkeys(classes, 5_000))
    counts = dict.fromkeys(classes, 5_000) | {"Normal": dataset.films - 15_000}
    whole = known.Known("any name", tmp_path / "any name", counts)
    fetched = known.Known("radiography", tmp_path / "datasets" / "radiography", dict.fromkeys(classes, 5_000 - 1))
    assert [dataset.is_sure(folder) for folder in (look_alike, whole, fetched)] == [False, True, True]
    assert published.copies([look_alike, fetched, whole])["radiography"] == [whole, fetched, look_alike]


def test_the_table_says_everything():
    for each in published.TABLE:
        assert each.licence and each.citation and each.layout and each.faults and each.steps and each.studies
        assert published.named(each.key) is each and each.to_json()["how_to_get"]
    with pytest.raises(published.UnknownDataset, match="radiography"):
        published.named("nope")


def test_the_real_films_are_known_for_what_they_are(real_films, monkeypatch):
    monkeypatch.setenv("XRAYKIT_DATA", str(real_films))
    copies = published.copies(known.known())
    names = {key: [copy.name for copy in fitting] for key, fitting in copies.items() if fitting}
    assert names == {name: [name] for name in ("radiography", "intel", "darkcovid", "kermany")}
