"""Models from elsewhere: made flat, converted, checked against themselves, kept; and what is refused in words.

TensorFlow is started once, in this process; what a child process does for real is tried once at the end.
"""

import functools
import hashlib
import json
import os
import zipfile
from pathlib import Path

import numpy as np
import pytest

from xraykit.films.radiograph import Radiograph
from xraykit.models import classifier, explanation, tf_keras_vis
from xraykit.models.cards import card as cards
from xraykit.models.conversion import child, flatten, importing
from xraykit.models.conversion import task as conversion_task
from xraykit.models.conversion.task import probabilities

CLASSES = ("COVID-19", "Normal", "Pneumonia")
TWO = ("Normal", "Pneumonia")


@pytest.fixture(scope="module")
def keras():
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    import keras

    return keras


@pytest.fixture(scope="module")
def read_once():
    """The synthetic films that every import is checked on are the same: reading them takes a fifth of its time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(conversion_task.radiograph, "read", functools.cache(conversion_task.radiograph.read))
        yield


@pytest.fixture
def bring(tmp_path, monkeypatch, keras, read_once):
    """A function that saves a network and imports it; the conversion happens in this process."""
    keras.backend.clear_session()  # names of layers begin anew
    keras.utils.set_random_seed(7)
    monkeypatch.setenv("XRAYKIT_WEIGHTS", str(tmp_path / "weights"))
    monkeypatch.setattr(child, "limit_memory", lambda: None)
    monkeypatch.setattr(child, "run", lambda module, arguments, work, *rest: flatten.flatten_into(work))

    def bring(network, classes=CLASSES, ending="keras", change=None, **wishes):
        file = tmp_path / f"theirs.{ending}"
        if isinstance(network, Path):
            file = network
        else:
            network.save(file)
        if change:
            change(file)
        wishes.setdefault("scaling", "raw")
        return importing.import_model(importing.wish(file, classes, name="mine", replace=True, **wishes))

    return bring


def wide(keras):
    return keras.initializers.RandomNormal(0, 0.4, seed=5)


def trunk(keras, channels=1, size=32):
    """An input and a small feature map."""
    layers = keras.layers
    film = keras.Input((size, size, channels))
    value = layers.Rescaling(1 / 255)(film)
    value = layers.Conv2D(6, 3, 2, activation="relu", kernel_initializer=wide(keras))(value)
    return film, layers.Conv2D(8, 3, 2, activation="relu", kernel_initializer=wide(keras))(value)


def dense(keras, value, units, activation=None):
    return keras.layers.Dense(units, activation, kernel_initializer=wide(keras))(value)


def read(squares):
    """What the kept model makes of squares, float64 (N, C), after its hashes were checked."""
    model = classifier.load("mine")
    return np.stack([model.prediction(logits).probabilities for logits in model.predict_squares(squares)])


def noise(size=32, channels=1):
    return np.random.default_rng(3).integers(0, 256, (6, size, size, channels)).astype(np.uint8)


def agree(network, expected=None, scaled=lambda films: films, **shape):
    """The kept model gives the original's probabilities on films it was not checked on."""
    films = noise(**shape)
    theirs = np.asarray(network(scaled(films.astype("float32")), training=False))
    theirs = expected(theirs) if expected else theirs
    np.testing.assert_allclose(read(films), theirs, atol=1e-4)
    assert np.ptp(theirs, axis=0).max() > 1e-3, "a network that gives every film the same tells nothing"


def two_classes(p):
    return np.concatenate([1 - p, p], axis=1)


def softmax(z):
    z = np.exp(z - z.max(axis=1, keepdims=True))
    return z / z.sum(axis=1, keepdims=True)


def test_a_sequential_network_becomes_a_model_like_every_other(keras, bring, tmp_path):
    layers = keras.layers
    network = keras.Sequential(
        [
            keras.Input((32, 32, 1)),
            layers.RandomFlip("horizontal"),
            layers.Rescaling(1 / 255),
            layers.Conv2D(6, 3, activation="relu", kernel_initializer=wide(keras)),
            layers.MaxPooling2D(),
            layers.Conv2D(8, 3, activation="relu", kernel_initializer=wide(keras)),
            layers.Flatten(),
            layers.Dense(9, "relu", kernel_initializer=wide(keras)),
            layers.Dropout(0.5),
            layers.Dense(3, "softmax", kernel_initializer=wide(keras)),
        ]
    )
    made = bring(network, scaling=None)
    agree(network)
    assert made == cards.read(tmp_path / "weights" / "mine") and made.feature_layer == "conv2d_1"
    assert {file.name for file in (tmp_path / "weights" / "mine").iterdir()} == {*cards.KEPT_FILES, "card.json"}
    told = made.recipe["imported"]
    assert told["file"] == "theirs.keras" and told["scaling"] == "raw" and told["keras"] == keras.__version__
    assert told["sha256"] == hashlib.sha256((tmp_path / "theirs.keras").read_bytes()).hexdigest()
    assert (
        made.temperature == 1 and made.data == {} and "nothing is known of its training films" in " ".join(made.limits)
    )
    checked = made.metrics["agreement_with_keras"]
    assert checked["films"] == 12 and checked["largest_difference"] <= checked["allowed"] == 1e-4
    assert classifier.available()[0] == [made]


