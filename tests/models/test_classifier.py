"""The reading path: cards, the NumPy head, the LiteRT body, and what is refused."""

import contextlib
import hashlib
import io
import json
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import numpy as np
import pytest

from tests.helpers import ROOT, tiny_model
from xraykit.films import radiograph
from xraykit.models import classifier, head
from xraykit.models.cards import card
from xraykit.models.conversion import archive as archives
from xraykit.models.conversion import convert


@pytest.fixture
def kept(tmp_path) -> Path:
    """A copy of the tiny model that a test may break."""
    return Path(shutil.copytree(tiny_model.KEPT, tmp_path / "tiny-model"))


def film(seed: int = 0, shape: tuple = (80, 64), dtype: type = np.uint8) -> radiograph.Radiograph:
    pixels = np.random.default_rng(seed).integers(0, np.iinfo(dtype).max + 1, shape, dtype=dtype)
    return radiograph.Radiograph(pixels, f"film-{seed}.png", "PNG", hashlib.sha256(pixels.tobytes()).hexdigest())


def random_head(pooling: str, cells: int = 4, channels: int = 6, hidden: tuple = (5, 4)) -> head.Head:
    generator = np.random.default_rng(1)
    widths = (channels * (cells if pooling == "flatten" else 1), *hidden, 3)
    kernels = tuple(generator.normal(size=pair).astype("float32") for pair in zip(widths, widths[1:], strict=False))
    biases = tuple(generator.normal(size=width).astype("float32") for width in widths[1:])
    return head.Head(pooling, kernels, biases, ("relu",) * len(hidden) + ("linear",))


def test_a_head_of_one_layer_gives_the_numbers_worked_out_by_hand():
    plain = head.Head("gap", (np.array([[1, -1], [2, 0.5]], "float32"),), (np.array([0.5, 0], "float32"),), ("linear",))
    features = np.array([[[[1, 0], [3, 4]], [[0, 2], [0, 2]]]], "float32")  # means: 1 and 2
    np.testing.assert_allclose(plain.logits(features), [[1 * 1 + 2 * 2 + 0.5, -1 * 1 + 0.5 * 2]])
    np.testing.assert_allclose(plain.gradients(features)[0, 0, 1, 1], [1 / 4, 2 / 4])
    logits, weights = plain.logits_and_weights(features)
    np.testing.assert_allclose(logits, plain.logits(features))
    np.testing.assert_allclose(weights, [[[1 / 4, 2 / 4], [-1 / 4, 0.5 / 4]]])


@pytest.mark.parametrize("pooling", ["gap", "flatten"])
def test_gradients_of_a_head_are_its_finite_differences(pooling):
    stack = random_head(pooling)
    features = np.random.default_rng(2).uniform(0.5, 1, (1, 2, 2, 6)).astype("float32")
    gradients = stack.gradients(features)
    assert gradients.shape == (1, 3, 2, 2, 6)
    step = 1e-3
    for place in np.ndindex(2, 2, 6):
        higher, lower = features.copy(), features.copy()
        higher[(0, *place)] += step
        lower[(0, *place)] -= step
        slope = (stack.logits(higher) - stack.logits(lower))[0] / (2 * step)
        np.testing.assert_allclose(gradients[(0, slice(None), *place)], slope, atol=5e-3)
    np.testing.assert_allclose(stack.logits_and_weights(features)[1], gradients.mean(axis=(2, 3)), rtol=1e-5, atol=1e-6)


def test_a_head_survives_its_file(tmp_path):
    stack = random_head("flatten")
    head.save(stack, tmp_path / "head.npz")
    again = head.load((tmp_path / "head.npz").read_bytes())
    features = np.random.default_rng(3).normal(size=(2, 2, 2, 6)).astype("float32")
    assert again.activations == stack.activations
    np.testing.assert_array_equal(again.logits(features), stack.logits(features))


@pytest.mark.parametrize("data", [b"", b"no zip at all", b"PK\x03\x04" + bytes(60)])
def test_a_head_that_is_none_is_refused(data):
    with pytest.raises(card.ModelRefused) as refused:
        head.load(data)
    assert refused.value.code == "model-corrupt"


def packed(**arrays: object) -> bytes:
    stack = random_head("gap")
    given = {f"kernel_{i}": kernel for i, kernel in enumerate(stack.kernels)}
    given |= {f"bias_{i}": bias for i, bias in enumerate(stack.biases)}
    given |= {"pooling": np.array("gap"), "activations": np.array(stack.activations)} | arrays
    file = io.BytesIO()
    np.savez(file, **given)  # type: ignore[arg-type]
    return file.getvalue()


