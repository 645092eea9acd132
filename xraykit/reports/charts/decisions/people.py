"""100 people as dots: who has a class, who is called so; prevalence and films are set in the browser."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import altair as alt

from xraykit.evaluation.decisions.people import DOTS
from xraykit.reports.charts.style import SCREEN, Style, finish
from xraykit.reports.report import read_out

ACROSS = 20  # dots in a row
ROWS = DOTS // ACROSS
STEP = ROWS + 3.3  # rows from one model to the next, with its three lines of text
PREVALENCE = 10  # percent, before anybody moves the slider
Z = "3.841458820694124"  # squared: what an adjusted share adds in films
KINDS = ("has it, called", "has it, missed", "has it not, called", "has it not, not called")


def people(
    rows: Sequence[dict[str, Any]],
    models: Sequence[str],
    places: Sequence[str],
    labels: Sequence[str],
    *,
    style: Style = SCREEN,
) -> alt.LayerChart:
    """Dots for each model, one below the other, with PPV and NPV at the prevalence of the slider.

    The rounding and the intervals are those of `evaluation.decisions.people`, written again for the browser.

    Parameters
    ----------
    rows : sequence of dict
        {"model", "place": which films, "label", "sensitivity", "specificity", "ill", "well": films with and without}.
    places, labels : sequence of str
        What can be chosen; where there is one of them, nothing is asked.
    """
    chosen = [_choice("place", "Films", places), _choice("label", "Class", labels)]
    slider = alt.param(
        name="prevalence",
        value=PREVALENCE,
        bind=alt.binding_range(min=0.5, max=60, step=0.5, name="Prevalence, % "),
    )
    ordered = [row | {"row": list(models).index(row["model"]) * STEP} for row in rows]
    base = alt.Chart(alt.Data(values=ordered)).transform_filter("datum.place == place && datum.label == label")
    for name, expression in _figures().items():
        base = base.transform_calculate(**{name: expression})
    x = alt.X("x:Q", axis=None, scale=alt.Scale(domain=[-0.6, ACROSS - 0.4], nice=False))
    y = alt.Y(
        "y:Q", axis=None, scale=alt.Scale(domain=[-2.9, len(models) * STEP - 2.9], reverse=True, nice=False, zero=False)
    )
    words = f"Of {DOTS} people at {PREVALENCE} % prevalence: who has {labels[0]} and who is called so"
    first = [row for row in rows if row["place"] == places[0] and row["label"] == labels[0]]
    words = read_out.sentences(words, *map(_counted, first))
    chart = alt.layer(_dots(base, x, y, style), *_texts(base, x, y, style)).add_params(slider, *chosen)
    return finish(chart, style, round(len(models) * STEP * 31), words).configure_legend(
        orient="bottom", direction="horizontal", columns=4, labelColor=style.ink, labelFontSize=12, symbolSize=120
    )


def _counted(row: Mapping[str, Any]) -> str:
    """What a model's dots say before anybody moves the slider, counted as `_figures` counts."""
    sick, well = PREVALENCE / 100, 1 - PREVALENCE / 100
    ill, hits, called = (
        math.floor(DOTS * share + 0.5)
        for share in (sick, sick * row["sensitivity"], sick + well * (1 - row["specificity"]))
    )
    return f"{row['model']} finds {hits} of the {ill} who have it and calls {called - ill} of the others so"


def _dots(base: alt.Chart, x: alt.X, y: alt.Y, style: Style) -> alt.Chart:
    """A dot a person, coloured and shaped by what is so and what the model says."""
    colours = (style.series[0], style.mark, style.series[3], "#2B3640" if style.name == SCREEN.name else "#C9D1D8")
    return (
        base.transform_calculate(all=f"sequence(0, {DOTS})")
        .transform_flatten(["all"], ["dot"])
        .transform_calculate(
            x=f"datum.dot % {ACROSS}",
            y=f"datum.row + floor(datum.dot / {ACROSS})",
            kind=f"datum.dot < datum.hits ? '{KINDS[0]}' : datum.dot < datum.sick ? '{KINDS[1]}' : "
            f"datum.dot < datum.called ? '{KINDS[2]}' : '{KINDS[3]}'",
        )
        .mark_point(filled=True, size=300, opacity=1)
        .encode(
            x=x,
            y=y,
            color=alt.Color("kind:N", title=None, scale=alt.Scale(domain=list(KINDS), range=list(colours))),
            shape=alt.Shape(
                "kind:N",
                title=None,
                scale=alt.Scale(domain=list(KINDS), range=["circle", "diamond", "square", "circle"]),
            ),
            tooltip=[alt.Tooltip("model:N", title="Model"), alt.Tooltip("kind:N", title="Person")],
        )
    )


