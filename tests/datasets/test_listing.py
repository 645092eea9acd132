"""Folders as people lay them out: which films are found, of which class and part, and what is said of the rest."""

import csv
import os
import unicodedata
from collections import Counter
from pathlib import Path

import pytest

from xraykit.datasets import layout
from xraykit.datasets.listing import folder, names
from xraykit.films import ingest
from xraykit.films.folders import walk


def lay(root: Path, *paths: str, content: bytes | None = None) -> Path:
    """Files at these paths, of different content unless one is given; no film is opened here."""
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(path.encode() if content is None else content)
    return root


def films(where: str, n: int = 3) -> list[str]:
    return [f"{where}/{number}.png" for number in range(n)]


def counts(root: Path) -> dict[str, int]:
    return dict(Counter(row.label for row in folder.read(root).rows))


def parts(root: Path) -> dict[tuple[str, str], int]:
    return dict(Counter((row.part, row.label) for row in folder.read(root).rows))


def remark(root: Path, code: str) -> layout.Remark:
    (the_remark,) = [remark for remark in folder.read(root).remarks if remark.code == code]
    return the_remark


def codes(root: Path) -> set[str]:
    return {remark.code for remark in folder.read(root).remarks}


MASKS = ["masks", "Masks", "MASK", "lung masks", "lung_mask", "LungMasks", "Segmentation", "label maps", "Label-Map"]


@pytest.mark.parametrize("name", MASKS)
def test_masks_beside_images_are_left_out_and_counted(name, tmp_path):
    for label in ("COVID", "Normal"):
        lay(tmp_path, *films(f"{label}/images"), *films(f"{label}/{name}", 2))
    assert counts(tmp_path) == {"COVID": 3, "Normal": 3}
    left_out = remark(tmp_path, "masks")
    assert left_out.count == 4 and left_out.examples[0] == f"COVID/{name} (2 files)"


@pytest.mark.parametrize("name", ["no mask", "with_mask", "images", "Infection Segmentation Data", "left", "unmasked"])
def test_folders_that_hold_no_masks_stay(name, tmp_path):
    lay(tmp_path, *films(f"A/{name}"), *films("B/images"))
    assert counts(tmp_path) == {"A": 3, "B": 3} and "masks" not in codes(tmp_path)


def test_masks_beside_the_classes_or_around_them_are_left_out(tmp_path):
    lay(tmp_path / "a", *films("COVID"), *films("Normal"), *films("masks/COVID"))
    assert counts(tmp_path / "a") == {"COVID": 3, "Normal": 3}
    lay(tmp_path / "b", *films("images/COVID"), *films("images/Normal"), *films("masks/COVID"), *films("masks/Normal"))
    assert counts(tmp_path / "b") == {"COVID": 3, "Normal": 3}
    lay(tmp_path / "c", *films("A/images"), *films("A/labels"), *films("B/images"), *films("B/labels"))
    assert counts(tmp_path / "c") == {"A": 3, "B": 3}


def test_a_mask_beside_its_own_film_is_left_out(tmp_path):
    lay(tmp_path, "benign/b (1).png", "benign/b (1)_mask.png", "benign/b (1)_mask_1.png", "normal/mask.png")
    assert counts(tmp_path) == {"benign": 1, "normal": 1} and remark(tmp_path, "masks").count == 2


def divided(root: Path, *of: str, around: str = "{part}/{label}") -> Path:
    for part in of:
        for label in ("NORMAL", "PNEUMONIA"):
            lay(root, *(f"{around.format(part=part, label=label)}/{part}-{n}.png" for n in range(3)))
    return root


@pytest.mark.parametrize(
    "of,expected",
    [
        (("train", "val", "test"), {"train", "validation", "test"}),
        (("Training", "Testing"), {"train", "test"}),
        (("TRAIN", "valid", "TEST"), {"train", "validation", "test"}),
        (("seg_train", "seg_test"), {"train", "test"}),
        (("training set", "validation set"), {"train", "validation"}),
        (("train_images", "dev", "TestData"), {"train", "validation", "test"}),
    ],
)
@pytest.mark.parametrize("around", ["{part}/{label}", "data/{part}/{label}", "{label}/{part}", "{part}/{part}/{label}"])
def test_a_folder_that_is_divided_has_the_classes_below_the_parts(of, expected, around, tmp_path):
    divided_parts = parts(divided(tmp_path, *of, around=around))
    assert divided_parts == {(part, label): 3 for part in expected for label in ("NORMAL", "PNEUMONIA")}