def bomb() -> bytes:
    """A head whose first kernel unpacks to 64 MB."""
    file = io.BytesIO()
    np.savez_compressed(file, kernel_0=np.zeros((2**24, 1), "float32"), bias_0=np.zeros(1, "float32"))
    return file.getvalue()


def liar() -> bytes:
    """A head whose kernel says that it is larger than its bytes."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        with archive.open("kernel_0.npy", "w") as array:
            np.lib.format.write_array_header_1_0(
                array, {"descr": "<f4", "fortran_order": False, "shape": (2**30, 2**30)}
            )
            array.write(bytes(64))
    return file.getvalue()


@pytest.mark.parametrize(
    "data",
    [
        bomb(),
        liar(),
        packed(more=np.zeros(3)),
        packed(bias_0=np.full(5, np.nan, "float32")),
        packed(bias_0=np.full(5, 1e300)),
        packed(bias_0=np.zeros(5, int)),
        packed(bias_0=np.array(["a"] * 5)),
    ],
    ids=["packed", "liar", "more", "nan", "too-large", "int", "text"],
)
def test_a_head_is_refused_before_it_takes_more_memory_than_its_file(data, monkeypatch):
    largest = 0

    def reading(*given, **named):
        nonlocal largest
        array = read_array(*given, **named)
        largest = max(largest, array.nbytes)
        return array

    read_array = np.lib.format.read_array
    monkeypatch.setattr(np.lib.format, "read_array", reading)
    with pytest.raises(card.ModelRefused) as refused:
        head.load(data)
    assert refused.value.code == "model-corrupt" and largest <= len(data)


def test_a_prediction_that_is_not_finite_is_refused_by_the_models_name():
    loaded = classifier.load(tiny_model.KEPT)
    with pytest.raises(card.ModelRefused, match="tiny-model"):
        loaded.prediction(np.array([np.inf, 0, 0]))
    object.__setattr__(loaded.card, "temperature", 5e-324)
    with pytest.raises(card.ModelRefused, match=r"tiny-model .* temperature"):
        loaded.prediction(np.array([3.0, 2.0, 1.0]))


def test_a_prediction_is_the_softmax_of_the_logits_over_the_temperature():
    loaded = classifier.load(tiny_model.KEPT)
    found = loaded.predict([film()])[0]
    expected = np.exp(found.logits / loaded.card.temperature)
    np.testing.assert_allclose(found.probabilities, expected / expected.sum())
    assert found.probabilities.dtype == np.float64 and abs(found.probabilities.sum() - 1) < 1e-12
    assert found.top == loaded.card.classes[found.logits.argmax()]


def test_neighbours_in_a_folder_change_no_bit_of_a_film():
    loaded = classifier.load(tiny_model.KEPT)
    films = [film(seed) for seed in range(5)]
    together = loaded.predict(films)
    for alone, beside in zip([loaded.predict([one])[0] for one in films], together, strict=True):
        assert alone.logits.tobytes() == beside.logits.tobytes()


def test_a_film_reads_the_same_in_eight_and_sixteen_bits_and_in_colour():
    loaded = classifier.load(tiny_model.KEPT)
    grey = film().pixels
    wide = radiograph.Radiograph(grey.astype(np.uint16) * 257, "wide.png", "PNG", "0" * 64)
    logits = [found.logits.tobytes() for found in loaded.predict([film(), wide])]
    assert logits[0] == logits[1]


def test_squares_of_another_shape_are_refused_in_words():
    with pytest.raises(ValueError, match=r"Expected uint8 squares \(B, 32, 32, 1\); got float32"):
        classifier.load(tiny_model.KEPT).features(np.zeros((1, 32, 32, 1), "float32"))


def test_no_films_give_no_predictions():
    loaded = classifier.load(tiny_model.KEPT)
    assert loaded.predict([]) == []
    assert loaded.predict_squares(np.zeros((0, 32, 32, 1), np.uint8)).shape == (0, 3)


def test_a_card_survives_its_file():
    written = card.read(tiny_model.KEPT)
    assert card.Card.from_json(written.to_json()) == written


def test_a_card_with_strange_or_missing_keys_is_refused_by_their_names():
    fields = json.loads(card.read(tiny_model.KEPT).to_json())
    with pytest.raises(card.ModelRefused, match="colour_of_hair"):
        card.Card.from_json(json.dumps(fields | {"colour_of_hair": "red"}))
    del fields["temperature"]
    with pytest.raises(card.ModelRefused, match="temperature"):
        card.Card.from_json(json.dumps(fields))


@pytest.mark.parametrize(
    "change",
    [
        {"classes": ["one"]},
        {"classes": ["a", "a"]},
        {"temperature": 0},
        {"temperature": float("nan")},
        {"channels": 2},
        {"image_size": "224"},
        {"files": {}},
        {"files": {"../model.keras": "0" * 64}},
        {"limits": [1]},
        {"temperature": 5e-324},
        {"name": "../../x"},
        {"name": "x" * 3000},
        {"title": "t" * 1001},
        {"title": "\x1b[2J"},
        {"created": "yesterday"},
        {"classes": [f"class {i}" for i in range(1001)]},
        {"classes": ["a", "b" * 201]},
        {"parameters": -1},
        {"software": {"keras": {}}},
        {"metrics": {"test": 42}},
        {"metrics": {"test": {"n": "450"}}},
        {"metrics": {"test": {"kappa": "high"}}},
        {"metrics": {"test": {"accuracy": {"value": 1e300}}}},
        {"metrics": {"test": {"confusion": [[1, -1, 0]] * 3}}},
        {"metrics": {"test": {"confusion": [[1, 1]] * 4}}},
        {"metrics": {"test": {"classes": {"Unknown": {}}}}},
        {"metrics": {"test": {"calibration": {"after": []}}}},
        {"metrics": {"milliseconds_a_film": "fast"}},
        {"metrics": {"operating_points": [{"threshold": "0.5"}]}},
        {"metrics": {"agreement_with_keras": {"largest_difference": None}}},
        {"metrics": {"published": [{"value": "0.9"}]}},
        {"data": {"counts": {"train": {"COVID-19": None}}}},
        {"data": {"groups": -1}},
        {"data": {"shrink": "all"}},
        {"data": {"more": 10**30}},
        {"recipe": {"phases": {"0": {}}}},
        {"recipe": {"phases": [{"learning_rate": "fast"}]}},
        {"recipe": {"hidden": [7]}},
        {"recipe": {"best_epoch": "last"}},
        {"recipe": {"learning_seconds": []}},
        {"recipe": {"phases.x": 1}},
        {"recipe": {"imported": "yes"}},
    ],
)
def test_a_card_with_impossible_values_is_refused(change):
    fields = json.loads(card.read(tiny_model.KEPT).to_json())
    with pytest.raises(card.ModelRefused) as refused:
        card.Card.from_json(json.dumps(fields | change))
    assert refused.value.code == "card-invalid"


@pytest.mark.parametrize("name", card.KEPT_FILES)
def test_a_file_that_its_card_does_not_describe_is_refused(kept, name):
    (kept / name).write_bytes((kept / name).read_bytes() + b"\0")
    with pytest.raises(card.ModelRefused, match=name) as refused:
        classifier.load(kept)
    assert refused.value.code == "hash-mismatch"


def test_a_missing_model_card_and_file_are_told_apart(kept, tmp_path):
    def code_of(folder: Path) -> str:
        with pytest.raises(card.ModelRefused) as refused:
            classifier.load(folder)
        return refused.value.code

    assert code_of(tmp_path / "nobody") == "model-missing"
    (kept / "features.tflite").unlink()
    assert code_of(kept) == "model-missing"
    (kept / "card.json").unlink()
    assert code_of(kept) == "card-missing"


def test_a_body_that_is_no_graph_is_refused_even_when_its_hash_fits(kept):
    (kept / "features.tflite").write_bytes(b"nonsense" * 100)
    tiny_model.write_card(kept)
    with pytest.raises(card.ModelRefused) as refused:
        classifier.load(kept)
    assert refused.value.code == "model-corrupt"


def test_a_body_that_does_not_fit_its_card_is_refused(kept):
    tiny_model.write_card(kept, size=64)
    with pytest.raises(card.ModelRefused, match="do not fit each other"):
        classifier.load(kept)


def test_good_models_are_listed_beside_bad_ones(kept):
    shutil.copytree(kept, kept.parent / "tampered")
    tiny_model.write_card(kept.parent / "tampered")
    (kept.parent / "tampered" / "head.npz").write_bytes(b"changed")
    (kept.parent / "empty").mkdir()
    usable, refused = classifier.available(kept.parent)
    assert [found.name for found in usable] == ["tiny-model"]
    assert {(refusal.source, refusal.code) for refusal in refused} == {
        ("tampered", "hash-mismatch"),
        ("empty", "card-missing"),
    }


@contextlib.contextmanager
def nobody():
    """As a user who owns nothing; the tests may run as root, whom no permission stops."""
    if os.geteuid():
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.fixture
def open_folder():
    """A folder that every user may enter; a temporary one of pytest is its owner's alone."""
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        yield Path(folder)


