"""Files are read whole, checked, and never waited for."""

import os
from dataclasses import dataclass

import pytest

from xraykit.system import files
from xraykit.system.files import FileRefused, read_plain, read_record


@dataclass(frozen=True)
class Phase:
    epochs: int


@dataclass(frozen=True)
class Plan:
    name: str
    phases: tuple[Phase, ...] = ()


def test_a_record_is_read_with_its_types(tmp_path):
    path = tmp_path / "plan.json"
    path.write_text('{"name": "tiny", "phases": [{"epochs": 2}]}')
    assert read_record(path, Plan) == Plan("tiny", (Phase(2),))


@pytest.mark.parametrize(
    "data, words",
    [
        (b'{"name": "tiny", "phases": [{"epochs": "secret"}]}', "$.phases[0].epochs"),
        (b'{"phases": []}', "`name`"),
        (b"[1]", "array"),
        (b'{"name":' * 100_000, "name"),
        (b'{"other":' * 100_000, "not valid JSON"),
        (b"\xff\xfe", "not valid JSON"),
        (b"", "not valid JSON"),
    ],
)
def test_a_field_that_does_not_fit_is_named_and_its_value_is_not(tmp_path, data, words):
    path = tmp_path / "plan.json"
    path.write_bytes(data)
    with pytest.raises(FileRefused) as refused:
        read_record(path, Plan)
    assert refused.value.code == "invalid"
    assert "plan.json" in refused.value.words and words in refused.value.words and "secret" not in refused.value.words


def test_what_is_no_plain_file_is_refused_at_once(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    (tmp_path / "large").write_bytes(bytes(11))
    (tmp_path / "loop").symlink_to("loop")
    cases = {"pipe": "no-plain-file", "folder": "no-plain-file", "large": "too-large", "none": "missing"}
    cases |= {"loop": "unreadable", "n" * 3000: "unreadable", "nul\0": "unreadable"}
    for name, code in cases.items():
        with pytest.raises(FileRefused) as refused:
            read_plain(tmp_path / name, 10)
        assert refused.value.code == code, name
        assert len(refused.value.words) < 300


def test_text_that_a_spreadsheet_takes_for_a_formula_begins_with_an_apostrophe_and_is_read_back():
    texts = ["=1+1", "+cmd", "-x.png", "@SUM", "\tx", "\rx", "'=1", "''-", "'plain", "plain", ""]
    written = files.csv_cells(texts)
    assert not [cell for cell in written if cell[:1] in tuple("=+-@\t\r")]
    assert written[-3:] == ["'plain", "plain", ""] and [files.csv_text(cell) for cell in written] == texts
    numbers = [-1, -0.5, None, True, "-1", "+1e-3", "-0.25"]
    assert files.csv_cells(numbers) == numbers
