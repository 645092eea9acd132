"""The inference service: what it answers, and that it lives and dies as it should."""

import io
import os
import shutil
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import psutil
import pytest
from PIL import Image

from tests.helpers import ROOT, bad_films, tiny_model
from xraykit.films import note
from xraykit.films.refusal import Refusal
from xraykit.models import classifier, explanation
from xraykit.models.cards import card
from xraykit.models.service import client as inference
from xraykit.models.service.lines import ServiceError


@pytest.fixture(scope="module")
def weights(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("weights")
    shutil.copytree(tiny_model.KEPT, folder / "tiny-model")
    shutil.copytree(tiny_model.KEPT, folder / "tampered")
    tiny_model.write_card(folder / "tampered")
    with (folder / "tampered" / "model.keras").open("ab") as file:
        file.write(b"!")
    return folder


@pytest.fixture(scope="module")
def client(weights):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XRAYKIT_WEIGHTS", str(weights))
        started = inference.start()
        yield started
        started.close()


def test_a_film_is_read_where_it_lies_with_its_notes(client, tmp_path):
    lateral = bad_films.dicom(bad_films.film_values((96, 96)), ViewPosition="LL")
    (tmp_path / "film").write_bytes(lateral)
    by_path, by_bytes = client.read("S0/film", tmp_path / "film"), client.read("S0/film", lateral)
    assert by_path.source == by_bytes.source == "S0/film" and by_path.notes == by_bytes.notes
    assert [note.code for note in note.warnings(by_path.notes)] == ["lateral"]
    assert client.read("pipe", Path("/dev/zero")).code == "unreadable"


def png(seed: int = 0, shape: tuple = (90, 70)) -> bytes:
    pixels = np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)
    written = io.BytesIO()
    Image.fromarray(pixels).save(written, "PNG")
    return written.getvalue()


