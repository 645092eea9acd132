"""The group report: films, reading sessions and comparisons as files for talks and papers; and whether they still hold.

What is written names no folder, and no film's file unless --names asks for it.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from xraykit.cli import terminal

if TYPE_CHECKING:
    from xraykit.films.refusal import Refusal
    from xraykit.gate import Asked
    from xraykit.models.classifier import Classifier
    from xraykit.reports.film.sheet import Film
    from xraykit.reports.film.subject import Settings, Subject
    from xraykit.reports.report import Report

FILE = click.Path(path_type=Path)
OUT = click.option("--out", type=FILE, required=True, help="The folder for the files.")
FORMATS = click.option(
    "--format",
    "formats",
    default="html,json",
    show_default=True,
    help="With commas between; any other word lists the formats.",
)
DICOM = "dicom"
SIZES = {"pdf-wide": "-wide", "png-2160p": "-2160p", "png-a4": "-a4"}  # two files of one suffix
SHORT = {"md": "markdown"}


@click.group()
def report() -> None:
    """Reports of films, reading sessions and comparisons; verify one that was written."""


@report.command()
@click.option("--model", "models", multiple=True, help="A saved model's name, or its folder; give it again for more.")
@OUT
@FORMATS
@click.option("--label", help="The class to explain; each model's predicted one if not given.")
@click.option("--opacity", default=0.4, show_default=True, type=click.FloatRange(0, 1), help="Of the heatmaps.")
@click.option("--colormap", default="inferno", show_default=True, help="Any other word lists the colour maps.")
@click.option("--names", is_flag=True, help="Name films by their files; else by the beginning of their SHA-256.")
@click.option("--turn", type=click.Choice(["0", "90", "180", "270"]), default="0", help="Degrees clockwise, first.")
@click.option("--invert", is_flag=True, help="Change black and white round first.")
@click.option("--sheet", is_flag=True, help="Write a contact sheet of all the films too.")
@click.option("--same-study", is_flag=True, help="DICOM files belong to the film's own study, and name it.")
@terminal.GATE
@click.argument("paths", nargs=-1, required=True, type=FILE)
def film(
    models: tuple[str, ...],
    out: Path,
    formats: str,
    label: str | None,
    opacity: float,
    colormap: str,
    names: bool,
    turn: str,
    invert: bool,
    sheet: bool,
    same_study: bool,
    gate: str | None,
    paths: tuple[Path, ...],
) -> None:
    """Write a report of each film: picture, overlays, probabilities, and how far to believe them.

    Of a folder, of each of its films: Ctrl-C, SIGTERM, or a file named stop in the --out folder, stops the work; what
    is done stays.
    """
    from xraykit.gate import Asked
    from xraykit.models import classifier
    from xraykit.reports.film.subject import Settings
    from xraykit.reports.heatmap import colormaps

    kinds = _kinds(formats, dicom=True)
    terminal.choice("--colormap", colormap, colormaps.NAMES)
    asked = Asked({None: "on", "on": "on", "off": "off"}[gate], int(turn), invert)  # type: ignore[arg-type]
    settings = Settings(label=label, opacity=opacity, colormap=colormap)
    with terminal.words():
        readers = [classifier.load(model) for model in models]
        _check_label(label, readers)
        refused = _Batch(readers, settings, asked, kinds).work(paths, out, names, same_study, sheet)
    terminal.end(refused)


def _check_label(label: str | None, readers: Sequence[Classifier]) -> None:
    if label is not None:
        terminal.choice("--label", label, list(dict.fromkeys(name for each in readers for name in each.card.classes)))


class _Batch:
    """Films one after the other, each written as soon as it is read."""

    def __init__(self, readers: Sequence[Classifier], settings: Settings, asked: Asked, kinds: Sequence[str]) -> None:
        self._readers, self._settings, self._asked, self._kinds = readers, settings, asked, kinds
        self._models = [reader.card.name for reader in readers]

    def work(self, paths: Sequence[Path], out: Path, names: bool, same_study: bool, sheet: bool) -> list[Refusal]:
        """Write the reports; returns the films that could not be read. Raises Stopped where it was asked to end."""
        from xraykit.films import ingest
        from xraykit.system.job_folder import Stopped
        from xraykit.system.jobs import Job, running

        films = ingest.list_films(paths)
        if not films:
            raise click.ClickException(f"No films in {', '.join(map(str, paths))}.")
        refused, small = [], []
        with running(Job(out), verb="report film", models=self._models) as job, ingest.Ingest() as firewall:
            job.films, job.summary = len(films), f"{len(films)} reports written."
            try:
                reads = zip(films, firewall.read_many(films), strict=True)
                for path, read in terminal.progress(reads, len(films), "Reports"):
                    if job.interrupted.is_set() or job.job.stop_asked():
                        raise KeyboardInterrupt
                    written = self._write(path, read, out, names, same_study)
                    refused += [read] if written is None else []
                    small += [written] if sheet and written is not None else []
                    job.done += 1
                    job.report(f"Film {job.done} of {job.films}")
            except KeyboardInterrupt:
                raise Stopped(f"Stopped after {job.done} of {job.films} films; their reports are kept.") from None
            if small:
                self._write_sheet(small, out)
        return refused

    def _write(self, path: Path, read: Any, out: Path, names: bool, same_study: bool) -> Film | None:
        """Write the report of a file; what a contact sheet shows of it, None where it is no film."""
        from xraykit.films.radiograph import Radiograph
        from xraykit.films.refusal import printable
        from xraykit.reports.film import report as film_report
        from xraykit.reports.film import sheet, subject
        from xraykit.system import files

        name = printable(path.name) if names else ""
        if not isinstance(read, Radiograph):
            digest = files.sha256_of(path) if path.is_file() else "0" * 64
            _write_all(film_report.refused(read, digest, files.now(), name=name), self._pages, out, digest, name)
            return None
        more = {"name": name, "bytes": path.stat().st_size}
        shown = subject.read(read, self._readers, asked=self._asked, settings=self._settings, **more)
        whole = film_report.report(shown)
        _write_all(whole, self._pages, out, read.sha256, name)
        if DICOM in self._kinds:
            _write_dicom(shown, whole, path.read_bytes() if same_study else None, out)
        return sheet.film_of(shown, self._models)

    @property
    def _pages(self) -> list[str]:
        return [kind for kind in self._kinds if kind != DICOM]

    def _write_sheet(self, films: Sequence[Film], out: Path) -> None:
        from xraykit.reports.film import sheet
        from xraykit.system import files

        columns = sheet.columns(self._models)
        page = sheet.sheet(films, columns, title="Contact sheet", created=files.now(), models=self._models)
        _write_named(page, self._pages, out, "contact-sheet")


def _kinds(formats: str, dicom: bool = False) -> list[str]:
    """The formats of "html,json"."""
    from xraykit.reports.export.formats import FORMATS

    given = (part.strip().lower() for part in formats.split(","))
    kinds = list(dict.fromkeys(SHORT.get(part, part) for part in given if part))
    allowed = [kind for kind, form in FORMATS.items() if dicom or not form.films]
    for kind in kinds or [""]:
        terminal.choice("--format", kind, allowed)
    return kinds


def _write_all(page: Report, kinds: Sequence[str], out: Path, sha256: str, name: str) -> None:
    """The page of a film in each format: named by the film's SHA-256, and by its file where that was asked for."""
    readable = re.sub(r"[^A-Za-z0-9._-]+", "-", Path(name).stem).strip("-.")[:60]
    _write_named(page, kinds, out, "-".join(filter(None, ("film", readable, sha256[:12]))))


