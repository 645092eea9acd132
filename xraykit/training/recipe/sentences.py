"""How a model was trained, as sentences, and how two recipes differ, in words.

Reads a recipe's plain data, as a card, a form or an imported file has it; knows no network.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import PureWindowsPath
from typing import Any

from xraykit.training.recipe import fields
from xraykit.training.recipe.rules import MODEL

UNKNOWN = "not reported"
OPTIMIZERS = {"adam": "Adam", "adamw": "AdamW"}
ACTIVATIONS = {"relu": "ReLU", "linear": "linear"}
BACKENDS = {"tensorflow": "TensorFlow", "jax": "JAX", "torch": "PyTorch"}
POOLING = {"gap": "global average pooling", "flatten": "flattened feature maps"}
NORMALIZATION = {
    "moving": "Batch normalisation learns its statistics",
    "still": "Batch normalisation keeps its starting statistics",
}
PRECISIONS = {
    "auto": " in the precision measured fastest there",
    "float32": " in 32 bit",
    "mixed_float16": " in mixed precision (float16)",
    "mixed_bfloat16": " in mixed precision (bfloat16)",
}
SCHEDULES = {
    "constant": "constant",
    "plateau": "reduced when validation loss stops improving",
    "cosine": "cosine decay to zero",
}
FINAL_WEIGHTS = {"best": "the epoch of lowest validation loss", "last": "the last epoch"}
SCALINGS = {
    "raw": "none, it takes grey levels 0 to 255",
    "0..1": "grey levels divided by 255",
    "-1..1": "grey levels divided by 127.5, minus 1",
    "caffe": "blue, green, red, minus the means of ImageNet",
    "torch": "grey levels divided by 255, then by means and deviations of ImageNet",
}
CHANGES = {"rotation": "degrees", "shift": "of the side", "zoom": "", "brightness": "", "contrast": ""}
CUES = {
    "crop": "up to {:.0%} of the side cut off",
    "stretch": "height stretched against width by up to {:.0%}",
    "gamma": "grey scale bent (gamma, up to {:g})",
    "equalize": "{:.0%} of the films equalised",
    "frame": "frames of up to {:.0%} of the side on half of them",
    "text": "letters and markers on {:.0%}",
    "erase": "a patch covered on {:.0%}",
    "degrade": "fewer pixels, noise and JPEG on {:.0%} each",
}


def sentences(recipe: Mapping[str, Any]) -> Iterator[str]:
    """The recipe in plain words, in the order of training; what it does not say is "not reported"."""
    if imported := recipe.get("imported"):
        yield from _imported(imported)
    if imported or not recipe:
        yield f"How it was trained: {UNKNOWN}."
        return
    yield f"Recipe {recipe.get('name', UNKNOWN)}. {_origin(recipe)}"
    yield _head(recipe)
    phases = recipe.get("phases") or ()
    for number, phase in enumerate(phases, 1):
        yield f"Phase {number} of {len(phases)}: {_phase(phase)}"
    yield from _films(recipe)
    yield _augmentation(recipe.get("augmentation") or {}) + _mixup(recipe) + _cached_passes(recipe)
    yield _loss(recipe)
    yield _end(recipe)


def backbone(recipe: Mapping[str, Any]) -> str:
    """The backbone and where its weights came from, in a few words."""
    name = recipe.get("backbone", UNKNOWN)
    if "weights" not in recipe:
        return str(name)
    return f"{name}, {_weights(recipe['weights'])}"


def differences(before: Any, after: Any) -> list[str]:
    """What one recipe's plain data has otherwise than another's: "phase 1: epochs 2 → 7", a line each."""
    return [f"{name} {old} → {new}" for name, old, new in changed(before, after)]


def changed(before: Any, after: Any) -> list[tuple[str, str, str]]:
    """The fields that one recipe's plain data has otherwise than another's: label, value before, value after.

    A field that is not there counts as its default. Data with faults is compared as far as it can be read.
    """
    old, new = dict(_flat(_whole(before))), dict(_flat(_whole(after)))
    return [
        (field_label(path), field_value(path, old.get(path)), field_value(path, new.get(path)))
        for path in {**old, **new}
        if old.get(path) != new.get(path)
    ]


def field_label(path: str) -> str:
    """A field as it stands inside a sentence: "image size", "phase 1: learning rate"; its path where unknown."""
    try:
        name = fields.at(path).label
    except KeyError:
        return path
    plain = name[:1].lower() + name[1:]
    kind, *inside = path.split(".")
    part = {"phases": "phase", "hidden": "hidden layer"}.get(kind)
    return f"{part} {int(inside[0]) + 1}: {plain}" if part and len(inside) > 1 else plain


def field_value(path: str, value: Any) -> str:
    """A field's value as a form shows it: "AdamW", "224 pixels", "saved model mine", "on", "none"."""
    if path == "weights" and str(value).startswith(MODEL):
        return f"saved model {str(value).removeprefix(MODEL)}"
    try:
        field = fields.at(path)
    except KeyError:
        return str(value)
    if isinstance(value, str | int | float | None) and value in field.choices:
        return field.choices[value]
    if path == "weights" and isinstance(value, str):
        return file_name(value)
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "on" if value else "off"
    return f"{value} {field.unit}".rstrip()


