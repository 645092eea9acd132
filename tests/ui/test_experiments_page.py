"""The Experiments page without a browser: studies in every state, a new one set up, and what can be done with each."""

import html
import json

import pytest
from streamlit.testing.v1 import AppTest

from tests.helpers import ROOT, data_audits, fakes, study_folders, study_results
from tests.ui.test_fine_tune_page import put_folders, text_of
from xraykit.experiments.engine import local
from xraykit.experiments.study import json_text, rules
from xraykit.experiments.study_folder import StudyFolder
from xraykit.films.samples import example
from xraykit.system import jobs as system_jobs
from xraykit.truth.data_audit import record
from xraykit.ui.experiments import draft, snapshot
from xraykit.ui.experiments.form import start
from xraykit.ui.experiments.form import trials as draft_trials
from xraykit.ui.server import inference

APP = str(ROOT / "app.py")


@pytest.fixture(autouse=True)
def own_folders(tmp_path, monkeypatch):
    put_folders(tmp_path, monkeypatch)
    inference.use(fakes.Client())


@pytest.fixture
def root(tmp_path):
    return tmp_path / "runs" / "studies"


@pytest.fixture
def made(root):
    folder = study_results.write(root, study_folders.study(words="<b>Which</b> rate?"), ended={"t002-f2-s0": "failed"})
    folder.write_state(_with(folder, done=3, failed=1))
    return folder


def _with(folder: StudyFolder, **fields):
    import dataclasses

    return dataclasses.replace(folder.recorded(), **fields)


def open_page(name: str | None = None, **words: str) -> AppTest:
    app = AppTest.from_file(APP, default_timeout=60)
    app.switch_page("pages/experiments.py")
    if name is not None:
        app.query_params["study"] = name
    for key, word in words.items():
        app.query_params[key] = word
    return app.run()


def button(app: AppTest, key: str):
    return next(each for each in app.button if each.key == key)


def key_of(app: AppTest, kind: str, ending: str):
    return next(each for each in getattr(app, kind) if each.key and each.key.endswith(ending))


def test_a_newcomer_is_shown_the_shortest_way(monkeypatch):
    monkeypatch.setattr(example, "EACH", 2)
    begun = []
    monkeypatch.setattr(
        start, "begin", lambda study, given, *rest: begun.append((study.name, given)) or StudyFolder(given[0])
    )
    app = open_page()
    assert not app.exception and "No studies yet" in text_of(app)
    assert "are not drawn yet" in text_of(app) and "get them on the page Datasets" not in text_of(app)
    button(app, "study-draw").click().run()
    assert example.is_made() and "are not drawn yet" not in text_of(app)
    button(app, "try-study").click().run()
    ((name, given),) = begun
    assert name == "tiny" and {path.name for path in given[0].iterdir()} == {"clear", "effusion", "opacity"}


def test_a_finished_study_shows_its_table_charts_and_what_can_be_done(made):
    study_results.choose(made, 1)
    app = open_page(made.name)
    text = text_of(app)
    assert not app.exception and "&lt;b&gt;Which&lt;/b&gt; rate?" in text
    for title in ("Results", "The chosen trial", "Histories", "Settings and accuracy", "Accuracy against time"):
        assert title in text, title
    keys = {each.key for each in app.button}
    assert {"study-retry", "study-delete", "study-new"} <= keys and "study-stop" not in keys
    assert "Failed runs: 1" in [each.label for each in app.expander]


def test_a_running_study_can_be_paused_stopped_and_reordered(made):
    made.write_state(_with(made, state="running", running=("t001-f1-s0",), eta=60.0))
    for run in ("t001-f1-s0", "t002-f1-s0"):
        path = made.runs_folder / run / "status.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | {"state": "queued" if run[3] == "2" else "running"}))
    held = [made.hold(), *(run.run.hold() for run in made.runs()[:3:2])]
    try:
        app = open_page(made.name)
        assert not app.exception and "3 of 4 runs" in app.get("progress")[0].proto.text
        button(app, "study-pause").click().run()
        assert made.is_paused()
        app.run()
        assert button(app, "study-pause").label == "Go on"
        button(app, "first-2").click().run()
        assert made.order() == (2, 1)
        button(app, "study-stop").click().run()
        assert made.stop_asked() and not app.exception
    finally:
        for lock in held:
            lock.close()


