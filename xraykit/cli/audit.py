"""The command audit: what a model still answers on altered films, and whether its heatmap does better than chance."""

from __future__ import annotations

import shlex
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import click

from xraykit.cli import terminal
from xraykit.cli.terminal import NEW_FOLDER


@click.command()
@click.option(
    "--model",
    "models",
    required=True,
    multiple=True,
    help="Name or folder of a saved model; give it several times to see several models side by side.",
)
@terminal.DATA
@click.option(
    "--out", type=NEW_FOLDER, help="Folder for audit.md, audit.html, the charts, audit.json and progress.json."
)
@click.option(
    "--films", default=300, show_default=True, type=click.IntRange(2), help="Films that are altered, at most."
)
@click.option(
    "--scored", default=40, show_default=True, type=click.IntRange(0), help="Films the heatmap is scored on; 0: none."
)
@click.option("--seed", default=0, show_default=True, help="Seed of films, noise, random maps and bootstrap.")
@click.option(
    "--map",
    "mapped",
    multiple=True,
    metavar="THEIRS=OURS",
    help='A class of the folder that counts as one of the model\'s: "Viral Pneumonia=Pneumonia".',
)
@click.option("--keep/--no-keep", default=True, show_default=True, help="Add the result to the models' cards.")
def audit(
    models: tuple[str, ...],
    folder: Path,
    out: Path | None,
    films: int,
    scored: int,
    seed: int,
    mapped: tuple[str, ...],
    keep: bool,
) -> None:
    """Check models for shortcuts, and their heatmaps against chance, on the same films.

    The films are those of the models' own test split that lie in --data, else all that lie there. Films are altered
    after they were read as always: without the lungs (where masks lie beside the images), the centre, the borders;
    turned, mirrored, brighter, blurred. SIGTERM, or a file named stop in the --out folder, stops the work cleanly.
    """
    from xraykit.truth import model_audit

    pairs = dict(_pair(words) for words in mapped)
    wish = model_audit.Wish(films, scored, seed, pairs, keep)
    with terminal.words(), tempfile.TemporaryDirectory() as unseen, terminal.bars() as bars:
        results = model_audit.audit(models, folder, out or Path(unseen), wish, bars)
        if out is not None:
            from xraykit.reports.truth import pages

            pages.write([result.card for result in results], out, _command(models, folder, out, wish))
    _show(results)
    sys.exit(0)


def _pair(words: str) -> tuple[str, str]:
    theirs, sign, ours = words.partition("=")
    if not sign or not theirs.strip() or not ours.strip():
        raise click.UsageError(f'Expected --map "THEIRS=OURS", such as "Viral Pneumonia=Pneumonia"; got {words!r}.')
    return theirs.strip(), ours.strip()


def _command(models: Sequence[str], folder: Path, out: Path, wish) -> str:
    """What makes the same again; a folder by its name alone, since where it lies is nobody's business."""
    words = ["python", "-m", "xraykit", "audit", *(word for model in models for word in ("--model", Path(model).name))]
    words += ["--data", folder.name, "--films", str(wish.films), "--scored", str(wish.scored)]
    words += [word for theirs, ours in wish.mapped.items() for word in ("--map", f"{theirs}={ours}")]
    words += ["--seed", str(wish.seed)] if wish.seed else []
    return shlex.join([*words, "--out", str(out) if not out.is_absolute() else out.name])


def _show(results) -> None:
    from xraykit.reports.truth import scorecard_report, shortcuts_report

    for result in results:
        for sentence in shortcuts_report.sentences(result.card.name, result.shortcuts):
            click.echo(sentence)
        if result.scorecard is not None:
            for sentence in scorecard_report.sentences(result.card.name, result.scorecard):
                click.echo(sentence)
        click.echo()
