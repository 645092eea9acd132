"""What a finished run is good for: its test figures, saving it as a model, comparing that model with another."""

from __future__ import annotations

import html
from functools import lru_cache
from pathlib import Path

import streamlit as st

from xraykit.evaluation import evaluation
from xraykit.evaluation.stats import Figure
from xraykit.models import folder_evaluation
from xraykit.models.cards import card as cards
from xraykit.models.cards.card import Card, titles_of
from xraykit.refused import Refused, words_of
from xraykit.system import files, folders
from xraykit.system import jobs as system_jobs
from xraykit.system.job_folder.record import State
from xraykit.system.jobs import Job, JobState
from xraykit.training import keep
from xraykit.ui import navigation
from xraykit.ui.fine_tune import draft, selection, snapshot
from xraykit.ui.fine_tune.snapshot import RunSnapshot
from xraykit.ui.kit import folder_facts, jobs
from xraykit.ui.kit.text import escape_markdown, say

OPENED = "fine-tune-figures"  # the run whose test figures were asked for


def show(run: RunSnapshot) -> None:
    """Draw what can be done with a finished run."""
    if run.state is not State.FINISHED:
        return
    with st.container(key="run-after", border=True):
        card = saved_as(run)
        if card is None:
            _show_saving(run)
        else:
            _show_saved(run, card)
        if st.session_state.get(OPENED) == run.name:
            _show_figures(run)


def saved_as(run: RunSnapshot) -> Card | None:
    """The model whose network is this run's, however it was saved."""
    sha = _network_sha(run.folder.path / cards.NETWORK)
    return next((card for card in draft.cards() if sha and card.files.get(cards.NETWORK) == sha), None)


def _network_sha(path: Path) -> str:
    try:
        stat = path.stat()
        return _network_sha_version(path, stat.st_mtime_ns, stat.st_size)
    except OSError:
        return ""


@lru_cache(maxsize=64)
def _network_sha_version(path: Path, modified: int, size: int) -> str:
    return files.sha256_of(path)


def _show_saving(run: RunSnapshot) -> None:
    """Name and title of the model that is to be made of the run; how far that is."""
    job = Job(run.folder.path / keep.FOLDER)
    state = system_jobs.state_of(job)
    if state is not None and state.state.busy:
        jobs.watch_job(job, _show_saving_progress, "cancel-keeping", selection.keep_word, label="Cancel")
        return
    if state is not None and state.state.broken_off:
        say(f"The model was not saved. {state.message}")
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small", key="keep-row"):
        name = st.text_input(
            "Save as",
            value=_free_name(run),
            key=f"keep-name-{run.name}",
            width=260,
            help="The model's name under weights: letters, digits, '.', '_' and '-'.",
        )
        title = st.text_input(
            "Title",
            value=f"{run.recipe.get('backbone', 'Network')}, recipe {run.recipe_name}, learned from {run.films}",
            key=f"keep-title-{run.name}",
            width=420,
            help="One line that says what the model is; shown on Review and Compare.",
        )
        names = st.checkbox(
            "With file names",
            key=f"keep-names-{run.name}",
            help="The model carries the names of its validation and test films, not only their hashes. Names may say "
            "who the patients are.",
        )
        fault = _fault_of_name(name or "")
        asked = (run, name, title, names)
        st.button("Save as model", key="keep", type="primary", disabled=bool(fault), on_click=_save, args=asked)
        _figures_button(run)
    if fault:
        st.html(f"<p class='xk-fault' role='alert'>{html.escape(fault)}</p>")
    st.html(
        "<p class='xk-said'>Saving converts the network so that it runs without TensorFlow, calibrates it on the "
        "validation films, and writes its card. The model can then review films and be compared.</p>"
    )


def _show_saving_progress(state: JobState) -> None:
    st.progress(0.0, escape_markdown(state.message))


def _free_name(run: RunSnapshot) -> str:
    """The recipe's name; that of the run where a model has it already."""
    return run.name if (folders.models_folder() / run.recipe_name).exists() else run.recipe_name


def _fault_of_name(name: str) -> str:
    """What is wrong with the name of a new model; empty where nothing is."""
    if not folders.is_plain_name(name):
        return "Enter a name of at most 100 letters, digits, '.', '_' and '-', starting with a letter or digit."
    if (folders.models_folder() / name).exists():
        return f"There is a model named {name} already. Choose another name."
    return ""


def _save(run: RunSnapshot, name: str, title: str, names: bool) -> None:
    try:
        keep.start(run.folder, name, title=title.strip() or None, names=names)
    except (Refused, OSError) as error:
        selection.keep_word(f"The model was not saved. {words_of(error)}")


def _show_saved(run: RunSnapshot, card: Card) -> None:
    """Where the model can be used, and with which other one it is to be compared."""
    others = {other.name: other for other in draft.cards() if other.name != card.name}
    titles = titles_of(others.values())
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small", key="kept-row"):
        st.html(
            f"<p class='xk-kept'>Saved as <b>{html.escape(card.name)}</b><br>"
            f"<span>{html.escape(card.title)}</span></p>",
            width="stretch",
        )
        _figures_button(run)
        navigation.link("review", "Review films with this model", model=card.name)
        navigation.link("models", "Model card", model=card.name)
        name = st.selectbox(
            "Compare with",
            list(others),
            index=None,
            key=f"compare-with-{run.name}",
            width=280,
            placeholder="Another model",
            format_func=lambda name: titles[name],
        )
    if name in others:
        _show_comparison(run, card, others[name])


