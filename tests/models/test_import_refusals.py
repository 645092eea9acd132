"""What is refused of a file from elsewhere before Keras is imported, and what is said where it is given as a model."""

import dataclasses
import json
import os
import pickle
import signal
import subprocess
import sys
import threading
import time
import zipfile
from pathlib import Path

import h5py
import numpy as np
import psutil
import pytest

from tests.helpers import DATA, ROOT
from xraykit.films.radiograph import Radiograph
from xraykit.models import classifier, explanation, kept
from xraykit.models.cards import card as cards
from xraykit.models.conversion import archive, child, importing
from xraykit.system import jobs
from xraykit.system.job_folder.job_folder import Stopped
from xraykit.system.job_folder.record import State

CLASSES = ("COVID-19", "Normal")


def layer(kind: str, module: str | None = "keras.layers", registered: str | None = None, **config) -> dict:
    return {
        "module": module,
        "class_name": kind,
        "config": {"name": kind.lower(), **config},
        "registered_name": registered,
    }


def network(*layers: dict) -> dict:
    film = layer("InputLayer", batch_shape=[None, 32, 32, 1])
    return {
        "module": "keras",
        "class_name": "Sequential",
        "config": {"name": "theirs", "layers": [film, *layers]},
        "registered_name": None,
    }


def weights_file(path: Path) -> bytes:
    with h5py.File(path, "w") as stored:
        stored["layers/dense/vars/0"] = np.zeros((2, 2), np.float32)
    return path.read_bytes()


def keras_file(path: Path, config: object, weights: bytes | None = None, **more: bytes) -> Path:
    with zipfile.ZipFile(path, "w") as written:
        written.writestr("metadata.json", json.dumps({"keras_version": "3.9.0"}))
        written.writestr("config.json", config if isinstance(config, str) else json.dumps(config))
        written.writestr("model.weights.h5", weights_file(path.with_name(".weights")) if weights is None else weights)
        for name, data in more.items():
            written.writestr(name, data)
    return path


def h5_file(path: Path, config: object) -> Path:
    with h5py.File(path, "w") as stored:
        stored.attrs["keras_version"] = "2.11.0"
        stored.attrs["model_config"] = json.dumps(config)
        stored["model_weights/dense/kernel"] = np.zeros((2, 2), np.float32)
    return path


@pytest.fixture
def refused(tmp_path, monkeypatch):
    """A function that imports a file, which must be refused in this process; gives the refusal."""
    monkeypatch.setenv("XRAYKIT_WEIGHTS", str(tmp_path / "weights"))
    monkeypatch.setattr(child, "run", lambda *words: pytest.fail("a network library would have been started"))

    def bring(file: Path, **wishes) -> cards.ModelRefused:
        with pytest.raises(cards.ModelRefused) as found:
            importing.import_model(importing.wish(file, CLASSES, **{"scaling": "raw", **wishes}))
        assert not (tmp_path / "weights").exists()
        assert len(found.value.words) < 700 and "Traceback" not in found.value.words
        return found.value

    return bring


DENSE = layer("Dense", units=2, activation="softmax")
ASKS = {
    "lambda": (layer("Lambda", function={"class_name": "__lambda__", "config": {"code": "4wEA"}}), "lambda-layer"),
    "lambda hidden in a wrapper": (
        layer("Activation", activation={"class_name": "__lambda__", "config": {}}),
        "lambda-layer",
    ),
    "saved model inside": (layer("TFSMLayer", filepath="/etc"), "lambda-layer"),
    "keras 2 lambda": (layer("TFOpLambda", None), "lambda-layer"),
    "another module": (layer("system", "os"), "custom-object"),
    "a module like ours": (layer("Dense", "kerasevil.layers"), "custom-object"),
    "registered": (layer("Dense", "builtins", "theirs>Dense"), "custom-object"),
    "custom by name": (layer("MyAttention", None), "layer-not-allowed"),
    "keras function that fetches": (layer("get_file", "keras.utils"), "layer-not-allowed"),
    "keras wrapper of torch": (layer("TorchModuleWrapper", "keras.layers"), "layer-not-allowed"),
    "text": (layer("TextVectorization", vocabulary="/etc/passwd"), "layer-not-allowed"),
    "custom function": (
        layer("Activation", activation={"module": "__main__", "class_name": "function", "config": "f"}),
        "custom-object",
    ),
    "builtin function": (
        layer("Activation", activation={"module": "builtins", "class_name": "function", "config": "eval"}),
        "layer-not-allowed",
    ),
    "custom activation": (layer("Dense", units=2, activation="mine"), "custom-object"),
    "arithmetic outside of Keras's own": (layer("TrueDivide", "keras.layers"), "layer-not-allowed"),
}


