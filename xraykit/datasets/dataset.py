"""Labelled films from class folders or a manifest: labels, groups, hashes and the decoded cache.

Reads films through the firewall alone, never changes a folder it reads, and knows nothing of networks.
"""

from __future__ import annotations

import hashlib
import json
import os
import uuid
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

import numpy as np

from xraykit.datasets.layout import DatasetRefused, Layout, Remark, Row, counted, remark
from xraykit.datasets.listing import folder as listing
from xraykit.datasets.reading import groups as grouping
from xraykit.datasets.reading import index
from xraykit.datasets.reading.groups import GroupRule
from xraykit.datasets.reading.index import Entry, Look, Progress
from xraykit.films import ingest, radiograph
from xraykit.films.note import Note
from xraykit.films.refusal import Refusal, reasons
from xraykit.system import files
from xraykit.system.folders import cache_folder, close_private


@dataclass(frozen=True, eq=False)
class Dataset:
    """Readable, labelled films, sorted by path.

    `labels` (N,) int64 index into `classes`; `groups` (N,) int64: films of one patient, or of the same image, share a
    number. `given` (N,) are the parts of a folder or manifest that is divided already: "train", "validation", "test" or
    ""; empty where it is not. `sources` (N,) are the hospitals or datasets that a manifest says the films come from, ""
    where it does not know; empty where no film has one. `fingerprints` (N, 4) uint64, as `groups.fingerprint` gives
    them; (0, 4) where they were not kept. `notes` (N,) is what was noticed when each film was read. `listing` is a
    sha256 over the films and all that folders or manifest say of them: patients, parts, sources, every other column.
    """

    root: Path
    classes: tuple[str, ...]
    films: tuple[str, ...]  # paths below root, with forward slashes, as `files.shown` writes them; `path` opens them
    labels: np.ndarray
    groups: np.ndarray
    hashes: tuple[str, ...]  # sha256 of each file
    group_rule: GroupRule
    refused: tuple[Refusal, ...] = ()
    unlabelled: tuple[str, ...] = ()
    remarks: tuple[Remark, ...] = ()
    given: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    fingerprints: np.ndarray = field(default_factory=lambda: np.zeros((0, 4), np.uint64))
    notes: tuple[tuple[Note, ...], ...] = ()
    listing: str = ""
    cache: Path = field(default_factory=lambda: cache_folder())

    def __len__(self) -> int:
        return len(self.films)

    @cached_property
    def digest(self) -> str:
        """sha256 over classes, film hashes and labels: the same films and labels anywhere give the same digest."""
        rows = sorted(f"{sha} {self.classes[label]}" for sha, label in zip(self.hashes, self.labels, strict=True))
        return hashlib.sha256("\n".join([*self.classes, *rows]).encode()).hexdigest()

    def counts(self, indices: np.ndarray | None = None) -> dict[str, int]:
        """Films per class, of all films or of those at the given indices."""
        labels = self.labels if indices is None else self.labels[indices]
        return {name: int((labels == number).sum()) for number, name in enumerate(self.classes)}

    def path(self, film: str) -> Path:
        """Where a film lies."""
        return self.root / files.named(film)

    def choose(self, indices: Sequence[int]) -> Dataset:
        """Some of the films, with what is known of each; nothing is refused or unlabelled there."""
        return replace(
            self,
            labels=self.labels[indices],
            groups=self.groups[indices],
            refused=(),
            unlabelled=(),
            remarks=(),
            listing="",
            **{name: tuple(getattr(self, name)[i] for i in indices) for name in ("films", "hashes", "notes")},
            given=tuple(self.given[i] for i in indices) if self.given else (),
            sources=tuple(self.sources[i] for i in indices) if self.sources else (),
            fingerprints=self.fingerprints[indices] if len(self.fingerprints) else self.fingerprints,
        )

    def pictures(self) -> np.ndarray:
        """(N, 2, 4) uint64: each film's fingerprint, and that of the whole film squeezed into a square.

        Copies of a film in other datasets are told by either. Where the second is not remembered it is the first;
        (0, 2, 4) without fingerprints.
        """
        known = index.recall(self.root, self.films, self.cache) if len(self.fingerprints) else {}
        wholes = [known[film].whole if film in known else None for film in self.films]
        pairs = zip(self.fingerprints, wholes, strict=False)
        both = [(square, square if whole is None else whole) for square, whole in pairs]
        return np.array(both, np.uint64).reshape(-1, 2, 4)

    def duplicates(self) -> list[tuple[str, ...]]:
        """Sets of films whose files are identical byte for byte."""
        sets: dict[str, list[str]] = {}
        for name, sha in zip(self.films, self.hashes, strict=True):
            sets.setdefault(sha, []).append(name)
        return [tuple(names) for names in sets.values() if len(names) > 1]

    def noted(self) -> dict[str, tuple[Note, ...]]:
        """What is to be said of films, by name, of those of which there is anything."""
        return {film: notes for film, notes in zip(self.films, self.notes, strict=False) if notes}

    def missing(self) -> list[str]:
        """Films whose file is gone since they were read; none is opened."""
        return [name for name in self.films if not os.path.isfile(self.path(name))]

    def mixed_groups(self) -> list[tuple[str, ...]]:
        """Groups with films of more than one class: kept together in a split, and worth a look."""
        members = [np.flatnonzero(self.groups == g) for g in np.flatnonzero(np.bincount(self.groups) > 1)]
        return [tuple(self.films[i] for i in m) for m in members if len(set(self.labels[m])) > 1]

    def crossing_groups(self) -> list[tuple[str, ...]]:
        """Groups with films in more than one part of the division that the folder or manifest gives."""
        if not self.given:
            return []
        members = [np.flatnonzero(self.groups == g) for g in np.flatnonzero(np.bincount(self.groups) > 1)]
        return [tuple(self.films[i] for i in m) for m in members if len({self.given[i] for i in m} - {""}) > 1]

    def squares(self, size: int, channels: int = 1, progress: Progress | None = None) -> np.ndarray:
        """Every film as the network sees it: (N, size, size, channels) uint8, a read-only memory map.

        Decoded once and kept in the cache folder, under the films' hashes and the version of reading.
        """
        key = hashlib.sha256("\n".join([radiograph.READING, *self.hashes]).encode()).hexdigest()[:24]
        path = self.cache / f"{key}-{size}-{channels}.npy"
        if not path.is_file():
            self._decode(path, size, channels, progress)
        return np.load(path, mmap_mode="r")

    def _decode(self, path: Path, size: int, channels: int, progress: Progress | None) -> None:
        close_private(path.parent)
        part = path.with_name(f"{path.stem}.{uuid.uuid4().hex[:8]}.part")
        shape = (len(self), size, size, channels)
        squares = np.lib.format.open_memmap(part, mode="w+", dtype=np.uint8, shape=shape)
        try:
            part.chmod(0o600)
            _take_room(part)
            with ingest.Ingest() as firewall:
                for i, film in enumerate(firewall.read_many(map(self.path, self.films))):
                    if isinstance(film, Refusal):
                        raise DatasetRefused(f"{self.films[i]} could be read before, but not now: {film.words}")
                    squares[i] = film.square(size, channels)
                    if progress:
                        progress(i + 1, len(self))
            squares.flush()
            os.replace(part, path)
        finally:
            part.unlink(missing_ok=True)