def test_failed_runs_are_run_again_by_the_engine(made, monkeypatch):
    asked = []
    monkeypatch.setattr(local, "start", lambda folder, failed=False: asked.append((folder.name, failed)))
    app = open_page(made.name)
    button(app, "study-retry").click().run()
    assert asked == [("rates", True)] and not app.exception


def test_a_study_is_deleted_once_it_is_said_twice(made):
    app = open_page(made.name)
    button(app, "study-delete").click().run()
    assert made.path.is_dir()
    button(app, "study-delete-yes").click().run()
    assert not made.path.exists() and not app.exception


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("study.json", "{"),
        ("study.json", '{"name": 3}'),
        ("trials.json", "[]"),
        ("trials.json", '[{"number": "one"}]'),
        ("progress.json", "[]"),
        ("folds.json", '{"names": []}'),
        ("chosen.json", '{"trial": []}'),
    ],
)
def test_a_damaged_file_is_said_in_words(made, file, text):
    study_results.choose(made, 1)
    (made.path / file).write_text(text)
    app = open_page(made.name)
    said = text_of(app)
    assert not app.exception and "Traceback" not in said and made.name in said


def test_no_such_study_is_said(made):
    app = open_page("no-such")
    assert not app.exception and "No study named no-such" in text_of(app)


def test_a_trial_is_opened_and_its_recipe_handed_to_fine_tune(made):
    app = open_page(made.name, trial="2")
    assert not app.exception and "Trial 2: 0.001" in text_of(app)
    button(app, "trial-recipe").click().run()
    handed = app.session_state["fine-tune-draft"]
    assert handed.recipe["phases"][0]["learning_rate"] == 0.001 and not app.exception
    button(app, "trial-close").click().run()
    assert "trial" not in app.query_params


def test_only_a_run_with_test_figures_can_be_saved_as_a_model(made):
    for run in made.runs():
        (run.run.path / "evaluation.json").unlink(missing_ok=True)
    app = open_page(made.name, trial="1")
    assert "networks of its chosen trial alone" in text_of(app) and not app.exception
    study_results.choose(made, 1)
    app = open_page(made.name, trial="1")
    assert "keep" in {each.key for each in app.button} and not app.exception


def test_every_fault_of_a_new_study_is_named_beside_its_field():
    app = open_page()
    data = json.loads(draft.presets.NAMED["tiny"].to_json())
    data |= {"name": "no name!", "seeds": [], "folds": {"kind": "single", "count": 1}, "unknown": 1}
    data["factors"]["phases.9.epochs"] = [1]
    key_of(app, "text_area", f"study-paste-{0}").input(json.dumps(data)).run()
    button(app, "study-paste-use").click().run()
    text = text_of(app)
    assert not app.exception and "1 to 100 different whole numbers" in text
    assert "path of a field that the base recipe has" in text and "correct" in text
    assert button(app, "study-start").disabled and button(app, "study-plan").disabled


def paste(text: str) -> AppTest:
    """The page once a study was pasted as JSON."""
    app = open_page()
    key_of(app, "text_area", "study-paste-0").input(text).run()
    return button(app, "study-paste-use").click().run()


def tiny(**fields) -> str:
    """The study `tiny` as JSON with other fields; the text 1e400 stands for that number."""
    data = json.loads(draft.presets.NAMED["tiny"].to_json()) | fields
    return json.dumps(data).replace('"1e400"', "1e400")


@pytest.mark.parametrize(
    "fields",
    [
        {"data": [["a"]]},
        {"data": 5},
        {"data": True},
        {"budget": -1},
        {"published": 3},
        {"random_weights": "x"},
        {"folds": None},
        {"folds": [1]},
        {"folds": {"kind": "single", "words": 1}},
        {"cut": 1},
        {"shrink": 3, "design": "random", "samples": 3},
        {"unknown": 1},
        {"": 1},
        {"samples": 10**300, "design": "random"},
        {"samples": 2.5, "design": "random"},
        {"shrink": -1e308},
        {"folds": {"kind": "single", "seed": 10**40}},
        {"folds": {"kind": "cross-validation", "count": 10**20}},
    ],
    ids=str,
)
def test_a_fault_of_any_field_is_said_where_it_can_be_mended(fields):
    app = paste(tiny(**fields))
    advice = draft_faults(app)
    said = text_of(app)
    assert not app.exception and len(advice) == 1 and "correct 1 field" in said
    assert html.escape(next(iter(advice.values()))) in said and button(app, "study-start").disabled


