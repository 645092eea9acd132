"""`python -m xraykit report`: films, folders of films and sessions as files, and whether one still holds."""

import json
import shutil
import zipfile

import msgspec
import pytest
from click.testing import CliRunner
from PIL import Image

from tests.helpers import DATA, film_folders, film_reports
from xraykit.__main__ import main
from xraykit.cli import terminal
from xraykit.films import ingest
from xraykit.reading import kept
from xraykit.reading.impressions import Impression
from xraykit.reports.export.formats import FORMATS
from xraykit.reports.export.verify import verify
from xraykit.reports.export.verify.places import Places
from xraykit.reports.export.verify.sidecar import NotVerified

MODEL = DATA / "tiny-model"
PLANTED = {"PatientName": "ROE^JOHN", "PatientID": "MRN-4711", "PatientBirthDate": "19500102"}


def run(*words):
    return CliRunner().invoke(main, ["report", *map(str, words)])


@pytest.fixture
def films(tmp_path):
    folder = tmp_path / "secret-folder"
    folder.mkdir()
    for number in range(3):
        Image.fromarray(film_folders.draw(number, number)).save(folder / f"ROE-{number}.png")
    return folder


@pytest.fixture
def sidecar(films, tmp_path):
    done = run("film", "--model", MODEL, "--out", tmp_path / "out", "--format", "json", films / "ROE-0.png")
    assert done.exit_code == 0, done.output
    (written,) = (tmp_path / "out").glob("film-*.json")
    return written


def texts_of(path):
    """A file's bytes, and what lies packed in it."""
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as packed:
            yield from (packed.read(name) for name in packed.namelist())
    yield path.read_bytes()
    if path.suffix == ".pdf":
        yield pdf_text(path)


def pdf_text(path):
    import subprocess

    tool = shutil.which("pdftotext")
    return subprocess.run([tool, path, "-"], capture_output=True, check=True).stdout if tool else b""


@pytest.mark.parametrize("again", [False, True])
def test_a_film_that_is_gone_once_it_was_read_ends_no_batch(films, tmp_path, monkeypatch, again):
    """Its report says what was read; where its file is wanted once more, for its study, it alone is refused."""
    if again:
        names = {"StudyInstanceUID": "1.2.3", "SeriesInstanceUID": "1.2.4", "SOPInstanceUID": "1.2.5"}
        names["SOPClassUID"] = "1.2.840.10008.5.1.4.1.1.1.1"  # digital X-ray, for presentation
        for path in films.iterdir():
            path.write_bytes(film_reports.dicom_film(**names))
    read_many = ingest.Ingest.read_many

    def then_gone(self, paths):
        for read in read_many(self, paths):
            if read.source == "ROE-1.png":
                (films / "ROE-1.png").unlink()
            yield read

    monkeypatch.setattr(ingest.Ingest, "read_many", then_gone)
    out, form = tmp_path / "out", "json,dicom" if again else "json"
    words = ("--names", "--same-study", "--sheet", "--gate", "off")
    done = run("film", "--model", MODEL, "--out", out, "--format", form, *words, films)
    assert done.exit_code == again and ("refused ROE-1.png (unreadable)" in done.stderr) == again, done.output
    held = [json.loads(path.read_text())["film"] for path in out.glob("film-*.json")]
    assert len(held) == 3 and sum("refused" in film for film in held) == again
    assert list(out.glob("contact-sheet*"))


@pytest.mark.slow
def test_no_format_holds_anything_of_the_patient_nor_a_name_or_path(films, tmp_path):
    (films / "ROE^JOHN.dcm").write_bytes(film_reports.dicom_film(**PLANTED))
    (films / "ROE-broken.png").write_bytes(b"no film")
    kinds = [kind for kind in FORMATS if kind not in ("png-2160p", "png-a4")]
    out = tmp_path / "out"
    done = run("film", "--model", MODEL, "--out", out, "--format", ",".join(kinds), "--gate", "off", "--sheet", films)
    assert done.exit_code == 1 and "ROE-broken.png" in done.stderr  # said on the terminal, to who gave it
    written = [path for path in out.iterdir() if path.name not in ("lock",)]
    assert {path.suffix for path in written} >= {".html", ".json", ".md", ".pdf", ".pptx", ".dcm"}
    for path in written:
        assert "ROE" not in path.name
        for content in texts_of(path):
            for planted in (*PLANTED.values(), "ROE-", "secret-folder", str(tmp_path)):
                assert planted.encode() not in content, (path.name, planted)


