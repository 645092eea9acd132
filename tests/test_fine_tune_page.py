"""The Fine-tune page without a browser: run folders in every state, the form, its faults and its start."""

import dataclasses
import hashlib
import json
import os
import re
import time
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from tests import fakes, film_folders, run_folders
from tests.test_evaluating import wait_until
from xraykit import charts, devices, engine, recipe, run, ui, work
from xraykit.ui.finetune import draft, listing, live, seen, words

APP = str(Path(__file__).parent.parent / "app.py")
FAILURES = ("out of memory", "data", "diverged", "disk", "recipe", "crashed")


@pytest.fixture(autouse=True)
def own_folders(tmp_path, monkeypatch):
    for variable in ("XRAYKIT_RUNS", "XRAYKIT_WEIGHTS", "XRAYKIT_CACHE", "XRAYKIT_DATASETS", "XRAYKIT_DATA"):
        monkeypatch.setenv(variable, str(tmp_path / variable.removeprefix("XRAYKIT_").lower()))
    monkeypatch.setattr(ui, "_client", fakes.Client())


@pytest.fixture
def made(tmp_path):
    """A run in every state; two of them look alive, as their lock is held."""
    found = run_folders.every_state(tmp_path / "runs")
    locks = [found[name].hold() for name in ("running", "queued")]
    yield found
    for lock in locks:
        lock.close()


@pytest.fixture
def films(tmp_path) -> Path:
    return film_folders.make(tmp_path / "data" / "synthetic", films=24)


@pytest.fixture
def started(monkeypatch, tmp_path) -> list:
    """What the page asked the engine to do; no process is started."""
    asked = []

    def start(chosen, data, device="auto", root=None, name=None):
        asked.append(("start", name, chosen.name, str(data), device))
        return run_folders.write(tmp_path / "runs", name, recipe="tiny", epochs=0, state="stopped")

    monkeypatch.setattr(engine, "start", start)
    monkeypatch.setattr(engine, "stop", lambda found: asked.append(("stop", found.name)))
    monkeypatch.setattr(engine, "delete", lambda found: asked.append(("delete", found.name)))
    monkeypatch.setattr(engine, "resume", lambda found, data=None, finish=False: asked.append(
        ("finish" if finish else "resume", found.name, data)))  # fmt: skip
    return asked


def open_page(name: str | None = None) -> AppTest:
    app = AppTest.from_file(APP, default_timeout=60)
    app.switch_page("pages/fine_tune.py")
    if name is not None:
        app.query_params["run"] = name
    return app.run()


def text_of(app: AppTest) -> str:
    blocks = [block.proto.body for block in app.get("html")]
    return "\n".join([*blocks, *(block.value.replace("\\", "") for block in app.warning)])


def keys_of(app: AppTest) -> set[str]:
    return {button.key for button in app.button if button.key and not button.disabled}


def choose(app: AppTest, films: Path) -> AppTest:
    """Take the films and wait until they have been looked at."""
    box = next(box for box in app.selectbox if str(box.key).startswith("films-known"))
    box.set_value(str(films)).run()
    return wait_until(lambda: films_looked_at(app), "the inspection")


def films_looked_at(app: AppTest) -> AppTest | None:
    text = text_of(app.run())
    assert "could not be done" not in text, text
    return app if "Films that can be read" in text else None


def field(app: AppTest, path: str):
    """The widget of a recipe's field."""
    ends = f"-{path}"
    return next(
        widget for kind in (app.number_input, app.selectbox, app.checkbox, app.text_input) for widget in kind
        if str(widget.key).startswith("recipe-") and str(widget.key).endswith(ends)
    )  # fmt: skip


# runs in every state


@pytest.mark.parametrize("name", ["running", "queued", "finished", "stopped", "lost", *FAILURES])
def test_a_run_in_any_state_is_shown_with_what_can_be_done(made, name):
    app = open_page(made[name].name)
    text, keys = text_of(app), keys_of(app)
    assert not app.exception and made[name].name in text and "What the curves say" in text
    assert ("run-stop" in keys) == (name in ("running", "queued"))
    assert ("run-resume" in keys) == (name in ("stopped", "lost", *FAILURES))
    assert ("run-delete" in keys) == (name not in ("running", "queued")) and "run-duplicate" in keys
    assert ("keep" in keys) == (name == "finished")
    if name in FAILURES:
        facts = run_folders.ENDED[name]
        assert live.TITLES[name] in text and facts["advice"] in text
        assert text.index(live.TITLES[name]) < text.index("Learning time"), "what happened comes first"


