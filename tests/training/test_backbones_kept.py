"""What a backbone gives once it is kept: LiteRT body and NumPy head read as Keras does, and look where it looks.

The deep ones are cut short here, at a layer by which every kind of layer they have has come (XRAYKIT_WHOLE=1 leaves
them whole: minutes each).
"""

import dataclasses
import os

import numpy as np
import pytest

from tests.helpers import fakes
from xraykit.models import classifier, explanation, tf_keras_vis
from xraykit.models.conversion import archive, convert
from xraykit.models.conversion.task import squares
from xraykit.system import files
from xraykit.training.recipe import recipe, rules

CUT = {
    "VGG16": "block2_pool",
    "MobileNetV2": "block_2_add",
    "ResNet50": "conv2_block2_out",
    "DenseNet121": "conv3_block1_concat",
    "EfficientNetV2B0": "block4a_project_bn",
}
# Pooling, width of the hidden layers and channels: every backbone flattened once, and the colour order of each scaling
CASES = [
    pytest.param("VGG16", "flatten", (8,), 3, marks=pytest.mark.longest),
    pytest.param("ResNet18", "flatten", (8, 8), 1, marks=pytest.mark.slow),
    pytest.param("MobileNet", "flatten", (8, 8, 8), 3, marks=pytest.mark.longest),
    pytest.param("VGG19", "gap", (1024, 256), 1, marks=pytest.mark.longest),
    pytest.param("ResNet50", "flatten", (32,), 3, marks=pytest.mark.longest),
    pytest.param("MobileNetV2", "gap", (), 1, marks=pytest.mark.longest),
    pytest.param("DenseNet121", "flatten", (16,), 3, marks=pytest.mark.longest),
    pytest.param("EfficientNetV2B0", "flatten", (8,), 1, marks=pytest.mark.longest),
]
SIZE, CLASSES = 64, 3


def lively(model):
    """Random weights that tell films apart: moved statistics, open units, and logits that differ by some units."""
    import keras

    films = squares(SIZE, model.input_shape[-1]).astype(np.float32)
    normalizations = [layer for layer in model.layers if isinstance(layer, keras.layers.BatchNormalization)]
    for layer in normalizations:
        layer.momentum = 0.0  # one step sets the statistics to those of these films
    model(films, training=True)
    draw = np.random.default_rng(0)
    for layer in normalizations:
        gamma, _, *statistics = layer.get_weights()
        layer.set_weights([draw.uniform(0.7, 1.3, gamma.shape), draw.normal(0, 0.2, gamma.shape), *statistics])
    for layer in model.layers:  # no backbone has a Dense layer
        if isinstance(layer, keras.layers.Dense):
            before = np.asarray(keras.Model(model.input, model.get_layer(layer.name).input)(films))
            kernel = layer.get_weights()[0]
            sums = before @ kernel
            spread, middle = (2, 0) if layer.name == "logits" else (1, 1)  # most units open
            scale = spread / np.maximum(sums.std(axis=0), 1e-6)
            layer.set_weights([kernel * scale, middle - sums.mean(axis=0) * scale])
    return films


def kept(folder, model, chosen):
    """The files of a kept model, and its classifier, as `keep` and `import_model` make them."""
    model.save(folder / "model.keras")
    archive.check_archive(folder / "model.keras")
    convert.convert(folder / "model.keras", folder, chosen.feature_layer)
    names = ("model.keras", "features.tflite", "head.npz")
    card = dataclasses.replace(
        fakes.card(folder.name, "kept"),
        image_size=SIZE,
        channels=chosen.channels,
        feature_layer=chosen.feature_layer,
        files={name: files.sha256_of(folder / name) for name in names},
    )
    (folder / "card.json").write_text(card.to_json())
    return classifier.load(folder)


@pytest.mark.parametrize(("backbone", "pooling", "hidden", "channels"), CASES)
def test_a_kept_network_reads_and_looks_as_keras_does(backbone, pooling, hidden, channels, tmp_path, monkeypatch):
    from xraykit.training.fit.network import network

    if backbone in CUT and not os.environ.get("XRAYKIT_WHOLE"):
        monkeypatch.setitem(rules.BACKBONES, backbone, CUT[backbone])
    data = {"name": "kept", "phases": [{"epochs": 1, "learning_rate": 0.1}], "backbone": backbone, "pooling": pooling}
    data |= {"image_size": SIZE, "channels": channels, "hidden": [{"width": width, "dropout": 0.5} for width in hidden]}
    chosen = recipe.from_dict(data)
    model = network.build(chosen, CLASSES)
    films = lively(model)
    reading = kept(tmp_path, model, chosen)
    expected = np.asarray(model(films, training=False))
    squares = films.astype(np.uint8)
    logits = reading.predict_squares(squares)
    ours = np.stack([reading.prediction(film).probabilities for film in logits])
    assert np.abs(ours - expected).max() <= 1e-4
    assert np.ptp(expected, axis=0).min() > 0.1  # they are told apart: agreement says something
    gradients = tf_keras_vis.load_network(tmp_path / "model.keras", reading.card.files["model.keras"])
    for film in squares[:2]:
        features = reading.features(film[None])
        _, weights = reading.head.logits_and_weights(features)
        for label in range(CLASSES):
            task = tf_keras_vis.Task(
                tmp_path / "model.keras", "", chosen.feature_layer, explanation.GRAD_CAM, label, film
            )
            theirs = tf_keras_vis.explain(gradients, task, lambda *state: None)
            map_ = np.maximum(np.einsum("k,hwk->hw", weights[0, label], features[0]), 0)
            assert map_.shape == theirs.shape and map_.size >= 4
            if map_.max() > 0 or theirs.max() > 0:
                assert np.corrcoef(map_.ravel(), theirs.ravel())[0, 1] >= 0.999, (label, map_, theirs)
