"""Films listed in a table: which column says what, and which file each row means. Opens no film."""

from __future__ import annotations

import csv
import io
import os
import re
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath, PureWindowsPath

from xraykit.datasets.layout import PARTS, DatasetRefused, Layout, Remark, Row, counted, remark
from xraykit.datasets.listing import class_folders, names
from xraykit.datasets.listing.class_folders import shown_below
from xraykit.films.folders.walk import Folder
from xraykit.films.refusal import Refusal
from xraykit.system import files

DELIMITERS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}
# In small letters, without spaces and signs
COLUMNS = {
    "path": (
        *("path", "filepath", "filename", "file", "image", "imagepath", "imagename", "imagefile", "imageindex"),
        *("imageid", "img", "imgpath", "imgname", "film", "filmpath"),
    ),
    "label": (
        *("label", "class", "classname", "labels", "finding", "findings", "findinglabels", "findinglabel"),
        *("diagnosis", "category", "classes"),
    ),
    "patient": (
        *("patientid", "group", "patient", "subjectid", "subject", "patientnumber", "patientno", "patientcode", "pid"),
    ),
    "part": ("split", "part", "partition", "subset", "set"),
    "source": ("source", "sources", "sourcename", "dataset", "datasetname", "origin", "site", "hospital"),
}
# The house's own names: of several columns these are taken
OWN = {"path": ("path",), "label": ("label",), "part": ("split",), "source": ("source",)} | {
    "patient": ("patient_id", "group", "patient", "subject_id")
}
EXPECTED = (
    "a column of films (path, filename, image, image_id, Image Index, ...) and a column of classes (label, class, "
    "finding, Finding Labels, diagnosis, ...), divided by commas, semicolons or tabs"
)


@dataclass(frozen=True)
class Table:
    """The rows of a manifest and what its columns mean: a key of COLUMNS to the column's name."""

    name: str
    rows: tuple[dict[str, str], ...]
    columns: dict[str, str]
    remarks: tuple[Remark, ...]


def read(manifest: Path, tree: Folder) -> Layout:
    """The films that a manifest names, in the folder that `tree` is of; paths are below the manifest's own folder.

    Raises
    ------
    DatasetRefused
        If it is no table, has no columns of films and classes, or names a file outside its folder.
    """
    table = parse(manifest.name, manifest.read_bytes())
    return _Listing(table, manifest.parent, tree).layout()


def parse(name: str, data: bytes) -> Table:
    """The rows of a table of films and their classes; DatasetRefused where it is none."""
    text, remarks = _text(name, data)
    text = re.sub(r"\A\s*sep=.\r?\n", "", text).lstrip("\r\n")  # a spreadsheet's own first line
    header, *_ = text.splitlines() or [""]
    fitting = [mark for mark in DELIMITERS if {"path", "label"} <= set(_roles(_split(header, mark)))]
    if not fitting:
        columns = max((_split(header, mark) for mark in DELIMITERS), key=len)
        raise DatasetRefused(
            f"{name} needs {EXPECTED}. Its columns are {', '.join(columns) or 'none'}.",
            code="manifest-columns",
        )
    mark = fitting[0]
    if mark != "," and not name.lower().endswith(".tsv"):
        remarks += (Remark("manifest-delimiter", f"The columns of {name} are divided by {DELIMITERS[mark]}", 1),)
    try:
        first, *lines = csv.reader(io.StringIO(text, newline=""), delimiter=mark)
    except csv.Error:  # its words may hold what stands in a cell
        raise DatasetRefused(
            f"{name} cannot be read as a table: a cell is too long or a quotation mark is never closed. "
            "Save it as CSV in UTF-8.",
            code="manifest",
        ) from None
    heads = [files.csv_text(head.strip()) for head in first]
    lines = [[files.csv_text(cell) for cell in line] for line in lines]
    rows = tuple(
        dict(zip(heads, [*line, *[""] * len(heads)], strict=False)) for line in lines if any(map(str.strip, line))
    )
    roles = {role: columns[0] for role, columns in _roles(heads).items()}
    _refuse_doubt(name, _roles(heads))
    if other := [f"{column} as {role}" for role, column in roles.items() if column not in OWN[role]]:
        remarks += (Remark("manifest-columns", f"Columns read: {', '.join(other)}", len(other)),)
    return Table(name, rows, roles, remarks)


