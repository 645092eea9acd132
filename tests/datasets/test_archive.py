import csv
import io
import os
import stat
import struct
import tracemalloc
import zipfile
from types import SimpleNamespace

import pytest
from hypothesis import given, settings, strategies
from PIL import Image

from tests.helpers import film_folders
from xraykit.datasets import dataset
from xraykit.datasets.archive import unpack
from xraykit.films.folders import check
from xraykit.system import folders


def png(label=0, number=0):
    out = io.BytesIO()
    Image.fromarray(film_folders.draw(label, number)).save(out, "PNG")
    return out.getvalue()


FILM = png()


def zipped(members, compression=zipfile.ZIP_DEFLATED):
    """A zip of (name or ZipInfo, bytes)."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", compression) as made:
        for name, data in members:
            made.writestr(name, data)
    return out.getvalue()


def unpack_zip(data, *rest):
    return unpack.unpack(io.BytesIO(data) if isinstance(data, bytes) else data, *rest)


def sound(films=3):
    return [(f"{name}/{n}.png", png(label, n)) for label, name in enumerate(("Normal", "Sick")) for n in range(films)]


def unpacked(path):
    return sorted(file.relative_to(path).as_posix() for file in path.rglob("*") if file.is_file())


def refusal_of(data, root, name="films.zip"):
    with pytest.raises(check.ArchiveRefused) as refused:
        unpack_zip(data, name, root)
    assert not any(root.iterdir()), "nothing may be left of a zip that is refused"
    return refused.value


def test_class_folders_come_out_as_they_are(tmp_path):
    path = unpack_zip(zipped(sound()), "My films.zip", tmp_path)
    assert path == tmp_path / "My-films"
    assert unpacked(path) == [
        "Normal/0.png",
        "Normal/1.png",
        "Normal/2.png",
        "Sick/0.png",
        "Sick/1.png",
        "Sick/2.png",
        "archive.json",
    ]
    assert (path / "Normal" / "1.png").read_bytes() == png(0, 1)
    assert dataset.read(path).counts() == {"Normal": 3, "Sick": 3}
    assert [file.name for file in tmp_path.iterdir()] == ["My-films"]


def test_a_zip_is_read_from_a_file_too(tmp_path):
    (tmp_path / "films.zip").write_bytes(zipped(sound()))
    assert len(unpacked(unpack_zip(tmp_path / "films.zip", "films", tmp_path / "out"))) == 7


def test_a_taken_name_gets_a_number(tmp_path):
    assert [unpack_zip(zipped(sound()), "films.zip", tmp_path).name for _ in range(3)] == [
        "films",
        "films-2",
        "films-3",
    ]


@pytest.mark.parametrize(
    "name,folder",
    [
        ("../../etc/films.zip", "films"),
        ("C:\\films.ZIP", "films"),
        ("", "films"),
        ("...", "films"),
        ("a b;c", "a-b-c"),
        ("x" * 300, "x" * 60),
        ("röntgen.zip", "röntgen"),
    ],
)
def test_the_folder_has_a_plain_name(name, folder, tmp_path):
    assert unpack_zip(zipped(sound()), name, tmp_path) == tmp_path / folder


def test_one_folder_around_all_is_taken_off(tmp_path):
    path = unpack_zip(zipped([("all/readme.md", b"x"), *((f"all/{n}", d) for n, d in sound())]), "films", tmp_path)
    assert (path / "Normal" / "0.png").is_file() and not (path / "all").exists()


def test_a_single_class_folder_stays(tmp_path):
    path = unpack_zip(zipped([("Normal/0.png", FILM)]), "films", tmp_path)
    assert (path / "Normal" / "0.png").is_file()


def test_a_manifest_is_kept_at_the_top_alone(tmp_path):
    table = io.StringIO()
    csv.writer(table).writerows([("path", "label"), ("0.png", "Normal"), ("1.png", "Sick")])
    members = [
        ("all/0.png", png(0, 0)),
        ("all/1.png", png(1, 0)),
        ("all/manifest.csv", table.getvalue()),
        ("all/deep/manifest.csv", "x"),
        ("all/deep/2.png", png(1, 1)),
    ]
    path = unpack_zip(zipped(members), "films", tmp_path)
    assert unpacked(path) == ["0.png", "1.png", "archive.json", "deep/2.png", "manifest.csv"]
    assert dataset.read(path).counts() == {"Normal": 1, "Sick": 1}


def test_what_is_no_film_is_named_and_junk_is_not(tmp_path):
    members = [
        *sound(),
        ("Normal/notes.txt", b"hello"),
        ("run.sh", b"rm"),
        ("inner.zip", zipped(sound())),
        ("table.csv", b"a,b"),
        (".git/config", b"x"),
        ("__MACOSX/Normal/._0.png", b"x"),
        ("Normal/.DS_Store", b"x"),
        ("Thumbs.db", b"x"),
    ]
    path = unpack_zip(zipped(members), "films", tmp_path)
    assert unpack.left_out(path) == [".git/config", "Normal/notes.txt", "inner.zip", "run.sh", "table.csv"]
    assert len(unpacked(path)) == 7


def test_films_are_known_by_their_bytes_and_broken_ones_kept_to_be_refused_by_name(tmp_path):
    dicom = bytes(128) + b"DICM" + bytes(20)
    members = [*sound(), ("Sick/1.2.840.113619", dicom), ("Sick/photo", FILM), ("Sick/broken.jpg", b"no")]
    path = unpack_zip(zipped(members), "films", tmp_path)
    assert unpack.left_out(path) == []
    assert "Sick/broken.jpg" in [refusal.source for refusal in dataset.read(path).refused]


def linked(kind):
    link = zipfile.ZipInfo("Normal/link.png")
    link.create_system, link.external_attr = 3, (kind | 0o777) << 16
    return link, b"/etc/passwd"


@pytest.mark.parametrize(
    "member,words",
    [
        (("../out.png", FILM), "'..'"),
        (("Normal/../../out.png", FILM), "'..'"),
        (("/etc/out.png", FILM), "absolute"),
        (("C:/out.png", FILM), "absolute"),
        (("Normal//out.png", FILM), "empty part"),
        ((zipfile.ZipInfo("nameless"), FILM), "empty part; it must be plain"),
        (("./out.png", FILM), "empty part"),
        ((zipfile.ZipInfo("a"), FILM), "backslash"),
        (("Normal/a\nb.png", FILM), "control characters"),
        (("Normal/a:b.png", FILM), "colons"),
        (("Normal/" + "x" * 300 + ".png", FILM), "bytes"),
        (("/".join("abcdefghijkl") + ".png", FILM), "12 folders are nested"),
        (linked(stat.S_IFLNK), "link"),
        (linked(stat.S_IFIFO), "link or a special file"),
        (("Normal/0.PNG", FILM), "upper and lower case"),
        (("normal/other.png", FILM), "upper and lower case"),
        (("Normal/0.png/inside.png", FILM), "would be one file"),
        (("Sick", b"a file"), "would be one file"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_members_that_mean_no_good_are_refused_by_name(member, words, tmp_path):
    name, data = member
    if words == "backslash":  # zipfile would put slashes, so it is set behind its back
        name.filename = name.orig_filename = "Normal\\out.png"
    if words.startswith("empty part;"):
        name.filename = name.orig_filename = ""
    refused = refusal_of(zipped([*sound(), (name, data)]), tmp_path)
    assert words in str(refused)


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_two_members_of_one_name_are_refused(tmp_path):
    assert "would be one file" in str(refusal_of(zipped([*sound(), sound()[0]]), tmp_path))


def test_all_problems_are_named_together(tmp_path):
    refused = refusal_of(zipped([*sound(), ("../a.png", FILM), ("/b.png", FILM), linked(stat.S_IFLNK)]), tmp_path)
    assert len(refused.problems) == 3
    many = refusal_of(zipped([*sound(), *((f"../{n}.png", FILM) for n in range(50))]), tmp_path)
    assert len(many.problems) == 50 and "and 30 more" in str(many)


def changed(data, at, value):
    """The zip with bytes put over the central entry of its first member."""
    place = data.index(b"PK\1\2") + at
    return data[:place] + value + data[place + len(value) :]


def test_encrypted_members_are_refused(tmp_path):
    assert "without a password" in str(refusal_of(changed(zipped(sound()), 8, b"\1\0"), tmp_path))


@pytest.mark.parametrize("compression", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_other_compressions_are_refused(compression, tmp_path):
    assert "compression" in str(refusal_of(zipped(sound(), compression), tmp_path))


def test_a_bomb_is_refused_by_its_ratio(tmp_path):
    bomb = zipped([*sound(), ("Normal/bomb.png", bytes(40 * 2**20))])
    assert len(bomb) < 2**17
    assert "packs to less" in str(refusal_of(bomb, tmp_path))


def test_a_bomb_that_lies_about_its_size_writes_no_more_than_it_said(tmp_path):
    bomb = zipped([("Normal/bomb.png", FILM[:8] + bytes(40 * 2**20)), *sound()])
    lie = changed(bomb, 24, struct.pack("<L", 1000))
    tracemalloc.start()
    refused = refusal_of(lie, tmp_path)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert "damaged" in str(refused) and most < 8 * 2**20


def test_an_overlap_bomb_is_refused(tmp_path):
    """Many entries of the list, one and the same bytes (after D. Fifield, A better zip bomb, 2019)."""
    data = zipped([("Normal/0.png", FILM)])
    start, end = data.index(b"PK\1\2"), data.index(b"PK\5\6")
    entries = b"".join(data[start:end].replace(b"0.png", b"%d.png" % number) for number in range(10))
    record = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 10, 10, len(entries), start, 0)
    assert "share the same bytes" in str(refusal_of(data[:start] + entries + record, tmp_path))


def test_too_large_a_member_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(check, "MAX_MEMBER", 1000)
    assert "MiB" in str(refusal_of(zipped(sound()), tmp_path))


def test_too_much_in_all_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(check, "MAX_TOTAL", 5000)
    assert "GiB unpacked" in str(refusal_of(zipped(sound()), tmp_path))


def test_too_little_disk_is_said_before_anything_is_written(tmp_path, monkeypatch):
    monkeypatch.setattr(unpack.shutil, "disk_usage", lambda path: SimpleNamespace(free=9))
    assert "free disk" in str(refusal_of(zipped(sound()), tmp_path))


@pytest.mark.parametrize("limit", ["MAX_MEMBERS", "MAX_DIRECTORY"])
def test_too_many_members_are_refused_before_their_list_is_read(limit, tmp_path, monkeypatch):
    monkeypatch.setattr(check, limit, 5)
    monkeypatch.setattr(zipfile, "ZipFile", None)
    with pytest.raises(check.ArchiveRefused, match="members"):
        unpack_zip(DATA, "films", tmp_path)


def test_too_large_an_archive_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(check, "MAX_ARCHIVE", 100)
    assert "at most" in str(refusal_of(zipped(sound()), tmp_path))


DATA = zipped(sound())


@pytest.mark.parametrize(
    "data",
    [b"", b"PK", b"no zip at all", FILM, DATA[:-30], DATA[:200], DATA[1000:]],
    ids=["empty", "two bytes", "text", "film", "no end", "start", "no start"],
)
def test_what_is_no_whole_zip_is_refused(data, tmp_path):
    assert "Zip it again" in str(refusal_of(data, tmp_path))


def test_a_damaged_member_is_named(tmp_path):
    data = bytearray(DATA)
    data[data.index(b"Normal/0.png") + 60] ^= 0xFF
    assert "'Normal/0.png': damaged" in str(refusal_of(bytes(data), tmp_path))


def test_no_words_of_the_zip_reader_are_shown(tmp_path):
    data = zipped([("a/1.png", FILM), ("b/2.png", FILM)], zipfile.ZIP_STORED)
    place = data.index(FILM) + len(FILM) // 2
    damaged = data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]
    packed = zipped([("a/1.png", bytes(range(256)) * 8), ("b/2.png", FILM)])
    broken = packed[:37] + b"\xff" * 8 + packed[45:]
    said = [refusal_of(bad, tmp_path).words for bad in (damaged, broken, data[:-40], data[:60], b"PK\5\6" + bytes(18))]
    for words in said:
        for theirs in ("CRC-32", "Error", "zlib", "decompress", "invalid", "not a zip", "magic", "unpack requires"):
            assert theirs not in words, words


@pytest.mark.parametrize("members", [[], [("readme.txt", b"x")], [("manifest.csv", b"path,label\n")]])
def test_a_zip_without_films_is_refused(members, tmp_path):
    assert "no film" in str(refusal_of(zipped(members), tmp_path))


@given(
    strategies.lists(strategies.tuples(strategies.integers(0, len(DATA) - 1), strategies.integers(0, 255)), max_size=8)
)
@settings(deadline=None, max_examples=150)
def test_any_change_of_bytes_ends_in_films_or_a_refusal(tmp_path_factory, changes):
    root = tmp_path_factory.mktemp("mutants")
    data = bytearray(DATA)
    for place, value in changes:
        data[place] = value
    try:
        path = unpack_zip(bytes(data), "films", root)
        assert all(file.resolve().is_relative_to(root) for file in path.rglob("*"))
    except check.ArchiveRefused:
        assert not any(root.iterdir())


def test_progress_counts_to_all_and_can_stop_it(tmp_path):
    seen = []
    unpack_zip(DATA, "films", tmp_path / "whole", lambda done, total: seen.append((done, total)))
    assert seen == sorted(seen) and seen[-1][0] == seen[-1][1] == sum(len(data) for _, data in sound())

    class Stop(RuntimeError):
        pass

    def stop(done, total):
        raise Stop

    with pytest.raises(Stop):
        unpack_zip(DATA, "films", tmp_path / "stopped", stop)
    assert not any((tmp_path / "stopped").iterdir())


def test_memory_stays_flat(tmp_path):
    big = FILM + os.urandom(30 * 2**20)
    (tmp_path / "big.zip").write_bytes(zipped([("Normal/0.png", big), ("Sick/0.png", big)], zipfile.ZIP_STORED))
    del big
    tracemalloc.start()
    unpack_zip(tmp_path / "big.zip", "films", tmp_path / "out")
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 8 * 2**20


def test_the_usual_folder_is_named_by_the_environment(tmp_path, monkeypatch):
    monkeypatch.setenv("XRAYKIT_DATASETS", str(tmp_path / "sets"))
    assert unpack_zip(DATA, "films").parent == tmp_path / "sets"
    monkeypatch.delenv("XRAYKIT_DATASETS")
    assert folders.datasets_folder().name == "datasets"


def test_a_zip_of_masks_parts_and_a_nested_copy_is_read_as_the_folder_would_be(tmp_path):
    """As a well-known data set is packed: parts, a second copy of everything, what a Mac adds, masks."""
    members = []
    for label, name in enumerate(("NORMAL", "PNEUMONIA")):
        for place, part in enumerate(("train", "val", "test")):
            for number in range(2):
                film = png(label, 10 * place + number)
                for where in ("chest_xray", "chest_xray/chest_xray"):
                    members.append((f"{where}/{part}/{name}/images/{number}.png", film))
                members.append((f"chest_xray/{part}/{name}/Lung Masks/{number}.png", png(label, 99)))
                members.append((f"__MACOSX/chest_xray/{part}/{name}/._{number}.png", b"litter"))
    path = unpack_zip(zipped(members), "films.zip", tmp_path)
    films = dataset.read(path)
    assert films.counts() == {"NORMAL": 6, "PNEUMONIA": 6}
    assert {part: films.given.count(part) for part in set(films.given)} == {"train": 4, "validation": 4, "test": 4}
    assert {remark.code: remark.count for remark in films.remarks} == {"nested-copy": 12, "masks": 12}


def test_a_zip_with_a_manifest_in_tabs_is_read(tmp_path):
    table = "Filename\tDiagnosis\r\nNormal\\0\tNormal\r\nSick\\0\tSick\r\n"
    path = unpack_zip(zipped([*sound(), ("Manifest.TSV", table.encode("utf-16"))]), "films.zip", tmp_path)
    assert dataset.read(path).films == ("Normal/0.png", "Sick/0.png")
