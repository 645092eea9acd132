"""Bars of one model's probabilities for one film."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

import altair as alt

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
