"""What a model remembers of its training films: made, kept, read again, and asked."""

import dataclasses
import hashlib
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from tests.helpers import film_folders, remembered
from xraykit.__main__ import main
from xraykit.datasets.reading import groups
from xraykit.films import radiograph
from xraykit.models.cards import card as cards
from xraykit.models.cards.card import ModelRefused
from xraykit.truth.seen import films, nearest, remember
from xraykit.truth.seen.films import TrainingFilms

DIGESTS = [hashlib.sha256(bytes([number])).digest() for number in range(4)]


def four(**changes) -> TrainingFilms:
    """Two training films, one of validation and one of test, in a plane."""
    made = TrainingFilms(
        classes=("Normal", "Pneumonia"),
        sha256=np.array([list(digest) for digest in DIGESTS], np.uint8),
        fingerprints=np.zeros((4, 32), np.uint8),
        labels=np.array([0, 1, 0, 1], np.uint16),
        parts=np.array([0, 0, 1, 2], np.uint8),
        features=np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [1, 0.5, 0]], np.float16),
        mean=np.zeros(3, np.float32),
        components=np.eye(3, dtype=np.float16)[:2],
    )
    return dataclasses.replace(made, **changes)


def bits(count: int, start: int = 0) -> np.ndarray:
    """A fingerprint (32,) uint8 with so many bits set."""
    flags = np.zeros(256, np.uint8)
    flags[start : start + count] = 1
    return np.packbits(flags)