def test_a_nested_copy_and_litter_are_left_out_and_named(tmp_path):
    outer = divided(tmp_path / "chest_xray", "train", "val", "test")
    inner = divided(tmp_path / "chest_xray" / "chest_xray", "train", "val", "test")
    for part in ("train", "val", "test"):  # the same bytes, as where a zip was unpacked twice
        for film in (outer / part).rglob("*.png"):
            (inner / film.relative_to(outer)).write_bytes(film.read_bytes())
    lay(tmp_path, "__MACOSX/train/NORMAL/._1.png", "chest_xray/__MACOSX/x.png")
    assert sum(parts(tmp_path).values()) == 18
    copy = remark(tmp_path, "nested-copy")
    assert (copy.count, copy.examples) == (18, ("chest_xray/chest_xray",))
    assert remark(tmp_path, "litter").examples == ("__MACOSX", "chest_xray/__MACOSX")
    assert remark(tmp_path, "wrapper").words == "Everything lies in chest_xray: that folder is read"


def test_a_nested_folder_of_other_films_is_read_too(tmp_path):
    divided(tmp_path, "train", "test")
    for part in ("train", "test"):
        lay(tmp_path, *(f"more/{part}/NORMAL/other-{n}.png" for n in range(2)))
    assert parts(tmp_path)["train", "NORMAL"] == 5 and "nested-copy" not in codes(tmp_path)


def test_a_nested_copy_of_class_folders_is_no_class(tmp_path):
    for where in ("", "data/"):
        for label in ("COVID", "Normal"):
            lay(tmp_path, *films(f"{where}{label}"), content=b"same")
    assert counts(tmp_path) == {"COVID": 3, "Normal": 3} and remark(tmp_path, "nested-copy").count == 6


def test_films_beside_the_parts_are_named(tmp_path):
    divided(tmp_path, "seg_train", "seg_test")
    lay(tmp_path, *films("seg_pred"))
    assert sum(counts(tmp_path).values()) == 12 and remark(tmp_path, "beside-parts").examples == ("seg_pred",)


def test_several_divided_datasets_in_one_folder_are_refused(tmp_path):
    for name in ("Lung Data", "Infection Data"):
        divided(tmp_path / name / name, "Train", "Test")
    with pytest.raises(layout.DatasetRefused, match="Infection Data/Infection Data, Lung Data/Lung Data") as refused:
        folder.read(tmp_path)
    assert refused.value.code == "several-datasets"


def test_one_folder_alone_is_a_wrapper_only_where_it_holds_classes(tmp_path):
    lay(tmp_path / "a", *films("b/c/COVID"), *films("b/c/Normal"))
    assert counts(tmp_path / "a") == {"COVID": 3, "Normal": 3}
    assert counts(lay(tmp_path / "one", *films("Normal"))) == {"Normal": 3}
    assert counts(lay(tmp_path / "deep", *films("Normal/patient/study"))) == {"Normal": 3}
    patients = lay(tmp_path / "patients", *films("Normal/p1"), *films("Normal/p2"))
    assert {row.label for row in folder.read(patients, ("Normal", "Sick")).rows} == {"Normal"}
    empty = lay(tmp_path / "empty", *films("COVID/p1"), *films("COVID/p2"), "Tuberculosis/notes.csv")
    assert counts(empty) == {"COVID": 6}


def test_a_class_folder_that_is_a_link_is_read(tmp_path):
    lay(tmp_path, *films("elsewhere/covid films"), *films("data/Normal"))
    (tmp_path / "data" / "COVID").symlink_to(tmp_path / "elsewhere" / "covid films")
    assert counts(tmp_path / "data") == {"COVID": 3, "Normal": 3}
    assert len(ingest.list_films([tmp_path / "data"])) == 6


@pytest.mark.parametrize("target", [".", "..", "../..", "Normal", "../B"])
def test_links_in_a_circle_are_followed_once(target, tmp_path):
    root = lay(tmp_path / "data", *films("A"), *films("B"), *films("A/Normal"))
    (root / "A" / "loop").symlink_to(target, target_is_directory=True)
    assert counts(root) == {"A": 6, "B": 3}
    assert remark(root, "circular-link").examples == ("A/loop",)
    assert len(ingest.list_films([root])) == 9


def test_many_links_to_one_another_end(tmp_path):
    for number in range(12):
        lay(tmp_path, f"{number}/film.png")
        for other in range(12):
            (tmp_path / str(number) / f"to-{other}").symlink_to(tmp_path / str(other))
    assert sum(counts(tmp_path).values()) == 12