def _texts(base: alt.Chart, x: alt.X, y: alt.Y, style: Style) -> list[alt.Chart]:
    """The three lines above each model's dots."""
    return [
        base.transform_calculate(x="-0.4", y=f"datum.row - {above}", words=words)
        .mark_text(align="left", baseline="middle", fontSize=size, fontWeight=weight, color=colour)  # type: ignore[arg-type]
        .encode(x=x, y=y, text="words:N")
        for above, words, size, weight, colour in (
            (2.35, "datum.model", 14, 600, style.ink),
            (1.68, "'at ' + prevalence + ' %: ' + datum.counted", 13, 400, style.ink),
            (1.0, "datum.ppvText + '   ' + datum.npvText", 13, 400, style.faint),
        )
    ]


def _choice(name: str, title: str, options: Sequence[str]) -> alt.Parameter:
    bound = alt.binding_select(options=list(options), name=f"{title} ")
    return alt.param(name=name, value=options[0], **({"bind": bound} if len(options) > 1 else {}))


def _figures() -> dict[str, str]:
    """Each calculated field by name, in order: Bayes' theorem and Mercaldo's adjusted logit intervals."""
    odds = "(datum.p / (1 - datum.p))"
    spread = "exp(1.959963984540054 * sqrt({}))"
    return {
        "p": "prevalence / 100",
        "sick": f"floor({DOTS} * datum.p + 0.5)",
        "hits": f"floor({DOTS} * datum.p * datum.sensitivity + 0.5)",
        "called": f"floor({DOTS} * (datum.p + (1 - datum.p) * (1 - datum.specificity)) + 0.5)",
        "ppv": "datum.p * datum.sensitivity / (datum.p * datum.sensitivity + (1 - datum.p) * (1 - datum.specificity))",
        "npv": "(1 - datum.p) * datum.specificity / "
        "((1 - datum.p) * datum.specificity + datum.p * (1 - datum.sensitivity))",
        "se": f"(datum.sensitivity * datum.ill + {Z} / 2) / (datum.ill + {Z})",
        "sp": f"(datum.specificity * datum.well + {Z} / 2) / (datum.well + {Z})",
        "ppvSpread": spread.format(
            f"(1 - datum.se) / (datum.se * (datum.ill + {Z})) + datum.sp / ((1 - datum.sp) * (datum.well + {Z}))"
        ),
        "npvSpread": spread.format(
            f"datum.se / ((1 - datum.se) * (datum.ill + {Z})) + (1 - datum.sp) / (datum.sp * (datum.well + {Z}))"
        ),
        "ppvOdds": f"datum.se / (1 - datum.sp) * {odds}",
        "npvOdds": f"datum.sp / (1 - datum.se) / {odds}",
        "ppvText": _share("ppv", "PPV"),
        "npvText": _share("npv", "NPV"),
        "counted": "(datum.hits + datum.called - datum.sick) + ' of 100 called ' + datum.label + ', ' + datum.hits + "
        "' of them ' + (datum.hits == 1 ? 'has' : 'have') + ' it; ' + (datum.sick - datum.hits) + ' missed'",
    }


def _share(key: str, title: str) -> str:
    """Text of a share with its interval, drawn out to hold it: "PPV 83.1 % [70.2, 91.0]"."""
    low, high = (f"datum.{key}Odds {sign} datum.{key}Spread" for sign in "/*")
    ends = (
        f"min(datum.{key}, ({low}) / (1 + {low}))",
        f"max(datum.{key}, ({high}) / (1 + {high}))",
    )
    low, high = (f"format(100 * {end}, '.1f')" for end in ends)
    written = f"format(100 * datum.{key}, '.1f') + ' % [' + {low} + ', ' + {high} + ']'"
    return f"'{title} ' + (isFinite(datum.{key}) ? {written} : 'n/a')"
