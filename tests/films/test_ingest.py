"""The firewall: whatever a stranger's file does, the answer is a Radiograph or a Refusal, and the next film is read."""

import errno
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path

import numpy as np
import psutil
import pytest
from pebble import ProcessExpired
from PIL import Image

from tests.helpers import ROOT, bad_films, processes
from xraykit.datasets.reading import index
from xraykit.films import decoder, ingest
from xraykit.films.ingest import Ingest  # not the one that tests share
from xraykit.films.radiograph import Radiograph
from xraykit.films.refusal import Refusal

FILM = bad_films.png(bad_films.film_values())


@pytest.fixture(scope="module")
def firewall() -> Iterator[Ingest]:
    with Ingest() as running:
        yield running


def decoders(parent: int) -> list[psutil.Process]:
    # multiprocessing's resource tracker is a child too, but no decoder
    return [child for child in psutil.Process(parent).children() if "spawn_main" in " ".join(processes.command(child))]


def wait_until(true: object, seconds: float) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if true():  # type: ignore[operator]
            return True
        time.sleep(0.05)
    return False


def test_bytes_and_path_give_the_same_film(firewall, tmp_path):
    (tmp_path / "film.png").write_bytes(FILM)
    one, two = firewall.read(FILM, "film.png"), firewall.read(tmp_path / "film.png")
    assert np.array_equal(one.pixels, two.pixels)
    assert (one.source, one.sha256, one.notes) == (two.source, two.sha256, two.notes)


def test_the_given_source_names_the_film(firewall, tmp_path):
    (tmp_path / "a.png").write_bytes(FILM)
    assert firewall.read(tmp_path / "a.png", source="ward/a.png").source == "ward/a.png"


def test_every_bad_film_is_refused_between_good_ones(firewall):
    films = [("good.png", FILM)]
    for name, (build, _) in bad_films.BAD.items():
        films += [(name, build()), ("good.png", FILM)]
    results = list(firewall.read_many(films))
    assert [result.source for result in results] == [name for name, _ in films]
    assert all(isinstance(result, Radiograph) for result in results[::2])
    for refused in results[1::2]:
        assert refused.code in bad_films.BAD[refused.source][1]
        assert refused.source not in refused.words


def test_a_hanging_film_times_out_and_costs_no_other_film_its_result(firewall, monkeypatch):
    send = firewall._send

    def soon(films, seconds, wanted):
        """A second for what hangs, with a core at work all along, and more than enough for what is slow."""
        return send(films, 1.0 if any("hang" in film[0] for film in films) else 120.0, wanted)

    monkeypatch.setattr(firewall, "_send", soon)
    films = [("good.png", FILM)] * 5 + [("hang.jpg", bad_films.hanging_jpeg())] + [("good.png", FILM)] * 40
    results = list(firewall.read_many(films))
    assert [type(result).__name__ for result in results].count("Refusal") == 1
    assert (results[5].code, results[5].source) == ("timeout", "hang.jpg")


def test_films_come_in_order_and_few_at_a_time(firewall):
    asked = 0

    def films() -> Iterator[tuple[str, bytes]]:
        nonlocal asked
        for number in range(400):
            asked += 1
            yield f"{number}.png", FILM

    results = firewall.read_many(films())
    assert next(results).source == "0.png"
    assert asked <= (firewall.workers + 3) * ingest.BATCH_FILMS
    assert [result.source for result in results] == [f"{number}.png" for number in range(1, 400)]


@pytest.mark.parametrize(
    "kind", ["12-bit DICOM", "16-bit PNG", pytest.param("RGBA PNG", marks=pytest.mark.slow), "CMYK JPEG"]
)
def test_films_at_the_limit_of_size_fit_the_memory(firewall, kind, monkeypatch):
    monkeypatch.setattr(ingest, "SECONDS", 120.0)  # a busy machine takes longer; it is memory that is tried here
    data, shape = at_the_limit(kind)
    film = firewall.read(data)
    assert isinstance(film, Radiograph), film
    assert (film.height, film.width) == shape


