"""The Models page and a card's downloads, without a browser and with a fake inference client."""

import html.parser
import json
from dataclasses import replace

import pytest
from streamlit.testing.v1 import AppTest

from tests.helpers import ROOT, fakes
from xraykit.films.refusal import Refusal
from xraykit.models import card as cards
from xraykit.reports import card_export, card_report
from xraykit.ui import server
from xraykit.ui.frame import RESEARCH_ONLY

APP = str(ROOT / "app.py")
SHIPPED = cards.read(ROOT / "weights" / "mobilenetv2-imagenet")
BARE = replace(fakes.card("bare", "A card that says little"), parameters=0)
NASTY = replace(BARE, name="nasty", title="<script>alert(1)</script> | *bold*", limits=("</style><b>x</b>",))


def open_page(monkeypatch, client: fakes.Client, query: str | None = None) -> AppTest:
    monkeypatch.setattr(server, "_client", client)
    app = AppTest.from_file(APP, default_timeout=60)
    app.switch_page("pages/models.py")
    if query is not None:
        app.query_params["model"] = query
    return app.run()


def words(app: AppTest) -> str:
    blocks = [block.proto.body for block in app.get("html")]
    return "\n".join([*blocks, *(block.value.replace("\\", "") for block in app.warning)])


def test_the_page_shows_a_card_from_use_to_hashes(monkeypatch):
    text = words(open_page(monkeypatch, fakes.Client(cards=[SHIPPED])))
    for told in (
        SHIPPED.title,
        "Intended use",
        "Not for",
        "Known failures and limits",
        "Data",
        "Recipe",
        "Calibration",
        "Checked against its network",
        "not reported",
        "99.6%",
        "98.4% to 99.9%",
        "near-duplicates",
        "took 2 of 150 films of COVID-19 for Normal",
        *SHIPPED.files.values(),
        *SHIPPED.software.values(),
        RESEARCH_ONLY,
    ):
        assert told in text, told


def test_counts_of_every_split_and_figures_of_every_class_are_there():
    sections = {section.title: section.blocks for section in card_report.describe(SHIPPED)}
    assert sections["Data"][0].head == ("Films", "train", "validation", "test", "all")
    assert sections["Data"][0].rows[-1] == ("All", 2250, 300, 450, 3000)
    rows = {row[0]: row[1:] for row in sections["Each class against the rest, test split"][0].rows}
    found = SHIPPED.metrics["test"]["classes"]["COVID-19"]
    assert rows["COVID-19"][1].value == found["sensitivity"]["value"] and rows["COVID-19"][1].low < 0.96
    before = SHIPPED.metrics["test"]["calibration"]["before"]["ece"]
    assert f"{before:.4f}" in sections["Calibration"][0].rows[0]


@pytest.mark.parametrize("card", [BARE, NASTY, SHIPPED], ids=lambda card: card.name)
def test_any_card_makes_a_page_that_needs_nothing_else(card):
    page = card_export.to_html(card)
    seen = tags_of(page)
    assert not seen & {"script", "link", "img", "iframe", "object"} and "url(" not in page and "@import" not in page
    assert "<script>alert" not in page and "</style><b>" not in page and card_report.RESEARCH_ONLY in page
    assert "None" not in page and "nan" not in page.lower().replace("predominan", "")
    text = card_export.to_markdown(card)
    assert text.startswith("# ") and card_report.RESEARCH_ONLY in text and "<script>" not in text.replace("\\<", "")


def test_what_a_card_does_not_say_is_not_reported():
    text = card_export.to_markdown(BARE)
    assert text.count(card_report.UNKNOWN) >= 10
    for unknown in ("How it was trained", "Figures by class", "Confusion matrix", "Calibration", "Agreement"):
        assert f"{unknown}" in text


def test_the_json_download_is_the_card(monkeypatch):
    app = open_page(monkeypatch, fakes.Client(cards=[SHIPPED]))
    labels = {button.label for button in app.get("download_button")}
    assert labels == {"Download HTML", "Download Markdown", "Download JSON"}
    assert cards.Card.from_json(SHIPPED.to_json()) == SHIPPED
    assert json.loads(SHIPPED.to_json())["files"]["model.keras"] in card_export.to_html(SHIPPED)


def test_a_link_opens_the_card_it_names_and_choosing_another_changes_the_link(monkeypatch):
    client = fakes.Client(cards=[SHIPPED, BARE])
    app = open_page(monkeypatch, client, "bare")
    assert BARE.title in words(app) and SHIPPED.title not in words(app)
    app.session_state["model"] = SHIPPED.name
    app.run()
    assert not app.exception and SHIPPED.title in words(app)


def test_a_link_to_no_model_says_so_and_shows_another(monkeypatch):
    text = words(open_page(monkeypatch, fakes.Client(cards=[SHIPPED]), "none-such"))
    assert "no model named none-such" in text and SHIPPED.title in text


def test_models_that_could_not_be_loaded_are_named_with_the_reason(monkeypatch):
    refusal = Refusal("stranger", "hash-mismatch", "Expected the files of the card; got others.")
    text = words(open_page(monkeypatch, fakes.Client(cards=[SHIPPED], broken_models=(refusal,))))
    assert "stranger" in text and "hash-mismatch" in text and "Expected the files of the card" in text


def test_without_a_model_or_a_service_there_are_words(monkeypatch):
    assert "python -m xraykit train" in words(open_page(monkeypatch, fakes.Client(cards=[])))
    client = fakes.Client()
    client.broken = True
    app = open_page(monkeypatch, client)
    assert not app.exception and "cannot be reached" in words(app)


def test_a_card_is_shown_as_it_is_and_never_run(monkeypatch):
    text = words(open_page(monkeypatch, fakes.Client(cards=[NASTY])))
    assert "&lt;script&gt;" in text and "<script>" not in text


def test_the_recipe_is_told_in_plain_words():
    text = card_export.to_markdown(SHIPPED)
    for told in (
        "pretrained on ImageNet",
        "8 epochs of the head only",
        "AdamW at learning rate 0.0005",
        "cosine decay to zero after 1 warm-up epoch,",
        "rotation up to 10 degrees",
        "no mirroring",
        "27 minutes",
    ):
        assert told in text, told


def tags_of(page: str) -> set[str]:
    found = set()

    class Parser(html.parser.HTMLParser):
        def handle_starttag(self, tag, attributes):
            found.add(tag)

    Parser().feed(page)
    return found
