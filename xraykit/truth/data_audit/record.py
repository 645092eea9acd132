"""What an audit says, as plain data: findings, probes, associations, divisions; started, kept and read again.

Holds words and figures and computes none: pages may import it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import msgspec

from xraykit.datasets.split import DEFAULT, SplitPlan
from xraykit.evaluation.stats import Figure
from xraykit.system import files, folders, jobs
from xraykit.system.job_folder.job_folder import JobFolder
from xraykit.system.jobs import Job

VERB = "audit"  # of jobs
AUDIT = "audit.json"
MOST_BYTES = 64 * 2**20
FORMAT = 1
EDITION = 2  # of what is looked for: an audit of an earlier one is made again
NAMED = 200  # films or pairs named with a finding; its count is of all
OTHER_COLUMN = "column"  # begins the key of an association with a column whose name says nothing
OTHER = "other"  # values of an association that are too rare to be told apart
Severity = Literal["info", "warn", "leak"]


class Finding(msgspec.Struct, frozen=True):
    """Something that was found.

    Attributes
    ----------
    code : str
        Short, for programs: "header-alone", "patients-across-parts", ...
    severity : str
        "info": good to know. "warn": look at it. "leak": figures from these films would be too good.
    title, words, advice : str
        What it is in a few words; what, how many; what to do.
    count : int
        How many films, pairs or patients it is about; 0 where it is about all.
    films : list of str
        The first of them, or pairs of them.
    stops : bool
        A fine-tune under the division that was audited does not start before the user says so.
    """

    code: str
    severity: Severity
    title: str
    words: str
    advice: str = ""
    count: int = 0
    films: list[str] = []
    stops: bool = False


class Share(msgspec.Struct, frozen=True):
    """A share with its 95 % interval, as `stats.Figure`."""

    value: float | None
    low: float | None = None
    high: float | None = None
    n: int = 0

    @classmethod
    def of_figure(cls, figure: Figure) -> Share:
        """The same as a Figure says."""
        return cls(figure.value, figure.low, figure.high, figure.n)

    @property
    def figure(self) -> Figure:
        """As pages and reports write it."""
        return Figure(self.value, self.low, self.high, self.n)


class Probe(msgspec.Struct, frozen=True):
    """A model of a part of what is known of each film, where no lung can be seen, and how well it tells the class.

    Attributes
    ----------
    key, title : str
        "header", "border", ...; and for people.
    model : str
        What was fitted.
    balanced_accuracy, accuracy : Share
        Of predictions for films whose group the model did not see; intervals are bootstrapped by group.
    chance, majority : float
        1 / classes; the share of the largest class. What no knowledge at all reaches.
    n, groups, folds : int
    used : list of str
        What it knows of a film, the most telling first where the model says so.
    sensitivity : dict
        Share of each class that is recognised.
    against_rest : dict
        Balanced accuracy of each class against all others, chance 0.5: one class may be told by what the rest share.
    why_not : str
        Why it could not be measured; empty where it was.
    left_out : list of str
        Classes of too few patients or pictures, with how many: their films are no part of it.
    """

    key: str
    title: str
    model: str = ""
    balanced_accuracy: Share = Share(None)
    accuracy: Share = Share(None)
    chance: float = 0.0
    majority: float = 0.0
    n: int = 0
    groups: int = 0
    folds: int = 0
    used: list[str] = []
    sensitivity: dict[str, float] = {}
    against_rest: dict[str, Share] = {}
    why_not: str = ""
    left_out: list[str] = []

    @property
    def halfway(self) -> float:
        """Balanced accuracy halfway between chance and perfect."""
        return (1 + self.chance) / 2


class Association(msgspec.Struct, frozen=True):
    """How closely the class goes with something else that is known of films.

    `counts` are films by value and class; `v` is Cramer's V (Cramer 1946) with Bergsma's correction (2013): 0 where
    the two have nothing to do with each other, 1 where one tells the other. `by_chance` is how often chance alone would
    tie them as closely; 0 in an audit that did not ask.
    """

    key: str
    title: str
    v: Share
    counts: dict[str, dict[str, int]]
    n: int
    by_chance: float = 0.0

    @property
    def within(self) -> str:
        """The title inside a sentence; a column keeps its own letters."""
        return self.title[:1].lower() + self.title[1:]


class Known(msgspec.Struct, frozen=True):
    """A figure on the same films that a probe is laid beside: a published one, or a trained network's.

    `kind` "probe": a published figure of something that saw no pixel.
    """

    name: str
    measure: str
    value: float
    kind: Literal["published", "probe", "model", "run"]
    low: float | None = None
    high: float | None = None
    words: str = ""


class Across(msgspec.Struct, frozen=True):
    """What a division leaves on both sides: films with a twin or their patient in a part before theirs.

    Training is before validation, both are before test: what is learned from, and what is chosen by.

    `division` is "drawn", "given" or "as it lies" (the folder's parts, before groups are kept whole); `films` of each
    part; `twins` and `patients` the films that are concerned, by part; `why_not` why it could not be divided.
    """

    division: str
    films: dict[str, int] = {}
    twins: dict[str, int] = {}
    patients: dict[str, int] = {}
    why_not: str = ""


class Shared(msgspec.Struct, frozen=True):
    """What another dataset on this computer, in the folder `path`, shares; `compared` of its `films` were read."""

    name: str
    films: int
    compared: int
    identical: int = 0
    near: int = 0
    other_class: int = 0
    path: str = ""


class Audit(msgspec.Struct, frozen=True):
    """audit.json.

    `plan` is the division that was audited: validation, test, seed, division. `digest` is of the films and their
    classes, as cards have it; `listing` of all that was known of them, as `Dataset.listing`.
    """

    name: str
    digest: str
    films: int
    classes: dict[str, int]
    groups: int
    refused: int
    plan: dict[str, Any]
    findings: list[Finding]
    probes: list[Probe]
    associations: list[Association]
    across: list[Across]
    shared: list[Shared]
    beside: list[Known]
    made: str = ""
    seconds: float = 0.0
    listing: str = ""
    format: int = FORMAT

    @property
    def stops(self) -> list[Finding]:
        """The findings that a fine-tune on these films waits for."""
        return [finding for finding in self.findings if finding.stops]

    def to_json(self) -> str:
        """As audit.json."""
        return msgspec.json.format(msgspec.json.encode(self), indent=1).decode() + "\n"


def read(path: Path) -> Audit | None:
    """An audit.json; None where there is none, or it cannot be read."""
    try:
        audit = msgspec.json.decode(files.read_plain(path, MOST_BYTES), type=Audit)
    except (files.FileRefused, msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    return audit if audit.format == FORMAT else None


def of_job(job: JobFolder) -> Audit | None:
    """The audit that a job wrote."""
    return read(job.path / AUDIT)


def described(plan: SplitPlan) -> dict[str, Any]:
    """What of a plan decides which film is on which side."""
    return {"validation": plan.validation, "test": plan.test, "seed": plan.seed, "division": plan.division}


def start(folder: Path, root: Path | None = None, plan: SplitPlan = DEFAULT, against: Sequence[Path] = ()) -> Job:
    """Audit a folder in a process of its own; returns where it tells how far it is, `of_job` what it found."""
    job = jobs.create(f"audit-{files.shown(folder.name)}", root or folders.runs_folder() / "datasets")
    words = ["data", "audit", f"--out={job.path}"]
    words += [f"--{field}={value}" for field, value in described(plan).items()]
    words += [f"--against={other}" for other in against]
    job.start([*words, "--", str(folder)], verb=VERB, data=str(folder))
    return job


def keep(made: Audit) -> None:
    """Remember an audit for the next fine-tune on these films; a cache that cannot be written costs time alone."""
    path = _kept(made.listing, made.plan)
    try:
        folders.close_private(path.parent)
        files.replace_text(path, made.to_json())
    except OSError:
        return


def kept(listing: str, plan: SplitPlan) -> Audit | None:
    """The last audit of these films under this division; None where there was none.

    `listing` is `Dataset.listing`: a patient's number that was corrected is a new question.
    """
    made = read(_kept(listing, described(plan)))
    return made if made and made.listing == listing else None


def _kept(listing: str, plan: dict[str, Any]) -> Path:
    asked = hashlib.sha256(msgspec.json.encode([EDITION, listing, sorted(plan.items())])).hexdigest()[:24]
    return folders.cache_folder() / "audits" / f"{asked}.json"


def summary(audit: Audit, accepted: bool = False) -> dict[str, Any]:
    """What a run's data.json and a model's card remember of the audit: findings without the films' names, figures.

    `accepted`: whether the user said that a training may begin although it has leaks.
    """
    findings = [
        {key: getattr(finding, key) for key in ("code", "severity", "title", "words", "count", "stops")}
        for finding in audit.findings
    ]
    probes = [
        {
            "key": probe.key,
            "title": probe.title,
            "balanced_accuracy": probe.balanced_accuracy.figure.to_dict(),
            "accuracy": probe.accuracy.figure.to_dict(),
            "chance": probe.chance,
        }
        for probe in audit.probes
        if not probe.why_not
    ]
    return {
        "digest": audit.digest,
        "made": audit.made,
        "films": audit.films,
        "accepted": accepted and bool(audit.stops),
        "findings": findings,
        "probes": probes,
    }


def card_lines(checks: dict[str, Any]) -> list[str]:
    """What a card's `checks` say of the audit of its training films, as sentences for the Models page and reports."""
    kept = checks.get("data_audit")
    if not kept:
        return ["Its training films were not audited: `python -m xraykit data audit DIR`."]
    leaks = [finding for finding in kept.get("findings", ()) if finding["severity"] == "leak"]
    warnings = [finding for finding in kept.get("findings", ()) if finding["severity"] == "warn"]
    if not leaks and not warnings:
        return [f"The audit of its {kept['films']:,} films found nothing to warn of."]
    head = f"The audit of its {kept['films']:,} films found {len(leaks)} leak{'s' * (len(leaks) != 1)} and "
    head += f"{len(warnings)} warning{'s' * (len(warnings) != 1)}."
    if kept.get("accepted"):
        head += " It was trained all the same: the user accepted the leaks."
    return [head, *(f"{finding['title']}: {finding['words']}" for finding in (*leaks, *warnings))]
