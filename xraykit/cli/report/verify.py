"""The command `report verify`: a report made again from its JSON, and in words what agrees and what differs."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from xraykit.cli import terminal
from xraykit.cli.terminal import FILE

if TYPE_CHECKING:
    from xraykit.reports.export.verify.agreement import Figure
    from xraykit.reports.export.verify.verify import Part, Verified

SHOWN = 40  # differences that are listed; --every lists all


@click.command(short_help="Whether a report still holds, figure by figure.")
@click.option(
    "--film",
    "--films",
    "films",
    multiple=True,
    type=FILE,
    help="Where the film lies: a file or a folder; again for more.",
)
@click.option("--data", type=FILE, help="The folder of labelled films that a run or an audit was made of.")
@click.option("--model", "models", multiple=True, type=FILE, help="The folder of a model that lies elsewhere.")
@click.option("--runs", type=FILE, help="The folder of the runs.  [default: $XRAYKIT_RUNS, else runs/]")
@click.option("--studies", type=FILE, help="The folder of the studies.  [default: studies/ below the runs]")
@click.option("--readings", type=FILE, help="The folder of the reading sessions.  [default: $XRAYKIT_RUNS/readings]")
@click.option("--every", is_flag=True, help="List every figure, those that agree too.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON: every figure then and now.")
@click.argument("file", type=FILE)
def verify(
    file: Path,
    films: tuple[Path, ...],
    data: Path | None,
    models: tuple[Path, ...],
    runs: Path | None,
    studies: Path | None,
    readings: Path | None,
    every: bool,
    as_json: bool,
) -> None:
    """Make a report again from its JSON and what it rests on, and say what agrees.

    A film's report needs the film and its models (the JSON's own folder is looked at where --film names no other); a
    comparison its models' folders; a run, a study or a session its folder. Numbers agree to 1e-6, texts and the
    SHA-256 of pixels exactly. Exit code 0: all agree; 1: some differ, or something is missing.
    """
    from xraykit.reports.export.verify import verify as verifying
    from xraykit.reports.export.verify.places import Places

    near = films or (() if data else (file.absolute().parent,))
    places = Places(
        near, data, {folder.name: folder for folder in map(terminal.whole, models)}, runs, studies, readings
    )
    with terminal.words():
        result = verifying.verify(file, places)
    if as_json:
        click.echo(json.dumps(result.to_dict(), indent=1))
    else:
        for line in _lines(result, every):
            click.echo(line)
    for words in result.software:
        click.echo(f"other software: {words}", err=True)
    sys.exit(not result.agrees)


def _lines(result: Verified, every: bool) -> Iterator[str]:
    what = f"{result.count('number'):,} numbers, {result.count('text'):,} texts and {result.count('picture')} pictures"
    differing = len(result.differences)
    yield f"{what} agree." if result.agrees else f"{differing:,} of {what} differ{'s' * (differing == 1)}."
    for part in result.parts:
        yield _part(part)
        own = [figure for figure in result.figures if figure.part == part.title and (every or not figure.agrees)]
        yield from map(_figure, own if every else own[:SHOWN])
        if not every and len(own) > SHOWN:
            yield f"      and {len(own) - SHOWN:,} more; --every lists all"
    yield from (f"note: {note}" for note in result.notes)


def _part(part: Part) -> str:
    counts = {"numbers": part.numbers, "texts": part.texts, "pictures": part.pictures}
    held = ", ".join(f"{count:,} {what}" for what, count in counts.items() if count) or "nothing to count"
    return f"  {'differs' if part.differing else 'agrees ':7}  {part.title}: {held}" + (
        f"; {part.differing:,} differ{'s' * (part.differing == 1)}" if part.differing else ""
    )


def _figure(figure: Figure) -> str:
    from xraykit.reports.export.verify.agreement import short

    return f"      {figure.name}: {short(figure.now)} agrees" if figure.agrees else f"      {figure.words}"
