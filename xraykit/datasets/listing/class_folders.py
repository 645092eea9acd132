"""Films labelled by the folders they lie in: masks and copies left out, folders around them and parts understood."""

from __future__ import annotations

import filecmp
import os
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath

from xraykit.datasets.layout import DatasetRefused, Layout, Remark, Row, counted, remark
from xraykit.datasets.listing import names
from xraykit.films.folders.walk import Folder
from xraykit.system import files

COMPARED = 5  # files of a nested copy that are compared byte for byte; of the others name and size


def read(tree: Folder, classes: Sequence[str] = ()) -> Layout:
    """The films of a folder; `classes` are names known to be classes, so that no such folder is taken for a wrapper.

    A film is of the class that the topmost folder names, after a folder around everything and a division into
    training, validation and test are taken off. Films beside the class folders have no label.

    Raises
    ------
    DatasetRefused
        If the folder holds several datasets.
    """
    return _Reading(tree, classes).layout()


class _Reading:
    """One folder being read: rows, films without a class, and what there is to say."""

    def __init__(self, tree: Folder, classes: Sequence[str]) -> None:
        self.tree, self.classes = tree, set(classes)
        self.rows: list[Row] = []
        self.unlabelled: list[str] = []
        self.empty: list[Folder] = []
        self.copies: list[Folder] = []
        self.beside: list[Folder] = []

    def layout(self) -> Layout:
        masks = take_masks(self.tree)
        level = self._level(self.tree)
        if _is_divided(level):
            self._read_parts(level, _parts(level))
        elif several := self._datasets(level):
            raise DatasetRefused(
                f"{self.tree.path} holds several datasets, each divided into training and test: "
                f"{', '.join(_shown(self.tree, folder) for folder in several)}. Choose one of these folders.",
                code="several-datasets",
            )
        else:
            self._read_classes(level)
        placed = {row.film for row in self.rows} | {_shown(self.tree, film) for film in self._left_out_films()}
        self.unlabelled = sorted(
            name for film in self.tree.all_films() if (name := _shown(self.tree, film)) not in placed
        )
        return Layout(
            rows=tuple(sorted(self.rows)),
            unlabelled=tuple(self.unlabelled),
            remarks=(*self._remarks(level), *remarks_on_masks(self.tree, masks)),
        )

    def _level(self, folder: Folder, part: str = "") -> Folder:
        """The folder whose folders are the classes or parts: this one, or the one inside that holds everything."""
        self._take_copies(folder)
        inside = [inner for inner in folder.folders if inner.holds_films]
        if len(inside) != 1 or names.label_of(inside[0].name) in self.classes:
            return folder
        (only,) = inside
        same_part = bool(part) and names.part_of(only.name) == part
        if len(folder.folders) > 1 and not same_part and not _is_divided(only):
            return folder  # the folders beside it may be classes without a film
        deeper = self._level(only, part)
        wraps = not only.films and sum(inner.holds_films for inner in deeper.folders) > 1
        return deeper if wraps or (same_part and only.folders) else folder

    def _take_copies(self, folder: Folder) -> None:
        """Take folders out that hold films once more that lie beside them, under the same names."""
        for inner in list(folder.folders):
            beside = {other.name for other in folder.folders if other is not inner}
            if beside & {child.name for child in inner.folders}:
                self._take_copies(inner)
                if _is_copy(inner, folder.path):
                    folder.folders.remove(inner)
                    self.copies.append(inner)

    def _datasets(self, level: Folder) -> list[Folder]:
        """The folders of a level where each is a divided dataset of its own; none where they are classes."""
        inside = [self._level(inner) for inner in level.folders if inner.holds_films]
        whole = all(_is_divided(folder) and _holds_classes(folder) for folder in inside)
        return inside if whole and len(inside) > 1 else []

    def _read_parts(self, level: Folder, parts: dict[Folder, str]) -> None:
        several = (folder.folders for folder in parts if len(folder.folders) > 1)
        self.classes |= {names.label_of(inner.name) for folders in several for inner in folders}
        for folder in level.folders:
            if folder in parts:
                self._read_classes(self._level(folder, parts[folder]), parts[folder])
            elif _is_divided(inner := self._level(folder)):  # no copy: it has films of its own
                self._read_parts(inner, _parts(inner))
            elif folder.holds_films:
                self.beside.append(folder)

    def _read_classes(self, level: Folder, part: str = "") -> None:
        divided = not part and _classes_are_divided(level)
        for folder in level.folders:
            label = names.label_of(folder.name)
            if not folder.holds_films:
                self.empty.append(folder)
            for inner in folder.folders if divided else ():
                self._take(inner, label, names.part_of(inner.name))
            if not divided:
                self._take(folder, label, part)

    def _take(self, folder: Folder, label: str, part: str) -> None:
        self.rows += (Row(_shown(self.tree, film), label, "", part) for film in folder.all_films())

    def _left_out_films(self) -> Iterator[Path]:
        for folder in self.beside:
            yield from folder.all_films()

    def _remarks(self, level: Folder) -> Iterator[Remark]:
        if level is not self.tree:
            yield Remark(
                "wrapper",
                f"Everything lies in {_shown(self.tree, level)}: that folder is read",
                1,
            )
        yield from _films_left_out(
            self.tree, self.copies, "nested-copy", "Left out: {films} in {folders} that copy what lies beside them"
        )
        yield from _films_left_out(
            self.tree,
            self.beside,
            "beside-parts",
            "Left out: {films} in {folders} beside training, validation and test",
        )
        filled = {row.label for row in self.rows}
        empty = sorted({_shown(self.tree, f) for f in self.empty if names.label_of(f.name) not in filled})
        yield from remark("empty-class", "{folder} without a film, no class of this dataset", empty)
        yield from merged_remarks((folder.name, names.label_of(folder.name)) for folder in self._class_folders(level))

    def _class_folders(self, level: Folder) -> Iterator[Folder]:
        labels = {row.label for row in self.rows}
        for folder in level.all_folders():
            if folder is not level and folder.holds_films and names.label_of(folder.name) in labels:
                yield folder


