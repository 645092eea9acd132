"""The command `report film`: each film on a page, one after the other, until done or asked to stop."""

from __future__ import annotations

import contextlib
import dataclasses
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from xraykit.cli import terminal
from xraykit.cli.report import write
from xraykit.cli.report.write import DICOM, Wanted
from xraykit.cli.terminal import FILE

if TYPE_CHECKING:
    from xraykit.films.radiograph import Radiograph
    from xraykit.films.refusal import Refusal
    from xraykit.gate.verdict import Asked
    from xraykit.models.classifier import Classifier
    from xraykit.reports.film.sheet import Film
    from xraykit.reports.film.subject import Settings, Subject
    from xraykit.reports.report.page import Report
    from xraykit.system.jobs import JobProgress


@click.command(short_help="Films, each on a page, or a folder of them.")
@click.option("--model", "models", multiple=True, help="A saved model's name, or its folder; give it again for more.")
@write.options
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
    **files: Any,
) -> None:
    """A page of each film: picture, overlays, probabilities, and how far to believe them.

    Of a folder, of each of its films: Ctrl-C, SIGTERM, or a file named stop in the --out folder, stops the work; what
    is done stays.
    """
    from xraykit.films import ingest
    from xraykit.gate.verdict import Asked
    from xraykit.models import classifier
    from xraykit.reports.film.heatmap import colormaps
    from xraykit.reports.film.subject import Settings

    wanted = write.wanted(**files, films=True)
    terminal.choice("--colormap", colormap, colormaps.NAMES)
    asked = Asked({None: "on", "on": "on", "off": "off"}[gate], int(turn), invert)  # type: ignore[arg-type]
    settings = Settings(label=label, opacity=opacity, colormap=colormap)
    with terminal.words():
        films = ingest.list_films(paths)
        if not films:
            raise click.ClickException(f"No films in {', '.join(map(str, paths))}.")
        if wanted.file is not None and (len(films) > 1 or sheet):
            raise click.UsageError(
                f"{wanted.file.name} can hold one film; there are {len(films)}. Give --out a folder."
            )
        readers = [classifier.load(model) for model in models]
        _check_models(readers)
        _check_label(label, readers)
        refused = _Batch(readers, settings, asked, wanted, names, same_study).work(films, sheet)
    terminal.end(refused)


def _check_models(readers: Sequence[Classifier]) -> None:
    times = Counter(reader.card.name for reader in readers)
    if twice := next((name for name, count in times.items() if count > 1), None):
        raise click.UsageError(f"Expected each model once; {twice} is given {times[twice]} times.")


def _check_label(label: str | None, readers: Sequence[Classifier]) -> None:
    if label is not None and not readers:
        raise click.UsageError("--label names the class that a model's heatmap explains; give --model too.")
    if label is not None:
        terminal.choice("--label", label, list(dict.fromkeys(name for each in readers for name in each.card.classes)))