@pytest.fixture
def model(tmp_path, monkeypatch):
    monkeypatch.setenv("XRAYKIT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("XRAYKIT_WEIGHTS", str(tmp_path / "weights"))
    return remembered.keep(tmp_path / "weights", tmp_path / "films")


def run(*words):
    return CliRunner().invoke(main, [str(word) for word in words])


def test_the_same_file_comes_before_a_twin_and_training_before_test():
    seen = four(fingerprints=np.stack([bits(0), bits(10), bits(100), bits(100)]))
    other = "0" * 64
    prints = np.stack([bits(0), bits(4), bits(100), bits(10 + 16), bits(10 + 17), bits(116)])
    asked = [DIGESTS[3].hex(), other, other, other, other, other]
    assert films.known(seen, asked, prints).tolist() == [3, 0, 2, 1, -1, 2]
    assert films.known(seen, asked, prints.view(np.uint64)).tolist() == [3, 0, 2, 1, -1, 2]
    same, twin = (films.find(seen, sha, prints[1].view(np.uint64)) for sha in (DIGESTS[2].hex(), other))
    assert (same.split, same.exact, same.code) == ("validation", True, "validation")
    assert (twin.split, twin.exact, twin.bits, twin.code) == ("train", False, 4, "train twin")
    with pytest.raises(ValueError, match="a fingerprint a film"):
        films.known(seen, asked[:2], prints)


def test_what_is_encoded_is_read_again_and_anything_else_refused():
    seen = four()
    content = films.encode(seen)
    again = films.decode(content, "file", "tiny")
    for field in dataclasses.fields(seen):
        assert np.array_equal(getattr(seen, field.name), getattr(again, field.name))
    assert again.split.tolist() == ["train", "train", "validation", "test"]
    wrong = [
        four(labels=np.array([0, 1, 0, 2], np.uint16)),
        four(parts=np.array([0, 2, 1, 0], np.uint8)),
        four(parts=np.array([0, 0, 1, 3], np.uint8)),
        four(mean=np.zeros(2, np.float32)),
        four(features=np.full((4, 3), np.nan, np.float16)),
        four(sha256=np.zeros((4, 31), np.uint8)),
        four(components=np.zeros(3, np.float16)),
    ]
    for damaged in (content[:-40], b"", *map(films.encode, wrong)):
        with pytest.raises(ModelRefused, match="file of tiny is damaged"):
            films.decode(damaged, "file", "tiny")


def test_remember_keeps_numbers_beside_the_model_and_no_name(model):
    folder, read = model
    done = run("models", "remember", "tiny", "--data", read.root)
    assert done.exit_code == 0, done.output
    assert "tiny remembers the films it was made with: 12 train, 6 validation, 6 test." in done.stdout
    card = cards.read(folder)
    cards.verify(card, folder)
    (file,) = [name for name in card.files if films.is_ours(name)]
    content = (folder / file).read_bytes()
    assert b"film-0" not in content and str(read.root).encode() not in content
    seen = films.load(folder)
    assert {bytes(sha).hex() for sha in seen.sha256} == set(read.hashes)
    names = [seen.classes[label] for label in seen.labels]
    label_by_hash = dict(zip(read.hashes, (read.classes[label] for label in read.labels), strict=True))
    assert names == [label_by_hash[bytes(sha).hex()] for sha in seen.sha256]
    assert run("models", "remember", "tiny", "--data", read.root).exit_code == 0
    assert cards.read(folder) == card, "the same films give the same file"


def test_other_films_are_refused_in_words(model, tmp_path):
    folder, read = model
    changed = read.path(read.films[0])
    Image.fromarray(film_folders.draw(0, 99)).save(changed)
    done = run("models", "remember", "tiny", "--data", read.root)
    assert done.exit_code == 1 and "are not those of tiny" in done.stderr and "train 12 (expected 12)" in done.stderr
    assert "Choose the folder it was trained on" in done.stderr
    cards_before = cards.read(folder)
    tiny = dataclasses.replace(cards_before, data={})
    (folder / "card.json").write_text(tiny.to_json())
    done = run("models", "remember", "tiny", "--data", read.root)
    assert done.exit_code == 1 and "was not trained here" in done.stderr
    assert films.load(folder) is None


def test_a_changed_file_is_refused_by_its_hash(model):
    folder, read = model
    films.save(folder, four(classes=read.classes, labels=np.zeros(4, np.uint16)))
    (file,) = [path for path in folder.iterdir() if films.is_ours(path.name)]
    file.write_bytes(file.read_bytes() + b" ")
    with pytest.raises(ModelRefused, match="another sha256"):
        films.load(folder)


def test_predict_says_which_films_a_model_was_made_with(model, tmp_path):
    folder, read = model
    run("models", "remember", "tiny", "--data", read.root)
    stranger = tmp_path / "stranger.png"
    Image.fromarray(film_folders.draw(2, 77)).save(stranger)
    twin = tmp_path / "twin.bmp"
    Image.open(read.path(read.films[0])).save(twin)
    done = run("predict", "--model", "tiny", "--csv", "-", stranger, twin, read.path(read.films[2]))
    rows = [line.split(",") for line in done.stdout.splitlines() if line]
    column = rows[0].index("known")
    assert [row[column] for row in rows[1:]] == ["", "train twin", "validation"]
    assert "tiny was made with 2 of these films or their near twins (1 train, 1 validation)" in done.stderr


def test_the_files_features_are_those_of_the_network_in_fewer_columns(model):
    folder, read = model
    run("models", "remember", "tiny", "--data", read.root)
    seen = films.load(folder)
    from xraykit.models import classifier

    loaded = classifier.load(folder)
    film = radiograph.read(read.path(read.films[3]).read_bytes(), "film")
    pooled = remember.pooled(loaded, film.square(32))
    row = films.find(seen, film.sha256, groups.fingerprint(film)).row
    place = nearest.project(nearest.unit(pooled[None]), seen.mean, seen.components)[0]
    assert place == pytest.approx(seen.features[row].astype(np.float32), abs=1e-3)
    assert nearest.nearest(seen, pooled).distances[0] >= 0


def test_a_file_stays_below_a_megabyte_where_the_films_allow_it():
    for count, width in ((3_000, 1280), (8_000, 1280), (3_000, 512)):
        columns = remember._columns(count, width) + 1
        assert count * (32 + 32 + 3 + 2 * columns) + 2 * width * (columns - 1) + 4 * width < remember.ROOM
        assert columns <= 64
    assert remember._columns(50_000, 1280) == remember.LEAST_COLUMNS


def test_the_nearest_are_counted_and_their_distance_is_beside_the_test_films():
    seen = four()
    # the test film (1, 0.5) lies 0.5 from its nearest training film
    assert nearest.own_distances(seen) == pytest.approx([0.5])
    near = nearest.nearest(seen, np.array([0, 0, 4], np.float32))  # of length 1: all of it outside the components
    assert near.labels == ("Normal", "Pneumonia") and near.distances == pytest.approx((1, 2**0.5))
    assert (near.further.value, near.further.n, near.is_far) == (1, 1, True)
    assert near.counts == {"Normal": 1, "Pneumonia": 1} and near.usual == pytest.approx((0.5, 0.5, 0.5))
    assert nearest.words(near)[0] == "1 of the 2 nearest training films are Normal."
    assert nearest.words(near)[1].startswith("Further from all training films than 100.0%")
    left = nearest.nearest(seen, np.array([1, 0, 0], np.float32), leave_out=[1])
    assert left.labels == ("Normal",) and left.distances == pytest.approx((1,))
    untested = nearest.nearest(four(parts=np.array([0, 0, 1, 1], np.uint8)), np.array([1, 0, 0], np.float32))
    assert untested.further is None and "cannot be told" in nearest.words(untested)[1]
    assert nearest.nearest(seen, np.array([1.0, 0, 0], np.float32), leave_out=[0, 1]).labels == ()


def test_distances_are_those_of_all_features_where_no_component_is_left_out():
    draw = np.random.default_rng(0)
    units = nearest.unit(draw.random((12, 5)).astype(np.float32))
    mean, components = remember.principal(units, 5)
    assert components.shape == (5, 5)
    places = nearest.project(units, mean, components)
    between = np.linalg.norm(places[:, None] - places[None], axis=2)
    assert between == pytest.approx(np.linalg.norm(units[:, None] - units[None], axis=2), abs=2e-3)
    assert nearest.unit(np.zeros((1, 3))).tolist() == [[0, 0, 0]]


@pytest.mark.slow
def test_a_shipped_models_films_are_found_again(real_films):
    """Films of the folder it was trained on are known as what they are; its near copies in another folder as twins."""
    folder = Path(remembered.__file__).parents[2] / "weights" / "mobilenetv2-scratch"
    if (seen := films.load(folder)) is None:
        pytest.skip("this model remembers no films yet: python -m xraykit models remember")
    paths = sorted((real_films / "radiography").rglob("*.jpg"))[::400]
    read = [radiograph.read(path.read_bytes(), path.name) for path in paths]
    assert all(films.find(seen, film.sha256, groups.fingerprint(film)).exact for film in read)