def test_a_nested_network_is_unrolled(keras, bring, tmp_path):
    """As tutorials build on keras.applications: preprocess_input, a base inside, Sequential inside that, a new head."""
    layers = keras.layers
    inside = keras.Input((32, 32, 3))
    block = keras.Sequential([layers.ZeroPadding2D(), layers.Conv2D(6, 3, kernel_initializer=wide(keras))])
    value = block(layers.Conv2D(6, 3, 2, padding="same", kernel_initializer=wide(keras))(inside))
    value = layers.BatchNormalization()(layers.Add()([value, block(value)]))  # a block used twice, a branch
    base = keras.Model(inside, layers.ReLU(6.0, name="out_relu")(value), name="logits")
    base.layers[-2].set_weights([np.linspace(low, low + 1, 6) for low in (0.5, -0.5, 0, 0.5)])
    film = keras.Input((32, 32, 3))
    value = keras.applications.mobilenet_v2.preprocess_input(film)
    value = layers.GlobalAveragePooling2D()(base(value, training=False))
    network = keras.Model(film, dense(keras, layers.Dropout(0.2)(value), 3, "softmax"))
    made = bring(network, scaling=None)
    agree(network, channels=3)
    assert made.feature_layer == "out_relu" and made.channels == 3 and made.recipe["imported"]["scaling"] == "raw"
    flat = keras.saving.load_model(tmp_path / "weights" / "mine" / "model.keras")
    assert not any(isinstance(layer, keras.Model) for layer in flat.layers)


def test_one_sigmoid_becomes_two_classes_exactly(keras, bring):
    film, value = trunk(keras)
    network = keras.Model(film, dense(keras, keras.layers.GlobalAveragePooling2D()(value), 1, "sigmoid"))
    made = bring(network, TWO)
    agree(network, two_classes)
    assert "second class" in made.recipe["imported"]["output"]


def test_one_linear_output_is_a_logit_of_the_second_class(keras, bring):
    film, value = trunk(keras)
    network = keras.Model(film, dense(keras, keras.layers.GlobalAveragePooling2D()(value), 1))
    bring(network, TWO)
    agree(network, lambda z: two_classes(1 / (1 + np.exp(-z))))


@pytest.mark.parametrize("end", ["Softmax", pytest.param("Activation", marks=pytest.mark.slow)])
def test_a_softmax_in_a_layer_of_its_own_is_found(keras, bring, end):
    film, value = trunk(keras)
    value = dense(keras, keras.layers.Flatten()(value), 3)
    last = keras.layers.Softmax() if end == "Softmax" else keras.layers.Activation("softmax")
    network = keras.Model(film, last(value))
    assert bring(network).recipe["imported"]["output"] == "a softmax"
    agree(network)


def test_raw_logits_are_told_apart_and_said(keras, bring):
    film, value = trunk(keras)
    network = keras.Model(film, dense(keras, keras.layers.Flatten()(value), 3))
    assert "logits" in bring(network).recipe["imported"]["output"]
    agree(network, softmax)


def test_a_convolution_may_give_the_classes(keras, bring):
    film, value = trunk(keras)
    value = keras.layers.Conv2D(3, 1, kernel_initializer=wide(keras))(value)
    network = keras.Model(film, keras.layers.Softmax()(keras.layers.GlobalAveragePooling2D()(value)))
    assert bring(network).feature_layer == "conv2d_2"
    agree(network)


IMAGENET_MEAN, IMAGENET_STD = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
MEAN_OF_CAFFE = np.array([103.939, 116.779, 123.68])  # blue first


