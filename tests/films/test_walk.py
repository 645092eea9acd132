"""What is searched for films and what is not: no folder of the operating system, no folder without an end."""

import sys
from pathlib import Path

import pytest

from xraykit.datasets import inspection
from xraykit.films import ingest
from xraykit.films.folders import walk
from xraykit.system.job_folder.job_folder import Stopped
from xraykit.system.job_folder.record import State
from xraykit.system.jobs import Job

linux = pytest.mark.skipif(sys.platform != "linux", reason="names folders of Linux")


@linux
@pytest.mark.parametrize("path", ["/etc", "/usr/share", "/proc", "/", "../" * 20 + "etc"])
def test_a_folder_of_the_system_is_refused_before_it_is_looked_into(path, monkeypatch):
    monkeypatch.setattr(walk, "_fill", lambda *_: pytest.fail("it was looked into"))
    with pytest.raises(walk.FolderRefused, match="Choose a folder of films") as refused:
        walk.walk(Path(path))
    assert refused.value.code == "system-folder"
    with pytest.raises(walk.FolderRefused):
        ingest.list_films([Path(path)])


PEOPLES = ("/usr/local/films", "/run/media/me/stick/films", "/home/me", "/srv/etc", "/var/films")


@linux
@pytest.mark.parametrize("path", PEOPLES)
def test_a_folder_where_people_keep_films_is_not_refused(path):
    walk.refuse_system_folder(Path(path))


def test_a_folder_without_a_film_is_not_walked_to_its_end(tmp_path, monkeypatch):
    monkeypatch.setattr(walk, "GLANCE", 20)
    for number in range(30):
        (tmp_path / f"{number:02}").mkdir()
        (tmp_path / f"{number:02}" / "module.c").touch()
    with pytest.raises(walk.FolderRefused, match="None of the first 20 files and folders .* looks like a film"):
        walk.walk(tmp_path)
    for name in ("film.png", "1.2.840.10008.1", "IM0001"):  # a picture, DICOM named by its UID, DICOM on a CD
        (tmp_path / name).touch()
        assert sum(1 for _ in walk.walk(tmp_path).all_films()) == 31
        (tmp_path / name).unlink()


def test_a_folder_with_too_much_in_it_is_not_walked_to_its_end(tmp_path, monkeypatch):
    monkeypatch.setattr(walk, "MOST", 20)
    for number in range(21):
        (tmp_path / f"{number}.png").touch()
    with pytest.raises(walk.FolderRefused, match="more than 20 files and folders"):
        walk.walk(tmp_path)


def test_an_inspection_stops_while_it_still_looks_for_films(tmp_path):
    (tmp_path / "films" / "COVID-19").mkdir(parents=True)
    job = Job(tmp_path / "job")
    job.path.mkdir()
    job.ask_to_stop()
    with pytest.raises(Stopped):
        inspection.inspect(tmp_path / "films", job.path)
    assert job.state().state is State.STOPPED
