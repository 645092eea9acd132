"""Learning curves, of several models or of one run as it goes on, and what a run asks of its device."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import altair as alt

from xraykit.reports.charts.style import DASHES, SCREEN, Style, by_model, finish
from xraykit.reports.report import read_out

SPLITS = ("validation", "training")


def learning(
    points: Sequence[dict[str, Any]],
    models: Sequence[str],
    measure: str,
    *,
    best: Sequence[dict[str, Any]] = (),
    logarithmic: bool = False,
    style: Style = SCREEN,
) -> alt.LayerChart:
    """One measure over the epochs: validation thick, training thin, a model a colour and dash.

    Parameters
    ----------
    points : sequence of dict
        {"model", "split": "training" or "validation", "epoch": from 1, "value"}.
    best : sequence of dict, optional
        The best epoch of each model {"model", "epoch", "value"}, drawn as a point.
    """
    low = min((point["value"] for point in points), default=0.0)
    scale = alt.Scale(type="log") if logarithmic and low > 0 else alt.Scale(zero=False)
    axis = alt.Axis(format=".0e", tickCount=5) if logarithmic else alt.Axis(tickCount=6)
    x = alt.X("epoch:Q", title="Epoch", axis=alt.Axis(tickMinStep=1, format="d"))
    y = alt.Y("value:Q", title=measure, scale=scale, axis=axis)
    lines = (
        alt.Chart(alt.Data(values=list(points)))
        .mark_line()
        .encode(
            x=x,
            y=y,
            detail="split:N",
            size=alt.Size("split:N", title=None, scale=alt.Scale(domain=list(SPLITS), range=[2.6, 1.0]), legend=None),
            tooltip=[
                alt.Tooltip("model:N", title="Model"),
                alt.Tooltip("split:N", title="Films"),
                alt.Tooltip("epoch:Q", title="Epoch"),
                alt.Tooltip("value:Q", title=measure, format=".4~g"),
            ],
            **by_model(tuple(models), style),
        )
    )
    dots = (
        alt.Chart(alt.Data(values=list(best)))
        .mark_point(filled=True, size=110, opacity=1, stroke=style.ink, strokeWidth=1.5)
        .encode(x=x, y=y, **by_model(tuple(models), style, dash=False))
    )
    words = f"{measure} over the epochs of {read_out.models(models)}"
    words = read_out.sentences(words, _courses(points, "model", "split"))
    return finish(alt.layer(lines, *([dots] if best else [])), style, 330, words)


def course(
    points: Sequence[dict[str, Any]],
    measure: str,
    *,
    best: Sequence[dict[str, Any]] = (),
    phases: Sequence[float] = (),
    percent: bool = False,
    logarithmic: bool = False,
    style: Style = SCREEN,
    height: int = 150,
) -> alt.LayerChart:
    """One measure of a run that is over: films of each kind a line, the best epoch a point, a new phase dotted.

    Parameters
    ----------
    points : sequence of dict
        {"films": one of `FILMS_OF`, "epoch": from 1, "value"}.
    best : sequence of dict, optional
        The best epoch {"films", "epoch", "value"}.
    phases : sequence of float, optional
        Complete epochs at which a new phase begins.
    """
    form = ".0%" if percent else ".0e" if logarithmic else ".3~g"
    x = alt.X("epoch:Q", title="Epoch", axis=alt.Axis(tickMinStep=1, format="d"))
    scale = alt.Scale(type="log") if logarithmic else alt.Scale(zero=False)
    y = alt.Y("value:Q", title=None, scale=scale, axis=alt.Axis(format=form, tickCount=4))
    shown = [films for films in FILMS_OF if any(point["films"] == films for point in points)]
    of_films = {"domain": shown, "range": [style.series[FILMS_OF.index(films)] for films in shown]}
    legend = alt.Legend(orient="top", direction="horizontal") if len(shown) > 1 else None
    color = alt.Color("films:N", title=None, scale=alt.Scale(**of_films), legend=legend)
    widths = alt.Scale(domain=shown, range=[WIDTHS[films] for films in shown])
    size = alt.Size("films:N", scale=widths, legend=None)
    line = alt.Chart(alt.Data(values=list(points))).mark_line(point=alt.OverlayMarkDef(size=14))  # one epoch is no line
    layers = [line.encode(x=x, y=y, color=color, size=size)]
    if phases:
        marks = alt.Chart(alt.Data(values=[{"epoch": epoch} for epoch in phases]))
        layers.insert(0, marks.mark_rule(color=style.faint, strokeDash=[2, 3]).encode(x=x))
    if best:
        dots = alt.Chart(alt.Data(values=list(best)))
        layers.append(
            dots.mark_point(filled=True, size=110, opacity=1, stroke=style.ink, strokeWidth=1.5).encode(
                x=x, y=y, color=color
            )
        )
    ended = _courses(points, "films", percent=percent)
    at = f"Best epoch: {best[0]['epoch']}" if best else ""
    return finish(alt.layer(*layers), style, height, read_out.sentences(f"{measure} over the epochs", ended, at))


def _courses(points: Sequence[dict[str, Any]], *names: str, percent: bool = False) -> str:
    last = max((point["epoch"] for point in points), default=0)
    ended = read_out.courses(points, "epoch", *names, percent=percent)
    return f"To epoch {last}: {ended}" if ended else ""


FILMS_OF = ("training films", "validation films")
WIDTHS = {"training films": 1.2, "validation films": 2.4}
HEIGHT = 190  # px
KINDS = ("moment", "training", "validation", "best", "phase", "other training", "other validation")
FILMS = "indexof(datum.kind, 'training') < 0 ? 'validation' : 'training'"


def progress(
    measure: str,
    *,
    percent: bool = False,
    logarithmic: bool = False,
    style: Style = SCREEN,
    height: int = HEIGHT,
) -> alt.LayerChart:
    """One measure over the epochs: training thin, validation thick, the best epoch a point, a new phase a dashed line.

    The x axis ends with the last epoch that was learned. A second run can lie behind, in another colour and dashed.

    Parameters
    ----------
    measure : str
        What is on the y axis: "Loss".

    Returns
    -------
    alt.LayerChart
        Without data. Its rows are {"run": its name, "kind": one of `KINDS`, "epoch": epochs completed, float,
        "value": float}.
    """
    x = alt.X(
        "epoch:Q",
        title="Epoch",
        scale=alt.Scale(domain=alt.DomainUnionWith(unionWith=[0, 1]), nice=False),
        axis=alt.Axis(format="d", tickMinStep=1, tickCount=7),
    )
    scale = alt.Scale(type="log") if logarithmic else alt.Scale(zero=False, **({"domainMax": 1} if percent else {}))
    form = ".0%" if percent else ".0e" if logarithmic else ".3~g"
    y = alt.Y("value:Q", title=None, scale=scale, axis=alt.Axis(format=form, tickCount=4, labelLimit=44))
    tooltip = [
        alt.Tooltip("run:N", title="Run"),
        alt.Tooltip("films:N", title="Films"),
        alt.Tooltip("epoch:Q", title="Epoch", format=".2~f"),
        alt.Tooltip("value:Q", title=measure, format=".1%" if percent else ".4~g"),
    ]
    place = {"x": x, "y": y}
    words = f"{measure} over the epochs: training thin, validation thick, the best epoch marked"
    layers = (*_other_run(place, tooltip, style), *_this_run(place, tooltip, style))
    return finish(alt.layer(*layers), style, height, words)


def _this_run(place: dict[str, Any], tooltip: list[alt.Tooltip], style: Style) -> Iterator[alt.Chart]:
    # aria=False: a mark without rows would be an unnamed picture; the chart's alt text tells the figures
    blue, yellow = style.series[0], style.series[1]
    yield _of("phase").mark_rule(aria=False, color=style.faint, strokeDash=[2, 3], opacity=0.7).encode(x=place["x"])
    yield (
        _of("moment")
        .transform_calculate(part="floor(datum.epoch - 0.00001)")  # the running mean begins anew in every epoch
        .mark_line(aria=False, color=blue, strokeWidth=0.8, opacity=0.5)
        .encode(**place, detail="part:N")
    )
    for kind, color, width, size in (("training", blue, 1.2, 10), ("validation", yellow, 2.4, 22)):
        yield _of(kind).mark_line(aria=False, color=color, strokeWidth=width).encode(**place)
        dots = _of(kind).transform_calculate(films=FILMS)
        yield dots.mark_point(aria=False, color=color, filled=True, size=size, opacity=1).encode(
            **place, tooltip=tooltip
        )
    best = _of("best").transform_calculate(films=FILMS)
    yield best.mark_point(
        aria=False, color=yellow, filled=True, size=130, opacity=1, stroke=style.ink, strokeWidth=1.5
    ).encode(**place, tooltip=tooltip)


def _other_run(place: dict[str, Any], tooltip: list[alt.Tooltip], style: Style) -> Iterator[alt.Chart]:
    for kind, width in (("other training", 1.0), ("other validation", 2.2)):
        lines = _of(kind).mark_line(aria=False, color=style.series[3], strokeWidth=width, strokeDash=DASHES[1])
        yield lines.encode(**place)
        dots = _of(kind).transform_calculate(films=FILMS)  # wide and unseen: what a pointer finds
        yield dots.mark_point(aria=False, filled=True, size=60, opacity=0).encode(**place, tooltip=tooltip)


def device(*, style: Style = SCREEN, height: int = HEIGHT) -> alt.LayerChart:
    """Load and memory of a device over time, load on the left axis, memory on the right.

    Returns
    -------
    alt.LayerChart
        Without data. Its rows are {"time": milliseconds since 1970, "load": 0 to 1, "memory": GiB}.
    """
    x = alt.X("time:T", title="Time", axis=alt.Axis(format="%H:%M:%S", tickCount=3, labelOverlap=True))
    blue, yellow = style.series[0], style.series[1]
    load = alt.Y(
        "load:Q",
        title="Load",
        scale=alt.Scale(domain=[0, 1]),
        axis=alt.Axis(format=".0%", tickCount=4, titleColor=blue),
    )
    memory = alt.Y(
        "memory:Q",
        title="Memory, GiB",
        scale=alt.Scale(zero=True),
        axis=alt.Axis(tickCount=4, format=".2~f", grid=False, titleColor=yellow),
    )
    layers = (
        alt.Chart()
        .mark_area(aria=False, color=blue, opacity=0.18, line={"color": blue, "strokeWidth": 1.2})
        .encode(x=x, y=load),
        alt.Chart().mark_line(aria=False, color=yellow, strokeWidth=2).encode(x=x, y=memory),
    )
    chart = alt.layer(*layers).resolve_scale(y="independent")
    return finish(chart, style, height, "Load and memory of the device over time")


def _of(kind: str) -> alt.Chart:
    return alt.Chart().transform_filter(f"datum.kind === '{kind}'")
