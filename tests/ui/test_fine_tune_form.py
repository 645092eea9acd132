"""The form of a new run without a browser: films, recipe with its faults, device, estimate and start."""

import dataclasses
import json
import os
import re
from pathlib import Path

import pytest
from PIL import Image
from streamlit.testing.v1 import AppTest

from tests.helpers import data_audits, fakes, film_folders, run_folders
from tests.ui.test_fine_tune_page import open_page, put_folders, text_of
from tests.ui.test_folder_evaluation import run_until
from xraykit.datasets import pool
from xraykit.films.samples import example as example_films
from xraykit.reports.charts import bars as film_charts
from xraykit.system import device_queue, devices, files, folders, jobs
from xraykit.system.job_folder.record import State
from xraykit.system.jobs import Job, JobState
from xraykit.training.recipe import rules
from xraykit.training.run import control
from xraykit.truth.data_audit import record
from xraykit.ui.fine_tune import draft
from xraykit.ui.fine_tune.form import example as form_example
from xraykit.ui.fine_tune.form import films as form_films


@pytest.fixture(autouse=True)
def own_folders(tmp_path, monkeypatch):
    put_folders(tmp_path, monkeypatch)


@pytest.fixture
def films(tmp_path) -> Path:
    return film_folders.make(tmp_path / "data" / "synthetic", films=24)


@pytest.fixture
def started(monkeypatch, tmp_path) -> list:
    """What the page asked the engine to start; no process is."""
    asked = []

    def start(chosen, data, device="auto", root=None, name=None):
        asked.append(("start", name, chosen.name, str(data), device))
        return run_folders.write(tmp_path / "runs", name, recipe="tiny", epochs=0, state="stopped")

    monkeypatch.setattr(control, "start", start)
    return asked


def choose(app: AppTest, films: Path) -> AppTest:
    """Take the films and wait until they have been looked at."""
    box = next(box for box in app.selectbox if str(box.key).startswith("films-known"))
    box.set_value(str(films)).run()
    return run_until(app, looked_at, "the inspection")


def looked_at(app: AppTest) -> bool:
    text = text_of(app)
    assert "Failed" not in text, text
    return "Readable films" in text


def field(app: AppTest, path: str):
    """The widget of a recipe's field."""
    ends = f"-{path}"
    return next(
        widget
        for kind in (app.number_input, app.selectbox, app.checkbox, app.text_input)
        for widget in kind
        if str(widget.key).startswith("recipe-") and str(widget.key).endswith(ends)
    )


def test_folders_of_earlier_runs_are_offered_and_broken_runs_passed_over(tmp_path):
    moved = film_folders.make(tmp_path / "elsewhere", films=1)
    for number, status in enumerate(
        ("", "{", "[]", "{}", '{"data": 3}', '{"data": "/no/where"}', '{"data": "a\\u0000"}', f'{{"data": "{moved}"}}')
    ):
        (tmp_path / "runs" / f"run-{number}").mkdir(parents=True)
        (tmp_path / "runs" / f"run-{number}" / "status.json").write_text(status)
    assert "elsewhere" in [known.name for known in form_films.known()]


def test_without_runs_a_newcomer_is_told_what_to_do_and_can_try(films):
    app = open_page()
    assert not app.exception and "No runs yet. Choose films" in text_of(app)
    assert app.button(key="start").disabled and "Before you can start: choose films." in text_of(app)
    app.button(key="try-tiny").click().run()
    assert next(b for b in app.selectbox if b.label == "Preset").value == "tiny"
    run_until(app, looked_at, "the inspection")
    assert not app.button(key="start").disabled


def test_what_is_in_the_films_is_told_before_anything_starts(films):
    (films / "Normal" / "broken.png").write_bytes(b"no film")
    (films / "Normal" / "copy.png").write_bytes((films / "Normal" / "film-000.png").read_bytes())
    app = choose(open_page(), films)
    text = text_of(app)
    for words in (
        "Normal/broken.png",
        "copy.png",
        "Identical files",
        "near-identical images",
        "groups are never split",
    ):
        assert words in text, words
    (looked,) = (folders.runs_folder() / "inspections").iterdir()
    found = Job(looked).films()
    parts = film_charts.parts_of(found["split"], found["learned_from"])
    assert sum(row["films"] for row in parts if row["part"] != "total") == 73


