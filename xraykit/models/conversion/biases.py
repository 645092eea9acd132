"""Class biases added to a saved network, which is then converted anew.

`add` imports TensorFlow: other processes call `add_in_subprocess`, which can be killed.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from xraykit.models.cards.card import KEPT_FILES, NETWORK, ModelRefused
from xraykit.models.conversion import child, convert
from xraykit.models.conversion.archive import CODE, check_archive
from xraykit.models.conversion.task import EXPECTED, squares

SECONDS = 1800.0
_ENDINGS = (["Dense", "Softmax"], ["Dense", "Activation"])


def add(network: Path, biases: Sequence[float], feature_layer: str, folder: Path) -> None:
    """Write the three files of a network with other biases into `folder`, and its logits of the synthetic films.

    Imports TensorFlow. Raises ModelRefused where the network does not end in a Dense layer "logits" and a softmax.
    """
    check_archive(network)
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    import keras

    try:
        model: Any = keras.saving.load_model(network, custom_objects={}, compile=False, safe_mode=True)
    except Exception as error:  # Keras raises whatever the archive provokes
        raise _unfit(f"a network that Keras {keras.__version__} can load") from error
    layer = _last_layer(model, len(biases))
    layer.bias.assign(np.asarray(layer.bias, np.float32) + np.array(biases, np.float32))
    model.save(folder / NETWORK)
    convert.convert(folder / NETWORK, folder, feature_layer)
    films = squares(model.inputs[0].shape[1], model.inputs[0].shape[-1]).astype(np.float32)
    to_logits = keras.Model(model.inputs, layer.output)
    np.save(folder / EXPECTED, np.concatenate([np.asarray(to_logits(film[None], training=False)) for film in films]))


def add_in_subprocess(
    network: Path, biases: Sequence[float], feature_layer: str, folder: Path, seconds: float = SECONDS
) -> np.ndarray:
    """`add` in a process of its own: the network's logits of the synthetic films, as Keras gives them, (N, C) float.

    Raises ModelRefused for what the child refused, for a crash and for running over time.
    """
    with tempfile.TemporaryDirectory(prefix=".converting-", dir=folder) as work:
        try:
            child.run(__name__, [str(network.resolve()), json.dumps(list(biases)), feature_layer], Path(work), seconds)
        except child.ChildFailed as failed:
            raise _unfit(str(failed)) from None
        for name in KEPT_FILES:
            shutil.move(Path(work, name), folder / name)
        return np.load(Path(work, EXPECTED))


def _last_layer(model: Any, classes: int) -> Any:
    """The linear Dense layer whose outputs are the logits."""
    kinds = [type(layer).__name__ for layer in model.layers[-2:]]
    layer, last = model.layers[-2:] if len(kinds) > 1 else (None, None)
    is_softmax = last is not None and last.get_config().get("activation", "softmax") == "softmax"
    if layer is None or layer.name != convert.LOGITS or kinds not in _ENDINGS or not is_softmax:
        raise _unfit(f'a Dense layer named "{convert.LOGITS}" and a softmax at the end; got {", ".join(kinds)}')
    if layer.activation.__name__ != "linear" or not layer.use_bias or layer.units != classes:
        raise _unfit(f'a linear layer "{convert.LOGITS}" with a bias for each of {classes} classes')
    return layer


def _unfit(words: str) -> ModelRefused:
    return ModelRefused(
        f"The class biases of {NETWORK} cannot be changed: expected {words}. Save the model from its run again.",
        code=CODE,
    )


if __name__ == "__main__":
    _, source, added, layer, target = sys.argv
    child.answer(Path(target), lambda: add(Path(source), json.loads(added), layer, Path(target)))
