"""The folder of a study: what was asked, its trials, their runs, and where it stands. Trains nothing."""

from __future__ import annotations

import contextlib
import functools
import math
import os
import shutil
import time
import uuid
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, TypedDict

import msgspec

from xraykit.datasets.dataset import Dataset
from xraykit.experiments import folds as division
from xraykit.experiments import grid
from xraykit.experiments.folds import Folds
from xraykit.experiments.grid import Trial
from xraykit.experiments.study import study as studies
from xraykit.experiments.study.study import Study
from xraykit.refused import Refused, field_of
from xraykit.system import files, folders, text
from xraykit.system.job_folder.job_folder import JobFolder, JobRefused
from xraykit.system.job_folder.record import PathText, Record, State
from xraykit.training import audited
from xraykit.training.recipe import recipe as recipes
from xraykit.training.run.run import STATUS, Run, Status

FORMAT = 1
STUDY, TRIALS, FOLDS, PROGRESS = "study.json", "trials.json", "folds.json", "progress.json"
ORDER, CHOSEN, PLAN = "order.json", "chosen.json", "plan.json"
PAUSED, CUT = "paused", "cut.json"
LOST = {
    "message": "The process of the study ended unexpectedly (killed, or the computer restarted). Resume the study: "
    "finished runs stay as they are.",
    "eta": None,
    "running": (),
}


class StudyFolderRefused(JobRefused):
    """A study's folder that cannot be made, read or used as asked; the words say why."""

    code = "study-folder"


@dataclass(frozen=True, kw_only=True)
class StudyState(Record):
    """progress.json: where a study stands. `eta` and `seconds` are seconds; `seconds` are those of all sessions.

    `done` of `runs` runs need no more work: finished, or of a trial that was cut, `cut` of them. `failed` of them have
    failed; `running` are the names of those at work. `engine` is "local" or "ray".
    """

    message: str = ""
    done: int = 0
    runs: int = 0
    failed: int = 0
    cut: int = 0
    running: tuple[str, ...] = ()
    eta: float | None = None
    seconds: float = 0.0
    paused: bool = False
    pid: int | None = None
    engine: str = "local"
    device: str = "auto"
    data: PathText = PathText("")
    created: str = ""


@dataclass(frozen=True)
class TrialRun:
    """One run of a trial: its fold (from 0) and seed. The run's folder is there once the run has begun."""

    trial: Trial
    fold: int
    seed: int
    run: Run

    @property
    def name(self) -> str:
        return self.run.name

    def status(self) -> Status | None:
        """Where the run stands, None where it has not begun; RunRefused where its status cannot be read."""
        return self.run.status() if (self.run.path / STATUS).is_file() else None

    def is_cut(self) -> bool:
        """Was it ended early because its trial was behind?"""
        return (self.run.path / CUT).is_file()