def _take_room(path: Path) -> None:
    """Give a new memory map its room on the disk: where there is none, writing to it later would kill the process."""
    if hasattr(os, "posix_fallocate"):
        with path.open("r+b") as file:
            os.posix_fallocate(file.fileno(), 0, path.stat().st_size)


def count_labels(root: str | Path, classes: Sequence[str] = ()) -> dict[str, int]:
    """Files per class, by folder names or manifest alone: no film is opened. Raises as `listing.read`.

    `classes` are names known to be classes.
    """
    return dict(sorted(Counter(row.label for row in listing.read(Path(root), classes).rows).items()))


def read(
    root: str | Path,
    progress: Progress | None = None,
    classes: Sequence[str] | None = None,
    *,
    look: Look | None = None,
    least_classes: int | None = None,
    listed: Layout | None = None,
) -> Dataset:
    """Read a folder of class folders, or a folder with a `manifest.csv` (columns path, label, optionally a patient).

    Every film is decoded once and not again while its file stays the same (`index`); what cannot be read is listed
    in `refused` with the reason, never skipped in silence.
    With `classes` (a model's, in its order) labels must be among them; without, the labels found are the classes.
    `look` is given each film as it is read, refused ones too; what it raises ends the reading. `listed` is what
    `listing.read` gave where that was asked before: files may have come and gone since.

    Raises
    ------
    DatasetRefused
        If there is no such folder, it holds fewer than `least_classes` (two; one with `classes`) with a readable film
        each, or classes that are not among `classes`.
    """
    root = Path(root)
    listed = listed or listing.read(root, classes or ())
    entries = index.read(root, [row.film for row in listed.rows], cache_folder(), progress, look)
    readable = [(row, e) for row, e in zip(listed.rows, entries, strict=True) if not isinstance(e, Refusal)]
    refused = (*(entry for entry in entries if isinstance(entry, Refusal)), *listed.refused)
    labels = tuple(sorted({row.label for row, _ in readable}))
    _check_classes(root, labels, classes, listed, refused, least_classes or (1 if classes else 2))
    classes = tuple(classes or labels)
    fingerprints = np.array([entry.fingerprint for _, entry in readable])
    groups, rule = grouping.group([row.patient for row, _ in readable], fingerprints, listed.patient_column)
    return Dataset(
        root=root,
        classes=classes,
        films=tuple(row.film for row, _ in readable),
        labels=np.array([classes.index(row.label) for row, _ in readable], np.int64),
        groups=groups,
        hashes=tuple(entry.sha256 for _, entry in readable),
        group_rule=rule,
        refused=refused,
        unlabelled=listed.unlabelled,
        remarks=(*listed.remarks, *_unread_classes(listed, labels)),
        given=_where_any([row.part for row, _ in readable]),
        sources=_where_any([row.source for row, _ in readable]),
        fingerprints=fingerprints,
        notes=tuple(entry.notes for _, entry in readable),
        listing=_listing(readable),
    )