def test_a_broken_link_is_a_film_that_is_refused_later(tmp_path):
    lay(tmp_path, *films("A"), *films("B"))
    (tmp_path / "A" / "gone.png").symlink_to(tmp_path / "nowhere.png")
    (tmp_path / "A" / "self").symlink_to(tmp_path / "A" / "self")
    assert counts(tmp_path) == {"A": 5, "B": 3}


@pytest.mark.skipif(os.geteuid() == 0, reason="root may look anywhere")
def test_a_folder_without_permission_is_named(tmp_path):
    lay(tmp_path, *films("A"), *films("B"), *films("C"))
    (tmp_path / "C").chmod(0)
    assert remark(tmp_path, "closed-folder").examples == ("C",)


def test_folders_inside_one_another_without_end_end(tmp_path):
    lay(tmp_path, *films("A"), *films("B"), "A/" + "d/" * 150 + "film.png")
    assert counts(tmp_path) == {"A": 3, "B": 3} and remark(tmp_path, "closed-folder").count == 1


@pytest.mark.parametrize("inside", ["notes.csv", "masks/1.png", ".DS_Store", "deep/notes.md"])
def test_a_class_folder_without_a_film_is_named(inside, tmp_path):
    lay(tmp_path, *films("COVID"), *films("Normal"), f"Tuberculosis/{inside}")
    assert counts(tmp_path) == {"COVID": 3, "Normal": 3}
    empty = remark(tmp_path, "empty-class")
    assert empty.text == "1 folder without a film, no class of this dataset: Tuberculosis."


@pytest.mark.parametrize(
    "one,other",
    [
        ("COVID", "COVID "),
        ("COVID", " COVID\u00a0"),
        (unicodedata.normalize("NFC", "Épanchement"), unicodedata.normalize("NFD", "Épanchement")),
        ("Normal", "Normal\u200b"),
    ],
)
def test_names_that_are_the_same_are_one_class(one, other, tmp_path):
    lay(tmp_path, *films(one), *films(other, 2), *films("Z"))
    assert counts(tmp_path) == {unicodedata.normalize("NFC", one).strip(): 5, "Z": 3}
    assert remark(tmp_path, "merged-class").count == 2


@pytest.mark.parametrize(
    "one,other", [("COVID", "covid"), ("COVID-19", "COVID 19"), ("no_finding", "No Finding"), ("Normal.", "Normal")]
)
def test_names_that_are_nearly_the_same_are_asked_about(one, other, tmp_path):
    lay(tmp_path / "folders", *films(one), *films(other, 2), *films("Z"))
    with pytest.raises(layout.DatasetRefused) as refused:
        folder.read(tmp_path / "folders")
    assert refused.value.code == "classes-alike"
    assert f"'{one}' (3 films)" in refused.value.words and f"'{other}' (2 films)" in refused.value.words
    lay(tmp_path / "listed", *films("x", 2))
    listed(tmp_path / "listed", f"path,label\nx/0.png,{one}\nx/1.png,{other}\n")
    with pytest.raises(layout.DatasetRefused, match="nearly the same"):
        folder.read(tmp_path / "listed")


@pytest.mark.parametrize("several", [("COVID+", "COVID-"), ("<1", ">1"), ("1.5", "15"), ("+", "-"), ("A", "B", "AB")])
def test_names_that_signs_tell_apart_are_classes(several):
    assert names.alike(several) == []


def test_a_name_that_is_no_utf_8_is_found_again_from_what_is_shown(tmp_path):
    raw = os.fsencode(tmp_path) + b"/A/film-\xff\xe9.png"
    lay(tmp_path, *films("A"), *films("B"))
    Path(os.fsdecode(raw)).write_bytes(b"x")
    os.mkdir(os.fsencode(tmp_path) + b"/R\xf6ntgen")
    (Path(os.fsdecode(os.fsencode(tmp_path) + b"/R\xf6ntgen")) / "1.png").write_bytes(b"x")
    contents = folder.read(tmp_path)
    shown = [row.film for row in contents.rows if "film-" in row.film]
    assert shown == ["A/film-\\udcff\\udce9.png"] and "R\\udcf6ntgen" in {row.label for row in contents.rows}
    table = "path,label\n" + "".join(f"{row.film},{row.label}\n" for row in contents.rows)
    again = folder.read(listed(tmp_path, table))
    assert [(row.film, row.label) for row in again.rows] == [(row.film, row.label) for row in contents.rows]


def listed(root: Path, table: str | bytes, name: str = "manifest.csv") -> Path:
    root.mkdir(parents=True, exist_ok=True)
    (root / name).write_bytes(table if isinstance(table, bytes) else table.encode())
    return root


@pytest.fixture
def flat(tmp_path) -> Path:
    return lay(tmp_path, *films("images", 4))