def _write_named(page: Report, kinds: Sequence[str], out: Path, stem: str) -> None:
    from xraykit.reports.export import formats
    from xraykit.system import files

    for kind in kinds:
        file = formats.export(page, kind, name=f"{stem}{SIZES.get(kind, '')}")
        files.replace_bytes(out / file.name, file.content, shared=True)


def _write_dicom(shown: Subject, page: Report, original: bytes | None, out: Path) -> None:
    """Overlays as Secondary Captures, and of a grey film the Presentation State."""
    from xraykit.reports.export import dicom
    from xraykit.system import files

    written = {}
    if any(answer.explanation is not None for answer in shown.answers):
        written |= dicom.secondary_captures(page, original)
    if not shown.film.colour:
        written |= dicom.presentation_state(shown, page, original)
    for name, content in written.items():
        files.replace_bytes(out / name, content, shared=True)


@report.command()
@OUT
@FORMATS
@click.option("--readings", "root", type=FILE, help="Folder of the sessions.  [default: $XRAYKIT_RUNS/readings]")
@click.argument("name")
def reading(name: str, out: Path, formats: str, root: Path | None) -> None:
    """Write what a reader and the models made of the films of a kept session."""
    from xraykit.reading import kept
    from xraykit.reports.film import session
    from xraykit.system import files

    kinds = _kinds(formats)
    with terminal.words():
        page = session.report(kept.load(name, root), files.now())
        out.mkdir(parents=True, exist_ok=True)
        _write_named(page, kinds, out, f"reading-{name}")