def _listing(readable: Sequence[tuple[Row, Entry]]) -> str:
    said = json.dumps([[entry.sha256, *row] for row, entry in readable])  # backslashes for what is no UTF-8
    return hashlib.sha256(said.encode()).hexdigest()


def _where_any(values: Sequence[str]) -> tuple[str, ...]:
    """The values of a column, nothing where all are empty."""
    return tuple(values) if any(values) else ()


def _check_classes(
    root: Path,
    labels: Sequence[str],
    classes: Sequence[str] | None,
    listed: Layout,
    refused: Sequence[Refusal],
    least: int,
) -> None:
    if len(labels) < least:
        why = [f"{reason.count} {reason.code}, as {reason.example}: {reason.words}" for reason in reasons(refused)]
        lines = [
            f"{root} needs readable films of {'a class' if least == 1 else 'two classes or more'}, in class folders or "
            f"listed in a manifest.csv. It has {', '.join(labels) or 'no class'}, and "
            f"{counted(len(refused), 'refused film')}.",
            *why,
            *(each.text for each in (*listed.remarks, *_unread_classes(listed, labels))),
        ]
        if listed.unlabelled:
            lines.append(f"Films without a class: {len(listed.unlabelled):,}, as {listed.unlabelled[0]}.")
        raise DatasetRefused("\n".join(lines), code="too-few-classes")
    if classes and (unknown := sorted(set(labels) - set(classes))):
        raise DatasetRefused(
            f"{root} holds classes that the model does not know: {', '.join(unknown)}. It knows {', '.join(classes)}: "
            "rename the folders, or choose another model."
        )


def _unread_classes(listed: Layout, labels: Sequence[str]) -> tuple[Remark, ...]:
    """Classes that have films, none of which can be read."""
    unread = Counter(row.label for row in listed.rows if row.label not in labels)
    named = [f"{label} ({counted(n, 'film')})" for label, n in sorted(unread.items())]
    return remark("unread-class", "{class} of which no film can be read", named)


def expect(films: Dataset, recorded: dict, name: str) -> None:
    """Raise DatasetRefused where a folder holds other films than `describe` recorded for the run `name`."""
    if recorded.get("digest") == films.digest:
        return
    before = {film["sha256"]: film["film"] for film in recorded.get("films", [])}
    gone = sorted(path for sha, path in before.items() if sha not in set(films.hashes))
    new = len(set(films.hashes) - set(before))
    named = f" ({', '.join(gone[:3])}{', ...' if len(gone) > 3 else ''})" if gone else ""
    changes = f"{len(gone)} are missing or changed{named}, {new} are new" if gone or new else "the classes differ"
    raise DatasetRefused(f"The films in {films.root} are not those that {name} began with: {changes}.")
