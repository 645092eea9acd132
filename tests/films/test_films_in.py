"""Folders, zips and DICOM studies film by film: in the order people count, without litter, within bounds."""

import os
import pickle
import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest

from xraykit.films import decoder, ingest, radiograph
from xraykit.films.folders import check, listing, walk, zipped
from xraykit.films.folders.check import ArchiveRefused
from xraykit.films.folders.member import Member
from xraykit.films.refusal import Refusal
from xraykit.films.samples import draw

PNG = draw.PNG.read_bytes()


def lay(root: Path, *names: str) -> Path:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"")
    return root


def zip_of(path: Path, members: dict[str, bytes], kind: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", kind) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return path


def names(path: Path) -> list[str]:
    return [name for name, _ in listing.films_in(path)]


LAID = ("10.png", "2.png", "B/film.png", "a 10/1.png", "a 2/1.png", "a 2/deep/1.png", "a 2/z.png")
ORDER = ["2.png", "10.png", "a 2/1.png", "a 2/z.png", "a 2/deep/1.png", "a 10/1.png", "B/film.png"]
LITTER = (".hidden.png", "__MACOSX/film.png", "notes.csv", "README", "a 2/Thumbs.db")


def test_folders_and_zips_are_listed_in_the_order_people_count(tmp_path):
    assert names(lay(tmp_path / "films", *LAID, *LITTER)) == ORDER
    assert names(zip_of(tmp_path / "films.zip", dict.fromkeys((*LAID, *LITTER), b"film"))) == ORDER
    assert names(zip_of(tmp_path / "windows.zip", {"a\\2.png": b"", "a\\1.png": b""})) == ["a/1.png", "a/2.png"]


def test_the_first_films_are_named_before_the_last_folder_is_looked_into(tmp_path, monkeypatch):
    lay(tmp_path, "first.png", *(f"{number}/film.png" for number in range(5)))
    looked, fill = [], walk._fill
    monkeypatch.setattr(walk, "_fill", lambda folder, met: looked.append(folder) or fill(folder, met))
    films = listing.films_in(tmp_path)
    assert [next(films).name, next(films).name] == ["first.png", "0/film.png"]
    assert len(looked) == 2
    assert len([*films]) == 4


def test_a_listing_follows_links_once_and_names_closed_folders(tmp_path, monkeypatch):
    lay(tmp_path / "films", "1.png", "inside/2.png")
    (tmp_path / "films" / "again").symlink_to(tmp_path / "films")
    (tmp_path / "films" / "elsewhere").symlink_to(lay(tmp_path / "other", "3.png"))
    (tmp_path / "films" / "shut").mkdir()
    scandir = os.scandir
    monkeypatch.setattr(os, "scandir", lambda path: scandir(path) if Path(path).name != "shut" else scandir("/nowhere"))
    *films, last = listing.films_in(tmp_path / "films")
    assert [name for name, _ in films] == ["1.png", "inside/2.png", "elsewhere/3.png"]
    assert isinstance(last.film, Refusal) and (last.name, last.film.code) == ("shut", "unreadable")


STUDY = ("DICOMDIR", "DICOM/IM10", "DICOM/IM2", "DICOM/1.2.840.113619", "VIEWER.EXE", "help/index.html", "lib/a.dll")


def test_a_dicom_study_is_its_films_without_its_directory_and_its_viewer(tmp_path):
    expected = ["DICOM/1.2.840.113619", "DICOM/IM2", "DICOM/IM10"]
    cd = lay(tmp_path / "cd", *STUDY)
    assert names(cd) == names(cd / "DICOMDIR") == expected
    assert names(zip_of(tmp_path / "cd.zip", dict.fromkeys(STUDY, b""))) == expected
    lay(tmp_path / "both", *(f"cd/{name}" for name in STUDY), "other/film.odd")
    assert names(tmp_path / "both") == [*(f"cd/{name}" for name in expected), "other/film.odd"]
    files = dict.fromkeys((*(f"cd/{name}" for name in STUDY), "other/film.odd"), b"")
    assert names(zip_of(tmp_path / "both.zip", files)) == [*(f"cd/{name}" for name in expected), "other/film.odd"]


def test_a_file_is_itself_and_nothing_is_refused(tmp_path):
    assert names(draw.PNG) == [draw.PNG.name]
    assert [*listing.films_in(tmp_path / "none.png")] == [("none.png", tmp_path / "none.png")]  # a decoder says why
    for empty in (lay(tmp_path / "empty", "notes.csv"), zip_of(tmp_path / "empty.zip", {"notes.csv": b""})):
        with pytest.raises(walk.FolderRefused, match="holds no film") as refused:
            names(empty)
        assert refused.value.code == "no-films"


@pytest.mark.parametrize("kind", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_a_film_in_a_zip_is_read_like_one_outside(tmp_path, kind):
    path = zip_of(tmp_path / "films.zip", {"a/1.png": PNG, "a/broken.png": PNG[:1000]}, kind)
    (name, film), (_, broken) = listing.films_in(path)
    assert isinstance(film, Member) and film.read() == PNG and name == "a/1.png"
    assert pickle.loads(pickle.dumps(film)) == film and os.stat(film) == os.stat(path) and str(film) != str(broken)
    read, refused = decoder.read_batch([film, broken])
    whole = radiograph.read(PNG, "film")
    assert np.array_equal(read.pixels, whole.pixels) and read.sha256 == whole.sha256
    assert isinstance(refused, Refusal) and refused.code == "truncated"
    assert [len(batch) for batch in ingest._batches([film, film])] in ([1, 1], [2])


def damaged(path: Path, change) -> Member:
    film = next(listing.films_in(path)).film
    data = bytearray(path.read_bytes())
    change(data, film)
    path.write_bytes(data)
    return film


@pytest.mark.parametrize(
    "change",
    [
        lambda data, film: data.__setitem__(slice(film.begin, film.begin + 4), b"none"),
        lambda data, film: data.__setitem__(film.begin + 500, data[film.begin + 500] ^ 0xFF),
        lambda data, film: data.__delitem__(slice(film.begin + 400, None)),
        lambda data, film: data.__delitem__(slice(film.begin, None)),
        lambda data, film: data.__setitem__(slice(film.begin + 26, film.begin + 30), struct.pack("<HH", 65535, 65535)),
    ],
)
@pytest.mark.parametrize("kind", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_a_film_that_the_zip_has_lost_is_refused(tmp_path, kind, change):
    film = damaged(zip_of(tmp_path / "films.zip", {"1.png": PNG}, kind), change)
    with pytest.raises(zipfile.BadZipFile):
        film.read()
    refused = decoder.read_batch([film])[0]
    assert refused.code == "corrupt" and "Zip it again" in refused.words


def test_a_zip_that_is_gone_is_said_of_its_film(tmp_path):
    path = zip_of(tmp_path / "films.zip", {"1.png": PNG})
    film = next(listing.films_in(path)).film
    path.unlink()
    refused = decoder.read_batch([film])[0]
    assert refused.code == "unreadable" and "No such file" in refused.words


def test_never_more_is_unpacked_than_the_zip_says(tmp_path):
    path = zip_of(tmp_path / "films.zip", {"1.png": bytes(2**20)})
    film = next(listing.films_in(path)).film
    smaller = Member(path, film.name, film.begin, film.packed, 1000, film.checksum, film.stored)
    with pytest.raises(zipfile.BadZipFile):
        smaller.read()


def test_members_that_are_no_plain_films_are_refused_by_name(tmp_path, monkeypatch):
    monkeypatch.setattr(check, "MAX_MEMBER", 2**21)
    path = zip_of(
        tmp_path / "films.zip", {"good.png": PNG, "large.png": os.urandom(2**21 + 1), "bomb.png": bytes(2**21)}
    )
    with zipfile.ZipFile(path, "a") as archive:
        link = zipfile.ZipInfo("link.png")
        link.external_attr = 0o120777 << 16
        archive.writestr(link, "/etc/passwd")
        archive.writestr("packed.png", PNG, zipfile.ZIP_BZIP2)
    films = dict(listing.films_in(path))
    assert isinstance(films.pop("good.png"), Member) and len(films) == 4
    words = {name: refusal.words for name, refusal in films.items() if isinstance(refusal, Refusal)}
    assert "200th of its size" in words["bomb.png"] and "the limit is 2 MiB" in words["large.png"]
    assert "a link" in words["link.png"] and "not deflate" in words["packed.png"]


def test_a_zip_whose_members_share_bytes_is_refused_whole(tmp_path):
    path = zip_of(tmp_path / "films.zip", {"1.png": PNG, "2.png": PNG})
    data = bytearray(path.read_bytes())
    second = data.rfind(b"PK\1\2")
    data[second + 42 : second + 46] = struct.pack("<L", 0)  # both begin where the first does
    path.write_bytes(data)
    assert zipped.is_a_zip(path)
    with pytest.raises(ArchiveRefused, match="share the same bytes"):
        names(path)


def test_numbers_in_names_are_numbers_however_long():
    written = ["film 2", "film 10", "film 010", "Film 1", "9" * 5000, "²", ""]
    assert sorted(written, key=listing.natural)[:2] == ["", "9" * 5000]
    assert sorted(written[:4], key=listing.natural) == ["Film 1", "film 2", "film 10", "film 010"]
