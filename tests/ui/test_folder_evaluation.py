"""Evaluating a folder: a process of its own that tells how far it is, can be stopped, and is found again."""

import csv
import io
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from streamlit.testing.v1 import AppTest

from tests.helpers import fakes, film_folders, tiny_model
from xraykit.datasets import inspection
from xraykit.evaluation import evaluation
from xraykit.films.samples import draw
from xraykit.models import folder_evaluation
from xraykit.refused import Refused
from xraykit.system import folders, jobs, processes
from xraykit.system.job_folder import job_folder
from xraykit.system.job_folder.job_folder import JobRefused
from xraykit.system.job_folder.record import State
from xraykit.system.jobs import Job, JobState
from xraykit.truth import elsewhere
from xraykit.truth.seen import own_films
from xraykit.ui.kit import film_list
from xraykit.ui.server import inference

MODEL = str(tiny_model.KEPT)
CLASSES = tiny_model.CLASSES
HANG = 60  # seconds; a limit on hangs, never a measure of speed


@pytest.fixture(autouse=True)
def own_folders(tmp_path, monkeypatch):
    monkeypatch.setenv("XRAYKIT_RUNS", str(tmp_path / "runs"))
    monkeypatch.setenv("XRAYKIT_WEIGHTS", str(tiny_model.KEPT.parent))


@pytest.fixture
def odd_folder(tmp_path) -> Path:
    """Three classes, a refused film, two identical ones, one without a class."""
    folder = film_folders.make(tmp_path / "films", classes=CLASSES, films=4)
    (folder / "Normal" / "broken.png").write_bytes(b"no film")
    (folder / "Normal" / "copy.png").write_bytes((folder / "Normal" / "film-000.png").read_bytes())
    Image.fromarray(film_folders.draw(0, 99)).save(folder / "loose.png")
    return folder


def start(folder: Path, out: Path) -> subprocess.Popen:
    command = [sys.executable, "-m", "xraykit", "evaluate", "--model", MODEL, "--data", folder, "--out", out]
    return subprocess.Popen([str(word) for word in command], stderr=subprocess.PIPE, stdout=subprocess.DEVNULL)


def wait_until(happens, what: str):
    end = time.monotonic() + HANG
    while time.monotonic() < end:
        if found := happens():
            return found
        time.sleep(0.02)
    raise AssertionError(f"waited {HANG} s in vain for {what}")


def started(out: Path) -> JobState | None:
    """The job's state once it has read a film."""
    state = jobs.state_of(Job(out))
    return state if state is not None and state.done > 0 else None


@pytest.fixture(scope="module")
def many(tmp_path_factory) -> Path:
    """So many films that an evaluation does not end by itself soon."""
    folder = film_folders.make(tmp_path_factory.mktemp("films") / "many", classes=CLASSES, films=2)
    for label in CLASSES:
        source = folder / label / "film-000.png"
        for number in range(3000):
            os.link(source, folder / label / f"more-{number:04}.png")
    return folder


@pytest.fixture
def slow(tmp_path, many):
    """An evaluation that has begun; what it prints goes into log.txt."""
    out = tmp_path / "out"
    words = ["evaluate", "--model", MODEL, "--data", str(many), "--out", str(out)]
    process = processes.spawn(words, tmp_path / "log.txt")
    wait_until(lambda: started(out), "the first film")
    yield process, out
    process.kill()
    process.wait()


def test_progress_ends_finished_with_every_odd_film_named(odd_folder, tmp_path):
    process = start(odd_folder, tmp_path / "out")
    words = process.communicate(timeout=HANG)[1].decode()
    assert process.returncode == 1, "a refused film is told by the exit code"
    state = Job(tmp_path / "out").state()
    assert (state.state, state.done, state.films, state.refused) == (State.FINISHED, 14, 14, 1)
    assert state.refused_films[0]["source"] == "Normal/broken.png"
    found = Job(tmp_path / "out").films()
    assert found["duplicates"] == [["Normal/copy.png", "Normal/film-000.png"]] and found["unlabelled"] == ["loose.png"]
    assert all(name in words for name in ("Normal/broken.png", "loose.png"))
    assert len(evaluation.load(tmp_path / "out" / "evaluation.json").films) == 13