def break_deep(folder: Path) -> None:
    (folder / "card.json").write_text('{"a":' * 15_000 + "1" + "}" * 15_000)


def break_rather_deep(folder: Path) -> None:
    text = (
        card.read(tiny_model.KEPT).to_json().replace('"recipe": {}', '"recipe": {"x": ' + "[" * 300 + "]" * 300 + "}")
    )
    (folder / "card.json").write_text(text)


def break_name(folder: Path) -> None:
    tiny_model.write_card(folder, name="x" * 3000)


def break_fifo(folder: Path) -> None:
    (folder / "card.json").unlink()
    os.mkfifo(folder / "card.json")


def break_folder(folder: Path) -> None:
    (folder / "card.json").unlink()
    (folder / "card.json").mkdir()


def break_link(folder: Path) -> None:
    shutil.rmtree(folder)
    folder.symlink_to(folder.name)


def break_network_fifo(folder: Path) -> None:
    shutil.rmtree(folder)
    os.mkfifo(folder)


def break_permission(folder: Path) -> None:
    folder.chmod(0)


def break_card_permission(folder: Path) -> None:
    (folder / "card.json").chmod(0)


def break_file_permission(folder: Path) -> None:
    (folder / "head.npz").chmod(0)


def break_size(folder: Path) -> None:
    os.truncate(folder / "model.keras", 2**40)


