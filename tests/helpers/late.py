"""Libraries that take seconds to import, imported by the test that needs them: collecting tests costs every worker."""

from __future__ import annotations

import importlib
from typing import Any

import pytest

HEAVY = frozenset({"tensorflow", "keras", "sklearn", "statsmodels"})  # no module of tests imports these by itself
COLLECTED = pytest.StashKey[frozenset]()  # of the configuration: those that were there once all tests were collected


class Late:
    """A module, or what has a name in it, imported when something is first asked of it."""

    __slots__ = ("_of",)

    def __init__(self, module: str, name: str = "") -> None:
        object.__setattr__(self, "_of", (module, name))

    def _now(self) -> Any:
        module, name = self._of
        there = importlib.import_module(module)
        return getattr(there, name) if name else there

    @property
    def __dict__(self) -> Any:  # where `monkeypatch` looks for what it puts back
        return self._now().__dict__

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):  # asked by who collects tests, of everything in a module
            raise AttributeError(name)
        return getattr(self._now(), name)

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(self._now(), name, value)

    def __delattr__(self, name: str) -> None:
        delattr(self._now(), name)

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        return self._now()(*arguments, **named)
