"""The page Datasets, without a browser and without starting a process: looks and pools end as a test lets them."""

import os
import zipfile

import pytest
from PIL import Image
from streamlit.testing.v1 import AppTest

from tests.helpers import ROOT, audit_films, data_audits, fakes, film_folders
from xraykit.datasets import pool
from xraykit.datasets.catalog import work
from xraykit.datasets.listing import pool_record
from xraykit.datasets.reading import preview
from xraykit.films.samples import draw
from xraykit.system import jobs
from xraykit.system.job_folder.record import State
from xraykit.system.jobs import JobState
from xraykit.truth.data_audit import record
from xraykit.ui.server import inference

NASTY = "<b>x & *bold*"


@pytest.fixture(autouse=True)
def own_folders(tmp_path, monkeypatch):
    """A computer without datasets; what the page starts ends at once, in this process."""
    for variable in ("DATA", "DATASETS", "CACHE", "RUNS"):
        monkeypatch.setenv(f"XRAYKIT_{variable}", str(tmp_path / variable.lower()))

    def look(folder, root):
        job = jobs.create(folder.name, root)
        try:
            preview.preview(folder, job.path)
        except ValueError:
            pass
        return job

    def pooled(name, sources, classes):
        job = jobs.create(name, work.jobs_folder())
        with work.running(job.path, work.POOL, name):
            work.keep_result(job, pool.pool(sources, classes, name))
        return job

    def got(name):
        job = jobs.create(name, work.jobs_folder())
        job.queue(verb=work.GET, model=name)
        job.write_state(JobState(state=State.FAILED, message="Kaggle asks for a login.", verb=work.GET, model=name))
        return job

    monkeypatch.setattr(preview, "start_preview", look)
    monkeypatch.setattr(work, "start_pool", pooled)
    monkeypatch.setattr(work, "start_get", got)


@pytest.fixture
def ward(tmp_path):
    made = film_folders.make(tmp_path / "data" / "ward", ("Normal", NASTY), films=3)
    (made / "Normal" / "broken.png").write_bytes(b"no film")
    (made / "Normal" / "copy.png").write_bytes((made / "Normal" / "film-000.png").read_bytes())
    rows = [
        "path,label,patient_id,source",
        *(f"Normal/film-00{n}.png,Normal,p{n},Rome" for n in range(3)),
        *(f"{NASTY}/film-00{n}.png,{NASTY},p{n},<i>Oslo" for n in range(3)),
        "Normal/broken.png,Normal,,",
        "Normal/copy.png,Normal,,",
    ]
    (made / "manifest.csv").write_text("\n".join(rows), "utf-8")
    return made


def open_page() -> AppTest:
    inference.use(fakes.Client())
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=60)
    app.switch_page("pages/datasets.py")
    return app.run()


def words(app) -> str:
    assert not app.exception
    return "\n".join([*(b.proto.body for b in app.get("html")), *(w.value.replace("\\", "") for w in app.warning)])


def keys(app) -> set[str]:
    return {button.key for button in app.button}


def press(app, key):
    next(button for button in app.button if button.key == key).click()
    return app.run()


def give_path(app, path):
    app.text_input(key="datasets-path").set_value(str(path))
    return press(app, "datasets-open")


def give_audit(monkeypatch, state, made=None, **facts):
    """The page's next audit is in this state, and found this."""

    def start(folder, root, against=()):
        job = jobs.create(f"audit-{folder.name}", root)
        if made is not None:
            (job.path / record.AUDIT).write_text(made.to_json())
        job.write_state(JobState(state=state, verb=record.VERB, data=str(folder), **facts))
        return job

    monkeypatch.setattr(record, "start", start)


def test_an_audit_that_found_something_is_drawn_and_names_are_text(ward, monkeypatch):
    give_audit(monkeypatch, State.FINISHED, data_audits.full())
    app = press(open_page(), "datasets-audit-0")
    text = words(app)
    for expected in ("1 leak and 1 warning", "Leak, stops a fine-tune", "File header alone", "Patients not known"):
        assert expected in text, expected
    assert "&lt;b&gt;one" in text and "<b>one" not in text and "<i>Oslo" not in text
    assert len(app.get("vega_lite_chart")) == 2 and {"datasets-use", "datasets-close"} <= keys(app)
    assert "Too few." in text and "kermany" in text
    assert "kermany (100 films)" in text
    asked = []
    monkeypatch.setattr(
        record, "start", lambda folder, root, against=(): asked.append(against) or jobs.create("a", root)
    )
    press(app, "datasets-audit-others")
    assert [[str(path) for path in against] for against in asked] == [["/films/kermany"]]


def test_an_audit_that_found_nothing_says_so(ward, monkeypatch):
    give_audit(monkeypatch, State.FINISHED, data_audits.empty())
    text = words(press(open_page(), "datasets-audit-0"))
    assert "Nothing to warn of in 60 films." in text and "Nothing was found" in text


