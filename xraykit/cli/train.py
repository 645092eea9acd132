"""Commands that look at datasets and train on them: data, train."""

from __future__ import annotations

import dataclasses
import json
import os
import sys
from pathlib import Path
from typing import Any

import click

from xraykit.cli import terminal

FILE = click.Path(path_type=Path)


@click.command()
@click.option("--recipe", "recipe_name", required=True, help="A named recipe, or a JSON file.")
@click.option("--data", "folder", type=FILE, required=True, help="Class folders, or a folder with a manifest.csv.")
@click.option("--name", help="The run's name; date and recipe if not given.")
@click.option("--set", "settings", multiple=True, help="field=value, as often as needed: phases.0.epochs=3")
@click.option("--runs", "root", type=FILE, help="Where run folders are made.  [default: $XRAYKIT_RUNS, else runs/]")
@click.option("--device", default="auto", show_default=True, help='"auto", "cpu", or "gpu 0": waits until it is free.')
@click.option("--estimate", is_flag=True, help="Tell from two steps a phase how long it would take; train nothing.")
@click.option("--json", "as_json", is_flag=True, help="With --estimate: for a machine to read.")
@click.option("--out", type=FILE, help="With --estimate: folder for progress.json and estimate.json.")
def train(
    recipe_name: str,
    folder: Path,
    name: str | None,
    settings: tuple[str, ...],
    root: Path | None,
    device: str,
    estimate: bool,
    as_json: bool,
    out: Path | None,
) -> None:
    """Train a recipe on a folder of films; Ctrl-C or a file named stop in the run's folder ends it in order."""
    from xraykit.system import device_queue
    from xraykit.training.recipe import presets, recipe
    from xraykit.training.run import run

    if (as_json or out) and not estimate:
        raise click.UsageError("Expected --json and --out beside --estimate only.")
    with terminal.words():
        chosen = recipe.with_settings(presets.load(recipe_name), settings)
        if estimate:
            _show_estimate(chosen, folder, device, as_json, out)
            return
        device_queue.choose(device, chosen.backend)  # refuses an unknown one before a folder is made
        recorded = json.loads(chosen.to_json())
        made = run.create(recorded, folder.resolve(), root, name, asked_device=device, epochs=chosen.epochs)
        click.echo(f"Run {made.path}: {chosen.name}")
        train_here(made)


def train_here(found, **changes: Any) -> None:
    """Train a run in this process, tell how it goes, leave with 1 where it failed; `changes`: see `engine.changes`."""
    from xraykit.training import worker

    shown = Shown()
    state = worker.train(found, shown.moment, on_stage=shown.stage, on_films=shown.films, **changes)
    if state in ("finished", "stopped"):
        click.echo(f"{state}: {found.path}")
        return
    if state == "lost":
        raise click.ClickException(f"The folder of the run {found.name} is gone.")
    status = found.status()
    raise click.ClickException(f"{status['failure']}: {status['message']}\n{status['advice']}")


class Shown:
    """Tells a terminal how a run goes, and a log file in fewer lines."""

    def __init__(self) -> None:
        self.live = sys.stderr.isatty()
        self.last = ""

    def stage(self, stage: str, done: int, total: int) -> None:
        """A stage before the training: on a terminal each film, in a log its beginning."""
        of = f" {done} of {total}" if total else ""
        if self.live:
            self._line(f"{stage}{of}", ends=done == total)
        elif stage != self.last:
            click.echo(stage, err=True)
        self.last = stage

    def films(self, films) -> None:
        """Count what is learned from, name what is refused."""
        click.echo(f"{len(films)} films: {', '.join(f'{name} {n}' for name, n in films.counts().items())}")
        for refusal in films.refused:
            click.echo(f"refused {refusal.source}: {refusal.words}", err=True)

    def moment(self, moment) -> None:
        """Where the training stands: on a terminal each step told, in a log each epoch."""
        figures = "  ".join(f"{name} {value:.4f}" for name, value in moment.figures.items())
        eta = "" if moment.eta is None else f"  {terminal.duration(moment.eta)} to go"
        if not moment.step:
            self._line(f"epoch {moment.epoch}/{moment.epochs}{eta}  {figures}", ends=True)
        elif self.live:
            step = f"step {moment.step}/{moment.steps}"
            self._line(f"epoch {moment.epoch + 1}/{moment.epochs} {step}{eta}  {figures}", ends=False)

    def _line(self, text: str, ends: bool) -> None:
        click.echo(f"\r{text}\033[K" if self.live else text, nl=ends, err=True)


def _show_estimate(chosen, folder: Path, device: str, as_json: bool, out: Path | None) -> None:
    found = _estimate(chosen, folder, device, out)
    click.echo(json.dumps(found, indent=1) if as_json else found["words"])


def _estimate(chosen, folder: Path, device: str, out: Path | None) -> dict[str, Any]:
    """What a run would take, as plain data; with `out` its progress and result are left there too."""
    from xraykit.system import jobs
    from xraykit.training.run.run import Run

    if out is None:
        return _probe(chosen, folder, device, lambda *_: None)
    with jobs.going_on(jobs.Work(out), verb="estimate", data=str(folder)) as going:

        def progress(done: int, total: int) -> None:
            going.mind()
            going.done, going.films = done, total
            going.say("running", "Taking two steps of each phase.")

        found = _probe(chosen, folder, device, progress)
        Run(out).write("estimate.json", found)
        going.ending = found["words"]
    return found


def _probe(chosen, folder: Path, device: str, progress) -> dict[str, Any]:
    from xraykit.datasets import dataset
    from xraykit.system import device_queue, devices

    with terminal.bar("Reading films") as shown:
        films = dataset.read(folder, shown)
    key = device_queue.choose(device, chosen.backend)
    os.environ.update(devices.environment(key, chosen.backend))  # before probing imports the backend
    from xraykit.training.fit import estimate as probing

    found = probing.from_films(chosen, films, progress, devices.name_of(key))
    told = ("words", "seconds", "compile_seconds", "seconds_per_epoch", "images_per_second")
    return {**{name: getattr(found, name) for name in told}, **dataclasses.asdict(found), "device_key": key}