def test_what_is_in_a_folder_is_told_before_anything_starts(odd_folder, tmp_path):
    films = inspection.inspect(odd_folder, tmp_path / "out")
    assert not Job(tmp_path / "out").results()
    found = Job(tmp_path / "out").films()
    assert found["classes"] == {"COVID-19": 4, "Normal": 5, "Pneumonia": 4}
    assert found["refused"][0]["source"] == "Normal/broken.png" and len(found["sha256"]) == len(films) == 13
    assert found["duplicates"] and found["unlabelled"] == ["loose.png"]


def test_several_models_are_evaluated_in_one_reading(odd_folder, tmp_path):
    found, *_ = folder_evaluation.evaluate([MODEL, "tiny-model"], odd_folder, tmp_path / "out")
    assert len(found) == 2 and (found[0].logits == found[1].logits).all()
    assert found[0].test_digest == evaluation.load(Job(tmp_path / "out").results()[0]).test_digest


@pytest.mark.parametrize("how", ["the stop file", "SIGTERM"])
def test_asked_to_stop_it_ends_in_order_and_keeps_nothing_half_written(slow, how, tmp_path):
    process, out = slow
    Job(out).ask_to_stop() if how == "the stop file" else os.kill(process.pid, signal.SIGTERM)
    process.wait(HANG)
    words = (tmp_path / "log.txt").read_text()
    state = Job(out).state()
    assert state.state is State.STOPPED and "nothing was written" in state.message and "Traceback" not in words
    assert sorted(path.name for path in out.iterdir()) == ["lock", "progress.json"]


def test_progress_moves_and_tells_what_is_left(slow):
    _, out = slow
    first = Job(out).state().done
    state = wait_until(lambda: (s := Job(out).state()).done > first and s.eta and s, "another film")
    assert state.state is State.RUNNING and 0 < state.done < state.films == 9006 and state.eta > 0


def test_killed_it_is_told_as_lost_and_can_be_started_again(slow, odd_folder):
    process, out = slow
    process.kill()
    process.wait()
    state = wait_until(lambda: (s := Job(out).state()).state is State.LOST and s, "the lock to be free")
    assert "killed" in state.message and not Job(out).results()
    folder_evaluation.evaluate([MODEL], odd_folder, out)
    assert Job(out).state().state is State.FINISHED


def test_two_processes_never_work_in_one_folder(slow, odd_folder):
    _, out = slow
    with pytest.raises(JobRefused, match="Another process"):
        folder_evaluation.evaluate([MODEL], odd_folder, out)
    assert Job(out).state().state is State.RUNNING


def test_classes_that_do_not_fit_are_refused_with_both_lists_before_a_film_is_read(tmp_path):
    folder = film_folders.make(tmp_path / "pets", classes=("Cat", "Normal"), films=2)
    with pytest.raises(
        folder_evaluation.MisfitRefused, match="COVID-19, Normal, Pneumonia; the folder pets holds Cat, Normal"
    ):
        folder_evaluation.evaluate([MODEL], folder, tmp_path / "out")
    state = Job(tmp_path / "out").state()
    assert state.state is State.FAILED and state.done == 0 and "does not know Cat" in state.message


@pytest.mark.parametrize("fault", ["no model", "no folder", "no films"])
def test_faults_are_told_in_the_state(tmp_path, fault):
    (tmp_path / "empty").mkdir()
    folder = {"no folder": tmp_path / "none", "no films": tmp_path / "empty"}.get(
        fault, film_folders.make(tmp_path / "films", classes=CLASSES, films=1)
    )
    with pytest.raises(Refused, match="No model named|No folder|readable films"):
        folder_evaluation.evaluate(["no-such-model" if fault == "no model" else MODEL], folder, tmp_path / "out")
    assert Job(tmp_path / "out").state().state is State.FAILED


