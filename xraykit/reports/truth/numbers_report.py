"""What a model's number means: prediction sets with their coverage, and 100 people at a prevalence, from cards."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from xraykit.evaluation.decisions import conformal, people
from xraykit.evaluation.decisions.conformal import Rule, Verdict
from xraykit.evaluation.stats import Figure
from xraykit.models.cards.card import Card, titles_of
from xraykit.reports.charts.decisions import coverage as coverage_charts
from xraykit.reports.charts.decisions import people as people_charts
from xraykit.reports.charts.style import Style
from xraykit.reports.report.page import Section
from xraykit.reports.report.picture import Picture
from xraykit.reports.report.table import Column, Measured, Table
from xraykit.truth import sets
from xraykit.truth.sets import Checked, Place

AT_HOME, AT_POINT = "At home", ", operating point"
ALL = "all films"
AT_CARD = "At the highest probability, or at each card's operating points: a sensitivity of 95% on validation films."
JUDGED = {
    Verdict.KEPT: "kept",
    Verdict.LOW: "low, within chance",
    Verdict.BROKEN: "not kept",
    Verdict.FEW: f"fewer than {conformal.FEWEST} films",
}
RESTS_ON = (
    "A prediction set holds every class whose probability reaches a limit found on validation films. What it promises "
    "holds for films like those; the same films also chose the epoch and the temperature, so it is checked on test "
    "films, and elsewhere, where nothing is promised."
)


def sections(cards: Sequence[Card]) -> tuple[Section, ...]:
    """Both sections for one card, or for several side by side."""
    return (prediction_sets(cards), *of_hundred(from_cards(cards)))


def prediction_sets(cards: Sequence[Card]) -> Section:
    """What the sets of each model promise and where they keep it: words, the 90 % sets drawn, and every figure."""
    several = len(cards) > 1
    titles = titles_of(cards)
    words = [f"{titles[card.name]}: {words}" if several else words for card in cards for words in sentences(card)]
    checked = [(titles[card.name], each) for card in cards for each in sets.of_card(card)]
    parts: list[Picture | Table] = []
    if rows := [{"model": titles[card.name], **row} for card in cards for row in _coverage_rows(card)]:
        models = list(titles.values())
        title = f"Coverage of the {sets.SHOWN:.0%} prediction sets"

        def draw(style: Style) -> Any:
            return coverage_charts.coverage(rows, models, sets.SHOWN, style=style)

        parts.append(Picture("coverage", title, draw, rows, "dot and 95% interval; dashed: what is promised"))
    if checked:
        classes = tuple(dict.fromkeys(label for card in cards for label in card.classes if sets.shown(card)))
        parts.append(_table(checked, classes, several))
        words.append(RESTS_ON)
    return Section("sets", "Prediction sets", tuple(words), tuple(parts), listed=True, across=True)


def sentences(card: Card) -> Iterator[str]:
    """Whether the 90 % sets of a model hold what they promise, place by place, in words."""
    checked = sets.shown(card)
    if checked is None:
        why = "An imported model has none: no validation films are known."
        yield why if "imported" in card.recipe else f"No prediction sets yet. `{sets.COMMAND} {card.name}` makes them."
        return
    for place in checked.places:
        yield _sentence(checked, place)
    for name in sets.unchecked(card):
        yield f"Not checked on {name} yet. `{sets.COMMAND} {card.name}` does."
    if not card.elsewhere:
        yield "Not checked on films from elsewhere."


def _sentence(checked: Checked, place: Place) -> str:
    level, covered, n = checked.sets.level, place.coverage.covered, place.coverage.n
    where = AT_HOME if place.name == sets.HOME else f"On {place.name}"
    start = f"{where} the {level:.0%} sets hold the true class for {covered.text()} of {n:,} films"
    verdict = checked.verdict(place)
    broken = [
        f"{label} {place.coverage.classes[label].text()}"
        for label in checked.sets.least
        if checked.verdict(place, label) is Verdict.BROKEN
    ]
    if verdict is Verdict.FEW:
        return f"{start}: too few films to say whether they keep their promise."
    if verdict is Verdict.BROKEN:
        return f"{start}: {'fewer than promised' if place.name == sets.HOME else 'they promise nothing there'}."
    said = f"{start}, as promised"
    if verdict is Verdict.LOW:
        said = f"{start}: fewer than promised, by no more than chance leaves with {checked.n:,} validation films"
    return f"{said}, but not in every class: {', '.join(broken)}." if broken else f"{said}."


def _coverage_rows(card: Card) -> Iterator[dict[str, Any]]:
    checked = sets.shown(card)
    for place in checked.places if checked else ():
        where = AT_HOME if place.name == sets.HOME else place.name
        figures: dict[str | None, Figure] = {None: place.coverage.covered, **place.coverage.classes}
        for label, figure in figures.items():
            if checked is None or figure.value is None:
                continue
            yield {
                "row": f"{where}, {label or ALL}",
                "value": figure.value,
                "low": figure.low,
                "high": figure.high,
                "n": figure.n,
                "verdict": JUDGED[checked.verdict(place, label)],
            }


def _table(checked: Sequence[tuple[str, Checked]], classes: Sequence[str], several: bool) -> Table:
    """A row a model, level, rule and place; of one model alone without its name."""
    columns = (
        *(Column(head) for head in ("Model", "Sets", "Films")),
        Column("n", "count"),
        Column("Coverage", "percent", interval=True),
        *(Column(label, "percent", interval=True) for label in classes),
        Column("Classes a set", "plain"),
        Column("Empty", "count"),
        Column("Promise"),
    )
    rows = tuple(
        (
            title,
            f"{each.sets.level:.0%}, {'by class' if each.sets.rule is Rule.PER_CLASS else 'one limit'}",
            AT_HOME if place.name == sets.HOME else place.name,
            place.coverage.n,
            place.coverage.covered,
            *(place.coverage.classes.get(label) for label in classes),
            Measured(place.coverage.size, f"{place.coverage.size:.2f}"),
            place.coverage.empty,
            JUDGED[each.verdict(place)],
        )
        for title, each in checked
        for place in each.places
    )
    note = (
        "Coverage is the share of films whose set holds their class; 95% intervals, films of a group taken together. "
        "By class: a limit for each class, so that each is covered; with one limit they are on average."
    )
    first = 0 if several else 1
    shown = tuple(row[first:] for row in rows)
    title = "Every set, everywhere it was checked"
    return Table("coverage-table", title, columns[first:], shown, note, rank="appendix")  # the words judge the sets


def from_cards(cards: Sequence[Card]) -> list[dict[str, Any]]:
    """Sensitivity and specificity of every class at home and elsewhere as rows.

    At the highest probability, and at the card's operating points where it has some.
    """
    rows, titles = [], titles_of(cards)
    for card in cards:
        title = titles[card.name]
        home = {"operating_points": card.metrics.get("operating_points"), **(card.metrics.get("test") or {})}
        for place, part in ((AT_HOME, home), *((place["name"], place["figures"]) for place in card.elsewhere)):
            rows += [person_row(title, place, *of_class) for of_class in (part.get("classes") or {}).items()]
            points = (point for point in part.get("operating_points") or () if point.get("threshold") is not None)
            rows += [person_row(title, f"{place}{AT_POINT}", point["label"], point.get("test")) for point in points]
    return [row for row in rows if row]


def person_row(model: str, place: str, label: str, figures: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """A row for the picture of 100 people; None where sensitivity or specificity is not known."""
    held = [(figures or {}).get(key) for key in ("sensitivity", "specificity")]
    sensitivity, specificity = (each if isinstance(each, Figure) else Figure.from_dict(each) for each in held)
    if sensitivity.value is None or specificity.value is None or not sensitivity.n or not specificity.n:
        return None
    return {
        "model": model,
        "place": place,
        "label": label,
        "sensitivity": sensitivity.value,
        "specificity": specificity.value,
        "ill": sensitivity.n,
        "well": specificity.n,
    }


def of_hundred(rows: Sequence[Mapping[str, Any]], words: str = AT_CARD) -> Iterator[Section]:
    """The picture of 100 people with its slider, and PPV and NPV at several prevalences; nothing without rows."""
    if not rows:
        return
    models, places, labels = (list(dict.fromkeys(row[key] for row in rows)) for key in ("model", "place", "label"))

    def draw(style: Style) -> Any:
        return people_charts.people([dict(row) for row in rows], models, places, labels, style=style)

    note = "as many have the class as the prevalence says"
    picture = Picture("people", "100 people", draw, rows, note)
    named = [key for key, options in (("model", models), ("place", places), ("label", labels)) if len(options) > 1]
    columns = (
        *(Column({"model": "Model", "place": "Films", "label": "Class"}[key]) for key in named),
        Column("Value"),
        *(Column(f"at {share:.0%}", "percent", interval=True) for share in people.PREVALENCES),
    )
    home: list[tuple[Any, ...]] = []
    away: list[tuple[Any, ...]] = []
    for row in rows:
        shares = (Figure(row["sensitivity"], n=row["ill"]), Figure(row["specificity"], n=row["well"]))
        values = [people.predictive_values(*shares, prevalence) for prevalence in people.PREVALENCES]
        for place, name in enumerate(("PPV", "NPV")):
            table = home if row["place"].startswith(AT_HOME) else away
            table.append((*(row[key] for key in named), name, *(pair[place] for pair in values)))
    words = (
        f"{words} How many of those who are called a class have it depends on how common it is: set the prevalence "
        "among the people you think of."
    )
    title = "PPV and NPV by prevalence"
    note = "By Bayes' theorem, the prevalence taken as known; 95% intervals of the adjusted logit (Mercaldo 2007)."
    parts: list[Picture | Table] = [picture]
    if home:
        parts.append(Table("predictive", title, columns, tuple(home), note))
    if away:
        head, rank = (f"{title}, elsewhere", "appendix") if home else (title, "main")
        parts.append(Table("predictive-elsewhere", head, columns, tuple(away), note, rank=rank))
    yield Section("people", "Of 100 such people", (words,), tuple(parts), across=True)
