"""Grids: square cells under names that may be long: differences of models in pairs, shares by class, many matrices."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import altair as alt

from xraykit.reports.charts.style import SCREEN, Style, configure, finish, packed
from xraykit.reports.report import read_out

CELL = "cell"  # name of the click selection
LETTER = 6.4  # px of a letter of an axis's label, on average
LINES = 3  # of a name above its column
NAMES, KEY = 330, 210  # px, the widest name of a row, and one that is broken into lines


class Cells(NamedTuple):
    """How large a cell is and what is written in it, in px; no `small` line where it would not be read."""

    side: int
    large: int
    small: int


class Along(NamedTuple):
    """What lies along a side of a grid: the field of its names, these in order, and how they are written."""

    field: str
    names: Sequence[str]
    axis: alt.Axis | None
    title: str | None = None


def placed(
    rows: Sequence[Mapping[str, Any]], across: Along, down: Along, tooltip: Sequence[alt.Tooltip | str]
) -> alt.Chart:
    """The places of a grid's cells, and what the pointer shows of each; marks are laid on it."""

    def side(channel: Any, along: Along) -> Any:
        order = list(along.names)
        return channel(
            f"{along.field}:N", sort=order, title=along.title, axis=along.axis, scale=alt.Scale(domain=order)
        )

    return alt.Chart(packed(rows)).encode(x=side(alt.X, across), y=side(alt.Y, down), tooltip=list(tooltip))


def confusion(
    rows: Sequence[Mapping[str, Any]], classes: Sequence[str], side: int, style: Style, tooltip: Sequence[alt.Tooltip]
) -> alt.Chart:
    """The cells of a matrix of "predicted" across and "reference" down, `side` px wide."""
    above, beside = axes(classes, side, style)
    across = Along("predicted", classes, above, "Predicted")
    return placed(rows, across, Along("reference", classes, beside, "Reference standard"), tooltip)


def tiles(base: alt.Chart, color: str, scale: alt.Scale, style: Style, *, names: Sequence[str], line: int = 2) -> Any:
    """The cells in colour, `line` px apart; a click on one selects it by the fields `names`."""
    pick = alt.selection_point(name=CELL, fields=list(names), toggle=False, clear=False)
    cells = base.mark_rect(stroke=style.background, strokeWidth=line, cursor="pointer")
    return cells.encode(color=alt.Color(color, scale=scale, legend=None)).add_params(pick)


def inscribed(base: alt.Chart, size: Cells, count: str, share: str, ink: Any) -> list[alt.Chart]:
    """What a cell of a confusion matrix says: its count and, where it would be read, its share below."""
    up = -9 if size.small else 0
    counts = base.mark_text(fontSize=size.large, fontWeight=600, dy=up, cursor="pointer").encode(text=count, color=ink)
    if not size.small:
        return [counts]
    return [counts, base.mark_text(fontSize=size.small, dy=13, cursor="pointer").encode(text=share, color=ink)]


def gain_scale(most: float, style: Style) -> alt.Scale:
    """Pink for what was lost, blue for what was gained, up to `most` either way."""
    colors = [style.series[3], style.sequential[0], style.series[0]]
    return alt.Scale(domain=[-most, 0, most], range=colors, interpolate="rgb")


def cells_of(count: int) -> Cells:
    """Cells that let `count` of them stand in a row of a page."""
    sizes = ((3, 104, 22, 13), (4, 92, 21, 13), (6, 76, 19, 12), (8, 56, 16, 0), (12, 44, 14, 0), (20, 28, 11, 0))
    return next((Cells(*size) for most, *size in sizes if count <= most), Cells(24, 10, 0))


def axes(names: Sequence[str], side: int, style: Style, *, numbered: bool | None = None) -> tuple[alt.Axis, alt.Axis]:
    """Axes of columns and of rows: whole names in up to three lines, or numbers and, beside the rows, their key.

    `numbered` None: where a name does not fit above its column.
    """
    lines = [lines_of(name, side) for name in names]
    if numbered is None:
        numbered = any(len(parts) > LINES or max(map(len, parts)) * LETTER > side for parts in lines)
    look = _look(style, NAMES)
    if not numbered:
        above = alt.Axis(labelAngle=0, labelExpr=_looked_up(dict(zip(names, lines, strict=True))), **look)
        return above, alt.Axis(**look)
    numbers = {name: str(k) for k, name in enumerate(names, 1)}
    key = {name: f"{k}  {name}" for k, name in enumerate(names, 1)}
    above = alt.Axis(labelAngle=0, labelExpr=_looked_up(numbers), orient="top", **look)
    return above, alt.Axis(labelExpr=_looked_up(key), **look)