def test_a_queued_job_that_never_began_is_lost(monkeypatch):
    waiting = jobs.create("a / strange: name")
    waiting.queue(verb="inspect", data="films")
    assert waiting.state().state is State.QUEUED
    monkeypatch.setattr(job_folder, "GRACE_SECONDS", -1.0)
    assert waiting.state().state is State.LOST


def test_a_started_work_outlives_its_starter_and_is_listed(odd_folder):
    begun = inspection.start_inspection(odd_folder)
    wait_until(lambda: begun.state().state is State.FINISHED and not begun.alive(), "the inspection")
    folder_evaluation.start_evaluation(begun, odd_folder, ["tiny-model"])
    wait_until(lambda: begun.state().state is State.FINISHED, "the evaluation")
    assert [job.name for job in jobs.list_jobs()] == [begun.name] and begun.results()
    wait_until(lambda: not begun.alive(), "the end of its process")  # it says finished before it is gone
    begun.remove()
    assert not jobs.list_jobs()


def test_an_evaluation_goes_on_when_what_started_it_is_killed(odd_folder):
    code = (
        "import os, signal, pathlib; from xraykit.datasets import inspection; "
        f"print(inspection.start_inspection(pathlib.Path({str(odd_folder)!r})).path, flush=True); "
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    killed = subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, timeout=HANG)
    begun = Job(Path(killed.stdout.strip()))
    assert killed.returncode == -signal.SIGKILL
    wait_until(lambda: begun.state().state is State.FINISHED, "the orphan")
    assert begun.films()["films"] == 13


def test_films_a_model_has_met_are_told_beside_its_figures(odd_folder, tmp_path, monkeypatch):
    folder_evaluation.evaluate([MODEL], odd_folder, tmp_path / "out")
    model = tmp_path / "weights" / "tiny-model"
    shutil.copytree(MODEL, model)
    shutil.copy(tmp_path / "out" / "evaluation.json", model / "validation.json")
    hashes = Job(tmp_path / "out").films()["sha256"]
    own = own_films.read(model)
    assert own.parts_of([*hashes[:1], "0" * 64], np.zeros((0, 2, 4), np.uint64)) == ("validation", "")
    monkeypatch.setenv("XRAYKIT_WEIGHTS", str(tmp_path / "weights"))
    knows = elsewhere.Attaching(["tiny-model"], None, "", {}).knows
    (found,), _ = folder_evaluation.evaluate(["tiny-model"], odd_folder, tmp_path / "again", knows=knows)
    assert found.warning.startswith("13 of these 13 films are among the training and validation films of tiny-model")
    assert evaluation.load(tmp_path / "again" / "evaluation.json").warning == found.warning
    assert "known-film: It, or a film that is nearly" in (tmp_path / "again" / "predictions.csv").read_text()


def panel():
    from xraykit.ui.compare import folder_evaluation as evaluating
    from xraykit.ui.kit import film_list
    from xraykit.ui.server import inference

    found = evaluating.show(inference.models()[0])
    import streamlit as st

    st.session_state["picked"] = [(one.model, len(one.films)) for one in found]
    if found:
        film_list.show(found[0].films[:13], found, evaluating.folder_of(found[0]), "all")


@pytest.fixture
def app(monkeypatch):
    card = fakes.card("tiny-model", "A tiny network")
    fits = card.__class__(**{**vars(card), "classes": CLASSES})
    inference.use(fakes.Client(cards=[fits, fakes.card("other-classes")]))
    return AppTest.from_function(panel, default_timeout=60).run()


def words_of(app) -> str:
    blocks = [block.proto.body for block in app.get("html")]
    return "\n".join([*blocks, *(block.value.replace("\\", "") for block in app.warning)])


