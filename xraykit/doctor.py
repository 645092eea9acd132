"""What this machine has for xraykit, what is missing and how to mend it.

Looks and reports; changes nothing, imports no backend.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import platform
from dataclasses import dataclass

from xraykit.models import classifier
from xraykit.system import devices
from xraykit.system.folders import models_folder
from xraykit.training import pretrained

REQUIRED = (
    "streamlit",
    "keras",
    "tensorflow",
    "ai-edge-litert",
    "numpy",
    "pillow",
    "pydicom",
    "pylibjpeg",
    "pylibjpeg-openjpeg",
    "scikit-learn",
    "scipy",
    "altair",
    "tf-keras-vis",
    "pebble",
    "psutil",
)
BACKENDS = {"tensorflow": "pip install tensorflow", "jax": "pip install jax", "torch": "pip install torch"}


@dataclass(frozen=True)
class Finding:
    """One thing looked at: `state` is "ok", "missing" or "optional"; `mend` says what to do, or is empty."""

    name: str
    state: str
    found: str
    mend: str = ""


def examine() -> list[Finding]:
    """Everything, in the order in which it is shown."""
    return [
        Finding("python", "ok", f"{platform.python_version()} on {platform.system()} {platform.machine()}"),
        *map(_package, REQUIRED),
        *map(_backend, BACKENDS),
        *gpus(),
        *_models(),
        _imagenet(),
        _chromium(),
    ]


def gpus() -> list[Finding]:
    """Each NVIDIA GPU with its memory, or why none is seen; a broken driver is a finding, never an error."""
    gpus_here, reason = devices.gpus()
    mend = devices.why_no_gpu()
    if not gpus_here:
        words = f"none found ({reason})" if devices.can_look() else reason
        return [Finding("gpu", "optional", words, f"Training runs on the CPU. {mend}")]
    return [Finding(device.key, "optional" if mend else "ok", _gpu_words(device), mend) for device in gpus_here]


def _gpu_words(device: devices.Device) -> str:
    if device.memory_free is None or device.memory_total is None:
        return f"{device.name}, memory not reported"
    return f"{device.name}, {device.memory_free / 2**30:.1f} of {device.memory_total / 2**30:.1f} GiB free"


def _package(name: str) -> Finding:
    version = _version(name) or (_version("tensorflow-cpu") if name == "tensorflow" else None)
    if version:
        return Finding(name, "ok", version)
    return Finding(name, "missing", "not installed", "pip install -r requirements.txt")


def _backend(name: str) -> Finding:
    if importlib.util.find_spec(name):
        return Finding(f"backend {name}", "ok", "can train")
    return Finding(f"backend {name}", "optional", "not installed", BACKENDS[name])


def _models() -> list[Finding]:
    cards, refused = classifier.available()
    findings = [
        Finding(
            f"model {card.name}",
            "ok",
            f"{card.title}; {card.image_size} px, classes {', '.join(card.classes)}",
        )
        for card in cards
    ]
    findings += [
        Finding(f"model {refusal.source}", "missing", f"{refusal.code}: {refusal.words}", "Restore the folder.")
        for refusal in refused
    ]
    mend = "python -m xraykit train, then python -m xraykit runs keep"
    return findings or [Finding("models", "missing", f"none in {models_folder()}", mend)]


def _imagenet() -> Finding:
    backbone = "MobileNetV2"  # that of the recipes `strong-imagenet` and `published-imagenet`
    if (path := pretrained.locate_imagenet(backbone)) is not None:
        return Finding("imagenet weights", "ok", f"those of {backbone} found: {path}")
    file = pretrained.file_of(backbone)
    return Finding(
        "imagenet weights",
        "optional",
        f"those of {backbone} are not here; they are downloaded when a recipe needs them",
        f"Offline: put {file.published if file else ''} into a folder and set {pretrained.FOLDER} to it. "
        "`python -m xraykit models imagenet` lists those of every backbone.",
    )


def _chromium() -> Finding:
    import shutil

    if any(map(shutil.which, ("chromium", "google-chrome", "chromium-browser"))):
        return Finding("chromium", "ok", "found; browser tests can run")
    return Finding("chromium", "optional", "not found; browser tests skip", "apt-get install chromium")


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None
