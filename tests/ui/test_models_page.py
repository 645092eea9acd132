"""The Models page and a card's downloads, without a browser and with a fake inference client."""

from dataclasses import replace

from streamlit.testing.v1 import AppTest

from tests.helpers import ROOT, fakes, kept_models
from xraykit.evaluation import stats
from xraykit.films.refusal import Refusal
from xraykit.models.cards import card as cards
from xraykit.reports.truth import card as card_report
from xraykit.truth import elsewhere
from xraykit.ui.server import inference

APP = str(ROOT / "app.py")
SHIPPED = cards.read(ROOT / "weights" / "mobilenetv2-imagenet")
BARE = replace(fakes.card("bare", "A card that says little"), parameters=0)
NASTY = replace(BARE, name="nasty", title="<script>alert(1)</script> | *bold*", limits=("</style><b>x</b>",))


def open_page(client: fakes.Client, query: str | None = None) -> AppTest:
    inference.use(client)
    app = AppTest.from_file(APP, default_timeout=60)
    app.switch_page("pages/models.py")
    if query is not None:
        app.query_params["model"] = query
    return app.run()


def words(app: AppTest) -> str:
    blocks = [block.proto.body for block in app.get("html")]
    return "\n".join([*blocks, *(block.value.replace("\\", "") for block in app.warning)])


def test_the_page_shows_a_card_from_use_to_hashes():
    text = words(open_page(fakes.Client(cards=[SHIPPED])))
    accuracy = SHIPPED.metrics["test"]["accuracy"]
    for expected in (
        SHIPPED.title,
        "Intended use",
        "Not for",
        "Known failures and limits",
        "Data",
        "Recipe",
        "Calibration",
        "Checked against the original network",
        "not reported",
        f"{accuracy['value']:.1%}",
        f"[{100 * accuracy['low']:.1f}, {100 * accuracy['high']:.1f}]",
        "near-duplicates",
        "2 of 150 Normal films (1.3%) were classified as COVID-19",
        *SHIPPED.files.values(),
        *(version for name, version in SHIPPED.software.items() if name != "backend"),
        "TensorFlow",
    ):
        assert expected in text, expected


def test_home_and_elsewhere_stand_side_by_side_above_all_else(tmp_path):
    kept_models.keep(tmp_path, "made-up", seed=1, skill=6.0)
    test = kept_models.readings("made-up", 60, seed=3, skill=-4.0)
    kept = cards.read(tmp_path / "made-up")
    home = stats.plain(kept_models.readings("made-up", 60, seed=2, skill=6.0).metrics())
    (tmp_path / "made-up" / cards.CARD).write_text(replace(kept, metrics={"test": home}).to_json())
    shown = elsewhere.attach(tmp_path / "made-up", test, elsewhere.Source("ward", "a ward"), compared=7)
    app = open_page(fakes.Client(cards=[shown, replace(SHIPPED, elsewhere=())]), "made-up")
    text = words(app)
    assert not app.exception
    assert text.index("Accuracy on ward") < text.index("films from ward (a ward)") < text.index("Intended use")
    assert "elsewhere: python -m xraykit evaluate" not in text and "Lowest sensitivity elsewhere" in text
    assert f"--model {SHIPPED.name} --data DIR --attach NAME" in text, "the model without figures says how to get them"
    page = card_report.report(shown)
    for export in (page.html(), page.markdown(), page.to_json()):
        assert "Accuracy on ward" in export or "films from ward" in export


def test_the_json_download_is_the_card():
    app = open_page(fakes.Client(cards=[SHIPPED]))
    labels = {button.label for button in app.get("download_button")}
    assert labels == set()
    assert cards.Card.from_json(SHIPPED.to_json()) == SHIPPED


def test_a_link_opens_the_card_it_names_and_choosing_another_changes_the_link():
    client = fakes.Client(cards=[SHIPPED, BARE])
    app = open_page(client, "bare")
    assert f"{BARE.name}: classifies" in words(app) and f"{SHIPPED.name}: classifies" not in words(app)
    app.session_state["model"] = SHIPPED.name
    app.run()
    assert not app.exception and f"{SHIPPED.name}: classifies" in words(app)
    assert app.query_params["model"] in (SHIPPED.name, [SHIPPED.name]), "the link names the folder"
    chooser = next(group for group in app.get("button_group") if group.proto.label == "Model")
    assert [option.content for option in chooser.proto.options] == [SHIPPED.title.replace(".", "\\."), BARE.title]


def test_a_link_to_no_model_says_so_and_shows_none_until_one_is_chosen():
    app = open_page(fakes.Client(cards=[SHIPPED]), "none-such")
    text = words(app)
    assert "No model named none-such" in text and SHIPPED.title not in text and "Intended use" not in text
    app.session_state["model"] = SHIPPED.name
    app.run()
    assert SHIPPED.title in words(app) and "none-such" not in words(app)


def test_models_that_could_not_be_loaded_are_named_with_the_reason():
    refusal = Refusal("stranger", "hash-mismatch", "Expected the files of the card; got others.")
    text = words(open_page(fakes.Client(cards=[SHIPPED], broken_models=(refusal,))))
    assert "stranger" in text and "hash-mismatch" in text and "Expected the files of the card" in text


def test_without_a_model_or_a_service_there_are_words():
    assert "python -m xraykit train" in words(open_page(fakes.Client(cards=[])))
    client = fakes.Client()
    client.broken = True
    app = open_page(client)
    assert not app.exception and "cannot be reached" in words(app)


def test_a_card_is_shown_as_it_is_and_never_run():
    text = words(open_page(fakes.Client(cards=[NASTY])))
    assert "&lt;script&gt;" in text and "<script>" not in text