@pytest.mark.parametrize("name", ASKS)
@pytest.mark.parametrize("ending", ["keras", "h5"])
def test_what_asks_for_code_is_refused_before_keras_is_started(refused, tmp_path, name, ending):
    asked, code = ASKS[name]
    write = keras_file if ending == "keras" else h5_file
    found = refused(write(tmp_path / f"theirs.{ending}", network(asked, DENSE)))
    assert found.code == code and f"theirs.{ending}" in found.words


def test_keras_is_not_imported_for_a_refusal(tmp_path):
    file = keras_file(tmp_path / "theirs.keras", network(layer("Lambda"), DENSE))
    code = (
        "import sys; from pathlib import Path; from xraykit.models.conversion import importing\n"
        "try: importing.import_model(importing.wish(Path(sys.argv[1]), ['a', 'b'], scaling='raw'))\n"
        "except ValueError as refused: print(refused.code)\n"
        "print({'keras', 'tensorflow'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code, str(file)], cwd=ROOT, capture_output=True, text=True)
    assert done.stdout.split() == ["lambda-layer", "set()"], done.stderr


def test_plain_layers_pass_and_training_is_not_looked_at(tmp_path):
    config = network(layer("Rescaling", scale=1 / 255), layer("Conv2D", filters=2, kernel_size=[3, 3]), DENSE)
    config["compile_config"] = {"loss": layer("MyLoss", "__main__", "theirs>MyLoss")}
    source, weights = archive.read(keras_file(tmp_path / "theirs.keras", config), "theirs.keras", tmp_path)
    assert source.keras_version == "3.9.0" and source.scales_by_itself and "compile_config" not in source.config
    assert weights == tmp_path / "model.weights.h5" and h5py.is_hdf5(weights)


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ("no json", "is no JSON"),
        ("[]", "no JSON object"),
        ("[" * 100_000, "is no JSON"),
        ({"class_name": "TheirModel", "config": {}}, "TheirModel"),
        ({}, "of the class nothing"),
        ({"class_name": ["Sequential"], "config": {}}, "of the class"),
        (network({"class_name": ["Dense"], "config": {}}), "not among the layers"),
        (
            network(layer("Activation", activation={"class_name": "function", "config": {"a": 1}})),
            "not among the layers",
        ),
        (network({"class_name": "Dense", "config": json.loads("[" * 90 + "]" * 90)}), "too deep"),
    ],
)
def test_a_config_that_is_none_is_refused(refused, tmp_path, config, words):
    assert words in refused(keras_file(tmp_path / "theirs.keras", config)).words


def test_a_zip_bomb_is_refused_by_its_list_of_members(refused, tmp_path):
    file = tmp_path / "theirs.keras"
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as written:
        written.writestr("metadata.json", "{}")
        written.writestr("config.json", json.dumps(network(DENSE)))
        written.writestr("model.weights.h5", bytes(50_000_000))
    assert file.stat().st_size < 100_000
    assert refused(file).code == "zip-bomb"


@pytest.mark.parametrize("name", ["../../evil", "/etc/evil", "a\\b", "C:evil"])
def test_members_that_lead_elsewhere_are_refused(refused, tmp_path, name):
    found = refused(keras_file(tmp_path / "theirs.keras", network(DENSE), **{name: b"x"}))
    assert "path" in found.words or "colons" in found.words
    assert [path.name for path in tmp_path.iterdir() if "evil" in path.name] == []


def test_members_that_keras_does_not_write_are_refused(refused, tmp_path):
    assert (
        "assets/vocabulary"
        in refused(keras_file(tmp_path / "a.keras", network(DENSE), **{"assets/vocabulary": b""})).words
    )
    with zipfile.ZipFile(tmp_path / "b.keras", "w") as written:
        written.writestr("config.json", "{}")
    assert "metadata.json, model.weights.h5 missing" in refused(tmp_path / "b.keras").words


