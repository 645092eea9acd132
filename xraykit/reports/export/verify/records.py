"""Records: comparisons, runs, studies, cards, audits and sessions made again from what this computer keeps of them."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from xraykit.datasets import dataset
from xraykit.models import kept
from xraykit.models.cards import card as cards
from xraykit.models.cards.card import Card
from xraykit.reading import kept as sessions
from xraykit.refused import Refused
from xraykit.reports.comparison import page as comparison_page
from xraykit.reports.comparison.chosen import Target
from xraykit.reports.comparison.page import Shown
from xraykit.reports.export.verify.agreement import Figure
from xraykit.reports.export.verify.films import FILES, Again, Name, hashes
from xraykit.reports.export.verify.places import Places
from xraykit.reports.export.verify.sidecar import NotVerified, Sidecar
from xraykit.reports.film import session
from xraykit.reports.runs import record as run_record
from xraykit.reports.runs import report as run_report
from xraykit.reports.study import page as study_page
from xraykit.reports.truth import card as card_report
from xraykit.reports.truth.data_audit import report as data_audit_report
from xraykit.truth.data_audit.record import Audit

Hashes = dict[str, str]
Models = Annotated[tuple[Name, ...], Meta(min_length=2, max_length=20)]
NO_FILMS = (
    "The figures are those of the models' evaluations on disk, checked against their cards; no film was read again."
)
CHOSEN = (
    "was made with an operating point, or with films listed: those were chosen on the page, and only there they can be "
    "made again. Choose the highest probability, list no films, and export it once more."
)
GONE_ON = "The run was not at its end when the report was written: where it has gone on since, figures differ."
CARD_ALONE = "The figures are those of the card on disk; its files were hashed again, no film was read."
AUDIT_ALONE = (
    "The audit's own figures were laid out again. Its films were not looked at: name their folder with --data."
)
FILM_NAMES = "The report names films: it was made again with their names."


class _Compared(msgspec.Struct, frozen=True):
    class Arguments(msgspec.Struct, frozen=True):
        models: Models
        label: Name = ""
        margin: Annotated[float, Meta(gt=0, lt=1)] | None = None
        names: bool = False

    class Of(msgspec.Struct, frozen=True):
        films: str = ""
        models: dict[str, Hashes] = {}

    class Settings(msgspec.Struct, frozen=True):
        share: Literal["row", "column"] = "row"
        method: Literal["wilson", "exact"] = "wilson"
        after: bool = True
        pair: tuple[int, int] | None = None
        target: Target = Target.HIGHEST
        listed: dict[str, Any] | None = None

    arguments: Arguments
    hashes: Of = Of()
    settings: Settings = Settings()


def compare(given: Sidecar, places: Places) -> Again:
    """A comparison of saved models, from their cards and evaluations."""
    redo = given.recipe(_Compared)
    asked, settings = redo.arguments, redo.settings
    if settings.target is not Target.HIGHEST or settings.listed is not None:
        raise NotVerified(f"{given.name} {CHOSEN}")
    if settings.pair is not None and not 0 <= min(settings.pair) < max(settings.pair) < len(asked.models):
        raise NotVerified(f"{given.name} names a pair of models that there is not. It was changed by hand.")
    folders = {name: places.model(given.plain(name, "model")) for name in asked.models}
    loaded = [kept.load_kept(folder) for folder in folders.values()]
    if asked.label and asked.label not in loaded[0].card.classes:
        raise NotVerified(f"{given.name} asks for the curves of a class that {loaded[0].card.name} does not know.")
    shown = Shown(settings.share, settings.method, settings.after, settings.pair)
    chosen = {"label": asked.label, "margin": asked.margin, "names": asked.names}
    report = comparison_page.of_models(loaded, **chosen, shown=shown)
    films = hashes("", {"test films": redo.hashes.films}, {"test films": loaded[0].test.test_digest})
    notes = (NO_FILMS, *((FILM_NAMES,) if asked.names else ()))
    return Again(report, (*films, *_of_models(redo.hashes.models, [each.card for each in loaded])), notes)


class _Ran(msgspec.Struct, frozen=True):
    class Arguments(msgspec.Struct, frozen=True):
        run: Name
        kept: Annotated[tuple[Name, ...], Meta(max_length=100)] = ()

    class Of(msgspec.Struct, frozen=True):
        files: Hashes = {}
        models: dict[str, Hashes] = {}
        films: str = ""

    arguments: Arguments
    hashes: Of = Of()


def run(given: Sidecar, places: Places) -> Again:
    """A run's report, from its folder."""
    redo = given.recipe(_Ran)
    saved = [given.plain(name, "model") for name in redo.arguments.kept]
    folder = places.run(given.plain(redo.arguments.run, "run"))
    made = run_record.read(folder, saved)
    rests = (*hashes("", redo.hashes.files, made.hashes), *_of_models(redo.hashes.models, made.kept))
    notes = (GONE_ON,) if _state_of(given).get("state") in ("queued", "running") else ()
    return Again(run_report.of_record(made), (*rests, *_films(redo.hashes.films, places)), notes)