def test_start_starts_exactly_one_run_with_what_was_chosen(films, started):
    app = choose(open_page(), films)
    next(b for b in app.selectbox if b.label == "Preset").set_value("tiny").run()
    field(app, "phases.0.epochs").set_value(7).run()
    assert "Changed from the preset: phase 1: epochs 2 → 7." in text_of(app)
    app.text_input(key=next(t.key for t in app.text_input if t.label == "Run name")).set_value("my-run").run()
    run_until(app, lambda app: not app.button(key="start").disabled, "the films to be divided")
    app.button(key="start").click().run()
    assert not app.exception and [asked[:2] for asked in started] == [("start", "my-run")]
    assert started[0][3:] == (str(films), "auto") and "my-run" in text_of(app)


def test_leaks_stop_a_start_until_the_box_is_ticked(films, started, monkeypatch, tmp_path):
    monkeypatch.setattr(record, "kept", data_audits.full)
    app = choose(open_page(), films)
    run_until(app, lambda app: "Data audit" in text_of(app), "the films to be divided")
    text = text_of(app)
    assert "Leak, stops a fine-tune" in text and "tick the box" in text and app.button(key="start").disabled
    box = next(box for box in app.checkbox if str(box.key).startswith("accept-leaks"))
    box.check().run()
    assert not app.button(key="start").disabled
    app.button(key="start").click().run()
    (run,) = [path for path in (tmp_path / "runs").iterdir() if (path / "data_audit.json").is_file()]
    assert json.loads((run / "data_audit.json").read_text())["accepted"] is True and len(started) == 1


def test_a_start_waits_for_the_audit_and_goes_without_one_where_that_failed(films, started, monkeypatch):
    begun = []

    def start(folder, root, plan):
        job = jobs.create("audit", root)
        job.write_state(jobs.JobState(state=State.FAILED, verb=record.VERB, message="Memory ran out."))
        begun.append(job)
        return job

    monkeypatch.setattr(record, "kept", lambda digest, plan: None)
    monkeypatch.setattr(record, "start", start)
    app = choose(open_page(), films)
    run_until(app, lambda app: "did not end well" in text_of(app), "the audit to fail")
    assert "Memory ran out." in text_of(app) and app.button(key="start").disabled and len(begun) == 1
    next(box for box in app.checkbox if str(box.key).startswith("accept-leaks")).check().run()
    assert not app.button(key="start").disabled and len(begun) == 1


def test_a_second_click_with_the_same_name_starts_nothing_and_opens_the_run(films, started, tmp_path):
    """It comes with the address from before the first click: without opening the run again, the form would stay."""
    app = choose(open_page(), films)
    run_until(app, lambda app: not app.button(key="start").disabled, "the films to be divided")
    key = next(box.key for box in app.text_input if str(box.key).startswith("run-name-"))
    name = app.text_input(key=key).placeholder
    app.session_state["fine-tune-started"] = {name}
    run_folders.write(tmp_path / "runs", name, recipe="tiny", epochs=0, state="stopped")
    app.button(key="start").click().run()
    assert not app.exception and started == []
    assert app.query_params["run"] in (name, [name]) and "Stopped" in text_of(app)


def test_all_faults_stand_beside_their_fields_at_once(films, started):
    app = choose(open_page(), films)
    for path, value in (("image_size", 5), ("batch_size", 0), ("phases.0.learning_rate", 3.0)):
        field(app, path).set_value(value).run()
    text = text_of(app)
    assert text.count("class='xk-fault'") == 3 and "correct 3 recipe fields" in text
    assert app.button(key="start").disabled and app.button(key="estimate").disabled
    for fault in rules.faults(app.session_state["fine-tune-draft"].recipe).values():
        assert f">{fault.advice}<" in text and fault.words not in text
    field(app, "batch_size").set_value(16).run()
    assert text_of(app).count("class='xk-fault'") == 2


