"""Failures: which kind of failure an exception is, and what to do about it in a sentence. Imports no backend."""

from __future__ import annotations

import errno

from xraykit.datasets import layout
from xraykit.refused import Refused
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
# TensorFlow, JAX and PyTorch have no common class, and none may be imported here
MEMORY_SIGNS = (
    "RESOURCE_EXHAUSTED",
    "out of memory",
    "OOM when allocating",
    "allocate memory",  # "can't", "cannot", "failed to"
)
RESOURCE_EXHAUSTED = 8  # TensorFlow's `error_code`


class WeightsMissing(Refused):
    """Pretrained weights that are not on this computer, or do not fit; the words say where they were looked for."""

    code = "weights"


def kind_of(error: BaseException) -> Failure:
    """Which kind of failure an exception is, the backends' own among them."""
    if "No space left" in str(error) or (isinstance(error, OSError) and error.errno in FULL):
        return Failure.DISK  # first: TensorFlow gives a full disk the class of a full memory
    if _out_of_memory(error):
        return Failure.OUT_OF_MEMORY
    for kinds, failure in _FAILURES:
        if isinstance(error, kinds):
            return failure
    return Failure.CRASHED


def advice(error: BaseException) -> str:
    """What to do about it."""
    return ADVICE[kind_of(error)]


def _out_of_memory(error: BaseException) -> bool:
    """Is this how TensorFlow, JAX, PyTorch or Python say that memory ran out?"""
    if isinstance(error, MemoryError) or getattr(error, "error_code", None) == RESOURCE_EXHAUSTED:
        return True
    if isinstance(error, ValueError | OSError):  # a file or a value may be named like one of the signs
        return isinstance(error, OSError) and error.errno == errno.ENOMEM
    return any(sign in str(error) for sign in MEMORY_SIGNS)


_FAILURES: tuple[tuple[tuple[type[BaseException], ...], Failure], ...] = (
    ((Diverged,), Failure.DIVERGED),
    ((CheckpointDamaged,), Failure.CHECKPOINT),
    ((WeightsMissing,), Failure.WEIGHTS),
    ((devices.DeviceRefused,), Failure.DEVICE),
    ((recipe.RecipeRefused,), Failure.RECIPE),
    ((layout.DatasetRefused, FileNotFoundError), Failure.DATA),
)
