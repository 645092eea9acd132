"""What every command says and how: progress on stderr, errors in words, exit codes."""

from __future__ import annotations

import contextlib
import errno
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NoReturn, TextIO, TypeVar

import click

from xraykit.films import note as film_notes
from xraykit.films.note import Note
from xraykit.films.refusal import Refusal
from xraykit.refused import Refused, words_of
from xraykit.system import files
from xraykit.system.job_folder.job_folder import Stopped
from xraykit.training.run.run import Diverged

LETTERS = 80  # of a path that is no path, in a message


class Place(click.Path):
    """A path that there can be: wrong usage (exit code 2) where it is empty, too long, or a circle of links.

    An empty one is most often a variable that was never set, and would mean the folder one happens to be in.
    """

    def __init__(self, exists: bool = False, file: bool = True) -> None:
        super().__init__(exists=exists, file_okay=file, path_type=Path)

    def convert(self, value: str | os.PathLike[str], param: click.Parameter | None, ctx: click.Context | None) -> Any:
        given = os.fspath(value)
        if not given.strip():
            self.fail(f"Expected a path; got {given!r}. Is a variable not set?", param, ctx)
        name = files.shown(given if len(given) <= LETTERS else f"{given[:LETTERS]}...")
        try:
            os.stat(given)
        except ValueError:  # a letter that no path can have
            self.fail(f"Expected a path; got {given!r}.", param, ctx)
        except OSError as error:
            if error.errno == errno.ELOOP:
                self.fail(f"{name} is a link that leads back to itself. Give another path.", param, ctx)
            if error.errno == errno.ENAMETOOLONG:
                self.fail(f"{name} is too long for a path: {len(given):,} letters. Give a shorter one.", param, ctx)
        if not self.file_okay and not os.path.isdir(given):
            self._refuse_file(given, name, param, ctx)
        return super().convert(value, param, ctx)

    def _refuse_file(self, given: str, name: str, param: click.Parameter | None, ctx: click.Context | None) -> None:
        """Wrong usage where a folder cannot be made, because there is a file, or one on the way to it."""
        on_the_way = [Path(given), *Path(given).parents]
        if file := next((path for path in on_the_way if os.path.lexists(path) and not os.path.isdir(path)), None):
            at = name if file == on_the_way[0] else files.shown(file)
            self.fail(f"{at} is a file; expected a folder, or a place for a new one. Give another path.", param, ctx)


FILE = Place()
NEW_FOLDER = Place(file=False)  # a folder that is made where there is none
FOLDER = Place(exists=True, file=False)
DATA = click.option(
    "--data", "folder", type=FILE, required=True, help="Class folders, or a folder with a manifest.csv."
)
GATE = click.option(
    "--gate",
    type=click.Choice(["on", "off"]),
    help="Refuse what is no upright frontal chest film before a model speaks.  [default: on, for models of grey films]",
)
NAMED = 10  # sets of films named on a terminal; --json names all


def _share_of_points(context: click.Context, option: click.Parameter, points: float | None) -> float | None:
    """A margin as a share of accuracy; wrong usage where it is none."""
    if points is not None and not 0 < points < 100:
        raise click.UsageError(f"Expected a margin between 0 and 100 points; got {points:g}.")
    return None if points is None else points / 100


MARGIN = click.option(
    "--margin", type=float, callback=_share_of_points, help="Non-inferiority margin, in points of accuracy: 2."
)


def gated(gate: str | None) -> bool | None:
    """What --gate says; None where it is not given."""
    return None if gate is None else gate == "on"


def name_oddities(films) -> None:
    if films.duplicates():
        name_sets("identical files, each counted", films.duplicates())
    name_remarks(films)
    name_unlabelled(films)


def name_sets(words: str, sets: list[tuple[str, ...]]) -> None:
    click.echo(f"{words}: {len(sets)}")
    for films_of_set in sets[:NAMED]:
        click.echo(f"  {', '.join(films_of_set)}")


def name_unlabelled(films) -> None:
    for name in films.unlabelled:
        click.echo(f"without a class: {name}", err=True)


def name_remarks(films) -> None:
    """What was left out of a dataset, and how its names were understood."""
    for remark in films.remarks:
        click.echo(remark.text)


def warn(source: str, notes: Iterable[Note]) -> None:
    """Say on stderr what must be known before the model probability of a film is believed."""
    for note in film_notes.warnings(notes):
        click.echo(f"warning {source} ({note.code}): {note.words}", err=True)


def name_notes(tallies: Iterable[film_notes.Tally]) -> None:
    """What is said of the films of a folder, one line a note: warnings on stderr, facts on stdout."""
    for tally in tallies:
        kind = "warning" if tally.note.warning else "note"
        films = f"{tally.films} film{'s' * (tally.films != 1)}"
        click.echo(
            f"{kind} {tally.note.code}: {films}, such as {tally.example}: {tally.note.words}", err=tally.note.warning
        )


T = TypeVar("T")


@contextlib.contextmanager
def words() -> Iterator[None]:
    """Turn what the rooms refuse into a line on stderr and exit code 1; everything else is a defect and shows."""
    try:
        yield
    except KeyboardInterrupt:
        _fail("Interrupted.")
    except (Stopped, Diverged) as error:
        _fail(str(error))
    except (Refused, OSError) as error:
        _fail(words_of(error))


def end(refused: Iterable[Refusal]) -> NoReturn:
    """Name what was refused on stderr and leave with 1, or with 0 where nothing was."""
    refused = list(refused)
    for refusal in refused:
        click.echo(f"refused {refusal.source} ({refusal.code}): {refusal.words}", err=True)
    sys.exit(bool(refused))


def choice(option: str, value: str, allowed: Sequence[str]) -> None:
    """Wrong usage (exit code 2) where the value is none of the allowed ones."""
    if value not in allowed:
        raise click.UsageError(f"Expected {option} to be one of {', '.join(allowed)}; got {value!r}.")


def whole(path: Path) -> Path:
    """The same place with its name: "." and ".." have none."""
    return Path(os.path.abspath(path))


@contextlib.contextmanager
def table(out: Path) -> Iterator[TextIO]:
    """The file to write a table to; `-` is standard output."""
    if str(out) == "-":
        yield sys.stdout
        return
    with out.open("w", newline="", encoding="utf-8", errors="backslashreplace") as file:
        yield file


def progress(items: Iterable[T], length: int, label: str) -> Iterator[T]:
    """Hand the items on behind a progress bar with an ETA, on stderr."""
    with click.progressbar(items, length=length, label=label, file=sys.stderr, show_pos=True) as bar:
        yield from bar


@contextlib.contextmanager
def bar(label: str) -> Iterator[Callable[[int, int], None]]:
    """A progress bar as a function of (done, all)."""
    with click.progressbar(length=1, label=label, file=sys.stderr, show_pos=True) as shown:

        def move(done: int, total: int) -> None:
            shown.length = total
            shown.update(done - shown.pos)

        yield move


@contextlib.contextmanager
def bars() -> Iterator[Callable[[str, int, int], None]]:
    """Progress bars one after the other, as a function of (what is done, done, all): a new one where that changes."""
    with contextlib.ExitStack() as stack:
        shown: list[tuple[str, Callable[[int, int], None]]] = []

        def move(what: str, done: int, total: int) -> None:
            if not shown or shown[-1][0] != what:
                stack.close()
                shown.append((what, stack.enter_context(bar(what))))
            shown[-1][1](done, total)

        yield move


def _fail(message: str) -> NoReturn:
    click.echo(f"Error: {message}", err=True)
    sys.exit(1)
