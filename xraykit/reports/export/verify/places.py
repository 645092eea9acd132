"""Places: where films, models, runs, studies and sessions may lie on this computer; whoever verifies must know."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from xraykit.experiments import study_folder
from xraykit.models.cards import card as cards
from xraykit.reports.export.verify.sidecar import NotVerified
from xraykit.system import files, folders
from xraykit.training.run.run import STATUS, Run


@dataclass(frozen=True)
class Places:
    """Where things lie; what is not given lies where xraykit keeps it.

    `films`: files, and folders to any depth; `data`: a folder of labelled films; `models`: folders by name; `runs`,
    `studies`, `readings`: the folders that hold them.
    """

    films: Sequence[Path] = ()
    data: Path | None = None
    models: Mapping[str, Path] = field(default_factory=dict)
    runs: Path | None = None
    studies: Path | None = None
    readings: Path | None = None

    def model(self, name: str) -> Path:
        """The folder of a model.

        Raises
        ------
        NotVerified
            Where there is none.
        """
        folder = self.models.get(name) or folders.models_folder() / name
        if not (folder / cards.CARD).is_file():
            raise NotVerified(
                f"The model {name} is not on this computer. Put it under {folders.models_folder().name}/, or say where "
                "it is with --model FOLDER."
            )
        return folder

    def run(self, name: str) -> Run:
        """A run; NotVerified where there is none of that name."""
        root = self.runs or folders.runs_folder()
        if not (root / name / STATUS).is_file():
            raise NotVerified(
                f"There is no run named {name} in {files.shown(root.name)}. Say where runs lie with --runs FOLDER."
            )
        return Run(root / name)

    def study(self, name: str) -> study_folder.StudyFolder:
        """A study; NotVerified where there is none of that name."""
        root = self.studies or study_folder.studies_folder()
        if not (root / name / study_folder.STUDY).is_file():
            raise NotVerified(
                f"There is no study named {name} in {files.shown(root.name)}. Say where studies lie with "
                "--studies FOLDER."
            )
        return study_folder.StudyFolder(root / name)