def test_a_queued_run_tells_its_place_and_a_running_one_where_it_is(made):
    assert "Place 2 in line" in open_page("queued").get("progress")[0].proto.text
    told = open_page("running").get("progress")[0].proto.text
    for part in ("Epoch 13 of 22", "step 21 of 71", "412 images/s", "about 13 min left, until"):
        assert part in told


def test_a_lost_run_is_told_as_lost_with_advice(made):
    text = text_of(open_page("lost"))
    assert "ended without a word" in text and run.LOST["advice"] in text


@pytest.mark.parametrize(("name", "told"), [("broken", "cannot be read"), ("another-version", "another version")])
def test_a_run_that_cannot_be_read_says_why_and_breaks_nothing(made, name, told):
    app = open_page(name)
    assert not app.exception and told in text_of(app) and "run-stop" not in keys_of(app)


def test_an_address_of_no_run_says_so_and_shows_the_form(made):
    app = open_page("../../etc")
    assert not app.exception and "There is no run named ../../etc" in text_of(app) and "New run" in text_of(app)


def test_all_runs_are_listed_newest_first_with_their_state(made):
    columns = listing.columns(seen.runs())
    assert set(columns["Run"]) == {one.name for one in made.values()} and len(columns["State"]) == len(made)
    states = dict(zip(columns["Run"], columns["State"], strict=True))
    assert states["out-of-memory"] == ["failed: out of memory"] and states["lost"] == ["lost"]
    assert states["broken"] == states["another-version"] == [seen.UNREADABLE]
    row = columns["Run"].index("finished")
    assert columns["Best accuracy"][row] == pytest.approx(91.4) and columns["Learning time"][row] == "22 min"


def test_buttons_do_what_they_say(made, started, tmp_path):
    app = open_page("running")
    app.button(key="run-stop").click().run()
    app = open_page("stopped")
    app.button(key="run-resume").click().run()
    app = open_page("stopped")
    app.button(key="run-finish").click().run()
    app = open_page("data")
    app.text_input(key="resume-path").set_value(str(tmp_path))
    next(button for button in app.button if button.label == "Resume with these films").click().run()
    app = open_page("finished")
    app.button(key="run-delete").click().run()
    assert ("delete", "finished") not in started, "it asks once more"
    app.button(key="run-delete-yes").click().run()
    assert started == [("stop", "running"), ("resume", "stopped", None), ("finish", "stopped", None),
                       ("resume", "data", tmp_path), ("delete", "finished")]  # fmt: skip
    assert "New run" in text_of(app) and not app.exception


def test_duplicate_fills_the_form_with_the_runs_recipe(made):
    app = open_page("stopped")
    app.button(key="run-duplicate").click().run()
    assert not app.exception and "New run" in text_of(app) and "Exactly as the preset" in text_of(app)
    assert "recipe of the run stopped" in next(b for b in app.selectbox if b.label == "Preset").options


def test_a_refusal_of_the_engine_is_a_sentence(made, monkeypatch):
    def refuse(*_, **__):
        raise run.RunRefused("The run stopped is running already; another process is at it.")

    monkeypatch.setattr(engine, "resume", refuse)
    app = open_page("stopped")
    app.button(key="run-resume").click().run()
    assert not app.exception and "It could not be resumed: The run stopped is running already" in text_of(app)


def test_a_run_stopped_before_it_learned_promises_nothing(made):
    (made["stopped"].path / "checkpoint").mkdir()
    (made["stopped"].path / "checkpoint" / "state.npz").touch()
    assert "goes on with the same numbers" in text_of(open_page("stopped"))
    (made["stopped"].path / "checkpoint" / "state.npz").unlink()
    made["stopped"].update(epoch=0, best_epoch=0, best_loss=None, best_accuracy=None)
    text = text_of(open_page("stopped"))
    assert live.NOTHING_YET in text and "epoch 1<" not in text


def test_a_queued_run_was_asked_for_and_did_not_start(made):
    made["queued"].update(started=None, device="cpu", device_name=None)
    text = text_of(open_page("queued"))
    assert "asked for" in text and ">started" not in text and "Processor" in text


