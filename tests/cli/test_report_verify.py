"""`python -m xraykit report verify`: every kind of report made again; what is handed in is not trusted."""

import copy
import dataclasses
import json
import random
from pathlib import Path
from types import SimpleNamespace

import msgspec
import numpy as np
import pytest
from click.testing import CliRunner

from tests.cli import test_report
from tests.helpers import data_audits, fakes, film_reports, kept_models, run_results, study_folders, study_results
from xraykit.__main__ import main
from xraykit.cli.report import write
from xraykit.reading import kept as sessions
from xraykit.reading.impressions import Impression
from xraykit.refused import Refused
from xraykit.reports.export.formats import FORMATS
from xraykit.reports.export.verify import films, verify
from xraykit.reports.export.verify import sidecar as sidecar_file
from xraykit.reports.export.verify.places import Places
from xraykit.reports.film.subject import Settings

KINDS = ("compare", "run", "study", "model", "data", "reading")
STEMS = {
    "compare": "comparison",
    "run": "run-one",
    "study": "study-rates",
    "model": "model-first",
    "data": "data-films",
    "reading": "reading-morning",
}
HOSTILE = (
    None,
    True,
    -1,
    10**400,
    1e308,
    "",
    "../../etc/passwd",
    "\u202e\x00",
    "x" * 5000,
    [],
    {},
    [[[]]],
    {"value": {"value": 1}},
)


def call(*words):
    return CliRunner().invoke(main, ["report", *map(str, words)])


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    """A computer with two models, a run, a study, a session and an audit, and the JSON of each of their reports."""
    root = tmp_path_factory.mktemp("house")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XRAYKIT_WEIGHTS", str(root / "weights"))
        patch.setenv("XRAYKIT_RUNS", str(root / "runs"))
        for seed, name in enumerate(("first", "second")):
            kept_models.keep(root / "weights", name, seed=seed, n=30)
        run_results.write(root / "runs", "one", epochs=9, n=30)
        asked = study_folders.study(folds={"kind": "single"})
        study_results.write(root / "runs" / "studies", asked, films=30, fold_names=["1"])
        (root / "audit.json").write_text(data_audits.full().to_json())
        session(root / "runs" / "readings" / "morning")
        made = {
            "compare": call("compare", "first", "second", "--out", root / "out", "--format", "json"),
            "run": call("run", "one", "--out", root / "out", "--format", "json"),
            "study": call("study", "rates", "--out", root / "out", "--format", "json"),
            "model": call("model", "first", "--out", root / "out", "--format", "json"),
            "data": call("data", root / "audit.json", "--out", root / "out", "--format", "json"),
            "reading": call("reading", "morning", "--out", root / "out", "--format", "json"),
        }
        assert {kind: done.exit_code for kind, done in made.items()} == dict.fromkeys(KINDS, 0), made["compare"].output
        yield root


def session(folder):
    folder.mkdir(parents=True)
    film = sessions.ReadFilm("a" * 64, 1, Impression(finding="Normal", seconds=9.0), name="ROE.png")
    record = sessions.Record(sessions.Options(keep=True, title="Morning", classes=("Normal",)), "", "", (film,))
    (folder / sessions.SESSION).write_bytes(msgspec.json.encode(record))


def sidecar(house, kind):
    return house / "out" / f"{STEMS[kind]}.json"


def altered(house, kind, tmp_path, change):
    held = json.loads(sidecar(house, kind).read_text())
    change(held)
    path = tmp_path / "altered.json"
    path.write_text(json.dumps(held))
    return path


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_report_is_verified(house, kind):
    done = call("verify", sidecar(house, kind))
    assert done.exit_code == 0, done.output
    assert " agree." in done.output and "differs" not in done.output


@pytest.mark.parametrize("kind", KINDS)
def test_every_json_says_what_makes_it_again_and_no_path(house, kind):
    text = sidecar(house, kind).read_text()
    redo = json.loads(text)["redo"]
    assert redo["verb"] == f"report {kind}" and redo["versions"]["xraykit"]
    assert {"arguments", "hashes"} <= set(redo)
    for planted in (*run_results.PLANTED, str(house), "/home/", "/films/", "ROE"):
        assert planted not in text, planted


@pytest.mark.parametrize("kind", ["compare", "run", "study"])
def test_a_changed_figure_is_named_with_its_section(house, kind, tmp_path):
    places = []

    def change(held):
        for section in held["sections"]:
            for table in section["tables"]:
                for row in table["rows"]:
                    for place, cell in enumerate(row):
                        values = cell.values() if isinstance(cell, dict) else [cell]
                        if any(isinstance(value, float) for value in values) and not places:
                            places.append((section["title"], table["columns"][place]))
                            row[place] = dict(cell, value=0.123) if isinstance(cell, dict) else 0.123

    done = call("verify", altered(house, kind, tmp_path, change))
    (title, column), *_ = places
    assert done.exit_code == 1 and f"differs  {title}: " in done.output and column in done.output
    assert "0.123 then, " in done.output


