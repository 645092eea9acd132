"""Film report: one film on a page - picture, overlays, what models and a reader made of it, and how far to believe it.

Every figure is the models', their cards' or the reader's; none is computed here. No file's name unless it was asked
for, nothing of the patient, no path.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from xraykit import RESEARCH_ONLY
from xraykit.films import note
from xraykit.films.refusal import Refusal
from xraykit.gate.verdict import Outcome
from xraykit.models.cards.card import Card
from xraykit.reading.impressions import Impression
from xraykit.reports.film import pictures, software
from xraykit.reports.film.subject import ID, Answer, Subject, model_hash, redo
from xraykit.reports.report.page import Report, Section, Tile
from xraykit.reports.report.picture import Picture
from xraykit.reports.report.table import Column, Table
from xraykit.truth import places, sets

NONE, UNKNOWN = "none", "not known"
GATE = {"passed": "passed", "refused": "refused", "overridden": "refused, read all the same", "off": "not asked"}
WORST = 2  # places elsewhere that are named of a model, the worst first
MOST_LIMITS, MOST_COUNTED = 6, 72  # limits that are said, letters of the films of each class
KNOWN = {"": "not among its own films", None: "its own films are not remembered"}
ANSWERED = (
    "Predicted class",
    "At or above its point",
    "90% prediction set",
    "Calibrated",
    "This film",
    "Saved as",
    "SHA-256 of its files",
    "Learned from",
)
POINT = "point"
POINTS = (
    "Below each model its probability of the class, beside it the operating point, the mark on the bar: chosen on its "
    "validation films. n/a: none, or a class it does not know."
)
Titled = tuple[str, Answer]  # a model's title, and what it made of the film
HIGHEST = "The predicted class is that of the highest model probability."


def report(subject: Subject) -> Report:
    """The page of a film that was read."""
    titled = subject.titled
    return Report(
        title=subject.title,
        notice=RESEARCH_ONLY,
        facts=tuple(_facts(subject)),
        sections=(
            _film(subject),
            *_probabilities(subject.heads),
            *_models(subject.heads),
            *_worth(subject.heads),
            _impression(subject.impression, {answer.card.name: title for title, answer in subject.heads}),
            *_limits(subject.answers),
        ),
        data={"kind": "film report", **data(subject)},
        lead=_lead(subject),
        headline=tuple(_tile(title, answer) for title, answer in titled),
        columns=True,
        written=datetime.datetime.fromisoformat(subject.created),
        single=True,
    )


def refused(refusal: Refusal, sha256: str, created: str, *, name: str = "") -> Report:
    """The page of a file that could not be read as a film: why, and what to do."""
    title = f"Film {name or sha256[:ID]}"
    words = (refusal.words, "No model read it: there is no probability and no heatmap.")
    facts = (
        ("Read", f"no ({refusal.code})"),
        ("SHA-256 of the file", sha256),
        ("Date", moment(created)),
        ("Software", software.line()),
    )
    redo = {
        "verb": "report film",
        "arguments": {"models": [], "name": name, "created": created},
        "settings": {},
        "hashes": {"film": {"sha256": sha256}, "models": {}},
        "versions": software.versions(),
    }
    held = {"kind": "film report", "film": {"sha256": sha256, "refused": refusal.code}, "redo": redo}
    written = datetime.datetime.fromisoformat(created)
    sections = (Section("refused", "Not read", words),)
    return Report(title, RESEARCH_ONLY, facts, sections, held, "Not read.", written=written, single=True)


def data(subject: Subject) -> dict[str, Any]:
    """Every number in full precision, and what makes the report again."""
    film, outcome = subject.film, subject.gate
    return {
        "film": {
            "sha256": film.sha256,
            "width": film.width,
            "height": film.height,
            "format": film.format,
            "view": film.view,
            "laterality": film.softcopy.laterality,
            "notes": [vars(each) for each in film.notes],
        },
        "gate": {"state": outcome.state, "code": outcome.code},
        "answers": [
            {
                "model": answer.card.name,
                "title": answer.card.title,
                "probabilities": answer.probabilities,
                "thresholds": {label: answer.threshold(label) for label in answer.card.classes},
                "predicted": answer.prediction.top if answer.prediction else None,
                "known": answer.known,
                "heat_maximum": answer.explanation.maximum if answer.explanation else None,
                "words": answer.words,
            }
            for answer in subject.answers
        ],
        "redo": redo(subject),
    }


def moment(created: str) -> str:
    """Day and time in UTC of an ISO 8601 text, "2026-11-29 19:30 UTC"."""
    try:
        then = datetime.datetime.fromisoformat(created)
    except ValueError:
        return UNKNOWN
    if then.tzinfo is None:
        return f"{then:%Y-%m-%d %H:%M}, time zone not known"
    return f"{then.astimezone(datetime.UTC):%Y-%m-%d %H:%M} UTC"


def _lead(subject: Subject) -> str:
    if not subject.answers:
        return "Shown without a model."
    if all(answer.prediction is None for answer in subject.answers):
        return "Not read by any model."
    models = f"Read by {len(subject.answers)} model{'s' * (len(subject.answers) != 1)}"
    is_read = subject.impression is not None and subject.impression.finding
    return f"{models} and a reader." if is_read else f"{models}; a reader's impression is not recorded."


def _tile(title: str, answer: Answer) -> Tile:
    if answer.prediction is None:
        return Tile(title, "not read", answer.words)
    top = answer.prediction.top
    threshold = answer.threshold(top)
    point = "no operating point" if threshold is None else f"operating point {threshold:.3f}"
    probability = answer.probabilities[top]
    return Tile(title, f"{top} {probability:.3f}", f"model probability; {point}; {_calibrated(answer.card)}")


def _facts(subject: Subject) -> Iterator[tuple[str, str]]:
    film = subject.film
    size = f"{film.format}, {film.width:,} x {film.height:,} pixels"
    yield "Film", "; ".join([*pictures.lies(film), size])
    yield "Gate", _gate(subject.gate)
    yield "SHA-256 of the file", film.sha256
    yield "Date", moment(subject.created)
    yield "Software", software.line()


def _gate(outcome: Outcome) -> str:
    asked = outcome.asked
    done = [f"turned by {asked.turn}° clockwise"] * bool(asked.turn)
    done += ["black and white changed round"] * asked.inverted
    parts = [GATE[outcome.state], *done]
    if outcome.words:
        parts.append(outcome.words)
    elif outcome.state == "passed":
        parts.append("taken for an upright frontal chest film")
    return "; ".join(parts)


def _film(subject: Subject) -> Section:
    shown = pictures.photographs(subject)
    return Section("film", "Film and overlay", tuple(_film_words(subject)), shown, across=True)


def _film_words(subject: Subject) -> Iterator[str]:
    yield from (warning.words for warning in note.warnings(subject.film.notes))
    refused = f"Not read. {subject.gate.words}"  # said above all: by the tiles, and among the facts
    yield from (f"{title}: {each.words}" for title, each in subject.heads if each.words not in ("", refused))
    for title, answer in subject.heads if subject.settings.heatmaps else ():
        if answer.prediction is not None and answer.explanation is None and not answer.words:
            yield f"{title} has no heatmap by {subject.settings.method}: its network has no map for one."


def _probabilities(titled: Sequence[Titled]) -> Iterator[Section]:
    read = [(title, answer) for title, answer in titled if answer.prediction is not None]
    if not read:
        return
    classes = list(dict.fromkeys(label for _, answer in read for label in answer.probabilities))
    rows = [
        {"model": title, "label": label, "probability": value, "threshold": answer.threshold(label)}
        for title, answer in read
        for label, value in answer.probabilities.items()
    ]
    models = [title for title, _ in read]

    def draw(style: Any) -> Any:
        from xraykit.reports.charts import bars

        return bars.of_models(rows, classes, models, style=style)

    chart = Picture("probabilities", "Model probabilities of this film", draw, rows, rank="appendix")
    yield Section("answers", "Model probabilities", (HIGHEST,), (_numbers(read, classes), chart), wide=True)


def _numbers(read: Sequence[Titled], classes: Sequence[str]) -> Table:
    """A row a class: each model's probability and operating point."""
    heads = (head for title, _ in read for head in (Column(title, "number", look="level"), Column(POINT, "number")))
    rows = tuple(
        (label, *(value for _, answer in read for value in (answer.probabilities.get(label), answer.threshold(label))))
        for label in classes
    )
    return Table("numbers", "", (Column("Class"), *heads), rows, POINTS)