@pytest.mark.parametrize(
    "data",
    [
        {"phases": 3},
        {"phases": [3], "hidden": "x"},
        {"name": 5, "phases": [{"epochs": "many", "learning_rate": None}]},
        {"colour": "blue", "phases": [], "augmentation": [1]},
        {"weights": {"a": 1}, "hidden": [{"width": [1]}]},
    ],
    ids=str,
)
def test_a_nonsense_recipe_is_shown_with_its_faults_and_breaks_nothing(data):
    app = open_page()
    app.session_state["fine-tune-draft"].recipe = data
    app.session_state["fine-tune-draft"].turn = 99
    app.run()
    assert not app.exception and "class='xk-fault'" in text_of(app) and app.button(key="start").disabled


@pytest.mark.parametrize(
    "text",
    [
        "[" * 60_000,
        '{"name": "x", "batch_size": NaN}',
        '{"name": "x", "shrink": Infinity, "phases": []}',
        "[1]",
        "{",
    ],
    ids=lambda text: text[:20],
)
def test_a_file_that_is_no_recipe_is_refused_in_words(text):
    app = open_page()
    box = next(box for box in app.file_uploader if str(box.key).startswith("recipe-import"))
    box.set_value([("wrong.json", text.encode(), "application/json")]).run()
    assert not app.exception and "wrong.json is not a recipe" in text_of(app).replace("\\", "")


def test_numbers_beyond_a_browsers_are_shown_as_text_and_told_as_faults():
    app = open_page()
    wrong = '{"name": "x", "batch_size": 1' + "0" * 40 + ', "phases": [{"epochs": 1e999, "learning_rate": 1e308}]}'
    box = next(box for box in app.file_uploader if str(box.key).startswith("recipe-import"))
    box.set_value([("large.json", wrong.encode(), "application/json")]).run()
    assert not app.exception and text_of(app).count("class='xk-fault'") == 3
    assert app.button(key="start").disabled


def test_an_imported_model_of_another_network_is_told_beside_the_field(films, monkeypatch):
    theirs = {"backbone": "imported network", "imported": {"file": "my.keras"}}
    monkeypatch.setattr(draft, "cards", lambda: [dataclasses.replace(fakes.card("mine"), recipe=theirs)])
    app = choose(open_page(), films)
    field(app, "weights").set_value("model:mine").run()
    assert not app.exception and "mine was imported and holds none of the backbones" in text_of(app)
    assert app.button(key="start").disabled


def test_a_kept_model_with_another_backbone_is_told_beside_the_field(films, monkeypatch):
    theirs = {"backbone": "Tiny", "alpha": 1.0, "pooling": "gap"}
    monkeypatch.setattr(draft, "cards", lambda: [dataclasses.replace(fakes.card("mine"), recipe=theirs)])
    app = choose(open_page(), films)
    field(app, "weights").set_value("model:mine").run()
    text = text_of(app)
    assert "mine has backbone Tiny" in text and "this recipe has backbone MobileNetV2" in text
    assert app.button(key="start").disabled and "→ saved model mine" in text
    field(app, "backbone").set_value("Tiny").run()
    assert "mine has backbone" not in text_of(app)


def test_a_run_gets_a_plain_name_whatever_the_recipe_is_called(films):
    app = choose(open_page(), films)
    field(app, "name").set_value("Örtlich / " + "x" * 200).run()
    box = next(text for text in app.text_input if text.label == "Run name")
    assert re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", box.placeholder)
    assert "choose a run name" not in text_of(app) and "correct 1 recipe field." in text_of(app)


def test_spaces_in_a_runs_name_become_hyphens_and_the_page_says_so(films, started):
    app = choose(open_page(), films)
    next(text for text in app.text_input if text.label == "Run name").set_value("my first  run").run()
    assert "my-first-run" in text_of(app) and "choose a run name" not in text_of(app)
    app.button(key="start").click().run()
    assert [name for _, name, *_ in started] == ["my-first-run"]


