"""Every backbone: its scaling, its parameters, what learns at every freeze depth, and its published weights."""

import os

import numpy as np
import pytest

from tests.helpers import torch_files
from xraykit.models.conversion import landmarks
from xraykit.training import torch_file
from xraykit.training.recipe import recipe, rules
from xraykit.training.run.failures import WeightsMissing

# Parameters without a top, as keras.applications and torchvision publish them (ResNet18 with its moving statistics);
# layers that are counted; parameters that learn with the last 1, 2 and 4 of them and with all, head apart; and of
# those with 4 and all, how many belong to batch normalisation
COUNTS = {
    "MobileNetV2": (2_257_984, 52, (412_160, 720_000, 886_080, 2_223_872), (7_040, 34_112)),
    "MobileNet": (3_228_864, 27, (1_050_624, 1_061_888, 1_593_856, 3_206_976), (7_168, 21_888)),
    "ResNet18": (11_186_112, 20, (2_360_320, 4_720_640, 7_213_056, 11_176_512), (4_096, 9_600)),
    "ResNet50": (23_587_712, 53, (1_054_720, 3_415_552, 5_520_384, 23_534_592), (10_240, 53_120)),
    "VGG16": (14_714_688, 13, (2_359_808, 4_719_616, 9_439_232, 14_714_688), (0, 0)),
    "VGG19": (20_024_384, 16, (2_359_808, 4_719_616, 9_439_232, 20_024_384), (0, 0)),
    "DenseNet121": (7_037_504, 120, (38_912, 166_144, 328_128, 6_953_856), (4_544, 83_648)),
    "EfficientNetV2B0": (5_919_312, 91, (248_320, 469_888, 581_680, 5_858_704), (2_944, 60_608)),
    "Tiny": (6_200, 3, (4_672, 5_856, 6_088, 6_088), (112, 112)),
}
WIDTHS = {
    "VGG16": 512,
    "VGG19": 512,
    "ResNet18": 512,
    "ResNet50": 2048,
    "MobileNetV2": 1280,
    "EfficientNetV2B0": 1280,
    "Tiny": 32,
}
# The heads of the studies: pooling, hidden layers
HEADS = {
    "study A": ("gap", (1024, 256)),
    "last layer": ("gap", ()),
    "8": ("flatten", (8,)),
    "16": ("flatten", (16,)),
    "32": ("flatten", (32,)),
    "two of 8": ("flatten", (8, 8)),
    "three of 8": ("flatten", (8, 8, 8)),
}
SIZE = 64
SLOW = ("DenseNet121", "EfficientNetV2B0", "MobileNet", "ResNet50", "VGG19")
EACH = [pytest.param(name, marks=[pytest.mark.slow] if name in SLOW else []) for name in rules.BACKBONES]
PLAIN = {"name": "counted", "phases": [{"epochs": 1, "learning_rate": 0.1}], "image_size": SIZE}


def chosen(backbone, pooling="gap", hidden=(), **more):
    layers = [{"width": width, "dropout": 0.5} for width in hidden]
    return recipe.from_dict(PLAIN | {"backbone": backbone, "pooling": pooling, "hidden": layers} | more)


@pytest.fixture(scope="module")
def built():
    """The network of a backbone and head; a backbone is built once and every head put on it."""
    import keras

    from xraykit.training.fit.network import network

    first = {}

    def build(backbone, pooling="gap", hidden=()):
        asked = chosen(backbone, pooling, hidden)
        if backbone not in first:
            first[backbone] = network.build(asked, 3)
        features = network.feature_layer_of(first[backbone]).output
        return keras.Model(first[backbone].input, network._head(asked, 3, features))

    return build


def learning(model, trainable, batch_normalization="moving"):
    from xraykit.training.fit.network import network

    network.set_trainable(model, trainable, batch_normalization)
    return sum(int(np.prod(weight.shape)) for weight in model.trainable_weights)