def _text(name: str, data: bytes) -> tuple[str, tuple[Remark, ...]]:
    """A manifest as text: UTF-8, or UTF-16 as spreadsheets save it."""
    zeros = data[:200].count(0)
    if data[:2] in (b"\xff\xfe", b"\xfe\xff") and len(data) % 2 == 0 and zeros:
        encoding = "utf-16"
    elif zeros > 40 and zeros * 3 > len(data[:200]):
        encoding = "utf-16-le" if data[1:2] == b"\0" else "utf-16-be"
    else:
        encoding = "utf-8-sig"
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError:
        called = "UTF-16" if "16" in encoding else "UTF-8"
        raise DatasetRefused(
            f"{name} cannot be read as a table: its text is not {called}. Save it as CSV in UTF-8.",
            code="manifest-encoding",
        ) from None
    remarks = (Remark("manifest-encoding", f"{name} is in UTF-16", 1),) if "16" in encoding else ()
    return text, remarks


def _split(header: str, mark: str) -> list[str]:
    try:
        return [column.strip() for column in next(csv.reader([header], delimiter=mark), [])]
    except csv.Error:
        return []


def _roles(columns: Sequence[str]) -> dict[str, list[str]]:
    """What columns mean, by role: those of the first names come first."""
    known = {role: {name: place for place, name in enumerate(synonyms)} for role, synonyms in COLUMNS.items()}
    roles: dict[str, list[str]] = {}
    for role, places in known.items():
        fitting = [column for column in columns if _plain(column) in places]
        if fitting:
            roles[role] = sorted(fitting, key=lambda column: (column not in OWN[role], places[_plain(column)]))
    return roles


def _plain(column: str) -> str:
    return re.sub(r"[\W_]+", "", column.casefold())


def _refuse_doubt(name: str, roles: dict[str, list[str]]) -> None:
    """Two columns that may both be the class or the film, neither or both by the name of the house."""
    for role in ("path", "label"):
        columns = roles[role]
        named = [_plain(column) for column in columns]
        if len(columns) > 1 and named.count(role) != 1:
            raise DatasetRefused(
                f"{name} has {counted(len(columns), 'column')} that may be the {role}: {', '.join(columns)}. Name the "
                f"right one {role}, and no other.",
                code="manifest-columns",
            )


