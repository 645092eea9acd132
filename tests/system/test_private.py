"""What is kept of films on this computer is for this user alone."""

import os
import stat

import pytest

from tests.helpers import film_folders
from xraykit.datasets import dataset
from xraykit.system import folders

pytestmark = pytest.mark.skipif(os.name != "posix", reason="modes are those of POSIX")


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


def test_a_cache_that_was_open_to_others_is_closed(tmp_path, monkeypatch):
    films = film_folders.make(tmp_path / "films", ("a", "b"), films=2)
    old = 0
    for path in films.glob("*/*"):
        os.utime(path, (old, old))  # settled: it is remembered
    cache = tmp_path / "cache"
    (cache / "index").mkdir(parents=True)
    cache.chmod(0o755)
    (cache / "index").chmod(0o777)
    monkeypatch.setenv("XRAYKIT_CACHE", str(cache))
    before = os.umask(0o022)
    try:
        dataset.read(films).squares(32)
    finally:
        os.umask(before)
    paths = [path for path in cache.rglob("*")]
    assert [mode(path) for path in (cache, cache / "index")] == [0o700, 0o700]
    kept = [path for path in paths if path.is_file()]
    assert len(kept) == 2 and {mode(path) for path in kept} == {0o600}


def test_a_folder_that_all_users_share_stays_as_it_is(tmp_path):
    tmp_path.chmod(0o1777)
    folders.close_private(tmp_path)
    assert mode(tmp_path) == 0o777 | stat.S_ISVTX
    folders.close_private(tmp_path / "new")
    assert mode(tmp_path / "new") == 0o700
