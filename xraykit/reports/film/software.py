"""Which versions of what made a report's numbers and pixels."""

from __future__ import annotations

import functools
import importlib.metadata
import platform

from xraykit import __version__

PACKAGES = {"ai-edge-litert": "AI Edge LiteRT", "numpy": "NumPy", "pillow": "Pillow"}  # the path of a film


@functools.cache
def versions() -> dict[str, str]:
    """By package's name; what is not installed is left out."""
    held = {"xraykit": __version__, "python": platform.python_version()}
    for name in PACKAGES:
        try:
            held[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return held


def line() -> str:
    """In a line: "xraykit 0.1.0, Python 3.11.7, NumPy 2.4.6"."""
    names = {"xraykit": "xraykit", "python": "Python", **PACKAGES}
    return ", ".join(f"{names[name]} {version}" for name, version in versions().items())