def head_parameters(width, hidden):
    """Weights and biases of a stack of Dense layers on `width` numbers, three classes at its end."""
    sizes = [width, *hidden, 3]
    return sum((before + 1) * after for before, after in zip(sizes, sizes[1:], strict=False))


@pytest.mark.parametrize("backbone", EACH)
def test_parameters_and_what_learns_are_those_of_the_table(backbone, built):
    import keras

    from xraykit.training.fit.network import network

    whole, layers, by_depth, normalization = COUNTS[backbone]
    model = built(backbone)
    assert not any(isinstance(layer, keras.Model) for layer in model.layers)  # flat
    grid = network.feature_layer_of(model).output.shape[1:]
    assert grid[2] == WIDTHS.get(backbone, 1024) and network.feature_layer_of(model).name == rules.BACKBONES[backbone]
    counted = sum(isinstance(layer, keras.layers.Conv2D | keras.layers.DepthwiseConv2D) for layer in model.layers)
    assert counted == layers
    assert landmarks.backbone_of(model) == ((backbone, 1.0) if backbone != "Tiny" else (None, 1.0))
    for title, (pooling, hidden) in HEADS.items():
        model = built(backbone, pooling, hidden)
        width = grid[2] if pooling == "gap" else grid[0] * grid[1] * grid[2]
        head = head_parameters(width, hidden)
        assert model.count_params() == whole + head, title
        assert learning(model, "head") == head, title
        depths = [learning(model, depth) - head for depth in (1, 2, 4, "all")]
        assert tuple(depths) == by_depth, title
        still = [learning(model, depth, "still") - head for depth in (4, "all")]
        assert tuple(still) == tuple(all_ - bn for all_, bn in zip(by_depth[2:], normalization, strict=True)), title


@pytest.mark.parametrize("backbone", EACH)
def test_batch_normalisation_follows_its_rules(backbone, built):
    """None learns where it is to be still or lies below what learns; each keeps its epsilon, all the same momentum."""
    import keras

    from xraykit.training.fit.network import network

    model = built(backbone)
    layers = [layer for layer in model.layers if isinstance(layer, keras.layers.BatchNormalization)]
    assert {layer.momentum for layer in layers} <= {0.99}
    epsilons = {"ResNet18": 1e-5, "ResNet50": 1.001e-5, "DenseNet121": 1.001e-5}
    assert {layer.epsilon for layer in layers} <= {epsilons.get(backbone, 1e-3)}
    for trainable in ("head", 1, "all"):
        network.set_trainable(model, trainable, "still")
        assert not any(layer.trainable for layer in layers)
        network.set_trainable(model, trainable, "moving")
        start = network._first_trainable(model, trainable)
        assert all(layer.trainable == (model.layers.index(layer) >= start) for layer in layers)


@pytest.mark.parametrize("backbone", EACH)
def test_a_frozen_backbone_gives_the_same_features_while_training(backbone, built):
    """What is computed once must be what every step would compute: nothing below the head is random or moves."""
    import keras

    from xraykit.training.fit.network import network

    model = built(backbone)
    network.set_trainable(model, "head", "moving")
    body = network.body_of(model)
    films = np.random.default_rng(0).uniform(0, 255, (2, SIZE, SIZE, 1)).astype(np.float32)
    first, then = (np.asarray(body(films, training=training)) for training in (True, False))
    assert np.array_equal(first, then) and np.ptp(first, axis=0).max() > 0
    keras.backend.clear_session(free_memory=False)


