"""What is found in a folder of films before a film is opened: labelled films, and remarks on how it was read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

from xraykit.films.refusal import Refusal
from xraykit.refused import Refused

MANIFESTS = ("manifest.csv", "manifest.tsv")  # in small letters
PARTS = ("train", "validation", "test")
EXAMPLES = 3  # names beside a count; more would hide the others


class DatasetRefused(Refused):
    """A folder that cannot be used as a dataset; the message says what is wrong and what to do."""

    code = "dataset"


class Row(NamedTuple):
    """A film: its path below the root with forward slashes, as `files.shown` writes it, and what is known of it.

    `patient` is "" where unknown; `part` is "train", "validation" or "test" where the folder or manifest is divided;
    `source` is the hospital, dataset or device that the manifest says the film comes from; `cells` are the manifest's
    other columns, each with its name.
    """

    film: str
    label: str
    patient: str = ""
    part: str = ""
    source: str = ""
    cells: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Remark:
    """Something that a reader of a folder must know: what was left out, taken for another name, is missing.

    Attributes
    ----------
    code : str
        Short, for programs: "masks", "nested-copy", "empty-class", ...
    words : str
        For people, the count among them; the examples and a full stop come after.
    count : int
        How many files, folders or rows it is about.
    examples : tuple of str
        A few of their names.
    """

    code: str
    words: str
    count: int
    examples: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """The words with the examples, on one line."""
        if not self.examples:
            return f"{self.words}."
        return f"{self.words}{', such as' if self.count > EXAMPLES else ':'} {', '.join(self.examples)}."

    def to_json(self) -> dict[str, Any]:
        """Plain data for data.json and films.json."""
        return asdict(self) | {"examples": list(self.examples)}


@dataclass(frozen=True)
class Layout:
    """The labelled films and the paths of those without a label, both sorted by path.

    `patient_column` is the manifest's column of patient ids, "" where there is none; `refused` are films that the
    manifest names and no file answers to.
    """

    rows: tuple[Row, ...]
    unlabelled: tuple[str, ...]
    patient_column: str = ""
    remarks: tuple[Remark, ...] = ()
    refused: tuple[Refusal, ...] = ()


def is_manifest(name: str) -> bool:
    """Whether a file of this name lists films and their classes."""
    return name.lower() in MANIFESTS


def remark(code: str, words: str, names: Sequence[str]) -> tuple[Remark, ...]:
    """One remark on these names, none where there are none; {film} in `words` becomes "2 films", and so on."""
    if not names:
        return ()
    nouns = {noun: counted(len(names), noun) for noun in ("film", "file", "folder", "name", "path", "value")}
    nouns["class"] = counted(len(names), "class", "classes")
    return (Remark(code, words.format(**nouns), len(names), tuple(names[:EXAMPLES])),)


def counted(n: int, noun: str, nouns: str = "") -> str:
    """1 film, 2 films."""
    return f"{n:,} {noun if n == 1 else nouns or f'{noun}s'}"


def read_remarks(recorded: Sequence[Mapping[str, Any]]) -> tuple[Remark, ...]:
    """The remarks that data.json or films.json recorded; none in files of before there were any."""
    return tuple(Remark(r["code"], r["words"], r["count"], tuple(r["examples"])) for r in recorded)