ROWS = [("images/0.png", "COVID", "p0"), ("images/1.png", "COVID", "p0"), ("images/2.png", "Normal", "p1")]


def table(rows=ROWS, head=("path", "label", "patient_id"), mark=",", end="\n") -> str:
    return end.join(mark.join(row) for row in [head, *rows]) + end


@pytest.mark.parametrize(
    "given,told",
    [
        (table().encode("utf-8-sig"), set()),
        (table(end="\r\n").encode(), set()),
        (table(mark=";").encode(), {"manifest-delimiter"}),
        (table(mark="\t").encode(), {"manifest-delimiter"}),
        (b"sep=;\r\n" + table(mark=";", end="\r\n").encode(), {"manifest-delimiter"}),
        ((table() + "\n,,\n   \n , ,\n").encode(), set()),
        (table().encode("utf-16"), {"manifest-encoding"}),
        (table().encode("utf-16-le"), {"manifest-encoding"}),
        (table(mark="\t").encode("utf-16"), {"manifest-encoding", "manifest-delimiter"}),
        (table(head=("PATH", "Label", "Patient ID")).encode(), {"manifest-columns"}),
        (table(head=("Image Index", "Finding Labels", "Patient ID")).encode(), {"manifest-columns"}),
        (table(head=("filename", "finding", "patientid")).encode(), {"manifest-columns"}),
        (table(head=("image_id", "diagnosis", "subject_id")).encode(), {"manifest-columns"}),
        (table([(p.replace("/", "\\"), *rest) for p, *rest in ROWS]).encode(), {"manifest-backslashes"}),
        (table([(p.removesuffix(".png"), *rest) for p, *rest in ROWS]).encode(), {"manifest-without-ending"}),
        (table([(p.removeprefix("images/"), *rest) for p, *rest in ROWS]).encode(), {"manifest-elsewhere"}),
        (table([(f"data/{p}", *rest) for p, *rest in ROWS]).encode(), {"manifest-elsewhere"}),
        (table([(p[7:-4], *rest) for p, *rest in ROWS]).encode(), {"manifest-elsewhere-without-ending"}),
        (table([(p.upper(), *rest) for p, *rest in ROWS]).encode(), {"manifest-spelling"}),
        (table([(f"./{p}", *rest) for p, *rest in ROWS]).encode(), set()),
    ],
)
def test_a_manifest_is_read_in_the_shapes_people_save(given, told, flat):
    contents = folder.read(listed(flat, given))
    assert [(row.film, row.label, row.patient) for row in contents.rows] == ROWS
    assert {remark.code for remark in contents.remarks} == told | {"not-listed"}
    assert remark(flat, "not-listed").examples == ("images/3.png",)


@pytest.mark.parametrize(
    "given,words",
    [
        ("name;label\na;b\n", "Its columns are name, label"),
        ("path\nx.png\n", "Its columns are path"),
        ("", "Its columns are none"),
        ("finding,diagnosis,file\na,b,c\n", "finding, diagnosis. Name the right one label"),
        ("image_id,filename,label\na,b,c\n", "Name the right one path"),
        ("path,label,Label\na,b,c\n", "label, Label. Name the right one label, and no other"),
        ("path,label,path\na,b,c\n", "path, path. Name the right one path"),
    ],
)
def test_a_manifest_in_doubt_is_refused_with_what_was_found_and_expected(given, words, flat):
    with pytest.raises(layout.DatasetRefused, match=words) as refused:
        folder.read(listed(flat, given))
    assert refused.value.code == "manifest-columns"


@pytest.mark.parametrize("name", ["Manifest.csv", "MANIFEST.CSV", "manifest.tsv"])
def test_a_manifest_may_be_written_otherwise_and_lie_in_the_only_folder(name, tmp_path):
    inner = lay(tmp_path / "data", *films("images", 4))
    listed(inner, table(mark="\t" if name.endswith("tsv") else ","), name)
    contents = folder.read(tmp_path)
    assert [row.film for row in contents.rows] == [f"data/{row[0]}" for row in ROWS]
    assert remark(tmp_path, "not-listed").count == 1


def test_a_name_that_several_files_fit_is_refused_and_a_missing_one_stays(flat):
    lay(flat, "images/0.jpg")
    contents = folder.read(listed(flat, table([("images/0", "A", ""), ("images/1", "A", ""), ("images/9", "B", "")])))
    (refusal,) = contents.refused
    assert (refusal.source, refusal.code) == ("images/0", "ambiguous")
    assert "images/0.jpg, images/0.png" in refusal.words
    assert [row.film for row in contents.rows] == ["images/1.png", "images/9"]


