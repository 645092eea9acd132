"""What a finished run is good for: its test figures, keeping it as a model, comparing that model with another."""

from __future__ import annotations

import html
from functools import lru_cache
from pathlib import Path
from typing import Any

import streamlit as st

from xraykit.evaluation import evaluation
from xraykit.models import card as cards
from xraykit.models import folder_evaluation
from xraykit.models.card import Card
from xraykit.refused import Refused
from xraykit.system import files, folders
from xraykit.system import jobs as works
from xraykit.system.jobs import Work
from xraykit.training import keep
from xraykit.training.run import run
from xraykit.ui import navigation
from xraykit.ui.fine_tune import draft, selection, snapshot
from xraykit.ui.fine_tune.snapshot import Seen
from xraykit.ui.kit import folder_facts
from xraykit.ui.kit.text import say

CONVERTING = "Converting the network, and checking it on every validation and test film"
OPENED = "fine-tune-figures"  # the run whose test figures were asked for


def show(of: Seen) -> None:
    """Draw what can be done with a finished run."""
    if of.state != "finished":
        return
    with st.container(key="run-after", border=True):
        kept = kept_as(of)
        if kept is None:
            _show_keeping(of)
        else:
            _show_kept(of, kept)
        if st.session_state.get(OPENED) == of.name:
            _show_figures(of)


def kept_as(of: Seen) -> Card | None:
    """The kept model whose network is this run's, however it was kept."""
    sha = _network_sha(of.run.path / cards.NETWORK)
    return next((card for card in draft.cards() if sha and card.files.get(cards.NETWORK) == sha), None)


def _network_sha(path: Path) -> str:
    try:
        found = path.stat()
        return _network_sha_version(path, found.st_mtime_ns, found.st_size)
    except OSError:
        return ""


@lru_cache(maxsize=64)
def _network_sha_version(path: Path, modified: int, size: int) -> str:
    return files.sha256_of(path)


def _show_keeping(of: Seen) -> None:
    """Name and title of the model that is to be made of the run; how far that is."""
    state = works.look(Work(of.run.path / "keeping"))
    if state.get("state") in run.BUSY:
        _watch(str(of.run.path / "keeping"), CONVERTING)
        return
    if state.get("state") in ("failed", "lost", "stopped"):
        say(f"It could not be kept. {state.get('message', '')}")
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small", key="keep-row"):
        name = st.text_input(
            "Keep as",
            value=_free_name(of),
            key=f"keep-name-{of.name}",
            width=260,
            help="The model's name under weights: letters, digits, '.', '_' and '-'.",
        )
        title = st.text_input(
            "Title",
            value=_title(of),
            key=f"keep-title-{of.name}",
            width=420,
            help="One line that says what the model is; shown on Review and Compare.",
        )
        words = _wrong_name(name or "")
        st.button(
            "Keep as a model", key="keep", type="primary", disabled=bool(words), on_click=_keep, args=(of, name, title)
        )
        _figures_button(of)
    if words:
        st.html(f"<p class='xk-fault' role='alert'>{html.escape(words)}</p>")
    st.html(
        "<p class='xk-said'>Keeping converts the network for reading without TensorFlow, fits its temperature on "
        "validation films, and writes its card. Then it can review films and be compared.</p>"
    )


def _free_name(of: Seen) -> str:
    """The recipe's name; that of the run where a model has it already."""
    return of.name if (folders.models_folder() / of.recipe_name).exists() else of.recipe_name


def _title(of: Seen) -> str:
    return f"{of.recipe.get('backbone', 'Network')}, recipe {of.recipe_name}, learned from {of.films}"


def _wrong_name(name: str) -> str:
    if not folders.is_plain_name(name):
        return f"Expected a name of letters, digits, '.', '_' and '-'; got {name!r}."
    if (folders.models_folder() / name).exists():
        return f"There is a model named {name} already. Choose another name."
    return ""


def _keep(of: Seen, name: str, title: str) -> None:
    try:
        keep.start(of.run, name, title=title.strip() or None)
    except (Refused, OSError) as error:
        selection.keep_word(f"It could not be kept: {error}")


@st.fragment(run_every=1)
def _watch(path: str, words: str) -> None:
    """How far a work is; drawn again every second, only while it goes on."""
    selection.follow()
    one = Work(Path(path))
    state = works.look(one)
    if state.get("state") not in run.BUSY:
        st.rerun()
    done, of = state.get("done") or 0, state.get("films") or 0
    said = f"{words}: {done} of {of}" if of else str(state.get("message") or words)
    st.progress(min(1.0, done / of) if of else 0.0, said)
    asked = (one.path / "stop").exists()
    st.button(
        "Stopping" if asked else "Cancel", key=f"cancel-{one.path.name}", disabled=asked, on_click=_stop, args=(one,)
    )


def _stop(one: Work) -> None:
    try:
        one.ask_to_stop()
    except (Refused, OSError) as error:
        selection.keep_word(f"It could not be stopped: {error}")


