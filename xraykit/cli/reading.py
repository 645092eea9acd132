"""The verbs doctor, predict, explain and readings: what is here, and what models and readers make of films."""

from __future__ import annotations

import contextlib
import csv
import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from xraykit.cli import terminal
from xraykit.cli.terminal import FILE

if TYPE_CHECKING:
    import numpy as np

    from xraykit.films.note import Note
    from xraykit.films.radiograph import Radiograph
    from xraykit.films.refusal import Refusal
    from xraykit.models.classifier import Classifier
    from xraykit.models.explanation import Explanation
    from xraykit.models.service.client import Client
    from xraykit.reading.summary import Accord, OfClass, Summary
    from xraykit.truth.seen.films import Known


ABOUT_FILMS = ("path", "predicted", "refusal", "notes", "gate", "known")  # the columns before the probabilities


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def doctor(as_json: bool) -> None:
    """Show versions, backends, GPUs and models; what is missing, and how to install it."""
    from xraykit import doctor as doctors

    findings = doctors.examine()
    if as_json:
        click.echo(json.dumps([vars(finding) for finding in findings], indent=1))
    else:
        width = max(len(finding.name) for finding in findings)
        for finding in findings:
            click.echo(f"{finding.state:<9}{finding.name:<{width}}  {finding.found}")
            if finding.mend:
                click.echo(f"{'':<9}{'':<{width}}  -> {finding.mend}")
    sys.exit(any(finding.state == "missing" for finding in findings))


@click.command()
@click.option("--model", required=True, help="A saved model's name, or its folder.")
@click.option("--csv", "out", type=FILE, required=True, help="Where to write the table; - for standard output.")
@terminal.GATE
@click.argument("paths", nargs=-1, required=True, type=FILE)
def predict(model: str, out: Path, gate: str | None, paths: tuple[Path, ...]) -> None:
    """Classify films and folders of films: one row per file, refused files too, with what is to be said of each."""
    from xraykit.evaluation.evaluation import probability_columns
    from xraykit.films import ingest, note
    from xraykit.films.refusal import Refusal, printable
    from xraykit.models import classifier
    from xraykit.system import files
    from xraykit.truth.seen import films as seen

    with terminal.words():
        reader = classifier.load(model)
        door = _Gate(reader, gate)
        films = _films(paths)
        refused, warned, known = [], [], []
        with terminal.table(out) as file, ingest.Ingest() as firewall:
            table = csv.writer(file)
            table.writerow(files.csv_cells([*ABOUT_FILMS, *probability_columns(ABOUT_FILMS, reader.card.classes)]))
            for path, film in terminal.progress(
                zip(films, firewall.read_many(films), strict=True), len(films), "Films"
            ):
                name = printable(files.shown(path))
                film = door.take(film)
                if isinstance(film, Refusal):
                    refused.append(replace(film, source=name))
                    table.writerow(files.csv_cells([name, "", film.code, "", "", "", *[""] * len(reader.card.classes)]))
                    continue
                prediction = reader.predict([film])[0]
                if note.warnings(film.notes):
                    warned.append((name, film.notes))
                numbers = (f"{p:.6f}" for p in prediction.probabilities)
                said, knows = note.line(film.notes), seen.known_as(reader.folder, film)
                known += [knows] * (knows is not None)
                code = knows.code if knows else ""
                table.writerow(files.csv_cells([name, prediction.top, "", said, door.stamp, code, *numbers]))
    _say_known(reader, known)
    for name, notes in warned:
        terminal.warn(name, notes)
    terminal.end(refused)


def _say_known(reader: Classifier, known: Sequence[Known]) -> None:
    """Say on stderr how many of the films a model was made with: its probabilities of them prove nothing."""
    if known:
        parts = {part: sum(film.split == part for film in known) for part in ("train", "validation", "test")}
        said = ", ".join(f"{n:,} {part}" for part, n in parts.items() if n)
        words = f"{reader.card.name} was made with {len(known):,} of these films or their near twins ({said})"
        click.echo(f"warning {words}: see the column known.", err=True)


