"""The verb data: what a folder of films holds, the datasets there are, getting and pooling them."""

from __future__ import annotations

import dataclasses
import functools
import json
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from xraykit.cli import terminal
from xraykit.cli.terminal import FILE, NEW_FOLDER, name_notes, name_remarks, name_sets, name_unlabelled
from xraykit.datasets.layout import DatasetRefused, counted
from xraykit.system import files, text
from xraykit.system.jobs import Job

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from xraykit.datasets.catalog.known import Known
    from xraykit.datasets.catalog.published import Published
    from xraykit.datasets.dataset import Dataset
    from xraykit.datasets.reading.index import Progress
    from xraykit.datasets.split import SplitPlan

FRACTION = click.FloatRange(0, 1, min_open=True, max_open=True)


@click.group()
def data() -> None:
    """Datasets: what is in a folder before anything learns from it."""


@data.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option(
    "--out", type=NEW_FOLDER, help="Folder for progress.json and films.json; a file named stop in it ends the work."
)
@click.option("--recipe", help="Divide the films as this recipe does: a preset's name, or a JSON file.")
@click.option("--validation", type=FRACTION, help="Fraction of films for validation.")
@click.option("--test", type=FRACTION, help="Fraction of films for testing.")
@click.option("--seed", type=click.IntRange(0), help="Seed of the split.")
@click.option("--shrink", type=click.FloatRange(0, 1, min_open=True), help="Fraction of the training films to use.")
@click.option(
    "--balance", type=click.Choice(["none", "undersample", "weights", "cells"]), help="Balance of the classes."
)
@click.option(
    "--division",
    type=click.Choice(["drawn", "given"]),
    help="Draw the parts from all films, or take those that the folder (train, val, test) or manifest (split) gives.",
)
@click.option(
    "--preview", "with_preview", is_flag=True, help="With --out: also samples, sizes, and copies in other datasets."
)
@click.argument("folder", type=FILE)
def inspect(
    folder: Path, out: Path | None, as_json: bool, recipe: str | None, with_preview: bool, **fields: Any
) -> None:
    """Count the films of a folder; name refused films, duplicates and groups; tell how a run would divide them."""
    from xraykit.datasets import inspection
    from xraykit.datasets.reading import preview

    if with_preview and out is None:
        raise click.UsageError("--preview needs --out, the folder for what it keeps.")
    with terminal.words():
        plan = _plan(recipe, {field: value for field, value in fields.items() if value is not None})
        with terminal.bar("Reading films") as progress:
            if with_preview and out is not None:
                films = preview.preview(folder, out, progress)
            else:
                films = inspection.inspect(folder, out, progress, plan)
        report = _report(films, plan)
    if as_json:
        click.echo(json.dumps(report, indent=1))
    else:
        _show(films, report)
    sys.exit(bool(films.refused))


@data.command()
@click.option("--out", type=NEW_FOLDER, help="Folder for audit.html, audit.md, audit.json and progress.json.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--against", multiple=True, type=FILE, help="A folder of another dataset: read too, and compared.")
@click.option("--recipe", help="Divide the films as this recipe does: a preset's name, or a JSON file.")
@click.option("--validation", type=FRACTION, help="Fraction of films for validation.")
@click.option("--test", type=FRACTION, help="Fraction of films for testing.")
@click.option("--seed", type=click.IntRange(0), help="Seed of the split.")
@click.option("--division", type=click.Choice(["drawn", "given"]), help="The parts that a fine-tune would use.")
@click.option("--attach", multiple=True, help="A saved model that learned from these films: its card takes the audit.")
@click.option("--strict", is_flag=True, help="Exit with 1 where a leak was found.")
@click.argument("folder", type=FILE)
def audit(
    folder: Path,
    out: Path | None,
    as_json: bool,
    against: tuple[Path, ...],
    recipe: str | None,
    attach: tuple[str, ...],
    strict: bool,
    **fields: Any,
) -> None:
    """Find what a folder of films gives away: copies, patients on both sides, what tells the class without a lung."""
    from xraykit.datasets import split
    from xraykit.reports.truth.data_audit import report as data_audit_report
    from xraykit.training import audited

    with terminal.words():
        plan = _plan(recipe, {field: value for field, value in fields.items() if value is not None})
        for name in attach:  # before minutes of reading
            audited.expect_model(name)
        with terminal.bars() as moved:
            made = audited.audit(folder, plan or split.DEFAULT, out, against, moved)
        if out is not None:
            page = data_audit_report.report(made, names=True)
            files.replace_text(out / "audit.html", page.html())
            files.replace_text(out / "audit.md", page.markdown())
        click.echo(made.to_json() if as_json else "\n".join(data_audit_report.lines(made)))
        for name in attach:
            audited.attach(made, name)
    sys.exit(strict and any(finding.severity == "leak" for finding in made.findings))