def _models(titled: Sequence[Titled]) -> Iterator[Section]:
    """A column a model: they are few, and what is said of them is long."""
    if not titled:
        return
    heads = (Column("Model"), *(Column(title) for title, _ in titled))
    columns = (_column(answer) for _, answer in titled)
    rows = tuple(row for row in zip(ANSWERED, *columns, strict=True) if any(row[1:]))
    table = Table("models", "", heads, rows, _set_note(titled))
    yield Section("models", "Models", parts=(table,), wide=True)


def _column(answer: Answer) -> tuple[str, ...]:
    card = answer.card
    return (
        *_said(answer),
        _calibrated(card),
        ""
        if answer.prediction is None
        else f"known to it: {answer.known} film"
        if answer.known
        else KNOWN[answer.known],
        f"{card.name}, {moment(card.created)}",
        model_hash(card)[:ID],
        learned_from(card),
    )


def _said(answer: Answer) -> tuple[str, str, str]:
    """The predicted class, the classes at or above their operating points, and the prediction set."""
    if answer.prediction is None:
        return "not read", "", ""
    has_points = any(answer.threshold(label) is not None for label in answer.card.classes)
    called = (", ".join(answer.called) or NONE) if has_points else "no operating points"
    return answer.prediction.top, called, _set(answer)