class _Gate:
    """The gate before one model, as --gate says; `stamp` is what is written beside its predictions."""

    def __init__(self, reader: Classifier, switch: str | None) -> None:
        from xraykit.gate import verdict as gate
        from xraykit.models import classifier

        asked = terminal.gated(switch)
        self._on = (classifier.is_gated(reader.card) if asked is None else asked) and gate.is_on()
        self.stamp: gate.State = "passed" if self._on else "off"

    def take(self, film: Radiograph | Refusal) -> Radiograph | Refusal:
        """The film, or why it is not to be read."""
        from xraykit.films.radiograph import Radiograph
        from xraykit.gate import verdict as gate

        return (gate.check(film) if self._on and isinstance(film, Radiograph) else None) or film


def _films(paths: Sequence[Path]) -> list[Path]:
    """The files at these paths, folders to any depth; there is at least one."""
    from xraykit.films import ingest

    films = ingest.list_films(paths)
    if not films:
        raise click.ClickException(f"No films in {', '.join(map(str, paths))}.")
    return films


@click.command()
@click.option("--model", required=True, help="A saved model's name, or its folder.")
@click.option(
    "--method",
    default="Grad-CAM",
    show_default=True,
    help="How the heatmap is computed; any other word lists the methods.",
)
@click.option("--label", help="The class to explain; the predicted one if not given.")
@click.option("--opacity", default=0.4, show_default=True, type=click.FloatRange(0, 1), help="Of the heatmap.")
@click.option("--colormap", default="inferno", show_default=True, help="Any other word lists the colour maps.")
@click.option(
    "--out", type=FILE, required=True, help="The image to write (PNG); of a folder, the folder for its images."
)
@terminal.GATE
@click.argument("path", type=FILE)
def explain(
    model: str,
    method: str,
    label: str | None,
    opacity: float,
    colormap: str,
    out: Path,
    gate: str | None,
    path: Path,
) -> None:
    """Draw the regions of a film that influenced the output, with a legend; of a folder, of each of its films."""
    from xraykit.films import ingest
    from xraykit.films.refusal import Refusal, printable
    from xraykit.models import classifier, explanation
    from xraykit.reports.film.heatmap import colormaps, overlay

    terminal.choice("--method", method, explanation.METHODS)
    terminal.choice("--colormap", colormap, colormaps.NAMES)
    refused = []
    with terminal.words():
        reader = classifier.load(model)
        door = _Gate(reader, gate)
        explanation.check_heatmap(reader.card, method)
    with terminal.words(), _service(method, reader) as client, ingest.Ingest() as firewall:
        if label is not None:
            terminal.choice("--label", label, reader.card.classes)
        films = _films([path])
        for place, film in zip(films, firewall.read_many(films), strict=True):
            name = printable(str(place))
            film = door.take(film)
            if isinstance(film, Refusal):
                refused.append(replace(film, source=name))
                continue
            prediction, maps = explanation.grad_cam(reader, film)
            shown = label or prediction.top
            number = prediction.classes.index(shown)
            heatmap = _explain(client, reader.card.name, film, method, shown) if client else maps[number]
            drawn = overlay.overlay(film, heatmap, opacity=opacity, colormap=colormap, longest=1024, legend=True)
            picture = out / f"{place.relative_to(path)}.png" if path.is_dir() else out
            _save(drawn, film.notes, picture, door.stamp)
            click.echo(f"{shown} {prediction.probabilities[number]:.3f} -> {printable(str(picture))}")
            if facts := " ".join(note.words for note in film.notes if not note.warning):
                click.echo(f"  {facts}")
            terminal.warn(name, film.notes)
    terminal.end(refused)


def _save(drawn: np.ndarray, notes: Sequence[Note], out: Path, stamp: str) -> None:
    """Write a picture that carries the notes on its film, and whether the gate had looked at it."""
    from PIL import Image
    from PIL.PngImagePlugin import PngInfo

    from xraykit.films import note

    about = PngInfo()
    about.add_text("Notes", note.line(notes))
    about.add_text("Gate", stamp)
    out.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(drawn).save(out, format="PNG", pnginfo=about)


@contextlib.contextmanager
def _service(method: str, reader: Classifier) -> Iterator[Client | None]:
    """The service for a method that needs TensorFlow, where this model lies; None where the method needs none."""
    from xraykit.models import explanation
    from xraykit.models.service import client as service

    if method == explanation.GRAD_CAM:
        yield None
        return
    with contextlib.closing(service.start(reader.folder.absolute().parent)) as client:
        yield client


def _explain(client: Client, model: str, film: Radiograph, method: str, label: str) -> Explanation:
    """A heatmap of the service, with a progress bar."""
    with terminal.bar(method) as progress:
        return client.explain(film, model, method, label, lambda share, eta: progress(int(share * 100), 100))