@data.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def list_datasets(as_json: bool) -> None:
    """The datasets of the studies, with how to get each, and the folders of films known on this computer."""
    from xraykit.datasets.catalog import known, published

    with terminal.words():
        folders = known.known()
        copies = published.copies(folders)
        if as_json:
            report = {
                "published": [
                    dataset.to_json() | {"copies": [files.shown(copy.path) for copy in copies[dataset.key]]}
                    for dataset in published.TABLE
                ],
                "folders": [
                    {"name": each.name, "path": files.shown(each.path), "classes": dict(each.counts)}
                    for each in folders
                ],
            }
            click.echo(json.dumps(report, indent=1))
            return
        for dataset in published.TABLE:
            _show_published(dataset, copies[dataset.key])
        click.echo("Folders of films on this computer:" if folders else "No folder of films is known here yet.")
        for each in folders:
            counts = ", ".join(f"{label} {n:,}" for label, n in each.counts.items())
            click.echo(f"  {each.name}  {counts}  {files.shown(each.path)}")


@data.command()
@click.option("--to", "root", type=NEW_FOLDER, help="Folder in which the dataset's own folder is made.")
@click.option("--out", type=NEW_FOLDER, help="Folder for progress.json; a file named stop in it ends the work.")
@click.argument("name")
def get(name: str, root: Path | None, out: Path | None) -> None:
    """Download a dataset of the studies by its name, unpack it and say what is in it."""
    from xraykit.datasets import inspection
    from xraykit.datasets.catalog import fetch, published, work

    with terminal.words():
        dataset = published.named(name)
        if out is not None:
            with work.running(out, work.GET, name) as report:
                work.keep_result(Job(out), fetch.get(dataset, root, report))
            return
        with terminal.bars() as moved:
            folder = fetch.get(dataset, root, moved)
        click.echo(f"{dataset.title} is in {files.shown(folder)}. Licence: {dataset.licence}.")
        with terminal.bar("Reading films") as progress:
            films = inspection.inspect(folder, progress=progress)
        _show(films, _report(films, None))


@data.command("pool")
@click.option("--as", "name", required=True, help="Name of the new folder.")
@click.option(
    "--data",
    "given",
    multiple=True,
    required=True,
    help="A dataset: its name in `data list`, a folder, or NAME=FOLDER.",
)
@click.option(
    "--class", "renamed", multiple=True, help='OLD=NEW: a class is called so; "SOURCE/OLD=NEW" of one dataset.'
)
@click.option("--leave-out", multiple=True, help="A class whose films are left out; SOURCE/CLASS of one dataset.")
@click.option(
    "--distinct", is_flag=True, help="Take a picture that several datasets have from one: one that knows its patient."
)
@click.option("--gated", is_flag=True, help="Leave out what the gate refuses: no upright frontal chest film.")
@click.option("--to", "root", type=NEW_FOLDER, help="Folder in which the new one is made.")
@click.option("--out", type=NEW_FOLDER, help="Folder for progress.json; a file named stop in it ends the work.")
def pool_datasets(
    name: str,
    given: tuple[str, ...],
    renamed: tuple[str, ...],
    leave_out: tuple[str, ...],
    distinct: bool,
    gated: bool,
    root: Path | None,
    out: Path | None,
) -> None:
    """Make one folder of several datasets, each film with its source; the same again finds the same folder."""
    from xraykit.datasets import pool
    from xraykit.datasets.catalog import work

    with terminal.words():
        if out is not None:
            with work.running(out, work.POOL, name) as report:
                sources, classes = _asked(given, renamed, leave_out)
                show_progress = functools.partial(report, "Reading films")
                without = _refused(sources, show_progress) if gated else None
                folder = pool.pool(sources, classes, name, root, show_progress, distinct=distinct, without=without)
                work.keep_result(Job(out), folder)
            return
        sources, classes = _asked(given, renamed, leave_out)
        with terminal.bar("Reading films") as progress:
            without = _refused(sources, progress) if gated else None
            folder = pool.pool(sources, classes, name, root, progress, distinct=distinct, without=without)
        _show_pool(folder)