def at_the_limit(kind: str) -> tuple[bytes, tuple[int, int]]:
    if kind == "12-bit DICOM":  # 50 MB of it are 25 megapixels
        values = np.tile(np.arange(5000, dtype=np.uint16) % 4096, (5000, 1))
        return bad_films.dicom(values, bits=12, WindowCenter=2048, WindowWidth=9), (5000, 5000)
    if kind == "16-bit PNG":
        return bad_films.png(np.tile(np.arange(6600, dtype=np.uint16), (6000, 1)), compress_level=1), (6000, 6600)
    mode = kind.split()[0]
    picture = Image.linear_gradient("L").resize((6600, 6000)).convert("RGB").convert(mode)
    if mode == "RGBA":
        picture.paste((10, 200, 30, 100), (0, 0, 4000, 4000))
        return bad_films.png(picture, compress_level=1), (6000, 6600)
    return bad_films.jpeg(picture, quality=50), (6000, 6600)


def test_too_many_bytes_are_refused_before_they_are_read(firewall, tmp_path):
    with open(tmp_path / "big.png", "wb") as file:
        file.truncate(decoder.MAX_BYTES + 1)
    big = ("big.png", bytes(decoder.MAX_BYTES + 1))
    for refused in (firewall.read(tmp_path / "big.png"), firewall.read(big[1], big[0]), *firewall.read_many([big])):
        assert (refused.code, refused.source) == ("file-too-large", "big.png")


def test_paths_that_are_no_films_are_refused(firewall, tmp_path):
    os.mkfifo(tmp_path / "pipe.png")
    (tmp_path / "gone.png").symlink_to(tmp_path / "nowhere.png")
    (tmp_path / "loop.png").symlink_to(tmp_path / "loop.png")
    paths = [
        tmp_path,
        tmp_path / "pipe.png",
        tmp_path / "gone.png",
        tmp_path / "loop.png",
        tmp_path / "none.png",
        Path("a" * 3000),
        Path("nul\0.png"),
        Path("/dev/zero"),
    ]
    refused = list(firewall.read_many(paths))
    assert [result.code for result in refused] == ["unreadable"] * len(paths)
    assert "no file can have this name" in refused[6].words and "null" not in refused[6].words


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_permission_is_refused(firewall, tmp_path):
    (tmp_path / "film.png").write_bytes(FILM)
    (tmp_path / "film.png").chmod(0)
    assert firewall.read(tmp_path / "film.png").code == "unreadable"


def test_a_study_is_its_films_and_a_reason_for_every_other_file(firewall, tmp_path):
    bad_films.write_study(tmp_path)
    found = ingest.list_films([tmp_path])
    results = dict(
        zip([path.relative_to(tmp_path).as_posix() for path in found], firewall.read_many(found), strict=True)
    )
    films = {f"IMAGES/SERIES{series}/IM{number}" for series in (0, 1) for number in (0, 1)}
    assert {name for name, result in results.items() if isinstance(result, Radiograph)} == films
    refused = {name: result.code for name, result in results.items() if name not in films}
    assert refused == {"DICOMDIR": "dicomdir", "IMAGES/SR0": "no-pixels"}


def test_a_folder_that_may_not_be_read_is_refused_by_name(tmp_path, monkeypatch):
    (tmp_path / "open").mkdir()
    (tmp_path / "open" / "film.png").write_bytes(FILM)
    (tmp_path / "shut").mkdir()
    scan = os.scandir

    def scandir(path="."):
        if Path(path).name == "shut":
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return scan(path)

    monkeypatch.setattr(os, "scandir", scandir)
    found = ingest.list_films([tmp_path])
    assert found == [tmp_path / "open" / "film.png", tmp_path / "shut"]
    film, refused = decoder.read_batch(found)
    assert isinstance(film, Radiograph) and isinstance(refused, Refusal)
    assert refused.code == "unreadable" and "Permission denied" in refused.words


def test_odd_names_are_read_and_made_fit_for_messages(firewall, tmp_path):
    for name in ("Röntgen 肺.png", "a\nb.png", "x" * 250 + ".png", os.fsdecode(b"\xff\xfe.png")):
        (tmp_path / name).write_bytes(FILM)
        film = firewall.read(tmp_path / name)
        assert isinstance(film, Radiograph)
        assert film.source.isprintable() and len(film.source) <= 200 and film.source.encode()
    refused = firewall.read(b"", "y" * 100_000)
    assert len(refused.words) < 500


