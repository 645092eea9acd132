"""The part of the verb study that is about one that was started: show, resume, stop, pause, go on, first, delete."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from xraykit.cli import terminal
from xraykit.cli.terminal import FOLDER
from xraykit.system import text

if TYPE_CHECKING:
    from xraykit.experiments.study_folder import StudyFolder, StudyState
    from xraykit.experiments.table import Table, TrialRow

STOP_SECONDS = 30.0  # a study ends within ten; the rest is for a computer that is busy
_ROOT = click.option("--studies", "root", type=FOLDER, help="Folder of studies.  [default: studies/ below the runs]")
_NAME = click.argument("name")


def work(folder: StudyFolder, *, engine: str, device: str | None = None, failed: bool = False, address: str) -> None:
    """Run a study in this process and tell how far it is; exit code 1 where a run failed or was lost."""
    from xraykit.experiments.engine import local

    click.echo(f"Study {folder.path}")
    with terminal.words():
        if engine == "ray":
            from xraykit.experiments.engine import ray

            state = ray.run(folder, address, failed=failed, on_state=Printer().state)
        else:
            state = local.run(folder, device, failed=failed, on_state=Printer().state)
    click.echo(f"{state.state}: {state.message}")
    _echo_chosen(folder)
    if state.failed or state.done < state.runs and state.state == "finished":
        sys.exit(1)


class Printer:
    """Prints the progress of a study on a terminal, and in fewer lines into a log file."""

    def __init__(self) -> None:
        self.live = sys.stderr.isatty()
        self.last: tuple[Any, ...] = ()

    def state(self, state: StudyState) -> None:
        """Where the study stands: on a terminal every second, in a log when a run begins or ends."""
        running = f"  running {', '.join(state.running)}" if state.running else ""
        eta = "" if state.eta is None else f"  {text.duration(state.eta)} left"
        line = f"{state.message}{running}{eta}"
        change = (state.done, state.failed, state.running, state.paused, state.message)
        if self.live:
            click.echo(f"\r{line}\033[K", nl=state.done + state.failed != sum(self.last[:2]), err=True)
        elif change != self.last:
            click.echo(line, err=True)
        self.last = change


@click.command(name="running")
@_ROOT
def list_studies(root: Path | None) -> None:
    """The studies that were started, newest first: state, runs done, time left."""
    from xraykit.experiments import study_folder

    with terminal.words():
        for folder in study_folder.list_studies(root):
            click.echo(f"{folder.name}  {_state_line(folder)}")


@click.command()
@_ROOT
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@_NAME
def show(name: str, root: Path | None, as_json: bool) -> None:
    """One study: where it stands, its trials with their figures, and the chosen one."""
    from xraykit.experiments import table
    from xraykit.reports.study import words as study_words

    with terminal.words():
        folder = _find(name, root)
        results = table.read(folder)
        if as_json:
            click.echo(json.dumps(_plain(folder, results), indent=1))
            return
        click.echo(_state_line(folder))
        names = study_words.names(results)
        for row in results.ranked:
            click.echo(_line(row, names[row.number], max(map(len, names.values()))))
        for words in study_words.verdict(results, names):
            click.echo(words)
        _echo_chosen(folder)


@click.command()
@_ROOT
@click.option("--failed", is_flag=True, help="Run those again that failed.")
@click.option("--device", help='Another device than before: "auto", "cpu", or "gpu 0".')
@click.option("--detach", is_flag=True, help="Run it in a process of its own and return at once.")
@click.option("--address", default="auto", show_default=True, help="Of the Ray cluster, where Ray runs the study.")
@_NAME
def resume(name: str, root: Path | None, failed: bool, device: str | None, detach: bool, address: str) -> None:
    """Go on with a study: finished runs stay, the others are trained from where they are."""
    from xraykit.experiments.engine import local, session
    from xraykit.system.job_folder import job_folder

    with terminal.words():
        folder = _find(name, root)
        if detach:
            local.start(folder, failed)
            click.echo(f"{name} was resumed. Follow it with: python -m xraykit study show {name}")
            return
        if not job_folder.lock_was_handed():  # else this is the process that was launched for it
            session.check_resumable(folder, failed)
            folder.go_on()
        engine = folder.recorded().engine
    work(folder, engine=engine, device=device, failed=failed, address=address)


@click.command()
@_ROOT
@_NAME
def stop(name: str, root: Path | None) -> None:
    """Stop a study, the runs at work with a checkpoint, and wait until it has ended."""
    from xraykit.experiments.study_folder import StudyFolderRefused
    from xraykit.system.job_folder.record import State

    with terminal.words():
        folder = _find(name, root)
        if not (before := folder.state().state).busy:
            raise StudyFolderRefused(f"The study {name} cannot be stopped: it is {before}.")
        folder.ask_to_stop()
        end = time.monotonic() + STOP_SECONDS
        while (state := folder.state()).state.busy and time.monotonic() < end:
            time.sleep(0.1)
        if state.state.busy:
            raise StudyFolderRefused(f"{name} was asked to stop and has not ended after {STOP_SECONDS:.0f} seconds.")
        if state.state is State.LOST:
            raise StudyFolderRefused(f"The process of {name} ended unexpectedly: the study is lost. It can be resumed.")
    click.echo(f"{name}: {state.state}")


@click.command()
@_ROOT
@_NAME
def pause(name: str, root: Path | None) -> None:
    """Let no further run begin; those at work go on to their end."""
    with terminal.words():
        _find(name, root).pause()
    click.echo(f"{name}: no further run begins. Go on with: python -m xraykit study go-on {name}")


@click.command(name="go-on")
@_ROOT
@_NAME
def go_on(name: str, root: Path | None) -> None:
    """Take a pause back."""
    with terminal.words():
        _find(name, root).go_on()
    click.echo(f"{name}: runs begin again.")


@click.command()
@_ROOT
@_NAME
@click.argument("trials", type=click.IntRange(1), nargs=-1, required=True)
def first(name: str, trials: tuple[int, ...], root: Path | None) -> None:
    """Run these trials, by number, before the others."""
    from xraykit.experiments.study_folder import StudyFolderRefused

    with terminal.words():
        folder = _find(name, root)
        if unknown := set(trials) - {trial.number for trial in folder.trials()}:
            raise StudyFolderRefused(f"The study {name} has no trial {', '.join(map(str, sorted(unknown)))}.")
        folder.put_first(trials)
    click.echo(f"{name}: trial {', '.join(map(str, trials))} first.")


@click.command()
@_ROOT
@_NAME
def delete(name: str, root: Path | None) -> None:
    """Delete a study with all of its runs; models that were saved from them stay."""
    with terminal.words():
        _find(name, root).remove()
    click.echo(f"{name} was deleted.")


@click.command()
@_ROOT
@click.option("--model", required=True, help="A kept model: its name under weights/.")
@_NAME
def attach(name: str, root: Path | None, model: str) -> None:
    """Write onto a model's card what its recipe gave on each source left out of training."""
    from xraykit.experiments.results import left_out
    from xraykit.system import folders

    with terminal.words():
        card = left_out.attach(_find(name, root), folders.models_folder() / model)
    for source, figures in card.checks["left_out"]["sources"].items():
        click.echo(
            f"{source}, never seen: balanced accuracy {figures['balanced_accuracy']:.1%} of {figures['n']:,} films"
        )