def test_everything_chosen_survives_another_page(films):
    app = choose(open_page(), films)
    field(app, "batch_size").set_value(8).run()
    app.switch_page("pages/models.py").run()
    app.switch_page("pages/fine_tune.py").run()
    assert not app.exception and field(app, "batch_size").value == 8 and "Readable films" in text_of(app)


def test_the_device_tells_why_there_is_no_gpu_and_who_is_before(monkeypatch):
    gpu = devices.Device("gpu 0", "NVIDIA RTX A4000", 16 * 2**30, 12 * 2**30, 0.4)
    cpu = devices.Device("cpu", "a processor, 8 cores", 32 * 2**30, 16 * 2**30, 0.1)
    monkeypatch.setattr(devices, "available", lambda: [gpu, cpu])
    monkeypatch.setattr(device_queue, "line", lambda key: ["one", "two"] if key == "gpu 0" else [])
    monkeypatch.setattr(devices, "why_no_gpu", lambda backend: "")
    radio = next(radio for radio in open_page().radio if radio.label == "Device")
    captions = " ".join(radio.proto.captions).replace("\\", "")
    assert "12.0 of 16.0 GiB free · load 40% · 2 runs ahead of yours" in captions
    assert "16.0 of 32.0 GiB free · load 10% · available now" in captions
    monkeypatch.setattr(devices, "why_no_gpu", lambda backend: "No NVIDIA GPU found: no driver.")
    assert "No NVIDIA GPU found: no driver." in text_of(open_page())


def test_a_device_that_is_busy_with_something_else_is_not_called_available(monkeypatch):
    busy = devices.Device("gpu 0", "NVIDIA RTX A4000", 16 * 2**30, 12 * 2**30, 1.0)
    monkeypatch.setattr(devices, "available", lambda: [busy])
    monkeypatch.setattr(device_queue, "line", lambda key: [])
    radio = next(radio for radio in open_page().radio if radio.label == "Device")
    captions = " ".join(radio.proto.captions).replace("\\", "")
    assert "load 100%" in captions and "available now" not in captions


def test_an_estimate_is_told_in_figures(films, monkeypatch):
    def start(job, arguments, **facts):
        job.write_state(JobState(state=State.FINISHED, **facts))
        job.write(
            "estimate.json",
            {
                "seconds": 754,
                "compile_seconds": 20,
                "memory": 3 * 2**30,
                "images_per_second": 412.3,
                "device": "the GPU",
                "precision": "float32",
                "early": True,
            },
        )

    app = choose(open_page(), films)
    monkeypatch.setattr(Job, "start", start)
    app.button(key="estimate").click().run()
    assert not app.exception
    for figure in ("7 to 25 min, or less", "12 to 40 s", "3.0 GiB", "412 images/s", "the GPU, 32 bit"):
        assert figure in text_of(app)


@pytest.mark.parametrize("changed", [False, True])
def test_a_run_is_given_the_estimate_of_exactly_its_recipe(films, started, monkeypatch, changed):
    def start(job, arguments, **facts):
        job.write_state(JobState(state=State.FINISHED, **facts))
        job.write("estimate.json", {"phases": [{"seconds_per_epoch": 2.5}]})

    app = choose(open_page(), films)
    next(b for b in app.selectbox if b.label == "Preset").set_value("tiny").run()
    run_until(app, lambda app: not app.button(key="estimate").disabled, "the films to be divided")
    monkeypatch.setattr(Job, "start", start)
    app.button(key="estimate").click().run()
    if changed:
        field(app, "phases.0.epochs").set_value(9).run()
    next(text for text in app.text_input if text.label == "Run name").set_value("mine").run()
    app.button(key="start").click().run()
    given = folders.runs_folder() / "mine" / "estimate.json"
    assert not app.exception and started[0][1] == "mine" and given.is_file() == (not changed)


