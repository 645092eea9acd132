"""Passes: how long films took through the frozen layers of a run, and how runs share that time. No backend here."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated

import msgspec

from xraykit.training.run.run import Run, RunRefused

FILE = "features.json"
_Count = Annotated[int, msgspec.Meta(ge=0, lt=2**62)]
_Seconds = Annotated[float, msgspec.Meta(ge=0, lt=1e9)]


@dataclass(frozen=True)
class Pass:
    """Films passed once through frozen layers, and kept for every run that trains what follows them.

    Attributes
    ----------
    key : str
        Of the frozen layers, their values and what they are given: two runs with the same key share the pass.
    films : int
        That this run takes from it.
    computed : int
        Of these, passed by this run; the others were there.
    seconds : float
        That the films of this run took, whoever passed them.
    here : float
        Of these, seconds in this run.
    bytes : int
        That the films of this run take on the disk.
    """

    key: str
    films: _Count
    computed: _Count
    seconds: _Seconds
    here: _Seconds
    bytes: _Count

    def after(self, earlier: Pass | None) -> Pass:
        """The same pass of a run that was interrupted and went on."""
        if earlier is None:
            return self
        return dataclasses.replace(self, computed=self.computed + earlier.computed, here=self.here + earlier.here)


def passes_of(run: Run) -> tuple[Pass, ...]:
    """The passes that a run took features from; none where it trained everything, or its record cannot be read."""
    if not (run.path / FILE).is_file():
        return ()
    try:
        return msgspec.convert(run.read(FILE), _Record).passes
    except (RunRefused, msgspec.ValidationError, UnicodeError):  # a figure beside the run: it is not worth refusing it
        return ()


def record(run: Run, made: Pass) -> None:
    """Add a pass to what a run has recorded."""
    known = {each.key: each for each in passes_of(run)}
    known[made.key] = made.after(known.get(made.key))
    run.write(FILE, {"passes": [dataclasses.asdict(each) for each in known.values()]})


def shares(passes: Mapping[str, Iterable[Pass]]) -> dict[str, float]:
    """Seconds of passes that fall to each run where all that use a pass share it equally.

    `passes` are those of each run, by its name.
    """
    users: Counter[str] = Counter(key for made in passes.values() for key in {each.key for each in made})
    return {name: sum(each.seconds / users[each.key] for each in made) for name, made in passes.items()}


class _Record(msgspec.Struct):
    passes: tuple[Pass, ...]
