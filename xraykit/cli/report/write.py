"""What every `report` command has in common: --out, --format, --look and --full, and the files that they ask for."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from xraykit.cli import terminal
from xraykit.cli.terminal import FILE
from xraykit.system import text

if TYPE_CHECKING:
    from xraykit.reports.report.page import Report

DEFAULT, ALL, DICOM = "html,json", "all", "dicom"
SIZES = {"pdf-wide": "-wide", "png-2160p": "-2160p", "png-a4": "-a4"}  # two files of one suffix
SHORT = {"md": "markdown"}
LOOKS = ("paper", "stage")
Command = TypeVar("Command", bound=Callable[..., Any])


def options(command: Command) -> Command:
    """--out, --format, --look and --full, as the arguments out, formats, look and full."""
    for option in reversed(
        (
            click.option("--out", type=FILE, required=True, help="A folder for the files; or one file, as talk.pdf."),
            click.option(
                "--format",
                "formats",
                help="Formats with commas between: html,pdf,pptx. all: every one; ?: lists them.  [default: "
                f"{DEFAULT}, or what the --out file ends in]",
            ),
            click.option(
                "--look",
                type=click.Choice(LOOKS),
                default="paper",
                show_default=True,
                help="Light for paper, or dark for a stage.",
            ),
            click.option("--full", is_flag=True, help="With the appendix: tables that say a chart again, and more."),
        )
    ):
        command = option(command)
    return command


@dataclass(frozen=True)
class Wanted:
    """The files asked for: `kinds` of formats into the folder `out`, or into the one `file`."""

    kinds: tuple[str, ...]
    out: Path
    file: Path | None = None
    look: str = "paper"
    full: bool = False

    @property
    def pages(self) -> tuple[str, ...]:
        """The formats that show the whole page."""
        return tuple(kind for kind in self.kinds if kind != DICOM)

    def write(self, page: Report, stem: str) -> list[Path]:
        """Write the report in each format, named `stem` in the folder; returns the files."""
        from xraykit.reports.export import formats
        from xraykit.system import files

        made = []
        for kind in self.pages:
            file = formats.export(page, kind, look=self.look, name=f"{stem}{SIZES.get(kind, '')}", full=self.full)  # type: ignore[arg-type]
            if self.file is None:
                path = self.out / file.name
            else:  # several pages are one archive, whatever was asked for
                path = self.file.with_suffix(Path(file.name).suffix)
            path.parent.mkdir(parents=True, exist_ok=True)
            files.replace_bytes(path, file.content, shared=True)
            made.append(path)
        return made

    def tell(self, page: Report, stem: str) -> None:
        """Write the report, and name the files."""
        for path in self.write(page, stem):
            click.echo(path)


def wanted(out: Path, formats: str | None, look: str, full: bool, *, films: bool = False) -> Wanted:
    """What was asked for; wrong usage where there is no such format, or a file's name says another.

    `films`: formats of film reports alone may be among them.
    """
    from xraykit.reports.export.formats import FORMATS

    allowed = [kind for kind, form in FORMATS.items() if films or not form.films]
    suffixes: dict[str, str] = {}
    for kind in allowed:
        suffixes.setdefault(f".{FORMATS[kind].suffix}", kind)
    is_folder = os.path.isdir(out)  # false, too, of a name that is too long for one
    by_name = None if is_folder else suffixes.get(out.suffix.lower())
    is_file = os.path.lexists(out) or re.fullmatch(r"\.[A-Za-z]{3,5}", out.suffix)
    if by_name is None and not is_folder and is_file:
        raise click.UsageError(
            f"Expected a folder, or a file that ends in {', '.join(suffixes)}; got {text.quoted(out.name)}."
        )
    if formats is None:
        kinds = _kinds(by_name or DEFAULT, allowed)
    else:
        kinds = _kinds(formats, allowed)
    if by_name is None:
        return Wanted(kinds, out, None, look, full)
    if {FORMATS[kind].suffix for kind in kinds} != {FORMATS[by_name].suffix} or len(kinds) > 1:
        raise click.UsageError(
            f"{out.name} is a file of the format {by_name}; --format asks for {', '.join(kinds)}. Give --out a folder."
        )
    return Wanted(kinds, out.parent, out, look, full)


def stem(*parts: str) -> str:
    """The name of a file without its suffix, of letters that every system takes."""
    readable = (re.sub(r"[^A-Za-z0-9._-]+", "-", part).strip("-.")[:60] for part in parts)
    return "-".join(filter(None, readable))


def _kinds(formats: str, allowed: Sequence[str]) -> tuple[str, ...]:
    """At least one of the formats of "html,json"."""
    given = [SHORT.get(part.strip().lower(), part.strip().lower()) for part in formats.split(",") if part.strip()]
    if given == [ALL]:
        return tuple(allowed)
    for kind in given or [""]:
        terminal.choice("--format", kind, [*allowed, ALL])
    return tuple(dict.fromkeys(given))
