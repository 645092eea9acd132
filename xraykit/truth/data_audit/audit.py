"""The audit of a folder of films: what is wrong with it before anything learns from it. One pass, told as it goes.

Imports scikit-learn: a page starts a process that does it (`record.start`), and reads what came of it.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import numpy as np

from xraykit.datasets import split
from xraykit.datasets.catalog import known
from xraykit.datasets.catalog.known import Known as KnownDataset
from xraykit.datasets.layout import DatasetRefused
from xraykit.datasets.listing import pool_record
from xraykit.datasets.split import Split, SplitPlan
from xraykit.evaluation import published
from xraykit.system import files, jobs
from xraykit.system.jobs import Job
from xraykit.truth.data_audit import collect, columns, findings, patients, probes, record
from xraykit.truth.data_audit.collect import Collection
from xraykit.truth.data_audit.copies import twins
from xraykit.truth.data_audit.copies.twins import Elsewhere, How, Pair
from xraykit.truth.data_audit.patients import Patients
from xraykit.truth.data_audit.record import Across, Audit, Finding, Known, Probe, Shared

PROBES = {"header-only tree"}  # published figures that no network gave
SHOWN = 6  # films of a patient that are named
Report = Callable[[str, int, int], None]  # what is being done, how much of it, of how much
COPIES = {
    "identical-files": (How.FILE,),
    "near-duplicates": (How.PICTURE,),
    "turned-duplicates": (How.MIRRORED, How.TURNED, How.INVERTED),
    "moved-duplicates": (How.MOVED,),
}


class _Ties(NamedTuple):
    """What belongs together: pairs of one picture, patients, and the groups that nothing may divide, (N,) int64."""

    pairs: list[Pair]
    patients: Patients
    pictures: np.ndarray
    persons: np.ndarray
    groups: np.ndarray


def audit(
    folder: Path,
    plan: SplitPlan = split.DEFAULT,
    *,
    against: Sequence[Path] = (),
    beside: Sequence[Known] = (),
    others: Sequence[KnownDataset] | None = None,
    report: Report = lambda what, done, total: None,
) -> Audit:
    """Audit a folder of films.

    Parameters
    ----------
    plan : how a fine-tune would divide them.
    against : folders of other datasets that are read too and compared.
    beside : figures that networks reached on these very films; published ones are known here.
    others : datasets on this computer, compared as far as they were read before; all that are known where not given.
    report : is told how far it is; what it raises ends the audit.

    Raises
    ------
    DatasetRefused
        If a folder is no folder of films with a class, or is to be compared with itself.
    """
    _check_others(folder, against)
    began = time.monotonic()
    collection = collect.read(folder, lambda done, total: report("Reading films", done, total))
    elsewhere = _elsewhere(collection, against, known.known() if others is None else others, report)
    ties = _ties(collection, elsewhere, report)
    films = collection.films
    divided = list(_divisions(collection, ties, plan))
    probed = _probe(collection, ties.groups, elsewhere, report)
    associations, among = columns.associations(collection, ties.groups)
    known_figures = [*_published(films.digest), *beside]
    shared = [_shared(collection, other) for other in elsewhere]
    listed = [
        *findings.unread(films.refused, len(films)),
        *_of_copies(collection, ties),
        *_of_patients(collection, ties),
        *(finding for across, pairs in divided for finding in findings.across(across, pairs, _is_used(across))),
        *(f for other, each in zip(elsewhere, shared, strict=True) for f in _of_shared(collection, other, each)),
        *(finding for probe in probed for finding in findings.probed(probe, known_figures, len(films.classes))),
        *(finding for each in associations for finding in findings.associated(each, among)),
    ]
    head = _head(folder, collection, ties, plan)
    return Audit(
        **head,
        findings=findings.ordered(listed),
        probes=probed,
        associations=associations,
        across=[across for across, _ in divided],
        shared=shared,
        beside=known_figures,
        made=files.now(),
        seconds=round(time.monotonic() - began, 1),
    )


def _check_others(folder: Path, against: Sequence[Path]) -> None:
    if any(os.path.realpath(other) == os.path.realpath(folder) for other in against):
        raise DatasetRefused(
            f"{files.shown(folder)} cannot be compared with itself: every film would be a shared one. Give another "
            "folder to compare it with.",
            code="against-itself",
        )


def _head(folder: Path, collection: Collection, ties: _Ties, plan: SplitPlan) -> dict[str, Any]:
    """What an audit begins with: which films, how many, how they would be divided."""
    films = collection.films
    return {
        "name": files.shown(folder.resolve().name),
        "digest": films.digest,
        "listing": films.listing,
        "films": len(films),
        "classes": {label: n for label, n in films.counts().items() if n},
        "groups": len(np.unique(ties.groups)),
        "refused": len(films.refused),
        "plan": record.described(plan),
    }


def run(
    folder: Path,
    out: Path,
    plan: SplitPlan = split.DEFAULT,
    against: Sequence[Path] = (),
    beside: Callable[[str], Sequence[Known]] = lambda digest: (),
    tell: Report = lambda what, done, total: None,
) -> Audit:
    """Audit a folder in this process as the job in the folder `out`, and keep it there and for the next fine-tune.

    `beside` gives figures that networks reached on films of a digest; `tell` is told how far it is, as the job is.

    Raises
    ------
    DatasetRefused
        As `audit`.
    Stopped
        If it was asked to end.
    """
    with jobs.running(Job(out), verb=record.VERB, data=str(folder.resolve())) as going:
        said = ""

        def report(what: str, done: int, total: int) -> None:
            nonlocal said
            going.stop_if_asked()
            tell(what, done, total)
            if what != said:  # the time left is that of what is being done
                said, going.began = what, time.monotonic()
            elif time.monotonic() - going.reported < jobs.REPORT_SECONDS and done < total:
                return
            going.done, going.films = done, max(1, total)
            going.report(what)

        made = audit(folder, plan, against=against, beside=(), report=report)
        made = with_beside(made, beside(made.digest))
        files.replace_text(out / record.AUDIT, made.to_json())
        record.keep(made)
        going.summary = f"{len(made.findings)} findings."
    return made


def with_beside(made: Audit, beside: Sequence[Known]) -> Audit:
    """The audit with figures that networks reached on the same films laid beside its probes."""
    if not beside:
        return made
    known_figures = [*made.beside, *beside]
    others = [finding for finding in made.findings if not finding.code.endswith("-alone")]
    probed = [f for probe in made.probes for f in findings.probed(probe, known_figures, len(made.classes))]
    return msgspec.structs.replace(made, findings=findings.ordered([*probed, *others]), beside=known_figures)


def _elsewhere(
    collection: Collection, against: Sequence[Path], others: Sequence[KnownDataset], report: Report
) -> list[Elsewhere]:
    """What other datasets share: those to be read now, then those that are remembered."""
    seen = []
    for folder in against:
        name = files.shown(folder.resolve().name)
        what = f"Reading films of {name}"
        other = collect.read(folder, lambda done, total, what=what: report(what, done, total))
        seen.append(twins.against(collection, other, name))
    read_now = {folder.resolve() for folder in against}
    return [*seen, *twins.remembered(collection, [each for each in others if each.path.resolve() not in read_now])]


def _ties(collection: Collection, elsewhere: Sequence[Elsewhere], report: Report) -> _Ties:
    pairs = twins.inside(
        collection,
        lambda done, total: report("Comparing films", done, total),
        lambda done, total: report("Comparing films closely", done, total),
    )
    who = patients.identify(collection, elsewhere)
    n = len(collection)
    pictures, persons = [(pair.first, pair.second) for pair in pairs], who.pairs()
    own = [(first, second) for first, second in _chained(collection.films.groups)]
    return _Ties(
        pairs,
        who,
        twins.components(n, pictures),
        twins.components(n, persons),
        twins.components(n, [*pictures, *persons, *own]),
    )


def _chained(groups: np.ndarray) -> Iterator[tuple[int, int]]:
    """Each film of a group with the one before it."""
    before: dict[int, int] = {}
    for place, group in enumerate(groups.tolist()):
        if group in before:
            yield before[group], place
        before[group] = place


def _probe(collection: Collection, groups: np.ndarray, elsewhere: Sequence[Elsewhere], report: Report) -> list[Probe]:
    keys = probes.keys(collection)
    done = []
    for number, key in enumerate(keys):
        report("Asking what tells the class", number, len(keys))
        done.append(probes.probe(collection, groups, key))
    return done


def _divisions(collection: Collection, ties: _Ties, plan: SplitPlan) -> Iterator[tuple[Across, list[str]]]:
    """What the division that would be used leaves on both sides, and the folder's own one as it lies."""
    films = collection.films
    try:
        yield _across(collection, ties, split.split(films, plan), plan.division)
    except DatasetRefused as refused:
        yield Across(plan.division, why_not=refused.words), []
    if films.given:
        given = np.array(films.given)
        lying = Split(*(np.flatnonzero(given == part) for part in ("train", "validation", "test")))
        if len(lying.train):
            yield _across(collection, ties, lying, "as it lies")