def test_a_symlink_to_a_film_is_the_film(firewall, tmp_path):
    (tmp_path / "film.png").write_bytes(FILM)
    (tmp_path / "link.png").symlink_to(tmp_path / "film.png")
    assert isinstance(firewall.read(tmp_path / "link.png"), Radiograph)


def test_several_hundred_mutants_are_films_or_refusals_and_the_decoders_live_on(firewall):
    values = bad_films.film_values((48, 40))
    grey12 = values.astype(np.uint16) * 16
    seeds = [
        bad_films.png(values),
        bad_films.png(grey12),
        bad_films.jpeg(values),
        bad_films.colour_photograph(),
        bad_films.dicom(grey12, bits=12, WindowCenter=2048, WindowWidth=4096),
        bad_films.dicom(np.dstack([values] * 3)),
    ]
    random = np.random.RandomState(20260701)
    mutants = [(f"mutant-{number}", mutant(seeds[number % len(seeds)], random)) for number in range(600)]
    results = list(firewall.read_many(mutants))
    assert [result.source for result in results] == [name for name, _ in mutants]
    assert {type(result) for result in results} == {Radiograph, Refusal}
    assert isinstance(firewall.read(FILM, "good.png"), Radiograph)


def mutant(data: bytes, random: np.random.RandomState) -> bytes:
    """Truncate, flip or insert a few bytes."""
    changed = bytearray(data)
    for _ in range(random.randint(1, 6)):
        place, kind = random.randint(len(changed)), random.randint(3)
        if kind == 0 and random.random_sample() < 0.3:
            del changed[max(place, 4) :]
        elif kind == 1:
            changed[place] ^= 1 << random.randint(8)
        else:
            changed[place:place] = random.bytes(random.randint(1, 9))
    return bytes(changed)


def test_nothing_is_started_before_the_first_film():
    firewall = Ingest()
    before = len(decoders(os.getpid()))
    firewall.close()
    assert len(decoders(os.getpid())) == before


def test_closed_decoders_are_gone_and_start_again_when_asked():
    before = {child.pid for child in decoders(os.getpid())}
    firewall = Ingest(workers=1)
    assert isinstance(firewall.read(FILM, "a.png"), Radiograph)
    own = {child.pid for child in decoders(os.getpid())} - before
    firewall.close()
    assert len(own) == 1 and wait_until(lambda: not any(map(psutil.pid_exists, own)), 60)
    assert isinstance(firewall.read(FILM, "a.png"), Radiograph)
    firewall.close()


def test_a_decoder_holds_no_network_one_thread_for_numpy_and_little_memory(firewall):
    found = firewall.loaded_modules()
    assert found["heavy"] == []
    environment = psutil.Process(found["pid"]).environ()
    assert environment["OMP_NUM_THREADS"] == environment["OPENBLAS_NUM_THREADS"] == "1"
    if sys.platform == "linux":
        assert psutil.Process(found["pid"]).rlimit(psutil.RLIMIT_AS) == (decoder.MEMORY, decoder.MEMORY)


@pytest.mark.slow
def test_a_killed_decoder_is_replaced(firewall):
    for _ in range(3):
        os.kill(firewall.loaded_modules()["pid"], signal.SIGKILL)
        assert isinstance(firewall.read(FILM, "a.png"), Radiograph)
        assert all(isinstance(result, Radiograph) for result in firewall.read_many([("a.png", FILM)] * 50))


class Dying(ingest.Ingest):
    """Decoders of which the first so many die with what they were given; no process is started."""

    def __init__(self, deaths: int) -> None:
        super().__init__()
        self.deaths, self.asked = deaths, 0

    def _send(self, batch, seconds, wanted=None):
        self.asked += 1
        future = Future()
        if self.asked <= self.deaths:
            future.set_exception(ProcessExpired("Abnormal termination", code=-9))
        else:
            future.set_result(decoder.read_batch(batch))
        return future


@pytest.mark.parametrize("films", [1, 3])
def test_a_film_whose_decoder_was_killed_is_read_again_in_a_fresh_one(films):
    given = [(f"film-{number}", FILM) for number in range(films)]
    assert [type(film) for film in Dying(1).read_many(given)] == [Radiograph] * films
    assert isinstance(Dying(1).read(FILM), Radiograph)