COMMANDS = (list_studies, show, attach, resume, stop, pause, go_on, first, delete)


def _find(name: str, root: Path | None) -> StudyFolder:
    from xraykit.experiments import study_folder

    return study_folder.find(name, root)


def _state_line(folder: StudyFolder) -> str:
    from xraykit.refused import Refused

    try:
        state = folder.state()
    except Refused as refused:
        return f"unreadable: {refused.words}"
    eta = "" if state.eta is None else f", {text.duration(state.eta)} left"
    failed = f", {state.failed} failed" if state.failed else ""
    return f"{state.state}  {state.done}/{state.runs} runs{failed}{eta}  {state.message}"


def _line(row: TrialRow, name: str, width: int) -> str:
    """A trial in a line: its values, mean and spread of the validation accuracy, time, where its runs stand."""
    mean, spread = row.accuracy.mean, row.accuracy.sd
    accuracy = "-" if mean is None else f"{mean:.4f}{'' if spread is None else f' ± {spread:.4f}'}"
    seconds = "" if row.seconds.mean is None else f"  {text.duration(row.seconds.mean)} a run"
    states = ", ".join(f"{count} {standing}" for standing, count in row.counts.items())
    return f"{name:<{width}}  {accuracy:<18}{seconds}  ({states})"


def _plain(folder: StudyFolder, results: Table) -> dict[str, Any]:
    rows = [
        {
            "trial": row.number,
            "settings": dict(row.settings),
            "random_start": row.random_start,
            "val_accuracy": row.accuracy.mean,
            "val_accuracy_sd": row.accuracy.sd,
            "val_loss": row.loss.mean,
            "gap": row.gap.mean,
            "best_epoch": row.best_epoch.mean,
            "seconds": row.seconds.mean,
            "parameters": row.parameters,
            "runs": {run.folder or f"fold {run.fold}, seed {run.seed}": str(run.standing) for run in row.runs},
        }
        for row in results.ranked
    ]
    return {"state": folder.state().to_json(), "trials": rows, "chosen": folder.chosen()}


def _echo_chosen(folder: StudyFolder) -> None:
    from xraykit.experiments.results import chosen

    with terminal.words():
        if (reading := chosen.read(folder)) is None:
            return
    what = "held-out test films" if reading.held_out else "films of the sources left out"
    click.echo(f"chosen: trial {reading.trial} of {reading.candidates}, on validation films")
    click.echo(f"  {reading.accuracy.text('percent')} of {reading.films} {what}")