@dataclass
class _Listing:
    """A manifest being laid beside the files of its folder."""

    table: Table
    folder: Path
    tree: Folder
    known: frozenset[str] = frozenset()  # every film below the manifest's folder
    exact: set[str] = field(default_factory=set)  # those that rows name as they are
    finders: dict[str, dict[str, list[str]]] = field(default_factory=dict)
    found_by: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    refused: list[Refusal] = field(default_factory=list)

    def layout(self) -> Layout:
        whole = {shown_below(self.folder, film) for film in self.tree.all_films()}
        masks = class_folders.take_masks(self.tree)
        own = {shown_below(self.folder, film) for film in self.tree.all_films()}
        in_masks = whole - own
        self.known = frozenset(whole)
        rows = self._rows()
        if any(row.film in own for row in rows):  # else the manifest is about masks, and means them
            listed_masks = [row.film for row in rows if row.film in in_masks]
            rows = [row for row in rows if row.film not in in_masks]
        else:
            listed_masks, masks = [], {}
        rows, doubled = _once(rows)
        unlisted = sorted(own - {row.film for row in rows} - {row.film for row in doubled.contrary})
        prefix = self.folder.relative_to(self.tree.path).as_posix()
        at = "" if prefix == "." else f"{files.shown(prefix)}/"
        labelled = tuple(row._replace(film=at + row.film) for row in rows if row.label)
        return Layout(
            rows=labelled,
            unlabelled=tuple(at + row.film for row in rows if not row.label),
            patient_column=self.table.columns.get("patient", ""),
            refused=tuple(Refusal(at + refusal.source, refusal.code, refusal.words) for refusal in self.refused),
            remarks=(
                *self.table.remarks,
                *self._remarks(rows, doubled, listed_masks),
                *remark("not-listed", f"Left out: {{film}} not in {self.table.name}", unlisted),
                *class_folders.remarks_on_masks(self.tree, masks),
            ),
        )

    def _rows(self) -> list[Row]:
        column = self.table.columns
        divided = self._is_divided()
        read = {name for role, name in column.items() if divided or role != "part"}
        others = sorted({*self.table.rows[0]} - read) if self.table.rows else []
        given = [cells[column["path"]].strip() for cells in self.table.rows]
        for name in given:
            if not name or _leads_outside(name):
                raise DatasetRefused(
                    f"Every path in {self.table.name} must lie below the folder; got {name!r}.", code="manifest-path"
                )
        as_given = [self._as_given(name) for name in given]
        self.exact = {*filter(None, as_given)}
        listed = []
        for name, exact, cells in zip(given, as_given, self.table.rows, strict=True):
            if film := exact or self._find(name):
                patient = names.said(cells[column["patient"]]) if "patient" in column else ""
                part = names.part_of(cells[column["part"]]) if divided else ""
                source = names.label_of(cells[column["source"]]) if "source" in column else ""
                rest = tuple((other, cells[other].strip()) for other in others)
                listed.append(Row(film, names.label_of(cells[column["label"]]), patient, part, source, rest))
        return sorted(listed)

    def _is_divided(self) -> bool:
        """Whether the column says parts: each cell that is not empty names training, validation or test."""
        if "part" not in self.table.columns:
            return False
        said = {cells[self.table.columns["part"]].strip() for cells in self.table.rows} - {""}
        return bool(said) and all(map(names.part_of, said))

    def _as_given(self, given: str) -> str:
        """The file of exactly this path; "" where there is none."""
        plain = str(PurePosixPath(given))
        for name in (plain, files.shown(plain)):  # a name that is no UTF-8 may be given as it is shown
            if name in self.known or os.path.lexists(self.folder / files.named(name)):
                return name
        return ""

    def _find(self, given: str) -> str:
        """The only file that a row can mean otherwise; its path as given where no file fits, "" where several do."""
        path = _forward(given)
        for way, (key, fits) in WAYS.items():
            fitting = [film for film in self._finder(way).get(key(path), ()) if fits(path, film)]
            if way in ELSEWHERE:
                fitting = [film for film in fitting if film not in self.exact]
            if len(fitting) == 1:
                self.found_by[way].append(f"{files.shown(given)} is {fitting[0]}")
                return fitting[0]
            if fitting:
                words = f"{counted(len(fitting), 'file')} fit this name in {self.table.name}: "
                words += f"{', '.join(fitting[:3])}. Write the whole path."
                self.refused.append(Refusal(files.shown(given), "ambiguous", words))
                return ""
        return files.shown(path)

    def _finder(self, way: str) -> dict[str, list[str]]:
        """The films by what a way compares of them."""
        if way not in self.finders:
            self.finders[way] = finder = defaultdict(list)
            for film in sorted(self.known):
                finder[WAYS[way][0](film)].append(film)
        return self.finders[way]

    def _remarks(self, rows: Sequence[Row], doubled: _Doubled, masks: Sequence[str]) -> Iterator[Remark]:
        for way, words in FOUND.items():
            yield from remark(f"manifest-{way}", words, self.found_by[way])
        yield from remark("masks-listed", f"Left out as masks: {{film}} of {self.table.name}", masks)
        yield from remark(
            "listed-twice", "{film} listed more than once with the same class, counted once", doubled.same
        )
        yield from remark(
            "listed-with-two-classes",
            "Left out: {film} listed with several classes, so that none is certain",
            [f"{film} ({', '.join(labels)})" for film, labels in doubled.labels.items()],
        )
        yield from remark(
            "listed-in-two-parts",
            "{film} listed in several parts, counted in training, or in validation where not there",
            doubled.in_parts,
        )
        several = [f"{row.film} ({row.label})" for row in rows if "|" in row.label]
        yield from remark(
            "several-findings",
            "{film} with several findings joined by |; each combination counts as a class of its own",
            several,
        )
        if "part" in self.table.columns and not self._is_divided():
            column = self.table.columns["part"]
            said = sorted({cells[column].strip() for cells in self.table.rows} - {""})
            yield from remark(
                "no-division",
                f"The column {column} is not read as a division: it holds {{value}} beside train, validation and test",
                [value for value in said if not names.part_of(value)],
            )
        raw = self.table.columns["label"]
        yield from class_folders.merged_remarks(
            (cells[raw], names.label_of(cells[raw])) for cells in self.table.rows if names.label_of(cells[raw])
        )


