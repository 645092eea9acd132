"""What a training says of itself, written into its run's folder. Imports no backend."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from xraykit.evaluation.evaluation import FILES, Evaluation
from xraykit.system import files
from xraykit.training.recipe.recipe import Recipe
from xraykit.training.run import passes
from xraykit.training.run.run import CHECKPOINT, Run, Stage

if TYPE_CHECKING:  # they import the backend
    from xraykit.training.fit.callbacks import Moment
    from xraykit.training.fit.checkpoint import Checkpoint, Progress

OnMoment = Callable[["Moment"], None]
MOMENTS = "moments.csv"


class RunRecorder:
    """Writes what a training says of itself into the run's folder: a `training.fit.callbacks.Recorder`."""

    def __init__(self, run: Run, recipe: Recipe, on_moment: OnMoment) -> None:
        self.run, self.recipe, self.on_moment = run, recipe, on_moment

    def begin(self, progress: Progress, epochs: int) -> None:
        self.run.restore_history(progress.epoch, [_row(row) for row in progress.history])
        self.run.truncate(MOMENTS, progress.epoch)
        self.run.update(epoch=progress.epoch, epochs=epochs, step=progress.step, **_facts(progress))

    def stage(self, stage: Stage, **facts: Any) -> None:
        self.run.update(stage=stage, **facts)

    def moment(self, moment: Moment) -> None:
        progress, figures = moment.progress, moment.figures
        pace = None if moment.images_per_second is None else round(moment.images_per_second, 1)
        self.run.update(
            stage=Stage.LEARNING,
            epoch=progress.epoch,
            epochs=moment.epochs,
            step=progress.step,
            steps=moment.steps,
            phase=progress.phase,
            eta=moment.eta,
            learning_rate=moment.learning_rate,
            progressed=time.time(),
            **figures,
            **({} if pace is None else {"images_per_second": pace}),
            **_facts(progress),
        )
        if progress.step:
            row: dict[str, Any] = {"epoch": round(progress.epoch + progress.step / moment.steps, 4)}
            row |= {name: round(figures[name], 6) for name in ("loss", "accuracy") if name in figures}
            row |= {"learning_rate": moment.learning_rate, "images_per_second": "" if pace is None else pace}
            self.run.append(MOMENTS, row)
        self.on_moment(moment)

    def epoch(self, row: Mapping[str, float]) -> None:
        self.run.append_history(_row(row))

    def event(self, what: str, **fields: Any) -> None:
        self.run.event(what, **fields)

    def passed(self, made: passes.Pass) -> None:
        passes.record(self.run, made)

    def checkpoint(self, checkpoint: Checkpoint) -> None:
        from xraykit.training.fit import checkpoint as checkpoints

        checkpoints.write(self.run.path / CHECKPOINT, checkpoint, self.recipe)

    def last_checkpoint(self) -> Checkpoint | None:
        from xraykit.training.fit import checkpoint as checkpoints

        return checkpoints.load(self.run.path / CHECKPOINT, self.recipe)

    def result(self, network: Any, evaluations: Mapping[str, Evaluation]) -> None:
        for part, evaluation in evaluations.items():
            files.replace_text(self.run.path / FILES[part], evaluation.to_json())
        unfinished = self.run.path / ".model.part.keras"
        network.save(unfinished)
        unfinished.replace(self.run.path / "model.keras")

    def stop_asked(self) -> bool:
        return self.run.stop_asked()


def _row(row: Mapping[str, float]) -> dict[str, float | str]:
    """An epoch as history.csv has it."""
    plain = {"epoch", "phase", "learning_rate"}
    texts = {name: value if name in plain else f"{value:.7g}" for name, value in row.items()}
    return texts | {"seconds": round(row["seconds"], 2)}


def _facts(progress: Progress) -> dict[str, float | int | str | None]:
    """What the status says of a training's progress."""
    return {
        "best_epoch": progress.best_epoch,
        "best_loss": progress.best_loss,
        "best_accuracy": progress.best_accuracy,
        "learning_seconds": round(progress.learning_seconds + progress.epoch_seconds, 1),
        "split": progress.accumulation,
        "precision": progress.precision,
    }
