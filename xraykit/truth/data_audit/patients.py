"""Whose film is it? Patients by the manifest, else by file names that are made so, and by another dataset's copy.

A patient's number never leaves this room: findings name films.
"""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from xraykit.truth.data_audit.collect import Collection
from xraykit.truth.data_audit.copies.twins import Elsewhere, components

# Names of files and folders that hold a patient's number, with what is known to be made so
NAMES = (
    ("NIH ChestX-ray14", re.compile(r"(?:^|/)(\d{8})_\d{3}\.[^/]*$")),
    ("CheXpert", re.compile(r"(?:^|/)(patient\d+)/")),
    ("MIMIC-CXR", re.compile(r"(?:^|/)(p\d{8})/")),
    ("Kermany", re.compile(r"(?:^|/)(person\d+_(?:bacteria|virus))_\d+\.[^/]*$")),
    ("Kermany", re.compile(r"(?:^|/)(?:NORMAL2-)?(IM-\d+)-\d+[^/]*$")),
    (
        "a word for patient",
        re.compile(r"(?i)(?:^|[^a-z])((?:patient|pat|subject|subj|sub|person|pid|pt)[-_ ]?\d+)(?!\d)"),
    ),
    ("a word for patient", re.compile(r"(?i)(?:^|/)(p[-_]?\d+)[-_ .][^/]*\.[^/.]*$")),
)
LEAST = 0.2  # share of the films whose names must be made so; fewer are a chance
WORDS = {"patient", "pat", "subject", "subj", "sub", "person", "p", "pid", "pt", "id", "no", "number", "case"}


@dataclass(frozen=True)
class Patients:
    """Who is on each film, as far as that is known.

    Attributes
    ----------
    ids : list of str
        One a film, as it is written, "" where it is not known.
    persons : list of str
        A name a film, "" where it is not known: films with the same are of one person, as far as can be told.
    origin : str
        Where it is known from, in words; empty where it is not.
    spelt : list of list of str
        Numbers that differ in capitals, marks, zeros before and words such as "patient" alone.
    borrowed : int
        Films whose patient is known from another dataset's copy of them alone.
    roaming : dict
        Numbers that films of several sources have, with the places of these films.
    """

    ids: list[str]
    persons: list[str]
    origin: str
    spelt: list[list[str]]
    borrowed: int
    roaming: dict[str, list[int]]

    @property
    def known(self) -> int:
        """Films whose patient is known."""
        return sum(map(bool, self.persons))

    def pairs(self) -> list[tuple[int, int]]:
        """Films of one person, each with the first of them, by their places."""
        first: dict[str, int] = {}
        return [
            (first[person], place)
            for place, person in enumerate(self.persons)
            if person and first.setdefault(person, place) != place
        ]

    def films_by_person(self) -> dict[str, list[int]]:
        """The places of each person's films."""
        by_person: dict[str, list[int]] = defaultdict(list)
        for place, person in enumerate(self.persons):
            if person:
                by_person[person].append(place)
        return dict(by_person)


def identify(collection: Collection, elsewhere: Sequence[Elsewhere] = ()) -> Patients:
    """Find out whose films they are."""
    ids = [row.patient for row in collection.rows]
    column = collection.films.group_rule.column or "patient_id"
    origin = f"the manifest's column {column}" if any(ids) else ""
    if not origin:
        ids, origin = _by_names(collection.films.films)
    ids, borrowed, lenders = _borrow(collection, ids, elsewhere)
    if borrowed:
        origin = " and ".join(filter(None, (origin, f"copies of the films in {', '.join(lenders)}")))
    sources = [row.source for row in collection.rows]
    spellings: dict[tuple[str, str], set[str]] = defaultdict(set)
    films: dict[str, list[int]] = defaultdict(list)
    for place, (written, source) in enumerate(zip(ids, sources, strict=True)):
        if written:
            spellings[source, plain(written)].add(written)
            films[written].append(place)
    spelt = sorted(sorted(several) for several in spellings.values() if len(several) > 1)
    roaming = {written: places for written, places in films.items() if len({sources[place] for place in places}) > 1}
    return Patients(ids, _persons(ids, sources), origin, spelt, borrowed, roaming)


def _persons(ids: Sequence[str], sources: Sequence[str]) -> list[str]:
    """A name a film, "" where the patient is not known: films with the same are of one person.

    One number as it is written is one person in the whole manifest, as a division takes it: a pool names the patient of
    a picture that two sources have so. Other spellings of it count within one source alone, for each numbers its own.
    """
    first: dict[tuple[str, str], int] = {}
    pairs = []
    for place, (written, source) in enumerate(zip(ids, sources, strict=True)):
        if written:
            keys = (("", written), (f"source {source}", plain(written)))
            pairs += [(first.setdefault(key, place), place) for key in keys]
    numbers = components(len(ids), pairs)
    return [str(number) if written else "" for number, written in zip(numbers, ids, strict=True)]


def plain(written: str) -> str:
    """A patient's number in one spelling: "P-007", "patient 7" and "7.0" are "7"."""
    text = re.sub(r"\.0+$", "", unicodedata.normalize("NFKC", written).casefold().strip())
    words = re.findall(r"[^\W\d_]+|\d+", text)
    telling = [word for word in words if word not in WORDS] or words
    return "-".join(word.lstrip("0") or "0" if word.isdigit() else word for word in telling) or text


def _by_names(films: Sequence[str]) -> tuple[list[str], str]:
    """Numbers in the names of files and folders, where enough of them are made so and some come more than once."""
    ids, made = [""] * len(films), []
    for kind, pattern in NAMES:
        matches = [pattern.search(PurePosixPath(film).as_posix()) for film in films]
        hits = [match[1] if match else "" for match in matches]
        known = [hit for hit in hits if hit]
        if len(known) >= LEAST * len(films) and len(set(known)) < len(known):
            ids = [before or hit for before, hit in zip(ids, hits, strict=True)]
            made.append(kind)
    return ids, f"the films' names (as in {', '.join(dict.fromkeys(made))})" if made else ""


def _borrow(
    collection: Collection, ids: Sequence[str], elsewhere: Sequence[Elsewhere]
) -> tuple[list[str], int, list[str]]:
    """Patients of films of which another dataset has a copy and knows whose it is."""
    place = {film: i for i, film in enumerate(collection.films.films)}
    ids, borrowed, lenders = list(ids), 0, []
    for other in elsewhere:
        for film, twin, _ in other.pairs:
            if not ids[place[film]] and twin in other.patients:
                ids[place[film]] = f"{other.name}: {other.patients[twin]}"
                borrowed += 1
                lenders.append(other.name)
    return ids, borrowed, list(dict.fromkeys(lenders))