def test_the_log_leaves_out_what_the_backend_says_of_itself(tmp_path):
    one = run_folders.write(tmp_path / "runs", "talking")
    (one.path / "log.txt").write_text(
        "WARNING: All log messages before absl::InitializeLog() is called are written to STDERR\n"
        "I0000 00:00:1795272539.203359   11653 port.cc:153] oneDNN custom operations are on.\n"
        "2026-11-20 09:30:00.123456: I tensorflow/core/platform/cpu_feature_guard.cc:210] optimized\n"
        "E0000 00:00:1 2 cuda_platform.cc:52] failed call to cuInit: INTERNAL: CUDA error: UNKNOWN ERROR (303)\n"
        "E0000 00:00:1 2 allocator.cc:5] out of memory\nepoch 1/60  loss 0.5903\n"
    )
    assert seen.log(one).split("\n") == ["E0000 00:00:1 2 allocator.cc:5] out of memory", "epoch 1/60  loss 0.5903"]


def test_a_kept_run_leads_to_review_with_its_model(made, monkeypatch):
    (made["finished"].path / "model.keras").write_bytes(b"network")
    sha = hashlib.sha256(b"network").hexdigest()
    kept = dataclasses.replace(fakes.card("mine"), files={"model.keras": sha})
    monkeypatch.setattr(draft, "cards", lambda: [kept])
    links = [link.proto for link in open_page("finished").get("page_link")]
    assert any("model=mine" in str(link) and link.label == "Review films with it" for link in links)


# a new run


def test_without_runs_a_newcomer_is_told_what_to_do_and_can_try(films):
    app = open_page()
    assert not app.exception and "No runs yet: choose films" in text_of(app)
    assert app.button(key="start").disabled and "Choose films first." in text_of(app)
    app.button(key="try-tiny").click().run()
    assert next(b for b in app.selectbox if b.label == "Preset").value == "tiny"
    wait_until(lambda: films_looked_at(app), "the inspection")
    assert not app.button(key="start").disabled


def test_what_is_in_the_films_is_told_before_anything_starts(films):
    (films / "Normal" / "broken.png").write_bytes(b"no film")
    (films / "Normal" / "copy.png").write_bytes((films / "Normal" / "film-000.png").read_bytes())
    app = choose(open_page(), films)
    text = text_of(app)
    for told in ("Normal/broken.png", "copy.png", "Identical files", "nearly the same", "whole in one part"):
        assert told in text, told
    (looked,) = (run.root_folder() / "inspections").iterdir()
    found = work.Work(looked).films()
    parts = charts.parts_of(found["split"], found["learned_from"])
    assert sum(row["films"] for row in parts if row["part"] != "total") == 73


def test_start_starts_exactly_one_run_with_what_was_chosen(films, started):
    app = choose(open_page(), films)
    next(b for b in app.selectbox if b.label == "Preset").set_value("tiny").run()
    field(app, "phases.0.epochs").set_value(7).run()
    assert "Otherwise than the preset: phase 1: epochs 2 → 7." in text_of(app)
    app.text_input(key=next(t.key for t in app.text_input if t.label == "Name of the run")).set_value("my-run").run()
    wait_until(lambda: not app.run().button(key="start").disabled, "the films to be divided")
    app.button(key="start").click().run()
    assert not app.exception and [asked[:2] for asked in started] == [("start", "my-run")]
    assert started[0][3:] == (str(films), "auto") and "my-run" in text_of(app)


def test_a_second_click_with_the_same_name_starts_nothing(films, started):
    app = choose(open_page(), films)
    app.session_state["fine-tune-started"] = {app.text_input(key=key).placeholder for key in [
        next(t.key for t in app.text_input if t.label == "Name of the run")]}  # fmt: skip
    app.button(key="start").click().run()
    assert not app.exception and started == []


def test_all_faults_stand_beside_their_fields_at_once(films, started):
    app = choose(open_page(), films)
    for path, value in (("image_size", 5), ("batch_size", 0), ("phases.0.learning_rate", 3.0)):
        field(app, path).set_value(value).run()
    text = text_of(app)
    assert text.count("class='xk-fault'") == 3 and "3 fields of the recipe to correct" in text
    assert app.button(key="start").disabled and app.button(key="estimate").disabled
    for fault in recipe.faults(app.session_state["fine-tune-draft"]["recipe"]).values():
        assert fault.replace("'", "&#x27;") in text
    field(app, "batch_size").set_value(16).run()
    assert text_of(app).count("class='xk-fault'") == 2


