"""Several models at a glance: who is better as far as tests tell, every pair, every class; and models that differ."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from xraykit.evaluation.comparison import FEWEST, few_words
from xraykit.evaluation.decisions import ranks
from xraykit.evaluation.decisions.ranks import Ranked
from xraykit.evaluation.evaluation import Evaluation
from xraykit.evaluation.stats import Figure, p_number
from xraykit.reports import tables
from xraykit.reports.charts import grids
from xraykit.reports.charts.style import Style
from xraykit.reports.comparison import figures
from xraykit.reports.comparison.chosen import Applied, Choice, Material
from xraykit.reports.report import read_out
from xraykit.reports.report.page import Section
from xraykit.reports.report.picture import Picture
from xraykit.reports.report.table import Column, Table

NO_CLASS = "not a class of it"
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
RANKS = (
    "Rank: 1 + how many models are better by the paired test, Holm-adjusted over all pairs. Models of one tied set "
    "cannot be told apart; a model may be in several. At most: the last rank that the tests leave open."
)


def verdict(material: Material, metrics: Mapping[str, dict]) -> Section:
    """More than two models: ranks with tied sets, and accuracies with their intervals."""
    result = material.comparison
    ranked = ranks.ranks(result)
    order = [result.models[each.place] for each in ranked]
    parts = (ranking(material, metrics, ranked), figures.accuracies(material, metrics, order))
    words = (*result.warnings, *_words(material, ranked), *result.notes)
    return Section("verdict", figures.verdict_title(material), words, parts)


def pairs(material: Material, choice: Choice) -> Section | None:
    """Every difference of more than two models, and the tests of the chosen pair; None of two."""
    if len(material.models) == 2:
        return None
    result = material.comparison
    parts = (
        _differences(material, ranks.ranks(result)),
        tables.pairs(result),
        tables.areas(result.choose(choice.pair)),
    )
    return Section("pairs", "Every pair", (), parts)


def ranking(material: Material, metrics: Mapping[str, dict], ranked: Sequence[Ranked]) -> Table:
    """A row a model in order of rank: its tied sets, and its figures over all classes."""
    columns = (
        Column("No.", "plain"),
        Column("Model"),
        Column("Rank", "count"),
        Column("At most", "count"),
        Column("Tied sets"),
        Column("Accuracy", "percent", interval=True, look="bar"),
        Column("Balanced accuracy", "percent"),
        *(Column(head, "number") for head in tables.OVERALL.values()),
        Column("Films", "count"),
    )
    rows = []
    for number, each in enumerate(ranked, 1):
        name = material.models[each.place]
        held = metrics[name]
        rows.append(
            (
                number,
                name,
                each.rank,
                each.worst,
                ", ".join(LETTERS[number % len(LETTERS)] for number in each.sets),
                held["accuracy"],
                held["balanced_accuracy"],
                *(held[key] for key in tables.OVERALL),
                held["n"],
            )
        )
    return Table("ranking", "Ranks", columns, tuple(rows), RANKS if not material.comparison.few else "")


def in_order(material: Material) -> list[str]:
    """The models in the order in which they rank: their numbers wherever there is no room for their titles."""
    return [material.models[each.place] for each in ranks.ranks(material.comparison)]


def _words(material: Material, ranked: Sequence[Ranked]) -> tuple[str, ...]:
    """What the ranks come to; first of all where there are too few films for any."""
    result, names = material.comparison, [material.models[each.place] for each in ranked]
    if result.few:
        return (f"{few_words(result.few)} No model is ranked; the order below is that of the accuracies.",)
    apart = sum(pair.verdict.apart for pair in result.pairs)
    n = f"n = {len(result.films):,}"
    if not apart:
        return (f"No two of the {len(names)} models can be told apart at {n}.",)
    best = [name for name, each in zip(names, ranked, strict=True) if each.rank == 1]
    if len(best) == 1:
        first = f"{best[0]} is better than every other model at {n}."
        if ranked[0].worst != 1:
            first = f"No model is better than {best[0]} at {n}, but not all are told apart from it."
    else:
        first = f"Not told apart as the best at {n}: {'; '.join(best)}."
    return first, f"{apart} of {len(result.pairs)} pairs of models can be told apart."


def _differences(material: Material, ranked: Sequence[Ranked]) -> Picture:
    """Every pair once, the model that stands higher first."""
    models = [material.models[each.place] for each in ranked]
    rows = []
    for i, first in enumerate(ranked):
        for second in ranked[i + 1 :]:
            figure, pair = ranks.difference(material.comparison, first.place, second.place)
            rows.append(
                {
                    "row": material.models[first.place],
                    "column": material.models[second.place],
                    "value": figure.value,
                    "points": _signed(figure),
                    "interval": figure.interval_text("points").replace("-", "−"),
                    "p": p_number(pair.adjusted_p),
                    "verdict": str(pair.verdict),
                    "clear": pair.verdict.apart,
                }
            )
    words = f"Differences in accuracy of {read_out.models(models)}, each pair once"

    def draw(style: Style) -> Any:
        return grids.differences(rows, models, style=style, alt_text=words)

    note = "row minus column, points of accuracy with 95% interval; coloured, with a dot: told apart"
    return Picture("pair-differences", "Differences in accuracy", draw, rows, note)


def by_class(material: Material, metrics: Mapping[str, dict]) -> Section | None:
    """Sensitivity of every model in every class; None of two models, whose reports stand side by side."""
    if len(material.models) <= 2:
        return None
    models = in_order(material)
    rows = list(_shares(models, metrics, material.classes))
    words = f"Sensitivity by class of {read_out.models(models)}"

    def draw(style: Style) -> Any:
        return grids.shares(rows, material.classes, models, style=style, alt_text=words)

    picture = Picture(
        "by-class", "Sensitivity, percent", draw, rows, "a row a class, a column a model; highest probability"
    )
    few = metrics[material.models[0]]["classes"]
    films = ", ".join(
        f"{label} {few[label]['support']}" for label in material.classes if few[label]["support"] < FEWEST
    )
    said = (f"Fewer than {FEWEST} films: {films}.",) if films else ()
    return Section("by-class", "By class", said, (picture,))


def glance(material: Material, applied: Applied, choice: Choice) -> Section | None:
    """Every model's matrix in colour alone; None of so few models that all are shown in full."""
    places = material.in_full(choice)
    if len(places) == len(material.models):
        return None
    matrices, models = figures.confusions_of(material, applied), in_order(material)
    rows = [
        row
        for name, matrix in matrices.items()
        for row in grids.matrix_rows(name, tables.cells(matrix, material.classes))
    ]
    words = f"Confusion matrices of {read_out.models(models)}"

    def draw(style: Style) -> Any:
        return grids.glance(rows, material.classes, models, share=choice.share, style=style, alt_text=words)

    first, second = (material.models[place] for place in choice.pair)
    said = f"Rows are the reference standard, columns what is predicted. In full below: {first}, and {second}."
    picture = Picture("glance", "All confusion matrices", draw, rows, "one colour scale, 0% to 100%")
    return Section("glance", "Confusion matrices of all models", (said,), (picture,))