def run_until(app, happens, what: str):
    """Run the page until it shows this; not while a job goes on, of which it would only tell how far it is."""
    return wait_until(lambda: not busy() and happens(app.run()) and app, what)


def busy() -> bool:
    return any(Job(file.parent).alive() for file in folders.runs_folder().glob("*/*/progress.json"))


def look_at(app, folder) -> AppTest:
    app.text_input(key="evaluate-path").set_value(str(folder))
    return app.button[0].click().run()


def test_a_folder_goes_through_the_panel_from_path_to_figures(app, odd_folder):
    look_at(app, odd_folder)
    run_until(app, lambda app: [b for b in app.button if b.key == "evaluate-start"], "the inspection")
    text = words_of(app)
    for told in ("Normal/broken.png", "copy.png", "loose.png", "Refused films", "Identical files", "without a class"):
        assert told in text
    assert app.multiselect[0].value == ["tiny-model", "other-classes"]
    assert "holds COVID-19, Normal, Pneumonia" in text, "both lists"
    assert "MobileNetV2 from scratch knows COVID-19, Normal, Viral Pneumonia" in text, "both lists"
    assert app.selectbox[0].value == "Viral Pneumonia", "the class that it may well count as is proposed"
    app.multiselect[0].set_value(["tiny-model"]).run()
    assert not app.selectbox
    app.button(key="evaluate-start").click().run()
    run_until(app, lambda app: app.session_state["picked"], "the evaluation")
    assert not app.exception and app.session_state["picked"] == [("tiny-model", 13)]
    text = words_of(app.run())  # once more: it may have ended after its state was drawn and before it was picked
    assert "Normal/broken.png" in text and "copy.png" in text and "loose.png" in text and "Accuracy" in text
    assert "Warnings on films" in text and "too few to look like a radiograph" in text, "films of 48 x 48 pixels"


def test_the_gate_has_a_switch_and_the_result_says_what_it_refused(app, tmp_path, monkeypatch):
    """On as on the command line; what is asked otherwise goes there as --gate."""
    monkeypatch.setenv("XRAYKIT_GATE", "on")
    folder = film_folders.make(tmp_path / "films", classes=CLASSES[:2], films=1)  # noise: no chest film
    for label in CLASSES[:2]:
        (folder / label / "chest.png").write_bytes(draw.PNG.read_bytes())
    asked = []
    monkeypatch.setattr(folder_evaluation, "start_evaluation", lambda *_, **given: asked.append(given["gated"]))
    for turned, said in ((False, None), (True, False)):
        made = jobs.create("films")
        inspection.inspect(folder, made.path)
        app.session_state["work"] = made.name
        app.run()
        assert "It would refuse 2 of 4 films (2 not a chest film)." in words_of(app)
        app.multiselect[0].set_value(["tiny-model"]).run()
        (switch,) = (box for box in app.checkbox if box.key.startswith("evaluate-gate"))
        assert switch.value is True
        if turned:
            switch.uncheck().run()
        app.button(key="evaluate-start").click().run()
        assert not app.exception and asked[-1] is said
    for gated, words in ((True, "Gate on: 2 of 4 films refused (2 not a chest film)."), (False, "Gate off")):
        made = jobs.create("films")
        folder_evaluation.evaluate([MODEL], folder, made.path, gated=gated)
        assert made.state().gate == ("on" if gated else "off")
        app.session_state["work"] = made.name
        assert words in words_of(app.run()) and not app.exception


def test_a_result_is_offered_again_to_a_new_session(app, odd_folder):
    made = jobs.create("films")
    folder_evaluation.evaluate([MODEL], odd_folder, made.path)
    app.run()
    assert app.session_state["picked"] == []
    app.multiselect(key="evaluations").set_value(app.multiselect(key="evaluations").options).run()
    assert not app.exception and app.session_state["picked"] == [("tiny-model", 13)]