def test_two_dead_decoders_are_a_refusal_of_their_own_that_is_not_remembered():
    refused = Dying(9).read(FILM)
    assert isinstance(refused, Refusal) and refused.code == "decoder-died" and "ended twice" in refused.words
    assert refused.code in index.FLEETING and "corrupt" not in refused.words


def test_decoders_print_warn_and_log_nothing():
    """By a script of its own, so that what C libraries would write on its descriptors is seen too."""
    script = """
from xraykit.films import ingest
from tests.helpers import loud
with ingest.Ingest(1) as firewall:
    assert firewall._running_pool().schedule(loud.speak).result() == "spoken"
"""
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0 and "Doe" not in done.stdout + done.stderr


def test_many_threads_share_the_decoders_and_outlive_each_other():
    from concurrent.futures import ThreadPoolExecutor

    with Ingest() as firewall:
        with ThreadPoolExecutor(8) as threads:  # the thread that started the decoders ends here
            results = list(threads.map(lambda number: firewall.read(FILM, str(number)), range(64)))
            ours = set(threads.map(lambda _: threading.get_native_id(), range(64)))
        assert [result.source for result in results] == [str(number) for number in range(64)]
        pid = firewall.loaded_modules()["pid"]
        assert wait_until(lambda: not ours & {thread.id for thread in psutil.Process().threads()}, 60)
        assert psutil.pid_exists(pid) and isinstance(firewall.read(FILM, "a.png"), Radiograph)


PARENT = """
import sys, threading, time
from pathlib import Path
from xraykit.films import ingest
firewall = ingest.Ingest()
firewall.start()
print(firewall.loaded_modules()["pid"], flush=True)
for _ in range(2):
    threading.Thread(target=firewall.read, args=(Path(sys.argv[1]),), daemon=True).start()
time.sleep(600)
"""


@pytest.mark.parametrize("how", [signal.SIGKILL, pytest.param(signal.SIGTERM, marks=pytest.mark.slow)])
def test_no_decoder_outlives_its_parent_even_when_busy_in_a_hang(how, tmp_path):
    film = tmp_path / "hang.jpg"
    film.write_bytes(bad_films.hanging_jpeg())
    parent = subprocess.Popen([sys.executable, "-c", PARENT, str(film)], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None and parent.stdout.readline()
    assert wait_until(lambda: len(decoders(parent.pid)) == 2, 60)
    children = psutil.Process(parent.pid).children(recursive=True)
    busy = decoders(parent.pid)
    assert wait_until(lambda: all(child.cpu_times().user > 0.5 for child in busy), 60)
    parent.send_signal(how)
    parent.wait()
    assert wait_until(lambda: not any(child.is_running() and child.status() != "zombie" for child in children), 60)


def test_a_script_without_a_guard_and_without_close_ends_by_itself(tmp_path):
    (tmp_path / "film.png").write_bytes(FILM)
    script = tmp_path / "script.py"
    script.write_text(
        "import sys; from pathlib import Path; from xraykit.films import ingest\n"
        "print(ingest.Ingest().read(Path(sys.argv[1])).width)\n"
    )
    run = [sys.executable, str(script), str(tmp_path / "film.png")]
    done = subprocess.run(run, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (0, "80\n", "")


def test_folders_are_walked_in_order_and_litter_is_left_out(tmp_path):
    for name in (
        "b/2.png",
        "b/1.dcm",
        "a/x.jpg",
        "a/deep/er/film",
        "manifest.csv",
        "README.md",
        ".DS_Store",
        "Thumbs.db",
        ".hidden/x.png",
        "__MACOSX/x.png",
        "notes.txt",
        "strange.xyz",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    found = [str(path.relative_to(tmp_path)) for path in ingest.list_films([tmp_path])]
    assert found == ["notes.txt", "strange.xyz", "a/x.jpg", "a/deep/er/film", "b/1.dcm", "b/2.png"]


def test_files_stay_as_they_are_given_missing_ones_too(tmp_path):
    given = [tmp_path / "none.png", tmp_path / "manifest.csv"]
    assert ingest.list_films(given) == given
