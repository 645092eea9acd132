"""Files are read whole and never waited for."""

import errno
import os

import pytest

from xraykit.refused import words_of
from xraykit.system import files
from xraykit.system.files import FileRefused, read_plain
from xraykit.system.job_folder.job_folder import JobFolder, JobRefused


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


def test_a_name_may_be_as_long_as_the_file_system_allows(tmp_path):
    for name in ("n" * 251 + ".pdf", "肺" * 83 + ".pdf"):
        files.replace_bytes(tmp_path / name, b"whole")
        assert [path.name for path in tmp_path.iterdir()] == [name] and (tmp_path / name).read_bytes() == b"whole"
        (tmp_path / name).unlink()


def test_a_full_disk_leaves_nothing_and_is_told_with_the_file(tmp_path, monkeypatch):
    def full(_descriptor):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left") as raised:
        files.replace_bytes(tmp_path / "page.pdf", b"whole")
    assert words_of(raised.value) == f"No space left on device: '{tmp_path / 'page.pdf'}'."
    assert not list(tmp_path.iterdir())


def test_a_pipe_in_a_jobs_folder_holds_nobody_up(tmp_path):
    os.mkfifo(tmp_path / "status.json")
    with pytest.raises(JobRefused, match="status.json is a pipe"):
        JobFolder(tmp_path).read("status.json")


def test_text_that_a_spreadsheet_takes_for_a_formula_begins_with_an_apostrophe_and_is_read_back():
    texts = ["=1+1", "+cmd", "-x.png", "@SUM", "\tx", "\rx", "'=1", "''-", "'plain", "plain", ""]
    written = files.csv_cells(texts)
    assert not [cell for cell in written if cell[:1] in tuple("=+-@\t\r")]
    assert written[-3:] == ["'plain", "plain", ""] and [files.csv_text(cell) for cell in written] == texts
    numbers = [-1, -0.5, None, True, "-1", "+1e-3", "-0.25"]
    assert files.csv_cells(numbers) == numbers
