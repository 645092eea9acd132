"""Commands that lay evaluations side by side: compare."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from xraykit.cli import terminal
from xraykit.cli.terminal import name_oddities


@click.command()
@click.option(
    "--json", "out", type=click.Path(path_type=Path), help="Where to write every number; - for standard output."
)
@click.option("--margin", type=float, help='Points of accuracy that may be lost and still be "not worse": 2.')
@click.option("--draws", default=2000, show_default=True, help="Of the bootstrap.")
@click.option("--seed", default=0, show_default=True)
@click.argument("evaluations", nargs=-1, required=True, metavar="EVALUATION EVALUATION [EVALUATION...]")
def compare(evaluations: tuple[str, ...], out: Path | None, margin: float | None, draws: int, seed: int) -> None:
    """Say whether two to four models differ on the same films, and on which.

    EVALUATION is an evaluation.json, a folder that holds one, or a kept model's name.
    """
    from xraykit.evaluation import comparison
    from xraykit.models import kept

    if len(evaluations) < 2:
        raise click.UsageError("Expected at least two evaluations; got one.")
    if margin is not None and not 0 < margin < 100:
        raise click.UsageError(f"Expected a margin between 0 and 100 points; got {margin:g}.")
    with terminal.words():
        read = [kept.load_evaluation(place) for place in evaluations]
        share = None if margin is None else margin / 100
        found = comparison.compare(read, margin=share, draws=draws, seed=seed)
        if out is not None:
            with terminal.table(out) as file:
                file.write(found.to_json())
    _show(found, to_stderr=str(out) == "-")
    sys.exit(0)


def _show(found, to_stderr: bool) -> None:
    """The verdicts in words; on stderr where the JSON has standard output."""

    def say(words: str) -> None:
        click.echo(words, err=to_stderr)

    say(f"{len(found.films)} films, {', '.join(found.classes)}")
    for one in found.evaluations:
        metrics = one.metrics()
        say(f"{one.model}: accuracy {terminal.figure(metrics['accuracy'])}")
    for pair in found.pairs:
        say("")
        for sentence in pair.words:
            say(sentence)
        for name, test in pair.delong.items():
            say(f"  AUROC {name}: {_areas(test)}")
    for note in ("", *found.notes) if found.notes else ():
        say(note)


def _areas(test: dict) -> str:
    first, second, p = test["first"]["value"], test["second"]["value"], test["adjusted_p"]
    if first is None:
        return "not reported (no films with it, or none without)"
    words = "not reported" if p is None else "< 0.001" if p < 0.001 else f"= {p:.3f}"
    return f"{first:.3f} and {second:.3f}, DeLong p {words}"


FILE = click.Path(path_type=Path)


@click.command()
@click.option(
    "--model",
    "models",
    required=True,
    multiple=True,
    help="A kept model's name, or its folder; several are evaluated in one reading.",
)
@click.option("--data", "folder", type=FILE, required=True, help="Class folders, or a folder with a manifest.csv.")
@click.option(
    "--out", type=FILE, required=True, help="Folder for evaluation.json, predictions.csv, films.json and progress.json."
)
@click.option(
    "--test-of", "tested", type=FILE, help="A run's folder: only the films of its test split, in the folder of --data."
)
def evaluate(models: tuple[str, ...], folder: Path, out: Path, tested: Path | None) -> None:
    """Compare models with the reference standard of a folder: figures with 95 % intervals.

    A SIGTERM, or a file named stop in the --out folder, ends the work in order; results are written whole, at the end.
    """
    from xraykit.models import folder_evaluation

    with terminal.words():
        only, name = _test_films(tested) if tested else (None, "")
        with terminal.bar("Films") as progress:
            evaluations, films = folder_evaluation.evaluate(models, folder, out, progress, only=only, test_of=name)
    for evaluation in evaluations:
        _show_figures(evaluation)
    name_oddities(films)
    terminal.end(films.refused)


def _test_films(folder: Path) -> tuple[dict[str, str], str]:
    """The films of a run's test split with their sha256, and the run's name."""
    from xraykit.datasets import split
    from xraykit.training.run.run import Run

    run = Run(folder)
    return split.recorded_part(run.read("data.json"), "test"), run.name


def _show_figures(found) -> None:
    metrics = found.metrics()
    click.echo(f"{found.model} on {found.data}: n {metrics['n']}")
    click.echo(f"accuracy {terminal.figure(metrics['accuracy'])}")
    for name, figures in metrics["classes"].items():
        words = ", ".join(f"{key} {terminal.figure(figures[key])}" for key in ("sensitivity", "specificity", "ppv"))
        click.echo(f"{name} (n {figures['support']}): {words}")