def test_a_new_session_finds_what_goes_on_and_can_stop_it(app, many):
    made = jobs.create("many")
    folder_evaluation.start_evaluation(made, many, ["tiny-model"])
    wait_until(lambda: started(made.path), "the first film")
    app.run()
    assert not app.exception and "of 9,006 films" in app.get("progress")[0].proto.text
    app.button(key="evaluate-stop").click().run()
    run_until(app, lambda app: "Stopped" in words_of(app), "the stop")
    assert not app.exception and "nothing was written" in words_of(app) and not made.results()
    wait_until(lambda: not made.alive(), "its process to be gone")


ENDS = {State.RUNNING: "Ended unexpectedly", State.FAILED: "Failed", State.STOPPED: "Stopped"}


@pytest.mark.parametrize("state", ENDS)
def test_an_end_that_was_none_is_told_in_words_and_can_be_left(app, state, tmp_path):
    made = jobs.create("films")
    facts = {"verb": "evaluate", "data": str(tmp_path), "models": ("x",), "done": 3, "films": 9}
    made.write_state(JobState(state=state, message="Expected <b>.", **facts))
    app.session_state["work"] = made.name
    app.run()
    text = words_of(app)
    assert not app.exception and ENDS[state] in text
    app.button(key="evaluate-another").click().run()
    assert not app.exception and app.text_input(key="evaluate-path") is not None and not jobs.list_jobs()


def test_how_a_job_of_another_session_ended_is_not_told_here(app, tmp_path):
    made = jobs.create("films")
    facts = {"verb": "evaluate", "data": str(tmp_path), "models": ("x",)}
    made.write_state(JobState(state=State.FAILED, message="No model fits.", **facts))
    waiting = jobs.create("others")
    waiting.write_state(JobState(state=State.FINISHED, verb="inspect", data=str(tmp_path)))
    assert "No model fits" not in words_of(app.run()) and app.text_input(key="evaluate-path") is not None
    look_at(app, tmp_path)  # nor does it delete what another session has before it
    assert {made.name, waiting.name} <= {job.name for job in jobs.list_jobs()}
    app.session_state["work"] = ""
    app.query_params["work"] = made.name  # after a reload, the session that asked
    assert "No model fits" in words_of(app.run())


def test_what_was_left_without_a_result_a_day_ago_is_tidied_away(app, tmp_path):
    old = jobs.create("films")
    old.write_state(JobState(state=State.FAILED, verb="evaluate", data=str(tmp_path)))
    old.write("progress.json", {**old.read("progress.json"), "heartbeat": 1.0})
    look_at(app, tmp_path)
    assert old.name not in [job.name for job in jobs.list_jobs()]


@pytest.mark.parametrize("path", ["/no/such/folder", "../" * 20 + "etc"])
def test_what_is_said_of_a_new_path_takes_the_place_of_the_old_error(app, tmp_path, path):
    made = jobs.create("films")
    made.write_state(JobState(state=State.FAILED, message="films needs two classes.", verb="inspect", data="/films"))
    app.session_state["work"] = made.name
    assert "films needs two classes" in words_of(app.run())
    look_at(app, path)
    text = words_of(app)
    assert "two classes" not in text and ("No folder at" in text or "belongs to the operating system" in text)
    assert not jobs.list_jobs() and not app.exception


def test_a_broken_state_or_result_never_breaks_the_page(app, tmp_path):
    for name, text in {"a": "{", "b": "[]", "c": json.dumps({"state": "running"}), "d": '{"state": 3}'}.items():
        folder = folders.evaluations_folder() / name
        folder.mkdir(parents=True)
        (folder / "progress.json").write_text(text)
    made = jobs.create("films")
    made.write_state(JobState(state=State.FINISHED, verb="evaluate", data="films", models=("x",)))
    (made.path / "evaluation.json").write_text("{}")
    app.run()
    assert not app.exception
    app.multiselect(key="evaluations").set_value(app.multiselect(key="evaluations").options).run()
    assert not app.exception and "cannot be read" in words_of(app)