def _show_kept(of: Seen, kept: Card) -> None:
    """Where the kept model can be used, and with which other one it is to be compared."""
    others = {card.name: card for card in draft.cards() if card.name != kept.name}
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small", key="kept-row"):
        st.html(
            f"<p class='xk-kept'>Kept as <b>{html.escape(kept.name)}</b><br><span>{html.escape(kept.title)}</span></p>",
            width="stretch",
        )
        _figures_button(of)
        navigation.link("review", "Review films with it", model=kept.name)
        navigation.link("models", "Its card", model=kept.name)
        other = st.selectbox(
            "Compare with",
            list(others),
            index=None,
            key=f"compare-with-{of.name}",
            width=280,
            placeholder="Another model",
            format_func=lambda name: name,
        )
    if other in others:
        _compare(of, kept, others[other])


def _compare(of: Seen, kept: Card, other: Card) -> None:
    if _test_digest(other) and _test_digest(other) == _test_digest(kept):
        st.html("<p class='xk-said'>Both were tested on the same films: they are compared as they are.</p>")
        navigation.link("compare", "Open Compare", models=[kept.name, other.name])
        return
    found = _earlier(of, [kept.name, other.name])
    state = works.look(found)
    if found is not None and state.get("state") in run.BUSY:
        _watch(str(found.path), f"Reading this run's test films with {kept.name} and {other.name}")
        return
    folder = str(of.status.get("data", ""))
    if found is not None and state.get("state") == "finished":
        st.session_state["work"] = found.name  # Compare takes up what this session has just seen finish
        st.html("<p class='xk-said' role='status'>Both have read this run's test films.</p>")
        navigation.link("compare", "Open Compare", models=[kept.name, other.name])
        return
    if found is not None:
        say(f"The test films could not be read. {state.get('message', '')}")
    if words := folder_evaluation.misfit(other, list(kept.classes), Path(folder).name):
        say(words)
        return
    n = len(snapshot.test_films(of.run))
    digest = kept.data.get("digest")
    folder_facts.show_familiar({"digest": digest, "sha256": snapshot.test_films(of.run)}, [other])
    st.button(
        f"Read this run's {n} test films with both",
        key="compare-start",
        type="primary",
        on_click=_evaluate,
        args=(of, [kept.name, other.name]),
    )


def _test_digest(card: Card) -> str | None:
    return (card.data.get("split_digests") or {}).get("test")


def _earlier(of: Seen, models: list[str]) -> Work | None:
    """An evaluation of these models on the run's test films, of this session or an earlier one."""
    for one in works.list_works():
        state = works.look(one)
        if state.get("test_of") == of.name and state.get("models") == models:
            return one
    return None


def _evaluate(of: Seen, models: list[str]) -> None:
    before = _earlier(of, models)
    try:
        if before is not None:
            works.remove(before)
        made = works.create(f"test-of-{of.name}")
        folder_evaluation.start_evaluation(made, Path(str(of.status["data"])), models, of.run.path)
    except (Refused, OSError) as error:
        selection.keep_word(f"The test films could not be read: {error}")


def _figures_button(of: Seen) -> None:
    opened = st.session_state.get(OPENED) == of.name
    st.button(
        "Hide test figures" if opened else "Evaluate",
        key="run-evaluate",
        on_click=_open_figures,
        args=(None if opened else of.name,),
        help="Figures on the run's own test films.",
    )


def _open_figures(name: str | None) -> None:
    st.session_state[OPENED] = name


def _show_figures(of: Seen) -> None:
    """Figures of the test split, as the network read it at the end of the run."""
    try:
        found = evaluation.load_parts(of.run.path)["test"]
    except evaluation.EvaluationRefused as error:
        say(f"The figures cannot be read: {error}")
        return
    metrics = found.metrics()
    n = len(found.films)
    head = ("Class", "Films", "Sensitivity", "95 % interval", "Specificity", "95 % interval")
    rows = [
        (name, figures["support"], *_with_interval(figures["sensitivity"]), *_with_interval(figures["specificity"]))
        for name, figures in metrics["classes"].items()
    ]
    accuracy, interval = _with_interval(metrics["accuracy"])
    titles = "".join(f"<th scope='col'{_left(k)}>{title}</th>" for k, title in enumerate(head))
    cells = "".join(
        "<tr>" + "".join(f"<td{_left(k)}>{html.escape(str(cell))}</td>" for k, cell in enumerate(row)) + "</tr>"
        for row in rows
    )
    st.html(
        f"<p class='xk-kept'>Accuracy <b>{accuracy}</b> <span>95 % interval {interval}, on the {n} test films, at the "
        "highest probability</span></p><div class='xk-table xk-figures-table' tabindex='0' role='region' "
        f"aria-label='Figures on the test films'><table><thead><tr>{titles}</tr></thead><tbody>{cells}</tbody></table>"
        "</div>"
    )


def _left(column: int) -> str:
    return "" if column else " class='xk-left'"


def _with_interval(figure: dict[str, Any]) -> tuple[str, str]:
    return _share(figure["value"]), f"{_share(figure['low'])} to {_share(figure['high'])}"


def _share(value: float | None) -> str:
    return "not defined" if value is None else f"{value:.1%}"
