"""The Compare page as a user meets it, without a browser: made-up models in a folder of their own."""

import csv
import hashlib
import html
import io
import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from tests.helpers import ROOT, fakes, kept_models, many_models
from xraykit import RESEARCH_ONLY
from xraykit.evaluation import comparison, published
from xraykit.evaluation.decisions import changes
from xraykit.reports.comparison import page
from xraykit.reports.comparison.chosen import Choice, Chosen, Target
from xraykit.reports.report.page import Report
from xraykit.truth import elsewhere
from xraykit.ui.compare import inputs
from xraykit.ui.server import inference

APP = str(ROOT / "app.py")
PAGE = str(ROOT / "pages" / "compare.py")
NAMES = ("alpha-scratch", "beta-imagenet", "gamma-imagenet", "delta-imagenet")


@pytest.fixture
def root(tmp_path, monkeypatch):
    monkeypatch.setenv("XRAYKIT_WEIGHTS", str(tmp_path / "weights"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    (tmp_path / "weights").mkdir()
    inference.use(fakes.Client())
    return tmp_path / "weights"


@pytest.fixture
def two(root):
    return [
        kept_models.keep(root, NAMES[0], seed=0, skill=1.0),
        kept_models.keep(root, NAMES[1], seed=1, skill=2.5, weights="imagenet"),
    ]


TITLES = tuple(f"The model {name}" for name in NAMES)


def open_page(**address: str | list[str]) -> AppTest:
    app = AppTest.from_file(APP, default_timeout=60)
    for name, value in address.items():
        app.query_params[name] = value
    app.switch_page(PAGE)
    return app.run()


def words(app: AppTest) -> str:
    blocks = [block.proto.body for block in app.get("html")]
    return html.unescape("\n".join([*blocks, *(block.value for block in (*app.markdown, *app.warning, *app.error))]))


def handout(compared, choice: Choice, applied, chosen: Chosen | None, listed, names: bool = False) -> Report:
    from xraykit.ui.compare import material

    sections = material.sections(compared, choice, applied, chosen)
    return page.report(compared, choice, applied, chosen, listed, sections, names=names)


def test_without_two_models_the_page_says_what_to_do(root):
    app = open_page()
    assert "python -m xraykit train" in words(app) and "Report" not in [each.label for each in app.button]
    kept_models.keep(root, NAMES[0], seed=0)
    app = open_page()
    assert not app.exception and "needs two" in words(app) and "runs keep RUN --as NAME" in words(app)


def test_home_and_elsewhere_stand_first_and_films_from_elsewhere_can_be_compared(two, root):
    away = [kept_models.readings(name, 30, seed=k, skill=0.0, data="ward") for k, name in enumerate(NAMES[:2])]
    known = ("train", *[""] * 29)
    for name, given in zip(NAMES, (away[0], replace(away[1], known=known)), strict=False):
        elsewhere.attach(root / name, given, elsewhere.Source("ward", "a ward"), compared=9)
    text = words(app := open_page())
    assert not app.exception and text.index("At home and elsewhere") < text.index("Verdict on made up, test split")
    app.selectbox(key="place").set_value("ward").run()
    text = words(app)
    assert not app.exception and "Verdict on ward" in text and "n = 29" in text, "a film that one knows is out for both"
    assert text.index("At home and elsewhere") < text.index("Verdict on ward")


def test_two_models_are_compared_at_once_scratch_first(two):
    app = open_page()
    assert not app.exception
    assert app.multiselect(key="models").value == list(NAMES[:2])
    titled = [replace(each, model=title) for each, title in zip(two, TITLES, strict=False)]
    assert comparison.compare(titled).pairs[0].words[0] in words(app)


def test_every_part_is_on_the_page(two):
    text = words(app := open_page())
    parts = ("Confusion matrices", "Paired differences", "DeLong", "Calibration")
    parts += ("Each class against the rest", "Curves", "Training", "What differs", "Cost", "Best epoch")
    assert [part for part in parts if part not in text] == []
    assert app.button(key="compare-report").label == "Report" and app.get("download_button") == []


def test_published_figures_stand_beside_models_of_those_films_alone(two, root, monkeypatch):
    title = "Comparison with published figures"
    assert title not in words(open_page())
    card = json.loads((root / NAMES[0] / "card.json").read_text())
    monkeypatch.setitem(published.DIGESTS, "of these films", "radiography")
    card["data"]["digest"] = "of these films"
    (root / NAMES[0] / "card.json").write_text(json.dumps(card))
    text = words(open_page())
    assert title in text and "81.0%" in text and f"Here: {TITLES[0]}" in text
    assert f"{TITLES[0]}: Too few films for a verdict: COVID-19 20" in text and "the published 81.0%" not in text
    assert f"Here: {TITLES[1]}" not in text, "the figure is of training from scratch"


def test_a_set_that_a_card_names_has_its_published_figures(two, root):
    card = json.loads((root / NAMES[1] / "card.json").read_text())
    card["metrics"]["published"] = published.for_card("", "darkcovid")
    (root / NAMES[1] / "card.json").write_text(json.dumps(card))
    text = words(open_page())
    assert "DarkCovidNet" in text and f"Here: {TITLES[1]}" in text and f"Here: {TITLES[0]}" not in text


def test_a_link_opens_the_page_with_models_and_options(root, two):
    kept_models.keep(root, NAMES[2], seed=2, weights="imagenet")
    app = open_page(
        models=[NAMES[2], NAMES[0]], point="Specificity", wanted="90", interval="Exact", margin="2", films="cell-1-0-0"
    )
    assert not app.exception
    text = words(app)
    assert app.multiselect(key="models").value == [NAMES[2], NAMES[0]]
    assert "Clopper-Pearson" in text and "Operating point" in text and "(margin 2 points)" in text
    assert f"{TITLES[0]}: reference COVID-19, predicted COVID-19" in text


def test_a_link_written_before_the_operating_point_was_renamed_still_opens_it(two):
    app = open_page(point="By hand", threshold="0.3")
    assert not app.exception and "at probability ≥ 0.300" in words(app)


def test_a_link_to_what_is_not_there_opens_the_page_all_the_same(two):
    app = open_page(models=["nobody"], films="cell-7-9-9", point="Sideways", wanted="word", margin="much")
    assert not app.exception and "Confusion matrices" in words(app)


def test_the_films_that_one_model_gets_right_are_listed(two):
    app = open_page()
    pair = comparison.compare(two).pairs[0]
    app.button(key="fixes-0-1").click().run()
    assert not app.exception
    assert f"{len(pair.fixes)} film" in words(app) and "correct only with The model beta-imagenet" in words(app)
    del app.query_params["films"]
    app.run()
    assert "correct only with The model beta-imagenet" not in words(app)


def test_a_cell_of_the_difference_lists_the_films_that_moved(two):
    app = open_page(films="changed-0-1-0-0")
    cell = changes.changes(two[0].truth, two[0].predicted, two[1].predicted, two[0].classes, np.arange(60))[0]
    moved = len(cell.entered) + len(cell.left)
    assert not app.exception and moved and f"{moved} film" in words(app)
    assert (
        "reference COVID-19, predicted COVID-19 by The model alpha-scratch or The model beta-imagenet alone"
        in words(app)
    )
    del app.query_params["films"]
    app.run()
    assert "reference COVID-19" not in words(app)


@pytest.mark.parametrize(
    "films", ["changed-0-1-0", "changed-1-0-0-0", "changed-0-1-0-3", "cell-0-1-0-0", "fixes-0-1-0"]
)
def test_an_address_of_films_that_cannot_be_lists_none(films, monkeypatch):
    monkeypatch.setattr(inputs.st, "query_params", {"films": films})
    assert inputs.chosen_films(2, 3) is None


def test_of_several_models_the_pair_is_chosen(two, root):
    kept_models.keep(root, NAMES[2], seed=2, skill=0.0, weights="imagenet")
    app = open_page(models=list(NAMES[:3]), pair=f"{NAMES[2]} minus {NAMES[1]}")
    assert not app.exception and app.selectbox(key="pair").value == f"{NAMES[2]} minus {NAMES[1]}"
    assert f"{TITLES[2]} minus {TITLES[1]}" in words(app) and "Too few COVID-19 films for a verdict: 20" in words(app)


def test_a_list_of_films_that_was_closed_does_not_come_back_with_an_older_address(monkeypatch):
    """A busy page may have sent its address before it heard that the list was closed."""
    address, session = {"films": "cell-0-1-0"}, {}
    monkeypatch.setattr(inputs, "st", SimpleNamespace(query_params=address, session_state=session))
    assert inputs.chosen_films(2, 3) == Chosen("cell", (0, 1, 0))
    inputs.list_none()
    assert address == {}
    address["films"] = "cell-0-1-0"
    assert inputs.chosen_films(2, 3) is None and address == {}, "the address is mended too"
    inputs.list_films("cell", 0, 1, 0)
    assert inputs.chosen_films(2, 3) == Chosen("cell", (0, 1, 0)), "asked for again by a click"


def test_other_films_are_refused_with_the_reason(root, two):
    kept_models.keep(root, NAMES[2], seed=2, n=30, folder="elsewhere")
    app = open_page(models=[NAMES[0], NAMES[2]])
    assert not app.exception and "tested on different films" in words(app)


def test_other_classes_are_refused_with_both_lists_and_those_alike_offered(root, two):
    kept_models.keep(root, NAMES[2], seed=2, classes=("forest", "sea", "street"))
    app = open_page(models=[*NAMES[:2], NAMES[2]])
    text = words(app)
    assert "Expected the same classes" in text and "forest, sea, street" in text and "not a class of it" in text
    app.button(key="compare-group-0").click().run()
    assert not app.exception and app.multiselect(key="models").value == list(NAMES[:2]) and "Verdict" in words(app)


def test_models_tested_on_other_films_are_compared_on_those_in_common(root, two):
    kept_models.keep(root, NAMES[2], seed=2, n=30)
    app = open_page(models=[NAMES[0], NAMES[2]])
    assert "tested on different films" in words(app) and "Verdict" not in words(app)
    button = app.button(key="compare-shared")
    assert button.label == "Compare on the 30 films both were tested on"
    button.click().run()
    assert not app.exception and "On the 30 films that all of these models were tested on" in words(app)
    assert "Too few films for a verdict" in words(app)
    app.button(key="compare-all").click().run()
    assert "tested on different films" in words(app)


def test_of_many_models_two_are_shown_in_full(root):
    names = many_models.keep(root, 5, 3, 240)
    app = open_page(models=list(names))
    text = words(app)
    assert not app.exception and "pairs of models can be told apart" in text
    assert "Confusion matrices of all models" in text and "In full below" in text
    assert len(app.get("arrow_data_frame") or app.dataframe) == 1
    first = app.selectbox(key="pair").value
    other = next(
        option for option in (f"{names[1]} minus {names[0]}", f"{names[2]} minus {names[0]}") if option != first
    )
    app.selectbox(key="pair").set_value(other).run()
    assert not app.exception and f"In full below: {many_models.TITLES[0]}, and" in words(app)
    assert other in app.query_params["pair"]


def test_a_model_without_an_evaluation_is_named_with_the_reason(root, two):
    kept_models.keep(root, "bare", seed=3)
    (root / "bare" / "evaluation.json").unlink()
    app = open_page()
    assert not app.exception and "bare" in words(app) and "Models that cannot be compared" in str(app.expander)


def test_a_target_out_of_reach_is_said_and_the_page_stays(root):
    for place, name in enumerate(NAMES[:2]):
        kept_models.keep(root, name, seed=place, skill=0.0)
    app = open_page(point="Specificity", wanted="100")
    assert not app.exception and "can only be reached" in words(app) and "highest probability" in words(app)


def test_a_saved_point_is_applied_to_its_network_and_refused_for_a_new_one(root, two):
    from xraykit.ui.compare import material

    def compared():
        usable, _ = material.models()
        return material.compare([usable[name] for name in NAMES[:2]], None)

    of = compared()
    choice = Choice("Normal", "row", "wilson", Target.SENSITIVITY, 0.9, None, True)
    points = material.apply_points(of, choice)
    saved = handout(of, choice, points, None, np.array([], int)).to_json()
    again = Choice("COVID-19", "row", "wilson", Target.SAVED, 0.0, None, True, saved)
    assert (material.apply_points(of, again)[TITLES[0]].confusion == points[TITLES[0]].confusion).all()
    (root / NAMES[0] / "model.keras").write_bytes(b"another network")
    card = json.loads((root / NAMES[0] / "card.json").read_text())
    card["files"]["model.keras"] = hashlib.sha256(b"another network").hexdigest()
    (root / NAMES[0] / "card.json").write_text(json.dumps(card))
    found = material.apply_points(compared(), again)
    assert "Choose a new one" in found[TITLES[0]] and not isinstance(found[TITLES[1]], str)


def test_without_a_saved_file_the_page_asks_for_one(two):
    app = open_page(point="Saved points")
    assert not app.exception and "No saved point" in words(app)


def test_long_names_and_four_models_keep_the_page(root):
    for place, name in enumerate(NAMES):
        kept_models.keep(root, f"{name}-with-a-name-that-goes-on-and-on-for-a-lecture", seed=place, weights="imagenet")
    names = sorted(path.name for path in root.iterdir())
    app = open_page(models=names)
    assert not app.exception
    assert "Holm-adjusted over 6 pairs" in words(app) and "No model is ranked" in words(app)
    assert words(app).index("Too few films for a verdict") < words(app).index("Holm-adjusted")


def test_the_words_of_the_page_claim_nothing_clinical(two):
    text = words(open_page()).lower().replace(RESEARCH_ONLY.lower(), "")
    assert "diagnos" not in text and "confiden" not in text


def test_what_is_handed_out_holds_the_numbers_of_the_page(two):
    from xraykit.ui.compare import material

    usable, _ = material.models()
    kept = [usable[name] for name in NAMES[:2]]
    choice = Choice("Normal", "row", "wilson", Target.SENSITIVITY, 0.9, None, True)
    of = material.compare(kept, None)
    applied = material.apply_points(of, choice)
    chosen = Chosen("cell", (0, 1, 1))
    listed = material.films(of, applied, chosen)
    unnamed = handout(of, choice, applied, chosen, listed)
    assert not [format for format in (unnamed.to_json(), unnamed.html(), unnamed.markdown()) if "film-000" in format]
    assert of.comparison.evaluations[0].hashes[listed[0]][:12] in unnamed.to_json()
    page = handout(of, choice, applied, chosen, listed, names=True)
    data, text = json.loads(page.to_json()), html.unescape(page.html())
    point = applied[TITLES[0]]
    assert [of.comparison.films[i] for i in listed] == data["films"]["names"] and len(listed) == point.confusion[1, 1]
    charts = {chart["key"]: chart for section in data["sections"] for chart in section["charts"]}
    assert [row["films"] for row in charts["matrix-0"]["rows"]] == point.confusion.ravel().tolist()
    assert np.array_equal(data["operating_points"][NAMES[0]]["confusion"], point.confusion)
    assert RESEARCH_ONLY in text and "<script" not in text and "http" not in text.replace("http://www.w3.org", "")
    for section in page.sections:
        for table in section.tables:
            rows = list(csv.DictReader(io.StringIO(table.csv())))
            assert len(rows) == len(table.rows)
            parts = [part for row in table.written for cell in row for part in cell.replace(" [", "|[").split("|")]
            assert [part for part in parts if part not in text] == [], "an interval may stand below its figure"


def test_ten_thousand_films_and_four_models_rerun_without_comparing_again(root, monkeypatch):
    for place, name in enumerate(NAMES):
        kept_models.keep(root, name, seed=place, n=2000, weights="imagenet")
    app = open_page(models=list(NAMES))
    monkeypatch.setattr(comparison, "compare", None)
    app.run()
    assert not app.exception, "a rerun takes the comparison from the cache"


def test_a_film_known_by_its_hash_alone_is_found_in_the_users_folder(tmp_path, monkeypatch):
    from xraykit.ui.kit import film_list

    monkeypatch.setattr(film_list, "_names", lambda folder: film_list.names_by_hash(Path(folder)))  # no session here
    (tmp_path / "Normal").mkdir()
    (tmp_path / "Normal" / "b.png").write_bytes(b"film")
    sha = hashlib.sha256(b"film").hexdigest()
    for film in (sha, f"{sha} (2)"):
        assert film_list._name_of(film, tmp_path, sha) == "Normal/b.png"
    assert film_list._name_of("Normal/other.png", tmp_path, sha) == "Normal/other.png"
    assert film_list._name_of("0" * 64, tmp_path, "0" * 64) == "0" * 64