def _set(answer: Answer) -> str:
    checked = sets.shown(answer.card)
    if checked is None or answer.prediction is None:
        return "no sets on its card"
    inside = checked.sets.includes(answer.prediction.probabilities[None])[0]
    names = [label for label, held in zip(checked.sets.least, inside, strict=True) if held]
    return ", ".join(names) or "empty"


def _set_note(titled: Sequence[Titled]) -> str:
    """Where the promise of the sets was checked, and whether it held."""
    said = []
    for title, answer in titled:
        checked = sets.shown(answer.card)
        if checked is None or answer.prediction is None:
            continue
        where = [
            f"{place.coverage.covered.text()} {'at home' if place.name == sets.HOME else f'on {place.name}'}"
            for place in checked.places
        ]
        said.append(f"The set of {title} held the class of {', '.join(where)}.")
    return " ".join(said)


def _calibrated(card: Card) -> str:
    if "imported" in card.recipe:
        return "not calibrated"
    return f"calibrated, temperature {card.temperature:.3f}"


def _worth(titled: Sequence[Titled]) -> Iterator[Section]:
    """Sensitivity and specificity of the predicted class at home and where it did worst."""
    rows, words = [], []
    for title, answer in titled:
        if answer.prediction is None:
            continue
        card, top = answer.card, answer.prediction.top
        away = [place.name for place in places.elsewhere(card)]
        known = [answer.trust.home.get(top), *(answer.trust.elsewhere.get(name, {}).get(top) for name in away[:WORST])]
        for figures in filter(None, known):
            where = "at home" if figures.source == "home" else figures.source
            rows.append((title, top, where, figures.sensitivity, figures.specificity, figures.n))
        if not away:
            words.append(f"{title}: not tested on films from elsewhere, where figures are mostly lower.")
        words += [f"{title}: {fall.words}" for fall in places.falls(card) if fall.label == top][:1]
        if not any(known):
            words.append(f"{title}: no figures of {top} on films whose class was known.")
    if not rows and not words:
        return
    columns = (
        Column("Model"),
        Column("Class"),
        Column("Films"),
        Column("Sensitivity", "percent", interval=True),
        Column("Specificity", "percent", interval=True),
        Column("n", "count"),
    )
    note = "At home: its own test split. 95% intervals. At the operating point, or else at the highest probability."
    parts = (Table("worth", "", columns, tuple(rows), note),) if rows else ()
    yield Section("worth", "How it did at home and elsewhere", tuple(words), parts, listed=True, wide=True)


def _impression(said: Impression | None, titles: Mapping[str, str]) -> Section:
    heading = "Reader's impression"
    if said is None:
        rows = (("Finding", "not recorded"), ("Reader, date, signature", ""))
        return Section("impression", heading, parts=(_list("said", rows),))
    agrees = [f"{titles.get(name, name)}: {word}" for name, word in said.agrees.items()]
    rows = (
        ("Finding", said.finding or "not recorded"),
        ("Recorded", "before the models were shown" if said.blind else "with the models shown"),
        *((("About the models", "; ".join(agrees)),) if agrees else ()),
        *((("In the reader's words", said.text),) if said.text else ()),
        ("Marks and measurements", f"{len(said.marks)} and {len(said.measurements)}"),
        ("When", moment(said.at) if said.at else UNKNOWN),
        ("Reader, date, signature", ""),
    )
    return Section("impression", heading, parts=(_list("said", rows),))


def learned_from(card: Card) -> str:
    """The training films of a model in a line."""
    counts = card.data.get("train_used") or (card.data.get("counts") or {}).get("train") or {}
    if not counts:
        return "not reported"
    by_class = ", ".join(f"{n:,} {label}" for label, n in counts.items())
    by_class = by_class if len(by_class) <= MOST_COUNTED else f"{len(counts)} classes"
    return f"{sum(counts.values()):,} films of {card.data.get('name', 'a collection without a name')}: {by_class}"


def _limits(answers: Sequence[Answer]) -> Iterator[Section]:
    limits = list(dict.fromkeys(limit for answer in answers for limit in answer.card.limits))
    if not limits:
        return
    more = [f"{len(limits) - MOST_LIMITS} more on the cards of the models."] if len(limits) > MOST_LIMITS else []
    yield Section("limits", "Limits", (*limits[:MOST_LIMITS], *more), listed=True)


def _list(key: str, rows: Any) -> Table:
    return Table(key, "", (Column("Fact"), Column("Value")), tuple(rows), head=False)