@pytest.mark.parametrize(
    "kind", ["external link", "soft link", "external storage", "virtual", "references", "declared"]
)
@pytest.mark.parametrize("place", ["h5", "keras"])
def test_weights_that_lead_elsewhere_are_refused(refused, tmp_path, kind, place):
    file = tmp_path / "theirs.h5"
    (tmp_path / "secret.bin").write_bytes(bytes(64))
    with h5py.File(tmp_path / "other.h5", "w") as other:
        other["x"] = np.zeros(4, np.float32)
    with h5py.File(file, "w") as stored:
        stored.attrs["model_config"] = json.dumps(network(DENSE))
        group = stored.create_group("model_weights")
        if kind == "external link":
            group["x"] = h5py.ExternalLink(str(tmp_path / "other.h5"), "/x")
        elif kind == "soft link":
            group["x"] = h5py.SoftLink("/model_weights/y")
        elif kind == "external storage":
            group.create_dataset("x", (16,), np.float32, external=[(str(tmp_path / "secret.bin"), 0, 64)])
        elif kind == "virtual":
            layout = h5py.VirtualLayout((4,), np.float32)
            layout[:] = h5py.VirtualSource(str(tmp_path / "other.h5"), "x", (4,))
            group.create_virtual_dataset("x", layout)
        elif kind == "references":
            group.create_dataset("x", (1,), h5py.ref_dtype)
        else:
            group.create_dataset("x", (1 << 40,), np.float32, chunks=(1 << 20,))
    if place == "keras":
        file = keras_file(tmp_path / "theirs.keras", network(DENSE), file.read_bytes())
    found = refused(file)
    expected = {"references": archive.CODE, "declared": "zip-bomb"}.get(kind, "h5-link")
    assert found.code == expected


def test_an_h5_file_that_refers_to_itself_ends(tmp_path):
    file = h5_file(tmp_path / "theirs.h5", network(DENSE))
    with h5py.File(file, "a") as stored:
        stored["model_weights/again"] = stored["model_weights"]
    assert archive.read(file, "theirs.h5", tmp_path)[0].keras_version == "2.11.0"


def test_damaged_files_are_refused_in_words(refused, tmp_path):
    whole = keras_file(tmp_path / "whole.keras", network(DENSE)).read_bytes()
    h5 = h5_file(tmp_path / "whole.h5", network(DENSE)).read_bytes()
    for name, data in (
        ("cut.keras", whole[:-40]),
        ("cut.h5", h5[:700]),
        ("text.keras", b"hello"),
        ("empty.keras", b""),
    ):
        (tmp_path / name).write_bytes(data)
        assert name in refused(tmp_path / name).words
    flipped = bytearray(whole)
    flipped[whole.index(b"theirs")] ^= 1
    (tmp_path / "flipped.keras").write_bytes(flipped)
    assert "damaged" in refused(tmp_path / "flipped.keras").words


def make(path: Path, content: bytes | dict) -> Path:
    if isinstance(content, dict):
        path.mkdir()
        for name, data in content.items():
            (path / name).write_bytes(data)
    else:
        path.write_bytes(content)
    return path


FOREIGN = {
    "saved": ({"saved_model.pb": b"\x08\x01"}, "saved-model", "SavedModel"),
    "graph.pb": (b"\x08\x01", "tensorflow-graph", "no layers"),
    "net.pt": (b"\x80\x02}", "pytorch-file", "PyTorch"),
    "net.pth": (b"PK\x03\x04", "pytorch-file", "PyTorch"),
    "net.onnx": (b"\x08\x07", "onnx-file", "ONNX"),
    "net.pkl": (pickle.dumps({"a": 1}), "pickle-file", "never opened"),
    "net.joblib": (b"\x80\x04\x95", "pickle-file", "pickle"),
    "disguised.keras": (pickle.dumps({"a": 1}), "pickle-file", "pickle"),
    "net.tflite": (b"\x1c\0\0\0TFL3", "tflite-file", "LiteRT"),
    "net.safetensors": (b"\x08\0\0\0\0\0\0\0{}", "tensors-only", "tensors"),
    "net.weights.h5": (b"\x89HDF\r\n\x1a\n", "weights-only", "only weights"),
    "net.ckpt.index": (b"\0\0", "weights-only", "only weights"),
}


@pytest.mark.parametrize("name", FOREIGN)
def test_files_of_other_programs_are_called_what_they_are(refused, tmp_path, name):
    content, code, words = FOREIGN[name]
    found = refused(make(tmp_path / name, content))
    assert found.code == code and words in found.words and name in found.words and "keras" in found.words.lower()