def file_name(path: str) -> str:
    """The last part of a path of any system: where a file lies is nobody else's business."""
    return PureWindowsPath(path).name or path


def portable(recipe: Mapping[str, Any]) -> dict[str, Any]:
    """A recipe's plain data as it may leave this computer: a weight file by its name alone."""
    weights = recipe.get("weights")
    held = isinstance(weights, str) and not weights.startswith(MODEL)
    return dict(recipe) | ({"weights": file_name(str(weights))} if held else {})


def _whole(data: Any) -> dict[str, Any]:
    """The recipe with every default filled in, so that a field that is not there equals its default."""
    data = data if isinstance(data, Mapping) else {}
    whole = {field.name: field.default for field in fields.inside() if field.kind != "group"} | dict(data)
    for kind in ("phases", "hidden"):
        listed = data.get(kind) if isinstance(data.get(kind), list) else []
        whole[kind] = [_with_defaults(kind, part) for part in listed if isinstance(part, Mapping)]
    changes = data.get("augmentation")
    whole["augmentation"] = _with_defaults("augmentation", changes if isinstance(changes, Mapping) else {})
    return whole


def _with_defaults(part: str, data: Mapping[str, Any]) -> dict[str, Any]:
    return {field.name: field.default for field in fields.inside(part)} | dict(data)


