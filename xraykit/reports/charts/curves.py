"""Curves of several models on the same axes: ROC, precision-recall and reliability."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import altair as alt

from xraykit.reports.charts.style import DASHES, SCREEN, Style, by_model, finish, packed
from xraykit.reports.report import read_out

HEIGHT = 380
TICKS = [0, 0.2, 0.4, 0.6, 0.8, 1]


def roc(
    points: Sequence[dict[str, Any]],
    models: Sequence[str],
    label: str,
    *,
    marks: Sequence[dict[str, Any]] = (),
    focus: Sequence[str] = (),
    areas: Mapping[str, float] | None = None,
    style: Style = SCREEN,
) -> alt.LayerChart:
    """ROC curves of one class against the rest.

    Parameters
    ----------
    points : sequence of dict
        {"model", "x": 1 - specificity, "y": sensitivity, "place": order along the curve}.
    marks : sequence of dict, optional
        Operating points {"model", "x", "y", "threshold"}.
    focus : sequence of str, optional
        Of more models than there are colours, those that have one. The others are thin and grey until a pointer, or a
        click on the legend, picks them out.
    areas : mapping, optional
        Each model's area under its curve, to be read out.
    """
    chance = _line([(0, 0), (1, 1)], style)
    axes = ("1 − specificity", "Sensitivity")
    words = f"ROC curves of {read_out.models(models)} for {label} against the rest"
    words = read_out.sentences(words, _areas("AUROC", areas))
    return finish(_curves(points, tuple(models), axes, marks, style, chance, focus), style, HEIGHT, words)


def precision_recall(
    points: Sequence[dict[str, Any]],
    models: Sequence[str],
    label: str,
    *,
    share: float,
    marks: Sequence[dict[str, Any]] = (),
    focus: Sequence[str] = (),
    areas: Mapping[str, float] | None = None,
    style: Style = SCREEN,
) -> alt.LayerChart:
    """Precision-recall curves; `share` of films with the class is what chance would give. Points as in `roc`."""
    chance = _line([(0, share), (1, share)], style)
    axes = ("Sensitivity (recall)", "PPV (precision)")
    words = f"Precision-recall curves of {read_out.models(models)} for {label} against the rest"
    words = read_out.sentences(words, _areas("Average precision", areas))
    return finish(_curves(points, tuple(models), axes, marks, style, chance, focus), style, HEIGHT, words)


def reliability(bins: Sequence[dict[str, Any]], model: str, place: int = 0, *, style: Style = SCREEN) -> alt.LayerChart:
    """Model probability against the fraction correct, with intervals, and how many films each point rests on.

    Parameters
    ----------
    bins : sequence of dict
        {"probability", "observed", "low", "high", "n"}; a bin without films is left out.
    place : int
        Of the model among those compared, for its colour and shape.
    """
    rows = [row | {"films": f"{row['n']:,}"} for row in bins if row["n"]]
    ruler = alt.Axis(values=TICKS, format=".1f")
    base = alt.Chart(alt.Data(values=rows)).encode(
        x=alt.X(
            "probability:Q",
            title="Model probability of the predicted class",
            scale=alt.Scale(domain=[0, 1]),
            axis=ruler,
        ),
        tooltip=[
            alt.Tooltip("probability:Q", title="Mean probability", format=".3f"),
            alt.Tooltip("observed:Q", title="Fraction correct", format=".3f"),
            alt.Tooltip("n:Q", title="Films"),
        ],
    )
    up = alt.Scale(domain=[0, 1.12])
    color = style.series[place % len(style.series)]
    rules = base.mark_rule(color=color, strokeWidth=2).encode(
        y=alt.Y("low:Q", title="Fraction correct", scale=up, axis=ruler), y2="high:Q"
    )
    points = base.mark_point(
        color=color, filled=True, size=90, opacity=1, shape=("circle", "square", "triangle-up", "diamond")[place % 4]
    ).encode(y=alt.Y("observed:Q", scale=up, title="Fraction correct", axis=ruler))
    counts = base.mark_text(dy=-8, fontSize=12, baseline="bottom", color=style.ink).encode(
        y=alt.Y("high:Q", scale=up, title="Fraction correct", axis=ruler), text="films:N"
    )
    diagonal = _line([(0, 0), (1, 1)], style)
    words = read_out.sentences(f"Reliability diagram of {model}", _furthest(rows))
    return finish(alt.layer(diagonal, rules, points, counts), style, 300, words)


def _areas(name: str, areas: Mapping[str, float] | None) -> str:
    if not areas:
        return ""
    return read_out.figures((read_out.Named(*pair) for pair in areas.items()), "number", of=name)


def _furthest(rows: Sequence[Mapping[str, Any]]) -> str:
    """The point that lies furthest from the diagonal."""
    if not rows:
        return ""
    row = max(rows, key=lambda row: abs(row["probability"] - row["observed"]))
    films = f"{row['n']:,} film{'' if row['n'] == 1 else 's'}"
    said = f"at a mean probability of {row['probability']:.2f}, {row['observed']:.2f} of {films} were right"
    return f"Furthest from the diagonal: {said}"


def _curves(
    points: Sequence[dict[str, Any]],
    models: tuple[str, ...],
    axes: tuple[str, str],
    marks: Sequence[dict[str, Any]],
    style: Style,
    under: alt.Chart,
    focus: Sequence[str],
) -> alt.LayerChart:
    unit, ruler = alt.Scale(domain=[0, 1]), alt.Axis(values=TICKS, format=".1f")
    x = alt.X("x:Q", title=axes[0], scale=unit, axis=ruler)
    y = alt.Y("y:Q", title=axes[1], scale=unit, axis=ruler)
    lines = (
        alt.Chart(packed(points))
        .mark_line(strokeWidth=2.5)
        .encode(x=x, y=y, order="place:Q", **by_model(models, style, focus=focus))
    )
    if len(models) > len(DASHES):
        lines = _picked_out(lines, focus or models[:2])
    shown = alt.Chart(alt.Data(values=list(marks))).encode(
        x=x,
        y=y,
        tooltip=[
            alt.Tooltip("model:N", title="Model"),
            alt.Tooltip("threshold:Q", title="Threshold", format=".3f"),
            alt.Tooltip("x:Q", title=axes[0], format=".3f"),
            alt.Tooltip("y:Q", title=axes[1], format=".3f"),
        ],
    )
    dots = shown.mark_point(filled=True, size=150, opacity=1, stroke=style.ink, strokeWidth=1.5).encode(
        **by_model(models, style, dash=False, focus=focus)
    )
    return alt.layer(under, lines, *([dots] if marks else []))


def _picked_out(lines: alt.Chart, focus: Sequence[str]) -> alt.Chart:
    """Lines that step back unless they are in focus or picked, by a pointer or on the legend."""
    pointed = alt.selection_point(name="pointed", fields=["model"], on="pointerover", clear="pointerout", empty=False)
    listed = alt.selection_point(name="listed", fields=["model"], bind="legend", empty=False)
    chosen = alt.FieldOneOfPredicate(field="model", oneOf=list(focus))
    return lines.add_params(pointed, listed).encode(
        opacity=alt.when(pointed | listed | chosen).then(alt.value(1)).otherwise(alt.value(0.4)),
        strokeWidth=alt.when(pointed | listed | chosen).then(alt.value(2.5)).otherwise(alt.value(1.2)),
    )


def _line(ends: Sequence[tuple[float, float]], style: Style) -> alt.Chart:
    rows = [{"x": x, "y": y} for x, y in ends]
    line = alt.Chart(alt.Data(values=rows)).mark_line(color=style.faint, strokeWidth=1, strokeDash=[3, 3])
    return line.encode(x="x:Q", y="y:Q")