def test_a_folder_gives_a_report_a_film_and_a_refused_file_gets_one_too(films, tmp_path):
    (films / "broken.png").write_bytes(b"no film")
    out = tmp_path / "out"
    done = run("film", "--model", MODEL, "--out", out, "--format", "json,md", films)
    assert done.exit_code == 1 and "broken.png (not-an-image)" in done.stderr
    assert len(list(out.glob("film-*.json"))) == 4 == len(list(out.glob("film-*.md")))
    held = [json.loads(path.read_text()) for path in out.glob("film-*.json")]
    assert sorted(len(page.get("answers", ())) for page in held) == [0, 1, 1, 1]
    progress = json.loads((out / "progress.json").read_text())
    assert progress["state"] == "finished" and progress["done"] == progress["films"] == 4
    assert str(films) not in (out / "progress.json").read_text()


def test_names_are_there_where_they_are_asked_for(films, tmp_path):
    done = run("film", "--out", tmp_path / "out", "--format", "json", "--names", films / "ROE-1.png")
    assert done.exit_code == 0, done.output
    (written,) = (tmp_path / "out").glob("film-*.json")
    assert written.name.startswith("film-ROE-1-") and json.loads(written.read_text())["title"] == "Film ROE-1.png"


def test_a_stopped_batch_leaves_what_is_done(films, tmp_path, monkeypatch):
    out = tmp_path / "out"

    def stopping(items, length, label):
        for number, item in enumerate(items):
            if number == 2:
                (out / "stop").touch()
            yield item

    monkeypatch.setattr(terminal, "progress", stopping)
    done = run("film", "--model", MODEL, "--out", out, "--format", "md", "--sheet", films)
    assert done.exit_code == 1 and "Stopped after 2 of 3 films; their reports are kept." in done.stderr
    assert len(list(out.glob("film-*.md"))) == 2 and not list(out.glob("contact*"))
    assert json.loads((out / "progress.json").read_text())["state"] == "stopped"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--format", "docx"), "Expected --format to be one of pdf"),
        (("--format", ""), "Expected --format"),
        (("--label", "Fracture", "--model", MODEL), "Expected --label to be one of COVID-19"),
        (("--colormap", "pink"), "Expected --colormap"),
        (("--label", "Normal"), "give --model too"),
        (("--model", MODEL, "--model", MODEL), "Expected each model once; tiny-model is given 2 times"),
    ],
)
def test_wrong_words_are_wrong_usage(films, tmp_path, words, said):
    done = run("film", "--out", tmp_path / "out", *words, films)
    assert done.exit_code == 2 and said in done.stderr


def test_a_name_that_no_file_can_have_is_said(films, tmp_path):
    done = run("film", "--out", tmp_path / ("n" * 300 + ".json"), films / "ROE-0.png")
    assert done.exit_code == 2 and "too long for a path" in done.stderr and not list(tmp_path.glob("n*"))


def test_a_film_that_no_archive_knows_is_named_and_the_others_are_gone_on_with(films, tmp_path):
    out = tmp_path / "out"
    uids = {"StudyInstanceUID": "1.2.3.4", "SeriesInstanceUID": "1.2.3.5"}
    given = (films / "ROE-0.png", films / "z-whole.dcm")
    given[1].write_bytes(film_reports.dicom_film(**uids))
    done = run("film", "--out", out, "--format", "json,dicom", "--gate", "off", "--same-study", *given)
    assert done.exit_code == 1 and "refused ROE-0.png (no-dicom)" in done.stderr
    assert len(list(out.glob("film-*.json"))) == 2 and len(list(out.glob("*-state.dcm"))) == 1


def test_a_report_that_was_not_changed_agrees(sidecar, films):
    done = run("verify", sidecar, "--films", films, "--model", MODEL)
    assert done.exit_code == 0, done.output
    assert "2 pictures agree." in done.output and "agrees   Film and overlay" in done.output
    told = json.loads(run("verify", sidecar, "--films", films, "--model", MODEL, "--json").output)
    assert told["agrees"] and told["numbers"] > 10 and told["software"] == []


