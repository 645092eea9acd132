"""What a file holds in a wrong place is not told, only the place."""

import json
from typing import Literal

import msgspec
import pytest

from xraykit.evaluation.decisions import operating_point
from xraykit.refused import field_of
from xraykit.system.jobs import FILMS, Job, JobRefused


class Inner(msgspec.Struct):
    kind: Literal["a", "b"]
    n: int = 0


class Outer(msgspec.Struct):
    inner: Inner
    counts: dict[str, int] = {}
    parts: list[Inner] = []


@pytest.mark.parametrize(
    ("data", "field"),
    [
        ({"inner": {"kind": "Jane Doe"}}, "inner.kind"),
        ({"inner": {"kind": "a"}, "counts": {"Jane Doe": "x"}}, "counts[...]"),
        ({"inner": {"kind": "a"}, "parts": [{"kind": "b"}, {"kind": "a", "n": "Jane Doe"}]}, "parts[1].n"),
        ({"inner": {}}, "inner.kind"),
        ({}, "inner"),
        ("Jane Doe", "its fields"),
    ],
)
def test_a_field_is_named_and_never_what_it_holds(data, field):
    with pytest.raises(msgspec.ValidationError) as error:
        msgspec.convert(data, Outer)
    assert field_of(error.value) == field


def test_a_word_that_is_none_of_a_choice_is_not_repeated(tmp_path):
    with pytest.raises(operating_point.OperatingRefused, match="target") as refused:
        operating_point.OperatingPoint.from_json(
            '{"model": "m", "label": "l", "threshold": 0.5, "sha256": "", "target": "Jane Doe"}'
        )
    assert "Jane" not in refused.value.words
    job = Job(tmp_path)
    (tmp_path / FILMS).write_text(json.dumps({"group_rule": {"kind": "Jane Doe", "column": "", "distance": 0}}))
    with pytest.raises(JobRefused) as broken:
        job.films()
    assert "Jane" not in broken.value.words