@pytest.mark.parametrize(("state", "said"), [(State.FAILED, "Memory ran out."), (State.STOPPED, "Stopped")])
def test_an_audit_that_ended_early_can_be_made_again(ward, monkeypatch, state, said):
    give_audit(monkeypatch, state, message=said)
    app = press(open_page(), "datasets-audit-0")
    assert said in words(app)
    give_audit(monkeypatch, State.FINISHED, data_audits.empty())
    assert "Nothing to warn of" in words(press(app, "datasets-again"))


def test_an_audit_at_work_shows_how_far_it_is(ward, monkeypatch):
    give_audit(monkeypatch, State.RUNNING, message="Reading films", done=3, films=9)
    monkeypatch.setattr(jobs.Job, "alive", lambda job: True)
    app = press(open_page(), "datasets-audit-0")
    assert "datasets-stop" in keys(app) and "Data audit of ward" in words(app)


def test_a_fresh_computer_is_told_where_datasets_come_from():
    app = open_page()
    text = words(app)
    assert "No dataset is known on this computer yet" in text and "Pool datasets" not in text
    assert "CC BY 4.0" in text and "Known faults" in text
    assert {f"datasets-get-{name}" for name in ("radiography", "intel", "darkcovid", "kermany")} <= keys(app)


def test_class_names_alone_are_no_proof_of_a_copy(tmp_path):
    film_folders.make(tmp_path / "data" / "synthetic-films", ("COVID", "Normal", "Viral Pneumonia"), films=1)
    app = open_page()
    text = words(app)
    assert "May be a copy</p><ul><li>synthetic-films, 3 of 21,165 films" in text
    assert "xk-here" not in text and "datasets-get-radiography" in keys(app)


def test_a_look_inside_tells_everything_and_names_are_text(ward):
    app = press(open_page(), "datasets-look-0")
    text = words(app)
    assert "<b>x" not in text and "&lt;b&gt;x" in text and "<i>Oslo" not in text and "&lt;i&gt;Oslo" in text
    for expected in (
        "Normal/broken.png",
        "Patients with films of several classes: 3",
        "Identical files",
        "Classes with fewer than 10 films",
        "Groups by patient ids",
        "<dt>Patients</dt><dd>3</dd>",
        "48 x 48 (7)",
    ):
        assert expected in text, expected
    assert text.count("data:image/jpeg;base64,") == 7 and "alt='Normal: Normal/film-000.png, 48 x 48 pixels'" in text
    assert len(app.get("vega_lite_chart")) == 2
    assert "datasets-look-0" in keys(press(app, "datasets-close")) and "Samples" not in words(app)


def test_a_reload_shows_the_same_look(ward):
    before = press(open_page(), "datasets-look-0")
    again = AppTest.from_file(str(ROOT / "app.py"), default_timeout=60)
    again.query_params["job"] = before.query_params["job"]
    again.switch_page("pages/datasets.py")
    assert "Samples, drawn" in words(again.run())


@pytest.mark.parametrize("job", ["../../etc", "nothing", "", "\0"])
def test_an_address_of_no_job_shows_none(job):
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=60)
    app.query_params["job"] = job
    app.switch_page("pages/datasets.py")
    assert "Open a folder or zip" in words(app.run())


def test_copies_in_another_dataset_are_named(ward, tmp_path):
    other = film_folders.make(tmp_path / "data" / "other", ("Sick", "Well"), films=3)
    for number in range(3):
        Image.fromarray(film_folders.draw(1, 40 + number)).save(other / "Well" / f"film-00{number}.png")
    for film in (tmp_path / "data").rglob("*.png"):
        os.utime(film, (1_000_000_000, 1_000_000_000))  # a file of this moment may be being written: not remembered
    app = open_page()
    text = words(press(app, "datasets-look-0"))
    assert "No other dataset has been read yet" in text and "Not compared" in text
    app = press(press(app, "datasets-close"), "datasets-look-1")
    text = words(app)
    assert "Shared with" in text
    assert "Normal/film-000.png" in text and "Never train on one" in text


def test_a_manifest_and_a_zip_are_opened_by_their_paths(ward, tmp_path):
    app = give_path(open_page(), ward / "manifest.csv")
    assert "Samples, drawn" in words(app)
    zipped = tmp_path / "films.zip"
    with zipfile.ZipFile(zipped, "w") as archive:
        for label in (0, 1):
            archive.write(ward / "Normal" / f"film-00{label}.png", f"class {label}/film.png")
    app = give_path(press(app, "datasets-close"), zipped)
    assert "Samples, drawn" in words(app) and (tmp_path / "datasets" / "films").is_dir()


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("", "Enter the path of a folder"),
        ("/no/such/<b>place", "No folder at /no/such/<b>place."),
        ("labels.csv", "must be called manifest.csv"),
        ("film.png", "is a single file"),
        ("broken.zip", "cannot be read"),
        ("a\0b", "No folder at"),
    ],
)
def test_what_cannot_be_opened_is_said(path, said, tmp_path):
    for name in ("labels.csv", "film.png", "broken.zip"):
        (tmp_path / name).write_bytes(b"x")
    app = give_path(open_page(), tmp_path / path if path in ("labels.csv", "film.png", "broken.zip") else path)
    assert said in words(app)
    assert said not in words(app.run())