def draft_faults(app: AppTest) -> dict[str, str]:
    data = app.session_state["experiments-draft"].data
    return {path: fault.advice for path, fault in rules.faults(data).items()}


def test_a_field_that_the_form_does_not_have_is_mended_or_left_out():
    app = paste(tiny(budget=-1, unknown=1))
    button(app, "study-1-leave-out-unknown").click().run()
    key_of(app, "text_input", "-budget").input("600").run()
    assert not app.exception and "correct" not in text_of(app)
    data = app.session_state["experiments-draft"].data
    assert data["budget"] == 600 and "unknown" not in data


def test_a_number_that_a_browser_cannot_hold_is_mended_in_its_field():
    app = paste(tiny(design="random", samples=10**300))
    key_of(app, "text_input", "-samples").input("3").run()
    assert not app.exception and key_of(app, "number_input", "-samples").value == 3
    assert "3 trials" in text_of(app)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (tiny(samples="1e400"), "too large for any field"),
        (tiny(samples=10**400), "too large for any field"),
        (tiny(shrink=float("nan")), "NaN is no number"),
        (tiny(name="\ud800"), "half a letter"),
        (tiny(factors={"\udfff": [1]}), "half a letter"),
        (tiny()[:-1] + ', "name": "other"}', "there twice"),
        (tiny(words="x" * 5_000_000), "at most 1 MB"),
        *((tiny(words="@").replace('"@"', "[" * deep + "]" * deep), "too deeply") for deep in (500, 900, 100_000)),
        ("[1]", "something else"),
        ("{", "something else"),
    ],
    ids=lambda text: text[-20:],
)
def test_json_that_no_study_can_be_is_refused_and_stays_in_its_field(text, words):
    app = paste(text)
    said = " ".join(each.value for each in app.warning)
    assert not app.exception and words in said.replace("\\", "")
    assert app.session_state["experiments-draft"].source == draft.FIRST
    assert key_of(app, "text_area", "study-paste-0").value == text


@pytest.mark.parametrize("typed", ["1e400", "[" * 500 + "]" * 500, '"\\ud800"', "NaN", '{"a": 1, "a": 2}'])
def test_values_that_no_file_can_hold_are_kept_and_named(typed):
    app = open_page()
    key_of(app, "text_input", "factors.phases.0.learning_rate").input(typed).run()
    assert not app.exception and "xk-fault" in text_of(app) and "correct 1 field" in text_of(app)
    assert key_of(app, "text_input", "factors.phases.0.learning_rate").value == typed


def test_thousands_of_factors_are_one_field():
    app = paste(tiny(factors={f"{number}": [1] for number in range(2000)}))
    assert not app.exception and key_of(app, "text_area", "-factors") and "Enter factors in JSON" in text_of(app)


def test_the_trials_of_a_large_grid_are_counted_once(monkeypatch):
    counted = []
    trials = draft_trials.grid.trials
    monkeypatch.setattr(draft_trials.grid, "trials", lambda study: counted.append(study.name) or trials(study))
    app = paste(tiny(name="large", design="grid", factors={"label_smoothing": [n / 1000 for n in range(50)]}))
    app.run()
    assert counted.count("large") == 1 and "50 trials" in text_of(app)


def test_names_of_factors_are_text():
    app = paste(tiny(factors={":red[x] $a$ **b**": [1]}))
    label = key_of(app, "text_input", "factors.:red[x] $a$ **b**").label
    assert "**b**" not in label and ":red[" not in label


def test_values_that_are_no_json_are_kept_and_named():
    app = open_page()
    field = key_of(app, "text_input", "factors.phases.0.learning_rate")
    field.input("0,003; 1").run()
    assert not app.exception and json_text.ADVICE.split(":")[0] in text_of(app)
    key_of(app, "text_input", "factors.phases.0.learning_rate").input("0.01, 0.02, 0.03").run()
    assert "6 trials × 2 folds = 12 runs" in text_of(app)


def test_a_factor_is_added_and_taken_away():
    app = open_page()
    key_of(app, "selectbox", "new-factor").select("batch_size").run()
    key_of(app, "button", "-add").click().run()
    assert key_of(app, "text_input", "factors.batch_size").value == "32"
    key_of(app, "button", "remove-batch_size").click().run()
    assert not any((each.key or "").endswith("factors.batch_size") for each in app.text_input) and not app.exception