def _across(collection: Collection, ties: _Ties, parts: Split, division: str) -> tuple[Across, list[str]]:
    """Films of validation with a twin or their patient in training, those of test in training or validation; pairs."""
    films: dict[str, int] = {}
    counts: dict[str, dict[str, int]] = {"twins": {}, "patients": {}}
    named = []
    part_of = {int(i): part for part, indices in parts.parts().items() for i in indices}
    for name, numbers in (("twins", ties.pictures), ("patients", ties.persons)):
        for part, before in (("validation", parts.train), ("test", np.concatenate([parts.train, parts.validation]))):
            first = {int(numbers[i]): int(i) for i in before[::-1]}
            leaked = [(int(i), first[int(numbers[i])]) for i in parts.parts()[part] if int(numbers[i]) in first]
            if n := len(parts.parts()[part]):
                films[part], counts[name][part] = n, len(leaked)
            named += [
                f"{collection.films.films[i]} ({part}), {collection.films.films[j]} ({part_of[j]})" for i, j in leaked
            ]
    return Across(division, films, counts["twins"], counts["patients"]), list(dict.fromkeys(named))


def _is_used(across: Across) -> bool:
    return across.division != "as it lies"


def _of_copies(collection: Collection, ties: _Ties) -> Iterator[Finding]:
    names, labels = collection.films.films, collection.labels
    for code, hows in COPIES.items():
        chosen = [pair for pair in ties.pairs if pair.how in hows]
        concerned = {place for pair in chosen for place in (pair.first, pair.second)}
        said = [
            f"{names[pair.first]}, {names[pair.second]}" + (f" ({pair.how})" if len(hows) > 1 else "")
            for pair in chosen
        ]
        yield from findings.copies(code, said, len(concerned), len(names))
    contrary = [
        f"{names[pair.first]} ({labels[pair.first]}), {names[pair.second]} ({labels[pair.second]}): {pair.how}"
        for pair in ties.pairs
        if labels[pair.first] != labels[pair.second]
    ]
    yield from findings.two_classes("twins-in-two-classes", contrary)


