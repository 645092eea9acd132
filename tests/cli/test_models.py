"""The group models: the list, and an import up to where a network library would be started."""

import dataclasses
import json
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from tests.helpers import DATA, ROOT, tiny_model
from tests.models.test_import_refusals import DENSE, keras_file, layer, network
from xraykit.__main__ import main
from xraykit.models.cards import card as cards
from xraykit.models.conversion import importing
from xraykit.system.job_folder.record import State
from xraykit.system.jobs import Job

MODEL = DATA / "tiny-model"


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.setenv("XRAYKIT_WEIGHTS", str(tmp_path / "weights"))
    return lambda *words: CliRunner().invoke(main, [str(word) for word in words])


def test_models_without_a_word_lists_them_as_before(run, tmp_path):
    tiny_model.write_card(Path(shutil.copytree(MODEL, tmp_path / "weights" / "tiny")))
    done = run("models")
    assert done.exit_code == 0 and "COVID-19, Normal, Pneumonia" in done.stdout
    assert len(json.loads(run("models", "--json").stdout)["models"]) == 1


def test_an_import_hands_on_what_was_asked_and_names_the_agreement(run, tmp_path, monkeypatch):
    asked = []

    def import_model(wish, work, say):
        asked.append(wish)
        checked = {"agreement_with_keras": {"largest_difference": 2.5e-7, "films": 12}}
        return dataclasses.replace(cards.read(MODEL), name=wish.name, metrics=checked)

    monkeypatch.setattr(importing, "import_model", import_model)
    file = keras_file(tmp_path / "theirs.keras", network(DENSE))
    done = run("models", "import", file, "--classes", "A, B", "--scaling", "-1..1", "--image-size", 64, "--title", "T")
    assert done.exit_code == 0, done.output
    assert done.stdout == "Imported as theirs: agrees with the original to 2.5e-07 on 12 synthetic films.\n"
    wish = asked[0]
    assert (wish.classes, wish.scaling, wish.image_size, wish.title, wish.replace) == (
        ("A", "B"),
        "-1..1",
        64,
        "T",
        False,
    )


def test_a_refused_import_is_a_line_on_stderr_and_in_the_job(run, tmp_path):
    file = keras_file(tmp_path / "theirs.keras", network(layer("Lambda"), DENSE))
    done = run("models", "import", "--classes=A,B", f"--out={tmp_path / 'job'}", "--", file)
    assert done.exit_code == 1 and done.stderr.startswith("Error: theirs.keras holds a Lambda layer")
    state = Job(tmp_path / "job").state()
    assert (
        state.state is State.FAILED and "Lambda" in state.message and (state.verb, state.model) == ("import", "theirs")
    )
    assert not (tmp_path / "weights").exists()


def test_an_import_without_classes_is_wrong_usage(run, tmp_path):
    done = run("models", "import", tmp_path / "x.keras")
    assert done.exit_code == 2 and "--classes" in done.stderr


@pytest.mark.parametrize("command", ["predict", "evaluate", "explain", "compare"])
def test_a_keras_file_given_as_a_model_says_how_to_import_it(run, tmp_path, command):
    file = keras_file(tmp_path / "my.keras", network(DENSE))
    film = ROOT / "xraykit" / "films" / "samples" / "synthetic-film.png"
    words = {
        "predict": ["--model", file, "--csv", "-", film],
        "evaluate": ["--model", file, "--data", tmp_path, "--out", tmp_path / "out"],
        "explain": ["--model", file, "--out", tmp_path / "e.png", film],
        "compare": [file, MODEL],
    }
    done = run(command, *words[command])
    assert done.exit_code == 1 and "my.keras is a Keras file, not a saved model. Import it" in done.stderr


def test_imagenet_weights_that_are_here_are_listed_and_those_that_are_not(run, tmp_path, monkeypatch):
    monkeypatch.setenv("XRAYKIT_IMAGENET", str(tmp_path))
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    (tmp_path / "vgg16_no_top.weights.h5").write_bytes(b"weights")
    lines = run("models", "imagenet").output.splitlines()
    assert lines[lines.index("VGG16") + 1] == f"  {tmp_path / 'vgg16_no_top.weights.h5'}"
    assert lines[lines.index("ResNet18") + 1] == "  not here: https://download.pytorch.org/models/resnet18-f37072fd.pth"
    done = run("models", "imagenet", "VGG16")
    assert done.exit_code == 0 and done.output.splitlines() == ["VGG16", f"  {tmp_path / 'vgg16_no_top.weights.h5'}"]
    done = run("models", "imagenet", "VGG7")
    assert done.exit_code == 1 and "Expected one of the backbones" in done.output


def test_a_conversion_is_refused_before_keras_is_started(run, tmp_path):
    file = tmp_path / "resnet18.pth"
    done = run("models", "convert-resnet18", file)
    assert done.exit_code == 1 and "resnet18.pth cannot be read" in done.output
    file.write_bytes(b"no tensors")
    assert "no file of tensors" in run("models", "convert-resnet18", file).output
    done = run("models", "convert-resnet18", file, "--out", tmp_path / "out.h5")
    assert done.exit_code == 2 and "ends in .weights.h5" in done.output
