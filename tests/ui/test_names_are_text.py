"""Names of users and strangers are text on every page and in every file: never bold, never a colour, never a link."""

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from tests.helpers import ROOT, fakes, kept_models, run_folders
from xraykit.models import classifier
from xraykit.models.service.scoring import Reading
from xraykit.reports.truth import card as card_report
from xraykit.ui.kit.text import escape_markdown
from xraykit.ui.server import inference

APP = str(ROOT / "app.py")
NAMES = (
    *("**b**", ":red[x]", "$x$", "<b>x</b>", "`x`", "# h", "1. x", "~~x~~", ":smile:", "<script>alert(1)</script>"),
    *("_x_", "a--b", "[a](http://b)", ":material/home:", "www.b.org"),
)
# Parts of a page that show Markdown nowhere but in their label and help
PLAIN = ("selectbox", "multiselect", "text_input", "number_input", "slider", "file_uploader", "checkbox", "expander")
NO_MARKDOWN = ("html", "arrow_data_frame", "vega_lite_chart", "image", "imgs", "iframe")
# A sign of Markdown that no backslash takes away, and what is found in the text that is left
LIVE = re.compile(r"(?<!\\)[*_`~$<#\[]|(?<!\\):(?=\w+(?<!\\)\[)|:[\w+/-]+:|https?\\?://|\bwww\\?\.")


class Client(fakes.Client):
    """Reads films as one of the names."""

    def classify(self, film, model):
        logits = np.arange(len(NAMES), dtype=float)
        maps = tuple(replace(fakes.heatmap_of(film, fakes.CLASSES[0], model), label=name) for name in NAMES)
        return Reading(classifier.Prediction(NAMES, np.exp(logits) / np.exp(logits).sum(), logits), maps)


@pytest.fixture
def root(tmp_path, monkeypatch):
    for variable in ("WEIGHTS", "RUNS", "CACHE"):
        monkeypatch.setenv(f"XRAYKIT_{variable}", str(tmp_path / variable.lower()))
        (tmp_path / variable.lower()).mkdir()
    return tmp_path


def page(name: str, cards: list, **address: Any) -> AppTest:
    inference.use(Client(cards))
    app = AppTest.from_file(APP, default_timeout=60).run()
    for key, value in address.items():
        app.query_params[key] = value
    app.switch_page(f"pages/{name}.py")
    app.run()
    assert not app.exception
    return app


def check(app: AppTest, least: int) -> None:
    """No name is alive in what Streamlit takes for Markdown, and at least so many are shown there as text."""
    shown = list(markdown(app))
    assert not [text for text in shown for name in NAMES if LIVE.search(name) and name in without_escaped(text)]
    assert sum(escape_markdown(name) in text for text in shown for name in NAMES) >= least
    for block in app.get("html"):
        assert "<script>alert" not in block.proto.body and "<b>x</b>" not in block.proto.body


def without_escaped(text: str) -> str:
    for name in NAMES:
        text = text.replace(escape_markdown(name), "")
    return text


def markdown(app: AppTest) -> Iterator[str]:
    for element in (*app.main, *app.sidebar):
        kind = getattr(element, "type", "")
        if kind in NO_MARKDOWN or getattr(element, "proto", None) is None:
            continue
        for path, text in texts(element.proto):
            if path[-1] in ("id", "key", "element_id", "form_id", "default", "columns"):
                continue
            if kind not in PLAIN or path[-1] in ("label", "help"):
                yield text


def texts(proto: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], str]]:
    for field, value in proto.ListFields():
        for item in value if isinstance(value, list) or hasattr(value, "append") else [value]:
            if isinstance(item, str):
                yield (*path, field.name), item
            elif hasattr(item, "ListFields"):
                yield from texts(item, (*path, field.name))


def test_compare_shows_names_as_text(root):
    for place, name in enumerate(("alpha", "beta")):
        kept_models.keep(root / "weights", name, seed=place, n=90, classes=NAMES)
    cards = [replace(fakes.card(name, NAMES[0]), classes=NAMES) for name in ("alpha", "beta")]
    app = page("compare", cards, point="Manual")
    check(app, 0)
    app = page("compare", cards, films="cell-0-0-0")
    check(app, 0)


def test_models_shows_names_as_text(root):
    check(page("models", [replace(fakes.card("alpha", "**b** <b>x</b>"), classes=NAMES, limits=NAMES)]), 0)


def test_fine_tune_shows_names_as_text(root):
    for number, (name, state) in enumerate((("**b**", "failed"), (":red[x]", "running"))):
        run = run_folders.write(root / "runs", f"run-{number}", state=state, message=name, data=f"/films/{name}")
        check(page("fine_tune", [fakes.card()], run=run.name), 0)


def test_files_of_a_report_hold_names_as_text():
    report = card_report.report(replace(fakes.card("alpha", "**b** ~~x~~"), classes=NAMES, limits=NAMES))
    for name in NAMES:
        if LIVE.search(name) and name not in ("www.b.org", ":material/home:", "[a](http://b)"):
            assert f"\n- {name}\n" not in report.markdown() and f" {name} " not in report.markdown()
    assert "<script>alert" not in report.html() and "<b>x</b>" not in report.html()


@pytest.mark.parametrize("name", NAMES)
def test_what_is_escaped_has_nothing_alive(name):
    escaped = escape_markdown(name)
    assert not LIVE.search(escaped)
    assert escaped.replace("\\", "").replace("\N{WORD JOINER}", "") == name
