"""One trial of a study: its runs, and what they are good for: a model, a start for Fine-tune."""

from __future__ import annotations

import html
import json

import streamlit as st

from xraykit.evaluation.evaluation import FILES
from xraykit.experiments.grid import Trial
from xraykit.experiments.results.records import RunRecord, Standing
from xraykit.experiments.table import Table, TrialRow
from xraykit.refused import Refused, words_of
from xraykit.reports.study import words as study_words
from xraykit.system import files, text
from xraykit.training.recipe import sentences
from xraykit.training.run.run import Run
from xraykit.ui import navigation
from xraykit.ui.experiments import selection
from xraykit.ui.experiments.snapshot import StudySnapshot
from xraykit.ui.fine_tune import draft
from xraykit.ui.fine_tune import selection as fine_tune
from xraykit.ui.fine_tune import snapshot as runs
from xraykit.ui.fine_tune.form import films
from xraykit.ui.fine_tune.run import after
from xraykit.ui.kit import jobs
from xraykit.ui.kit.text import say

NO_TEST = (
    "A study reads the test films with the networks of its chosen trial alone, so that they stay unseen by the choice. "
    "A model needs test figures: save one from a run of the chosen trial. Any trial's recipe can be trained again by "
    "Fine-tune."
)
USED = "experiments-used"  # the recipe that was handed to Fine-tune


def show(study: StudySnapshot, table: Table) -> None:
    """Draw the trial that is open, and a way to open one."""
    row = _choose(table)
    if row is None:
        return
    with st.container(key="trial", border=True):
        trial = _trial(study, row.number)
        with st.container(horizontal=True, key="trial-head", vertical_alignment="center", gap="small"):
            title = html.escape(study_words.names(table)[row.number])
            st.html(f"<div class='xk-block'><h2>Trial {title}</h2></div>", width="stretch")
            if trial is not None:
                st.button(
                    "Use as recipe",
                    key="trial-recipe",
                    on_click=_use,
                    args=(study, trial),
                    help="Fills in the form of Fine-tune with this trial's recipe and films.",
                )
                st.download_button(
                    "Recipe as JSON",
                    trial.recipe.to_json,
                    f"{study.name}-trial-{row.number}.json",
                    "application/json",
                    key="trial-json",
                    on_click="ignore",
                )
            st.button("Close", key="trial-close", on_click=_close)
        if st.session_state.pop(USED, None) == (study.name, row.number):
            with st.container(horizontal=True, vertical_alignment="center", gap="small", key="trial-used"):
                st.html("<p class='xk-said' role='status'>Fine-tune has this recipe now.</p>", width="content")
                navigation.link("fine-tune", "Open Fine-tune")
        _show_runs(row)
        if trial is not None:
            lines = " ".join(sentences.sentences(json.loads(trial.recipe.to_json())))
            with st.expander("Recipe in words", key="trial-words"):
                st.html(f"<p class='xk-said'>{html.escape(lines)}</p>")
        _show_use(study, row)


def _choose(table: Table) -> TrialRow | None:
    """The trial that the address names."""
    given = st.query_params.get(selection.TRIAL, "")
    number = int(given) if given.isdecimal() and len(given) < 8 else None
    return next((row for row in table.rows if row.number == number), None)


def _trial(study: StudySnapshot, number: int) -> Trial | None:
    try:
        return next((trial for trial in study.folder.trials() if trial.number == number), None)
    except (Refused, OSError) as error:
        say(words_of(error))
        return None


def _show_runs(row: TrialRow) -> None:
    heads = ("Fold", "Seed", "State", "Epochs", "Best epoch", "Validation accuracy", "Validation loss", "Gap, points")
    heads = (*heads, "Training time")
    titles = "".join(f"<th scope='col'{_left(k)}>{head}</th>" for k, head in enumerate(heads))
    body = "".join(
        "<tr>" + "".join(f"<td{_left(k)}>{html.escape(cell)}</td>" for k, cell in enumerate(_cells(run))) + "</tr>"
        for run in row.runs
    )
    st.html(
        "<div class='xk-table xk-figures-table' tabindex='0' role='region' aria-label='Runs of the trial'>"
        f"<table><thead><tr>{titles}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def _cells(run: RunRecord) -> tuple[str, ...]:
    return (
        run.fold_name,
        str(run.seed),
        study_words.STATE_WORDS[run.standing],
        str(len(run.epochs)),
        text.NOT_KNOWN if run.best_epoch is None else str(run.best_epoch),
        text.percent(run.accuracy),
        text.decimal(run.loss),
        text.NOT_KNOWN if run.gap is None else f"{100 * run.gap:.1f}",
        text.duration(run.seconds),
    )


def _left(column: int) -> str:
    return " class='xk-left'" if column in (0, 2) else ""


def _show_use(study: StudySnapshot, row: TrialRow) -> None:
    """Saving a run as a model, and where that model can then be used."""
    finished = [run for run in row.runs if run.standing is Standing.FINISHED]
    if not finished:
        return
    tested = [run for run in finished if (study.folder.runs_folder / run.folder / FILES["test"]).is_file()]
    if not tested:
        st.html(f"<p class='xk-said'>{html.escape(NO_TEST)}</p>")
        return
    chosen = tested[0]
    if len(tested) > 1:
        names = {run.folder: f"fold {run.fold_name}, seed {run.seed}" for run in tested}
        name = st.selectbox(
            "Run to use",
            list(names),
            key=f"trial-run-{study.name}-{row.number}",
            format_func=lambda folder: names[folder],
            width=260,
        )
        chosen = next((run for run in tested if run.folder == name), chosen)
    after.show(runs.take(Run(study.folder.runs_folder / chosen.folder)))


def _use(study: StudySnapshot, trial: Trial) -> None:
    """Hand the recipe and the films to the form of Fine-tune."""
    draft.take(draft.plain(trial.recipe), draft.IMPORTED)
    if study.state and study.state.data:
        draft.current().source = films.PATH
        films.choose(files.shown(study.state.data))
    fine_tune.close_run()
    st.session_state[USED] = (study.name, trial.number)


def _close() -> None:
    st.query_params.pop(selection.TRIAL, None)
    jobs.redraw_page()
