"""What a folder of films holds, and how it would be divided, told before anything starts."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from xraykit.datasets import dataset, layout, split
from xraykit.datasets.listing import folder as listing
from xraykit.datasets.reading import index
from xraykit.datasets.reading.gated import Gated
from xraykit.datasets.reading.samples import Collector
from xraykit.datasets.split import SplitPlan
from xraykit.films import note
from xraykit.films.radiograph import Radiograph
from xraykit.films.refusal import Refusal, reasons
from xraykit.system import files, jobs
from xraykit.system.jobs import FILMS, Job


def inspect(
    folder: Path, out: Path | None = None, progress: index.Progress | None = None, plan: SplitPlan | None = None
) -> dataset.Dataset:
    """Read a folder of films; with `out`, tell there how far it is and write films.json.

    There films.json also counts what the gate would refuse; with a plan, how it divides the films and which of them
    would be learned from, and a few small pictures a class lie beside it (`reading.samples`).

    Raises
    ------
    DatasetRefused
        If it is no folder of films with a class.
    Stopped
        If it was asked to end.
    """
    if out is None:
        return dataset.read(folder, progress, least_classes=1)
    job = Job(out)
    with jobs.running(job, verb="inspect", data=str(folder.resolve())) as going:
        listed = listing.read(folder, walked=lambda met: going.stop_if_asked())
        going.films = len(listed.rows)
        pictures, gated = (Collector(listed.rows, out), Gated(out)) if plan else (None, Gated())  # else no pixels stay

        def count(name: str, film: Radiograph | Refusal) -> None:
            if pictures:
                pictures.take(name, film)
            gated.take(name, film)
            going.count(name, vars(film) if isinstance(film, Refusal) else None)

        films = dataset.read(folder, progress, look=count, least_classes=1, listed=listed)
        if pictures:
            pictures.write()
        job.write(FILMS, describe(films) | gated.to_dict() | (divide(films, plan) if plan else {}))
    return films


def start_inspection(folder: Path, root: Path | None = None, plan: SplitPlan | None = None) -> Job:
    """Look at a folder of films in a process of its own; returns where it tells how far it is."""
    job = jobs.create(files.shown(folder.name), root)
    words = ["data", "inspect", "--json", f"--out={job.path}"]
    words += [f"--{field}={value}" for field, value in asdict(plan).items()] if plan else []
    job.start([*words, "--", str(folder)], verb="inspect", data=str(folder))
    return job


def describe(films: dataset.Dataset) -> dict[str, Any]:
    """What a folder holds, as plain data: films per class, every refused, duplicate and unlabelled film by name.

    `remarks` tell what was left out and how names were understood, `refusals` count the refused films by code, `notes`
    the readable films by what was noticed in them, `given` is a division that the folder or manifest makes; `pictures`
    are `Dataset.pictures` of each film as hexadecimal bytes.
    """
    return {
        "name": files.shown(films.root.name),
        "digest": films.digest,
        "listing": films.listing,
        "films": len(films),
        "classes": {name: n for name, n in films.counts().items() if n},
        **split.describe_given(films),
        "groups": len(np.unique(films.groups)),
        "group_rule": films.group_rule.to_json(),
        "remarks": [remark.to_json() for remark in films.remarks],
        "notes": [tally.to_json() for tally in note.tally(films.noted())],
        "refusals": [vars(reason) for reason in reasons(films.refused)],
        "refused": [vars(refusal) for refusal in films.refused],
        "duplicates": [list(names) for names in films.duplicates()],
        "groups_with_several_classes": [list(names) for names in films.mixed_groups()],
        "unlabelled": list(films.unlabelled),
        "sha256": list(films.hashes),
        "pictures": [prints.tobytes().hex() for prints in films.pictures()],
    }


def divide(films: dataset.Dataset, plan: SplitPlan) -> dict[str, Any]:
    """How a plan divides the films: {"split": films per class of each part, "learned_from": those it learns from}.

    "division" says whether the parts are drawn or given.

    Films that cannot be divided have "not_divided", the words why.
    """
    try:
        parts = split.split(films, plan)
        learned = split.training(films, parts.train, plan)
    except layout.DatasetRefused as error:
        return {"division": plan.division, "not_divided": error.words}
    return {
        "division": plan.division,
        "split": {name: films.counts(indices) for name, indices in parts.parts().items()},
        "learned_from": films.counts(learned),
    }
