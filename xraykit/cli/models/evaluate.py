"""Commands that evaluate models and compare their evaluations: evaluate, compare."""

from __future__ import annotations

import contextlib
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import click

from xraykit.cli import terminal
from xraykit.cli.terminal import FILE, FOLDER, NEW_FOLDER, name_oddities


@click.command()
@click.option("--json", "out", type=FILE, help="Where to write every number; - for standard output.")
@terminal.MARGIN
@click.option("--draws", default=2000, show_default=True, help="Number of bootstrap draws.")
@click.option("--seed", default=0, show_default=True, help="Seed of the bootstrap.")
@click.argument("evaluations", nargs=-1, required=True, metavar="EVALUATION EVALUATION [EVALUATION...]")
def compare(evaluations: tuple[str, ...], out: Path | None, margin: float | None, draws: int, seed: int) -> None:
    """Say whether two to ten models differ on the same films, and on which.

    EVALUATION is an evaluation.json, a folder that holds one, or the name of a saved model.
    """
    from xraykit.evaluation import comparison
    from xraykit.models import kept

    if len(evaluations) < 2:
        raise click.UsageError("Expected at least two evaluations; got one.")
    with terminal.words():
        read = [kept.load_evaluation(place) for place in evaluations]
        result = comparison.compare(read, margin=margin, draws=draws, seed=seed)
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
@terminal.DATA
@click.option(
    "--out",
    type=NEW_FOLDER,
    help="Folder for evaluation.json, predictions.csv, films.json and progress.json; may be left out with --attach.",
)
@click.option(
    "--test-of", "tested", type=FILE, help="A run's folder: only the films of its test split, in the folder of --data."
)
@click.option(
    "--map",
    "maps",
    multiple=True,
    metavar="THEIRS=OURS",
    help='What a class of the folder counts as where a model does not know it: "Pneumonia=Viral Pneumonia".',
)
@click.option("--attach", help="Add the figures to the models' cards under this name, without films the models know.")
@click.option("--about", default="", help="With --attach: what the films are, in a few words.  [default: the folder's]")
@click.option(
    "--trained-on",
    type=FOLDER,
    help="The folder that the models were trained on, where they do not remember its films.",
)
@terminal.GATE
def evaluate(
    models: tuple[str, ...],
    folder: Path,
    out: Path | None,
    tested: Path | None,
    maps: tuple[str, ...],
    attach: str | None,
    about: str,
    trained_on: Path | None,
    gate: str | None,
) -> None:
    """Compare models with the reference standard of a folder: figures with 95% intervals.

    SIGTERM, or a file named stop in the --out folder, stops the work cleanly; results are written whole, at the end.
    """
    from xraykit.datasets.reading import gated
    from xraykit.films import note
    from xraykit.models import folder_evaluation
    from xraykit.truth import elsewhere

    classes = _read_maps(maps)
    if out is None and attach is None:
        raise click.UsageError("Expected --out, a folder for the results, or --attach, a name on the models' cards.")
    with terminal.words(), _folder_for(out) as place:
        if attach is not None:
            elsewhere.check(attach)
        only, name = _test_films(tested) if tested else (None, "")
        attaching = elsewhere.Attaching(models, attach, about[:1000], classes, trained_on)
        hooks = {"knows": attaching.knows, "then": attaching.attach}
        with terminal.bar("Films") as progress:
            evaluations, films = folder_evaluation.evaluate(
                models,
                folder,
                place,
                progress,
                only=only,
                test_of=name,
                classes=classes,
                gated=terminal.gated(gate),
                **hooks,
            )
    for evaluation in evaluations:
        _show_figures(evaluation)
    if words := gated.counted(refusal.code for refusal in films.refused):
        click.echo(f"refused by the gate: {words}")
    for card in attaching.cards:
        _show_attached(card, str(attach))
    name_oddities(films)
    terminal.name_notes(note.tally(films.noted()))
    terminal.end(films.refused)


@contextlib.contextmanager
def _folder_for(out: Path | None) -> Iterator[Path]:
    """The folder for the results, or one that is gone afterwards."""
    if out is not None:
        yield out
        return
    with tempfile.TemporaryDirectory(prefix="xraykit-evaluate-") as place:
        yield Path(place) / "evaluation"


def _read_maps(maps: tuple[str, ...]) -> dict[str, str]:
    """Theirs -> the model's, of "THEIRS=OURS"."""
    classes = {}
    for given in maps:
        theirs, _, ours = (part.strip() for part in given.partition("="))
        if not theirs or not ours:
            raise click.BadParameter(
                f'Expected a class of the folder and one of the model, "Pneumonia=Viral Pneumonia"; got "{given}".',
                param_hint="--map",
            )
        classes[theirs] = ours
    return classes


def _show_attached(card, name: str) -> None:
    """What now stands on a model's card, and how its films were compared with the model's own."""
    from xraykit.truth import places

    place = next(place for place in places.elsewhere(card) if place.name == name)
    click.echo(f"{card.name}: {places.headline(card)}")
    click.echo(f"  on its card as {name}: {places.overlap_words(place)}")
    for fall in places.falls(card):
        if fall.place.name == name:
            click.echo(f"  {fall.words}")


def _test_films(folder: Path) -> tuple[dict[str, str], str]:
    """The films of a run's test split with their sha256, and the run's name."""
    from xraykit.datasets import split
    from xraykit.training.run.run import Run

    run = Run(folder)
    return split.recorded_part(run.read("data.json"), "test"), run.name


def _show_figures(evaluation) -> None:
    metrics = evaluation.metrics()
    off = ", the gate off" if evaluation.gate == "off" else ""
    click.echo(f"{evaluation.model} on {evaluation.data}: n {metrics['n']}{off}")
    if evaluation.warning:
        click.echo(f"warning: {evaluation.warning}", err=True)
    click.echo(f"accuracy {metrics['accuracy'].text()}")
    for name, figures in metrics["classes"].items():
        words = ", ".join(f"{key} {figures[key].text()}" for key in ("sensitivity", "specificity", "ppv"))
        click.echo(f"{name} (n {figures['support']}): {words}")