def take_masks(tree: Folder) -> dict[str, list[Path]]:
    """Take masks and label maps out of the tree; the files by the folder that holds them, as a path."""
    taken: dict[str, list[Path]] = defaultdict(list)
    for folder in list(tree.all_folders()):
        beside_images = any(names.holds_images(inner.name) for inner in folder.folders)
        for inner in list(folder.folders):
            if names.is_mask_folder(inner.name) or (beside_images and names.may_hold_masks(inner.name)):
                folder.folders.remove(inner)
                taken[_shown(tree, inner)] = list(inner.all_films())
        stems = {PurePosixPath(name).stem for name in folder.films}
        if companions := names.masks_among(stems):
            masks = [name for name in folder.films if PurePosixPath(name).stem in companions]
            folder.films = [name for name in folder.films if name not in masks]
            taken[_shown(tree, folder)] += [folder.path / name for name in masks]
    return {folder: masks for folder, masks in taken.items() if masks}


def remarks_on_masks(tree: Folder, masks: dict[str, list[Path]]) -> tuple[Remark, ...]:
    """How many masks were left out, and where; and what else the walk met that is no film."""
    folders = [f"{folder} ({counted(len(films), 'file')})" for folder, films in masks.items()]
    n = sum(map(len, masks.values()))
    words = f"Left out as masks: {counted(n, 'file')} in {counted(len(folders), 'folder')}"
    yes = (Remark("masks", words, n, tuple(folders[:3])),) if n else ()
    met = list(tree.all_folders())

    def all_of(kind: str) -> list[str]:
        return [_shown(tree, folder.path / name) for folder in met for name in getattr(folder, kind)]

    return (
        *yes,
        *remark("litter", "Left out: {folder} that file managers or programs leave behind", all_of("litter")),
        *remark("no-films", "{file} not taken for films by name (tables, notes)", all_of("others")),
        *remark("circular-link", "Not read again: {folder} linked to what is read already", all_of("circular")),
        *remark("closed-folder", "Left out: {folder} without permission to look into", all_of("closed")),
    )


def merged_remarks(named: Iterator[tuple[str, str]]) -> Iterator[Remark]:
    """Names that were taken for one class: they differ in spaces around them or in how Unicode composes letters."""
    spellings: dict[str, set[str]] = defaultdict(set)
    for name, label in named:
        spellings[label].add(name)
    for label, several in sorted(spellings.items()):
        if len(several) > 1:
            written = tuple(ascii(name) for name in sorted(several))
            yield Remark(
                "merged-class",
                f"One class {label}: {counted(len(several), 'name')} that differ in spaces around them or in how "
                "Unicode writes their letters",
                len(several),
                written[:3],
            )


def _parts(folder: Folder) -> dict[Folder, str]:
    """The folders in it that name a part and hold films."""
    return {inner: part for inner in folder.folders if (part := names.part_of(inner.name)) and inner.holds_films}


def _is_divided(folder: Folder) -> bool:
    return len(set(_parts(folder).values())) > 1


def _holds_classes(divided: Folder) -> bool:
    """Whether the parts of a divided folder hold class folders; in a class folder that is divided they hold films."""
    return any(sum(inner.holds_films for inner in part.folders) > 1 for part in _parts(divided))


def _classes_are_divided(level: Folder) -> bool:
    """Whether each class folder holds the parts, instead of each part the classes: COVID/train, COVID/test."""
    inside = [folder for folder in level.folders if folder.holds_films]
    kinds = {part for folder in inside for part in _parts(folder).values()}
    whole = all(
        not folder.films and len(_parts(folder)) == sum(inner.holds_films for inner in folder.folders)
        for folder in inside
    )
    return whole and len(kinds) > 1


def _is_copy(inner: Folder, beside: Path) -> bool:
    """Whether every film in a folder lies beside it too, under the same path below, of the same size and content."""
    pairs = [(film, beside / film.relative_to(inner.path)) for film in inner.all_films()]
    if not pairs or not all(_same_size(*pair) for pair in pairs):
        return False
    compared = pairs[:: max(1, len(pairs) // COMPARED)]
    try:
        return all(filecmp.cmp(*pair, shallow=False) for pair in compared)
    except OSError:  # gone since, or not to be read: a film of its own, refused by name
        return False


def _same_size(film: Path, other: Path) -> bool:
    try:
        return os.path.getsize(film) == os.path.getsize(other)
    except OSError:
        return False


def _films_left_out(tree: Folder, folders: Sequence[Folder], code: str, words: str) -> Iterator[Remark]:
    if folders:
        n = sum(sum(1 for _ in folder.all_films()) for folder in folders)
        said = words.format(films=counted(n, "film"), folders=counted(len(folders), "folder"))
        yield Remark(code, said, n, tuple(_shown(tree, folder) for folder in folders[:3]))


def shown_below(root: Path, path: Path) -> str:
    """A path below another one with forward slashes, as `files.shown` writes it."""
    above = 0 if root == Path() else len(os.fspath(root))  # `relative_to` takes seconds for 100,000 films
    below = os.fspath(path)[above:].lstrip(os.sep)
    return files.shown(below.replace(os.sep, "/"))


def _shown(tree: Folder, place: Folder | Path) -> str:
    return shown_below(tree.path, place.path if isinstance(place, Folder) else place)
