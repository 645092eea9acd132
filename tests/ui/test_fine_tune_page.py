"""The Fine-tune page without a browser: run folders in every state, and what can be done with each."""

import dataclasses
import hashlib
import json
import os
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from tests.helpers import ROOT, fakes, run_folders
from xraykit.reports.charts import learning as live_charts
from xraykit.reports.runs import words as run_words
from xraykit.training.run import control, run
from xraykit.training.run.run import Failure
from xraykit.ui.fine_tune import draft, snapshot
from xraykit.ui.fine_tune.run import table, view
from xraykit.ui.server import inference

APP = str(ROOT / "app.py")
FAILURES = tuple(Failure)


@pytest.fixture(autouse=True)
def own_folders(tmp_path, monkeypatch):
    put_folders(tmp_path, monkeypatch)


def put_folders(tmp_path: Path, monkeypatch) -> None:
    """Runs, models, films and caches of the test's own, and no inference service."""
    for variable in ("XRAYKIT_RUNS", "XRAYKIT_WEIGHTS", "XRAYKIT_CACHE", "XRAYKIT_DATASETS", "XRAYKIT_DATA"):
        monkeypatch.setenv(variable, str(tmp_path / variable.removeprefix("XRAYKIT_").lower()))
    inference.use(fakes.Client())


@pytest.fixture
def made(tmp_path):
    """A run in every state; two of them look alive, as their lock is held."""
    found = run_folders.every_state(tmp_path / "runs")
    locks = [found[name].hold() for name in ("running", "queued")]
    yield found
    for lock in locks:
        lock.close()


@pytest.fixture
def started(monkeypatch, tmp_path) -> list:
    """What the page asked the engine to do; no process is started."""
    asked = []
    monkeypatch.setattr(control, "stop", lambda found: asked.append(("stop", found.name)))
    monkeypatch.setattr(control, "delete", lambda found: asked.append(("delete", found.name)))
    monkeypatch.setattr(
        control,
        "resume",
        lambda found, data=None, finish=False: asked.append(("finish" if finish else "resume", found.name, data)),
    )
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


@pytest.mark.parametrize("name", ["running", "queued", "finished", "stopped", "lost", *FAILURES])
def test_a_run_in_any_state_is_shown_with_what_can_be_done(made, name):
    app = open_page(made[name].name)
    text, keys = text_of(app), keys_of(app)
    assert not app.exception and made[name].name in text and "Summary of the curves" in text
    assert ("run-stop" in keys) == (name in ("running", "queued"))
    goes_on = name in ("stopped", "lost", *FAILURES) and name != Failure.CHECKPOINT  # what is damaged cannot go on
    assert ("run-resume" in keys) == goes_on
    assert ("run-delete" in keys) == (name not in ("running", "queued")) and "run-duplicate" in keys
    assert ("keep" in keys) == (name == "finished")
    if name in FAILURES:
        facts = run_folders.ENDED[name]
        title = run_words.TITLES[Failure(name)]
        assert title in text and facts["advice"] in text
        assert text.index(title) < text.index("Training time"), "what happened comes first"


def test_a_queued_run_tells_its_place_and_a_running_one_where_it_is(made):
    assert "Queued, position 2. Starts automatically" in open_page("queued").get("progress")[0].proto.text
    told = open_page("running").get("progress")[0].proto.text
    for part in ("Epoch 13 of 22", "step 21 of 71", "412 images/s", "about 13 min left, until"):
        assert part in told


def test_a_lost_run_is_told_as_lost_with_advice(made):
    text = text_of(open_page("lost"))
    assert "The run ended unexpectedly" in text and run.LOST["advice"] in text


@pytest.mark.parametrize(("name", "told"), [("broken", "cannot be read"), ("another-version", "another version")])
def test_a_run_that_cannot_be_read_says_why_and_breaks_nothing(made, name, told):
    app = open_page(name)
    assert not app.exception and told in text_of(app) and "run-stop" not in keys_of(app)


def test_an_address_of_no_run_says_so_and_shows_the_form(made):
    app = open_page("../../etc")
    assert not app.exception and "No run named ../../etc" in text_of(app) and "New run" in text_of(app)