def test_a_stop_of_a_job_whose_folder_is_gone_is_told_in_words(app, tmp_path):
    job = jobs.create("films")
    job.write_state(JobState(state=State.RUNNING, verb="evaluate", data=str(tmp_path), done=3, films=9))
    with job.hold():
        app.run()
        button = app.button(key="evaluate-stop")
        job.path.rename(tmp_path / "gone")
        button.click().run()
    assert not app.exception and "Not stopped." in words_of(app) and "is gone" in words_of(app)


ODD_VALUES = ("7", -1, 10**400, [7], {"a": 7}, True, None, 1e300, float("nan"))


@pytest.mark.parametrize(
    "field", ["state", "done", "films", "eta", "refused", "refused_films", "data", "models", "verb"]
)
def test_no_value_of_a_state_breaks_the_page(app, tmp_path, field):
    for value in ODD_VALUES:
        job = jobs.create("films")
        job.write_state(JobState(state=State.FAILED, verb="evaluate", data=str(tmp_path), done=3, films=9))
        job.write("progress.json", {**job.read("progress.json"), field: value})
        app.session_state["work"] = job.name
        assert not app.run().exception, value


def test_an_evaluation_of_before_times_were_called_heartbeats_is_offered(app, tmp_path):
    job = jobs.create("films")
    facts = {"format": 1, "state": "finished", "verb": "evaluate", "data": "films", "models": ["x"], "films": 9}
    job.write("progress.json", {**facts, "updated": 1_795_000_000.5, "refused": 1, "colour": "blue"})
    (job.path / "evaluation.json").write_text("{}")
    assert job.state().heartbeat == 1_795_000_000.5 and job.state().other == {"format": 1, "colour": "blue"}
    (label,) = app.run().multiselect(key="evaluations").options
    assert "films · x · n 8 · 2026-11-1" in label


@pytest.mark.parametrize(
    "path,words",
    [
        ("", "Enter the path of a folder."),
        ("/no/such/folder", "No folder at /no/such/folder."),
        ("**bold** <b>", "No folder at **bold** <b>."),
        ("~nobody-of-that-name", "No folder at ~nobody-of-that-name."),
    ],
)
def test_a_path_that_is_no_folder_is_told_in_words(app, path, words):
    look_at(app, path)
    assert not app.exception and words in words_of(app) and not jobs.list_jobs()


def test_the_list_of_films_is_the_evaluation_to_the_digit(odd_folder, tmp_path):
    found = folder_evaluation.evaluate([MODEL], odd_folder, tmp_path / "out")[0][0]
    places = {film: i for i, film in enumerate(found.films)}
    films = [found.films[3], "Normal/other.png"]
    columns = film_list.table(films, [found, found], [places, places])
    rows = list(csv.DictReader(io.StringIO(film_list.to_csv(columns))))
    assert rows[0]["Reference standard"] == CLASSES[found.truth[3]]
    assert rows[0]["tiny-model (2) predicts"] == CLASSES[found.predicted[3]]
    assert float(rows[0]["p Normal, tiny-model (1)"]) == found.probabilities[3, 1]
    assert rows[1]["Reference standard"] == rows[1]["p Normal, tiny-model (1)"] == ""


def test_films_are_shown_with_pictures_and_heatmaps_or_by_name(app, odd_folder):
    made = jobs.create("films")
    folder_evaluation.evaluate([MODEL], odd_folder, made.path)
    found = evaluation.load(made.results()[0])
    app.run()
    app.multiselect(key="evaluations").set_value(app.multiselect(key="evaluations").options).run()
    text = words_of(app)
    assert text.count("<img ") == 24, "twelve films, each with its overlay"
    (odd_folder / found.films[0]).write_bytes(fakes.film_png(7))
    moved = odd_folder.rename(odd_folder.with_name("moved"))
    app.run()
    assert "not at hand" in words_of(app) and "<img " not in words_of(app)
    app.text_input(key="cases-folder-all").set_value(str(moved)).run()
    assert not app.exception and "Not the file that was evaluated" in words_of(app)