def test_an_h5_file_of_weights_alone_is_called_so(refused, tmp_path):
    with h5py.File(tmp_path / "theirs.h5", "w") as stored:
        stored["dense/kernel"] = np.zeros((2, 2), np.float32)
    assert refused(tmp_path / "theirs.h5").code == "weights-only"


def test_a_pytorch_zip_is_told_by_its_members(refused, tmp_path):
    with zipfile.ZipFile(tmp_path / "theirs.keras", "w") as written:
        written.writestr("archive/data.pkl", b"")
    assert refused(tmp_path / "theirs.keras").code == "pytorch-file"


def test_a_network_that_does_not_scale_asks_how_films_were_prepared(refused, tmp_path):
    found = refused(keras_file(tmp_path / "theirs.keras", network(DENSE)), scaling=None)
    assert found.code == "scaling" and "--scaling" in found.words and "preprocess_input" in found.words


@pytest.mark.parametrize(
    ("wishes", "code"),
    [
        ({"classes": ("one",)}, "class-count"),
        ({"classes": ("one", "one")}, "class-count"),
        ({"classes": ("one", " ")}, "class-count"),
        ({"classes": ("one", "two\nlines")}, "class-count"),
        ({"classes": ("one", "x" * 3000)}, "class-count"),
        ({"name": "a/b"}, "card-invalid"),
        ({"name": "../b"}, "card-invalid"),
        ({"name": "x" * 3000}, "card-invalid"),
        ({"name": "taken"}, "card-invalid"),
        ({"title": "x" * 3000}, "card-invalid"),
        ({"scaling": "some"}, "scaling"),
        ({"file": Path("nowhere.keras")}, "model-missing"),
        ({"file": Path("x" * 3000)}, "model-missing"),
    ],
)
def test_a_wish_that_cannot_be_met_is_refused_before_anything_is_read(tmp_path, monkeypatch, wishes, code):
    monkeypatch.setenv("XRAYKIT_WEIGHTS", str(tmp_path / "weights"))
    (tmp_path / "weights" / "taken").mkdir(parents=True)
    wishes = {"file": keras_file(tmp_path / "theirs.keras", network(DENSE)), "classes": CLASSES, **wishes}
    with pytest.raises(cards.ModelRefused) as found:
        importing.wish(wishes.pop("file"), wishes.pop("classes"), **wishes)
    assert found.value.code == code and len(found.value.words) < 700


def test_a_name_is_made_of_the_file_s(tmp_path, monkeypatch):
    monkeypatch.setenv("XRAYKIT_WEIGHTS", str(tmp_path))
    assert importing.free_name(Path("my net (v2).weights.keras")) == "my-net-v2"
    assert (
        importing.free_name(Path("...keras"))
        == "imported"
        == importing.free_name(Path("Röntgen".replace("Röntgen", "ö")))
    )
    (tmp_path / "net").mkdir()
    assert importing.free_name(Path("net.keras")) == "net-2"


