"""Commands that look at a folder of labelled films and evaluate kept models on it: data inspect, evaluate."""

from __future__ import annotations

from pathlib import Path

import click

from xraykit.cli import terminal
from xraykit.cli.data import _name_oddities

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
    from xraykit.training.run import run

    with terminal.words():
        with terminal.bar("Films") as progress:
            found, films = folder_evaluation.evaluate(
                models, folder, out, progress, run.Run(tested) if tested else None
            )
    for one in found:
        _show_figures(one)
    _name_oddities(films)
    terminal.end(films.refused)


def _report(films, chosen=None) -> dict:
    """What a folder holds and how a training would divide it; an undividable folder says why."""
    from xraykit.datasets import inspection, layout, split

    report = inspection.describe(films)
    del report["sha256"]
    fractions = (chosen.validation, chosen.test, chosen.seed) if chosen else ()
    try:
        described = split.describe(films, split.split(films, *fractions))
        report |= {"counts": described["counts"], "split_digests": described["split_digests"]}
    except layout.DatasetRefused as error:
        report |= {"counts": {}, "split_digests": {}, "not_divided": str(error)}
    return report


def _show_figures(found) -> None:
    metrics = found.metrics()
    click.echo(f"{found.model} on {found.data}: n {metrics['n']}")
    click.echo(f"accuracy {terminal.figure(metrics['accuracy'])}")
    for name, figures in metrics["classes"].items():
        words = ", ".join(f"{key} {terminal.figure(figures[key])}" for key in ("sensitivity", "specificity", "ppv"))
        click.echo(f"{name} (n {figures['support']}): {words}")
