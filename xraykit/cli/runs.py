"""The verb runs: list, show, stop, resume, keep, delete."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from xraykit.cli import terminal, train
from xraykit.cli.terminal import FILE, FOLDER, NEW_FOLDER
from xraykit.evaluation import published as published_figures

if TYPE_CHECKING:
    from xraykit.training.run.run import Run, Status

STOP_SECONDS = 30.0  # a run ends within ten; the rest is for a computer that is busy
UNREADABLE = "unreadable"
_ROOT = click.option("--runs", "root", type=FOLDER, help="Folder of the runs.  [default: $XRAYKIT_RUNS, else runs/]")
_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@click.group()
def runs() -> None:
    """Runs: list, show, stop, resume, keep, delete."""


@runs.command(name="list")
@_ROOT
@_JSON
def list_runs(root: Path | None, as_json: bool) -> None:
    """All runs, newest first: state, epochs, best validation figures, training time."""
    from xraykit.training.run import run

    with terminal.words():
        listed = run.list_runs(root)
        if as_json:
            click.echo(json.dumps([{"name": run.name, **_status_or_refusal(run)} for run in listed], indent=1))
            return
        width = max((len(run.name) for run in listed), default=0)
        for run in listed:
            click.echo(f"{run.name:<{width}}  {_line(run)}")


@runs.command()
@_ROOT
@_JSON
@click.argument("name")
def show(name: str, root: Path | None, as_json: bool) -> None:
    """One run: its state, where it stands, its figures, and what to do if it failed."""
    with terminal.words():
        status = find(name, root).status()
    if as_json:
        click.echo(json.dumps(status.to_json(), indent=1))
        return
    for label, value in _facts(status):
        click.echo(f"{label:<15}{value}")


@runs.command()
@_ROOT
@click.argument("name")
def stop(name: str, root: Path | None) -> None:
    """Stop a run with a checkpoint, and wait until it has ended."""
    from xraykit.system.job_folder.record import State
    from xraykit.training.run import control
    from xraykit.training.run.run import RunRefused

    with terminal.words():
        run = find(name, root)
        control.stop(run)
        state = control.wait(run, STOP_SECONDS).state
        if state.busy:
            raise RunRefused(f"{name} was asked to stop and has not ended after {STOP_SECONDS:.0f} seconds.")
        if state is State.LOST:
            raise RunRefused(f"The process of {name} ended unexpectedly: the run is lost. It can be resumed.")
    click.echo(f"{name}: {state}")


@runs.command()
@_ROOT
@click.option("--data", "folder", type=FILE, help="Where the films are now, if they were moved.")
@click.option("--device", help='Another device than before: "auto", "cpu", "gpu 0" or "all gpus".')
@click.option("--finish", is_flag=True, help="Train no more: evaluate and save what was learned so far.")
@click.option("--detach", is_flag=True, help="Train in a process of its own and return at once.")
@click.argument("name")
def resume(name: str, root: Path | None, folder: Path | None, device: str | None, finish: bool, detach: bool) -> None:
    """Resume a run that was stopped, failed or was lost, from its last checkpoint."""
    from xraykit.system.job_folder import job_folder
    from xraykit.training.run import control

    with terminal.words():
        run = find(name, root)
        if detach:
            control.resume(run, folder, device, finish)
            click.echo(f"{name} was resumed. Follow it with: python -m xraykit runs show {name}")
            return
        if not job_folder.lock_was_handed():  # else this is the process that was launched for it
            control.check_resumable(run, finish)
        train.train_here(run, data=folder, device=device, finish=finish)


@runs.command()
@_ROOT
@click.option("--as", "model", required=True, help="The model's name under weights/.")
@click.option("--title", help="One line that says what it is.")
@click.option("--limit", "limits", multiple=True, help="A sentence on its limits for the card, as often as needed.")
@click.option("--replace", is_flag=True, help="Replace a model of that name.")
@click.option("--data", "folder", type=FILE, help="Where the films are now, if they were moved.")
@click.option(
    "--published",
    type=click.Choice(list(published_figures.SETS)),
    help="The films are of this set: its published figures go on the card. Known by itself for the set as shipped.",
)
@click.option("--names", is_flag=True, help="Let the model carry its films' file names; else only their sha256.")
@click.option("--out", type=NEW_FOLDER, help="Folder for progress.json.")
@click.argument("name")
def keep(
    name: str,
    root: Path | None,
    model: str,
    title: str | None,
    limits: tuple[str, ...],
    replace: bool,
    folder: Path | None,
    published: str | None,
    names: bool,
    out: Path | None,
) -> None:
    """Save a finished run as a model: convert it, check it, calibrate it and write its card."""
    from xraykit.training import keep as keeping

    with terminal.words():
        run = find(name, root)
        with keeping.telling(out, run, model) as say:
            card = keeping.keep(
                run,
                model,
                title=title,
                limits=limits,
                replace=replace,
                data=folder,
                published=published,
                names=names,
                say=say,
            )
    agreement = card.metrics["agreement_with_keras"]
    difference, films = agreement["largest_difference"], agreement["films"]
    click.echo(f"Saved as {card.name}: agrees with the network to {difference:.1e} on {films} films.")


@runs.command()
@_ROOT
@click.argument("name")
def delete(name: str, root: Path | None) -> None:
    """Delete a run that has ended: its curves, checkpoint and network. Models saved from it stay."""
    from xraykit.training.run import control

    with terminal.words():
        control.delete(find(name, root))
    click.echo(f"Deleted {name}.")


def find(name: str, root: Path | None) -> Run:
    """The run of that name; RunRefused names those that there are."""
    from xraykit.system import folders, text
    from xraykit.training.run import run

    folder = folders.runs_folder() if root is None else root
    if Path(name).name != name or not name or name.startswith(".") or not os.path.isdir(folder / name):
        known = ", ".join(listed.name for listed in run.list_runs(folder)[:5]) or "none"
        raise run.RunRefused(f"Expected the name of a run in {folder} ({known}); got {text.quoted(name)}.")
    return run.Run(folder / name)


def _status_or_refusal(run: Run) -> dict[str, Any]:
    from xraykit.training.run.run import RunRefused

    try:
        return run.status().to_json()
    except RunRefused as error:
        return {"state": UNREADABLE, "message": error.words}


def _line(run: Run) -> str:
    """A run in one line of a list."""
    from xraykit.system import text
    from xraykit.training.run.run import RunRefused

    try:
        status = run.status()
    except RunRefused as error:
        return f"{UNREADABLE}  {error.words}"
    parts = [f"{status.state:<9}", _epochs(status)]
    if status.best_accuracy is not None:
        loss = "" if status.best_loss is None else f" (loss {status.best_loss:.4f})"
        parts.append(f"best validation accuracy {text.percent(status.best_accuracy)}{loss}")
    if status.learning_seconds:
        parts.append(f"trained for {text.duration(status.learning_seconds)}")
    if status.state.busy and status.place:
        parts.append(_position(status))
    if status.failure:
        parts.append(status.failure)
    return "  ".join(parts)


def _facts(status: Status) -> list[tuple[str, str]]:
    """What a reader wants of a status, a label and words each; what is not known is left out."""
    from xraykit.system import files, text

    figures = {name: getattr(status, name) for name in ("loss", "accuracy", "val_loss", "val_accuracy")}
    facts = {
        "state": f"{status.state}, {status.failure}" if status.failure else status.state,
        "message": status.message,
        "advice": status.advice,
        "queue": status.place and _position(status),
        "stage": _stage(status),
        "device": status.device_name or status.device or status.asked_device,
        "epoch": _epochs(status).removeprefix("epoch "),
        "step": status.step and f"{status.step} of {status.steps or '?'}",
        "time left": status.eta and text.duration(status.eta),
        "figures": ", ".join(f"{name} {value:.4f}" for name, value in figures.items() if value is not None),
        "best": _best(status),
        "training time": status.learning_seconds and text.duration(status.learning_seconds),
        "time in queue": status.queued_seconds and text.duration(status.queued_seconds),
        "films": files.shown(status.data),
        "created": status.created,
        "ended": status.ended,
    }
    return [(label, str(value)) for label, value in facts.items() if value]


def _epochs(status: Status) -> str:
    return f"epoch {status.epoch or 0} of {'?' if status.epochs is None else status.epochs}"


def _position(status: Status) -> str:
    return f"position {status.place} for {status.device}"


def _stage(status: Status) -> str | None:
    if status.stage is None or not status.stage_of:
        return status.stage and status.stage.words
    return f"{status.stage.words}, {status.stage_done or 0} of {status.stage_of}"


def _best(status: Status) -> str | None:
    from xraykit.system import text

    if status.best_epoch is None or status.best_loss is None:
        return None
    accuracy = "" if status.best_accuracy is None else f", accuracy {text.percent(status.best_accuracy)}"
    return f"epoch {status.best_epoch + 1}: validation loss {status.best_loss:.4f}{accuracy}"