def test_a_changed_number_picture_or_model_is_told(sidecar, films):
    held = json.loads(sidecar.read_text())
    held["answers"][0]["probabilities"]["Normal"] += 0.001
    held["sections"][0]["photographs"][0]["sha256_of_pixels"] = "0" * 64
    held["redo"]["hashes"]["models"]["tiny-model"]["head.npz"] = "f" * 64
    held["redo"]["versions"]["numpy"] = "1.0"
    sidecar.write_text(json.dumps(held))
    result = verify.verify(sidecar, Places([films], models={"tiny-model": MODEL}))
    assert [difference.where for difference in result.differences] == [
        "files.tiny-model.head.npz",
        "answers[0].probabilities.Normal",
        "sections.film.photographs[0].sha256_of_pixels",
    ]
    assert len(result.software) == 1 and result.software[0].startswith("numpy 1.0 then")
    done = run("verify", sidecar, "--films", films, "--model", MODEL)
    assert done.exit_code == 1 and "probabilities.Normal: " in done.output and "Traceback" not in done.output


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda held: held.pop("redo"), "does not say how to make it again"),
        (lambda held: held["redo"].update(verb="compare"), "of a kind that cannot be made again"),
        (lambda held: held["redo"]["hashes"]["film"].update(sha256="x"), "redo.hashes.film.sha256"),
        (lambda held: held["redo"]["settings"].update(colormap="pink"), "colours that there are not"),
        (lambda held: held["redo"]["settings"].update(longest=10**9), "as none can be"),
        (lambda held: held["redo"]["hashes"]["film"].update(sha256="0" * 64), "The film is not at hand"),
    ],
)
def test_what_cannot_be_made_again_is_said(sidecar, films, change, said):
    held = json.loads(sidecar.read_text())
    change(held)
    sidecar.write_text(json.dumps(held))
    with pytest.raises(NotVerified, match=said):
        verify.verify(sidecar, Places([films], models={"tiny-model": MODEL}))


def test_something_else_than_json_is_refused(tmp_path):
    (tmp_path / "a.json").write_bytes(b"\x00")
    done = run("verify", tmp_path / "a.json")
    assert done.exit_code == 1 and "Expected a report as JSON in a.json" in done.stderr


@pytest.mark.slow
def test_a_comparison_is_written_without_names_of_films(tmp_path):
    models = ("mobilenetv2-imagenet", "mobilenetv2-scratch")
    done = run("compare", *models, "--out", tmp_path, "--format", "json,md", "--margin", "2")
    assert done.exit_code == 0, done.output
    held = json.loads((tmp_path / "comparison.json").read_text())
    assert held["redo"]["arguments"] == {"models": list(models), "label": "COVID-19", "margin": 0.02, "names": False}
    assert set(held["redo"]["hashes"]["models"]) == set(models)
    (pair,) = held["comparison"]["pairs"]
    assert all(isinstance(pair[name], int) for name in ("fixes", "breaks", "both_wrong"))
    assert ".png" not in (tmp_path / "comparison.json").read_text()
    title = "MobileNetV2, pretrained on ImageNet against MobileNetV2, from scratch"
    assert title in (tmp_path / "comparison.md").read_text()
    assert run("compare", models[0], "--out", tmp_path).exit_code == 2


def test_a_reading_session_is_written(tmp_path):
    assert run("reading", "none-such", "--readings", tmp_path, "--out", tmp_path / "out").exit_code == 1
    folder = tmp_path / "readings" / "morning"
    folder.mkdir(parents=True)
    film = kept.ReadFilm("a" * 64, 1, Impression(finding="Normal", seconds=9.0), name="ROE.png")
    record = kept.Record(kept.Options(keep=True, title="Morning", classes=("Normal",)), "", "", (film,))
    (folder / kept.SESSION).write_bytes(msgspec.json.encode(record))
    done = run(
        "reading", "morning", "--readings", tmp_path / "readings", "--out", tmp_path / "out", "--format", "md,json"
    )
    assert done.exit_code == 0, done.output
    text = (tmp_path / "out" / "reading-morning.md").read_text()
    assert "Reading session Morning" in text and "1 recorded, 1 with a finding" in text and "ROE" not in text


def test_a_page_of_a_refused_file_is_verified_too(tmp_path):
    (tmp_path / "broken.png").write_bytes(b"no film")
    assert run("film", "--out", tmp_path / "out", "--format", "json", tmp_path / "broken.png").exit_code == 1
    (written,) = (tmp_path / "out").glob("film-*.json")
    done = run("verify", written, "--film", tmp_path)
    assert done.exit_code == 0 and "texts and 0 pictures agree." in done.output
    absent = run("verify", written)
    assert absent.exit_code == 1 and json.loads(written.read_text())["film"]["sha256"] in absent.stderr


def test_one_film_is_written_as_one_file_and_leaves_nothing_beside_it(films, tmp_path):
    done = run("film", "--out", tmp_path / "talk" / "page.md", films / "ROE-1.png")
    assert done.exit_code == 0, done.output
    assert [path.name for path in (tmp_path / "talk").iterdir()] == ["page.md"]
    many = run("film", "--out", tmp_path / "page.md", films)
    assert many.exit_code == 2 and "page.md can hold one film; there are 3" in many.stderr
