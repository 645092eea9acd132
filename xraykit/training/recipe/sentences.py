"""Recipe words: how a model was trained, as sentences. Reads a recipe's plain data; knows no network."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

UNKNOWN = "not reported"
OPTIMIZERS = {"adam": "Adam", "adamw": "AdamW"}
ACTIVATIONS = {"relu": "ReLU", "linear": "linear"}
PRECISIONS = {
    "auto": " in the precision measured fastest there",
    "float32": " in 32 bit",
    "mixed_float16": " in mixed precision (float16)",
    "mixed_bfloat16": " in mixed precision (bfloat16)",
}
SCHEDULES = {
    "constant": "held constant",
    "plateau": "cut when validation loss stops falling",
    "cosine": "falling to zero along a cosine",
}


def sentences(recipe: Mapping[str, Any]) -> Iterator[str]:
    """The recipe in plain words, in the order of training; what it does not say is "not reported"."""
    if not recipe:
        yield f"How it was trained: {UNKNOWN}."
        return
    yield f"Recipe {recipe.get('name', UNKNOWN)}. {_origin(recipe)}"
    yield _head(recipe)
    phases = recipe.get("phases") or ()
    for number, phase in enumerate(phases, 1):
        yield f"Phase {number} of {len(phases)}: {_phase(phase)}"
    yield from _films(recipe)
    yield _augmentation(recipe.get("augmentation") or {})
    yield _loss(recipe)
    yield _end(recipe)


def backbone(recipe: Mapping[str, Any]) -> str:
    """The backbone and where its weights came from, in a few words."""
    name = recipe.get("backbone", UNKNOWN)
    if "weights" not in recipe:
        return str(name)
    return f"{name}, {_weights(recipe['weights'])}"


def _weights(weights: str | None) -> str:
    if weights and weights.startswith("model:"):
        return f"started from the kept model {weights.removeprefix('model:')}"
    return {None: "from scratch", "imagenet": "pretrained on ImageNet"}.get(weights, f"started from {weights}")


def _origin(recipe: Mapping[str, Any]) -> str:
    alpha = recipe.get("alpha", 1.0)
    width = "" if alpha == 1.0 else f", width {alpha}"
    still = recipe.get("batch_normalization")
    normalisation = {
        "moving": f" Batch normalisation learns its statistics (momentum {recipe.get('momentum', UNKNOWN)}).",
        "still": " Batch normalisation keeps the statistics it came with.",
    }.get(str(still), "")
    return f"{backbone(recipe)}{width}.{normalisation}"


def _head(recipe: Mapping[str, Any]) -> str:
    pooling = {"gap": "global average pooling", "flatten": "all features, flattened"}.get(
        str(recipe.get("pooling")), UNKNOWN
    )
    layers = [
        f"{layer.get('width')} {ACTIVATIONS.get(layer.get('activation'), layer.get('activation'))} units"
        + (f" with dropout {layer['dropout']}" if layer.get("dropout") else "")
        for layer in recipe.get("hidden") or ()
    ]
    return f"Head: {', '.join((pooling, *layers, 'one output a class'))}."


def _phase(phase: Mapping[str, Any]) -> str:
    layers = {"head": "the head alone", "all": "all layers"}.get(
        str(phase.get("trainable")), f"the last {phase.get('trainable')} convolution layers and the head"
    )
    rise = phase.get("warmup_epochs")
    warm = f" after a rise over {rise:g} epoch{'s' * (rise != 1)}" if rise else ""
    decay = f", weight decay {phase['weight_decay']:g}" if phase.get("weight_decay") else ""
    films = "films varied at random" if phase.get("augment") else "films as they are"
    optimizer = OPTIMIZERS.get(str(phase.get("optimizer")), str(phase.get("optimizer", UNKNOWN)))
    schedule = SCHEDULES.get(str(phase.get("schedule")), str(phase.get("schedule", UNKNOWN)))
    rate = phase.get("learning_rate")
    return (
        f"{phase.get('epochs', UNKNOWN)} epochs of {layers}, {optimizer} at learning rate "
        f"{UNKNOWN if rate is None else f'{rate:g}'}, {schedule}{warm}{decay}; {films}."
    )


def _films(recipe: Mapping[str, Any]) -> Iterator[str]:
    """Which of the training films it learned from, where not from all."""
    if (shrink := recipe.get("shrink", 1)) != 1:
        yield f"Learned from {shrink:.3g} of the training films, whole groups at a time, chosen by the seed."
    if recipe.get("balance") == "undersample":
        yield "Training films of larger classes were left out, by lot, until each class had as many as the smallest."


def _augmentation(changes: Mapping[str, Any]) -> str:
    units = {"rotation": " degrees", "shift": " of the side", "zoom": "", "brightness": "", "contrast": ""}
    words = [
        f"{name} up to {value:g}{unit}" if name == "rotation" else f"{name} up to {value:.0%}{unit}"
        for name, unit in units.items()
        if (value := changes.get(name))
    ]
    if changes.get("flip"):
        words.append("left and right mirrored in half the films")
    unmirrored = "" if changes.get("flip") else "; never mirrored"
    return f"Random changes: {', '.join(words)}{unmirrored}." if words else "No random changes of films."


def _loss(recipe: Mapping[str, Any]) -> str:
    weights: Sequence[float] | None = recipe.get("class_weights")
    words = [f"Batches of {recipe.get('batch_size', UNKNOWN)} films", "cross-entropy"]
    if recipe.get("label_smoothing"):
        words.append(f"label smoothing {recipe['label_smoothing']:g}")
    if recipe.get("balance") == "weights":
        words.append("classes weighted by the inverse of their films, so that each counts alike")
    else:
        words.append(f"class weights {', '.join(map(str, weights))}" if weights else "all classes weighted alike")
    split = recipe.get("split") or 1
    halves = f" Each batch went through in {split} parts, because memory was short." if split > 1 else ""
    return f"{', '.join(words)}.{halves}"


def _end(recipe: Mapping[str, Any]) -> str:
    kept = {"best": "the epoch of lowest validation loss", "last": "the last epoch"}.get(
        str(recipe.get("keep")), UNKNOWN
    )
    best = recipe.get("best_epoch")
    lowest = "" if best is None else f"; validation loss was lowest in epoch {best + 1}"
    bias = " Then the class biases were fitted on validation films." if recipe.get("bias_correction") else ""
    seconds = recipe.get("learning_seconds")
    time = UNKNOWN if seconds is None else f"{seconds / 60:.0f} minutes"
    device = recipe.get("device_name") or recipe.get("device") or UNKNOWN
    precision = PRECISIONS.get(str(recipe.get("precision")), "")
    return (
        f"Kept: {kept}{lowest}.{bias} Learning time {time}, on {recipe.get('backend', UNKNOWN)}{precision}; seed "
        f"{recipe.get('seed', UNKNOWN)}; device {device}."
    )
