"""Commands that look at a folder of labelled films and evaluate kept models on it: data inspect, evaluate."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click

from xraykit.commands import terminal

FILE = click.Path(path_type=Path)
NAMED = 10  # sets of films named on a terminal; --json names all


@click.command()
@click.option("--json", "as_json", is_flag=True, help="For a machine to read.")
@click.option("--out", type=FILE, help="Folder for progress.json and films.json; a file stop in it ends the work.")
@click.option("--recipe", "recipe_name", help="Tell the split of this recipe: a name, or a JSON file.")
@click.argument("folder", type=FILE)
def inspect(folder: Path, out: Path | None, as_json: bool, recipe_name: str | None) -> None:
    """Counts, refused films, duplicates, groups and the split of a folder."""
    from xraykit.datasets import inspection
    from xraykit.training.recipe import presets

    with terminal.words():
        chosen = presets.load(recipe_name) if recipe_name else None
        with terminal.bar("Reading films") as progress:
            films = inspection.inspect(folder, out, progress, chosen)
        report = _report(films, chosen)
    if as_json:
        click.echo(json.dumps(report, indent=1))
    else:
        _show_inspection(films, report)
    sys.exit(bool(films.refused))


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


def _show_inspection(films, report: dict) -> None:
    parts = report["counts"]
    width = max(len(name) for name in films.classes)
    click.echo(f"{len(films)} films in {len(films.classes)} classes, {report['groups']} groups")
    click.echo(f"{'':<{width}}  " + "".join(f"{part:>12}" for part in ("all", *parts)))
    for name, n in films.counts().items():
        click.echo(f"{name:<{width}}  " + "".join(f"{k:>12}" for k in (n, *(parts[part][name] for part in parts))))
    if "not_divided" in report:
        click.echo(f"not divided: {report['not_divided']}")
    click.echo(f"groups: {report['group_rule']}")
    _name_sets("identical files", films.duplicates())
    _name_sets("one group, several classes", films.mixed_groups())
    _name_unlabelled(films)
    for refusal in films.refused:
        click.echo(f"refused {refusal.source} ({refusal.code}): {refusal.words}", err=True)


def _name_oddities(films) -> None:
    if films.duplicates():
        _name_sets("identical files, each counted", films.duplicates())
    _name_unlabelled(films)


def _name_sets(words: str, sets: list[tuple[str, ...]]) -> None:
    click.echo(f"{words}: {len(sets)}")
    for films_of_set in sets[:NAMED]:
        click.echo(f"  {', '.join(films_of_set)}")


def _name_unlabelled(films) -> None:
    for name in films.unlabelled:
        click.echo(f"without a class: {name}", err=True)


def _show_figures(found) -> None:
    metrics = found.metrics()
    click.echo(f"{found.model} on {found.data}: n {metrics['n']}")
    click.echo(f"accuracy {terminal.figure(metrics['accuracy'])}")
    for name, figures in metrics["classes"].items():
        words = ", ".join(f"{key} {terminal.figure(figures[key])}" for key in ("sensitivity", "specificity", "ppv"))
        click.echo(f"{name} (n {figures['support']}): {words}")
