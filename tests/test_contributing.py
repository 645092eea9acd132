"""CONTRIBUTING.md, followed: what it says makes a backbone, a recipe field, a page and a film format, in a copy."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.helpers import ROOT

TEXT = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
BACKBONE = """
def _small(scaled, alpha):
    value = keras.layers.Conv2D(4, 3, 4, padding="same", name="conv_1")(scaled)
    return keras.Model(keras.utils.get_source_inputs(value), keras.layers.ReLU(6.0, name="last_relu")(value))


"""
READER = '''"""PGM: plain grey pictures."""

import numpy as np

from xraykit.films.refusal import NotARadiograph


def read(data):
    try:
        width, height = map(int, data.split()[1:3])
        return np.frombuffer(data[-width * height :], np.uint8).reshape(height, width), ()
    except ValueError:
        raise NotARadiograph("The file is cut short. Export the film again.", code="corrupt") from None
'''
PAGE = """import streamlit as st

from xraykit.ui.kit.frame import frame

frame("Hello")
st.write("A page of my own")
"""


@pytest.fixture
def copy(tmp_path) -> Path:
    """The code of the app, to be changed."""
    for name in ("xraykit", "pages"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "app.py", tmp_path)
    return tmp_path


def edit(copy: Path, file: str, before: str, after: str) -> None:
    """One of the edits that CONTRIBUTING.md names: the file is named there, and what is changed is there once."""
    assert file in TEXT, f"CONTRIBUTING.md does not name {file}"
    text = (copy / file).read_text("utf-8")
    assert text.count(before) == 1, f"{before!r} is {text.count(before)} times in {file}"
    (copy / file).write_text(text.replace(before, after), "utf-8")


def run(copy: Path, code: str) -> str:
    """What these lines print in the copy."""
    environment = os.environ | {"PYTHONPATH": str(copy), "TF_CPP_MIN_LOG_LEVEL": "3"}
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=copy, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout.strip().splitlines()[-1]


@pytest.mark.slow
def test_a_backbone(copy):
    layer = '    "Tiny": "out_relu",\n'
    edit(copy, "xraykit/training/recipe/rules.py", layer, layer + '    "Small": "last_relu",\n')
    backbones = "xraykit/training/fit/network/backbones.py"
    entry = '    "Tiny": Backbone(_tiny, "-1..1"),\n'
    edit(copy, backbones, entry, entry + '    "Small": Backbone(_small, "0..1"),\n')
    edit(copy, backbones, "def _tiny(", BACKBONE.lstrip() + "def _tiny(")
    choice = '"Tiny": "Tiny (for trials)"'
    edit(copy, "xraykit/training/recipe/fields.py", choice, choice + ', "Small": "Small (of my own)"')
    code = """
from xraykit.training.fit.network import network
from xraykit.training.recipe import fields, presets
assert fields.at("backbone").choices["Small"] == "Small (of my own)"
model = network.build(presets.NAMED["tiny"].change(backbone="Small"), 3)
network.set_trainable(model, 1, "moving")
print(model.output_shape, network.feature_layer_of(model).name)
"""
    assert run(copy, code) == "(None, 3) last_relu"


def test_a_recipe_field(copy):
    edit(
        copy,
        "xraykit/training/recipe/recipe.py",
        "    batch_size: int = 32\n",
        "    batch_size: int = 32\n    clip: float = 1.0\n",
    )
    edit(
        copy,
        "xraykit/training/recipe/rules.py",
        '    "batch_size": _',
        '    "clip": _number(0, 10),\n    "batch_size": _',
    )
    before = '    field.number(\n        "label_smoothing",'
    field = '    field.number("clip", "Clipping", "Gradients that are longer than this are cut to it.", 0.1),\n'
    edit(copy, "xraykit/training/recipe/fields.py", before, field + before)
    edit(copy, "xraykit/ui/fine_tune/form/recipe.py", '    "batch_size",\n', '    "batch_size",\n    "clip",\n')
    code = """
import json
from xraykit.training.recipe import fields, presets, recipe, rules
from xraykit.ui.fine_tune.form.recipe import TRAINING
data = json.loads(presets.NAMED["tiny"].to_json())
assert recipe.from_dict(data | {"clip": 2.5}).clip == 2.5
field = fields.at("clip")
assert (field.default, field.low, field.high) == (1.0, 0, 10) and "clip" in TRAINING
print(list(rules.faults(data | {"clip": 11})))
"""
    assert run(copy, code) == "['clip']"


def test_a_page(copy):
    (copy / "pages" / "hello.py").write_text(PAGE)
    before = '    "models": ('
    edit(copy, "xraykit/ui/navigation.py", before, '    "hello": ("hello.py", "Hello"),\n' + before)
    before = '<div data-page="models">'
    edit(copy, "xraykit/ui/server/shell/skeletons.html", before, f'<div data-page="hello"><b></b></div>\n{before}')
    code = """
from streamlit.testing.v1 import AppTest
from xraykit.ui import navigation
app = AppTest.from_file("app.py", default_timeout=120)
app.switch_page("pages/hello.py")
app.run()
assert not app.exception and navigation.TITLES["hello"][1] == "Hello"
from pathlib import Path
from streamlit import file_util
from xraykit.ui.server.shell import shell
frame = shell.framed((Path(file_util.get_static_dir()) / "index.html").read_text("utf-8"), "hello")
assert "Research demonstration" in frame and '<div data-page="hello"><b>' in frame
print(app.markdown[-1].value)
"""
    assert run(copy, code) == "A page of my own"


def test_a_film_format(copy):
    (copy / "xraykit" / "films" / "pgm.py").write_text(READER)
    file = "xraykit/films/radiograph.py"
    before = '    if data[:4] == b"RIFF"'
    edit(copy, file, before, '    if data.startswith(b"P5"):\n        return "PGM"\n' + before)
    before = "    pixels, notes = decode.read(data, form)\n"
    edit(copy, file, before, '    pixels, notes = pgm.read(data) if form == "PGM" else decode.read(data, form)\n')
    before = "from xraykit.films.dicom import"
    edit(copy, file, before, f"from xraykit.films import pgm\n{before}")
    code = """
from xraykit.films import ingest
film = b"P5 40 30 255 " + bytes(range(40)) * 30
if __name__ == "__main__":
    with ingest.Ingest() as firewall:
        read, cut = firewall.read_many([("a.pgm", film), ("b.pgm", film[:20])])
    print(read.format, read.pixels.shape, cut.code)
"""
    assert run(copy, code) == "PGM (30, 40) corrupt"


def test_it_is_one_screen():
    assert len(TEXT.splitlines()) <= 50 and max(map(len, TEXT.splitlines())) <= 130


@pytest.mark.parametrize("room", sorted(path.parent.name for path in (ROOT / "xraykit").glob("*/__init__.py")))
def test_a_room_has_its_folder_of_tests(room):
    assert list((ROOT / "tests" / room).glob("test_*.py"))