BREAK = [value for name, value in dict(globals()).items() if name.startswith("break_")]


@pytest.mark.parametrize("harm", BREAK, ids=lambda harm: harm.__name__)
def test_a_folder_that_cannot_be_read_takes_no_other_model_away(harm, open_folder):
    for name in ("bad", "good"):
        shutil.copytree(tiny_model.KEPT, open_folder / name)
        tiny_model.write_card(open_folder / name)
    harm(open_folder / "bad")
    with nobody():
        usable, refused = classifier.available(open_folder)
    assert [found.name for found in usable] == ["good"]
    assert [refusal.source for refusal in refused] == ["bad"] * (harm is not break_network_fifo)
    assert all("bad" in refusal.words and len(refusal.words) < 500 for refusal in refused)


def test_a_models_folder_that_may_not_be_read_is_said(open_folder):
    closed = open_folder / "weights"
    closed.mkdir(mode=0)
    with nobody():
        usable, refused = classifier.available(closed)
    assert not usable and "cannot be read" in refused[0].words


def test_a_copied_folder_is_no_second_model_of_that_name(kept, monkeypatch):
    monkeypatch.setenv("XRAYKIT_WEIGHTS", str(kept.parent))
    shutil.copytree(kept, kept.parent / "copied")
    usable, refused = classifier.available()
    assert [found.name for found in usable] == ["tiny-model"]
    assert [refusal.source for refusal in refused] == ["copied"] and "rename the folder to tiny-model" in refused[
        0
    ].words
    with pytest.raises(card.ModelRefused, match="rename the folder"):
        classifier.load("copied")


@pytest.mark.parametrize(
    "name", ["../tiny-model", "../../x", "/etc", "", ".", "..", "x" * 3000, "a\0b", "a/b", "\udcff"]
)
def test_a_name_never_leaves_the_models_folder(name):
    with pytest.raises(card.ModelRefused, match="No model named") as refused:
        classifier.named(name)
    refused.value.words.encode()


def test_a_name_is_looked_up_among_the_models_first(kept, monkeypatch, tmp_path):
    monkeypatch.setenv("XRAYKIT_WEIGHTS", str(tmp_path / "weights"))
    monkeypatch.chdir(kept.parent)
    assert classifier.find("tiny-model") == Path("tiny-model")
    shutil.copytree(kept, tmp_path / "weights" / "tiny-model")
    assert classifier.find("tiny-model") == tmp_path / "weights" / "tiny-model"
    assert classifier.find("./tiny-model") == kept.parent / "tiny-model"