def test_a_keras_file_given_as_a_model_says_how_to_import_it(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XRAYKIT_WEIGHTS", str(tmp_path / "weights"))
    keras_file(tmp_path / "my.keras", network(DENSE))
    make(tmp_path / "saved", {"saved_model.pb": b""})
    for given in ("my.keras", tmp_path / "my.keras"):
        with pytest.raises(cards.ModelRefused, match=r"models import my\.keras") as found:
            classifier.load(given)
        assert found.value.code == "not-a-kept-model"
    for given in ("saved", tmp_path / "saved"):
        with pytest.raises(cards.ModelRefused, match="SavedModel"):
            classifier.load(given)
    for given in ("x" * 3000, f"{'x' * 3000}.keras", "a\0b"):
        with pytest.raises(cards.ModelRefused, match="No model named") as found:
            classifier.load(given)
        assert len(found.value.words) < 300


def test_a_file_in_the_folder_of_models_is_listed_with_the_way_in(tmp_path):
    keras_file(tmp_path / "my.keras", network(DENSE))
    make(tmp_path / "saved", {"saved_model.pb": b""})
    (tmp_path / "README.md").write_text("hello")
    (tmp_path / ".hidden.part").mkdir()
    usable, found = classifier.available(tmp_path)
    assert usable == [] and [refusal.source for refusal in found] == ["my.keras", "saved"]
    assert "models import my.keras" in found[0].words and "SavedModel" in found[1].words


def test_a_model_of_a_name_is_replaced_only_on_demand_and_in_one_step(tmp_path):
    with kept.new_model("mine", tmp_path) as folder:
        (folder / "first").touch()
        assert folder.name.startswith(".") and not (tmp_path / "mine").exists()
    with pytest.raises(cards.ModelRefused, match="already"), kept.new_model("mine", tmp_path):
        pass
    with pytest.raises(KeyError), kept.new_model("mine", tmp_path, replace=True) as folder:
        raise KeyError
    assert [path.name for path in tmp_path.rglob("*")] == ["mine", "first"]
    with kept.new_model("mine", tmp_path, replace=True) as folder:
        (folder / "second").touch()
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["mine", "second"]


def test_what_a_killed_import_left_is_removed_by_the_next(tmp_path):
    for name in (".mine.01234567.part", ".other.01234567.part", ".not-ours.part"):
        (tmp_path / name).mkdir()
    with kept.new_model("mine", tmp_path):
        pass
    assert sorted(path.name for path in tmp_path.iterdir()) == [".not-ours.part", "mine"]


def test_a_stop_ends_the_conversion_and_leaves_nothing(tmp_path, monkeypatch):
    monkeypatch.setenv("XRAYKIT_WEIGHTS", str(tmp_path / "weights"))
    file = keras_file(tmp_path / "theirs.keras", network(DENSE))
    job = jobs.Job(tmp_path / "job")
    # As a network library that hangs: a module that waits for ever
    monkeypatch.setattr(importing.flatten, "__name__", "tests.helpers.hangs")
    threading.Timer(0.5, lambda: (job.path / "stop").touch()).start()
    with pytest.raises(Stopped), importing.telling(job.path, file, "mine") as say:
        importing.import_model(importing.wish(file, CLASSES, scaling="raw"), job.path, say)
    assert job.state().state is State.STOPPED and job.state().message == "Stopped; nothing was written."
    assert not (tmp_path / "weights").exists() and {path.name for path in job.path.iterdir()} == {
        "progress.json",
        "lock",
    }


def test_a_crash_of_the_conversion_is_told_in_words(tmp_path, monkeypatch):
    monkeypatch.setenv("XRAYKIT_WEIGHTS", str(tmp_path / "weights"))
    monkeypatch.setattr(importing.flatten, "__name__", "tests.helpers.nowhere")
    file = keras_file(tmp_path / "theirs.keras", network(DENSE))
    with pytest.raises(cards.ModelRefused, match="without a crash") as found:
        importing.import_model(importing.wish(file, CLASSES, scaling="raw"))
    assert "theirs.keras could not be converted" in found.value.words and not (tmp_path / "weights").exists()


def test_a_model_without_a_heatmap_is_read_and_says_so(tmp_path):
    """A card that names no feature layer: the tiny model, read whole."""
    loaded = classifier.load(DATA / "tiny-model")
    loaded.card = dataclasses.replace(loaded.card, feature_layer="")
    film = Radiograph(np.zeros((40, 40), np.uint8), "film", "PNG", "0")
    prediction, maps = explanation.grad_cam(loaded, film)
    assert maps == () and len(prediction.probabilities) == 3


HANGS = """
import sys; from pathlib import Path; from xraykit.models.conversion import importing
importing.flatten.__name__ = "tests.helpers.hangs"
job, file = Path(sys.argv[1]), Path(sys.argv[2])
importing.import_model(importing.wish(file, ["a", "b"], scaling="raw"), job, lambda words: print(words, flush=True))
"""


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGKILL")
def test_a_killed_import_leaves_nothing_in_the_folder_of_models_and_no_process(tmp_path):
    file = keras_file(tmp_path / "theirs.keras", network(DENSE))
    (tmp_path / "job").mkdir()
    environment = {**os.environ, "XRAYKIT_WEIGHTS": str(tmp_path / "weights")}
    command = [sys.executable, "-c", HANGS, str(tmp_path / "job"), str(file)]
    process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True)
    while "Converting" not in process.stdout.readline():
        pass
    children = psutil.Process(process.pid).children
    while not (found := children()):
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    psutil.wait_procs(found, timeout=60)
    assert not (tmp_path / "weights").exists() and not any(child.is_running() for child in found)
