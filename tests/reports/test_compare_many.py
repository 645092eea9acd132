"""Ten models and twenty classes with long names: a report that holds them, charts that can be read."""

import json
from dataclasses import replace

import pytest

from tests.helpers import many_models
from xraykit.evaluation import comparison
from xraykit.reports.charts import curves, grids, matrices, style
from xraykit.reports.comparison import cards, overview, page
from xraykit.reports.comparison.chosen import titles


@pytest.fixture(scope="module")
def seven():
    """Seven models, of which only two fit in full; few films of each class."""
    return page.of_models(many_models.kept(7, n=200))


@pytest.fixture(scope="module")
def five():
    return page.of_models(many_models.kept(5, 4, 240, leak=11))


def sections(report):
    return {section.key: section for section in report.sections}


def test_the_report_of_many_holds_the_two_best_in_full(seven):
    found = sections(seven)
    assert len(found["matrices"].pictures) == 2 and not found["matrices"].tables
    assert len(found["verdict"].tables[0].rows) == 7 and len(found["glance"].pictures[0].rows) == 7 * 400
    assert len(found["difference"].tables[0].rows) == 12 and len(found["difference"].pictures[0].rows) == 400
    assert len(found["by-class"].pictures[0].rows) == 140 and len(found["pairs"].pictures[0].rows) == 21
    assert len(found["pairs"].tables[1].rows) == 20 and len(found["reports"].tables) == 3
    assert seven.title == "Comparison of 7 models"


def test_few_films_are_said_before_anything_else_and_nothing_is_ranked(seven):
    verdict = sections(seven)["verdict"]
    assert verdict.words[0].startswith("Too few films for a verdict: ") and "No model is ranked" in verdict.words[0]
    assert {row[2] for row in verdict.tables[0].rows} == {None}
    assert not any(row["clear"] for row in sections(seven)["pairs"].pictures[0].rows)


def test_a_leak_is_told_beside_the_verdict_and_in_every_part(five):
    words = "11 of these films are among the training films"
    verdict = sections(five)["verdict"]
    assert verdict.words[0].startswith("11 of these 240 films are among the training and validation films")
    assert any("11 of these 240 films" in value for _, value in five.facts)
    for key in ("verdict", "pairs", "matrices", "curves", "by-class"):
        assert all(words in picture.note for picture in sections(five)[key].pictures), key
    assert json.loads(five.to_json())["warnings"] == [verdict.words[0]]
    assert words in five.markdown() and "11 of these 240 films" in five.markdown()


def test_titles_are_shown_and_folders_stand_in_what_is_typed(five):
    text = five.markdown().replace("\\", "")
    assert many_models.TITLES[0] in text and "--model run-0" in text
    assert "run-0" not in text.replace("--model run-0", "").replace("models sets run-0", "")
    assert json.loads(five.to_json())["redo"]["arguments"]["models"] == list(many_models.names(5))
    twins = [each._replace(card=replace(each.card, title="Same")) for each in many_models.kept(2, 3, 90)]
    assert titles(twins) == ("Same (run-00)", "Same (run-01)")


def test_ranks_of_several_are_a_table_and_a_grid(five):
    ranked = sections(five)["verdict"].tables[0]
    assert [row[0] for row in ranked.rows] == [1, 2, 3, 4, 5] and ranked.rows[0][2] == 1 and ranked.rows[-1][2] > 1
    grid = sections(five)["pairs"].pictures[0]
    clear = [row for row in grid.rows if row["clear"]]
    assert clear and all(row["value"] > 0 for row in clear), "the better model is the row"
    assert "●" in grid.svg("Notice") and len(sections(five)["pairs"].tables[0].rows) == 10


def test_models_with_other_classes_stand_side_by_side_without_a_verdict():
    three, five = many_models.evaluations(2, 3, 90)[0], many_models.evaluations(2, 5, 100)[1]
    section = overview.apart(("A", "B"), (three, five), "Other classes.")
    held = section.tables[1]
    assert [column.name for column in held.columns] == ["Class", "A", "B"]
    assert held.rows[-1][1:] == (overview.NO_CLASS, 20) and section.words == ("Other classes.",)
    assert held.csv().count("\n") == 6


def test_nothing_is_said_beside_a_published_figure_of_few_films():
    figure = many_models.kept(2, 3, 90)[0].test.metrics()["accuracy"]
    few = cards._beside("A", figure, 0.5, {"Normal": 5})
    assert few.startswith("A: Too few films for a verdict: Normal 5") and "interval lies" not in few
    assert "the interval lies" in cards._beside("A", figure, 0.5, {}) and comparison.FEWEST == 30


@pytest.mark.parametrize("count", [3, 20])
def test_cells_are_square_and_names_are_whole_or_numbered(count):
    classes = many_models.CLASSES[:count]
    rows = [
        {"reference": a, "predicted": b, "films": int(a == b), "row_share": float(a == b), "column_share": None}
        for a in classes
        for b in classes
    ]
    spec = matrices.matrix(rows, classes).to_dict()
    assert spec["width"] == spec["height"] <= 600 and spec["autosize"] == "pad"
    axis = spec["layer"][0]["encoding"]["x"]["axis"]
    assert ('"1"' in axis["labelExpr"]) == (count > 3) and axis["labelAngle"] == 0
    ink = spec["layer"][1]["encoding"]["color"]["condition"][0]
    assert ink == {"test": "datum.films === 0", "value": style.SCREEN.faint}, "cells without films are muted"
    short = matrices.matrix(
        [row | {"reference": "A", "predicted": "A"} for row in rows[:1]], ["Viral Pneumonia", "Normal"]
    ).to_dict()
    assert '["Viral Pneumonia"]' in short["layer"][0]["encoding"]["x"]["axis"]["labelExpr"].replace('", "', " ")


def test_a_name_cannot_become_code():
    above, beside = grids.axes(['x"] + alert(1)', "constructor"], 100, style.PAPER, numbered=True)
    for axis in (above, beside):
        text = axis.to_dict()["labelExpr"].removesuffix("[datum.label]")
        assert set(json.loads(text)) == {'x"] + alert(1)', "constructor"}


def test_of_many_curves_two_are_coloured_and_the_others_step_back():
    points = [{"model": name, "x": x, "y": x, "place": x} for name in "abcdefghij" for x in (0, 1)]
    spec = curves.roc(points, list("abcdefghij"), "ill", focus=("c", "h")).to_dict()
    colours = spec["layer"][1]["encoding"]["color"]["scale"]["range"]
    assert colours[2] != colours[7] and len({colours[k] for k in range(10) if k not in (2, 7)}) == 1
    assert {"pointed", "listed"} == {param["name"] for param in spec["params"]}
    assert style.places_of(list("abcd")) == [0, 1, 2, 3]