def _flat(data: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Every value by its path; the items of a list of numbers stay together."""
    if isinstance(data, Mapping):
        for name, inside in data.items():
            yield from _flat(inside, f"{path}.{name}" if path else str(name))
    elif isinstance(data, list) and data and isinstance(data[0], Mapping):
        for number, inside in enumerate(data):
            yield from _flat(inside, f"{path}.{number}")
    elif data != []:
        yield path, data


def _imported(origin: Mapping[str, Any]) -> Iterator[str]:
    """Where a model from elsewhere comes from, and what was said of it when it was imported."""
    file, version, sha256 = (origin.get(key, UNKNOWN) for key in ("file", "keras", "sha256"))
    yield f"Imported from the file {file} (Keras version {version}; SHA-256 {sha256})."
    scaling = str(origin.get("scaling", UNKNOWN))
    yield f"Scaling before the network: {SCALINGS.get(scaling, scaling)}."
    yield f"The file's network ends in {origin.get('output', UNKNOWN)}."


def _weights(weights: str | None) -> str:
    if weights and weights.startswith(MODEL):
        return f"started from the saved model {weights.removeprefix(MODEL)}"
    if weights in (None, "imagenet"):
        return "pretrained on ImageNet" if weights else "from scratch"
    return f"started from {file_name(weights)}"


def _origin(recipe: Mapping[str, Any]) -> str:
    alpha = recipe.get("alpha", 1.0)
    width = "" if alpha == 1.0 else f", width {alpha}"
    kind = str(recipe.get("batch_normalization"))
    momentum = f" (momentum {recipe.get('momentum', UNKNOWN)})" if kind == "moving" else ""
    normalization = f" {NORMALIZATION[kind]}{momentum}." if kind in NORMALIZATION else ""
    return f"{backbone(recipe)}{width}.{normalization}"


def _head(recipe: Mapping[str, Any]) -> str:
    layers = [
        f"{layer.get('width')} {ACTIVATIONS.get(layer.get('activation'), layer.get('activation'))} units"
        + (f" with dropout {layer['dropout']}" if layer.get("dropout") else "")
        for layer in recipe.get("hidden") or ()
    ]
    pooling = POOLING.get(str(recipe.get("pooling")), UNKNOWN)
    return f"Head: {', '.join((pooling, *layers, 'one output per class'))}."


def _phase(phase: Mapping[str, Any]) -> str:
    epochs, trainable = phase.get("epochs", UNKNOWN), phase.get("trainable")
    layers = {"head": "the head only", "all": "all layers"}.get(
        str(trainable), f"the last {trainable} convolution layers and the head"
    )
    rate = phase.get("learning_rate")
    optimizer = OPTIMIZERS.get(str(phase.get("optimizer")), str(phase.get("optimizer", UNKNOWN)))
    schedule = SCHEDULES.get(str(phase.get("schedule")), str(phase.get("schedule", UNKNOWN)))
    warmup = phase.get("warmup_epochs")
    warm = f" after {warmup:g} warm-up epoch{'s' * (warmup != 1)}" if warmup else ""
    decay = f", weight decay {phase['weight_decay']:g}" if phase.get("weight_decay") else ""
    return (
        f"{epochs} epoch{'s' * (epochs != 1)} of {layers}, {optimizer} at learning rate "
        f"{UNKNOWN if rate is None else f'{rate:g}'}, {schedule}{warm}{decay}; "
        f"{'random augmentation' if phase.get('augment') else 'no augmentation'}."
    )


def _films(recipe: Mapping[str, Any]) -> Iterator[str]:
    """Which of the training films were used, where not all."""
    if recipe.get("division") == "given":
        yield "Training, validation and test are those that the folder or manifest gives."
    if (shrink := recipe.get("shrink", 1)) != 1:
        yield f"Trained on {shrink:.3g} of the training films: whole groups, chosen by the seed."
    if recipe.get("balance") == "undersample":
        yield "Training films of larger classes were left out at random until each class had as many as the smallest."


def _augmentation(changes: Mapping[str, Any]) -> str:
    words = []
    for name, unit in CHANGES.items():
        if value := changes.get(name):
            words.append(f"{name} up to {f'{value:g}' if name == 'rotation' else f'{value:.0%}'} {unit}".rstrip())
    words.append("half the films mirrored left to right" if changes.get("flip") else "no mirroring")
    words += [text.format(changes[name]) for name, text in CUES.items() if changes.get(name)]
    return f"Augmentation: {', '.join(words)}." if any(changes.values()) else "Augmentation: none."


def _mixup(recipe: Mapping[str, Any]) -> str:
    if not (share := recipe.get("mixup")):
        return ""
    return f" In augmented phases each film was blended with another, its label too (mixup {share:g})."


def _cached_passes(recipe: Mapping[str, Any]) -> str:
    passes = recipe.get("cached_passes")
    if not passes or not any((recipe.get("augmentation") or {}).values()):
        return ""
    versions = "one augmented version" if passes == 1 else f"{passes} augmented versions in turn"
    return f" While layers were frozen, epochs took {versions} of each film."


def _loss(recipe: Mapping[str, Any]) -> str:
    weights: Sequence[float] | None = recipe.get("class_weights")
    words = [f"Batches of {recipe.get('batch_size', UNKNOWN)} films", "cross-entropy"]
    if recipe.get("label_smoothing"):
        words.append(f"label smoothing {recipe['label_smoothing']:g}")
    if recipe.get("balance") == "cells":
        words.append("films weighted so that every class of every source counts equally")
    elif recipe.get("balance") == "weights":
        words.append("classes weighted by the inverse of their film counts, so that each counts equally")
    else:
        words.append(f"class weights {', '.join(map(str, weights))}" if weights else "all classes weighted equally")
    split = recipe.get("split") or 1
    parts = f" Each batch was computed in {split} parts because memory was short." if split > 1 else ""
    return f"{', '.join(words)}.{parts}"


def _end(recipe: Mapping[str, Any]) -> str:
    best = recipe.get("best_epoch")
    lowest = "" if best is None else f"; validation loss was lowest in epoch {best + 1}"
    bias = " Class biases were then fitted on the validation films." if recipe.get("bias_correction") else ""
    seconds = recipe.get("learning_seconds")
    backend = str(recipe.get("backend", UNKNOWN))
    return (
        f"Final weights: {FINAL_WEIGHTS.get(str(recipe.get('keep')), UNKNOWN)}{lowest}.{bias} "
        f"Training time {UNKNOWN if seconds is None else f'{seconds / 60:.0f} minutes'}, on "
        f"{BACKENDS.get(backend, backend)}{PRECISIONS.get(str(recipe.get('precision')), '')}; "
        f"seed {recipe.get('seed', UNKNOWN)}; device {recipe.get('device_name') or recipe.get('device') or UNKNOWN}."
    )