def test_other_files_are_told_one_by_one(house, tmp_path):
    def change(held):
        held["redo"]["hashes"]["files"]["history.csv"] = "0" * 64
        held["redo"]["versions"]["numpy"] = "1.0"

    done = call("verify", altered(house, "run", tmp_path, change), "--every")
    assert done.exit_code == 1 and "SHA-256 of history.csv: 00000000" in done.output
    assert "SHA-256 of recipe.json: " in done.output and "numpy 1.0 then, " in done.stderr
    told = json.loads(call("verify", tmp_path / "altered.json", "--json").stdout)
    assert told["agrees"] is False and told["differing"] == 1 and told["kind"] == "run"


def test_another_version_of_a_model_is_told(house, tmp_path, monkeypatch):
    weights = tmp_path / "weights"
    for seed, name in ((0, "first"), (5, "second")):  # trained again under the same name
        kept_models.keep(weights, name, seed=seed, n=30)
    monkeypatch.setenv("XRAYKIT_WEIGHTS", str(weights))
    done = call("verify", sidecar(house, "compare"))
    assert done.exit_code == 1 and "SHA-256 of evaluation.json of second" in done.output
    assert "of first" not in done.output.partition("Title, facts")[0]


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("compare", "The model first is not on this computer."),
        ("model", "say where it is with --model FOLDER"),
        ("run", "There is no run named one in nowhere. Say where runs lie with --runs FOLDER."),
        ("study", "Say where studies lie with --studies FOLDER."),
        ("reading", "Say where sessions lie with --readings FOLDER."),
    ],
)
def test_what_is_missing_is_said_with_how_to_give_it(house, kind, said, tmp_path, monkeypatch):
    monkeypatch.setenv("XRAYKIT_WEIGHTS", str(tmp_path / "nowhere"))
    monkeypatch.setenv("XRAYKIT_RUNS", str(tmp_path / "nowhere"))
    done = call("verify", sidecar(house, kind))
    assert done.exit_code == 1 and said in done.stderr and "Traceback" not in done.output


def test_places_can_be_given(house, tmp_path, monkeypatch):
    monkeypatch.setenv("XRAYKIT_WEIGHTS", str(tmp_path))
    monkeypatch.setenv("XRAYKIT_RUNS", str(tmp_path))
    models = [word for name in ("first", "second") for word in ("--model", house / "weights" / name)]
    given = {
        "compare": models,
        "run": ("--runs", house / "runs"),
        "study": ("--studies", house / "runs" / "studies"),
        "reading": ("--readings", house / "runs" / "readings"),
        "model": models,
    }
    for kind, words in given.items():
        assert call("verify", sidecar(house, kind), *words).exit_code == 0, kind
    monkeypatch.chdir(house / "weights" / "first")
    for here in (".", "../first"):
        assert call("verify", sidecar(house, "model"), "--model", here).exit_code == 0, here


def test_a_report_of_a_newer_xraykit_is_refused(house, tmp_path):
    done = call("verify", altered(house, "model", tmp_path, lambda held: held.update(format=2)))
    assert done.exit_code == 1 and "of the format 2; this xraykit reads 1. Update xraykit" in done.stderr


def test_a_run_that_went_on_is_said_to(house, tmp_path):
    def change(held):
        held["run"]["state"] = "running"

    done = call("verify", altered(house, "run", tmp_path, change))
    assert done.exit_code == 1 and "note: The run was not at its end" in done.output


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "Expected a report as JSON"),
        (b"\x00\xff", "Expected a report as JSON"),
        (b"[" * 100_000, "Expected a report as JSON"),
        (b'{"redo": {"verb": "report run"', "or a part of one"),
        (b"[]", "Expected a report as JSON"),
        (b"{}", "does not say how to make it again"),
        (b'{"redo": []}', "does not say how to make it again"),
        (b'{"redo": {"verb": ["report run"]}}', "of a kind that cannot be made again"),
        (b'{"redo": {"verb": "runs delete", "arguments": {"run": "one"}}}', "of a kind that cannot be made again"),
        (b'{"redo": {"verb": "report run", "arguments": {"run": "../one"}}}', "names a run that no run can be called"),
        (b'{"redo": {"verb": "report run", "arguments": {"run": 7}}}', "redo.arguments.run"),
        (b'{"redo": {"verb": "report compare", "arguments": {"models": ["first"]}}}', "redo.arguments.models"),
        (b'{"redo": {"verb": "report study", "arguments": {"study": "rates", "created": "now"}}}', "no day and time"),
    ],
)
def test_what_is_no_report_is_refused_in_words(tmp_path, content, said, house):
    (tmp_path / "a.json").write_bytes(content)
    done = call("verify", tmp_path / "a.json")
    assert done.exit_code == 1 and said in done.stderr and "Traceback" not in done.output