def test_a_missing_file_is_not_taken_for_one_that_is_listed_itself(tmp_path):
    lay(tmp_path, "test/NORMAL/1.png")
    contents = folder.read(listed(tmp_path, "path,label\n1.png,SICK\ntest/NORMAL/1.png,NORMAL\n"))
    assert {(row.film, row.label) for row in contents.rows} == {("1.png", "SICK"), ("test/NORMAL/1.png", "NORMAL")}


def test_rows_listed_twice_are_named(flat):
    rows = [*ROWS, ("./images/0.png", "COVID", ""), ("images\\1", "Normal", ""), ("images/1.png", "COVID", "")]
    contents = folder.read(listed(flat, table(rows)))
    assert [(row.film, row.patient) for row in contents.rows] == [("images/0.png", "p0"), ("images/2.png", "p1")]
    assert remark(flat, "listed-twice").examples == ("images/0.png",)
    assert remark(flat, "listed-with-two-classes").examples == ("images/1.png (COVID, Normal)",)


def test_a_column_split_gives_the_parts(flat):
    rows = [("images/0.png", "A", "train"), ("images/1.png", "A", "Val"), ("images/2.png", "B", "testing")]
    listed(flat, table([*rows, ("images/3.png", "B", "")], ("path", "label", "split")))
    contents = folder.read(flat)
    assert [row.part for row in contents.rows] == ["train", "validation", "test", ""]
    listed(flat, table([*rows, ("images/3.png", "B", "fold 2")], ("path", "label", "Subset")))
    assert not any(row.part for row in folder.read(flat).rows)
    assert remark(flat, "no-division").examples == ("fold 2",)
    listed(flat, table([*rows, ("images/0.png", "A", "test")], ("path", "label", "split")))
    assert folder.read(flat).rows[0].part == "train"
    assert remark(flat, "listed-in-two-parts").examples == ("images/0.png (test, train)",)


def test_masks_that_a_manifest_lists_are_left_out_unless_all_are(tmp_path):
    lay(tmp_path, *films("COVID/images", 2), *films("COVID/masks", 2))
    rows = [(path, "COVID", "") for where in ("images", "masks") for path in films(f"COVID/{where}", 2)]
    assert len(folder.read(listed(tmp_path, table(rows))).rows) == 2
    assert remark(tmp_path, "masks-listed").count == 2
    assert len(folder.read(listed(tmp_path, table(rows[2:]))).rows) == 2


def test_several_findings_in_one_cell_are_told(flat):
    listed(flat, table([("images/0.png", "Effusion|Mass", ""), ("images/1.png", "Mass", "")]))
    assert remark(flat, "several-findings").examples == ("images/0.png (Effusion|Mass)",)


def test_commas_and_quotes_in_cells_stay(flat):
    lay(flat, 'images/a, "b".png')
    with (flat / "manifest.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("path", "label"), ('images/a, "b".png', "A, B")])
    assert folder.read(flat).rows == (layout.Row('images/a, "b".png', "A, B"),)


def test_what_is_no_film_by_its_name():
    for name in ("notes.csv", "Normal.metadata.xlsx", "README.md.txt", "Thumbs.db", ".hidden.png"):
        assert not walk.may_be_a_film(name), name
    for name in ("1.png", "IM0001", "film.xyz", "1.2.840.10008", "notes.txt"):
        assert walk.may_be_a_film(name), name


@pytest.mark.parametrize("root", [".", "films", "films/", "./films"])
def test_a_folder_may_be_named_from_where_one_is(root, tmp_path, monkeypatch):
    monkeypatch.chdir(lay(tmp_path, *films("films/A"), *films("films/B")) if root != "." else tmp_path)
    lay(tmp_path, *films("A"), *films("B"))
    assert [row.film for row in folder.read(Path(root)).rows if row.label == "A"] == films("A")


@pytest.mark.parametrize(
    "data",
    [
        b"path,label\na.png,PLANTED^\xff\xfeNAME\n",
        ("path,label\na.png,PLANTED\n" + "b.png," + "PLANTED" * 20_000).encode(),
        b"path,label\na.png,PLANTED\rNAME\n",
    ],
)
def test_no_words_of_the_csv_reader_are_shown(data, tmp_path):
    (tmp_path / "manifest.csv").write_bytes(data)
    try:
        folder.read(tmp_path)
    except layout.DatasetRefused as refused:
        said = refused.words
        for theirs in ("codec", "byte", "0x", "position", "field", "limit", "new-line", "PLANTED"):
            assert theirs not in said
