"""Commands on runs: list, show, stop, resume, keep, delete."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from xraykit.cli import terminal, train
from xraykit.evaluation import published as published_figures

FILE = click.Path(path_type=Path)
STOP_SECONDS = 30.0  # a run ends within ten; the rest is for a computer that is busy
_ROOT = click.option("--runs", "root", type=FILE, help="Where run folders are.  [default: $XRAYKIT_RUNS, else runs/]")
_JSON = click.option("--json", "as_json", is_flag=True, help="For a machine to read.")


@click.group()
def runs() -> None:
    """Runs: list, show, stop, resume, keep, delete."""


@runs.command(name="list")
@_ROOT
@_JSON
def list_runs(root: Path | None, as_json: bool) -> None:
    """All runs, newest first: state, epochs, best validation figures, learning time."""
    from xraykit.training.run import run

    with terminal.words():
        found = {one.name: _status_or_refusal(one) for one in run.list_runs(root)}
    if as_json:
        click.echo(json.dumps([{"name": name, **status} for name, status in found.items()], indent=1))
        return
    width = max(map(len, found), default=0)
    for name, status in found.items():
        click.echo(f"{name:<{width}}  {_one_line(status)}")


@runs.command()
@_ROOT
@_JSON
@click.argument("name")
def show(name: str, root: Path | None, as_json: bool) -> None:
    """One run: its state, where it stands, its figures, and what to do where it failed."""
    with terminal.words():
        status = _find(name, root).status()
    if as_json:
        click.echo(json.dumps(status, indent=1))
        return
    for label, value in _facts(status):
        click.echo(f"{label:<14}{value}")


@runs.command()
@_ROOT
@click.argument("name")
def stop(name: str, root: Path | None) -> None:
    """Ask a run to end in order, with a checkpoint, and wait until it has."""
    from xraykit.training.run import control, run

    with terminal.words():
        found = _find(name, root)
        control.stop(found)
        state = control.wait(found, STOP_SECONDS)["state"]
        if state in run.BUSY:
            raise run.RunRefused(f"{name} was asked to stop and has not ended after {STOP_SECONDS:.0f} seconds.")
        if state == "lost":
            raise run.RunRefused(f"{name} did not end in order: no process is at it, it is lost. It can be resumed.")
    click.echo(f"{name}: {state}")


@runs.command()
@_ROOT
@click.option("--data", "folder", type=FILE, help="Where the films are now, if they were moved.")
@click.option("--device", help='Another device than was asked for: "auto", "cpu", or "gpu 0".')
@click.option("--finish", is_flag=True, help="Learn no more: evaluate and save what was learned so far.")
@click.option("--detach", is_flag=True, help="Go on in a process of its own and return at once.")
@click.argument("name")
def resume(name: str, root: Path | None, folder: Path | None, device: str | None, finish: bool, detach: bool) -> None:
    """Go on with a run that was stopped, failed or was lost, from its last checkpoint."""
    from xraykit.training.run import control

    with terminal.words():
        found = _find(name, root)
        if detach:
            control.resume(found, folder, device, finish)
            click.echo(f"{name} goes on. python -m xraykit runs show {name} tells how far it is.")
            return
        if not control.handed():  # else this is the process that was launched for it
            control.check_resumable(found, finish)
        train.train_here(found, data=folder, device=device, finish=finish)


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
@click.option("--out", type=FILE, help="Folder for progress.json.")
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
    out: Path | None,
) -> None:
    """Convert a finished run, check it, calibrate it and write its card."""
    from xraykit.training import keep as keeping

    with terminal.words():
        found = _find(name, root)
        with keeping.telling(out, found, model) as say:
            card = keeping.keep(
                found, model, title=title, limits=limits, replace=replace, data=folder, published=published, say=say
            )
    agreement = card.metrics["agreement_with_keras"]
    difference, films = agreement["largest_difference"], agreement["films"]
    click.echo(f"Kept {card.name}: agrees with the network to {difference:.1e} on {films} films.")


@runs.command()
@_ROOT
@click.argument("name")
def delete(name: str, root: Path | None) -> None:
    """Delete a run that has ended: its curves, its checkpoint, its network. Models kept from it stay."""
    from xraykit.training.run import control

    with terminal.words():
        control.delete(_find(name, root))
    click.echo(f"Deleted {name}.")


def _find(name: str, root: Path | None):
    from xraykit.system import folders
    from xraykit.training.run import run

    folder = folders.runs_folder() if root is None else root
    if Path(name).name != name or name.startswith(".") or not (folder / name).is_dir():
        known = ", ".join(one.name for one in run.list_runs(folder)[:5]) or "none"
        raise run.RunRefused(f"Expected the name of a run in {folder} ({known}); got {name!r}.")
    return run.Run(folder / name)


def _status_or_refusal(found) -> dict[str, Any]:
    from xraykit.training.run import run

    try:
        return found.status()
    except run.RunRefused as error:
        return {"state": "unreadable", "message": str(error)}


def _one_line(status: dict[str, Any]) -> str:
    state = status["state"]
    if state == "unreadable":
        return f"{state}  {status['message']}"
    parts = [f"{state:<9}", f"epoch {status.get('epoch', 0)} of {status.get('epochs', '?')}"]
    if (best := status.get("best_accuracy")) is not None:
        parts.append(f"best validation accuracy {best:.1%} (loss {status.get('best_loss', float('nan')):.4f})")
    if status.get("learning_seconds"):
        parts.append(f"learned {terminal.duration(status['learning_seconds'])}")
    if state == "queued" and status.get("place"):
        parts.append(f"place {status['place']} in line for {status.get('device')}")
    if status.get("failure"):
        parts.append(status["failure"])
    return "  ".join(parts)


def _facts(status: dict[str, Any]) -> list[tuple[str, str]]:
    """What a reader wants of a status, a label and words each; what is not known is left out."""
    figures = {name: status.get(name) for name in ("loss", "accuracy", "val_loss", "val_accuracy")}
    told = {
        "state": status["state"] + (f", {status['failure']}" if status.get("failure") else ""),
        "message": status.get("message"),
        "advice": status.get("advice"),
        "place in line": status.get("place") and f"{status['place']} for {status.get('device')}",
        "stage": _stage(status),
        "device": status.get("device_name") or status.get("device") or status.get("asked_device"),
        "epoch": f"{status.get('epoch', 0)} of {status.get('epochs', '?')}",
        "step": status.get("step") and f"{status['step']} of {status.get('steps')}",
        "to go": status.get("eta") and terminal.duration(status["eta"]),
        "figures": ", ".join(f"{name} {value:.4f}" for name, value in figures.items() if value is not None),
        "best": _best(status),
        "learned for": status.get("learning_seconds") and terminal.duration(status["learning_seconds"]),
        "waited for": status.get("queued_seconds") and terminal.duration(status["queued_seconds"]),
        "films": status.get("data"),
        "created": status.get("created"),
        "ended": status.get("ended"),
    }
    return [(label, str(value)) for label, value in told.items() if value]


def _stage(status: dict[str, Any]) -> str | None:
    stage, done, total = (status.get(key) for key in ("stage", "stage_done", "stage_of"))
    return f"{stage}, {done} of {total}" if stage and total else stage


def _best(status: dict[str, Any]) -> str | None:
    if status.get("best_epoch") is None or status.get("best_loss") is None:
        return None
    accuracy = status.get("best_accuracy")
    words = "" if accuracy is None else f", accuracy {accuracy:.1%}"
    return f"epoch {status['best_epoch'] + 1}: validation loss {status['best_loss']:.4f}{words}"