def key_axis(models: Sequence[str], style: Style) -> alt.Axis:
    """Beside rows: each model's number and title, in two lines where it is long."""
    titles = {name: lines_of(f"{k}  {name}", KEY)[:2] for k, name in enumerate(models, 1)}
    return alt.Axis(labelExpr=_looked_up(titles), labelPadding=8, **_look(style, KEY + 30))


def _look(style: Style, limit: int) -> dict[str, Any]:
    """Names alone: no line and no ticks; cut at `limit` px."""
    return {"labelColor": style.ink, "domain": False, "ticks": False, "labelLimit": limit, "labelFontSize": 12}


def lines_of(name: str, room: float) -> list[str]:
    """A name in lines that fit into `room` px, as far as its words do."""
    lines: list[str] = []
    for word in name.split() or [name]:
        if lines and len(f"{lines[-1]} {word}") * LETTER <= room:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    return lines


def differences(
    rows: Sequence[Mapping[str, Any]], models: Sequence[str], *, style: Style = SCREEN, alt_text: str
) -> alt.LayerChart:
    """Models against models: a row's accuracy minus a column's; coloured, with a dot, where they can be told apart.

    Parameters
    ----------
    rows : sequence of dict
        {"row", "column": models, "value": in [-1, 1] or None, "points", "interval": as text, "p": as text, "verdict",
        "clear": bool}.
    models : sequence of str
        In order of their ranks; each pair is shown once, the model that stands higher as the row.
    """
    side = 110 if len(models) <= 5 else 66
    high = 62 if len(models) <= 5 else 46
    down, across = list(models[:-1]), list(models[1:])
    shown = [dict(row) | {"drawn": row["value"] if row["clear"] else 0.0} for row in rows]
    most = max((abs(row["drawn"]) for row in shown), default=0.0) or 1.0
    above, _ = axes(models, side, style, numbered=True)
    beside = key_axis(models, style)
    base = placed(
        shown,
        Along("column", across, above, "minus"),
        Along("row", down, beside),
        [
            alt.Tooltip("row:N", title="Accuracy of"),
            alt.Tooltip("column:N", title="minus that of"),
            alt.Tooltip("points:N", title="Points"),
            alt.Tooltip("interval:N", title="95% interval"),
            alt.Tooltip("p:N", title="McNemar p, Holm"),
            alt.Tooltip("verdict:N", title="Verdict"),
        ],
    )
    colored = tiles(base, "drawn:Q", gain_scale(most, style), style, names=("row", "column"))
    ink = alt.condition("datum.clear", alt.value(style.on_low), alt.value(style.faint))
    large, small = (17, 12) if len(models) <= 5 else (14, 10)
    points = base.mark_text(fontSize=large, fontWeight=600, dy=-high / 8, cursor="pointer").encode(
        text="points:N", color=ink
    )
    intervals = base.mark_text(fontSize=small, dy=high / 4, cursor="pointer").encode(text="interval:N", color=ink)
    clear = base.transform_filter("datum.clear").mark_text(
        text="●", dx=side / 2 - 7, dy=8 - high / 2, fontSize=small - 2, color=style.mark, cursor="pointer"
    )
    chart = alt.layer(colored, points, intervals, clear)
    words = read_out.sentences(alt_text, _told_apart(rows))
    return finish(chart, style, high * len(down), words, width=side * len(across))