def divided(root: Path) -> Path:
    """Parts around class folders, and masks in them."""
    for place, (part, films) in enumerate({"train": 16, "val": 4, "test": 6}.items()):
        for label, name in enumerate(("NORMAL", "PNEUMONIA")):
            for kind in ("images", "masks"):
                (root / part / name / kind).mkdir(parents=True)
                for number in range(films):
                    film = film_folders.draw(label, 100 * place + number)
                    Image.fromarray(film).save(root / part / name / kind / f"{number}.png")
    return root


def test_masks_and_a_given_division_are_told_and_the_division_can_be_used(tmp_path):
    films = divided(tmp_path / "data" / "chest_xray")
    app = choose(open_page(), films)
    text = text_of(app)
    assert "Left out as masks: 52 files in 6 folders" in text and "Only 48 x 48 pixels" in text
    assert "The folder is divided already: train 32, validation 8, test 12 films. They are not used" in text
    app.button(key="films-division-take").click().run()
    run_until(app, lambda app: "These parts are used." in text_of(app), "the folder to be divided as it is given")
    assert field(app, "division").value == "given" and "Changed from the preset: division" in text_of(app)
    inspected = [Job(job).films() for job in (folders.runs_folder() / "inspections").iterdir()]
    (given,) = [found for found in inspected if found["division"] == "given"]
    assert {part: sum(n.values()) for part, n in given["split"].items()} == {"train": 32, "validation": 8, "test": 12}
    app.button(key="films-division-take").click().run()
    run_until(app, lambda app: "drawn from all films" in text_of(app), "the films to be divided anew")
    assert field(app, "division").value == "drawn" and not app.exception


def test_a_folder_of_which_nothing_can_be_read_says_why_on_the_page(tmp_path):
    for name in ("A", "B"):
        (tmp_path / "data" / "films" / name).mkdir(parents=True)
        for number in range(4):
            (tmp_path / "data" / "films" / name / f"{number}.tif").write_bytes(b"II*\0rest")
    app = open_page()
    box = next(box for box in app.selectbox if str(box.key).startswith("films-known"))
    box.set_value(str(tmp_path / "data" / "films")).run()
    run_until(app, lambda app: "Failed" in text_of(app), "the inspection to fail")
    text = text_of(app).replace("\\", "")
    assert "8 corrupt, as A/0.tif: The file begins like a TIFF" in text and "A/3.tif" in text


def test_names_that_are_no_utf_8_are_shown_and_break_no_page(tmp_path):
    root = os.fsencode(tmp_path / "data") + b"/f\xf6lms"
    for label, name in enumerate((b"Normal", b"Pneumonie \xe9")):
        os.makedirs(root + b"/" + name)
        for number in range(8):
            path = root + b"/" + name + b"/film-\xff%d.png" % number
            Image.fromarray(film_folders.draw(label, number)).save(os.fsdecode(path))
    (Path(os.fsdecode(root)) / "Normal" / os.fsdecode(b"broken-\xfe.png")).write_bytes(b"no film")
    app = choose(open_page(), Path(files.shown(os.fsdecode(root))))
    text = text_of(app)
    assert not app.exception and "Normal/broken-\\udcfe.png" in text
    (looked,) = (folders.runs_folder() / "inspections").iterdir()
    assert Job(looked).films()["classes"] == {"Normal": 8, "Pneumonie \\udce9": 8}
    titles = next(box for box in app.selectbox if str(box.key).startswith("films-known")).options
    assert any("f\\udcf6lms" in title for title in titles)


def test_a_newcomer_without_films_gets_an_example_with_one_click(monkeypatch):
    monkeypatch.setattr(example_films, "EACH", 4)
    app = open_page()
    assert "See a run from start to end in a minute: 12 synthetic films of 3 classes" in text_of(app)
    app.button(key="example-take").click().run()
    assert not app.exception
    plan = app.session_state[draft.KEY]
    assert plan.folder == files.shown(str(folders.datasets_folder() / example_films.NAME))
    assert plan.recipe["name"] == "tiny" and plan.recipe["phases"][0]["epochs"] == form_example.EPOCHS
    assert "synthetic-example" in [known.name for known in form_films.known()]