def _refused(sources: Mapping[str, Path], progress: Progress) -> dict[str, list[str]]:
    """What the gate refuses of each source."""
    from xraykit.datasets.reading import gated

    return {name: gated.refused_in(path, progress) for name, path in sources.items()}


def _asked(
    given: Sequence[str], renamed: Sequence[str], leave_out: Sequence[str]
) -> tuple[dict[str, Path], dict[str, str | None]]:
    """The sources and classes that the command line names; raises DatasetRefused."""
    from xraykit.datasets.listing import pool_request

    sources = dict(_source(each) for each in given)
    if len(sources) < len(given):
        raise DatasetRefused("Two datasets have the same name. Write NAME=FOLDER for one of them.")
    classes: dict[str, str | None] = dict(_renamed(each) for each in renamed)
    classes |= dict.fromkeys(leave_out)
    if unknown := pool_request.unknown_classes(sources, classes):
        raise DatasetRefused(f"No dataset here has the class {', '.join(unknown)}.", code="pool-classes")
    return sources, classes


def _source(given: str) -> tuple[str, Path]:
    """The name and folder of a dataset that the command line names."""
    from xraykit.datasets.catalog import published

    path = Path(given)
    if path.is_dir():
        return files.shown(path.resolve().name), path
    if folder := published.folder_of(given):
        return given, folder
    for sign in re.finditer("=", given):
        if sign.start() and (path := Path(given[sign.end() :])).is_dir() and given[sign.end() :]:
            return given[: sign.start()], path
    raise DatasetRefused(
        f"No folder and no known dataset is called {given}. `data list` names those there are.", code="no-folder"
    )


def _renamed(given: str) -> tuple[str, str]:
    old, equals, new = given.rpartition("=")
    if not (old and equals and new.strip()):
        raise click.UsageError(f'Expected --class "OLD=NEW"; got {given!r}.')
    return old, new


def _show_pool(folder: Path) -> None:
    from xraykit.datasets.listing import pool_record

    record = pool_record.read_record(folder)
    assert record is not None
    click.echo(f"{sum(sum(counts.values()) for counts in record.counts.values()):,} films in {files.shown(folder)}")
    for label, counts in record.counts.items():
        by_source = ", ".join(f"{source} {n:,}" for source, n in counts.items())
        click.echo(f"  {label}  {sum(counts.values()):,} ({by_source})")
    for label, n in record.left_out.items():
        click.echo(f"left out: {label} {n:,}")
    if record.copies:
        click.echo(f"left out: {counted(record.copies, 'copy', 'copies')} of films that another dataset has")
    if record.without:
        click.echo(f"left out: {counted(record.without, 'film')} that the gate refuses")
    for refusal in record.refused:
        click.echo(f"refused {refusal['source']} ({refusal['code']}): {refusal['words']}", err=True)


def _show_published(dataset: Published, copies: Sequence[Known]) -> None:
    classes = ", ".join(names[0] for names in dataset.classes)
    click.echo(f"{dataset.key}  {dataset.title}")
    films = f"{dataset.films:,} films of " if dataset.size else ""
    click.echo(f"  {dataset.what}")
    click.echo(f"  {films}{classes}; used in study {dataset.studies}")
    click.echo(f"  licence: {dataset.licence}")
    for fault in dataset.faults:
        click.echo(f"  known fault: {fault}")
    for copy in copies:
        word = "here" if dataset.is_sure(copy) else "may be a copy"
        click.echo(f"  {word}: {files.shown(copy.path)} ({sum(copy.counts.values()):,} films)")
    if not any(map(dataset.is_sure, copies)):
        size = f" (about {text.size(dataset.size)})" if dataset.size else ""
        click.echo(f"  get it: python -m xraykit data get {dataset.key}{size}")
        for step in dataset.steps:
            click.echo(f"    by hand: {step}")
    click.echo()


def _plan(recipe: str | None, fields: dict[str, Any]) -> SplitPlan | None:
    """The recipe's plan with these fields; None where neither is given."""
    from xraykit.datasets import split
    from xraykit.training.recipe import presets

    if recipe is None and not fields:
        return None
    plan = dataclasses.replace(presets.load(recipe).split_plan if recipe else split.DEFAULT, **fields)
    if plan.validation + plan.test >= 1:
        raise click.UsageError(
            "Expected --validation and --test to leave films for training, less than 1 together; got "
            f"{plan.validation:g} and {plan.test:g}."
        )
    return plan


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
