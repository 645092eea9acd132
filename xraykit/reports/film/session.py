"""Reading session report: what a reader and the models made of its films, as `reading.summary` counts it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from xraykit import RESEARCH_ONLY
from xraykit.evaluation.stats import Figure
from xraykit.reading import summary
from xraykit.reading.kept import ReadFilm, Record
from xraykit.reading.summary import OfClass, Shares, Summary
from xraykit.reports.film import software
from xraykit.reports.film.report import moment
from xraykit.reports.film.subject import ID
from xraykit.reports.report.page import Report, Section, Tile
from xraykit.reports.report.table import Column, Table

SECONDS = {
    "before": "Until the impression, the models hidden",
    "after": "From then on, the same films",
    "shown": "Films with the models shown from the start",
    "whole": "All films with a finding",
}
NOT_READ = "not read"
SHARE = {"kind": "percent", "interval": True}


def report(record: Record, created: str, name: str = "", titles: Mapping[str, str] | None = None) -> Report:
    """A session on paper; names of files only where the session keeps them. `name` is that of a kept one's folder.

    `titles` are those of its models by name; one that is not here any more goes by its name.
    """
    names = sorted({model for film in record.films for model in film.answers})
    known_as = {model: (titles or {}).get(model, model) for model in names}
    named, shared = record.shared(), _titled(record.shared(), known_as)
    held = summary.summarise(shared)
    sections = (
        Section("summary", "What must be known first", held.words, listed=True),
        *_agreement(held),
        *_changes(held),
        *_reference(held),
        *_seconds(held),
        Section("films", "Films", parts=(_films(shared),)),
    )
    return Report(
        title=f"Reading session {record.options.title}".rstrip(),
        notice=RESEARCH_ONLY,
        facts=tuple(_facts(record, held, created)),
        sections=tuple(section for section in sections if section.words or section.parts),
        data={"kind": "reading session", "summary": summary.summarise(named).to_dict(), "titles": known_as}
        | ({"redo": _redo(name, created, known_as)} if name else {}),
        lead="What a reader and the models made of the same films.",
        headline=tuple(_tiles(held)),
    )


def _titled(record: Record, titles: Mapping[str, str]) -> Record:
    """The same with its models under their titles."""
    films = (
        replace(
            film,
            answers={titles[model]: answer for model, answer in film.answers.items()},
            last=replace(
                film.last, agrees={titles.get(model, model): said for model, said in film.last.agrees.items()}
            ),
        )
        for film in record.films
    )
    return replace(record, films=tuple(films))


def _redo(name: str, created: str, titles: Mapping[str, str]) -> dict[str, Any]:
    """What makes the same report of a kept session."""
    return {
        "verb": "report reading",
        "arguments": {"session": name, "created": created, "titles": dict(titles)},
        "settings": {},
        "hashes": {},
        "versions": software.versions(),
    }


def _facts(record: Record, held: Summary, created: str) -> Iterator[tuple[str, str]]:
    yield "Read", f"{moment(record.created)} to {moment(record.ended or record.changed)}"
    yield "Findings", ", ".join(record.options.classes) or "none were set"
    yield "Models", "; ".join(model.model for model in held.models) or "none"
    counts = held.counts
    yield "Films", f"{counts['recorded']:,} recorded, {counts['read']:,} with a finding, {counts['flagged']:,} flagged"
    yield "Before the models were shown", f"{counts['blind']:,} of {counts['read']:,} films"
    yield "Date", moment(created)
    yield "Software", software.line()


def _tiles(held: Summary) -> Iterator[Tile]:
    yield Tile("Films read", f"{held.counts['read']:,}", f"{held.counts['with_reference']:,} with a reference standard")
    if held.reference.n:
        key = "before" if held.reference.basis == "before" else "reader"
        right = held.reference.accuracy[key]
        when = "before the models were shown" if key == "before" else "with the models shown"
        yield Tile("Reader right", right.value_text(), f"{right.interval_text()}, {right.n:,} films, {when}")
    for model in held.models[:3]:
        accord = model.last
        note = f"{accord.share.interval_text()}, {accord.n:,} films, last findings"
        yield Tile(f"Agreement with {model.model}", accord.share.value_text(), note)


def _agreement(held: Summary) -> Iterator[Section]:
    if not held.models:
        return
    columns = (
        Column("Model"),
        Column("Agreement, last finding", **SHARE),
        Column("Kappa", "number"),
        Column("n", "count"),
        Column("Agreement, before it was shown", **SHARE),
        Column("n", "count"),
        *(Column(f"Said: {word}", "count") for word in ("agree", "disagree", "unsure")),
    )
    rows = tuple(
        (
            model.model,
            model.last.share,
            model.last.kappa,
            model.last.n,
            model.before.share,
            model.before.n,
            *(model.said[word] for word in ("agree", "disagree", "unsure")),
        )
        for model in held.models
    )
    note = "How often the finding is the class of highest model probability. Kappa: Cohen's, agreement beyond chance."
    yield Section("agreement", "Agreement with the models", parts=(Table("agreement", "", columns, rows, note),))


def _changes(held: Summary) -> Iterator[Section]:
    changes = held.changes
    if not changes.n:
        return
    words = [f"Of {changes.n:,} films read before and after the models were shown, {changes.changed:,} changed."]
    if changes.labelled:
        p = "" if changes.p is None else f", McNemar's exact p {changes.p:.3f}"
        words.append(
            f"{changes.corrected:,} changed to the reference standard and {changes.spoiled:,} away from it, of "
            f"{changes.labelled:,} films that have one{p}."
        )
    columns = (Column("Model"), Column("Changes to its answer", "count"), Column("Changes from its answer", "count"))
    rows = tuple((model, towards, changes.away[model]) for model, towards in changes.towards.items())
    parts = (Table("changes", "", columns, rows),) if rows else ()
    yield Section("changes", "Changes of mind", tuple(words), parts)


def _reference(held: Summary) -> Iterator[Section]:
    if not held.reference.n:
        return
    columns = (
        Column("Class"),
        Column("Who"),
        Column("Sensitivity", **SHARE),
        Column("Specificity", **SHARE),
        Column("Films with the class", "count"),
        Column("n", "count"),
    )
    rows = tuple(
        (of_class.label, who, shares.sensitivity, shares.specificity, of_class.support, n)
        for of_class in held.reference.classes
        for who, shares, n in _who(of_class, held.reference.basis)
    )
    when = "before the models were shown" if held.reference.basis == "before" else "with the models shown"
    note = f"95% intervals. Beside the models stand the findings {when}."
    right = tuple((name, figure, figure.n) for name, figure in held.reference.accuracy.items() if _is_known(figure))
    accuracy = Table("accuracy", "Accuracy", (Column("Who"), Column("Accuracy", **SHARE), Column("n", "count")), right)
    parts = (accuracy, Table("shares", "Each class against the rest", columns, rows, note))
    yield Section("reference", "Beside the reference standard", parts=parts)


def _who(of_class: OfClass, basis: str) -> Iterator[tuple[str, Shares, int]]:
    yield "reader, last findings", of_class.reader, of_class.n
    if basis == "before":
        yield (
            "reader, before the models",
            of_class.before,
            of_class.before.sensitivity.n + of_class.before.specificity.n,
        )
    for model in of_class.models:
        yield model.model, model.alone.shares, model.n
        yield f"reader or {model.model}", model.either.shares, model.n
        yield f"reader and {model.model}", model.both.shares, model.n


def _is_known(figure: Figure) -> bool:
    return figure.value is not None


def _seconds(held: Summary) -> Iterator[Section]:
    rows = tuple(
        (words, spent.median, spent.low, spent.high, spent.n)
        for name, words in SECONDS.items()
        if (spent := held.seconds[name]).n
    )
    if rows:
        heads = ("Median", "Lower quartile", "Upper quartile")
        columns = (Column("Seconds a film"), *(Column(head, "number") for head in heads), Column("n", "count"))
        yield Section("seconds", "Time", parts=(Table("seconds", "", columns, rows),))


def _films(record: Record) -> Table:
    models = sorted({model for film in record.films for model in film.answers})
    columns = (
        Column("No.", "count"),
        Column("Film"),
        Column("Finding"),
        Column("Before the models"),
        Column("Reference"),
        *(column for model in models for column in (Column(model), Column("Model probability", "number"))),
        Column("Seconds", "number"),
    )
    films = sorted(record.films, key=lambda film: film.order)
    return Table("films", "", columns, tuple(_row(film, models) for film in films))


def _row(film: ReadFilm, models: list[str]) -> tuple[Any, ...]:
    answers: list[Any] = []
    for model in models:
        answer = film.answers.get(model)
        answers += [NOT_READ, None] if answer is None else [answer.top, answer.probabilities.get(answer.top)]
    before = film.before.finding if film.before else None
    named = film.name or film.sha256[:ID]
    finding = film.last.finding or NOT_READ
    return film.order, named, finding, before or "", film.label or "", *answers, round(film.last.seconds, 1)