def test_all_runs_are_listed_newest_first_with_their_state(made):
    columns = table.columns(snapshot.take_all())
    assert set(columns["Run"]) == {folder.name for folder in made.values()} and len(columns["State"]) == len(made)
    states = dict(zip(columns["Run"], columns["State"], strict=True))
    assert states["out-of-memory"] == ["failed: out of memory"] and states["lost"] == ["lost"]
    assert states["broken"] == states["another-version"] == [snapshot.UNREADABLE]
    row = columns["Run"].index("finished")
    assert columns["Best accuracy"][row] == pytest.approx(91.4) and columns["Training time"][row] == "22 min"


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
    assert started == [
        ("stop", "running"),
        ("resume", "stopped", None),
        ("finish", "stopped", None),
        ("resume", "data", tmp_path),
        ("delete", "finished"),
    ]
    assert "New run" in text_of(app) and not app.exception


def test_duplicate_fills_the_form_with_the_runs_recipe(made):
    app = open_page("stopped")
    app.button(key="run-duplicate").click().run()
    assert not app.exception and "New run" in text_of(app) and "Same as the preset" in text_of(app)
    assert "Recipe of the run stopped" in next(b for b in app.selectbox if b.label == "Preset").options


def test_a_refusal_of_the_engine_is_a_sentence(made, monkeypatch):
    def refuse(*_, **__):
        raise run.RunRefused("The run stopped is running already; another process is at it.")

    monkeypatch.setattr(control, "resume", refuse)
    app = open_page("stopped")
    app.button(key="run-resume").click().run()
    assert not app.exception and "Not resumed. The run stopped is running already" in text_of(app)


def test_a_run_stopped_before_it_learned_promises_nothing(made):
    (made["stopped"].path / "checkpoint").mkdir()
    (made["stopped"].path / "checkpoint" / "state.npz").touch()
    assert run_words.CONTINUES in text_of(open_page("stopped"))
    (made["stopped"].path / "checkpoint" / "state.npz").unlink()
    made["stopped"].update(epoch=0, best_epoch=0, best_loss=None, best_accuracy=None)
    text = text_of(open_page("stopped"))
    assert run_words.STARTS_OVER in text and "epoch 1<" not in text


def test_a_queued_run_was_asked_for_and_did_not_start(made):
    made["queued"].update(started=None, device="cpu", device_name=None)
    text = text_of(open_page("queued"))
    assert "created" in text and ">started" not in text and ">CPU<" in text


def test_the_log_leaves_out_what_the_backend_says_of_itself(tmp_path):
    one = run_folders.write(tmp_path / "runs", "talking")
    (one.path / "log.txt").write_text(
        "WARNING: All log messages before absl::InitializeLog() is called are written to STDERR\n"
        "I0000 00:00:1795272539.203359   11653 port.cc:153] oneDNN custom operations are on.\n"
        "2026-11-20 09:30:00.123456: I tensorflow/core/platform/cpu_feature_guard.cc:210] optimized\n"
        "E0000 00:00:1 2 cuda_platform.cc:52] failed call to cuInit: INTERNAL: CUDA error: UNKNOWN ERROR (303)\n"
        "E0000 00:00:1 2 allocator.cc:5] out of memory\nepoch 1/60  loss 0.5903\n"
    )
    assert snapshot.log_tail(one).split("\n") == [
        "E0000 00:00:1 2 allocator.cc:5] out of memory",
        "epoch 1/60  loss 0.5903",
    ]


@pytest.mark.parametrize("message", ["Expected a weight file; there is none at x.h5.", "x weights y", ""])
def test_missing_weights_ask_for_no_folder_of_films_whatever_the_words(made, tmp_path, message):
    made["weights"].update(message=message, data=str(tmp_path))
    app = open_page("weights")
    assert run_words.TITLES[Failure.WEIGHTS] in text_of(app) and "run-resume" in keys_of(app)
    assert not [box for box in app.text_input if box.key == "resume-path"]