@dataclass
class _Doubled:
    """Films that several rows name."""

    same: list[str] = field(default_factory=list)
    contrary: list[Row] = field(default_factory=list)
    labels: dict[str, list[str]] = field(default_factory=dict)
    in_parts: list[str] = field(default_factory=list)


def _once(rows: Iterable[Row]) -> tuple[list[Row], _Doubled]:
    """Each film once; those that rows give several classes are taken out."""
    by_film: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        by_film[row.film].append(row)
    once, doubled = [], _Doubled()
    for film, several in by_film.items():
        labels = sorted({row.label for row in several})
        if len(labels) > 1:
            doubled.labels[film] = labels
            doubled.contrary += several
            continue
        if len(several) > 1:
            doubled.same.append(film)
        parts = {row.part for row in several} - {""}
        if len(parts) > 1:
            doubled.in_parts.append(f"{film} ({', '.join(sorted(parts))})")
        # sorted: the last has a patient where one has; what is learned from is never tested on
        once.append(several[-1]._replace(part=next((part for part in PARTS if part in parts), "")))
    return once, doubled


def _leads_outside(path: str) -> bool:
    windows = PureWindowsPath(path)  # splits at both kinds of slash
    return bool(windows.drive or windows.root) or ".." in windows.parts or "\0" in path


def _forward(path: str) -> str:
    return str(PurePosixPath(path.replace("\\", "/")))


def _folded(path: str) -> str:
    return unicodedata.normalize("NFC", path).casefold()


def _bare(path: str) -> str:
    """Without the ending, where it is one of a film."""
    return re.sub(r"\.(png|jpe?g|dcm|dicom|ima)$", "", path)


def _any(given: str, film: str) -> bool:
    return True


def _has_no_ending(given: str, film: str) -> bool:
    return _bare(_folded(given)) == _folded(given)


def _ends_alike(given: str, film: str) -> bool:
    """Whether one of two paths is the end of the other, so that only folders before it differ."""
    folders, other = (_folded(path).split("/") for path in (given, film))
    n = min(len(folders), len(other))
    return folders[-n:] == other[-n:]


def _ends_alike_but_for_the_ending(given: str, film: str) -> bool:
    return _has_no_ending(given, film) and _ends_alike(given, _bare(_folded(film)))


# Other ways to find a file, the surest first: what is compared, and whether a file of that fits
WAYS: dict[str, tuple[Callable[[str], str], Callable[[str, str], bool]]] = {
    "backslashes": (lambda path: path, _any),
    "spelling": (_folded, _any),
    "without-ending": (lambda path: _bare(_folded(path)), _has_no_ending),
    "elsewhere": (lambda path: PurePosixPath(_folded(path)).name, _ends_alike),
    "elsewhere-without-ending": (
        lambda path: _bare(PurePosixPath(_folded(path)).name),
        _ends_alike_but_for_the_ending,
    ),
}
ELSEWHERE = ("elsewhere", "elsewhere-without-ending")
FOUND = {
    "backslashes": "{path} with backslashes between folders",
    "spelling": "{name} found though upper and lower case or Unicode's form differ",
    "without-ending": "{name} without ending, each found as the only file that fits",
    "elsewhere": "{name} found in another folder, each as the only file of that name",
    "elsewhere-without-ending": "{name} without ending found in another folder, each as the only file that fits",
}