@report.command()
@OUT
@FORMATS
@click.option("--label", help="The class of the curves; the first if not given.")
@click.option("--margin", type=float, help="Non-inferiority margin, in points of accuracy: 2.")
@click.option("--names", is_flag=True, help="Name the films on which the models differ by their files.")
@click.argument("models", nargs=-1, required=True, metavar="MODEL MODEL [MODEL...]")
def compare(
    models: tuple[str, ...], out: Path, formats: str, label: str | None, margin: float | None, names: bool
) -> None:
    """Write the page Compare of saved models on their own test films."""
    from xraykit.models import kept
    from xraykit.reports.comparison import page

    kinds = _kinds(formats)
    if len(models) < 2:
        raise click.UsageError("Expected at least two models; got one.")
    if margin is not None and not 0 < margin < 100:
        raise click.UsageError(f"Expected a margin between 0 and 100 points; got {margin:g}.")
    with terminal.words():
        loaded = [kept.load_kept(model) for model in models]
        if label is not None:
            terminal.choice("--label", label, loaded[0].card.classes)
        share = None if margin is None else margin / 100
        whole = page.of_models(loaded, label=label or "", margin=share, names=names)
        out.mkdir(parents=True, exist_ok=True)
        _write_named(whole, kinds, out, "comparison")


@report.command()
@click.option(
    "--films", multiple=True, type=FILE, help="Where the film lies: a file, or a folder; give it again for more."
)
@click.option("--model", "models", multiple=True, type=FILE, help="The folder of a model that lies elsewhere.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.argument("file", type=FILE)
def verify(file: Path, films: tuple[Path, ...], models: tuple[Path, ...], as_json: bool) -> None:
    """Make a film report again from its JSON, the film and the models, and say whether numbers and pixels agree."""
    import json
    from dataclasses import asdict

    from xraykit.reports.export import verify as verifying

    with terminal.words():
        result = verifying.verify(file, films, {folder.name: folder for folder in models})
    if as_json:
        click.echo(json.dumps(asdict(result) | {"agrees": result.agrees}, indent=1))
        sys.exit(not result.agrees)
    what = f"{result.numbers} numbers, {result.texts} texts and {result.pictures} pictures"
    click.echo(f"{what} agree." if result.agrees else f"{len(result.differences)} of {what} differ:")
    for difference in result.differences:
        click.echo(f"  {difference.words}")
    for words in result.software:
        click.echo(f"other software: {words}", err=True)
    sys.exit(not result.agrees)
