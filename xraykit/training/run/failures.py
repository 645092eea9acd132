"""Failures: which kind of failure an exception is, and what to do about it in a sentence. Imports no backend."""

from __future__ import annotations

import errno
import os

from xraykit.datasets import layout
from xraykit.refused import Refused, words_of
from xraykit.system import devices
from xraykit.training.recipe import recipe
from xraykit.training.run.run import CheckpointDamaged, Diverged, Failure

FULL = (errno.ENOSPC, errno.EDQUOT)
ADVICE = {
    Failure.OUT_OF_MEMORY: (
        "Choose a smaller batch or smaller films, close other programs on the device, then start a new run."
    ),
    Failure.DATA: "Put the films back where the run expects them, or resume it with the folder they are in now.",
    Failure.WEIGHTS: (
        "Put the weight file into the folder that XRAYKIT_IMAGENET names and resume, or start a new run from random "
        "weights or from another model."
    ),
    Failure.DIVERGED: "Start a new run with a lower learning rate or a longer warm-up.",
    Failure.DISK: "Free some space, then resume the run: it continues from its last checkpoint.",
    Failure.RECIPE: "Restore recipe.json in the run's folder and resume, or start a new run with the changed recipe.",
    Failure.DEVICE: "Resume the run on a device of this computer: it may have been started on another computer.",
    Failure.CHECKPOINT: (
        "The run cannot be resumed: what it learned is lost. Start a new run with the same recipe (Duplicate and edit)."
    ),
    Failure.CRASHED: "Read the end of log.txt in the run's folder, then resume the run or start a new one.",
}
# How the backends say that something is used up: none of them may be imported here, so their classes go by name
RESOURCE_EXHAUSTED = 8  # TensorFlow's `error_code`
EXHAUSTED = ("ResourceExhaustedError", "OutOfMemoryError")  # TensorFlow's class, PyTorch's
JAX_ERRORS, JAX_EXHAUSTED = ("XlaRuntimeError", "JaxRuntimeError"), "RESOURCE_EXHAUSTED:"  # a status code, then words


class WeightsMissing(Refused):
    """Pretrained weights that are not on this computer, or do not fit; the words say where they were looked for."""

    code = "weights"


def kind_of(error: BaseException) -> Failure:
    """Which kind of failure an exception is, the backends' own among them."""
    if isinstance(error, OSError) and error.errno in FULL:
        return Failure.DISK
    if isinstance(error, MemoryError) or (isinstance(error, OSError) and error.errno == errno.ENOMEM):
        return Failure.OUT_OF_MEMORY
    if _is_exhausted(error):
        # TensorFlow gives a full disk the class and code of a full memory, and no errno: of its words only the
        # system's own name of the error is looked for, which no message of memory holds
        return Failure.DISK if os.strerror(errno.ENOSPC) in str(error) else Failure.OUT_OF_MEMORY
    for kinds, failure in _FAILURES:
        if isinstance(error, kinds):
            return failure
    return Failure.CRASHED


def advice(error: BaseException) -> str:
    """What to do about it."""
    return ADVICE[kind_of(error)]


def words(error: BaseException) -> str:
    """What happened, in our own words: a backend's may hold anything."""
    if isinstance(error, Diverged):
        return str(error)
    if not isinstance(error, Refused | OSError) and (kind := kind_of(error)) in _WORDS:
        return _WORDS[kind]
    return words_of(error)


def _is_exhausted(error: BaseException) -> bool:
    """Does the type or the status code of a backend's error say that something is used up? Never its prose."""
    names = {kind.__name__ for kind in type(error).__mro__}
    if getattr(error, "error_code", None) == RESOURCE_EXHAUSTED or names & set(EXHAUSTED):
        return True
    return bool(names & set(JAX_ERRORS)) and str(error).startswith(JAX_EXHAUSTED)


_WORDS = {
    Failure.OUT_OF_MEMORY: "The device has no memory left for a batch of this size.",
    Failure.DISK: os.strerror(errno.ENOSPC) + ".",
}


_FAILURES: tuple[tuple[tuple[type[BaseException], ...], Failure], ...] = (
    ((Diverged,), Failure.DIVERGED),
    ((CheckpointDamaged,), Failure.CHECKPOINT),
    ((WeightsMissing,), Failure.WEIGHTS),
    ((devices.DeviceRefused,), Failure.DEVICE),
    ((recipe.RecipeRefused,), Failure.RECIPE),
    ((layout.DatasetRefused, FileNotFoundError), Failure.DATA),
)