@pytest.mark.parametrize(
    ("scaling", "scaled"),
    [
        pytest.param("raw", lambda films: films, marks=pytest.mark.slow),
        pytest.param("0..1", lambda films: films / 255, marks=pytest.mark.slow),
        pytest.param("-1..1", lambda films: films / 127.5 - 1, marks=pytest.mark.slow),
        pytest.param("caffe", lambda films: films[..., ::-1] - MEAN_OF_CAFFE, marks=pytest.mark.slow),
        ("torch", lambda films: (films / 255 - IMAGENET_MEAN) / IMAGENET_STD),
    ],
)
def test_what_a_network_expects_of_grey_levels_goes_into_it(keras, bring, scaling, scaled):
    layers = keras.layers
    film = keras.Input((32, 32, 3))
    value = layers.Conv2D(6, 3, 2, activation="relu", kernel_initializer=keras.initializers.RandomNormal(0, 0.02))(film)
    network = keras.Model(film, dense(keras, layers.GlobalAveragePooling2D()(value), 3, "softmax"))
    bring(network, scaling=scaling)
    agree(network, scaled=lambda films: scaled(films).astype("float32"), channels=3)


def test_without_a_rescaling_layer_the_scaling_is_asked_for(keras, bring):
    film = keras.Input((32, 32, 1))
    value = keras.layers.GlobalAveragePooling2D()(keras.layers.Conv2D(4, 3)(film))
    with pytest.raises(cards.ModelRefused, match="raw, 0..1") as refused:
        bring(keras.Model(film, dense(keras, value, 3, "softmax")), scaling=None)
    assert refused.value.code == "scaling" and "preprocess_input" in refused.value.words


def test_a_scaling_of_colours_is_refused_for_grey(keras, bring):
    film, value = trunk(keras)
    with pytest.raises(cards.ModelRefused, match="three channels"):
        bring(keras.Model(film, dense(keras, keras.layers.Flatten()(value), 3, "softmax")), scaling="caffe")


def test_normalization_between_dense_layers_is_folded(keras, bring):
    film, value = trunk(keras)
    spread = np.random.default_rng(1)

    def normalized(value):
        layer = keras.layers.BatchNormalization()
        value = layer(value)
        layer.set_weights([spread.uniform(0.5, 1.5, value.shape[-1]) for _ in range(4)])
        return value

    value = normalized(keras.layers.Flatten()(value))
    value = keras.layers.ReLU()(normalized(dense(keras, value, 7)))
    network = keras.Model(film, dense(keras, normalized(dense(keras, value, 5, "relu")), 3, "softmax"))
    assert bring(network).feature_layer == "conv2d_1"
    agree(network)