def _state_of(given: Sidecar) -> Mapping[str, Any]:
    held = given.held.get("run")
    return held if isinstance(held, dict) else {}


class _Studied(msgspec.Struct, frozen=True):
    class Arguments(msgspec.Struct, frozen=True):
        study: Name
        created: Name

    class Of(msgspec.Struct, frozen=True):
        files: Hashes = {}

    class Settings(msgspec.Struct, frozen=True):
        overlaid: Annotated[tuple[int, ...], Meta(max_length=1000)] = ()

    arguments: Arguments
    hashes: Of = Of()
    settings: Settings = Settings()


def study(given: Sidecar, places: Places) -> Again:
    """A study's report, from its folder."""
    redo = given.recipe(_Studied)
    folder = places.study(given.plain(redo.arguments.study, "study"))
    written = _moment(given, redo.arguments.created)
    report = study_page.of_folder(folder, redo.settings.overlaid, written)
    now = dict(report.data["redo"]["hashes"]["files"])
    return Again(report, tuple(hashes("", redo.hashes.files, now)))


class _Carded(msgspec.Struct, frozen=True):
    class Arguments(msgspec.Struct, frozen=True):
        model: Name

    class Of(msgspec.Struct, frozen=True):
        models: dict[str, Hashes] = {}

    arguments: Arguments
    hashes: Of = Of()


def model(given: Sidecar, places: Places) -> Again:
    """A model card, from the card on disk; every file that it names is hashed again."""
    redo = given.recipe(_Carded)
    folder = places.model(given.plain(redo.arguments.model, "model"))
    card = cards.read(folder)
    cards.verify(card, folder)
    return Again(card_report.report(card), _of_models(redo.hashes.models, [card]), (CARD_ALONE,))


class _Audited(msgspec.Struct, frozen=True):
    class Of(msgspec.Struct, frozen=True):
        films: str = ""

    hashes: Of = Of()


def data(given: Sidecar, places: Places) -> Again:
    """A data audit laid out again from its own figures; with `places.data` its films' digest is taken anew."""
    redo = given.recipe(_Audited)
    try:
        audit = msgspec.convert(given.held.get("audit"), Audit)
        report = data_audit_report.report(audit, names=True)  # they stand in the JSON's audit, or do not
    except (msgspec.ValidationError, LookupError, TypeError, ValueError, ArithmeticError):
        raise NotVerified(f"{given.name} does not hold the figures of its audit. It was changed by hand.") from None
    films = _films(redo.hashes.films, places)
    return Again(report, films, () if films else (AUDIT_ALONE,))


class _Read(msgspec.Struct, frozen=True):
    class Arguments(msgspec.Struct, frozen=True):
        session: Name
        created: Name
        titles: Annotated[dict[str, str], Meta(max_length=1000)] = {}

    arguments: Arguments


def reading(given: Sidecar, places: Places) -> Again:
    """A reading session's report, from the kept session."""
    redo = given.recipe(_Read)
    name = given.plain(redo.arguments.session, "session")
    _moment(given, redo.arguments.created)
    try:
        record = sessions.load(name, places.readings)
    except Refused as refused:
        raise NotVerified(f"{refused.words} Say where sessions lie with --readings FOLDER.") from None
    return Again(session.report(record, redo.arguments.created, name, redo.arguments.titles))


def _of_models(then: Mapping[str, Hashes], now: Any) -> tuple[Figure, ...]:
    """The files of each model: those of the cards `now`, and of models that are told of and not there."""
    by_name: dict[str, Card] = {card.name: card for card in now}
    return tuple(
        figure
        for name in dict.fromkeys([*by_name, *then])
        for figure in hashes(name, then.get(name, {}), by_name[name].files if name in by_name else {})
    )


def _films(then: str, places: Places) -> tuple[Figure, ...]:
    """The digest of films and labels, of the folder that is given."""
    if places.data is None:
        return ()
    now = dataset.read(places.data).digest
    words = "SHA-256 of films and labels"
    return (Figure(FILES, "films", words, "text", then, now, then == now),)


def _moment(given: Sidecar, created: str) -> datetime.datetime:
    try:
        moment = datetime.datetime.fromisoformat(created)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise NotVerified(f"{given.name} names no day and time in redo.arguments.created. It was changed by hand.")
    return moment