def wait_until(true, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while not true() and time.monotonic() < deadline:
        time.sleep(0.05)
    return bool(true())


def running(process: psutil.Process) -> bool:
    """Alive: what only waits to be reaped by init is gone."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def socket_of(client: inference.Client) -> Path:
    """Where the service listens: what anybody on this computer can see of it."""
    return Path(psutil.Process(client.status()["pid"]).cmdline()[-1])


def test_a_film_is_read_and_classified_as_in_this_process(client, weights):
    film = client.read("film.png", png())
    reading = client.classify(film, "tiny-model")
    prediction, maps = explanation.grad_cam(classifier.load(weights / "tiny-model"), film)
    assert reading.prediction.probabilities.tobytes() == prediction.probabilities.tobytes()
    assert [found.label for found in reading.explanations] == list(prediction.classes)
    for found, expected in zip(reading.explanations, maps, strict=True):
        assert found.heatmap.tobytes() == expected.heatmap.tobytes()


def test_bytes_that_are_no_film_come_back_as_a_refusal(client):
    refused = client.read("notes.png", b"hello")
    assert isinstance(refused, Refusal) and refused.source == "notes.png"


def test_models_are_listed_and_bad_ones_named(client):
    usable, refused = client.models()
    assert [found.name for found in usable] == ["tiny-model"]
    assert [(found.source, found.code) for found in refused] == [("tampered", "hash-mismatch")]


@pytest.mark.parametrize(("model", "code"), [("tampered", "hash-mismatch"), ("nobody", "model-missing")])
def test_a_model_that_cannot_be_used_is_refused_in_words(client, model, code):
    with pytest.raises(card.ModelRefused) as refused:
        client.classify(client.read("film.png", png()), model)
    assert refused.value.code == code and model in refused.value.words


def test_grad_cam_by_name_needs_no_worker(client):
    film = client.read("film.png", png())
    found = client.explain(film, "tiny-model", "Grad-CAM", "Normal")
    assert found.heatmap.tobytes() == client.classify(film, "tiny-model").explanations[1].heatmap.tobytes()
    assert client.status()["worker"] is None


def test_an_unknown_label_or_method_is_refused_in_words(client):
    film = client.read("film.png", png())
    with pytest.raises(ValueError, match="Expected one of COVID-19, Normal, Pneumonia"):
        client.explain(film, "tiny-model", "Grad-CAM", "Flu")
    with pytest.raises(ValueError, match="Guesswork"):
        client.explain(film, "tiny-model", "Guesswork", "Normal")


def test_no_training_library_is_loaded_in_the_service_or_its_decoders(client):
    client.classify(client.read("film.png", png()), "tiny-model")
    status = client.status()
    assert status["heavy"] == [] and status["models"] == ["tiny-model"]
    assert status["decoders"] and all(decoder["heavy"] == [] for decoder in status["decoders"])
    assert status["pid"] not in (os.getpid(), status["decoders"][0]["pid"])


def test_many_callers_at_once_get_their_own_answers(client):
    films = [client.read(f"{seed}.png", png(seed)) for seed in range(6)]
    alone = [client.classify(film, "tiny-model").prediction.logits.tobytes() for film in films]
    with ThreadPoolExecutor(8) as pool:
        together = pool.map(lambda n: (n % 6, client.classify(films[n % 6], "tiny-model")), range(48))
        assert all(reading.prediction.logits.tobytes() == alone[n] for n, reading in together)


def test_a_model_kept_anew_is_read_anew(client, weights):
    film = client.read("film.png", png())
    folder = Path(shutil.copytree(tiny_model.KEPT, weights / "renewed"))
    tiny_model.write_card(folder)
    before = client.classify(film, "renewed").prediction
    tiny_model.write_card(folder, temperature=4.0)
    after = client.classify(film, "renewed").prediction
    shutil.rmtree(folder)
    assert before.logits.tobytes() == after.logits.tobytes()
    assert before.probabilities.max() > after.probabilities.max()


def test_the_service_listens_within_a_second_or_so():
    began = time.monotonic()
    started = inference.start()
    assert time.monotonic() - began < 60  # a hang limit
    started.status()
    started.close()
    with pytest.raises(ServiceError, match="closed"):
        started.status()


def test_a_service_that_died_is_started_again_once_for_all_callers(client):
    film = client.read("film.png", png())
    before, restarts = client.status()["pid"], client.restarts
    os.kill(before, signal.SIGKILL)
    with ThreadPoolExecutor(6) as pool:
        readings = list(pool.map(lambda _: client.classify(film, "tiny-model"), range(6)))
    assert len({reading.prediction.logits.tobytes() for reading in readings}) == 1
    assert client.restarts == restarts + 1 and client.status()["pid"] != before


def test_a_service_that_always_dies_gives_an_error_in_words(monkeypatch):
    monkeypatch.setattr(inference, "SERVICE", "xraykit.no_such_room")
    broken = inference.start()
    with pytest.raises(ServiceError, match="stopped twice"):
        broken.status()
    broken.close()


def test_closing_leaves_no_process_and_no_folder():
    started = inference.start()
    started.read("film.png", png())
    family = [psutil.Process(started.status()["pid"])]
    family += family[0].children(recursive=True)
    folder = socket_of(started).parent
    assert folder.is_dir() and folder.stat().st_mode & 0o777 == 0o700
    started.close()
    assert wait_until(lambda: not any(running(process) for process in family), 60)
    assert not folder.exists()


PARENT = """
import sys, threading, time
from pathlib import Path
from tests.models import test_service
from xraykit.models.service import client as inference
if __name__ == "__main__":
    client = inference.start()
    film = client.read("film.png", test_service.png())
    method, busy = sys.argv[1], None
    def work():
        hang = Path(sys.argv[2])
        while True:
            if method == "decoding" and hang.is_file():
                client.read("hang.jpg", hang.read_bytes())
            elif method == "reading":
                client.classify(film, "tiny-model")
            elif method == "Score-CAM":
                client.explain(film, "tiny-model", "SmoothGrad", "Normal")
            else:
                time.sleep(1)
    threading.Thread(target=work, daemon=True).start()
    if method == "Score-CAM":
        client.explain(film, "tiny-model", "Score-CAM", "Normal")
    status = client.status()
    print(status["pid"], flush=True)
    time.sleep(600)
"""


def family_of_killed_parent(weights: Path, doing: str) -> list[psutil.Process]:
    """Start a parent with a service, SIGKILL it while the service is at work; the service and its children."""
    hang = weights.parent / "hang.jpg"
    hang.write_bytes(bad_films.hanging_jpeg())
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, doing, str(hang)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"XRAYKIT_WEIGHTS": str(weights)},
    )
    service = psutil.Process(int(parent.stdout.readline()))
    assert wait_until(lambda: service.children(recursive=True), 60)
    family = [service, *service.children(recursive=True)]
    parent.kill()
    parent.wait()
    return family


@pytest.mark.parametrize(
    "doing",
    [
        pytest.param("nothing", marks=pytest.mark.slow),
        pytest.param("reading", marks=pytest.mark.slow),
        "decoding",
        pytest.param("Score-CAM", marks=pytest.mark.longest),
    ],
)
def test_service_decoders_and_worker_are_gone_when_the_parent_is_killed(weights, doing):
    family = family_of_killed_parent(weights, doing)
    assert len(family) >= 2
    try:
        assert wait_until(lambda: not any(running(process) for process in family), 60), family
    finally:
        for process in family:
            if process.is_running():
                process.kill()


@pytest.mark.slow
def test_tf_keras_vis_methods_report_progress_and_block_nobody(client):
    film = client.read("film.png", png())
    shares: list[float] = []
    answered: set[str] = set()
    with ThreadPoolExecutor(1) as others:
        for method in explanation.METHODS[1:]:

            def tell(share: float, left: float | None, method: str = method) -> None:
                shares.append(share)
                if method not in answered:  # it is at work, and somebody else asks
                    assert others.submit(client.classify, film, "tiny-model").result(60).prediction.top
                    answered.add(method)

            found = client.explain(film, "tiny-model", method, "Normal", tell)
            assert found.method == method and found.box == film.square_box()
            assert found.heatmap.shape == ((32, 32) if method == "SmoothGrad" else (8, 8))
            assert 0 <= found.heatmap.min() and (found.heatmap.max() == 1 or found.maximum == 0)
    assert answered == set(explanation.METHODS[1:])
    assert shares[0] == 0 and 1.0 in shares
    status = client.status()
    assert status["worker"] and status["heavy"] == []


def test_raising_in_progress_cancels_and_the_next_map_works(client):
    film = client.read("film.png", png())

    class Enough(Exception):
        pass

    def stop(share: float, left: float | None) -> None:
        raise Enough

    restarts = client.restarts
    with pytest.raises(Enough):
        client.explain(film, "tiny-model", "Score-CAM", "Normal", stop)
    assert client.explain(film, "tiny-model", "LayerCAM", "Normal").method == "LayerCAM"
    assert client.restarts == restarts


@pytest.mark.slow
def test_an_idle_worker_ends_and_comes_back(weights, monkeypatch):
    monkeypatch.setenv("XRAYKIT_WEIGHTS", str(weights))
    monkeypatch.setenv("XRAYKIT_GRADIENTS_IDLE", "1")
    started = inference.start()
    film = started.read("film.png", png())
    first = started.explain(film, "tiny-model", "LayerCAM", "Normal")
    assert wait_until(lambda: started.status()["worker"] is None, 60)
    again = started.explain(film, "tiny-model", "LayerCAM", "Normal")
    assert again.heatmap.tobytes() == first.heatmap.tobytes()
    started.close()


def test_a_stranger_without_the_key_is_turned_away(client):
    from multiprocessing import AuthenticationError, connection

    with pytest.raises((AuthenticationError, EOFError, OSError)):
        connection.Client(str(socket_of(client)), authkey=b"guessed")
    assert client.status()["pid"]
