"""Files are read whole and never waited for."""

import os

import pytest

from xraykit.system.files import FileRefused, read_plain
from xraykit.system.job_folder import JobFolder, JobRefused


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


def test_a_pipe_in_a_jobs_folder_holds_nobody_up(tmp_path):
    os.mkfifo(tmp_path / "status.json")
    with pytest.raises(JobRefused, match="status.json is a pipe"):
        JobFolder(tmp_path).read("status.json")