def _of_patients(collection: Collection, ties: _Ties) -> Iterator[Finding]:
    names, labels, who = collection.films.films, collection.labels, ties.patients
    if not who.known:
        yield findings.no_patients(len(names))
        return
    mixed = []
    for places in who.films_by_person().values():
        if len({labels[place] for place in places}) > 1:
            mixed.append(", ".join(f"{names[place]} ({labels[place]})" for place in places[:SHOWN]))
    yield from findings.two_classes("patients-in-two-classes", mixed)
    written = dict.fromkeys(number for spelt in who.spelt for number in spelt)
    shown = [names[place] for place, number in enumerate(who.ids) if number in written]
    yield from findings.spellings(len(who.spelt), shown)
    if pool_record.read_record(collection.films.root) is None:  # a pool has made its numbers those of one person
        sources = [row.source or columns.NOT_SAID for row in collection.rows]
        shown = [
            ", ".join(f"{names[place]} ({sources[place]})" for place in places[:SHOWN])
            for places in who.roaming.values()
        ]
        yield from findings.in_several_sources(len(shown), shown)


def _shared(collection: Collection, other: Elsewhere) -> Shared:
    labels = dict(zip(collection.films.films, collection.labels, strict=True))
    contrary = sum(labels[film].casefold() != other.labels[twin].casefold() for film, twin, _ in other.pairs)
    identical = sum(same for _, _, same in other.pairs)
    near = len(other.pairs) - identical
    return Shared(other.name, other.films, other.compared, identical, near, contrary, other.path)


def _of_shared(collection: Collection, other: Elsewhere, shared: Shared) -> Iterator[Finding]:
    labels = dict(zip(collection.films.films, collection.labels, strict=True))
    named = [f"{film} ({labels[film]}), {twin} ({other.labels[twin]})" for film, twin, _ in other.pairs]
    yield from findings.shared(shared, named, len(collection))


def _published(digest: str) -> list[Known]:
    return [
        Known(
            figure.study,
            figure.measure,
            figure.value,
            "probe" if figure.study in PROBES else "published",
            words=figure.words,
        )
        for figure in published.figures(digest)
        if not figure.label
    ]
