"""The data audit of the films that a run is to learn from."""

from __future__ import annotations

import contextlib

from xraykit.refused import Refused
from xraykit.training import audited
from xraykit.training.run.run import Run
from xraykit.ui.datasets import leaks
from xraykit.ui.fine_tune import draft, selection
from xraykit.ui.fine_tune.form import films
from xraykit.ui.kit.text import folder_at


def show() -> None:
    """Draw how far the audit is or what it found, once the films are known."""
    if (asked := _asked()) is not None:
        leaks.show(asked, lambda: folder_at(draft.current().folder), selection.keep_word, "the model's card")


def reasons() -> list[str]:
    """What the audit asks for before a run can start, each a clause; empty where it asks for nothing."""
    asked = _asked()
    return [] if asked is None else leaks.reasons(asked)


def hand_on(run: Run) -> None:
    """Give a run the audit of its films, and whether its leaks were accepted."""
    asked = _asked()
    if asked is not None and (made := leaks.made(asked)) is not None:
        with contextlib.suppress(Refused, OSError):  # the run trains without it too
            audited.hand_on(run, made, leaks.is_accepted(asked))


def _asked() -> leaks.Asked | None:
    """None where the films are not known yet, or cannot be divided."""
    recipe, contents = draft.built(), films.contents_of_folder()
    if recipe is None or contents is None or films.reasons() or not contents.get("digest"):
        return None
    return leaks.asked_of(contents.get("listing") or contents["digest"], recipe.split_plan)