def test_a_folder_that_is_no_dataset_ends_in_words(tmp_path):
    (tmp_path / "empty").mkdir()
    app = give_path(open_page(), tmp_path / "empty")
    assert "Failed" in words(app) and "in class folders" in words(app)
    assert "datasets-again" in keys(app) and "Failed" not in words(press(app, "datasets-close"))


def test_datasets_are_pooled_with_their_classes_mapped(tmp_path):
    film_folders.make(tmp_path / "data" / "radiography", films=3)
    film_folders.make(tmp_path / "data" / "children", ("Normal", "Pneumonia"), films=2)
    app = open_page()
    paths = [str(tmp_path / "data" / name) for name in ("children", "radiography")]
    app.multiselect(key="datasets-pool-sources").set_value(paths)
    app.run()
    app.text_input(key="datasets-pool-class-Viral Pneumonia").set_value("Pneumonia")
    app.text_input(key="datasets-pool-class-COVID-19").set_value("")
    app.run()
    assert "Make 10 films one dataset" in {button.label for button in app.button}
    app = press(app, "datasets-pool-make")
    text = words(app)
    assert "Samples, drawn" in text and "children-radiography" in text
    made = tmp_path / "datasets" / "children-radiography"
    record = pool_record.read_record(made)
    assert record.counts == {
        "Normal": {"children": 2, "radiography": 3},
        "Pneumonia": {"children": 2, "radiography": 3},
    }
    assert "<th scope='row' title='radiography'>radiography</th><td>3</td><td>3</td>" in text


@pytest.mark.parametrize(("normal", "said"), [("", "at least two classes"), ("PNEUMONIA", "differ only in case")])
def test_a_pool_that_cannot_be_made_says_why(normal, said, tmp_path):
    path = film_folders.make(tmp_path / "data" / "children", ("Normal", "Pneumonia"), films=1)
    app = open_page()
    app.multiselect(key="datasets-pool-sources").set_value([str(path)])
    app.run()
    app.text_input(key="datasets-pool-class-Normal").set_value(normal)
    app.run()
    assert said in words(app)
    assert next(button for button in app.button if button.key == "datasets-pool-make").disabled


def test_a_dataset_that_could_not_be_fetched_says_why():
    app = press(open_page(), "datasets-get-kermany")
    assert "Failed. Kaggle asks for a login." in words(app)
    assert "Failed" not in words(press(app, "datasets-close"))


def test_while_something_goes_on_nothing_else_is_begun(ward, monkeypatch):
    def going_on(name):
        job = jobs.create(name, work.jobs_folder())
        job.queue(verb=work.GET, model=name)
        lock = job.hold()
        job.write_state(
            JobState(state=State.RUNNING, message="Downloading", done=3, films=9, verb=work.GET, model=name)
        )
        held.append(lock)
        return job

    held = []
    monkeypatch.setattr(work, "start_get", going_on)
    app = press(open_page(), "datasets-get-kermany")
    assert not app.exception and "datasets-stop" in keys(app)
    assert next(button for button in app.button if button.key == "datasets-look-0").disabled
    held[0].close()


def test_a_dataset_is_taken_to_fine_tune(ward, monkeypatch):
    taken = []
    from xraykit.ui.fine_tune.form import films

    monkeypatch.setattr(films, "choose", taken.append)
    app = press(open_page(), "datasets-use-0")
    assert taken == [ward] and not app.exception


def test_films_with_nothing_to_say_of_but_that_the_gate_refuses_them_are_shown(tmp_path, monkeypatch):
    """The page ended in an error: it asked Streamlit to draw an empty text."""
    monkeypatch.setenv("XRAYKIT_GATE", "on")
    plain = audit_films.make(tmp_path / "plain", audit_films.rows_of(("Normal", "Other"), 10))
    (plain / "manifest.csv").unlink()
    app = give_path(open_page(), plain)
    assert not app.exception and "The gate would refuse " in words(app)


def test_what_the_gate_would_refuse_is_left_out_with_one_click(ward, monkeypatch):
    """The films of the ward are noise; the two drawn ones stay."""
    monkeypatch.setenv("XRAYKIT_GATE", "on")
    for label in ("Normal", NASTY):
        (ward / label / "chest.png").write_bytes(draw.PNG.read_bytes())
    (ward / "manifest.csv").unlink()
    app = give_path(open_page(), ward)
    assert "The gate would refuse 7 of 9 films" in words(app)
    press(app, "datasets-gated-out")
    assert not app.exception and "ward-gated" in words(app) and "The gate passes all 2 films." in words(app)
