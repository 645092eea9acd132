"""Folds: which films each run of a study learns from, is validated on, and never sees. Reads no file.

The same for every trial, so that trials are compared in pairs; groups are whole in one part.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from xraykit.datasets.split import Split


@dataclass(frozen=True, eq=False)
class Folds:
    """The divisions of a study's films.

    Attributes
    ----------
    parts : one Split a fold
        Its `test` is empty but with leave-one-source-out, where it is the source left out.
    names : one a fold
        "1", "2", ..., or the source left out.
    test : (n,) int64
        Films that no run sees; read once, by the networks of the chosen trial. Empty with leave-one-source-out.
    left_out : one count a fold
        Films in no part: those of training that are the same picture, or show the same patient, as one of the source
        left out.
    """

    parts: tuple[Split, ...]
    names: tuple[str, ...]
    test: np.ndarray
    left_out: tuple[int, ...] = ()
