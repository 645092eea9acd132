"""What differs between the cards of the models compared, and what others published on their films."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from xraykit.evaluation import comparison, published
from xraykit.evaluation.evaluation import Evaluation
from xraykit.evaluation.stats import Figure, number_text
from xraykit.models import kept as kept_models
from xraykit.reports import tables
from xraykit.reports.charts import matrices as matrix_charts
from xraykit.reports.charts.style import Style
from xraykit.reports.comparison.chosen import Material
from xraykit.reports.comparison.figures import interval_row
from xraykit.reports.report.page import Section
from xraykit.reports.report.picture import Picture
from xraykit.reports.report.table import Column, Table


def recipes(material: Material) -> Section:
    """What differs between the cards, and what each model costs."""
    cards = [kept.card for kept in material.kept]
    differences = tables.differences(kept_models.differences(cards), material.models)
    costs = tables.costs(kept_models.costs(cards, [kept.folder for kept in material.kept]), material.models)
    return Section("recipes", "Recipes", (), (differences, costs))


def beside_published(material: Material, metrics: Mapping[str, dict]) -> Section | None:
    """Published figures on these very films beside ours; None where none are known."""
    ours: dict[published.PublishedFigure, list[str]] = {}
    for kept, evaluation in zip(material.kept, material.comparison.evaluations, strict=True):
        for figure in _published_on(kept, evaluation):
            if published.fits(figure, kept.card.recipe) and (not figure.label or figure.label in material.classes):
                ours.setdefault(figure, []).append(evaluation.model)
    rows, words, pictures = [], [], []
    for place, (figure, models) in enumerate(ours.items()):
        measured = {name: _measured(metrics[name], figure) for name in models}
        theirs, title = (
            Figure(figure.value),
            f"{figure.label} {figure.measure}" if figure.label else figure.measure.capitalize(),
        )
        rows.append((figure.source, title, theirs, kept_models.UNKNOWN))
        rows += [(f"Here: {name}", title, value, value.n) for name, value in measured.items()]
        words += [_beside(name, value, figure.value, _few(metrics[name], figure)) for name, value in measured.items()]
        words.append(figure.words)
        shown = [interval_row(name, value) for name, value in (*measured.items(), (figure.study, theirs))]
        pictures.append(_published_picture(place, title, shown))
    if not rows:
        return None
    words.append("The split differs from theirs: this is a side-by-side view, not a test.")
    columns = (Column("Source"), Column("Figure"), Column("Value", "percent", interval=True), Column("Films", "count"))
    table = Table("published", "Published and here", columns, tuple(rows))
    return Section("published", "Comparison with published figures", tuple(words), (*pictures, table))


def _published_on(kept: kept_models.Kept, evaluation: Evaluation) -> tuple[published.PublishedFigure, ...]:
    """What is published on the films of an evaluation: of the model's own test split, or of a whole known set."""
    if evaluation.test_digest == kept.test.test_digest:
        return published.of_card(kept.card.data, kept.card.metrics)
    return published.figures(evaluation.films_digest)


def _measured(metrics: Mapping[str, Any], figure: published.PublishedFigure) -> Figure:
    return metrics["classes"][figure.label][figure.measure] if figure.label else metrics[figure.measure]


def _published_picture(place: int, title: str, rows: list[dict[str, Any]]) -> Picture:
    """Ours first, so that each model keeps its colour; the published figure has no interval."""
    names = [row["model"] for row in rows]

    def draw(style: Style) -> Any:
        return matrix_charts.intervals(rows, names, title, style=style, alt_text=f"{title}: published and here")

    return Picture(f"published-figure-{place}", title, draw, rows)


def _few(metrics: Mapping[str, Any], figure: published.PublishedFigure) -> dict[str, int]:
    """The classes that the figure rests on with too few films for a verdict."""
    support = {name: figures["support"] for name, figures in metrics["classes"].items()}
    return comparison.few_films({figure.label: support[figure.label]} if figure.label else support)


def _beside(name: str, figure: Figure, theirs: float, few: Mapping[str, int]) -> str:
    if few:
        return f"{name}: {comparison.few_words(few)} {figure.text()} on {figure.n} films."
    if figure.ends is None:
        return f"{name}: {figure.text()}."
    low, high = figure.ends
    side = "lies above" if low > theirs else "lies below" if high < theirs else "contains"
    published_value = number_text(theirs, "percent")
    return f"{name}: {figure.text()} on {figure.n} films; the interval {side} the published {published_value}."
