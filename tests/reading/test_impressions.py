"""An impression is checked value by value, and refused in words."""

import json

import pytest

from xraykit.reading import impressions
from xraykit.reading.impressions import Agreement, Impression, ImpressionRefused, Mark, Measurement

CLASSES = ("COVID-19", "Normal")
WHOLE = {
    "finding": "Normal",
    "agrees": {"first": "agree", "second": "unsure"},
    "text": "Rotated.\nNo effusion.",
    "marks": [{"kind": "arrow", "points": [[10, 20.5], [-3, 7]], "label": "nodule?"}],
    "measurements": [{"kind": "ratio", "points": [[1, 2], [3, 4], [0, 5], [9, 5]], "axis": "x", "label": ""}],
    "seconds": 12.25,
    "blind": True,
    "flagged": True,
}


def test_a_whole_impression_is_read():
    assert impressions.read(json.dumps(WHOLE).encode(), CLASSES) == Impression(
        finding="Normal",
        agrees={"first": Agreement.AGREE, "second": Agreement.UNSURE},
        text="Rotated.\nNo effusion.",
        marks=(Mark("arrow", ((10.0, 20.5), (-3.0, 7.0)), "nodule?"),),
        measurements=(Measurement("ratio", ((1.0, 2.0), (3.0, 4.0), (0.0, 5.0), (9.0, 5.0)), "x"),),
        seconds=12.25,
        blind=True,
        flagged=True,
    )


def test_what_is_missing_is_empty_and_the_moment_is_not_the_browsers():
    assert impressions.read(b'{"at": "2001-01-01T00:00:00"}', CLASSES) == Impression()
    assert impressions.is_empty(Impression(seconds=3)) and not impressions.is_empty(Impression(flagged=True))


def bad(**values):
    return json.dumps({**WHOLE, **values}).encode()


REFUSED = {
    "no JSON": (b"{", "as JSON"),
    "no object": (b"[1]", "as JSON"),
    "not UTF-8": (b'{"text": "\xff"}', "as JSON"),
    "deep": (b"[" * 100_000, "as JSON"),
    "another finding": (bad(finding="Effusion"), "COVID-19, Normal"),
    "finding of another type": (bad(finding=3), "finding"),
    "unknown answer": (bad(agrees={"first": "maybe"}), "agree, disagree, unsure"),
    "negative seconds": (bad(seconds=-1), "seconds"),
    "seconds of a month": (bad(seconds=3e6), "seconds"),
    "no number": (b'{"seconds": NaN}', "as JSON"),
    "long text": (bad(text="x" * 4001), "4,000"),
    "control characters": (bad(text="a\x00b"), "plain text"),
    "control characters in a mark": (bad(marks=[{"kind": "text", "points": [], "label": "\x1b[2J"}]), "plain text"),
    "201 marks": (bad(marks=[{"kind": "point", "points": [[1, 1]]}] * 201), "200 marks"),
    "401 points": (bad(marks=[{"kind": "point", "points": [[1, 1]] * 401}]), "400 points"),
    "a point of three": (bad(marks=[{"kind": "point", "points": [[1, 1, 1]]}]), "film pixels"),
    "a point far away": (bad(marks=[{"kind": "point", "points": [[1e9, 1]]}]), "film pixels"),
    "an axis of depth": (bad(measurements=[{"kind": "ratio", "points": [], "axis": "z"}]), "axis"),
    "a kind that is markup": (bad(marks=[{"kind": "<b>", "points": []}]), "kind"),
    "blind as text": (bad(blind="yes"), "true or false"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_anything_else_is_refused_in_words(name):
    data, words = REFUSED[name]
    with pytest.raises(ImpressionRefused) as refused:
        impressions.read(data, CLASSES)
    assert words in refused.value.words and refused.value.code == "impression"


def test_a_body_of_megabytes_is_not_parsed():
    with pytest.raises(ImpressionRefused, match="at most 1 MB"):
        impressions.read(b" " * (impressions.MOST_BYTES + 1), CLASSES)
