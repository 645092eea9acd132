"""The audit of the films that a run learns from: made before it starts, kept with the run and in the model's card.

Imports scikit-learn only where it audits.
"""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from xraykit.datasets.split import SplitPlan
from xraykit.evaluation import evaluation, stats
from xraykit.evaluation.decisions import measures
from xraykit.models import classifier
from xraykit.models.cards import amend
from xraykit.models.cards import card as cards
from xraykit.models.cards.card import Card, ModelRefused
from xraykit.refused import Refused
from xraykit.system import files, folders
from xraykit.system.job_folder.record import State
from xraykit.training.run.run import Run, RunRefused, list_runs
from xraykit.truth.data_audit import record
from xraykit.truth.data_audit.record import Audit, Finding, Known

FILE = "data_audit.json"  # in a run's folder: what data.json and the card say of the audit
KEY = "data_audit"  # in data.json, and in a card's checks
MOST = 5  # figures of networks that a probe is laid beside, the latest
ACCEPT = "--accept-leaks"


Report = Callable[[str, int, int], None]  # what is being done, how much of it, of how much


def _ignore(what: str, done: int, total: int) -> None:
    pass


class LeaksFound(Refused):
    """Films that a fine-tune would learn the wrong thing from; the user may start it all the same."""

    code = "data-leaks"


def audit(
    folder: Path,
    plan: SplitPlan,
    out: Path | None = None,
    against: Sequence[Path] = (),
    report: Report = _ignore,
) -> Audit:
    """Audit a folder and remember it; with `out`, as the job in that folder.

    Raises
    ------
    DatasetRefused
        If a folder is no folder of films with a class.
    """
    from xraykit.truth.data_audit import audit as audits

    if out is not None:
        return audits.run(folder, out, plan, against, trained, report)
    made = audits.audit(folder, plan, against=against, report=report)
    made = audits.with_beside(made, trained(made.digest))
    record.keep(made)
    return made


def before_training(folder: Path, plan: SplitPlan, accepted: bool, report: Report = _ignore) -> Audit:
    """The audit that a run on these films begins with: the last one where the films are the same, else a new one.

    `report` is told what is being done, how much of it is done, and of how much.

    Raises
    ------
    LeaksFound
        If it has leaks that the user has not accepted.
    DatasetRefused
        If it is no folder of films with a class.
    """
    from xraykit.truth.data_audit import collect

    listing = collect.read(folder, lambda done, total: report("Reading films", done, total)).films.listing
    made = record.kept(listing, plan) or audit(folder, plan, report=report)
    if made.stops and not accepted:
        raise LeaksFound(stop_words(made.stops))
    return made


def stop_words(stops: Sequence[Finding]) -> str:
    """Why a fine-tune does not start, for people: every finding in its words, and what to do."""
    head = (
        "These films have leaks: a network may learn them in place of the finding, and its figures would be too good."
    )
    listed = [f"{finding.title}: {finding.words} {finding.advice}".rstrip() for finding in stops]
    return "\n".join([head, *listed, f"Mend the films, or accept this with {ACCEPT}: the model's card will say so."])


def hand_on(run: Run, made: Audit, accepted: bool) -> None:
    """Give a run the audit of its films: its data.json and the card of its model will tell it."""
    run.write(FILE, record.summary(made, accepted))


def remembered(run: Run, listing: str = "", plan: SplitPlan | None = None) -> dict[str, Any]:
    """What data.json says of the audit of a run's films: {"data_audit": ...}, nothing where they were not audited.

    It is the one that the run was given when it started, else the last one of films listed so under this plan.
    """
    if (run.path / FILE).is_file():
        with contextlib.suppress(RunRefused):
            return {KEY: run.read(FILE)}
    made = record.kept(listing, plan) if plan else None
    return {KEY: record.summary(made)} if made else {}


def expect_model(name: str) -> Card:
    """The card that an audit is to be written into; raises ModelRefused where there is no such model."""
    return cards.read(classifier.find(name))


def attach(made: Audit, name: str) -> Card:
    """Write the audit into the card of a saved model that learned from these very films; returns the new card.

    Raises
    ------
    ModelRefused
        If there is no such model, or it learned from other films.
    """
    folder = classifier.find(name)
    card = cards.read(folder)
    if card.data.get("digest") != made.digest:
        raise ModelRefused(
            f"{card.name} learned from other films than those in {made.name}: their SHA-256 is not that of its card. "
            "Audit the folder it was trained on.",
            code="other-films",
        )
    summary = record.summary(made)
    return amend.amend(folder, lambda before: dataclasses.replace(before, checks={**before.checks, KEY: summary}))


def trained(digest: str) -> list[Known]:
    """What saved models and finished runs that learned from these very films reached on their test splits."""
    known = list(_models(digest))
    seen = {(figure.measure, round(figure.value, 6)) for figure in known}
    known += [figure for figure in _runs(digest) if (figure.measure, round(figure.value, 6)) not in seen]
    return known[: 2 * MOST]


def _models(digest: str) -> Iterator[Known]:
    for path in sorted(folders.models_folder().glob("[!.]*/card.json")):
        with contextlib.suppress(Refused, OSError):
            card = cards.read(path.parent)
            test = card.metrics.get("test") or {}
            if card.data.get("digest") == digest and test:
                accuracy = test.get("accuracy") or {}
                yield from _known(card.name, "model", accuracy, test.get("balanced_accuracy"))


def _runs(digest: str) -> Iterator[Known]:
    for run in list_runs()[: 4 * MOST]:
        with contextlib.suppress(Refused, OSError, LookupError, TypeError):
            if run.status().state is State.FINISHED and run.read("data.json")["digest"] == digest:
                confusion = evaluation.load_parts(run.path)["test"].confusion
                accuracy = stats.proportion(int(confusion.trace()), int(confusion.sum())).to_dict()
                yield from _known(run.name, "run", accuracy, stats.known(measures.balanced_accuracy(confusion)))


def _known(name: str, kind: Any, accuracy: dict[str, Any], balanced: float | None) -> Iterator[Known]:
    named = files.shown(name)
    if (value := accuracy.get("value")) is not None:
        yield Known(named, "accuracy", value, kind, accuracy.get("low"), accuracy.get("high"))
    if balanced is not None:
        yield Known(named, "balanced accuracy", balanced, kind)
