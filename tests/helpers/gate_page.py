"""docs/gate.md, what the gate refuses and how well it tells, from gate.json: `python -m tests.helpers.gate_page`."""

from __future__ import annotations

from typing import Any

from tests.helpers import ROOT
from xraykit.gate import network
from xraykit.training.gate import changes

PAGE = ROOT / "docs" / "gate.md"
HEAD = """# The gate: what is no upright chest film is not read

A classifier of chest films gives a class to anything: of 1,258 photographs of streets and seas the shipped models
called 1,256 and 1,247 COVID-19. So each picture is looked at before a model speaks, in the reading room, in
`predict`, `explain` and `evaluate`, and in the inference service. Refused is what is

| code | in words | one click |
| --- | --- | --- |
| `not-a-chest-film` | Not a chest film | Read it anyway |
| `film-turned` | Lies on its side (turned 90° clockwise or counter-clockwise), Upside down | Turn it; Read it anyway |
| `film-inverted` | Inverted: black and white are changed round | Invert it; Read it anyway |

A refused film is shown in the reading room all the same; no model of chest films reads it. What is turned there is
turned for the reader and for the models, with its millimetres and sides, and says so. On the command line `--gate
off` reads everything; `XRAYKIT_GATE=off` does so everywhere. What came past the gate is stamped: `gate` is passed,
overridden or off in rows, exports, `predictions.csv`, evaluations and the summary of a session. A model of colour
pictures (three channels) has no gate, for it is of no radiographs. A film that its DICOM file calls lateral is not
judged; it has its warning. A run's own test films are not judged either (`evaluate --test-of`): they were divided
before anybody looked.

On the page Compare, "Evaluate a folder" has the same switch, and the result says how many films were refused. Before a
fine-tune and on the page Datasets what the gate would refuse is counted and the first few are shown; a network learns
from them all the same until "Leave them out" makes a folder without them (`data pool --gated` does so in a terminal).

## How it tells

First colour: where the colour of half the picture lies more than {colour:g} levels of 255 from what its brightness
alone would give, it is a photograph; a film saved in colour, or in one tint, is not. Then a network of four
convolution and two dense layers looks at the picture without an even border, squeezed to 64 x 64 grey pixels of
mean 0 and spread 1: an upright chest film, one turned by 90, 180 or 270 degrees, or anything else, and apart from
that whether it is inverted. LiteRT, {size} KB, no TensorFlow, about a millisecond a film with all that comes before
it (`python -m benchmarks gate`). Refused as something else is what it gives less than {chest:g} as a chest film;
turned or inverted is what it gives {turned:g} or more.

It was learned, on one core in a few minutes, from {films:,} films and {others:,} other pictures: photographs (Intel
Image Classification), things drawn for it (pages, screens, charts, noise, shapes, codes, limbs, skulls, sections,
ultrasound, ...) and DICOM images of other parts that come with pydicom; each varied in window, crop, border,
letters, grain, sharpness and compression. Films are divided by patient and near-duplicate across the datasets,
{percent} % of them for measuring alone:

    python -m xraykit.training.gate --data $XRAYKIT_DATA --left-out

It is a filter, not a finding: a chest film that passes may still be unlike anything a model has seen. No radiograph
of another part of the body was at hand, only drawn ones: a real hand or abdomen may pass. No lateral film was at
hand: one without its DICOM view may pass as frontal, or not.

## On pictures it never learned from

"Right" are films that pass, or are named as what they are; of other pictures, those refused as no chest film. They
are judged in grey, without the help of colour. 95 % intervals (Wilson).

"""
ROW = "| {kind} | {done} | {n:,} | {right:,} | {share} | {other} |"
TABLE = """| picture | how | n | right | share, 95 % interval | refused as no chest film |
| --- | --- | --- | --- | --- | --- |
"""
CHANGED = """
## After what happens on the way

The same pictures, {each} of a group at most, also in grey: films that pass upright, other pictures refused as no chest
film. Other pictures are to be refused whatever is done to them. Films are to pass, but where it says "either": nobody
can read these, and to refuse them is right. Blur is a Gaussian, by its spread in percent of the shorter side. Nothing
was learned of blur above 2.6 %, of crops below 70 %, of coarse pixels, dots, veils or windows. So the network does not
tell strong blur: a blurred photograph or drawing may pass as a chest film, and a chest film that nobody can read passes
as one. The network that is there is measured without learning:

    python -m xraykit.training.gate --data $XRAYKIT_DATA --kept

"""
LEFT_OUT = """
## On kinds it never met

The same network, learned without a hospital, kinds of photograph and kinds of drawing, and measured on these: what
is to be expected of films from another hospital, and of pictures that nobody thought of.
"""


def page(about: dict[str, Any]) -> str:
    """The page of a gate.json."""
    learned = about["learned"]
    counts = {part: sum(kind["learned"] for kind in learned[part].values()) for part in ("films", "others")}
    size = round(network.NETWORK.stat().st_size / 1000)
    text = HEAD.format(**about["limits"], **counts, size=size, percent=learned["percent"])
    measured = about["measured"]
    text += _table(measured)
    text += _changed(measured["changed"])
    if about["left_out"]:
        text += LEFT_OUT
    for name, lacking in about["left_out"].items():
        text += f"\nWithout {name}:\n\n{_table(lacking)}"
    return text


def _table(measured: dict[str, Any]) -> str:
    rows = [*measured["films"], *measured["others"]]
    return TABLE + "".join(f"{_line(row)}\n" for row in rows)


def _changed(rows: list[dict[str, Any]]) -> str:
    """A line for every change, a column for every group; chest films first."""
    groups = list(dict.fromkeys(row["kind"] for row in rows))
    right = {(row["done"], row["kind"]): f"{row['right']} of {row['n']}" for row in rows}
    text = CHANGED.format(each=max(row["n"] for row in rows))
    text += f"| how | films | {' | '.join(groups)} |\n{'| --- ' * (len(groups) + 2)}|\n"
    for name, change in changes.CHANGES.items():
        cells = " | ".join(right[name, group] for group in groups)
        text += f"| {name} | {'pass' if change.readable else 'either'} | {cells} |\n"
    return text


def _line(row: dict[str, Any]) -> str:
    value, low, high = row["share"]
    return ROW.format(**row | {"share": f"{value:.1%} [{low:.1%}, {high:.1%}]"})


def main() -> None:
    """Write the page."""
    PAGE.write_text(page(network.about()), "utf-8")


if __name__ == "__main__":
    main()
