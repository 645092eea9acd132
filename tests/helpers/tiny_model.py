"""A tiny kept model for tests: `python tests/tiny_model.py FOLDER` draws it anew (needs TensorFlow).

tests/data/tiny-model holds one, so that the tests of the reading side start no TensorFlow.
"""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path

from tests.helpers import DATA
from xraykit.models.cards import card

KEPT = DATA / "tiny-model"
CLASSES = ("COVID-19", "Normal", "Pneumonia")


def build(folder: Path, pooling: str = "gap", channels: int = 1) -> Path:
    """A tiny flat network with random weights, named as `network.build` names its layers; model.keras's path."""
    import keras

    keras.utils.set_random_seed(3)
    wide = keras.initializers.RandomNormal(0, 0.5)
    film = keras.Input((32, 32, channels), name="film")
    grey_levels = film if channels == 3 else keras.layers.Concatenate(name="grey_to_rgb")([film] * 3)
    value = keras.layers.Rescaling(1 / 127.5, offset=-1.0, name="scale")(grey_levels)
    value = keras.layers.Conv2D(8, 3, 2, padding="same", activation="relu", kernel_initializer=wide)(value)
    value = keras.layers.Conv2D(16, 3, 2, padding="same", kernel_initializer=wide, name="Conv_1")(value)
    value = keras.layers.ReLU(6.0, name="out_relu")(value)
    pool = keras.layers.GlobalAveragePooling2D if pooling == "gap" else keras.layers.Flatten
    value = pool(name="pooler")(value)
    value = keras.layers.Dense(12, "relu", kernel_initializer=wide, name="hidden_1")(value)
    value = keras.layers.Dropout(0.3, name="dropout_1")(value)
    value = keras.layers.Dense(3, kernel_initializer=wide, name="logits")(value)
    model = keras.Model(film, keras.layers.Softmax(name="probabilities", dtype="float32")(value))
    folder.mkdir(parents=True, exist_ok=True)
    model.save(folder / card.NETWORK)
    return folder / card.NETWORK


def write_card(folder: Path, size: int = 32, channels: int = 1, **changes: object) -> card.Card:
    """Write a card that fits the three files in `folder`."""
    files = {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in card.KEPT_FILES}
    fields = {
        "name": folder.name,
        "title": "A tiny network with random weights",
        "created": "2026-01-01T00:00:00+00:00",
        "classes": CLASSES,
        "image_size": size,
        "channels": channels,
        "feature_layer": "out_relu",
        "temperature": 1.5,
        "recipe": {},
        "data": {},
        "metrics": {},
        "limits": ("for tests only",),
        "software": {},
        "files": files,
        "parameters": 1,
    }
    written = card.Card(**fields | changes)
    (folder / "card.json").write_text(written.to_json(), encoding="utf-8")
    return written


if __name__ == "__main__":
    from xraykit.models.conversion import convert

    target = Path(sys.argv[1])
    convert.convert(build(target, *sys.argv[2:3]), target)
    write_card(target)