def test_missing_films_ask_for_their_folder_whatever_the_words(made, tmp_path):
    made["data"].update(message="A film named in the weights of x.csv is gone: no weights here.", data=str(tmp_path))
    assert [box for box in open_page("data").text_input if box.key == "resume-path"]


def test_a_run_of_before_there_was_a_kind_for_weights_opens(made):
    made["data"].update(message="The ImageNet weights of MobileNetV2 could not be loaded from imagenet: no network.")
    app = open_page("data")
    assert not app.exception and "could not be loaded from imagenet" in text_of(app) and "run-resume" in keys_of(app)


WRONG = ("7", -1, 10**400, [7], {"a": 7}, True)
EXTREME = (None, 1e300, float("inf"))
FIELDS = (
    "epoch",
    "epochs",
    "steps",
    "eta",
    "place",
    "memory",
    "parameters",
    "started",
    "failure",
    "data",
    "best_epoch",
)


OFTEN = ("epochs", "eta", "data", "state", "message")  # a count, a time, a path, a choice, words; the others alike
EACH = (*FIELDS, "state", "best_loss", "queued_seconds", "stage_of", "message")


@pytest.mark.parametrize(
    "field", [field if field in OFTEN else pytest.param(field, marks=pytest.mark.slow) for field in EACH]
)
def test_no_value_of_a_status_breaks_the_page(made, field):
    """All listed at once; what is readable all the same is shown as well."""
    whole = made["finished"].read("status.json")
    for number, value in enumerate((*WRONG, *EXTREME)):
        odd = run_folders.write(made["finished"].path.parent, f"odd-{number}")
        odd.write("status.json", {**whole, field: value})
    whole = made["running"].read("status.json")
    for value in EXTREME:
        made["running"].write("status.json", {**whole, field: value})
        assert not open_page("running").exception, value


def test_the_name_to_keep_a_run_by_is_a_free_one(made, tmp_path):
    def proposed() -> str:
        return next(box.value for box in open_page("finished").text_input if box.label == "Save as")

    assert proposed() == "strong-imagenet"
    (tmp_path / "weights" / "strong-imagenet").mkdir(parents=True)
    assert proposed() == "finished"


def test_a_kept_run_leads_to_review_with_its_model(made, monkeypatch):
    (made["finished"].path / "model.keras").write_bytes(b"network")
    sha = hashlib.sha256(b"network").hexdigest()
    kept = dataclasses.replace(fakes.card("mine"), files={"model.keras": sha})
    monkeypatch.setattr(draft, "cards", lambda: [kept])
    links = [link.proto for link in open_page("finished").get("page_link")]
    assert any("model=mine" in str(link) and link.label == "Review films with this model" for link in links)


def test_a_hundred_runs_are_read_again_only_where_they_changed(tmp_path, monkeypatch):
    for k in range(100):
        run_folders.write(tmp_path / "runs", f"run-{k:03}", state="finished", epochs=200)
    snapshot.take_all()
    opened = []
    read = run.Run.read
    monkeypatch.setattr(run.Run, "read", lambda one, file: opened.append(one.name) or read(one, file))
    one = snapshot.take_all()[0].folder
    assert opened == []
    one.write("status.json", {**read(one, "status.json"), "epoch": 77})
    assert snapshot.find(one.name).status.epoch == 77 and set(opened) == {one.name}


def test_curves_are_thinned_and_mark_best_epoch_and_phase(tmp_path):
    one = run_folders.write(tmp_path / "runs", "long", epochs=200)
    rows = snapshot.curve_points(one)
    kinds = [row["kind"] for row in rows]
    assert kinds.count("training") == kinds.count("validation") == 200 and kinds.count("best") == 1
    assert kinds.count("phase") == 1 and kinds.count("moment") <= snapshot.MOMENTS
    (one.path / "moments.csv").write_text("epoch,loss\n0.5,nan\n0.7,0.5\n1.0,0.4\n1.5,0.3\nhalf a li")
    moments = [(row["epoch"], row["loss"]) for row in snapshot.curve_points(one) if row["kind"] == "moment"]
    assert moments == [(0.5, None), (0.7, 0.5), (1.0, 0.4)], "one moment of an epoch is no course"


