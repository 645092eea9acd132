"""Studies on the command line before they start: listed, exported, planned, refused. Nothing is trained or probed."""

import json

import pytest
from click.testing import CliRunner

from tests.helpers import film_folders
from xraykit.__main__ import main
from xraykit.experiments.plan import plan
from xraykit.experiments.published import presets
from xraykit.system.jobs import Job


@pytest.fixture
def films(tmp_path, monkeypatch):
    for variable in ("CACHE", "RUNS", "DATASETS"):
        monkeypatch.setenv(f"XRAYKIT_{variable}", str(tmp_path / variable.lower()))
    monkeypatch.setattr(plan, "estimate_apart", probed)
    return film_folders.make(tmp_path / "films", films=20)


def probed(recipe, data, device, progress):
    phase = {"seconds_per_epoch": 5.0, "feature_seconds": 0.0, "images_per_second": 10.0}
    return {"phases": [phase] * len(recipe.phases), "compile_seconds": 2.0, "memory": 2**30, "device": "2 CPU cores"}


def call(*words):
    return CliRunner().invoke(main, ["study", *map(str, words)])


def test_every_preset_is_listed():
    listed = call("list").stdout
    assert all(f"\n{name}: " in f"\n{listed}" for name in presets.NAMED)
    assert [each["name"] for each in json.loads(call("list", "--json").stdout)] == list(presets.NAMED)


def test_an_exported_study_is_a_file_to_run(tmp_path):
    done = call("export", "tiny", "--set", "folds.count=3", "--set", "name=mine")
    (tmp_path / "mine.json").write_text(done.stdout)
    made = presets.load(tmp_path / "mine.json")
    assert (made.name, made.folds.count, made.factors) == ("mine", 3, presets.NAMED["tiny"].factors)


def test_a_plan_tells_runs_films_and_time(films):
    done = call("run", "tiny", "--plan", "--data", films)
    assert done.exit_code == 0, done.output
    assert "tiny: 60 films (COVID-19 20, Normal 20, Viral Pneumonia 20)" in done.stdout
    assert "4 trials x 2 folds x 1 seed = 8 runs; " in done.stdout and "held out for the chosen trial: " in done.stdout
    planned = json.loads(call("run", "tiny", "--plan", "--json", "--data", films, "--shrink", "0.5").stdout)
    assert planned["shrink"] == 0.5 and planned["folds"][0]["used"] < planned["folds"][0]["train"]


def test_a_plan_of_a_job_is_left_in_its_folder(films, tmp_path):
    out = tmp_path / "job"
    assert call("run", "tiny", "--plan", "--data", films, "--out", out).exit_code == 0
    job = Job(out)
    assert job.read("plan.json")["runs"] == 8 and "8 runs" in job.state().message


def test_a_budget_shrinks_the_films_and_says_so(films):
    whole = json.loads(call("run", "tiny", "--plan", "--json", "--data", films).stdout)
    fixed = plan.SLOWER * (whole["start"] + whole["features"])
    seconds = round(fixed + 0.5 * (whole["high"] - fixed))
    planned = json.loads(call("run", "tiny", "--plan", "--json", "--data", films, "--budget", f"{seconds}s").stdout)
    assert 0.4 < planned["shrink"] < 0.6 and "learns from" in planned["remarks"][0]
    short = call("run", "tiny", "--plan", "--data", films, "--budget", "5s")
    assert short.exit_code == 1 and "does not fit into 5 s" in short.stderr


@pytest.mark.parametrize(
    ("words", "code", "told_of"),
    [
        (["no-such-study"], 1, "mobilenet-heads"),
        (["tiny", "--set", "data=[]"], 1, "names no dataset"),
        (["tiny", "--set", "folds.colour=3"], 1, "field=value"),
        (["tiny", "--set", "design=all", "--set", "seeds=[1,1]"], 1, "seeds: Expected"),
        (["tiny", "--budget", "soon"], 2, "30m, 2h"),
        (["tiny", "--json"], 2, "need --plan"),
    ],
)
def test_a_study_that_cannot_run_is_refused_in_words(films, words, code, told_of):
    done = call("run", *words)
    assert done.exit_code == code and told_of in done.stderr and "Traceback" not in done.output


def test_films_that_cannot_be_divided_are_refused_with_every_reason(films, tmp_path):
    for film in sorted((films / "Normal").iterdir())[1:]:
        film.unlink()
    done = call("run", "tiny", "--plan", "--data", films, "--set", "folds.kind=leave-one-source-out")
    assert done.exit_code == 1
    assert "Normal has 1 film:" in done.stderr and "does not say which source" in done.stderr


@pytest.mark.parametrize(
    ("words", "seconds"), [("90s", 90), ("30m", 1800), ("30 min", 1800), ("1h30m", 5400), ("1d", 86400)]
)
def test_a_time_has_its_unit(words, seconds):
    from xraykit.cli.study.study import Time

    assert Time().convert(words, None, None) == seconds
