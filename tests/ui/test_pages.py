"""The pages as a user meets them, without a browser and with a fake inference client (tests/helpers/fakes.py)."""

import re
import threading
import time

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from tests.helpers import ROOT, fakes
from xraykit import RESEARCH_ONLY
from xraykit.films.refusal import Refusal
from xraykit.films.samples import draw
from xraykit.models import classifier, service
from xraykit.reports.charts import bars
from xraykit.ui import server
from xraykit.ui.kit import report_view
from xraykit.ui.kit.frame import RESTARTED
from xraykit.ui.review import panes, readings

APP = str(ROOT / "app.py")


@pytest.fixture
def client(monkeypatch):
    fake = fakes.Client()
    server.use(fake)
    yield fake
    import streamlit as st

    st.cache_data.clear()


@pytest.fixture
def app(client) -> AppTest:
    return AppTest.from_file(APP, default_timeout=60).run()


def words(app: AppTest) -> str:
    """All HTML and Markdown on the page."""
    blocks = [block.proto.body for block in app.get("html")]
    return "\n".join([*blocks, *(block.value for block in (*app.markdown, *app.warning, *app.error))])


def drop(app: AppTest, *files: tuple[str, bytes]) -> AppTest:
    app.file_uploader[0].set_value([(name, data, "application/octet-stream") for name, data in files])
    return app.run()


def pictures(app: AppTest) -> list[str]:
    return [image.proto.imgs[0].alt or "" for image in app.get("image")]


def charts_of(app: AppTest) -> int:
    return len(app.get("vega_lite_chart"))


def test_the_empty_page_invites_and_says_what_it_is(app):
    assert not app.exception
    assert RESEARCH_ONLY in words(app)
    assert app.file_uploader and {button.key for button in app.button} >= {"try-png", "try-dcm"}


def test_a_film_is_read_by_every_model_and_drawn_with_overlays(app):
    drop(app, ("film.png", fakes.film_png()))
    assert not app.exception
    text = words(app)
    assert RESEARCH_ONLY in text and "film.png" in text
    assert all(card.title in text for card in fakes.CARDS)
    assert len(pictures(app)) == 1 + len(fakes.CARDS) and charts_of(app) == len(fakes.CARDS)


@pytest.mark.parametrize(("button", "path"), [("try-png", draw.PNG), ("try-dcm", draw.DICOM)])
def test_a_bundled_film_opens_with_one_click(app, button, path):
    app.button(key=button).click().run()
    assert not app.exception
    assert path.name in words(app) and charts_of(app) == len(fakes.CARDS)


def test_bad_files_beside_good_ones_are_listed_and_spoil_nothing(app):
    bad = [("empty.png", b""), ("text.png", b"no picture")]
    drop(app, ("a.png", fakes.film_png(1)), *bad, ("b.png", fakes.film_png(2)))
    assert not app.exception
    assert [film.name for film in app.session_state["films"].values()] == ["a.png", "b.png"]
    assert [refusal.source for refusal in app.session_state["refused"]] == ["empty.png", "text.png"]
    text = words(app)
    assert all(refusal.code in text and "text.png" in text for refusal in app.session_state["refused"])


def test_the_same_film_dropped_twice_is_open_once(app):
    drop(app, ("a.png", fakes.film_png(1)))
    drop(app, ("again.png", fakes.film_png(1)))
    assert len(app.session_state["films"]) == 1 and not app.session_state["refused"]


def test_films_survive_while_the_drop_zone_empties_itself(app):
    drop(app, ("a.png", fakes.film_png(1)))
    app.run()
    assert not app.file_uploader[0].value
    assert len(app.session_state["films"]) == 1


def test_next_and_previous_go_round(app):
    drop(app, *[(f"{name}.png", fakes.film_png(seed)) for seed, name in enumerate("abc")])
    shown = []
    for key in ("next", "next", "next", "previous"):
        app.button(key=key).click().run()
        shown.append(app.session_state["films"][app.session_state["film"]].name)
    assert shown == ["b.png", "c.png", "a.png", "c.png"]


def test_choosing_a_film_in_the_list_shows_it(app):
    drop(app, ("a.png", fakes.film_png(1)), ("b.png", fakes.film_png(2)))
    app.radio(key="worklist").set_value(list(app.session_state["films"])[1]).run()
    assert "Radiograph b.png" in pictures(app)


def test_moving_the_opacity_runs_no_network(app, client):
    drop(app, ("a.png", fakes.film_png(1)))
    client.calls.clear()
    app.slider(key="opacity").set_value(80).run()
    assert "classify" not in client.calls and "explain" not in client.calls