def test_live_charts_hold_no_data_and_stay_the_same_while_rows_change():
    chart = live_charts.progress("Loss").to_dict()
    assert "data" not in chart and chart == live_charts.progress("Loss").to_dict()
    rate = json.dumps(live_charts.progress("Learning rate", logarithmic=True).to_dict())
    assert '"type": "log"' in rate and "strokeDash" in rate and "data" not in live_charts.device().to_dict()


def test_a_fragment_that_finds_its_run_gone_draws_the_whole_page(made, tmp_path):
    app = open_page("running")
    made["running"].path.rename(tmp_path / "gone")
    assert not app.run().exception and "No run named running" in text_of(app)


def test_a_stop_that_is_refused_is_told(made, monkeypatch):
    def refuse(folder):
        raise run.RunRefused("The folder of the run running is gone.")

    app = open_page("running")
    monkeypatch.setattr(control, "stop", refuse)
    app.button(key="run-stop").click().run()
    assert not app.exception and "Not stopped. The folder of the run running is gone." in text_of(app)


def test_a_run_with_a_damaged_checkpoint_offers_no_way_to_go_on(made):
    keys = keys_of(open_page("checkpoint"))
    assert "run-resume" not in keys and "run-finish" not in keys and "run-duplicate" in keys


def test_the_axis_of_the_curves_grows_with_what_is_learned():
    for layer in live_charts.progress("Loss").to_dict()["layer"]:
        scale = layer["encoding"]["x"]["scale"]  # the rows' own range, one epoch at least: 13 of 4,000 are no stroke
        assert scale == {"domain": {"unionWith": [0, 1]}, "nice": False}


def test_curves_of_another_run_lie_behind(made):
    app = open_page("running")
    box = app.selectbox(key="curves-other-running")
    assert "finished" in box.options and "running" not in box.options and "queued" not in box.options
    box.set_value("finished").run()
    assert not app.exception and "finished, dashed" in text_of(app)
    kinds = {row["kind"] for row in snapshot.points_of_other(made["finished"])}
    assert kinds == {"other training", "other validation"} <= set(live_charts.KINDS)


def test_list_and_tile_tell_the_same_epoch(made):
    columns = table.columns(snapshot.take_all())
    listed = dict(zip(columns["Run"], columns["Epochs"], strict=True))["running"]
    assert listed == "12 of 22" and f"title='{listed}'" in text_of(open_page("running"))


def test_accuracies_carry_their_films_and_interval(made, tmp_path):
    counts = {"counts": {"validation": {"COVID-19": 100, "Normal": 212}}}
    (made["finished"].path / "data.json").write_text(json.dumps(counts))
    columns = table.columns(snapshot.take_all())
    intervals = dict(zip(columns["Run"], columns["95% interval"], strict=True))
    assert intervals["finished"] == "[87.7, 94.0] n 312" and intervals["stopped"] == ""
    text = text_of(open_page("finished"))
    assert "[87.7, 94.0] n 312" in text and "of 312 films." in text
    for odd in ('{"counts": 3}', '{"counts": {"validation": {"A": "x"}}}', "[]", '{"counts": {"validation": 3}}'):
        (made["finished"].path / "data.json").write_text(odd)
        assert snapshot.best_accuracy(snapshot.find("finished")).ends is None


def test_the_browsers_tab_tells_how_far_a_run_is_and_how_it_ended(made):
    titles = {name: view.tab_title(snapshot.take(run)) for name, run in made.items()}
    assert titles["running"] == "56% running" and titles["queued"] == "Queued: queued"
    assert titles["finished"] == "Finished: finished" and titles["broken"] == "Unreadable: broken"
    assert titles["disk"] == "Failed: disk: disk"


def test_what_a_process_prints_after_the_state_is_written_is_shown(made):
    assert snapshot.just_ended(made["finished"]), "its log is read again"
    os.utime(made["finished"].path / "status.json", (1, 1))
    assert not snapshot.just_ended(made["finished"])
