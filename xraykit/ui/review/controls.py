"""The Review page's choices, its empty state, its job and its words about what was refused. Computes nothing."""

from __future__ import annotations

import html
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import streamlit as st

from xraykit.films.refusal import Refusal
from xraykit.films.samples import draw
from xraykit.models import explanation
from xraykit.models.card import Card
from xraykit.reports.heatmap import colormaps
from xraykit.ui.kit import text
from xraykit.ui.review import incoming, readings, worklist

PREDICTED = "Predicted"
SHARED, OWN = "Shared", "Own"
NO_MODEL = (
    "No models yet. Train one on the Fine-tune page, or with `python -m xraykit train --recipe NAME --data FOLDER` and "
    "`python -m xraykit runs keep RUN --as NAME`. Saved models are in `weights/`."
)
MODELS = "shown-models"
FEW = 2  # models lie beside the film in one row


@dataclass(frozen=True)
class Choice:
    """What the user wants to see: a label (None: each model's own predicted class) and how it is drawn."""

    label: str | None
    method: str
    colormap: str
    opacity: float
    shared_scale: bool


def choose(classes: tuple[str, ...]) -> Choice:
    """The row of controls above the panes."""
    with st.container(horizontal=True, key="controls", gap="medium", vertical_alignment="top"):
        label = st.segmented_control(
            "Heatmap of class",
            [PREDICTED, *classes],
            format_func=text.escape_markdown,
            default=PREDICTED,
            key="label",
            required=True,
            persist_state="session",
            width="content",
        )
        method = st.selectbox("Method", explanation.METHODS, key="method", width=140, persist_state="session")
        colormap = st.selectbox("Colour map", colormaps.NAMES, key="colormap", width=120, persist_state="session")
        opacity = st.slider("Opacity", 0, 100, 40, format="%d%%", key="opacity", width=170, persist_state="session")
        scale = st.segmented_control(
            "Scale", [SHARED, OWN], default=SHARED, key="scale", required=True, persist_state="session"
        )
    return Choice(
        label=None if label in (PREDICTED, None) or label not in classes else label,
        method=method or readings.FAST,
        colormap=colormap or colormaps.NAMES[0],
        opacity=opacity / 100,
        shared_scale=scale != OWN,
    )


def choose_models(cards: Sequence[Card]) -> list[Card]:
    """Which models read the film, all by default; the one that the address names (?model=NAME) first and among them."""
    wanted = st.query_params.get("model")
    order = sorted(cards, key=lambda card: card.name != wanted)
    if len(order) <= FEW:
        return order
    named = {card.name: card for card in order}
    before = st.session_state.get(MODELS)
    if wanted in named and st.session_state.get("models-asked") != wanted:
        st.session_state["models-asked"] = wanted  # once: it can be put away again
        if before is not None and wanted not in before:
            st.session_state[MODELS] = [wanted, *before]
    titles = [card.title for card in order]
    chosen = st.pills(
        "Models",
        list(named),
        selection_mode="multi",
        default=None if before is not None else list(named),
        key=MODELS,
        persist_state="session",
        format_func=lambda name: _called(named[name], titles),
    )
    return [card for name, card in named.items() if name in chosen]


def _called(card: Card, titles: Sequence[str]) -> str:
    return text.escape_markdown(card.title if titles.count(card.title) == 1 else f"{card.title} ({card.name})")


def show_welcome() -> None:
    """The empty page: a place to drop films, two films to try, and what happens to them."""
    with st.container(key="welcome"):
        incoming.show_drop_zone(incoming.DROP_LABEL, "main")
        st.html(
            "<div class='xk-welcome'><h2>Open a chest film</h2>"
            "<p>See what each model predicts, and which regions influenced its output.</p></div>"
        )
        incoming.show_path_field("main")
        incoming.show_progress()
        with st.container(horizontal=True, horizontal_alignment="center", gap="small"):
            st.button("Try a synthetic PNG", key="try-png", on_click=_want, args=(draw.PNG,))
            st.button("Try a synthetic DICOM (12-bit)", key="try-dcm", on_click=_want, args=(draw.DICOM,))
        st.html(
            "<p class='xk-promise'>DICOM, PNG, JPEG, TIFF, BMP, WebP or JPEG 2000, 8 to 16 bits, up to 50 MB each; a "
            "folder or study by its path. Films stay in this computer's memory until you close them. Nothing is stored "
            "or sent anywhere.</p>"
        )
    take_wanted()


def take_wanted() -> None:
    """Open the synthetic film a button asked for; outside the button's callback, so that progress is drawn here."""
    path: Path | None = st.session_state.pop("sample-wanted", None)
    if path is not None:
        worklist.take([(path.name, path.read_bytes())])
        st.rerun()


def show_film_actions() -> None:
    """Under the list: the synthetic films again, and the way back to an empty page."""
    with st.container(horizontal=True, gap="small", key="film-actions"):
        st.button("Synthetic PNG", key="try-png", type="tertiary", on_click=_want, args=(draw.PNG,))
        st.button("Synthetic DICOM", key="try-dcm", type="tertiary", on_click=_want, args=(draw.DICOM,))
        st.button("Close all", key="close-all", type="tertiary", on_click=incoming.close_all)
    take_wanted()


def show_refused(refused: Sequence[Refusal], broken: Sequence[Refusal]) -> None:
    """Files that could not be opened and models that could not be loaded, each with its reason."""
    text.show_refused("Files that could not be opened", "File", refused)
    text.show_refused("Models that could not be loaded", "Model", broken)


def count_refused(refused: Sequence[Refusal]) -> None:
    """Beside the list, a word that some files were not opened; the table may lie below the fold."""
    if refused:
        files = f"{len(refused)} file{'s' * (len(refused) != 1)}"
        reasons = "the reason" if len(refused) == 1 else "the reasons"
        st.html(f"<p class='xk-word' role='status'>{files} could not be opened; see {reasons} below the film.</p>")


def show_models_word(cards: Sequence[Card]) -> None:
    """Without any model, say what to do."""
    if not cards:
        words = re.sub("`([^`]+)`", r"<code>\1</code>", html.escape(NO_MODEL))
        st.html(f"<p class='xk-word xk-wide'>{words}</p>")


def show_job() -> None:
    """How far the slow heatmaps are, and a way to end them."""
    job: readings.Job | None = st.session_state.get("job")
    if job is None:
        return
    if job.running():
        _watch_job()
    elif job.ended_early() or job.failed():
        with st.container(horizontal=True, vertical_alignment="center", key="job"):
            words = "Cancelled." if job.ended_early() else "A heatmap could not be computed."
            st.html(f"<span class='xk-word' role='status'>{words}</span>", width="content")
            st.button("Try again", key="job-again", type="tertiary", on_click=readings.try_again)


@st.fragment(run_every=0.5)
def _watch_job() -> None:
    job: readings.Job | None = st.session_state.get("job")
    if job is None or not job.running():
        st.rerun()
    job.seen = time.monotonic()
    rest = "" if job.remaining is None else f", about {job.remaining:.0f} s left"
    with st.container(horizontal=True, vertical_alignment="center", key="job"):
        st.progress(min(job.done, 1.0), f"{job.wanted.method}: {job.done:.0%}{rest}", width="stretch")
        words = "Cancelling" if job.cancelled else "Cancel"
        st.button(words, key="job-cancel", disabled=job.cancelled, on_click=_cancel, args=(job,))


def _cancel(job: readings.Job) -> None:
    job.cancelled = True


def _want(sample: Path) -> None:
    st.session_state["sample-wanted"] = sample