class StudyFolder(JobFolder):
    """One study, a JobFolder with these files.

    study.json     the study, complete          folds.json    films and the part of each in each fold, with a hash
    trials.json    the trials so far            plan.json     what it was said to take
    progress.json  a StudyState                 chosen.json   the chosen trial and its reading of the test split
    order.json     trials to run first          paused        while it is there, no further run begins
    runs/          one folder a run: t001-f1-s0 (trial, fold, seed); cut.json in it where it was ended early
    lock, stop     see JobFolder                log.txt, events.jsonl
    """

    kind = "study"
    refusal = StudyFolderRefused

    @property
    def runs_folder(self) -> Path:
        return self.path / "runs"

    def study(self) -> Study:
        """study.json; StudyFolderRefused with every fault where it cannot be used."""
        try:
            return studies.from_dict(self._object(STUDY))
        except StudyFolderRefused:
            raise
        except Refused as refused:
            raise self.refusal(f"{self._of(STUDY)} cannot be used.\n{refused.words}") from None

    def trials(self) -> tuple[Trial, ...]:
        """The trials so far: all of them, but in a search those proposed until now.

        Raises
        ------
        StudyFolderRefused
            If trials.json is missing or damaged.
        """
        path = self.path / TRIALS
        return _trials(self, stamp) if (stamp := _stamp(path)) else self._parse_trials()

    def write_trials(self, trials: Sequence[Trial]) -> None:
        """Replace trials.json."""
        self.write(TRIALS, [trial.to_json() for trial in trials])

    def fold_names(self) -> tuple[str, ...]:
        """ "1", "2", ..., or the source that each fold leaves out; StudyFolderRefused where folds.json is damaged."""
        path = self.path / FOLDS
        return _fold_names(self, stamp) if (stamp := _stamp(path)) else self._parse_fold_names()

    def runs(self) -> list[TrialRun]:
        """The runs of the trials so far, begun or not: by trial, then fold, then seed; none before the folds are made.

        Raises
        ------
        StudyFolderRefused
            If a file of the study cannot be read.
        """
        if not (self.path / FOLDS).is_file() or not (self.path / TRIALS).is_file():
            return []
        n_folds, seeds = len(self.fold_names()), self.study().seeds
        return [
            TrialRun(trial, fold, seed, Run(self.runs_folder / run_name(trial.number, fold, seed)))
            for trial in self.trials()
            for fold in range(n_folds)
            for seed in seeds
        ]

    def state(self) -> StudyState:
        """progress.json; LOST where it is busy and no process is at it. StudyFolderRefused where it cannot be read."""
        return self.settled(self.recorded, LOST)

    def recorded(self) -> StudyState:
        return self.record(PROGRESS, self.read(PROGRESS), StudyState)

    def write_state(self, state: StudyState) -> None:
        """Replace progress.json."""
        self.write(PROGRESS, {"format": FORMAT, **state.to_json(), "heartbeat": time.time()})

    def order(self) -> tuple[int, ...]:
        """Numbers of trials to run first; none where order.json is missing or damaged: any order gives the same."""
        with contextlib.suppress(StudyFolderRefused, msgspec.ValidationError):
            return tuple(msgspec.convert(self.read(ORDER), list[int]))
        return ()

    def put_first(self, trials: Sequence[int]) -> None:
        """Run these trials, by number, before the others."""
        self.write(ORDER, list(trials))

    def pause(self) -> None:
        """Let no further run begin; StudyFolderRefused where the folder is gone."""
        try:
            (self.path / PAUSED).touch()
        except FileNotFoundError:
            raise self.refusal(f"The folder of the study {self.name} is gone.") from None

    def go_on(self) -> None:
        """Take a pause back."""
        (self.path / PAUSED).unlink(missing_ok=True)

    def is_paused(self) -> bool:
        return (self.path / PAUSED).exists()

    def chosen(self) -> Any:
        """chosen.json; None where no trial is chosen yet, StudyFolderRefused where it is damaged."""
        return self._object(CHOSEN) if (self.path / CHOSEN).is_file() else None

    def _object(self, file: str) -> dict[str, Any]:
        data = self.read(file)
        if not isinstance(data, dict):
            raise self.refusal(f"{file} of the study {self.name} holds no object. Restore it, or delete the study.")
        return data

    def _parse_trials(self) -> tuple[Trial, ...]:
        try:
            listed = msgspec.convert(self.read(TRIALS), list[_Trial])
            trials = tuple(grid.trial_from_json(trial) for trial in listed)
            if (twice := _first_repeated(trial.number for trial in trials)) is None:
                return trials
            words = f"it names trial {twice} twice"
        except msgspec.ValidationError as error:
            words = f"it holds something else as {field_of(error)}"
        except recipes.RecipeRefused as error:
            words = str(error)
        raise self.refusal(
            f"Expected the trials of the study {self.name} in {TRIALS}; {words}. Restore it, or delete the study."
        )

    def _parse_fold_names(self) -> tuple[str, ...]:
        try:
            return tuple(msgspec.convert(self.read(FOLDS), _Folds)["names"])
        except msgspec.ValidationError as error:
            raise self.refusal(
                f"Expected the folds of the study {self.name} in {FOLDS}; it holds something else as "
                f"{field_of(error)}. Restore it, or delete the study."
            ) from None


def _first_repeated(numbers: Iterable[int]) -> int | None:
    return next((number for number, times in Counter(numbers).items() if times > 1), None)


class _Folds(TypedDict):
    names: Annotated[list[str], msgspec.Meta(min_length=1)]


class _Trial(TypedDict):
    number: Annotated[int, msgspec.Meta(ge=1, lt=10**6)]
    settings: dict[str, Any]
    recipe: dict[str, Any]
    random_start: bool


