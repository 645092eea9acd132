"""How large the files of a dataset are, as a histogram."""

from __future__ import annotations

import altair as alt

from xraykit.reports.charts.style import SCREEN, Style, finish


def file_sizes(*, style: Style = SCREEN) -> alt.LayerChart:
    """Films by the size of their file. Without data: its rows are {"start", "end", "films"}, sizes in KiB."""
    bars = (
        alt.Chart()
        .mark_bar(color=style.series[0], binSpacing=1)
        .encode(
            x=alt.X("start:Q", title="file size, KiB", bin="binned", axis=alt.Axis(tickCount=5, format=",.2~f")),
            x2="end:Q",
            y=alt.Y("films:Q", title="films", axis=alt.Axis(tickCount=4, format="d")),
            tooltip=[
                alt.Tooltip("start:Q", title="From, KiB", format=",.1f"),
                alt.Tooltip("end:Q", title="To, KiB", format=",.1f"),
                alt.Tooltip("films:Q", title="Films", format=",d"),
            ],
        )
    )
    return finish(alt.layer(bars), style, 150, "Films by the size of their file")
