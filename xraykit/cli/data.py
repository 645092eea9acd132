"""The verb data: what a folder of films holds."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click

from xraykit.cli import terminal
from xraykit.cli.evaluate import FILE
from xraykit.cli.terminal import name_sets, name_unlabelled


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
    name_sets("identical files", films.duplicates())
    name_sets("one group, several classes", films.mixed_groups())
    name_unlabelled(films)
    for refusal in films.refused:
        click.echo(f"refused {refusal.source} ({refusal.code}): {refusal.words}", err=True)


@click.group()
def data() -> None:
    """Datasets: what is in a folder before anything learns from it."""


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