def test_any_class_can_be_overlaid(app):
    drop(app, ("a.png", fakes.film_png(1)))
    for label in fakes.CLASSES:
        app.session_state["label"] = label
        app.run()
        assert sum(f"overlay of {label}" in alt for alt in pictures(app)) == len(fakes.CARDS)


def test_a_slow_method_shows_progress_and_can_be_cancelled(app, client):
    gate = threading.Event()
    client.explain_with = fakes.explanation_in_steps(gate)
    drop(app, ("a.png", fakes.film_png(1)))
    app.selectbox(key="method").select("Score-CAM").run()
    assert not app.exception and app.get("progress"), "the page must not wait for the heatmap"
    job = app.session_state["job"]
    app.button(key="job-cancel").click().run()
    job.thread.join(10)
    assert not job.thread.is_alive()
    text = words(app.run())
    assert "Cancelled" in text and "being computed" not in text, "above the panes and below them the same is said"
    assert text.count(readings.CANCELLED) == len(fakes.CARDS)
    app.slider(key="opacity").set_value(60).run()
    assert app.session_state["job"] is job, "what was cancelled does not begin again by itself"
    gate.set()
    app.button(key="job-again").click().run()
    wait_for(app)
    assert sum("Score-CAM overlay" in alt for alt in pictures(app)) == len(fakes.CARDS)


def test_cancelling_keeps_what_is_computed_and_computes_no_more(app, client):
    """One heatmap was ready: the rest would once begin again at the next click anywhere on the page."""
    first, second = (card.name for card in fakes.CARDS)
    slow = fakes.explanation_in_steps(threading.Event())

    def explain(film, model, method, label, progress):
        return (fakes.explanation_now if model == first else slow)(film, model, method, label, progress)

    client.explain_with = explain
    drop(app, ("a.png", fakes.film_png(1)))
    app.selectbox(key="method").select("Score-CAM").run()
    job = app.session_state["job"]
    end = time.monotonic() + 60
    while not job.heatmaps and time.monotonic() < end:
        time.sleep(0.02)
    app.button(key="job-cancel").click().run()
    job.thread.join(60)
    app.run()
    assert app.session_state["job"] is job and set(dict(job.heatmaps)) == {job.pairs[0]}
    text = words(app)
    assert text.count(readings.CANCELLED) == 1 and "being computed" not in text
    assert sum("Score-CAM overlay" in alt for alt in pictures(app)) == 1


def test_closing_the_films_ends_what_is_computed_for_them(app, client):
    client.explain_with = fakes.explanation_in_steps(threading.Event())
    drop(app, ("a.png", fakes.film_png(1)))
    app.selectbox(key="method").select("SmoothGrad").run()
    thread = app.session_state["job"].thread
    app.button(key="close-all").click().run()
    thread.join(60)
    assert not thread.is_alive() and not app.exception


def test_choosing_another_method_ends_the_one_at_work(app, client):
    client.explain_with = fakes.explanation_in_steps(threading.Event())
    drop(app, ("a.png", fakes.film_png(1)))
    app.selectbox(key="method").select("SmoothGrad").run()
    thread = app.session_state["job"].thread
    app.selectbox(key="method").select("Grad-CAM").run()
    thread.join(10)
    assert not thread.is_alive() and not app.exception


def test_a_restarted_service_is_told_once_and_dismissed(app, client):
    drop(app, ("a.png", fakes.film_png(1)))
    assert RESTARTED not in words(app)
    client.restarts = 1
    assert RESTARTED in words(drop(app, ("b.png", fakes.film_png(2))))
    app.button(key="dismiss-restart").click().run()
    assert RESTARTED not in words(app)


def test_an_unreachable_service_gives_words_not_a_traceback(app, client):
    drop(app, ("a.png", fakes.film_png(1)))
    client.broken = True
    app.run()
    assert not app.exception and "cannot be reached" in words(app)
    drop(app, ("b.png", fakes.film_png(2)))
    assert not app.exception and "b.png" in words(app)


def test_a_model_that_cannot_be_loaded_is_named_with_its_reason(monkeypatch):
    refusal = Refusal("stranger", "hash-mismatch", "Expected the files of the card; got others. Keep it again.")
    server.use(fakes.Client(broken_models=(refusal,)))
    text = words(AppTest.from_file(APP, default_timeout=60).run())
    assert "stranger" in text and "hash-mismatch" in text and "Keep it again" in text


def test_without_any_model_the_page_says_what_to_do(monkeypatch):
    server.use(fakes.Client(cards=[]))
    app = AppTest.from_file(APP, default_timeout=60).run()
    assert "python -m xraykit train" in words(app)
    drop(app, ("a.png", fakes.film_png(1)))
    assert not app.exception and "python -m xraykit train" in words(app)
    assert "Radiograph a.png" in pictures(app), "a film can be looked at without a model"


