"""Which study the page shows: named by the address (?study=NAME), remembered over page switches; words for its user."""

from __future__ import annotations

from xraykit.ui.experiments import snapshot
from xraykit.ui.kit.selection import Selection

KEY, TRIAL = "study", "trial"  # of the address
_STUDY = Selection(KEY, "experiments", within=(TRIAL,))
open_study, close_study = _STUDY.open, _STUDY.close
keep_word, show_words = _STUDY.keep_word, _STUDY.show_words


def shown() -> snapshot.StudySnapshot | None:
    """The study to show; None while a new one is being set up."""
    return _STUDY.shown(snapshot.find)
