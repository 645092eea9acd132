"""Bars: a model's probabilities for a film, and films by class and part of a split."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import altair as alt

from xraykit.reports.charts.style import SCREEN, Style, finish
from xraykit.reports.report import read_out

PARTS = ("train", "not used", "validation", "test", "all")
NEAR = 0.12  # of a probability, below which its number would stand over the tick
TOTAL = "total"  # of a class: its number stands after its bar


def parts_of(
    split: Mapping[str, Mapping[str, int]], used_for_training: Mapping[str, int] | None = None
) -> list[dict[str, Any]]:
    """Rows {"label", "part", "films", "order"} of a split {"train": {class: films}, ...}.

    Training films that a recipe leaves out, because it shrinks or balances, are a part of their own.
    """
    rows: list[dict[str, Any]] = []
    for part, counts in split.items():
        for label, n in counts.items():
            used = used_for_training.get(label, n) if used_for_training is not None and part == "train" else n
            rows.append({"label": label, "part": part, "films": used, "order": PARTS.index(part)})
            if used < n:
                rows.append({"label": label, "part": PARTS[1], "films": n - used, "order": 1})
    totals = {label: sum(counts[label] for counts in split.values()) for counts in split.values() for label in counts}
    return rows + [{"label": label, "part": TOTAL, "films": n, "order": len(PARTS)} for label, n in totals.items()]


def counts(classes: Sequence[str], parts: Sequence[str], *, style: Style = SCREEN) -> alt.LayerChart:
    """A bar per class, its parts one after the other. Without data: its rows are those of `parts_of`."""
    colour_of = dict(
        zip(PARTS, (style.series[0], style.grid, style.series[1], style.series[3], style.series[0]), strict=True)
    )
    shown = [part for part in PARTS if part in parts]
    legend = None if shown == ["all"] else alt.Legend(orient="top", direction="horizontal")
    colours = alt.Scale(domain=shown, range=[colour_of[part] for part in shown])
    color = alt.Color("part:N", title=None, scale=colours, legend=legend)
    class_scale = alt.Scale(domain=list(classes))
    axis = alt.Axis(labelLimit=120, labelPadding=6, ticks=False, domain=False)
    y = alt.Y("label:N", title=None, scale=class_scale, axis=axis)
    bars = (
        alt.Chart()
        .transform_filter(f"datum.part !== '{TOTAL}'")
        .mark_bar(height=alt.RelativeBandSize(0.62))
        .encode(
            y=y,
            x=alt.X("films:Q", title=None, axis=alt.Axis(tickCount=4, format="d")),
            color=color,
            order=alt.Order("order:O"),
            tooltip=[
                alt.Tooltip("label:N", title="Class"),
                alt.Tooltip("part:N", title="Part"),
                alt.Tooltip("films:Q", title="Films"),
            ],
        )
    )
    totals = (
        alt.Chart()
        .transform_filter(f"datum.part === '{TOTAL}'")
        .mark_text(align="left", dx=5, color=style.ink, fontSize=12)
        .encode(y=y, x=alt.X("films:Q"), text=alt.Text("films:Q", format=",d"))
    )
    return finish(alt.layer(bars, totals), style, 62 + 28 * len(classes), "Films by class and part of the split")


ACCENT, QUIET, INK, FAINT = "#4FA3D9", "#3A4753", "#D7DEE4", "#8B98A5"


def probabilities(
    values: Mapping[str, float], title: str, classes: tuple[str, ...] = ()
) -> alt.LayerChart | alt.FacetChart:
    """Bars of one model's probabilities, a class a row, the predicted class in the accent colour.

    Parameters
    ----------
    values : mapping
        Class to model probability in [0, 1].
    title : str
        Whose probabilities they are, for the tooltip and for screen readers.
    classes : tuple of str, optional
        Rows in this order, so that the charts of two models line up; a class the model does not know stays empty.

    Returns
    -------
    alt.LayerChart
        Bars and the values to three decimals, on an axis from 0 to 1 titled "model probability".
    """
    return _draw(tuple(values.items()), title, classes or tuple(values))


@lru_cache(maxsize=256)
def _draw(
    values: tuple[tuple[str, float], ...], title: str, classes: tuple[str, ...]
) -> alt.LayerChart | alt.FacetChart:
    top = max(values, key=lambda pair: pair[1])[0]
    rows = [{"model": title, "class": name, "probability": value, "predicted": name == top} for name, value in values]
    names = alt.Axis(
        labelColor=INK, labelFontSize=12, labelLimit=120, labelPadding=8, minExtent=92, ticks=False, domain=False
    )
    scale = alt.Axis(
        values=[0, 0.5, 1],
        format=".1f",
        labelColor=FAINT,
        titleColor=FAINT,
        titleFontSize=11,
        titleFontWeight="normal",
        gridColor="#1C232A",
        domain=False,
        ticks=False,
    )
    base = alt.Chart(alt.Data(values=rows)).encode(
        y=alt.Y("class:N", sort=list(classes), scale=alt.Scale(domain=list(classes)), title=None, axis=names),
        # room right of 1 for the number at the end of a full bar
        x=alt.X("probability:Q", scale=alt.Scale(domain=[0, 1.18]), title="model probability", axis=scale),
        tooltip=[
            alt.Tooltip("model:N", title="Model"),
            alt.Tooltip("class:N", title="Class"),
            alt.Tooltip("probability:Q", title="Model probability", format=".4f"),
        ],
    )
    predicted = alt.datum.predicted
    bars = base.mark_bar(height=13, cornerRadiusEnd=2).encode(
        color=alt.condition(predicted, alt.value(ACCENT), alt.value(QUIET))
    )
    numbers = base.mark_text(align="left", dx=6, fontSize=12).encode(
        text=alt.Text("probability:Q", format=".3f"),
        color=alt.condition(predicted, alt.value(INK), alt.value(FAINT)),
    )
    chart = alt.layer(bars, numbers).properties(
        height=alt.Step(24), usermeta={"title": title}, background="transparent"
    )
    return chart.configure(font="Source Sans, sans-serif", view=alt.ViewConfig(stroke=None))


def of_models(
    rows: Sequence[Mapping[str, Any]], classes: Sequence[str], models: Sequence[str], *, style: Style = SCREEN
) -> alt.LayerChart:
    """A film's probabilities: a row a class, a bar a model, and a tick at the operating point where there is one.

    `rows` are {"model", "label", "probability", "threshold"}; a class that a model does not know has no row.
    """
    colours = list(style.series[: len(models)])
    legend = alt.Legend(orient="bottom", direction="vertical") if len(models) > 1 else None
    names = alt.Axis(labelColor=style.ink, labelLimit=240, labelPadding=8, ticks=False, domain=False, grid=False)
    base = alt.Chart(alt.Data(values=[dict(row) | {"at": _behind(row)} for row in rows])).encode(
        y=alt.Y("label:N", sort=list(classes), title=None, axis=names, scale=alt.Scale(domain=list(classes))),
        yOffset=alt.YOffset("model:N", sort=list(models), scale=alt.Scale(domain=list(models))),
        tooltip=[
            alt.Tooltip("model:N", title="Model"),
            alt.Tooltip("label:N", title="Class"),
            alt.Tooltip("probability:Q", title="Model probability", format=".4f"),
            alt.Tooltip("threshold:Q", title="Operating point", format=".3f"),
        ],
    )
    title = "Model probability; the tick is the operating point"
    x = alt.X(
        "probability:Q",
        title=title,
        scale=alt.Scale(domain=[0, 1.12], nice=False),  # room for the number behind a full bar
        axis=alt.Axis(values=[0, 0.25, 0.5, 0.75, 1], format=".2f"),
    )
    color = alt.Color(
        "model:N", title=None, legend=legend, sort=None, scale=alt.Scale(domain=list(models), range=colours)
    )
    bars = base.mark_bar(cornerRadiusEnd=2).encode(x=x, color=color)
    ticks = (
        base.transform_filter("isValid(datum.threshold)")
        .mark_tick(thickness=2.5, color=style.mark, size=18 if len(models) == 1 else 12)
        .encode(x=alt.X("threshold:Q", title=title))
    )
    said = base.mark_text(align="left", dx=6, fontSize=12 if len(models) == 1 else 11, color=style.ink).encode(
        x=alt.X("at:Q", title=title), text=alt.Text("probability:Q", format=".3f")
    )
    height = (26 if len(models) == 1 else 19 * len(models) + 10) * len(classes)
    words = f"Model probabilities of {read_out.models(models)} for this film"
    words = read_out.sentences(words, _highest(rows, models))
    return finish(alt.layer(bars, ticks, said), style, height, words)


def _highest(rows: Sequence[Mapping[str, Any]], models: Sequence[str]) -> str:
    """Each model's class of the highest probability."""
    tops = [max(own, key=lambda row: row["probability"]) for model in models if (own := _of(rows, model))]
    highest = "; ".join(f"{row['model']} {row['label']} {row['probability']:.3f}" for row in tops)
    return f"Highest: {highest}" if highest else ""


def _of(rows: Sequence[Mapping[str, Any]], model: str) -> list[Mapping[str, Any]]:
    return [row for row in rows if row["model"] == model]


def _behind(row: Mapping[str, Any]) -> float:
    """Where a number stands: behind its bar, or behind a tick that would lie under it."""
    probability, threshold = row["probability"], row["threshold"]
    under = threshold is not None and 0 <= threshold - probability < NEAR
    return threshold if under else probability
