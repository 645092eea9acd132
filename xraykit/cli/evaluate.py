"""Commands that evaluate models and compare their evaluations: evaluate, compare."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from xraykit.cli import terminal
from xraykit.cli.terminal import name_oddities

FILE = click.Path(path_type=Path)


@click.command()
@click.option(
    "--json", "out", type=click.Path(path_type=Path), help="Where to write every number; - for standard output."
)
@click.option("--margin", type=float, help="Non-inferiority margin, in points of accuracy: 2.")
@click.option("--draws", default=2000, show_default=True, help="Number of bootstrap draws.")
@click.option("--seed", default=0, show_default=True, help="Seed of the bootstrap.")
@click.argument("evaluations", nargs=-1, required=True, metavar="EVALUATION EVALUATION [EVALUATION...]")
def compare(evaluations: tuple[str, ...], out: Path | None, margin: float | None, draws: int, seed: int) -> None:
    """Say whether two to four models differ on the same films, and on which.

    EVALUATION is an evaluation.json, a folder that holds one, or the name of a saved model.
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
        result = comparison.compare(read, margin=share, draws=draws, seed=seed)
        if out is not None:
            with terminal.table(out) as file:
                file.write(result.to_json())
    _show_comparison(result, to_stderr=str(out) == "-")
    sys.exit(0)


def _show_comparison(result, to_stderr: bool) -> None:
    """The verdicts in words; on stderr where the JSON has standard output."""

    def say(words: str) -> None:
        click.echo(words, err=to_stderr)

    say(f"{len(result.films)} films, {', '.join(result.classes)}")
    for evaluation in result.evaluations:
        say(f"{evaluation.model}: accuracy {evaluation.metrics()['accuracy'].text()}")
    for pair in result.pairs:
        say("")
        for sentence in pair.words:
            say(sentence)
        for name, test in pair.delong.items():
            say(f"  AUROC {name}: {_areas(test)}")
    for note in ("", *result.notes) if result.notes else ():
        say(note)


def _areas(test: dict) -> str:
    from xraykit.evaluation import stats

    first, second = (test[side].value_text("number") for side in ("first", "second"))
    return f"{first} and {second}, DeLong p {stats.p_text(test['adjusted_p'])}"


@click.command()
@click.option(
    "--model",
    "models",
    required=True,
    multiple=True,
    help="Name or folder of a saved model; give it several times to evaluate several models in one pass.",
)
@click.option("--data", "folder", type=FILE, required=True, help="Class folders, or a folder with a manifest.csv.")
@click.option(
    "--out", type=FILE, required=True, help="Folder for evaluation.json, predictions.csv, films.json and progress.json."
)
@click.option(
    "--test-of", "tested", type=FILE, help="A run's folder: only the films of its test split, in the folder of --data."
)
def evaluate(models: tuple[str, ...], folder: Path, out: Path, tested: Path | None) -> None:
    """Compare models with the reference standard of a folder: figures with 95% intervals.

    SIGTERM, or a file named stop in the --out folder, stops the work cleanly; results are written whole, at the end.
    """
    from xraykit.films import note
    from xraykit.models import folder_evaluation

    with terminal.words():
        only, name = _test_films(tested) if tested else (None, "")
        with terminal.bar("Films") as progress:
            evaluations, films = folder_evaluation.evaluate(models, folder, out, progress, only=only, test_of=name)
    for evaluation in evaluations:
        _show_figures(evaluation)
    name_oddities(films)
    terminal.name_notes(note.tally(films.noted()))
    terminal.end(films.refused)


def _test_films(folder: Path) -> tuple[dict[str, str], str]:
    """The films of a run's test split with their sha256, and the run's name."""
    from xraykit.datasets import split
    from xraykit.training.run.run import Run

    run = Run(folder)
    return split.recorded_part(run.read("data.json"), "test"), run.name


def _show_figures(evaluation) -> None:
    metrics = evaluation.metrics()
    click.echo(f"{evaluation.model} on {evaluation.data}: n {metrics['n']}")
    click.echo(f"accuracy {metrics['accuracy'].text()}")
    for name, figures in metrics["classes"].items():
        words = ", ".join(f"{key} {figures[key].text()}" for key in ("sensitivity", "specificity", "ppv"))
        click.echo(f"{name} (n {figures['support']}): {words}")