@pytest.mark.parametrize("backbone", EACH)
def test_every_layer_of_a_backbone_takes_the_weights_of_a_file_or_of_another_run(backbone, built):
    """Weights are copied by name: a layer whose name Keras counts up would be left at random, silently."""
    from xraykit.training.fit.network import backbones, network

    source, model = backbones.bare(backbone, 1.0), built(backbone)
    network._copy_weights(source, model)
    taken, given = network.body_of(model).get_weights(), source.get_weights()
    assert len(given) == len(taken) > 0
    assert all(map(np.array_equal, given, taken))


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("backbone", [name for name in rules.BACKBONES if name not in ("Tiny", "ResNet18")])
def test_scaling_is_that_of_keras(backbone, channels):
    """The layer `scale` gives what preprocess_input of the backbone's own module gives; EfficientNetV2 has layers."""
    import keras

    from xraykit.training.fit.network import backbones

    film = keras.Input((4, 4, channels))
    layer = keras.Model(film, backbones.scale(film, backbones.BACKBONES[backbone].scaling))
    given = np.random.default_rng(1).uniform(0, 255, (1, 4, 4, channels)).astype(np.float32)
    colour = np.repeat(given, 3, axis=-1) if channels == 1 else given
    modules = {"MobileNetV2": "mobilenet_v2", "DenseNet121": "densenet"}
    if backbone == "EfficientNetV2B0":
        expected = (colour / 255 - (0.485, 0.456, 0.406)) / (0.229, 0.224, 0.225)
    else:
        module = getattr(keras.applications, modules.get(backbone, backbone.lower()))
        expected = module.preprocess_input(colour.copy())
    assert np.allclose(np.asarray(layer(given)), expected, atol=1e-4)


def test_resnet18_computes_what_pytorch_computes(tmp_path):
    """Against a forward pass written out after torchvision's, on the weights of a .pth file as PyTorch writes it."""
    import keras

    from xraykit.training.fit.network import backbones, network

    state = torch_files.resnet18_state()
    file = tmp_path / "resnet18-f37072fd.pth"
    torch_files.save(state, file)
    model = network.build(chosen("ResNet18", channels=3, weights=str(file)), 3)
    films = np.random.default_rng(2).uniform(0, 255, (1, SIZE, SIZE, 3)).astype(np.float32)
    scaled = keras.Model(model.input, model.get_layer("scale").output)
    torch_scaling = (films / 255 - (0.485, 0.456, 0.406)) / (0.229, 0.224, 0.225)
    assert np.allclose(np.asarray(scaled(films)), torch_scaling, atol=1e-5)
    features = keras.Model(model.input, network.feature_layer_of(model).output)
    expected = torch_files.resnet18_features(state, np.moveaxis(torch_scaling[0], -1, 0))
    assert np.allclose(np.moveaxis(np.asarray(features(films))[0], -1, 0), expected, rtol=1e-3, atol=1e-3)
    assert backbones.BACKBONES["ResNet18"].scaling == "torch" and expected.std() > 0.01


def test_resnet18_is_converted_once_and_read_as_a_keras_file(tmp_path, monkeypatch):
    from xraykit.training.fit.network import network, resnet18

    torch_files.save(torch_files.resnet18_state(), tmp_path / "given.pth")
    state = torch_file.read(tmp_path / "given.pth")
    assert resnet18.write(state, "given.pth", tmp_path / "resnet18_no_top.weights.h5") == 11_186_112
    assert sorted(os.listdir(tmp_path)) == ["given.pth", "resnet18_no_top.weights.h5"]
    monkeypatch.setenv("XRAYKIT_IMAGENET", str(tmp_path))
    model = network.build(chosen("ResNet18", weights="imagenet"), 3)
    kernel = state["layer3.0.downsample.0.weight"].transpose(2, 3, 1, 0)
    assert np.array_equal(model.get_layer("layer3_0_downsample_0").get_weights()[0], kernel)
    statistics = [state[f"layer4.1.bn2.{name}"] for name in ("weight", "bias", "running_mean", "running_var")]
    assert all(map(np.array_equal, model.get_layer("layer4_1_bn2").get_weights(), statistics))