@pytest.mark.parametrize("data", [
    {"phases": 3}, {"phases": [3], "hidden": "x"}, {"name": 5, "phases": [{"epochs": "many", "learning_rate": None}]},
    {"colour": "blue", "phases": [], "augmentation": [1]}, {"weights": {"a": 1}, "hidden": [{"width": [1]}]},
], ids=str)  # fmt: skip
def test_a_nonsense_recipe_is_shown_with_its_faults_and_breaks_nothing(data):
    app = open_page()
    app.session_state["fine-tune-draft"]["recipe"] = data
    app.session_state["fine-tune-draft"]["turn"] = 99
    app.run()
    assert not app.exception and "class='xk-fault'" in text_of(app) and app.button(key="start").disabled


@pytest.mark.parametrize("text", [
    "[" * 60_000, '{"name": "x", "batch_size": NaN}', '{"name": "x", "shrink": Infinity, "phases": []}', "[1]", "{",
], ids=lambda text: text[:20])  # fmt: skip
def test_a_file_that_is_no_recipe_is_refused_in_words(text):
    app = open_page()
    box = next(box for box in app.file_uploader if str(box.key).startswith("recipe-import"))
    box.set_value([("wrong.json", text.encode(), "application/json")]).run()
    assert not app.exception and "Expected a recipe as" in text_of(app) and "wrong.json" in text_of(app)


def test_numbers_beyond_a_browsers_are_shown_as_text_and_told_as_faults():
    app = open_page()
    wrong = '{"name": "x", "batch_size": 1' + "0" * 40 + ', "phases": [{"epochs": 1e999, "learning_rate": 1e308}]}'
    box = next(box for box in app.file_uploader if str(box.key).startswith("recipe-import"))
    box.set_value([("large.json", wrong.encode(), "application/json")]).run()
    assert not app.exception and text_of(app).count("class='xk-fault'") == 3
    assert app.button(key="start").disabled


def test_a_kept_model_with_another_backbone_is_told_beside_the_field(films, monkeypatch):
    theirs = {"backbone": "Tiny", "alpha": 1.0, "pooling": "gap"}
    monkeypatch.setattr(draft, "cards", lambda: [dataclasses.replace(fakes.card("mine"), recipe=theirs)])
    app = choose(open_page(), films)
    field(app, "weights").set_value("model:mine").run()
    text = text_of(app)
    assert "mine has backbone Tiny" in text and "this recipe has backbone MobileNetV2" in text
    assert app.button(key="start").disabled and "→ kept model mine" in text
    field(app, "backbone").set_value("Tiny").run()
    assert "mine has backbone" not in text_of(app)


def test_a_run_gets_a_plain_name_whatever_the_recipe_is_called(films):
    app = choose(open_page(), films)
    field(app, "name").set_value("Örtlich / " + "x" * 200).run()
    box = next(text for text in app.text_input if text.label == "Name of the run")
    assert re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", box.placeholder)
    assert "Expected a run name" not in text_of(app) and "1 field of the recipe to correct" in text_of(app)


def test_everything_chosen_survives_another_page(films):
    app = choose(open_page(), films)
    field(app, "batch_size").set_value(8).run()
    app.switch_page("pages/models.py").run()
    app.switch_page("pages/fine_tune.py").run()
    assert not app.exception and field(app, "batch_size").value == 8 and "Films that can be read" in text_of(app)


def test_the_device_tells_why_there_is_no_gpu_and_who_is_before(monkeypatch):
    gpu = devices.Device("gpu 0", "NVIDIA RTX A4000", 16 * 2**30, 12 * 2**30, 0.4)
    cpu = devices.Device("cpu", "a processor, 8 cores", 32 * 2**30, 16 * 2**30, 0.1)
    monkeypatch.setattr(devices, "available", lambda: [gpu, cpu])
    monkeypatch.setattr(devices, "line", lambda key: ["one", "two"] if key == "gpu 0" else [])
    monkeypatch.setattr(devices, "why_no_gpu", lambda backend: "")
    radio = next(radio for radio in open_page().radio if radio.label == "Device")
    captions = " ".join(radio.proto.captions).replace("\\", "")
    assert "12.0 of 16.0 GiB free · load 40% · 2 runs before yours" in captions and "free at once" in captions
    monkeypatch.setattr(devices, "why_no_gpu", lambda backend: "No NVIDIA GPU is seen: no driver.")
    assert "No NVIDIA GPU is seen: no driver." in text_of(open_page())


