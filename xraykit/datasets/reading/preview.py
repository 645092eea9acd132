"""Everything about a folder of films before it is used: what `inspection` tells, and samples, sizes, twins, patients.

Reads every film once, in a process of its own where a page asks.
"""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

import msgspec

from xraykit.datasets import dataset, inspection
from xraykit.datasets.catalog import known
from xraykit.datasets.dataset import Dataset
from xraykit.datasets.layout import Row
from xraykit.datasets.listing import folder as listing
from xraykit.datasets.reading import twins
from xraykit.datasets.reading.gated import Gated
from xraykit.datasets.reading.index import Entry, Progress
from xraykit.datasets.reading.samples import PICTURE, Collector, Sample, Sizes
from xraykit.datasets.reading.twins import Twins
from xraykit.films.radiograph import Radiograph
from xraykit.films.refusal import Refusal
from xraykit.system import files, jobs
from xraykit.system.folders import cache_folder
from xraykit.system.jobs import FILMS, Job

PREVIEW = "preview.json"
MOST_BYTES = 64 * 2**20  # of preview.json
NAMED = 200  # sets and patients that are named


class Preview(msgspec.Struct, frozen=True):
    """preview.json, beside films.json.

    Attributes
    ----------
    samples : list of Sample
    sizes : Sizes
    near : list of list of str
        Sets of films that are nearly the same picture; `near_sets` counts all of them.
    patients : int
        Patients that the manifest names.
    mixed_patients : list of (patient, classes)
        Those with films of several classes; `mixed_patient_count` counts all of them.
    sources : dict of str to dict of str to int
        Films by class of each source that the manifest names.
    elsewhere : list of Twins
        Other datasets on this computer, and what they share with this one.
    """

    samples: list[Sample] = []
    sizes: Sizes = Sizes()
    near: list[list[str]] = []
    near_sets: int = 0
    patients: int = 0
    mixed_patients: list[tuple[str, list[str]]] = []
    mixed_patient_count: int = 0
    sources: dict[str, dict[str, int]] = {}
    elsewhere: list[Twins] = []


def preview(folder: Path, out: Path, progress: Progress | None = None) -> Dataset:
    """Read a folder; write films.json, preview.json and small pictures into the folder of a job.

    Raises
    ------
    DatasetRefused
        If it is no folder of films with a class.
    Stopped
        If it was asked to end.
    """
    job = Job(out)
    with jobs.running(job, verb="inspect", data=str(folder.resolve())) as going:
        listed = listing.read(folder)
        rows = listed.rows
        going.films = len(rows)
        pictures, gated = Collector(rows, out), Gated(out)

        def look(name: str, film: Radiograph | Refusal) -> None:
            pictures.take(name, film)
            gated.take(name, film)
            going.count(name, vars(film) if isinstance(film, Refusal) else None)

        films = dataset.read(folder, progress, look=look, least_classes=1, listed=listed)
        going.report("Comparing with other datasets.")
        files.replace_text(out / PREVIEW, msgspec.json.encode(_describe(films, rows, pictures)).decode())
        job.write(FILMS, inspection.describe(films) | gated.to_dict())
    return films


def start_preview(folder: Path, root: Path | None = None) -> Job:
    """Look at a folder of films in a process of its own; returns where it tells how far it is."""
    job = jobs.create(files.shown(folder.name), root)
    job.start(
        ["data", "inspect", "--json", "--preview", f"--out={job.path}", "--", str(folder)],
        verb="inspect",
        data=str(folder),
    )
    return job


def read(job: Job) -> Preview | None:
    """What `preview` wrote; None where there is none, or it cannot be read."""
    try:
        return msgspec.json.decode(files.read_plain(job.path / PREVIEW, MOST_BYTES), type=Preview)
    except (files.FileRefused, msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None


def picture(job: Job, sample: Sample) -> bytes | None:
    """The JPEG of a sample; None where it is gone, or its name is none that `preview` gives."""
    try:
        return files.read_plain(job.path / sample.file, 2**20) if PICTURE.fullmatch(sample.file) else None
    except files.FileRefused:
        return None


def _describe(films: Dataset, rows: tuple[Row, ...], pictures: Collector) -> Preview:
    read = zip(films.films, films.hashes, films.fingerprints, strict=True)
    entries = {film: Entry(sha256, fingerprint, pictures.wholes[film]) for film, sha256, fingerprint in read}
    near = twins.near_sets(films.films, list(entries.values()))
    labels = {film: films.classes[label] for film, label in zip(films.films, films.labels, strict=True)}
    mixed = _mixed_patients(rows)
    sources: dict[str, dict[str, int]] = {}
    for film, source in zip(films.films, films.sources, strict=False):
        counts = sources.setdefault(source or "not said", {})
        counts[labels[film]] = counts.get(labels[film], 0) + 1
    return Preview(
        samples=pictures.kept(),
        sizes=pictures.sizes(films.root, films.films),
        near=near[:NAMED],
        near_sets=len(near),
        patients=len({row.patient for row in rows if row.patient}),
        mixed_patients=mixed[:NAMED],
        mixed_patient_count=len(mixed),
        sources=sources,
        elsewhere=twins.elsewhere(films.root, labels, entries, known.known(), cache_folder()),
    )


def _mixed_patients(rows: tuple[Row, ...]) -> list[tuple[str, list[str]]]:
    """Patients with films of more than one class."""
    labels: dict[str, set[str]] = defaultdict(set)
    for row in rows:
        if row.patient:
            labels[row.patient].add(row.label)
    return [(patient, sorted(several)) for patient, several in sorted(labels.items()) if len(several) > 1]
