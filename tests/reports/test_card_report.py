"""A card's report, made of shipped and made-up cards: what it says, and in every format."""

import csv
import dataclasses
import html
import html.parser
import io
import json

import pytest

from tests.helpers import ROOT, fakes
from xraykit import RESEARCH_ONLY
from xraykit.evaluation import published
from xraykit.evaluation.stats import Figure
from xraykit.models.cards import card
from xraykit.reports.report.page import Section
from xraykit.reports.truth import card as card_report

SHIPPED = card.read(ROOT / "weights" / "mobilenetv2-imagenet")
SCRATCH = card.read(ROOT / "weights" / "mobilenetv2-scratch")
BARE = dataclasses.replace(fakes.card("bare", "A card that says little"), parameters=0)
NASTY = dataclasses.replace(
    BARE, name="nasty", title="<script>alert(1)</script> | *bold*", limits=("</style><b>x</b>",)
)


def section(shown: card.Card, key: str) -> Section:
    return {section.key: section for section in card_report.sections(shown)}[key]


def a_card(low: float, high: float, **data) -> card.Card:
    """A card that carries the figures published on DarkCovid, with an accuracy of 0.9 and this interval."""
    test = {**SHIPPED.metrics["test"], "accuracy": {"value": 0.9, "low": low, "high": high, "n": 200}}
    metrics = {**SHIPPED.metrics, "test": test, "published": published.for_card("", "darkcovid")}
    return dataclasses.replace(SHIPPED, metrics=metrics, data={**SHIPPED.data, **data})


@pytest.mark.parametrize(
    "low,high,words", [(0.88, 0.93, "lies above"), (0.85, 0.93, "contains"), (0.8, 0.86, "lies below")]
)
def test_the_card_lays_published_figures_beside_its_own_with_the_interval(low, high, words):
    shown = section(a_card(low, high), "published")
    (table,) = shown.tables
    assert [row[0] for row in table.rows] == ["This model", "DarkCovidNet", "header-only tree"]
    assert table.rows[0][2] == Figure(0.9, low, high, 200) and table.rows[1][2] == "87.0%"
    assert f"[{100 * low:.1f}, {100 * high:.1f}] {words} the published 87.0%" in shown.words[0]
    assert "not a test" in shown.words[-1]
    page = card_report.report(a_card(low, high)).html()
    assert "87.0%" in page and "92.3%" in page


def test_a_shipped_model_has_the_figure_on_its_films_where_it_is_of_the_same_start():
    assert "published" not in [section.key for section in card_report.sections(SHIPPED)]
    rows = section(SCRATCH, "published").tables[0].rows
    sensitivity = SCRATCH.metrics["test"]["classes"]["COVID-19"]["sensitivity"]
    assert rows[0][1:3] == ("COVID-19 sensitivity", Figure.from_dict(sensitivity)) and rows[1][2] == "81.0%"


@pytest.mark.parametrize("shown", [SHIPPED, SCRATCH, BARE], ids=["pretrained", "scratch", "bare"])
def test_every_table_is_handed_out_as_csv_with_a_cell_for_each_head(shown):
    tables = [table for section in card_report.sections(shown) for table in section.tables]
    for table in tables:
        head, *rows = csv.reader(io.StringIO(table.csv()))
        assert len(rows) == len(table.rows) and {len(row) for row in rows} <= {len(head)}, table.key


def test_a_card_of_other_films_says_nothing_of_published_figures():
    others = dataclasses.replace(SCRATCH, data={**SCRATCH.data, "name": "darkcovid-x", "digest": "of other films"})
    assert "published" not in [section.key for section in card_report.sections(others)]


def test_the_card_tells_which_training_films_were_used():
    used = {"COVID-19": 75, "Normal": 75, "Viral Pneumonia": 75}
    table, facts = section(a_card(0.8, 0.9, train_used=used, shrink=0.1, balance="undersample"), "data").tables
    assert table.columns[-1].name == "trained on"
    assert [row[-1] for row in table.rows] == [75, 75, 75, 225]
    rows = dict(facts.rows)
    assert rows["Training films used"] == "10.0%, in whole groups, then as many of each class as of the smallest"
    assert not {"Train used", "Shrink", "Balance"} & set(rows)
    whole = a_card(0.8, 0.9, train_used=SHIPPED.data["counts"]["train"])
    assert section(whole, "data").tables[0].columns[-1].name == "all"
    assert dict(section(SHIPPED, "data").tables[1].rows)["Training films used"] == "all"


