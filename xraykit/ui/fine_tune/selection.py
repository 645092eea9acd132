"""Which run the page shows: named by the address (?run=NAME), remembered over page switches; words for its user."""

from __future__ import annotations

from xraykit.ui.fine_tune import snapshot
from xraykit.ui.kit.selection import Selection

KEY = "run"  # of the address
_RUN = Selection(KEY, "fine-tune")
open_run, close_run = _RUN.open, _RUN.close
keep_word, show_words = _RUN.keep_word, _RUN.show_words


def shown() -> snapshot.RunSnapshot | None:
    """The run to show; None while a new one is being set up."""
    return _RUN.shown(snapshot.find)
