"""Training curves of several recipes: one measure over the epochs, training and validation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import altair as alt

from xraykit.reports.charts.style import SCREEN, Style, by_model, finish

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
    words = f"{measure} over the epochs, {', '.join(models)}"
    return finish(alt.layer(lines, *([dots] if best else [])), style, 330, words)
