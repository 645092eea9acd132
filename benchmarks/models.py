"""The model that benchmarks read with: the shipped one, or the same network with random weights."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from xraykit.models import classifier
from xraykit.models.cards import card
from xraykit.models.conversion import convert
from xraykit.system.files import sha256_of

ROOT = Path(__file__).resolve().parents[1]
SHIPPED = ROOT / "weights" / "mobilenetv2-imagenet"


def model_folder(work: Path) -> Path:
    """The shipped model's folder if it can be used, else a MobileNetV2 with random weights built below `work`."""
    try:
        return classifier.load(SHIPPED).folder
    except card.ModelRefused as refused:
        print(f"# {refused.words} Measured with random weights instead.")
    folder = work / "random-mobilenetv2"
    environment = os.environ | {"KERAS_BACKEND": "tensorflow", "TF_CPP_MIN_LOG_LEVEL": "3"}
    command = [sys.executable, "-m", "benchmarks.models", str(folder)]
    subprocess.run(command, cwd=ROOT, env=environment, check=True, capture_output=True)
    return folder


def build(folder: Path) -> None:
    """MobileNetV2 at 224 pixels with the published head (GAP, 1024, dropout, 256, 3 classes), random weights."""
    import keras

    keras.utils.set_random_seed(1)
    film = keras.Input((224, 224, 1), name="film")
    scaled = keras.layers.Rescaling(1 / 127.5, -1.0)(keras.layers.Concatenate()([film] * 3))
    value = keras.applications.MobileNetV2(include_top=False, weights=None, input_tensor=scaled).output
    value = keras.layers.GlobalAveragePooling2D()(value)
    value = keras.layers.Dropout(0.3)(keras.layers.Dense(1024, "relu", name="hidden_1")(value))
    value = keras.layers.Dense(256, "relu", name="hidden_2")(value)
    value = keras.layers.Softmax(name="probabilities")(keras.layers.Dense(3, name="logits")(value))
    model = keras.Model(film, value)
    folder.mkdir(parents=True)
    model.save(folder / card.NETWORK)
    convert.convert(folder / card.NETWORK, folder)
    files = {name: sha256_of(folder / name) for name in card.KEPT_FILES}
    written = card.Card(
        name="random",
        title="Random weights",
        created="2026-01-01T00:00:00+00:00",
        classes=("COVID-19", "Normal", "Viral Pneumonia"),
        image_size=224,
        channels=1,
        feature_layer="out_relu",
        temperature=1.0,
        recipe={},
        data={},
        metrics={},
        limits=(),
        software={},
        files=files,
        parameters=model.count_params(),
    )
    (folder / card.CARD).write_text(written.to_json(), encoding="utf-8")


if __name__ == "__main__":
    build(Path(sys.argv[1]))
