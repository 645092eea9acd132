"""Second minus first: the difference of two models' confusion matrices, and of their net benefit."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from xraykit.evaluation.comparison import FEWEST
from xraykit.evaluation.decisions import changes, net_benefit
from xraykit.evaluation.decisions import operating_point as operating
from xraykit.evaluation.decisions.changes import Changed
from xraykit.reports.charts.decisions import changes as change_charts
from xraykit.reports.charts.decisions import net_benefit as benefit_charts
from xraykit.reports.charts.style import Style
from xraykit.reports.comparison.chosen import Applied, Choice, Chosen, Material
from xraykit.reports.report.page import Section
from xraykit.reports.report.picture import Picture
from xraykit.reports.report.table import Column, Table

FEW_CELLS, LEAST_P = 36, 12  # of a table: all cells of so many, else those with the smallest p
MOST_SAID = 6  # sentences on clear cells


def of_pair(material: Material, applied: Applied, pair: tuple[int, int]) -> tuple[Changed, ...]:
    """Every cell of the two matrices, each model at its operating point where it has one."""
    result = material.comparison
    before, after = (_predicted(material, applied, place) for place in pair)
    return changes.changes(result.evaluations[0].truth, before, after, result.classes, result.groups)


def difference(material: Material, cells: tuple[Changed, ...], choice: Choice, framed: Chosen | None) -> Section:
    """The difference matrix of the chosen pair: what each cell gained and lost, clear changes named in words."""
    first, second = (material.models[place] for place in choice.pair)
    rows = [_row(cell) for cell in cells]
    chosen = (material.classes[framed.places[2]], material.classes[framed.places[3]]) if framed else None
    title = f"{second} minus {first}"

    def draw(style: Style) -> Any:
        words = f"Difference of the confusion matrices, {title}"
        return change_charts.matrix(rows, material.classes, chosen=chosen, style=style, alt_text=words)

    note = "films, and points of the reference class with 95% interval; a dot: a clear change"
    picture = Picture("difference", title, draw, rows, note)
    columns = (
        *(Column(head) for head in ("Reference", "Predicted")),
        Column(first, "count"),
        Column(second, "count"),
        Column("Came in", "count"),
        Column("Left", "count"),
        Column("Points of the reference class", "points", interval=True),
        Column("McNemar p", "p"),
        Column("Clear"),
    )
    few = len(cells) <= FEW_CELLS
    shown = cells if few else sorted(cells, key=lambda cell: cell.p)[:LEAST_P]
    table = tuple(
        (
            cell.reference,
            cell.predicted,
            cell.first,
            cell.second,
            len(cell.entered),
            len(cell.left),
            cell.change,
            cell.p,
            _clear(cell),
        )
        for cell in shown
    )
    alone = (
        "Clear: the interval leaves out 0 and McNemar's exact p is below 0.05. Both are of each of the "
        f"{len(cells)} cells alone: one in twenty is clear by chance."
    )
    head = "Cell by cell" if few else f"The {len(table)} cells with the smallest p"
    rank = "appendix" if few else "main"  # of few cells the picture says all
    parts = (picture, Table("difference-table", head, columns, table, alone, rank=rank))
    return Section("difference", "What changed", tuple(_words(cells, first, second)), parts, listed=True)


def decision(material: Material, choice: Choice) -> Section:
    """Net benefit of acting on each model's probability of the class, and the paired difference of two models."""
    result, label = material.comparison, choice.label
    k = material.classes.index(label)
    positive, thresholds = result.evaluations[0].truth == k, net_benefit.THRESHOLDS
    scores = [evaluation.probabilities[:, k] for evaluation in result.evaluations]
    share = float(positive.mean())
    points = [
        {"model": name, "threshold": t, "benefit": benefit}
        for name, given in zip(material.models, scores, strict=True)
        for t, benefit in zip(thresholds.tolist(), net_benefit.net_benefit(positive, given).tolist(), strict=True)
    ]
    everybody = [
        {"model": "everybody", "threshold": t, "benefit": benefit}
        for t, benefit in zip(thresholds.tolist(), net_benefit.treat_all(share).tolist(), strict=True)
    ]
    first, second = (material.models[place] for place in choice.pair)
    before, after = (scores[place] for place in choice.pair)
    change = net_benefit.difference(positive, before, after, result.groups)
    rows = list(_difference_rows(change))
    curves = Picture(
        "net-benefit",
        f"Net benefit, {label}",
        lambda style: benefit_charts.curves(points, everybody, material.models, style=style),
        [*points, *everybody],
        f"at the share of {label} in these films, {share:.1%}; the line at 0 is acting on nobody",
    )
    paired = Picture(
        "net-benefit-difference",
        f"{second} minus {first}",
        lambda style: benefit_charts.difference(rows, first, second, style=style),
        rows,
        "95% bootstrap interval of each threshold alone; dots where it leaves out 0",
    )
    words = (
        "Whoever acts on a film from a probability t on takes a needless action to cost t / (1 - t) of a missed one. "
        "Net benefit is the share of films rightly acted on, less the needless ones at that price (Vickers and Elkin "
        "2006). "
        f"{_clear_range(change, int(positive.sum()), label, first, second)}"
    )
    return Section("decision", "Decision curves", (words,), (curves, paired))