@pytest.mark.parametrize("change", ["missing", "another shape", "more", "not finite"])
def test_tensors_of_another_network_are_refused(change, built):
    from xraykit.training.fit.network import network, resnet18

    model = network.body_of(built("ResNet18"))
    state = torch_files.resnet18_state()
    if change == "missing":
        del state["layer1.0.bn1.weight"]
    elif change == "another shape":
        state["layer1.0.conv1.weight"] = state["layer1.0.conv1.weight"][:, :, :1, :1]
    elif change == "more":
        state["layer1.2.conv1.weight"] = state["layer1.0.conv1.weight"]
    else:
        state["layer1.0.bn1.bias"][0] = np.nan
    with pytest.raises(WeightsMissing, match=r"other\.pth holds no ResNet18 as torchvision has it"):
        resnet18.load_state(model, state, "other.pth")


def test_a_file_as_keras_publishes_it_is_loaded_from_the_cache_of_keras(tmp_path, monkeypatch):
    """Published files are of the older HDF5 layout, and lie under Keras' own name."""
    import h5py
    from keras.src.legacy.saving import legacy_h5_format

    from xraykit.training.fit.network import backbones, network

    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.delenv("XRAYKIT_IMAGENET", raising=False)
    (tmp_path / "models").mkdir()
    theirs = backbones.bare("MobileNet", 0.25)
    with h5py.File(tmp_path / "models" / "mobilenet_2_5_224_tf_no_top.h5", "w") as file:
        legacy_h5_format.save_weights_to_hdf5_group(file, theirs)
    model = network.build(chosen("MobileNet", weights="imagenet", alpha=0.25), 3)
    for name in ("conv1", "conv_pw_13_bn", "conv_dw_7"):
        assert all(map(np.array_equal, model.get_layer(name).get_weights(), theirs.get_layer(name).get_weights())), name


@pytest.mark.parametrize("backbone", ["MobileNet", pytest.param("VGG16", marks=pytest.mark.slow)])
def test_imagenet_weights_give_the_features_of_keras_applications(backbone):
    import keras

    from xraykit.training import pretrained
    from xraykit.training.fit.network import network

    if (path := pretrained.locate_imagenet(backbone)) is None or not path.name.endswith(".weights.h5"):
        pytest.skip(f"no file with the ImageNet weights of {backbone}: set XRAYKIT_IMAGENET")
    model = network.build(chosen(backbone, channels=3, weights="imagenet"), 3)
    films = np.random.default_rng(3).uniform(0, 255, (1, SIZE, SIZE, 3)).astype(np.float32)
    theirs = getattr(keras.applications, backbone)(include_top=False, weights=str(path), input_shape=(SIZE, SIZE, 3))
    module = getattr(keras.applications, backbone.lower())
    expected = np.asarray(theirs(module.preprocess_input(films.copy())))
    ours = np.asarray(keras.Model(model.input, network.feature_layer_of(model).output)(films))
    assert np.allclose(ours, expected, rtol=1e-3, atol=1e-3) and expected.max() > 0


def test_weights_of_another_backbone_are_refused(tmp_path):
    from xraykit.training.fit.network import backbones, network

    path = tmp_path / "tiny.weights.h5"
    backbones.bare("Tiny", 1.0).save_weights(path)
    with pytest.raises(WeightsMissing, match=r"of MobileNet \(width 0.25\) cannot be loaded from .*tiny.weights.h5"):
        network.build(chosen("MobileNet", weights=str(path), alpha=0.25), 3)


@pytest.mark.parametrize(
    ("backbone", "alpha", "words"),
    [
        ("VGG16", 0.5, "VGG16 has no width multiplier"),
        ("MobileNet", 0.35, "MobileNet has the widths 0.25, 0.5, 0.75, 1"),
        ("MobileNetV2", 0.25, "MobileNetV2 has the widths 0.35, 0.5"),
    ],
)
def test_a_width_that_a_backbone_does_not_have_is_a_fault(backbone, alpha, words):
    faults = rules.faults(PLAIN | {"backbone": backbone, "alpha": alpha})
    assert list(faults) == ["alpha"] and words in faults["alpha"].words