@click.group()
def readings() -> None:
    """Reading sessions that were kept: list, show, export."""


_READINGS = click.option(
    "--readings", "root", type=FILE, help="Folder of the sessions.  [default: $XRAYKIT_RUNS/readings]"
)


@readings.command(name="list")
@_READINGS
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def list_readings(root: Path | None, as_json: bool) -> None:
    """All kept sessions, last changed first; damaged ones with the reason."""
    from xraykit.evaluation import stats
    from xraykit.reading import kept

    listed = kept.list_kept(root)
    if as_json:
        click.echo(json.dumps([stats.plain(session) for session in listed], indent=1))
        return
    width = max((len(session.name) for session in listed), default=0)
    for session in listed:
        blind = "  read blind" * session.blind
        line = session.refused or f"{session.films} films  {session.changed}  {session.title}{blind}"
        click.echo(f"{session.name:<{width}}  {line}{'  open in a tab' * session.open}")


@readings.command(name="show")
@_READINGS
@click.option("--json", "as_json", is_flag=True, help="Print JSON: every figure.")
@click.argument("name")
def show_reading(name: str, root: Path | None, as_json: bool) -> None:
    """One session: agreement with the models, changes of mind, sensitivity and specificity, seconds a film."""
    from xraykit.reading import kept, summary

    with terminal.words():
        result = summary.summarise(kept.load(name, root))
    if as_json:
        click.echo(json.dumps(result.to_dict(), indent=1, ensure_ascii=False, allow_nan=False))
        return
    for line in _summary(result):
        click.echo(line)


@readings.command(name="export")
@_READINGS
@click.option("--csv", "table", type=FILE, help="Where to write a row a film; - for standard output.")
@click.option("--json", "out", type=FILE, help="Where to write the session and its summary; - for standard output.")
@click.argument("name")
def export_reading(name: str, root: Path | None, table: Path | None, out: Path | None) -> None:
    """Write a session as CSV, a row a film, or as JSON with its summary."""
    from xraykit.reading import export, kept

    if table is None and out is None:
        raise click.UsageError("Expected --csv FILE, --json FILE or both.")
    with terminal.words():
        record = kept.load(name, root)
        for place, write in ((table, export.to_csv), (out, export.to_json)):
            if place is not None:
                with terminal.table(place) as file:
                    file.write(write(record))


def _summary(result: Summary) -> Iterator[str]:
    """A session's summary as lines."""
    counts = ", ".join(f"{n} {name.replace('_', ' ')}" for name, n in result.counts.items() if n or name == "read")
    yield f"films: {counts}"
    yield from result.words
    for model in result.models:
        yield f"{model.model}: agreement {_accord(model.last)}"
        if model.before.n:
            yield f"  before it was shown: {_accord(model.before)}"
        if any(model.said.values()):
            yield f"  said: {', '.join(f'{word} {n}' for word, n in model.said.items())}"
    changes = result.changes
    if changes.n:
        made = f"corrected {changes.corrected}, spoiled {changes.spoiled}" if changes.labelled else "no reference"
        yield f"changed after the models were shown: {changes.changed} of {changes.n} ({made})"
    for of_class in result.reference.classes:
        yield from _of_class(of_class, result.reference.basis)
    for name, spent in result.seconds.items():
        if spent.n:
            quartiles = f"median {spent.median:.1f}, quartiles {spent.low:.1f} to {spent.high:.1f}"
            yield f"seconds, {name}: {quartiles} (n {spent.n})"


def _accord(accord: Accord) -> str:
    kappa = "n/a" if accord.kappa is None else f"{accord.kappa:.3f}"
    return f"{accord.share.text()} of {accord.n} films, kappa {kappa}"


def _of_class(of_class: OfClass, basis: str) -> Iterator[str]:
    yield f"{of_class.label} ({of_class.support} of {of_class.n} films): sensitivity, specificity"
    rows = {"reader": of_class.reader}
    if basis == "before":
        rows["reader before the models"] = of_class.before
    for model in of_class.models:
        rows[model.model] = model.alone.shares
        rows[f"reader or {model.model}"] = model.either.shares
        rows[f"reader and {model.model}"] = model.both.shares
    for name, shares in rows.items():
        yield f"  {name}: {shares.sensitivity.text()}, {shares.specificity.text()}"