def test_counts_of_every_split_and_figures_of_every_class_are_there():
    films = section(SHIPPED, "data").tables[0]
    assert [column.name for column in films.columns] == ["Films", "train", "validation", "test", "all"]
    assert films.rows[-1] == ("All", 2250, 300, 450, 3000)
    rows = {row[0]: row[1:] for row in section(SHIPPED, "classes").tables[0].rows}
    expected = SHIPPED.metrics["test"]["classes"]["COVID-19"]["sensitivity"]
    assert rows["COVID-19"][1] == Figure.from_dict(expected) and rows["COVID-19"][1].low < rows["COVID-19"][1].value
    before = SHIPPED.metrics["test"]["calibration"]["before"]["ece"]
    assert f"{before:.4f}" in section(SHIPPED, "calibration").tables[0].rows[0]


@pytest.mark.parametrize("shown", [BARE, NASTY, SHIPPED, a_card(0.8, 0.9)], ids=lambda shown: shown.name)
def test_any_card_makes_a_page_that_needs_nothing_else(shown):
    page = card_report.report(shown).html()
    seen = tags_of(page)
    assert not seen & {"script", "link", "img", "iframe", "object"} and "url(" not in page and "@import" not in page
    assert "<script>alert" not in page and "</style><b>" not in page and RESEARCH_ONLY in page
    assert "None" not in page and "nan" not in page.lower().replace("predominan", "")
    text = card_report.report(shown).markdown()
    assert text.startswith("# ") and RESEARCH_ONLY in text and "<script>" not in text.replace("\\<", "")


def test_page_and_files_say_the_same():
    report = card_report.report(SHIPPED)
    page, text = html.unescape(report.html()), report.markdown().replace("\\", "")
    for section in report.sections:
        for words in (section.title, *section.words, *(cell for table in section.tables for cell in table.written[0])):
            assert words.split(" [")[0] in page and words.replace("\\", "") in text, words


def test_what_a_card_does_not_say_is_not_reported():
    text = card_report.report(BARE).markdown()
    assert text.count(card_report.UNKNOWN) >= 10
    for unknown in ("How it was trained", "Figures by class", "Confusion matrix", "Calibration", "Agreement"):
        assert unknown in text


def test_the_recipe_is_told_in_plain_words():
    text = card_report.report(SHIPPED).markdown()
    for words in ("pretrained on ImageNet", "8 epochs", "AdamW at learning rate 0.0005", "rotation up to 10 degrees"):
        assert words in text, words
    assert "27 minutes" in text or "27 min" in text


def test_hashes_are_in_the_file():
    assert json.loads(SHIPPED.to_json())["files"]["model.keras"] in card_report.report(SHIPPED).html()


def tags_of(page: str) -> set[str]:
    tags = set()

    class Parser(html.parser.HTMLParser):
        def handle_starttag(self, tag, attributes):
            tags.add(tag)

    Parser().feed(page)
    return tags


def test_the_card_of_an_imported_model_says_where_it_came_from_and_what_is_not_known():
    imported = {"file": "my.keras", "sha256": "ab12", "keras": "2.15.0", "scaling": "0..1", "output": "a softmax"}
    checked = {"agreement_with_keras": {"largest_difference": 2e-3, "films": 12, "kind": "synthetic", "allowed": 2e-2}}
    shown = dataclasses.replace(
        BARE, recipe={"imported": imported, "backbone": "imported network"}, metrics=checked, feature_layer=""
    )
    trained = " ".join(section(shown, "recipe").words)
    assert "my.keras (Keras version 2.15.0; SHA-256 ab12)" in trained and "divided by 255" in trained
    assert "How it was trained: not reported." in trained and "Augmentation" not in trained
    assert section(shown, "calibration").words[0].startswith("Not calibrated: imported at temperature 1")
    said = section(shown, "network").words[0]
    assert "On 12 synthetic films" in said and "2.0e-03; up to 2e-02 is allowed" in said
    assert "no Grad-CAM heatmap" in str(section(shown, "software").parts)
    assert "imported network" in str(card_report.headline(shown))