def create(
    study: Study,
    films: Dataset,
    trials: Sequence[Trial],
    folds: Folds,
    root: str | Path | None = None,
    name: str | None = None,
    *,
    plan: Mapping[str, Any] | None = None,
    audit: Mapping[str, Any] | None = None,
    **facts: Any,
) -> StudyFolder:
    """Make the folder of a new study, queued, in one step: either all of its files are there, or no folder is.

    Parameters
    ----------
    films : the dataset that `folds` divides; its folder is read again by every run.
    trials : those to run; of a search none, or those to begin with.
    root : `studies_folder()` if not given.
    name : the study's own if not given, numbered where it is taken.
    plan : what the study was said to take, for plan.json.
    audit : what each run's data.json and its model's card are to say of the data audit, as `audited.summary`.
    facts : fields of StudyState, such as `device`.

    Raises
    ------
    StudyFolderRefused
        If the name is not plain or already taken.
    """
    root = studies_folder() if root is None else Path(root)
    check_name(name, root)
    folders.make_private(root)
    unfinished = StudyFolder(root / f".{study.name}.{uuid.uuid4().hex[:8]}.{folders.UNFINISHED}")
    folders.make_private(unfinished.runs_folder)
    try:
        files.replace_text(unfinished.path / STUDY, study.to_json())
        unfinished.write_trials(trials)
        unfinished.write(FOLDS, division.to_json(films, folds))
        if plan is not None:
            unfinished.write(PLAN, dict(plan))
        if audit is not None:
            unfinished.write(audited.FILE, dict(audit))
        runs = len(trials) * len(folds.parts) * len(study.seeds)
        unfinished.write_state(_queued(films, runs, facts))
        unfinished.event("created")
        return StudyFolder(_give_name(unfinished.path, root, study.name, name))
    finally:
        shutil.rmtree(unfinished.path, ignore_errors=True)


def check_name(name: str | None, root: str | Path | None = None) -> None:
    """StudyFolderRefused where no study can have this name in `root`; asked before films are read for it."""
    if name is None:
        return
    if not folders.is_plain_name(name):
        raise StudyFolderRefused(
            "Expected a study name of at most 100 letters, digits, '.', '_' and '-', no mark first; got "
            f"{text.quoted(name)}."
        )
    root = studies_folder() if root is None else Path(root)
    if os.path.lexists(root / name):
        raise _taken(name, root)


def _taken(name: str, root: Path) -> StudyFolderRefused:
    return StudyFolderRefused(f"There is a study named {name} in {root} already. Choose another name.")


def _queued(films: Dataset, runs: int, facts: Mapping[str, Any]) -> StudyState:
    data = PathText(str(films.root.resolve()))
    return StudyState(state=State.QUEUED, message="Starting.", runs=runs, data=data, created=files.now(), **facts)


def _give_name(unfinished: Path, root: Path, study: str, name: str | None) -> Path:
    stem = study[:90]
    for candidate in [name] if name else [stem, *(f"{stem}-{number}" for number in range(2, 1000))]:
        with folders.claimed(root, candidate) as ours:
            if ours and not os.path.lexists(root / candidate):
                os.rename(unfinished, root / candidate)
                return root / candidate
    raise _taken(name or study, root)


def run_name(trial: int, fold: int, seed: int) -> str:
    """The name of a run: trial and fold counted from 1, as people see them."""
    return f"t{trial:03d}-f{fold + 1}-s{seed}"


def studies_folder() -> Path:
    """Where studies are kept: below the runs."""
    return folders.runs_folder() / "studies"


def list_studies(root: str | Path | None = None) -> list[StudyFolder]:
    """The studies in a folder (`studies_folder()` if not given), newest first; broken ones too."""
    folder = studies_folder() if root is None else Path(root)
    listed = [StudyFolder(path.parent) for path in folder.glob(f"[!.]*/{STUDY}")]
    return sorted(listed, key=lambda study: (_changed(study.path / STUDY), study.name), reverse=True)


def find(name: str, root: str | Path | None = None) -> StudyFolder:
    """A study by its name, or the path of its folder; StudyFolderRefused names those that there are."""
    folder = studies_folder() if root is None else Path(root)
    for path in (folder / name, Path(name)) if name.strip() else ():  # an empty one would be the folder itself
        if os.path.isfile(path / STUDY):  # which a name longer than there can be does not stop
            return StudyFolder(Path(os.path.abspath(path)))  # "." and ".." are no names
    names = ", ".join(study.name for study in list_studies(folder)) or "none"
    place = files.shown(folder)
    raise StudyFolderRefused(f"There is no study named {text.quoted(name)} in {place}. There are: {names}.")


def _stamp(path: Path) -> tuple[int, int, int] | None:
    """What changes when a file is replaced; None where there is none."""
    try:
        stat = path.stat()
    except OSError:
        return None
    return stat.st_mtime_ns, stat.st_size, stat.st_ino


# A page reads them again and again, and a hundred recipes are checked field by field
@functools.lru_cache(maxsize=32)
def _trials(folder: StudyFolder, stamp: tuple[int, int, int]) -> tuple[Trial, ...]:
    return folder._parse_trials()


@functools.lru_cache(maxsize=32)
def _fold_names(folder: StudyFolder, stamp: tuple[int, int, int]) -> tuple[str, ...]:
    return folder._parse_fold_names()


def _changed(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return -math.inf