def test_grad_cam_of_an_imported_network_is_the_gradient(keras, bring):
    import tensorflow as tf

    film, value = trunk(keras)
    pooled = dense(keras, keras.layers.GlobalAveragePooling2D()(value), 7, "relu")
    network = keras.Model(film, dense(keras, pooled, 1, "sigmoid"))
    bring(network, TWO)
    picture = noise()[0]
    body = keras.Model(film, [value, network.layers[-1].output])
    with tf.GradientTape() as tape:
        grid, p = body(picture[None].astype("float32"))
        logit = tf.math.log(p / (1 - p))
    gradient = tape.gradient(logit, grid)[0].numpy()
    expected = np.maximum((grid[0].numpy() * gradient.mean(axis=(0, 1))).sum(axis=-1), 0)
    made, maps = explanation.grad_cam(classifier.load("mine"), Radiograph(picture[..., 0], "film", "PNG", "0"))
    assert made.classes == TWO and [found.label for found in maps] == list(TWO)
    np.testing.assert_allclose(maps[1].heatmap * maps[1].maximum, expected, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize(
    "kind", ["no convolution", *(pytest.param(kind, marks=pytest.mark.slow) for kind in ("max pooling", "tanh"))]
)
def test_where_no_heatmap_is_possible_the_film_is_still_read(keras, bring, kind):
    layers = keras.layers
    film, value = trunk(keras)
    if kind == "no convolution":
        value = layers.Flatten()(layers.Rescaling(1 / 255)(film))
    elif kind == "max pooling":
        value = layers.GlobalMaxPooling2D()(value)
    else:
        value = dense(keras, layers.Flatten()(value), 6, "tanh")
    network = keras.Model(film, dense(keras, dense(keras, value, 4, "relu"), 3, "softmax"))
    made = bring(network)
    agree(network)
    assert made.feature_layer == "" and "No Grad-CAM heatmap" in made.limits[-1]
    prediction, maps = explanation.grad_cam(classifier.load("mine"), Radiograph(noise()[0, ..., 0], "film", "PNG", "0"))
    assert maps == () and abs(prediction.probabilities.sum() - 1) < 1e-9
    with pytest.raises(cards.ModelRefused, match="no Grad-CAM heatmap") as refused:
        explanation.check_heatmap(made, "Grad-CAM")
    assert refused.value.code == "no-heatmap"
    if kind != "tanh":  # the gradient by the film needs no feature layer, whatever the reason that there is none
        return
    sha256 = made.files[cards.NETWORK]
    network = tf_keras_vis.load_network(classifier.find("mine") / cards.NETWORK, sha256)
    task = tf_keras_vis.Task(Path(), sha256, "", explanation.SMOOTH_GRAD, 1, noise()[0])
    found = tf_keras_vis.explain(network, task, lambda *state: None)
    assert found.shape == (32, 32) and found.max() > 0


def test_half_precision_becomes_single(keras, bring):
    keras.config.set_dtype_policy("mixed_float16")
    try:
        film, value = trunk(keras)
        value = keras.layers.GlobalAveragePooling2D()(value)
        network = keras.Model(film, keras.layers.Dense(3, "softmax", dtype="float32")(value))
    finally:
        keras.config.set_dtype_policy("float32")
    made = bring(network)
    assert made.metrics["agreement_with_keras"]["allowed"] == 2e-2
    np.testing.assert_allclose(read(noise()), network(noise().astype("float32")), atol=2e-2)


def test_a_network_of_any_size_asks_for_one(keras, bring):
    layers = keras.layers
    film = keras.Input((None, None, 1))
    value = layers.Conv2D(6, 3, activation="relu", kernel_initializer=wide(keras))(layers.Rescaling(1 / 255)(film))
    network = keras.Model(film, dense(keras, layers.GlobalAveragePooling2D()(value), 3, "softmax"))
    with pytest.raises(cards.ModelRefused, match="--image-size") as refused:
        bring(network)
    assert refused.value.code == "image-size-needed"
    assert bring(network, image_size=48).image_size == 48
    agree(network, size=48)


def test_an_h5_file_of_keras_3_is_read(keras, bring):
    film, value = trunk(keras)
    network = keras.Model(film, dense(keras, keras.layers.GlobalAveragePooling2D()(value), 3, "softmax"))
    network.compile("adam", "categorical_crossentropy", metrics=["accuracy"])
    made = bring(network, ending="h5")
    agree(network)
    assert made.recipe["imported"]["file"] == "theirs.h5"


def as_keras_2(file):
    """Write the config of an .h5 file as Keras 2 did."""
    import h5py

    def older(node):
        if isinstance(node, list):
            return [older(value) for value in node]
        if not isinstance(node, dict):
            return node
        if node.get("class_name") == "DTypePolicy":
            return node["config"]["name"]
        node = {key: older(value) for key, value in node.items() if key not in ("module", "registered_name")}
        inner = node.get("config")
        if node.get("class_name") == "DepthwiseConv2D":
            inner["groups"] = 1
        if node.get("class_name") == "BatchNormalization":
            inner["axis"] = [inner["axis"]]
        if isinstance(inner, dict) and "batch_shape" in inner:
            inner["batch_input_shape"] = inner.pop("batch_shape")
        return node

    with h5py.File(file, "r+") as stored:
        config = older(json.loads(stored.attrs["model_config"]))
        config["config"]["layers"][2]["config"]["name"] = config["config"]["layers"][2]["config"]["name"]
        stored.attrs["model_config"] = json.dumps(config)
        stored.attrs["keras_version"] = "2.11.0"
        stored.attrs["training_config"] = json.dumps(
            {"optimizer_config": {"class_name": "Adam", "config": {"lr": 1e-3}}, "loss": "binary_crossentropy"}
        )


def test_an_h5_file_of_keras_2_is_read(keras, bring):
    layers = keras.layers
    network = keras.Sequential(
        [
            keras.Input((32, 32, 3)),
            layers.Conv2D(4, 3, kernel_initializer=wide(keras)),
            layers.BatchNormalization(),
            layers.DepthwiseConv2D(3, activation="relu", depthwise_initializer=wide(keras)),
            layers.GlobalAveragePooling2D(),
            layers.Dense(1, "sigmoid", kernel_initializer=keras.initializers.RandomNormal(0, 0.02)),
        ]
    )
    made = bring(network, TWO, ending="h5", change=as_keras_2)
    agree(network, two_classes, channels=3)
    assert made.recipe["imported"]["keras"] == "2.11.0"


@pytest.mark.parametrize(
    ("end", "classes", "code", "words"),
    [
        ((4, "softmax"), CLASSES, "class-count", "4 outputs; 3 classes are named"),
        ((1, "sigmoid"), CLASSES, "class-count", "one output tells two classes apart"),
        ((3, "sigmoid"), CLASSES, "multi-label", "multi-label"),
        ((1, "softmax"), TWO, "output-activation", "always 1"),
        ((3, "tanh"), CLASSES, "output-activation", "ends in tanh"),
    ],
)
def test_a_network_of_other_outputs_is_refused_in_words(keras, bring, tmp_path, end, classes, code, words):
    film, value = trunk(keras)
    with pytest.raises(cards.ModelRefused, match=words) as refused:
        bring(keras.Model(film, dense(keras, keras.layers.Flatten()(value), *end)), classes)
    assert refused.value.code == code and "theirs.keras" in refused.value.words
    assert not (tmp_path / "weights").exists()


def test_a_softmax_after_a_softmax_is_refused(keras, bring):
    film, value = trunk(keras)
    value = dense(keras, keras.layers.Flatten()(value), 3, "softmax")
    with pytest.raises(cards.ModelRefused, match="softmax after softmax"):
        bring(keras.Model(film, keras.layers.Softmax()(value)))


def test_several_inputs_and_an_oblong_are_refused(keras, bring):
    layers = keras.layers
    films = [keras.Input((32, 32, 1)), keras.Input((32, 32, 1))]
    value = layers.Flatten()(layers.Conv2D(2, 3)(layers.Add()(films)))
    with pytest.raises(cards.ModelRefused, match="2 inputs"):
        bring(keras.Model(films, dense(keras, value, 3, "softmax")))
    film = keras.Input((32, 40, 1))
    value = layers.GlobalAveragePooling2D()(layers.Conv2D(2, 3)(film))
    with pytest.raises(cards.ModelRefused, match="32 x 40"):
        bring(keras.Model(film, dense(keras, value, 3, "softmax")))


def test_a_result_that_does_not_agree_is_not_kept(keras, bring, tmp_path, monkeypatch):
    film, value = trunk(keras)
    network = keras.Model(film, dense(keras, keras.layers.GlobalAveragePooling2D()(value), 3, "softmax"))
    true = probabilities
    monkeypatch.setattr(flatten, "probabilities", lambda outputs, kind: true(outputs, kind)[:, ::-1])
    with pytest.raises(
        cards.ModelRefused, match=r"within 0\.0001 on 12 synthetic films; the largest difference is 0\.\d+"
    ):
        bring(network)
    assert not (tmp_path / "weights").exists()


def test_weights_that_do_not_fit_the_layers_are_refused_in_words(keras, bring):
    film, value = trunk(keras)
    network = keras.Model(film, dense(keras, keras.layers.GlobalAveragePooling2D()(value), 3, "softmax"))

    def break_it(file):
        with zipfile.ZipFile(file) as archive:
            members = {name: archive.read(name) for name in archive.namelist()}
        members["config.json"] = members["config.json"].replace(b'"filters": 8', b'"filters": 9')
        with zipfile.ZipFile(file, "w") as archive:
            for name, data in members.items():
                archive.writestr(name, data)

    with pytest.raises(cards.ModelRefused, match="cannot be loaded by Keras") as refused:
        bring(network, change=break_it)
    assert "Traceback" not in refused.value.words


def test_what_keras_arithmetic_wrote_is_kept(keras, bring):
    """preprocess_input of VGG16 swaps channels by indexing: it stays in the network."""
    film = keras.Input((32, 32, 3))
    value = keras.applications.vgg16.preprocess_input(film)
    value = keras.layers.Conv2D(
        6, 3, 2, activation="relu", kernel_initializer=keras.initializers.RandomNormal(0, 0.02)
    )(value)
    network = keras.Model(film, dense(keras, keras.layers.GlobalAveragePooling2D()(value), 3, "softmax"))
    bring(network, scaling=None)
    agree(network, channels=3)


@pytest.mark.slow
def test_the_page_and_the_command_line_import_in_a_process_of_their_own(keras, tmp_path, monkeypatch):
    monkeypatch.setenv("XRAYKIT_WEIGHTS", str(tmp_path / "weights"))
    film, value = trunk(keras)
    network = keras.Model(film, dense(keras, keras.layers.GlobalAveragePooling2D()(value), 3, "softmax"))
    network.save(tmp_path / "theirs.keras")
    said = []
    importing.import_model(importing.wish(tmp_path / "theirs.keras", CLASSES), say=said.append)
    assert classifier.load("theirs").card.title == "Imported from theirs.keras"
    assert list(dict.fromkeys(said)) == [
        "Checking the file.",
        "Converting the network.",
        "Comparing the converted network with the original on the synthetic films.",
    ]