def shares(
    rows: Sequence[Mapping[str, Any]],
    classes: Sequence[str],
    models: Sequence[str],
    *,
    style: Style = SCREEN,
    alt_text: str,
) -> alt.LayerChart:
    """A share for each class and model, coloured as a confusion matrix: {"label", "model", "share", "interval"}."""
    side, high = (92, 34) if len(models) <= 5 else (58, 24)
    shown = [dict(row) | {"text": "" if row["share"] is None else f"{100 * row['share']:.1f}"} for row in rows]
    look = _look(style, NAMES)
    base = placed(
        shown,
        Along("model", models, alt.Axis(labelAngle=-38, orient="top", **look)),
        Along("label", classes, alt.Axis(**look)),
        [
            alt.Tooltip("label:N", title="Class"),
            alt.Tooltip("model:N", title="Model"),
            alt.Tooltip("text:N", title="Percent"),
            alt.Tooltip("interval:N", title="95% interval"),
        ],
    )
    fill = alt.Scale(domain=[0, 1], range=list(style.sequential), interpolate="rgb", clamp=True)
    colored = base.mark_rect(stroke=style.background, strokeWidth=1).encode(
        color=alt.Color("share:Q", scale=fill, legend=None)
    )
    said = base.mark_text(fontSize=12).encode(
        text="text:N",
        color=alt.condition(f"datum.share > {style.flip}", alt.value(style.on_high), alt.value(style.on_low)),
    )
    each = (read_out.Named(f"{row['label']}, {row['model']}", row["share"]) for row in rows if row["share"] is not None)
    words = read_out.sentences(alt_text, read_out.figures(each))
    return finish(alt.layer(colored, said), style, high * len(classes), words, width=side * len(models))


def glance(
    rows: Sequence[Mapping[str, Any]],
    classes: Sequence[str],
    models: Sequence[str],
    *,
    share: str = "row",
    style: Style = SCREEN,
    alt_text: str,
) -> alt.FacetChart:
    """Every model's confusion matrix in colour alone, small, side by side: {"model", "reference", "predicted", ...}."""
    across = 5 if len(models) > 4 else max(1, len(models))
    side = 200
    titles = {name: lines_of(f"{k}  {name}", side)[:3] for k, name in enumerate(models, 1)}
    fill = alt.Scale(domain=[0, 1], range=list(style.sequential), interpolate="rgb", clamp=True)
    chart = (
        placed(
            rows,
            Along("predicted", classes, None),
            Along("reference", classes, None),
            ["model:N", "reference:N", "predicted:N", "films:Q"],
        )
        .mark_rect()
        .encode(color=alt.Color(f"{share}_share:Q", scale=fill, legend=None))
        .properties(width=side, height=side)
        .facet(
            facet=alt.Facet(
                "model:N",
                title=None,
                sort=list(models),
                header=alt.Header(
                    labelColor=style.ink,
                    labelFontSize=12,
                    labelExpr=_looked_up(titles),
                    labelLimit=side,
                    labelAnchor="start",
                ),
            ),
            columns=across,
            spacing=14,
        )
    )
    words = read_out.sentences(alt_text, read_out.figures(_right(rows, models), of="On the diagonal"))
    return configure(chart.properties(background=style.background, description=words), style)


def _told_apart(rows: Sequence[Mapping[str, Any]]) -> str:
    """How many pairs are told apart, and the largest difference."""
    known = [row for row in rows if row["value"] is not None]
    apart = f"{sum(bool(row['clear']) for row in rows)} of {len(rows)} pairs are told apart"
    if not known:
        return apart
    most = max(known, key=lambda row: abs(row["value"]))
    ends = f"{most['row']} minus {most['column']}, {most['points']} points {most['interval']}"
    return f"{apart}; the largest difference is {ends}"


def _right(rows: Sequence[Mapping[str, Any]], models: Sequence[str]) -> Iterator[read_out.Named]:
    """The share of each model's films that lies on the diagonal of its matrix."""
    for model in models:
        own = [row for row in rows if row["model"] == model]
        if total := sum(row["films"] for row in own):
            right = sum(row["films"] for row in own if row["reference"] == row["predicted"])
            yield read_out.Named(model, right / total)


def _looked_up(names: Mapping[str, Any]) -> str:
    """A Vega expression that gives what stands for a label; names are data in it, never code."""
    return f"{json.dumps(dict(names), ensure_ascii=False)}[datum.label]"  # letters as the rows have them


def matrix_rows(model: str, cells: Sequence[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    """A model's cells as rows of `glance`."""
    return ({"model": model, **cell} for cell in cells)


def frame(base: alt.Chart, chosen: tuple[str, str], style: Style, width: int = 4) -> alt.Chart:
    """A frame `width` px thick around the cell (reference, predicted) whose films are listed."""
    reference, predicted = chosen
    in_row = alt.FieldEqualPredicate(equal=reference, field="reference")
    in_column = alt.FieldEqualPredicate(equal=predicted, field="predicted")
    only = base.transform_filter(alt.LogicalAndPredicate(**{"and": [in_row, in_column]}))
    return only.mark_rect(filled=False, stroke=style.mark, strokeWidth=width, cursor="pointer")