def test_an_estimate_is_told_in_figures(films, monkeypatch):
    def launch(made, asked, **facts):
        made.say(state="finished", **facts)
        run.Run(made.path).write("estimate.json", {
            "seconds": 754, "compile_seconds": 20, "memory": 3 * 2**30, "images_per_second": 412.3, "device": "the GPU",
            "precision": "float32", "early": True,
        })  # fmt: skip

    app = choose(open_page(), films)
    monkeypatch.setattr(work, "launch", launch)
    app.button(key="estimate").click().run()
    assert not app.exception
    for told in ("at most 13 min", "3.0 GiB", "412 images/s", "the GPU, float32"):
        assert told in text_of(app)


@pytest.mark.parametrize("changed", [False, True])
def test_a_run_is_given_the_estimate_of_exactly_its_recipe(films, started, monkeypatch, changed):
    def launch(made, asked, **facts):
        made.say(state="finished", **facts)
        run.Run(made.path).write("estimate.json", {"phases": [{"seconds_per_epoch": 2.5}]})

    app = choose(open_page(), films)
    next(b for b in app.selectbox if b.label == "Preset").set_value("tiny").run()
    wait_until(lambda: not app.run().button(key="estimate").disabled, "the films to be divided")
    monkeypatch.setattr(work, "launch", launch)
    app.button(key="estimate").click().run()
    if changed:
        field(app, "phases.0.epochs").set_value(9).run()
    next(text for text in app.text_input if text.label == "Name of the run").set_value("mine").run()
    app.button(key="start").click().run()
    given = run.root_folder() / "mine" / "estimate.json"
    assert not app.exception and started[0][1] == "mine" and given.is_file() == (not changed)


# reading many runs


def test_a_hundred_runs_are_read_again_only_where_they_changed(tmp_path, monkeypatch):
    for k in range(100):
        run_folders.write(tmp_path / "runs", f"run-{k:03}", state="finished", epochs=200)
    seen.runs()
    opened = []
    read = run.Run.read
    monkeypatch.setattr(run.Run, "read", lambda one, file: opened.append(one.name) or read(one, file))
    one = seen.runs()[0].run
    assert opened == []
    one.write("status.json", {**read(one, "status.json"), "epoch": 77})
    assert seen.find(one.name).status["epoch"] == 77 and set(opened) == {one.name}


def test_curves_are_thinned_and_mark_best_epoch_and_phase(tmp_path):
    one = run_folders.write(tmp_path / "runs", "long", epochs=200)
    rows = seen.progress(one)
    kinds = [row["kind"] for row in rows]
    assert kinds.count("training") == kinds.count("validation") == 200 and kinds.count("best") == 1
    assert kinds.count("phase") == 1 and kinds.count("moment") <= seen.MOMENTS
    (one.path / "moments.csv").write_text("epoch,loss\n0.5,nan\nhalf a li")
    assert [row["loss"] for row in seen.progress(one) if row["kind"] == "moment"] == [None]


def test_live_charts_hold_no_data_and_stay_the_same_while_rows_change():
    chart = charts.progress("Loss", 22).to_dict()
    assert "data" not in chart and chart == charts.progress("Loss", 22).to_dict()
    rate = json.dumps(charts.progress("Learning rate", 22, logarithmic=True).to_dict())
    assert '"type": "log"' in rate and "strokeDash" in rate and "data" not in charts.device().to_dict()


def test_times_are_told_as_people_do(monkeypatch):
    assert [words.duration(s) for s in (None, 40, 754, 7500)] == [words.NOT_YET, "40 s", "13 min", "2 h 05 min"]
    assert words.left(None) == "" and words.clock("nonsense") == words.NOT_YET
    before = os.environ.get("TZ")
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    assert words.clock("2020-05-01T10:30:00+00:00") == "01 May 2020, 10:30"
    monkeypatch.undo() if before is None else monkeypatch.setenv("TZ", before)
    time.tzset()
