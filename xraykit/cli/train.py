"""The verb train: a recipe learned from a folder of films, or an estimate of what that would take."""

from __future__ import annotations

import dataclasses
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from xraykit.cli import terminal
from xraykit.cli.terminal import FILE, NEW_FOLDER
from xraykit.system import text
from xraykit.system.job_folder.record import State

if TYPE_CHECKING:
    from xraykit.datasets.dataset import Dataset
    from xraykit.training.recipe.recipe import Recipe
    from xraykit.training.run.run import Run


@click.command()
@click.option("--recipe", "recipe_name", required=True, help="A preset, or a JSON file.")
@terminal.DATA
@click.option("--name", help="The run's name; date and recipe if not given.")
@click.option("--set", "settings", multiple=True, help="field=value, as often as needed: phases.0.epochs=3")
@click.option("--runs", "root", type=FILE, help="Folder of the runs.  [default: $XRAYKIT_RUNS, else runs/]")
@click.option(
    "--device", default="auto", show_default=True, help='"auto", "cpu", "gpu 0" or "all gpus": waits until it is free.'
)
@click.option("--estimate", is_flag=True, help="Estimate time and memory from two steps per phase; train nothing.")
@click.option(
    "--accept-leaks", is_flag=True, help="Train although the data audit found leaks; the model's card says so."
)
@click.option("--json", "as_json", is_flag=True, help="With --estimate: print JSON.")
@click.option("--out", type=NEW_FOLDER, help="With --estimate: folder for progress.json and estimate.json.")
def train(
    recipe_name: str,
    folder: Path,
    name: str | None,
    settings: tuple[str, ...],
    root: Path | None,
    device: str,
    estimate: bool,
    accept_leaks: bool,
    as_json: bool,
    out: Path | None,
) -> None:
    """Train a recipe on a folder of films. Ctrl-C, or a file named stop in the run's folder, stops it."""
    from xraykit.system import device_queue
    from xraykit.training import audited
    from xraykit.training.recipe import presets, recipe
    from xraykit.training.run import run

    if (as_json or out) and not estimate:
        raise click.UsageError("--json and --out need --estimate.")
    with terminal.words():
        chosen = recipe.with_settings(presets.load(recipe_name), settings)
        if estimate:
            _show_estimate(chosen, folder, device, as_json, out)
            return
        device_queue.choose(device, chosen.backend)  # refuses an unknown one before a folder is made
        run.check_name(name, root)
        with terminal.bars() as moved:
            audit = audited.before_training(folder, chosen.split_plan, accept_leaks, moved)
        recorded = json.loads(chosen.to_json())
        made = run.create(recorded, folder.resolve(), root, name, asked_device=device, epochs=chosen.epochs)
        audited.hand_on(made, audit, accept_leaks)
        click.echo(f"Run {made.path}: {chosen.name}")
        train_here(made)


def train_here(run: Run, **changes: Any) -> None:
    """Train a run in this process and print its progress; exit code 1 if it failed.

    `changes` are the arguments of `control.changes`.
    """
    from xraykit.training import worker

    printer = Printer()
    state = worker.train(run, printer.moment, on_stage=printer.stage, on_films=printer.films, **changes)
    if state in (State.FINISHED, State.STOPPED):
        click.echo(f"{state}: {run.path}")
        return
    if state == State.LOST:
        raise click.ClickException(f"The folder of the run {run.name} is gone.")
    status = run.status()
    raise click.ClickException(f"{status.failure}: {status.message}\n{status.advice}")


class Printer:
    """Prints the progress of a run on a terminal, and in fewer lines into a log file."""

    def __init__(self) -> None:
        self.live = sys.stderr.isatty()
        self.last = ""

    def stage(self, stage: str, done: int, total: int) -> None:
        """A stage before the training: on a terminal each film, in a log its beginning."""
        count = f" {done} of {total}" if total else ""
        if self.live:
            self._line(f"{stage}{count}", ends=done == total)
        elif stage != self.last:
            click.echo(stage, err=True)
        self.last = stage

    def films(self, films: Dataset) -> None:
        """The films of the run, and every refused one by name."""
        click.echo(f"{len(films)} films: {', '.join(f'{name} {n}' for name, n in films.counts().items())}")
        terminal.name_remarks(films)
        for refusal in films.refused:
            click.echo(f"refused {refusal.source}: {refusal.words}", err=True)

    def moment(self, moment: Any) -> None:
        """Where the training stands: on a terminal every few seconds, in a log each epoch."""
        figures = "  ".join(f"{name} {value:.4f}" for name, value in moment.figures.items())
        eta = "" if moment.eta is None else f"  {text.duration(moment.eta)} left"
        if not moment.step:
            self._line(f"epoch {moment.epoch}/{moment.epochs}{eta}  {figures}", ends=True)
        elif self.live:
            step = f"step {moment.step}/{moment.steps}"
            self._line(f"epoch {moment.epoch + 1}/{moment.epochs} {step}{eta}  {figures}", ends=False)

    def _line(self, line: str, ends: bool) -> None:
        click.echo(f"\r{line}\033[K" if self.live else line, nl=ends, err=True)


def _show_estimate(recipe: Recipe, folder: Path, device: str, as_json: bool, out: Path | None) -> None:
    estimate = _estimate(recipe, folder, device, out)
    click.echo(json.dumps(estimate, indent=1) if as_json else estimate["words"])


def _estimate(recipe: Recipe, folder: Path, device: str, out: Path | None) -> dict[str, Any]:
    """What a run would take, as plain data; with `out` its progress and result are left there too."""
    from xraykit.system import jobs

    if out is None:
        return _probe(recipe, folder, device, lambda *_: None)
    job = jobs.Job(out)
    with jobs.running(job, verb="estimate", data=str(folder)) as progress:

        def report(done: int, total: int) -> None:
            progress.stop_if_asked()
            progress.done, progress.films = done, total
            progress.report("Taking two steps of each phase.")

        estimate = _probe(recipe, folder, device, report)
        job.write("estimate.json", estimate)
        progress.summary = estimate["words"]
    return estimate


def _probe(recipe: Recipe, folder: Path, device: str, progress: Callable[[int, int], None]) -> dict[str, Any]:
    from xraykit.datasets import dataset
    from xraykit.system import device_queue, devices

    with terminal.bar("Reading films") as bar:
        films = dataset.read(folder, bar)
    key = device_queue.choose(device, recipe.backend)
    os.environ.update(devices.environment(key, recipe.backend))  # before `estimate` imports the backend
    from xraykit.training.fit import estimate

    estimated = estimate.from_films(recipe, films, progress, devices.name_of(key))
    derived = ("words", "seconds", "compile_seconds", "seconds_per_epoch", "images_per_second")
    return {
        **{name: getattr(estimated, name) for name in derived},
        **dataclasses.asdict(estimated),
        "device_key": key,
    }