@pytest.fixture
def begun(monkeypatch):
    """Jobs that were started, with their arguments."""
    jobs = []
    monkeypatch.setattr(system_jobs.Job, "start", lambda job, arguments, **facts: jobs.append((job, arguments)))
    return jobs


def planned(begun, films):
    """The page of a new study that has been planned on a folder of films."""
    films.mkdir()
    app = open_page()
    app.text_input(key="study-films-path").input(str(films))
    button(app, "study-films-look").click().run()
    assert not app.exception and "plan it" in text_of(app) and button(app, "study-start").disabled
    button(app, "study-plan").click().run()
    ((job, arguments),) = begun
    assert arguments[:4] == ["study", "run", "--plan", "--json"] and f"--data={films}" in arguments
    _plan(job)
    return app.run()


def test_leaks_stop_a_study_until_the_box_is_ticked(begun, monkeypatch, tmp_path):
    monkeypatch.setattr(record, "kept", data_audits.full)
    app = planned(begun, tmp_path / "ward")
    text = text_of(app)
    assert "Leak, stops a fine-tune" in text and "tick the box" in text and button(app, "study-start").disabled
    next(box for box in app.checkbox if str(box.key).startswith("accept-leaks")).check().run()
    assert not app.exception and not button(app, "study-start").disabled
    started = []
    monkeypatch.setattr(start, "begin", lambda *given: started.append(given[-1]) or StudyFolder(tmp_path / "ward"))
    button(app, "study-start").click().run()
    (audit,) = started
    assert audit["accepted"] is True and audit["digest"] == "films"


def test_a_study_is_planned_before_it_starts(begun, monkeypatch, tmp_path):
    films = tmp_path / "ward"
    app = planned(begun, films)
    assert not app.exception and not button(app, "study-start").disabled and "Nothing to warn of." in text_of(app)
    text = text_of(app)
    assert "4 × 2 × 1 = 8 runs" in text and "20 min to 45 min" in text and "a remark" in text
    key_of(app, "number_input", "budget-hours").set_value(0.5).run()
    button(app, "study-cut").click().run()
    assert "To fit into" in text_of(app) and not app.exception
    assert 0 < app.session_state["experiments-draft"].data["shrink"] < 1
    assert key_of(app, "number_input", "budget-hours").value == 0.5
    started = []
    monkeypatch.setattr(
        start, "begin", lambda study, given, *rest: started.append((study.shrink, given)) or StudyFolder(films)
    )
    button(app, "study-start").click().run()
    assert started[0][1] == [films] and started[0][0] < 1


def _plan(job):
    from xraykit.experiments.plan import plan, sizes

    fold = sizes.FoldSize("1", 40, 40, 20, 0, 0)
    counts = {"trials": 4, "runs": 8, "seeds": 1, "films": 90, "held_out": 10, "impossible": 0, "repeated": 0}
    takes = {"learning": 1500.0, "features": 60.0, "start": 120.0, "low": 1200.0, "high": 2700.0, "at_most": False}
    sizes = {"memory": 2**30, "disk": 2**28, "device": "CPU", "shrink": 1.0}
    planned = plan.Plan(
        "tiny",
        "d",
        classes={"a": 90},
        folds=(fold, fold),
        remarks=("a remark",),
        films_digest="films",
        **counts,
        **takes,
        **sizes,
    )
    job.write("plan.json", planned.to_json())
    job.write_state(system_jobs.JobState(state="finished", verb="plan"))


def test_the_table_shows_what_the_csv_has(made):
    app = open_page(made.name)
    shown = snapshot.results(snapshot.find(made.name))
    frame = next(each for each in app.dataframe if "Beside the best" in each.value.columns)
    assert list(frame.value["Trial"]) == [str(row.number) for row in shown.ranked]
    assert len(frame.value) == len(shown.rows) == 2


def test_a_finished_study_whose_trial_could_not_be_chosen_is_resumed(made):
    """The disk was full when the held-out films were read: every run is done, and the choice is not."""
    made.write_state(_with(made, done=4, failed=0, state="finished", message="The held-out films were not read: full."))
    app = open_page(made.name)
    assert "The held-out films were not read" in text_of(app)
    assert "study-resume" in {each.key for each in app.button}
    study_results.choose(made, 1)
    assert "study-resume" not in {each.key for each in open_page(made.name).button}


def test_a_study_that_ended_before_its_end_is_resumed(made):
    made.write_state(_with(made, done=3, failed=1, state="failed", message="No space left on device."))
    assert "study-resume" in {each.key for each in open_page(made.name).button}
