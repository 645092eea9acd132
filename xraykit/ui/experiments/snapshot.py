"""What the page knows of studies, read again only where a file has changed. Never raises, never writes."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from xraykit.experiments import study_folder, table
from xraykit.experiments.results import chosen
from xraykit.experiments.results.chosen import Chosen
from xraykit.experiments.study.study import Study
from xraykit.experiments.study_folder import FOLDS, PROGRESS, STUDY, TRIALS, StudyFolder, StudyState
from xraykit.experiments.table import Table
from xraykit.refused import Refused, words_of
from xraykit.system import files
from xraykit.system.files import Stamp, stamp_of
from xraykit.system.job_folder.record import State

UNREADABLE = "unreadable"


@dataclass(frozen=True, eq=False)
class StudySnapshot:
    """A study as the page shows it. `state` and `study` are None where they cannot be read; `words` then say why."""

    folder: StudyFolder
    state: StudyState | None
    study: Study | None
    words: str = ""

    @property
    def name(self) -> str:
        return self.folder.name

    @property
    def standing(self) -> State | None:
        return self.state.state if self.state else None

    @property
    def busy(self) -> bool:
        return self.standing is not None and self.standing.busy

    @property
    def state_words(self) -> str:
        if self.state is None or self.study is None:
            return UNREADABLE
        if self.busy and self.folder.is_paused():
            return "paused"
        return str(self.standing)

    @property
    def runs_left(self) -> int:
        return max(0, self.state.runs - self.state.done) if self.state else 0

    @property
    def films(self) -> str:
        """The last name of the folder of films, as it is shown."""
        name = self.state.data if self.state else ""
        return files.shown(name.rstrip("/").rpartition("/")[2])


def take(folder: StudyFolder) -> StudySnapshot:
    """A study as it is now."""
    words, study = _study(folder, stamp_of(folder.path / STUDY))
    try:
        state = folder.state()
    except (Refused, OSError) as error:
        return StudySnapshot(folder, None, study, words_of(error))
    return StudySnapshot(folder, state, study, words)


def take_all() -> list[StudySnapshot]:
    """All studies, newest first; an unreadable one too."""
    return [take(folder) for folder in study_folder.list_studies()]


def find(name: str) -> StudySnapshot | None:
    """The study of that name; None where there is none. A name comes from an address: only listed ones are opened."""
    return next((take(folder) for folder in study_folder.list_studies() if folder.name == name), None)


def results(snapshot: StudySnapshot) -> Table | str:
    """The table, or why there is none; of a study at which no process is, no run changes, and none is looked at."""
    if snapshot.busy:
        return _read(snapshot.folder)
    stamps = tuple(stamp_of(snapshot.folder.path / name) for name in (STUDY, TRIALS, FOLDS, PROGRESS))
    return _ended(snapshot.folder, stamps)


@lru_cache(maxsize=16)
def _ended(folder: StudyFolder, stamps: tuple[Stamp, ...]) -> Table | str:
    return _read(folder)


def _read(folder: StudyFolder) -> Table | str:
    try:
        return table.read(folder)
    except (Refused, OSError) as error:
        return words_of(error)


def test_figures(snapshot: StudySnapshot) -> Chosen | str | None:
    """What the chosen trial gave on the test films; None before one is chosen, words where it cannot be read."""
    try:
        return chosen.read(snapshot.folder)
    except (Refused, OSError) as error:
        return words_of(error)


@lru_cache(maxsize=256)
def _study(folder: StudyFolder, stamp: Stamp) -> tuple[str, Study | None]:
    try:
        return "", folder.study()
    except (Refused, OSError) as error:
        return words_of(error), None