def _show_comparison(run: RunSnapshot, card: Card, other: Card) -> None:
    """The way to the page Compare: at once, or after both models have read the run's test films."""
    models = [card.name, other.name]
    if _test_digest(other) and _test_digest(other) == _test_digest(card):
        st.html("<p class='xk-said'>Both models were tested on the same films.</p>")
        navigation.link("compare", "Open Compare", models=models)
        return
    job = _earlier_evaluation(run, models)
    state = system_jobs.state_of(job)
    if job is None or state is None:
        _offer_evaluation(run, card, other)
    elif state.state.busy:
        words = f"Reading this run's test films with {card.title} and {other.title}"
        jobs.watch_job(
            job,
            lambda state: jobs.show_progress(state, words),
            f"cancel-{job.name}",
            selection.keep_word,
            label="Cancel",
        )
    elif state.state is State.FINISHED:
        st.session_state["work"] = job.name  # Compare takes up what this session has just seen finish
        st.html("<p class='xk-said' role='status'>Both models have read this run's test films.</p>")
        navigation.link("compare", "Open Compare", models=models)
    else:
        say(f"The test films could not be read. {state.message}")
        _offer_evaluation(run, card, other)


def _offer_evaluation(run: RunSnapshot, card: Card, other: Card) -> None:
    """A button that has both models read the run's test films, and what is to be known before."""
    if misfit := folder_evaluation.misfit(other, list(card.classes), run.films):
        say(misfit)
        return
    hashes = snapshot.test_hashes(run.folder)
    folder_facts.show_familiar({"digest": card.data.get("digest"), "sha256": hashes}, [other])
    st.button(
        f"Read this run's {len(hashes)} test films with both",
        key="compare-start",
        type="primary",
        on_click=_evaluate,
        args=(run, [card.name, other.name]),
    )


def _test_digest(card: Card) -> str | None:
    return (card.data.get("split_digests") or {}).get("test")


def _earlier_evaluation(run: RunSnapshot, models: list[str]) -> Job | None:
    """An evaluation of these models on the run's test films, of this session or an earlier one."""
    for job in system_jobs.list_jobs():
        state = system_jobs.state_of(job)
        if state is not None and (state.test_of, list(state.models)) == (run.name, models):
            return job
    return None


def _evaluate(run: RunSnapshot, models: list[str]) -> None:
    earlier = _earlier_evaluation(run, models)
    try:
        if earlier is not None:
            earlier.remove()
        job = system_jobs.create(f"test-of-{run.name}")
        folder_evaluation.start_evaluation(job, Path(run.data), models, run.folder.path)
    except (Refused, OSError) as error:
        selection.keep_word(f"The test films could not be read. {words_of(error)}")


def _figures_button(run: RunSnapshot) -> None:
    opened = st.session_state.get(OPENED) == run.name
    st.button(
        "Hide test figures" if opened else "Show test figures",
        key="run-evaluate",
        on_click=_open_figures,
        args=(None if opened else run.name,),
        help="Figures on the run's own test films.",
    )


def _open_figures(name: str | None) -> None:
    st.session_state[OPENED] = name


def _show_figures(run: RunSnapshot) -> None:
    """Figures of the test split, as the network read it at the end of the run."""
    try:
        tested = evaluation.load_parts(run.folder.path)["test"]
    except evaluation.EvaluationRefused as error:
        say(f"The figures cannot be read. {words_of(error)}")
        return
    metrics = tested.metrics()
    head = ("Class", "Films", "Sensitivity", "95% interval", "Specificity", "95% interval")
    rows = [
        (name, figures["support"], *_with_interval(figures["sensitivity"]), *_with_interval(figures["specificity"]))
        for name, figures in metrics["classes"].items()
    ]
    accuracy, interval = _with_interval(metrics["accuracy"])
    n = len(tested.films)
    titles = "".join(f"<th scope='col'{_left(k)}>{title}</th>" for k, title in enumerate(head))
    cells = "".join(
        "<tr>" + "".join(f"<td{_left(k)}>{html.escape(str(cell))}</td>" for k, cell in enumerate(row)) + "</tr>"
        for row in rows
    )
    st.html(
        f"<p class='xk-kept'>Accuracy <b>{accuracy}</b> <span>95% interval {interval}, on {n} test films; each film is "
        "given the class with the highest probability</span></p>"
        "<div class='xk-table xk-figures-table' tabindex='0' role='region' aria-label='Figures on the test films'>"
        f"<table><thead><tr>{titles}</tr></thead><tbody>{cells}</tbody></table></div>"
    )


def _left(column: int) -> str:
    return "" if column else " class='xk-left'"


def _with_interval(figure: Figure) -> tuple[str, str]:
    return figure.value_text(), figure.interval_text()