def _predicted(material: Material, applied: Applied, place: int) -> np.ndarray:
    test = material.comparison.evaluations[place]
    point = applied.get(test.model)
    return point.predicted if isinstance(point, operating.Applied) else test.predicted


def _row(cell: Changed) -> dict[str, Any]:
    films = cell.second - cell.first
    return {
        "reference": cell.reference,
        "predicted": cell.predicted,
        "change": f"{films:+d}".replace("-", "−") if films else "0",
        "share": cell.change.value,
        "interval": cell.change.interval_text("points").replace("-", "−") or "no films",
        "clear": cell.clear,
        "entered": len(cell.entered),
        "left": len(cell.left),
    }


def _clear(cell: Changed) -> str:
    return "yes" if cell.clear else f"fewer than {FEWEST} films" if cell.films < FEWEST else "no"


def _words(cells: tuple[Changed, ...], first: str, second: str) -> Iterator[str]:
    clear = [cell for cell in cells if cell.clear]
    for cell in sorted(clear, key=lambda cell: -abs(cell.change.value or 0))[:MOST_SAID]:
        more, change = ("more", cell.change) if (cell.change.value or 0) > 0 else ("fewer", cell.change.negated())
        yield (
            f"{second} calls {change.value_text('points')} points {change.interval_text('points')} {more} of "
            f"the {cell.films:,} {cell.reference} films {cell.predicted}: {len(cell.entered)} came in, "
            f"{len(cell.left)} left."
        )
    if len(clear) > MOST_SAID:
        yield f"{len(clear) - MOST_SAID} more cells differ clearly; each has a dot."
    if not clear:
        yield f"No cell differs clearly between {first} and {second}."
    if few := sorted({cell.reference for cell in cells if 0 < cell.films < FEWEST}):
        yield f"Fewer than {FEWEST} films of {', '.join(few)}: nothing is said of their cells."


def _difference_rows(change: net_benefit.Difference) -> Iterator[dict[str, Any]]:
    columns = (change.thresholds, change.value, change.low, change.high, change.better)
    for t, value, low, high, better in zip(*(column.tolist() for column in columns), strict=True):
        known = low == low  # NaN has no equal
        yield {
            "threshold": t,
            "value": value,
            "low": low if known else None,
            "high": high if known else None,
            "clear": bool(better),
        }


def _clear_range(change: net_benefit.Difference, films: int, label: str, first: str, second: str) -> str:
    """At which thresholds one of two models is clearly better, in words."""
    if films < FEWEST:
        return f"Too few {label} films for a verdict: {films}, at least {FEWEST} are needed."
    said = []
    for side, name in ((1, second), (-1, first)):
        at = change.thresholds[change.better == side]
        if len(at):
            said.append(
                f"{name} has the higher net benefit at {len(at)} of {len(change.thresholds)} thresholds from "
                f"{at[0]:.0%} to {at[-1]:.0%}"
            )
    return f"{'; '.join(said)}." if said else f"{first} and {second} do not differ clearly at any threshold."
