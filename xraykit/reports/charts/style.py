"""Style: the two looks of a chart, a dark screen and white paper, in colours that survive colour-blindness and grey.

Models are told apart three times over: by hue and lightness, by dash, and by the shape of their points.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, TypeVar

import altair as alt

T = TypeVar("T", bound=alt.TopLevelMixin)


@dataclass(frozen=True)
class Style:
    """Colours and font of a chart.

    `series` one a model; `sequential` from a share of 0 to 1, lightness monotone, with text `on_low` up to a share of
    `flip` and `on_high` above it.
    """

    name: str
    ink: str
    faint: str
    grid: str
    background: str
    mark: str
    series: tuple[str, ...]
    sequential: tuple[str, ...]
    on_low: str
    on_high: str
    flip: float
    font: str


SCREEN = Style(
    name="screen",
    ink="#D7DEE4",
    faint="#9AA7B3",
    grid="#1C232A",
    background="#0B0E11",
    mark="#F5C84C",
    series=("#3F97D3", "#F5C84C", "#E6EDF3", "#C65B8E"),
    sequential=("#10202D", "#123A59", "#1D5F8E", "#3D8BC4", "#8FC3E6", "#D5E9F7"),
    on_low="#FFFFFF",
    on_high="#000000",
    flip=0.51,
    font="Source Sans, sans-serif",
)
PAPER = Style(
    name="paper",
    ink="#1A1F24",
    faint="#4A545E",
    grid="#E3E7EB",
    background="#FFFFFF",
    mark="#C24A00",
    series=("#0B5FA5", "#E08A00", "#111111", "#B0578D"),
    sequential=("#F4F8FB", "#CFE3F2", "#95C3E4", "#4F98CC", "#1D6AA5", "#0B3C66"),
    on_low="#000000",
    on_high="#FFFFFF",
    flip=0.72,
    font="Liberation Sans, Arial, Helvetica, sans-serif",
)
LIGHT = replace(PAPER, name="light", font=SCREEN.font)  # a page presented in a bright room
DASHES = ([1, 0], [7, 3], [2, 2], [8, 3, 2, 3])
SHAPES = ("circle", "square", "triangle-up", "diamond")


def packed(rows: Sequence[Mapping[str, Any]]) -> alt.Data:
    """Many rows as one JSON text inside the chart: Altair checks every value of a list, seconds for a few thousand."""
    return alt.Data(values=json.dumps(list(rows)), format=alt.JsonDataFormat(type="json"))


def unpacked(spec: Any) -> Any:
    """A chart's specification with its rows as lists again: whoever changes a name in it changes it in the rows too."""
    if isinstance(spec, list):
        return [unpacked(inner) for inner in spec]
    if not isinstance(spec, dict):
        return spec
    made = {key: unpacked(inner) for key, inner in spec.items()}
    if isinstance(data := spec.get("data"), dict) and isinstance(rows := data.get("values"), str):
        made["data"] = {"values": json.loads(rows)}
    return made


def finish(
    chart: alt.LayerChart, style: Style, height: int, alt_text: str, *, width: int | None = None
) -> alt.LayerChart:
    """Size, background and fonts common to all charts; `alt_text` is read out by screen readers.

    A chart with a `width` of its own, in px, keeps it wherever it is drawn: its cells are to stay as they are.
    """
    # "pad": the width is that of the cells alone, and what stands beside them comes on top
    sizes = {"height": height} if width is None else {"height": height, "width": width, "autosize": "pad"}
    return configure(chart.properties(**sizes, background=style.background, description=alt_text), style)


def configure(chart: T, style: Style) -> T:
    """The fonts and colours of axes and legends."""
    return chart.configure(
        font=style.font,
        view=alt.ViewConfig(stroke=None),
        title=alt.TitleConfig(color=style.ink, subtitleColor=style.faint, anchor="start"),
        axis=alt.AxisConfig(
            labelColor=style.faint,
            titleColor=style.faint,
            gridColor=style.grid,
            labelFontSize=12,
            titleFontSize=12,
            titleFontWeight="normal",
            domainColor=style.grid,
            tickColor=style.grid,
        ),
        legend=alt.LegendConfig(
            labelColor=style.ink,
            titleColor=style.faint,
            labelFontSize=12,
            titleFontSize=12,
            titleFontWeight="normal",
            orient="bottom",
            direction="vertical",
            labelLimit=460,
            symbolSize=90,
        ),
    )


def repaint(spec: Any, style: Style) -> Any:
    """A specification drawn in `SCREEN` in the colours of another style; charts of shares are drawn anew instead."""
    colours = {
        mine: other
        for field in fields(Style)
        if isinstance(getattr(style, field.name), str)
        for mine, other in [(getattr(SCREEN, field.name), getattr(style, field.name))]
        if field.name not in ("name", "on_low", "on_high")
    } | dict(zip(SCREEN.series, style.series, strict=True))
    return spec if style == SCREEN else _repainted(spec, colours)


def _repainted(part: Any, colours: Mapping[str, str]) -> Any:
    if isinstance(part, dict):
        return {name: _repainted(value, colours) for name, value in part.items()}
    if isinstance(part, list):
        return [_repainted(value, colours) for value in part]
    return colours.get(part, part) if isinstance(part, str) else part


def by_model(models: tuple[str, ...], style: Style, *, dash: bool = True, focus: Sequence[str] = ()) -> dict[str, Any]:
    """Encodings that tell models apart: `color`, and `strokeDash` or `shape`; one legend for all of them.

    Of more models than there are colours those of `focus` are coloured, the first two if none are given; the others
    are grey.
    """
    names = {"domain": list(models)}
    kinds = places_of(models, focus)
    colors = [style.faint if kind is None else style.series[kind] for kind in kinds]
    legend = alt.Legend(columns=2, labelLimit=250) if len(models) > len(DASHES) else alt.Undefined
    color = alt.Color("model:N", title=None, scale=alt.Scale(**names, range=colors), legend=legend)
    if dash:
        dashes = [DASHES[0] if kind is None else DASHES[kind] for kind in kinds]
        return {
            "color": color,
            "strokeDash": alt.StrokeDash("model:N", title=None, scale=alt.Scale(**names, range=dashes)),
        }
    shapes = [SHAPES[0] if kind is None else SHAPES[kind] for kind in kinds]
    return {"color": color, "shape": alt.Shape("model:N", title=None, scale=alt.Scale(**names, range=shapes))}


def places_of(models: Sequence[str], focus: Sequence[str] = ()) -> list[int | None]:
    """Each model's place among the colours; None of one that is grey."""
    if len(models) <= len(DASHES):
        return list(range(len(models)))
    chosen = [model for model in models if model in focus][: len(DASHES)] or list(models[:2])
    return [chosen.index(model) if model in chosen else None for model in models]
