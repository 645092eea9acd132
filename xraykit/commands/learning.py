"""Commands that look at datasets, train on them and keep what was trained: data, train, runs."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import click

from xraykit.commands import terminal

FILE = click.Path(path_type=Path)


@click.group()
def data() -> None:
    """Datasets: what is in a folder before anything learns from it."""


@click.command()
@click.option("--recipe", "recipe_name", required=True, help="A named recipe, or a JSON file.")
@click.option("--data", "folder", type=FILE, required=True, help="Class folders, or a folder with a manifest.csv.")
@click.option("--name", help="The run's name; date and recipe if not given.")
@click.option("--set", "settings", multiple=True, help="field=value, as often as needed: phases.0.epochs=3")
@click.option("--runs", type=FILE, default=Path("runs"), show_default=True, help="Where run folders are made.")
def train(recipe_name: str, folder: Path, name: str | None, settings: tuple[str, ...], runs: Path) -> None:
    """Train a recipe on a folder of films; Ctrl-C or a file named stop in the run's folder ends it in order."""
    from xraykit import dataset, recipe, run

    with terminal.words():
        chosen = recipe.with_settings(recipe.load(recipe_name), settings)
        with terminal.bar("Reading films") as progress:
            films = dataset.read(folder, progress)
        for refusal in films.refused:
            click.echo(f"refused {refusal.source}: {refusal.words}", err=True)
        with terminal.bar("Decoding films") as progress:
            films.squares(chosen.image_size, chosen.channels, progress)
        os.environ["KERAS_BACKEND"] = chosen.backend
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
        from xraykit import training

        made = run.create(json.loads(chosen.to_json()), folder, runs, name)
        click.echo(f"Run {made.path}: {chosen.name}, {len(films)} films, {films.counts()}")
        _stop_in_order(made)
        state = training.fit(made, chosen, films, _show_moment)
    click.echo(f"{state}: {made.path}")


def _stop_in_order(run) -> None:
    """Ctrl-C and a polite kill ask the run to end after its step, as the stop file does."""

    def ask(*_) -> None:
        click.echo("\nStopping after this step.", err=True)
        run.ask_to_stop()

    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, ask)


@click.group(name="runs")
def runs() -> None:
    """Runs: list, show, stop, keep."""


_RUNS = click.option("--runs", "root", type=FILE, default=Path("runs"), show_default=True)


@runs.command(name="list")
@_RUNS
def list_runs(root: Path) -> None:
    """All runs, newest first."""
    from xraykit import run

    with terminal.words():
        for found in run.list_runs(root):
            status = found.status()
            click.echo(
                f"{found.name}  {status['state']}  epoch {status.get('epoch', 0)} of {status.get('epochs', '?')}"
            )


@runs.command()
@_RUNS
@click.argument("name")
def show(name: str, root: Path) -> None:
    """One run's status, as JSON."""
    from xraykit import run

    with terminal.words():
        click.echo(json.dumps(run.Run(root / name).status(), indent=1))


@runs.command()
@_RUNS
@click.argument("name")
def stop(name: str, root: Path) -> None:
    """Ask a run to end after its current step."""
    from xraykit import run

    with terminal.words():
        found = run.Run(root / name)
        if found.status()["state"] != "running":
            raise click.ClickException(f"Expected a running run; {name} is {found.status()['state']}.")
        found.ask_to_stop()


@runs.command()
@_RUNS
@click.option("--as", "model", required=True, help="The model's name under weights/.")
@click.option("--title", help="One line that says what it is.")
@click.option("--limit", "limits", multiple=True, help="A sentence on its limits for the card, as often as needed.")
@click.option("--replace", is_flag=True, help="Replace a model of that name.")
@click.argument("name")
def keep(name: str, root: Path, model: str, title: str | None, limits: tuple[str, ...], replace: bool) -> None:
    """Convert a finished run, check it, calibrate it and write its card."""
    from xraykit import keeping, run

    with terminal.words():
        card = keeping.keep(run.Run(root / name), model, title=title, limits=limits, replace=replace)
    agreement = card.metrics["agreement_with_keras"]
    difference, films = agreement["largest_difference"], agreement["films"]
    click.echo(f"Kept {card.name}: agrees with the network to {difference:.1e} on {films} films.")


def _show_moment(moment) -> None:
    figures = "  ".join(f"{name} {value:.4f}" for name, value in moment.figures.items())
    eta = "" if moment.eta is None else f"  {terminal.duration(moment.eta)} to go"
    if moment.step:
        click.echo(
            f"\repoch {moment.epoch + 1}/{moment.epochs} step {moment.step}/{moment.steps}{eta}  {figures}\033[K",
            nl=False,
            err=True,
        )
    else:
        click.echo(f"\repoch {moment.epoch}/{moment.epochs}{eta}  {figures}\033[K", err=True)