def test_a_model_beside_itself_is_no_comparison(house, tmp_path):
    done = call("compare", "first", "first", "--out", tmp_path)
    assert done.exit_code == 1 and "Expected each model once; first is given 2 times." in done.stderr
    again = altered(house, "compare", tmp_path, lambda held: held["redo"]["arguments"].update(models=["first"] * 2))
    done = call("verify", again)
    assert done.exit_code == 1 and done.stderr.startswith("Error: Expected 2 to 10 evaluations")


def test_a_class_that_no_model_knows_is_refused(house, tmp_path):
    path = altered(house, "compare", tmp_path, lambda held: held["redo"]["arguments"].update(label="Fracture"))
    assert "a class that first does not know" in call("verify", path).stderr


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "compare"])
def test_a_report_with_anything_in_it_is_answered_in_words(house, kind, tmp_path):
    """Values of every kind at every place, twenty files a kind: differences or a refusal, never another error."""
    whole = json.loads(sidecar(house, kind).read_text())
    draw = random.Random(kind)
    path = tmp_path / "fuzzed.json"
    for _ in range(20):
        held = copy.deepcopy(whole)
        for _ in range(draw.randrange(1, 5)):
            spoil(held["redo"] if draw.random() < 0.5 else held, draw)
        path.write_text(json.dumps(held))
        try:
            result = verify.verify(path, Places())
        except Refused as refused:
            assert refused.words
        else:
            assert all(figure.words for figure in result.differences) and json.dumps(result.to_dict())


def test_a_truncated_report_is_refused_wherever_it_ends(house, tmp_path):
    content = sidecar(house, "run").read_bytes()
    for share in (0.01, 0.3, 0.7, 0.999):
        (tmp_path / "a.json").write_bytes(content[: int(share * len(content))])
        assert "or a part of one" in call("verify", tmp_path / "a.json").stderr


def spoil(node, draw):
    """Put something else at a place, chosen by lot, in nested data."""
    while isinstance(node, dict | list) and node:
        keys = list(node) if isinstance(node, dict) else range(len(node))
        key = draw.choice(list(keys))
        inner = node[key]
        if not (isinstance(inner, dict | list) and inner) or draw.random() < 0.25:
            node[key] = copy.deepcopy(draw.choice(HOSTILE))
            return
        node = inner


def test_a_comparison_that_names_films_is_made_again_with_their_names(house, tmp_path):
    assert call("compare", "first", "second", "--names", "--out", tmp_path / "named.json").exit_code == 0
    assert "film-00" in (tmp_path / "named.json").read_text()
    done = call("verify", tmp_path / "named.json")
    assert done.exit_code == 0 and "note: The report names films" in done.output


@pytest.mark.parametrize(
    ("kind", "words"),
    [("run", ["one"]), ("study", ["rates"]), ("model", ["first"]), ("data", ["audit.json"]), ("reading", ["morning"])],
)
def test_no_page_holds_anything_private(house, tmp_path, kind, words, monkeypatch):
    monkeypatch.chdir(house)
    done = call(kind, *words, "--out", tmp_path, "--format", "html,md", "--full")
    assert done.exit_code == 0, done.output
    assert {path.suffix for path in tmp_path.iterdir()} == {".html", ".md"}
    for path in tmp_path.iterdir():
        for planted in (*run_results.PLANTED, str(house), "/films/ward", "one</b>.png", "ROE"):
            assert planted not in path.read_text(), (path.name, planted)


def test_one_file_is_written_where_its_name_says_which(house, tmp_path):
    done = call("run", "one", "--out", tmp_path / "talk" / "first.md")
    assert done.exit_code == 0 and [path.name for path in (tmp_path / "talk").iterdir()] == ["first.md"]
    both = call("run", "one", "--out", tmp_path / "a.md", "--format", "html,md")
    assert both.exit_code == 2 and "Give --out a folder." in both.stderr
    other = call("run", "one", "--out", tmp_path / "a.md", "--format", "html")
    assert other.exit_code == 2 and "a.md is a file of the format markdown" in other.stderr
    assert "Expected a folder, or a file that ends in .pdf" in call("run", "one", "--out", tmp_path / "a.doc").stderr
    dicom = call("run", "one", "--out", tmp_path, "--format", "dicom")
    assert dicom.exit_code == 2 and "dicom" not in dicom.stderr.partition("; got")[0].split("one of")[1]