def test_a_file_name_is_shown_as_it_is(app):
    drop(app, ("**bold** <b>x</b>.png", fakes.film_png(1)))
    assert not app.exception
    assert "&lt;b&gt;x&lt;/b&gt;" in words(app) and "<b>x</b>" not in words(app)


def test_one_session_never_sees_the_films_of_another(client):
    first, second = (AppTest.from_file(APP, default_timeout=60).run() for _ in range(2))
    drop(first, ("a.png", fakes.film_png(1)))
    assert "films" not in second.run().session_state or not second.session_state["films"]


def test_models_can_be_chosen_and_the_address_names_the_first(monkeypatch):
    cards = [fakes.card(name, f"The model {name}") for name in ("a", "b", "c", "d")]
    server.use(fakes.Client(cards))
    app = AppTest.from_file(APP, default_timeout=60)
    app.query_params["model"] = "c"
    app.switch_page("pages/review.py").run()
    drop(app, ("film.png", fakes.film_png()))
    heads = [name for name in re.findall("<h2>The model (.)</h2>", words(app))]
    assert not app.exception and heads == ["c", "a", "b", "d"]
    app.button_group(key="shown-models").set_value(["a", "d"]).run()
    assert charts_of(app) == 2 and "The model c</h2>" not in words(app)
    app.button_group(key="shown-models").set_value([]).run()
    assert not app.exception and charts_of(app) == 0 and "film.png" in words(app)


def test_three_models_and_the_film_stand_in_one_row(monkeypatch):
    """Or in two rows of two where the page is narrow: none stands alone."""
    cards = [fakes.card(name, f"The model {name}") for name in ("a", "b", "c")]
    server.use(fakes.Client(cards))
    app = drop(AppTest.from_file(APP, default_timeout=60).run(), ("film.png", fakes.film_png()))
    assert not app.exception and charts_of(app) == 3 and len(app.main.columns) == 4
    app.button_group(key="shown-models").set_value(["a", "b"]).run()
    assert charts_of(app) == 2 and len(app.main.columns) == 3


def test_two_models_need_no_choosing(app):
    drop(app, ("film.png", fakes.film_png()))
    assert not [group for group in app.button_group if group.key == "shown-models"]


def test_many_models_that_disagree_are_counted():
    def reading(label: str):
        return service.Reading(
            classifier.Prediction(
                fakes.CLASSES, np.array([float(name == label) for name in fakes.CLASSES]), np.zeros(3)
            ),
            (),
        )

    sentences = [
        panes.agreement(map(reading, tops))
        for tops in (["Normal", "COVID-19"], ["Normal", "COVID-19", "Normal"], ["Normal", "Normal"])
    ]
    assert sentences == [
        "The models disagree: Normal, COVID-19.",
        "The models disagree: 2 × Normal, 1 × COVID-19.",
        "All models predict Normal.",
    ]


def test_a_model_without_a_heatmap_shows_the_film_and_says_so(app, client, monkeypatch):
    whole = client.classify
    monkeypatch.setattr(client, "classify", lambda film, model: service.Reading(whole(film, model).prediction, ()))
    drop(app, ("film.png", fakes.film_png()))
    assert not app.exception and "has no Grad-CAM heatmap" in words(app) and charts_of(app) == 2
    assert all("overlay of" not in alt for alt in pictures(app))


def test_charts_are_made_only_after_pandas_is_whole(app, monkeypatch):
    """Altair looks into sys.modules: a pandas that another session is just importing has no Timestamp yet."""
    order = []
    draw_chart = bars.probabilities
    monkeypatch.setattr(report_view, "before_charts", lambda: order.append("pandas"))
    monkeypatch.setattr(bars, "probabilities", lambda *args: order.append("chart") or draw_chart(*args))
    drop(app, ("film.png", fakes.film_png()))
    assert order == ["pandas", "chart"] * len(fakes.CARDS)


def test_the_words_of_the_page_claim_nothing_clinical(app):
    drop(app, ("a.png", fakes.film_png(1)))
    text = words(app).lower().replace(RESEARCH_ONLY.lower(), "")
    assert "diagnos" not in text and "confiden" not in text


def wait_for(app: AppTest, seconds: float = 60) -> None:
    """Run the page as its fragment would until the slow heatmaps are there."""
    end = time.monotonic() + seconds
    while app.session_state["job"].running() and time.monotonic() < end:
        time.sleep(0.05)
    app.run()
    app.run()