def test_a_full_disk_is_told_when_the_example_is_made(monkeypatch):
    def fail():
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(example_films, "folder", fail)
    app = open_page()
    app.button(key="example-take").click().run()
    assert not app.exception and "could not be made" in text_of(app) and "No space left" in text_of(app)


def test_a_class_with_one_film_can_be_left_out_and_others_merged(films, started, monkeypatch, tmp_path):
    (films / "Rare" / "<b>").mkdir(parents=True)
    draw = film_folders.draw(7, 7)
    Image.fromarray(draw).save(films / "Rare" / "<b>" / "film.png")
    app = choose(open_page(), films)
    assert "or leave out or merge small classes (step 1)" in text_of(app) and app.button(key="start").disabled
    text = text_of(app)
    assert "A few films of each class" in text and text.count("data:image/jpeg;base64,") == 3 * form_films.SHOWN + 1
    assert "Rare: Rare/&lt;b&gt;/film.png" in text
    app.checkbox(key=f"class-use-{films}-Rare").uncheck().run()
    app.text_input(key=f"class-name-{films}-Viral Pneumonia").set_value("Pneumonia").run()
    app.text_input(key=f"class-name-{films}-COVID-19").set_value(" Pneumonia ").run()
    assert "2 classes: Pneumonia 48, Normal 24." in text_of(app)
    app.button(key="classes-take").click().run()
    assert not app.exception
    run_until(app, looked_at, "the inspection of the new folder")
    text = text_of(app)
    assert "Rare left out" in text and "COVID-19 called Pneumonia" in text and not app.button(key="start").disabled
    made = Path(app.session_state[draft.KEY].folder)
    assert made.parent == folders.datasets_folder() and (films / "Rare").is_dir(), "the folder stays as it was"
    recorded = pool.describe(made)["pool"]
    assert recorded["classes"] == {"Rare": None, "Viral Pneumonia": "Pneumonia", "COVID-19": "Pneumonia"}
    assert recorded["left_out"] == {"Rare": 1} and recorded["sources"] == {films.name: str(films)}
    app.button(key="classes-undo").click().run()
    assert app.session_state[draft.KEY].folder == str(films) and not app.exception


def test_classes_that_cannot_be_told_apart_are_refused_in_words(films):
    app = choose(open_page(), films)
    app.text_input(key=f"class-name-{films}-Normal").set_value("covid 19").run()
    app.button(key="classes-take").click().run()
    assert not app.exception and "nearly the same name" in text_of(app)
    assert app.session_state[draft.KEY].folder == str(films)


@pytest.mark.parametrize("path", ["/no/such/folder", "../" * 20 + "etc"])
def test_a_new_path_that_is_refused_takes_the_place_of_what_was_chosen(tmp_path, path):
    empty = tmp_path / "empty"
    empty.mkdir()
    app = open_page()
    app.segmented_control(key="films-source").set_value(form_films.PATH).run()
    send_path(app, empty)
    run_until(app, lambda app: "needs readable films" in text_of(app), "the inspection")
    send_path(app, path)
    text = text_of(app)
    assert "No folder at" in text or "belongs to the operating system" in text
    assert "needs readable films" not in text and app.session_state[draft.KEY].folder == ""
    assert app.text_input(key="films-path").value == str(path), "to be corrected"


def send_path(app: AppTest, path: Path | str) -> None:
    app.text_input(key="films-path").set_value(str(path))
    next(button for button in app.button if button.label == "Check folder").click().run()
    assert not app.exception


def test_a_pooled_folder_is_recorded_with_the_data_of_its_run(tmp_path):
    films = film_folders.make(tmp_path / "three", films=1)
    made = pool.pool({"three": films}, {"Normal": None}, root=tmp_path / "pools")
    assert pool.describe(made)["pool"]["classes"] == {"Normal": None} and pool.describe(films) == {}