def apart(kept_titles: Sequence[str], evaluations: Sequence[Evaluation], why: str) -> Section:
    """Models that cannot be compared: what each knows and was tested on, side by side, without any verdict."""
    metrics = {title: each.metrics() for title, each in zip(kept_titles, evaluations, strict=True)}
    classes = list(dict.fromkeys(label for each in evaluations for label in each.classes))
    known = dict(zip(kept_titles, evaluations, strict=True))
    support = {
        title: {label: figures_of["support"] for label, figures_of in metrics[title]["classes"].items()}
        for title in kept_titles
    }
    held = tuple(
        (label, *(support[title][label] if label in known[title].classes else NO_CLASS for title in kept_titles))
        for label in classes
    )
    table = Table(
        "apart-classes",
        "Test films by class",
        (Column("Class"), *(Column(title, "count") for title in kept_titles)),
        held,
    )
    columns = (
        Column("Model"),
        Column("Test films", "count"),
        Column("Classes", "count"),
        Column("Accuracy", "percent", interval=True, look="bar"),
        Column("Tested on"),
    )
    rows = tuple(
        (title, len(each.films), len(each.classes), metrics[title]["accuracy"], each.data or "not named")
        for title, each in known.items()
    )
    note = "Each figure is of that model's own films and classes: they stand side by side and are no comparison."
    warnings = tuple(each.warning for each in evaluations if each.warning)
    return Section("apart", "Not compared", (why, *warnings), (Table("apart", "", columns, rows, note), table))


def _shares(models: Sequence[str], metrics: Mapping[str, dict], classes: Sequence[str]) -> Any:
    for label in classes:
        for name in models:
            figure = metrics[name]["classes"][label]["sensitivity"]
            yield {
                "label": label,
                "model": name,
                "share": figure.value,
                "low": figure.low,
                "high": figure.high,
                "interval": figure.interval_text(),
            }


def _signed(figure: Figure) -> str:
    text = figure.value_text("points").replace("-", "−")
    return f"+{text}" if (figure.value or 0) > 0 and text != "0.0" else text
