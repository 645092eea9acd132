"""Reports of what this computer keeps: comparisons, reading sessions, runs, studies, model cards, audits of films."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from xraykit.cli import terminal
from xraykit.cli.report import write
from xraykit.cli.terminal import FOLDER, Place


@click.command(short_help="Saved models on the test films they share.")
@write.options
@click.option("--label", help="The class of the curves; the first if not given.")
@terminal.MARGIN
@click.option("--names", is_flag=True, help="Name the films on which the models differ by their files.")
@click.argument("models", nargs=-1, required=True, metavar="MODEL MODEL [MODEL...]")
def compare(models: tuple[str, ...], label: str | None, margin: float | None, names: bool, **files: Any) -> None:
    """Two or more saved models on the test films that they share: verdict, matrices, curves, cards."""
    from xraykit.models import kept
    from xraykit.reports.comparison import page

    asked = write.wanted(**files)
    if len(models) < 2:
        raise click.UsageError("Expected at least two models; got one.")
    with terminal.words():
        loaded = [kept.load_kept(model) for model in models]
        if label is not None:
            terminal.choice("--label", label, loaded[0].card.classes)
        asked.tell(page.of_models(loaded, label=label or "", margin=margin, names=names), "comparison")


@click.command(short_help="A kept reading session.")
@write.options
@click.option("--readings", "root", type=FOLDER, help="Folder of the sessions.  [default: $XRAYKIT_RUNS/readings]")
@click.argument("name")
def reading(name: str, root: Path | None, **files: Any) -> None:
    """A kept reading session: what a reader and the models made of its films."""
    from xraykit.models import classifier
    from xraykit.models.cards.card import titles_of
    from xraykit.reading import kept
    from xraykit.reports.film import session
    from xraykit.system import files as system_files

    asked = write.wanted(**files)
    with terminal.words():
        titles = titles_of(classifier.available()[0])
        page = session.report(kept.load(name, root), system_files.now(), name, titles)
        asked.tell(page, write.stem("reading", name))


@click.command(short_help="A training run, in any state.")
@write.options
@click.option("--runs", "root", type=FOLDER, help="Folder of the runs.  [default: $XRAYKIT_RUNS, else runs/]")
@click.argument("name", metavar="RUN")
def run(name: str, root: Path | None, **files: Any) -> None:
    """A training run in any state: result, curves, recipe, films, device, course, warnings.

    RUN is a run's name, or the folder of one that lies elsewhere.
    """
    from xraykit.cli import runs
    from xraykit.reports.runs import report as run_report
    from xraykit.training.run.run import STATUS, Run

    asked = write.wanted(**files)
    with terminal.words():
        elsewhere = root is None and (Path(name) / STATUS).is_file()
        chosen = Run(Path(name).resolve()) if elsewhere else runs.find(name, root)
        asked.tell(run_report.report(chosen), write.stem("run", chosen.name))


@click.command(short_help="A study of many runs.")
@write.options
@click.option("--studies", "root", type=FOLDER, help="Folder of the studies.  [default: studies/ below the runs]")
@click.option("--trial", "trials", type=click.IntRange(1), multiple=True, help="Draw its history; again for more.")
@click.argument("name", metavar="STUDY")
def study(name: str, root: Path | None, trials: tuple[int, ...], **files: Any) -> None:
    """A study: its trials beside the published ones, histories, settings, plan.

    STUDY is a study's name, or the folder of one that lies elsewhere.
    """
    from xraykit.experiments import study_folder
    from xraykit.reports.study import page

    asked = write.wanted(**files)
    with terminal.words():
        folder = study_folder.find(name, root)
        known = {trial.number for trial in folder.trials()}
        for trial in trials:
            terminal.choice("--trial", str(trial), [str(number) for number in sorted(known)])
        asked.tell(page.of_folder(folder, trials), write.stem("study", folder.name))


@click.command(short_help="A saved model's card.")
@write.options
@click.argument("name", metavar="MODEL")
def model(name: str, **files: Any) -> None:
    """A saved model's card: figures at home and elsewhere, data, recipe, limits.

    MODEL is a model's name, or its folder.
    """
    from xraykit.models import classifier
    from xraykit.models.cards import card as cards
    from xraykit.reports.truth import card as card_report

    asked = write.wanted(**files)
    with terminal.words():
        card = cards.read(classifier.find(name))
        asked.tell(card_report.report(card), write.stem("model", card.name))


@click.command(short_help="An audit of labelled films.")
@write.options
@click.option("--names", is_flag=True, help="Name the films of each finding by their files.")
@click.argument("folder", type=Place(exists=True), metavar="FILMS")
def data(folder: Path, names: bool, **files: Any) -> None:
    """An audit of labelled films: leaks, what tells the class without a lung, divisions.

    FILMS is a folder of films, audited now unless that was done before; or the audit.json of `data audit`.
    """
    from xraykit.datasets import split
    from xraykit.reports.truth.data_audit import report as data_audit_report
    from xraykit.training import audited
    from xraykit.truth.data_audit import record
    from xraykit.truth.data_audit.record import AUDIT

    asked = write.wanted(**files)
    with terminal.words():
        written = folder if folder.is_file() else folder / AUDIT
        if written.is_file():
            made = record.read(written)
            if made is None:
                raise click.ClickException(f"Expected an audit in {written.name}; it cannot be read as one.")
        else:
            with terminal.bars() as moved:
                made = audited.before_training(folder, split.DEFAULT, accepted=True, report=moved)
        asked.tell(data_audit_report.report(made, names=names), write.stem("data", made.name))
