"""How many films each class has in each part of a split, as bars."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import altair as alt

from xraykit.reports.charts.style import SCREEN, Style, finish

PARTS = ("train", "not used", "validation", "test", "all")
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
