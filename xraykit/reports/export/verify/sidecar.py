"""Sidecar: a report's JSON as a stranger may hand it in: read without trust, refused in words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from xraykit.refused import Refused, field_of
from xraykit.reports.export.verify import agreement
from xraykit.reports.film import software
from xraykit.reports.report.page import FORMAT
from xraykit.system import files, folders

MOST_BYTES = 64 * 2**20
NO_REDO = "Only reports that `python -m xraykit report` or a page's Report button writes as JSON do."
T = TypeVar("T")


class NotVerified(Refused):
    """A report that cannot be made again; the words say what is missing."""

    code = "not-verified"


@dataclass(frozen=True)
class Sidecar:
    """A report's JSON: its file's `name`, all it holds, and what of it makes it again."""

    name: str
    held: dict[str, Any]
    redo: dict[str, Any]

    @property
    def verb(self) -> str:
        verb = self.redo.get("verb")
        return verb if isinstance(verb, str) else ""

    @property
    def versions(self) -> dict[str, str]:
        """Of the software that made it, by package."""
        held = self.redo.get("versions")
        return {str(k): str(v)[:100] for k, v in held.items()} if isinstance(held, dict) else {}

    def recipe(self, kind: type[T]) -> T:
        """What makes it again, each value of its type.

        Raises
        ------
        NotVerified
            Where a value is another's.
        """
        try:
            return msgspec.convert(self.redo, kind)
        except (msgspec.ValidationError, RecursionError) as error:
            of_what = self.verb.removeprefix("report ")
            raise NotVerified(
                f"{self.name} holds something else as redo.{field_of(error)} than a {of_what} report does. It was "
                "changed by hand, or another program wrote it."
            ) from None

    def plain(self, name: str, what: str) -> str:
        """A name that is no path; NotVerified where it could lead elsewhere."""
        if not folders.is_plain_name(name):
            raise NotVerified(f"{self.name} names a {what} that no {what} can be called. It was changed by hand.")
        return name


def read(path: Path) -> Sidecar:
    """A JSON file that says how to make its report again.

    Raises
    ------
    NotVerified
        If it is something else.
    FileRefused
        If it cannot be read.
    """
    name = files.shown(path.name)[:200]
    data = files.read_plain(path, MOST_BYTES)
    try:
        held = msgspec.json.decode(data, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        raise NotVerified(f"Expected a report as JSON in {name}; got something else, or a part of one.") from None
    redo = held.get("redo")
    if not isinstance(redo, dict) or "verb" not in redo:
        raise NotVerified(f"{name} does not say how to make it again. {NO_REDO}")
    if (version := held.get("format", FORMAT)) != FORMAT:
        raise NotVerified(
            f"{name} is a report of the format {agreement.short(version)}; this xraykit reads {FORMAT}. Update "
            "xraykit, or make the report again."
        )
    return Sidecar(name, held, redo)


def other_software(then: Mapping[str, str]) -> list[str]:
    """Each package whose version was another: "numpy 1.0 then, 2.4 now"."""
    now = software.versions()
    return [
        f"{name} {then.get(name, 'none')} then, {now.get(name, 'none')} now"
        for name in dict.fromkeys([*then, *now])
        if then.get(name) != now.get(name)
    ]
