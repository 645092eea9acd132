"""The service's side of a worklist: films scored without their pixels, kept while they are looked at, read again."""

import os
import shutil
import signal
from pathlib import Path

import numpy as np
import pytest

from tests.helpers import bad_films, tiny_model
from xraykit.films import radiograph
from xraykit.films.refusal import Refusal
from xraykit.models import classifier, explanation
from xraykit.models.explanation import Explanation
from xraykit.models.service import client as inference
from xraykit.models.service import heatmaps
from xraykit.models.service.kept import Kept


def heat(grid: np.ndarray) -> Explanation:
    return explanation.explain_map("Normal", "Grad-CAM", "layer", np.asarray(grid, np.float32), (0, 0, 8, 8))


def test_a_heatmap_agrees_with_itself_and_not_with_its_opposite():
    draw = np.random.default_rng(0)
    grid = draw.random((7, 7))
    same, opposite = heatmaps.compare(heat(grid), heat(grid)), heatmaps.compare(heat(grid), heat(grid.max() - grid))
    assert same.correlation == pytest.approx(1) and same.overlap == 1
    assert opposite.correlation == pytest.approx(-1) and opposite.overlap == 0


def test_agreement_is_numpys_correlation_and_the_shared_part_of_the_hottest_fifths():
    draw = np.random.default_rng(1)
    a, b = draw.random((10, 10)), draw.random((10, 10))
    found = heatmaps.compare(heat(a), heat(b))
    assert found.correlation == pytest.approx(np.corrcoef(a.ravel(), b.ravel())[0, 1], abs=1e-6)
    hot = [set(np.argsort(grid.ravel())[-20:].tolist()) for grid in (a, b)]
    assert found.overlap == pytest.approx(len(hot[0] & hot[1]) / len(hot[0] | hot[1]))


def test_maps_of_other_grids_are_laid_on_the_finer_one():
    rows, columns = np.mgrid[0:32, 0:32] / 31
    fine = np.exp(-((rows - 0.3) ** 2 + (columns - 0.6) ** 2) / 0.05)
    coarse = fine.reshape(8, 4, 8, 4).mean(axis=(1, 3))
    found = heatmaps.compare(heat(coarse), heat(fine))
    assert found.correlation > 0.98 and found.overlap > 0.75
    assert heatmaps.resampled(np.full((3, 5), 2.0, np.float32), 9, 4) == pytest.approx(np.full((9, 4), 2.0))


def test_nothing_is_said_of_a_map_without_evidence():
    found = heatmaps.compare(heat(np.zeros((7, 7))), heat(np.random.default_rng(0).random((7, 7))))
    assert (found.correlation, found.overlap) == (None, None)


def test_what_is_kept_stays_within_its_bytes_and_goes_by_use():
    kept: Kept[bytes] = Kept(100, len)
    for name in "abc":
        kept.put(name, b"x" * 30)
    assert kept.get("a") is not None
    kept.put("d", b"x" * 30)
    assert [kept.get(name) is not None for name in "abcd"] == [True, False, True, True] and kept.bytes == 90
    kept.put("a", b"x" * 10)
    assert kept.bytes == 70
    kept.put("whale", b"x" * 101)
    assert kept.get("whale") is None and kept.bytes == 70 and len(kept) == 3


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    folder = tmp_path_factory.mktemp("weights")
    shutil.copytree(tiny_model.KEPT, folder / "tiny-model")
    shutil.copytree(tiny_model.KEPT, folder / "twin")
    tiny_model.write_card(folder / "twin")
    started = inference.start(folder)
    started.prepare(["tiny-model"])
    yield started
    started.close()


@pytest.fixture
def films(tmp_path) -> list[tuple[str, Path]]:
    for number in range(4):
        (tmp_path / f"{number}.dcm").write_bytes(bad_films.dicom(bad_films.film_values((64, 60), number)))
    (tmp_path / "broken.dcm").write_bytes((tmp_path / "0.dcm").read_bytes()[:400])
    return [(path.name, path) for path in sorted(tmp_path.iterdir())]


def test_a_film_is_scored_as_in_this_process(client, films):
    source, place = films[0]
    scored = client.score(source, place, ["tiny-model", "nobody"])
    film = radiograph.read(place.read_bytes(), source)
    prediction, maps = explanation.grad_cam(classifier.load(tiny_model.KEPT), film)
    assert scored.predictions["tiny-model"].logits.tobytes() == prediction.logits.tobytes()
    assert "nobody" in scored.predictions["nobody"]
    assert (scored.film.sha256, scored.film.width, scored.film.height) == (film.sha256, film.width, film.height)
    drawn = client.softcopy(source, place, scored.film.sha256)
    assert np.array_equal(drawn.values, film.softcopy.values)
    heatmap = client.heat(source, place, scored.film.sha256, "tiny-model", "Grad-CAM", prediction.classes[1])
    assert heatmap.heatmap.tobytes() == maps[1].heatmap.tobytes()


def test_films_are_scored_together_as_alone_and_a_broken_one_spoils_none(client, films):
    together: dict[int, object] = {}
    client.score_many(films, ["tiny-model", "twin"], lambda place, scored: together.update({place: scored}))
    assert sorted(together) == list(range(len(films)))
    for place, (source, film) in enumerate(films):
        alone, scored = client.score(source, film, ["tiny-model", "twin"]), together[place]
        if source == "broken.dcm":
            assert isinstance(scored, Refusal) and isinstance(alone, Refusal) and scored.code == alone.code
            continue
        assert scored.predictions["twin"].logits.tobytes() == alone.predictions["twin"].logits.tobytes()
        assert scored.agreement["tiny-model", "twin"].correlation == pytest.approx(1)
        assert scored.film.patient == alone.film.patient is not None and len(scored.film.thumbnail) <= 2048


def test_a_film_that_was_overwritten_is_refused_rather_than_drawn(client, films):
    (source, place), (_, other) = films[:2]
    sha = client.score(source, place, ["tiny-model"]).film.sha256
    place.write_bytes(other.read_bytes())
    assert client.softcopy(source, place, sha).code == "changed"
    assert client.softcopy(source, place, None).values.shape == (64, 60)
    assert client.softcopy(source, place.with_name("gone"), sha).code == "unreadable"


def test_a_service_that_died_loses_nothing(client, films):
    source, place = films[0]
    before = client.score(source, place, ["tiny-model"])
    os.kill(client.status()["pid"], signal.SIGKILL)
    drawn = client.softcopy(source, place, before.film.sha256)
    assert drawn.values.shape == (64, 60) and client.restarts >= 1
    after = client.score(source, place, ["tiny-model"])
    assert after.film.patient == before.film.patient, "a film's patient has the same hash as before"


def test_films_that_were_scored_before_the_service_died_are_not_scored_again(client, films):
    seen: list[int] = []

    def each(place: int, scored: object) -> None:
        seen.append(place)
        if place == 1:
            os.kill(client.status()["pid"], signal.SIGKILL)

    client.score_many(films, ["tiny-model"], each)
    assert sorted(seen) == list(range(len(films)))
