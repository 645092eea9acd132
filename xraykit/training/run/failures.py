"""Failures: which kind of end an exception is, and what to do about it in a sentence. Imports no backend."""

from __future__ import annotations

import errno

from xraykit.datasets import layout
from xraykit.system import devices
from xraykit.training.recipe import recipe
from xraykit.training.run import run

FULL = (errno.ENOSPC, errno.EDQUOT)
ADVICE = {
    "out of memory": "Choose a smaller batch or smaller films, close what else uses the device, then start a new run.",
    "data": "Put the films and the weight file back where the run says, or resume it with the folder they are in now.",
    "diverged": "Start a new run with a lower learning rate or a longer warm-up.",
    "disk": "Free some space, then resume the run: it goes on from its last checkpoint.",
    "recipe": "Restore recipe.json in the run's folder and resume, or start a new run with the changed recipe.",
    "crashed": "Read the end of log.txt in the run's folder, then resume the run or start a new one.",
}
NO_WEIGHTS = (
    "Put the weight file into the folder that XRAYKIT_IMAGENET names and resume, or start a new run from random "
    "weights or from another kept model."
)
OTHER_DEVICE = "Resume the run on a device of this computer: it may have come from another."


def of(error: BaseException) -> str:
    """Which key of `ADVICE` an exception is, the backends' own among them."""
    if "No space left" in str(error) or (isinstance(error, OSError) and error.errno in FULL):
        return "disk"  # first: TensorFlow gives a full disk the class of a full memory
    if out_of_memory(error):
        return "out of memory"
    if isinstance(error, run.Diverged):
        return "diverged"
    if isinstance(error, recipe.RecipeRefused | devices.DeviceRefused):
        return "recipe"
    if isinstance(error, layout.DatasetRefused | FileNotFoundError):
        return "data"
    return "crashed"


def out_of_memory(error: BaseException) -> bool:
    """Is this how TensorFlow, JAX, PyTorch or Python say that memory ran out?"""
    name, words = type(error).__name__, str(error)
    if isinstance(error, MemoryError) or "ResourceExhausted" in name or name == "OutOfMemoryError":
        return True
    signs = ("RESOURCE_EXHAUSTED", "out of memory", "OOM when allocating", "can't allocate memory")
    return not isinstance(error, ValueError | OSError) and any(sign in words for sign in signs)


def advice(error: BaseException) -> str:
    """What to do about it."""
    if isinstance(error, devices.DeviceRefused):
        return OTHER_DEVICE
    return NO_WEIGHTS if type(error).__name__ == "WeightsMissing" else ADVICE[of(error)]  # of a room with Keras in it