@dataclasses.dataclass
class _Batch:
    """Films one after the other, each written as soon as it is read."""

    readers: Sequence[Classifier]
    settings: Settings
    asked: Asked
    wanted: Wanted
    names: bool
    same_study: bool
    refused: list[Refusal] = dataclasses.field(default_factory=list)

    @property
    def models(self) -> list[str]:
        return [reader.card.name for reader in self.readers]

    def work(self, films: Sequence[Path], sheet: bool) -> list[Refusal]:
        """Write the reports; returns the films that were not read, or have no DICOM file.

        Raises Stopped where it was asked to end.
        """
        from xraykit.films import ingest
        from xraykit.films.refusal import Refusal
        from xraykit.system.job_folder.job_folder import Stopped

        small = []
        with self._job() as job, ingest.Ingest() as firewall:
            job.films, job.summary = len(films), f"{len(films)} reports written."
            try:
                reads = zip(films, firewall.read_many(films), strict=True)
                for path, read in terminal.progress(reads, len(films), "Reports"):
                    if job.interrupted.is_set() or job.job.stop_asked():
                        raise KeyboardInterrupt
                    written = self._write(path, read)
                    if isinstance(written, Refusal):
                        self.refused.append(written)
                    elif sheet:
                        small.append(written)
                    job.done += 1
                    job.report(f"Film {job.done} of {job.films}")
            except KeyboardInterrupt:
                raise Stopped(f"Stopped after {job.done} of {job.films} films; their reports are kept.") from None
            if small:
                self._write_sheet(small)
        return self.refused

    @contextlib.contextmanager
    def _job(self) -> Iterator[JobProgress]:
        """The job that tells how far it is, in the folder of the files; elsewhere where one file was asked for."""
        from xraykit.system.jobs import Job, running

        with contextlib.ExitStack() as stack:
            folder = self.wanted.out
            if self.wanted.file is not None:
                folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="xraykit-report-"))) / "job"
            yield stack.enter_context(running(Job(folder), verb="report film", models=self.models))

    def _write(self, path: Path, read: Radiograph | Refusal) -> Film | Refusal:
        """Write the report of a file; what a contact sheet shows of it, or why it is no film.

        The file may be gone by now, or closed: the report says what was read of it.
        """
        from xraykit.films.refusal import Refusal, printable
        from xraykit.reports.film import report as film_report
        from xraykit.reports.film import sheet, subject
        from xraykit.system import files

        name = printable(path.name) if self.names else ""
        original = None
        if self.same_study and DICOM in self.wanted.kinds and not isinstance(read, Refusal):
            again = _bytes_of(path)
            if isinstance(again, Refusal):
                read = again
            else:
                original = again
        if isinstance(read, Refusal):
            digest = "0" * 64
            with contextlib.suppress(OSError):
                digest = files.sha256_of(path) if path.is_file() else digest
            self.wanted.write(film_report.refused(read, digest, files.now(), name=name), _stem(digest, name))
            return read
        more = {"name": name, "bytes": _size_of(path)}
        shown = subject.read(read, self.readers, asked=self.asked, settings=self.settings, **more)
        whole = film_report.report(shown)
        self.wanted.write(whole, _stem(read.sha256, name))
        if DICOM in self.wanted.kinds:
            self._write_dicom(path, shown, whole, original)
        return sheet.film_of(shown, self.models)

    def _write_dicom(self, path: Path, shown: Subject, whole: Report, original: bytes | None) -> None:
        """The film's DICOM files; of one that there can be none of, why, and the others are gone on with."""
        from xraykit.films import refusal
        from xraykit.reports.export.dicom import NotForArchives

        try:
            _write_dicom(shown, whole, original, self.wanted.out)
        except NotForArchives as reason:
            self.refused.append(refusal.refuse(path, reason.code, reason.words))

    def _write_sheet(self, films: Sequence[Film]) -> None:
        from xraykit.models.cards.card import titles_of
        from xraykit.reports.film import sheet
        from xraykit.system import files

        titles = tuple(titles_of(reader.card for reader in self.readers).values())
        columns = sheet.columns(titles)
        page = sheet.sheet(films, columns, title="Contact sheet", created=files.now(), models=titles)
        self.wanted.write(page, "contact-sheet")


def _size_of(path: Path) -> int:
    """Bytes of a file; 0 where it is gone."""
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _bytes_of(path: Path) -> bytes | Refusal:
    """The file again, whose study its overlays are to be put into."""
    from xraykit.films.refusal import refuse

    try:
        return path.read_bytes()
    except OSError as error:
        words = f"The file was read, but not a second time: {error.strerror}. Its study is not known. Report it again."
        return refuse(path, "unreadable", words)


def _stem(sha256: str, name: str) -> str:
    """A film's file is named by its SHA-256, and by its own file where that was asked for."""
    return write.stem("film", Path(name).stem, sha256[:12])


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