def test_what_cannot_be_reported_is_said(house, tmp_path):
    assert "Expected the name of a run" in call("run", "two", "--out", tmp_path).stderr
    assert "There is no study named 'two'" in call("study", "two", "--out", tmp_path).stderr
    assert "No model named two" in call("model", "two", "--out", tmp_path).stderr
    assert "Expected --trial to be one of 1, 2" in call("study", "rates", "--trial", 7, "--out", tmp_path).stderr
    (tmp_path / "audit.json").write_text("{")
    assert "it cannot be read as one" in call("data", tmp_path / "audit.json", "--out", tmp_path).stderr


def test_a_run_that_lies_elsewhere_is_named_by_its_folder(house, tmp_path):
    assert call("run", house / "runs" / "one", "--out", tmp_path / "a.json").exit_code == 0
    assert json.loads((tmp_path / "a.json").read_text())["redo"]["arguments"]["run"] == "one"


def test_all_is_every_format_and_films_have_one_more():
    shown = write.wanted(Path("out"), "all", "paper", False)
    assert set(shown.kinds) == set(FORMATS) - {"dicom"}
    assert set(write.wanted(Path("out"), "all", "paper", False, films=True).kinds) == set(FORMATS)


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "name", "look"), [("run", "one", "stage"), ("study", "rates", "paper")])
def test_sheets_and_slides_hold_nothing_private(house, tmp_path, kind, name, look):
    done = call(kind, name, "--out", tmp_path, "--format", "pdf,pptx", "--look", look)
    assert done.exit_code == 0, done.output
    for path in tmp_path.iterdir():
        for content in test_report.texts_of(path):
            for planted in (*run_results.PLANTED, str(house)):
                assert planted.encode() not in content, (path.name, planted)


def test_a_comparison_as_it_was_shown_on_the_page_is_made_again(house, tmp_path):
    from xraykit.models import kept
    from xraykit.reports.comparison import page

    shown = page.Shown("column", "exact", False, (0, 1))
    made = page.of_models([kept.load_kept(name) for name in ("first", "second")], shown=shown)
    (tmp_path / "page.json").write_text(made.to_json())
    done = call("verify", tmp_path / "page.json")
    assert done.exit_code == 0, done.output
    for field, value, said in (
        ("target", "Sensitivity", "was made with an operating point"),
        ("listed", {"kind": "cell", "places": [0, 1, 1]}, "with films listed"),
        ("pair", [1, 7], "names a pair of models that there is not"),
        ("share", "diagonal", "redo.settings.share"),
    ):
        path = altered(
            house, "compare", tmp_path, lambda held, f=field, v=value: held["redo"]["settings"].update({f: v})
        )
        assert said in call("verify", path).stderr


@pytest.mark.parametrize(("method", "layer"), [("Score-CAM", "out_relu"), ("SmoothGrad", "input")])
def test_heatmaps_of_every_method_are_drawn_again(monkeypatch, tmp_path, method, layer):
    asked = []

    class Worker:
        def compute(self, task, progress):
            asked.append(task.method)
            return np.eye(7, dtype=np.float32)

        def end(self):
            asked.append("ended")

    card = dataclasses.replace(fakes.card("first"), files=film_reports.FILES, feature_layer="out_relu")
    monkeypatch.setattr(films, "Worker", Worker)
    film = film_reports.film()
    with films._explaining(Settings(method=method), [object()]) as explain:
        map_ = explain(SimpleNamespace(card=card, folder=tmp_path), film, card.classes[0])
    assert asked == [method, "ended"]
    assert (map_.method, map_.layer, map_.box) == (method, layer, film.square_box())
    with films._explaining(Settings(), [object()]) as explain:
        assert explain is None, "Grad-CAM needs no process"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"settings": {"method": "Grad-RAM"}}, "heatmaps by Grad-RAM"),
        ({"noise": {"samples": 5, "share": 0.2, "seed": 0}}, "5 samples of noise"),
    ],
)
def test_a_heatmap_that_cannot_be_drawn_again_is_refused_in_words(change, said):
    redo = {"verb": "report film", "arguments": {"created": film_reports.CREATED}}
    redo |= {"hashes": {"film": {"sha256": "a" * 64}}, **change}
    given = sidecar_file.Sidecar("film.json", {}, redo)
    with pytest.raises(sidecar_file.NotVerified, match=said):
        films.again(given, Places())