def test_models_are_found_by_name_below_the_chosen_folder(kept, monkeypatch):
    monkeypatch.setenv("XRAYKIT_WEIGHTS", str(kept.parent))
    assert classifier.load("tiny-model").card.name == "tiny-model"
    assert classifier.available()[0][0].name == "tiny-model"


def archive(path: Path, config: dict) -> Path:
    with zipfile.ZipFile(path, "w") as written:
        written.writestr("config.json", json.dumps(config))
        written.writestr("metadata.json", "{}")
        written.writestr("model.weights.h5", b"")
    return path


def test_a_keras_file_that_is_none_is_refused_without_keras(tmp_path):
    (tmp_path / "text.keras").write_text("hello")
    (tmp_path / "empty.keras").touch()
    with zipfile.ZipFile(tmp_path / "photos.keras", "w") as written:
        written.writestr("photo.png", b"")
    (tmp_path / "folder.keras").mkdir()
    for name in ("text", "empty", "photos", "folder"):
        with pytest.raises(card.ModelRefused, match=f"{name}.keras"):
            archives.check_archive(tmp_path / f"{name}.keras")


@pytest.mark.parametrize(
    "layer",
    [
        {"module": "os", "class_name": "system"},
        {"module": "keras.layers", "class_name": "Lambda"},
        {"module": "keras.layers", "class_name": "TFSMLayer"},
        {"module": "kerasevil", "class_name": "Dense"},
    ],
)
def test_a_keras_file_that_asks_for_code_is_refused_before_keras_sees_it(tmp_path, layer):
    config = {"module": "keras", "class_name": "Functional", "config": {"layers": [layer]}}
    with pytest.raises(card.ModelRefused, match=layer["class_name"]) as refused:
        convert.convert_in_subprocess(archive(tmp_path / "strange.keras", config), tmp_path / "out")
    assert refused.value.code in ("custom-object", "lambda-layer")
    assert not (tmp_path / "out").exists()


def test_reading_gives_the_same_bits_in_two_processes():
    code = (
        "import numpy, hashlib, sys; from tests.models.test_classifier import film, tiny_model;"
        "from xraykit.models import classifier, explanation;"
        "prediction, maps = explanation.grad_cam(classifier.load(tiny_model.KEPT), film());"
        "print(hashlib.sha256(prediction.probabilities.tobytes() + b''.join(m.heatmap.tobytes() for m in maps)"
        ").hexdigest(), 'keras' in sys.modules, 'tensorflow' in sys.modules)"
    )
    said = [
        subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True).stdout
        for _ in range(2)
    ]
    assert said[0] == said[1] and said[0].split()[1:] == ["False", "False"]


@pytest.mark.parametrize(
    ("pooling", "channels", "converted"),
    [
        ("gap", 1, convert.convert),
        ("flatten", 3, convert.convert),
        pytest.param("gap", 1, convert.convert_in_subprocess, marks=pytest.mark.longest),
    ],
    ids=["gap", "flatten", "by the child"],
)
def test_the_reading_path_agrees_with_the_network(tmp_path, pooling, channels, converted):
    network = tiny_model.build(tmp_path, pooling, channels)
    import keras

    squares = np.random.default_rng(5).integers(0, 256, (20, 32, 32, channels)).astype("uint8")
    expected = keras.saving.load_model(network)(squares.astype("float32"), training=False)
    converted(network, tmp_path)
    tiny_model.write_card(tmp_path, channels=channels, temperature=1.0)
    loaded = classifier.load(tmp_path)
    probabilities = [loaded.prediction(row).probabilities for row in loaded.predict_squares(squares)]
    assert np.abs(np.stack(probabilities) - np.asarray(expected)).max() < 1e-4


@pytest.mark.slow
def test_a_network_without_the_feature_layer_is_refused_by_the_child(tmp_path):
    with pytest.raises(card.ModelRefused, match="a feature layer named nowhere") as refused:
        convert.convert_in_subprocess(tiny_model.KEPT / "model.keras", tmp_path, feature_layer="nowhere")
    assert refused.value.code == "not-a-kept-model"
    assert not list(tmp_path.iterdir())


def test_a_conversion_that_takes_too_long_is_ended(tmp_path):
    with pytest.raises(card.ModelRefused, match="within 0.2 s"):
        convert.convert_in_subprocess(tiny_model.KEPT / "model.keras", tmp_path, seconds=0.2)
