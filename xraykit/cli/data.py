"""The verb data: what a folder of films holds."""

from __future__ import annotations

import dataclasses
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from xraykit.cli import terminal
from xraykit.cli.evaluate import FILE
from xraykit.cli.terminal import name_notes, name_remarks, name_sets, name_unlabelled

if TYPE_CHECKING:
    from xraykit.datasets.dataset import Dataset
    from xraykit.datasets.split import SplitPlan

FRACTION = click.FloatRange(0, 1, min_open=True, max_open=True)


@click.group()
def data() -> None:
    """Datasets: what is in a folder before anything learns from it."""


@data.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option(
    "--out", type=FILE, help="Folder for progress.json and films.json; a file named stop in it ends the work."
)
@click.option("--recipe", help="Divide the films as this recipe does: a preset's name, or a JSON file.")
@click.option("--validation", type=FRACTION, help="Fraction of films for validation.")
@click.option("--test", type=FRACTION, help="Fraction of films for testing.")
@click.option("--seed", type=click.IntRange(0), help="Seed of the split.")
@click.option("--shrink", type=click.FloatRange(0, 1, min_open=True), help="Fraction of the training films to use.")
@click.option("--balance", type=click.Choice(["none", "undersample", "weights"]), help="Balance of the classes.")
@click.option(
    "--division",
    type=click.Choice(["drawn", "given"]),
    help="Draw the parts from all films, or take those that the folder (train, val, test) or manifest (split) gives.",
)
@click.argument("folder", type=FILE)
def inspect(folder: Path, out: Path | None, as_json: bool, recipe: str | None, **fields: Any) -> None:
    """Count the films of a folder; name refused films, duplicates and groups; tell how a run would divide them."""
    from xraykit.datasets import inspection

    with terminal.words():
        plan = _plan(recipe, {field: value for field, value in fields.items() if value is not None})
        with terminal.bar("Reading films") as progress:
            films = inspection.inspect(folder, out, progress, plan)
        report = _report(films, plan)
    if as_json:
        click.echo(json.dumps(report, indent=1))
    else:
        _show(films, report)
    sys.exit(bool(films.refused))


def _plan(recipe: str | None, fields: dict[str, Any]) -> SplitPlan | None:
    """The recipe's plan with these fields; None where neither is given."""
    from xraykit.datasets import split
    from xraykit.training.recipe import presets

    if recipe is None and not fields:
        return None
    return dataclasses.replace(presets.load(recipe).split_plan if recipe else split.DEFAULT, **fields)


def _report(films: Dataset, plan: SplitPlan | None) -> dict[str, Any]:
    """What a folder holds and how a training would divide it; a folder that cannot be divided says why."""
    from xraykit.datasets import inspection, layout, split

    report = inspection.describe(films)
    del report["sha256"]
    try:
        plan = plan or split.DEFAULT
        report["division"] = plan.division
        described = split.describe(films, split.split(films, plan))
        report |= {"counts": described["counts"], "split_digests": described["split_digests"]}
    except layout.DatasetRefused as error:
        report |= {"counts": {}, "split_digests": {}, "not_divided": error.words}
    return report


def _show(films: Dataset, report: dict[str, Any]) -> None:
    from xraykit.films import note

    parts = report["counts"]
    width = max(len(name) for name in films.classes)
    click.echo(f"{len(films)} films in {len(films.classes)} classes, {report['groups']} groups")
    click.echo(f"{'':<{width}}  " + "".join(f"{part:>12}" for part in ("all", *parts)))
    for name, n in films.counts().items():
        click.echo(f"{name:<{width}}  " + "".join(f"{k:>12}" for k in (n, *(parts[part][name] for part in parts))))
    if "not_divided" in report:
        click.echo(f"not divided: {report['not_divided']}")
    _show_division(report)
    click.echo(f"groups: {films.group_rule.words}")
    name_sets("identical files", films.duplicates())
    name_sets("groups with several classes", films.mixed_groups())
    name_remarks(films)
    name_notes(note.tally(films.noted()))
    name_unlabelled(films)
    for reason in report["refusals"]:
        click.echo(f"refused {reason['count']} ({reason['code']}), as {reason['example']}: {reason['words']}", err=True)
    for refusal in films.refused:
        click.echo(f"refused {refusal.source} ({refusal.code}): {refusal.words}", err=True)


def _show_division(report: dict[str, Any]) -> None:
    """Whether the parts are drawn or those that the folder gives, and what it gives."""
    if (given := report.get("given")) is None:
        return
    parts = ", ".join(f"{part} {sum(counts.values())}" for part, counts in given["counts"].items())
    taken = report["division"] == "given"
    said = "used as given" if taken else "not used: parts are drawn from all films (--division given uses them)"
    click.echo(f"given by the folder: {parts}; {said}")
    if without := given["without_part"]:
        click.echo(f"films without a part: {without}{', taken for training' if taken else ''}")
    if crossing := given["crossing_groups"]:
        kept = ", each kept whole in training, or in validation where none of it is in training" if taken else ""
        name_sets(f"groups that cross the given parts{kept}", crossing)
