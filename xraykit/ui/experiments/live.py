"""The chosen study as it is now: where it stands, what is being trained, and what can be done with it."""

from __future__ import annotations

import contextlib
import html
from collections.abc import Iterator
from typing import Any

import streamlit as st

from xraykit.experiments.results.records import Standing
from xraykit.experiments.study.design import FoldKind
from xraykit.experiments.study_folder import CHOSEN
from xraykit.experiments.table import Table, TrialRow
from xraykit.refused import Refused, words_of
from xraykit.reports.charts import learning
from xraykit.reports.study import words as study_words
from xraykit.system import files, text
from xraykit.system.job_folder.record import State
from xraykit.training.run.run import Run
from xraykit.ui.experiments import results, selection, snapshot
from xraykit.ui.experiments.snapshot import StudySnapshot
from xraykit.ui.fine_tune import snapshot as runs
from xraykit.ui.fine_tune.run import view as run_view
from xraykit.ui.kit import jobs
from xraykit.ui.kit.report import view as report_view
from xraykit.ui.kit.report.dialog import show_button
from xraykit.ui.kit.report.handout import Handout

ASKED = "experiments-asked"  # the study whose deletion is asked about
MOST_CURVES = 2  # runs whose curves are drawn beside each other
MOST_LISTED = 30  # trials in the queue, failed runs
TITLES = {
    State.LOST: "The study ended unexpectedly",
    State.FAILED: "The study could not go on",
    State.STOPPED: "Stopped",
}
FOLDS = {FoldKind.SINGLE: "one division", FoldKind.LEAVE_ONE_SOURCE_OUT: "each source left out in turn"}
CURVES = (("accuracy", "Accuracy", True), ("loss", "Loss", False))


def show(study: StudySnapshot, given: Handout | None) -> None:
    """Draw the study; while it is busy, again every few seconds, and the whole page once a run has ended.

    What is drawn again by itself has no button that opens a dialog: that stands on the page, below.
    """
    if not study.busy:
        _draw(study, given)
        return
    done = _ends(study)

    def read() -> StudySnapshot:
        return snapshot.find(study.name) or study

    jobs.watch(read, lambda now: now.busy and _ends(now) == done, _draw)


def _ends(study: StudySnapshot) -> tuple[int, int]:
    return (study.state.done, study.state.failed) if study.state else (0, 0)


def _draw(study: StudySnapshot, given: Handout | None = None) -> None:
    table = snapshot.results(study)
    with st.container(key="study-view"):
        with st.container(horizontal=True, key="study-head", vertical_alignment="center", gap="small"):
            st.html(_head(study), width="stretch")
            if given is not None:
                show_button(given)
            _show_buttons(study, table)
        _ask_about_deleting(study)
        if study.state is None or study.study is None:
            _show_words("This study cannot be shown", study.words, "Restore the file, or delete the study.")
            return
        if study.study.words:
            st.html(f"<p class='xk-said xk-question'>{html.escape(study.study.words)}</p>")
        _show_end(study, table)
        if study.busy:
            _show_progress(study)
        if isinstance(table, str):
            _show_words("The results cannot be read", table, "Restore the file, or delete the study.")
            return
        st.html(_tiles(study, table))
        if study.busy:
            _show_running(study, table)
            _show_queue(study, table)
        _show_failed(study, table)
        results.show_table(study, table, given)


def _head(study: StudySnapshot) -> str:
    state = study.state
    facts = [f"films in {study.films}"] if study.films else []
    if study.study:
        design, folds = study.study.design, study.study.folds
        facts += [f"{_counted(len(study.study.factors), 'factor')}, {design}"] if study.study.factors else []
        facts += [f"{folds.count} folds" if folds.kind is FoldKind.CROSS_VALIDATION else FOLDS[folds.kind]]
        if study.study.shrink is not None:
            facts += [f"{study.study.shrink:.1%} of the training films"]
    facts += [f"engine {state.engine}"] if state and state.engine != "local" else []
    name = html.escape(study.name, quote=True)
    where = html.escape(files.shown(state.data), quote=True) if state else ""
    said = html.escape(" · ".join(facts))
    chip = jobs.state_chip(study.standing if study.study else None, study.state_words)
    return f"<div class='xk-run'><h2 title='{name}'>{name}</h2>{chip}<p title='{where}'>{said}</p></div>"


def _show_buttons(study: StudySnapshot, table: Table | str) -> None:
    folder = study.folder
    if study.busy:
        paused = folder.is_paused()
        st.button(
            "Go on" if paused else "Pause",
            key="study-pause",
            on_click=_pause,
            args=(study, not paused),
            help="Begins the next run." if paused else "Lets the current run finish; no new one starts.",
        )
        jobs.stop_button(
            folder,
            "study-stop",
            selection.keep_word,
            help="Stops within ten seconds. Finished runs stay; the current one resumes from its checkpoint.",
        )
    elif study.study is not None:
        if _can_go_on(study, table):
            st.button("Resume", key="study-resume", type="primary", on_click=_resume, args=(study,))
        if _failed(study):
            st.button(
                "Retry failed runs",
                key="study-retry",
                on_click=_resume,
                args=(study, True),
                help="Trains the failed runs again; finished ones stay as they are.",
            )
    if not study.busy:
        st.button("Delete", key="study-delete", on_click=_ask, args=(study.name,))
    st.button("New study", key="study-new", on_click=selection.close_study)


def _can_go_on(study: StudySnapshot, table: Table | str) -> bool:
    """Is there more to do than failed runs: a run, what an end before the end left undone, or the choice?"""
    if study.runs_left > _failed(study) or study.standing in TITLES:
        return True
    if isinstance(table, str) or (study.folder.path / CHOSEN).is_file():
        return False
    return any(row.done for row in table.rows)


def _failed(study: StudySnapshot) -> int:
    return study.state.failed if study.state else 0


def _ask_about_deleting(study: StudySnapshot) -> None:
    if st.session_state.get(ASKED) != study.name or study.busy:
        return
    with st.container(horizontal=True, key="ask-delete-study", vertical_alignment="center", gap="small"):
        st.html(
            "<p class='xk-word' role='alert'>Delete this study with all its runs? This cannot be undone. Models saved "
            "from it stay.</p>",
            width="content",
        )
        st.button("Delete study", key="study-delete-yes", type="primary", on_click=_delete, args=(study,))
        st.button("Cancel", key="study-delete-no", on_click=_ask, args=(None,))


def _show_end(study: StudySnapshot, table: Table | str) -> None:
    """How it ended, in its own words, before anything else."""
    state = study.state
    if state is None or study.busy:
        return
    if title := TITLES.get(state.state):
        advice = "Resume the study: finished runs stay as they are, the others resume from their checkpoints."
        _show_words(title, state.message, advice, quiet=state.state is State.STOPPED)
    elif state.done < state.runs or _can_go_on(study, table):
        _show_words("Not complete", state.message, "Resume the study, or run the failed ones again.", quiet=True)


def _show_words(title: str, message: str, advice: str, quiet: bool = False) -> None:
    lines = "<br>".join(html.escape(line) for line in message.splitlines())
    st.html(
        f"<section class='xk-end{' xk-quiet' * quiet}' role='status'><h3>{html.escape(title)}</h3>"
        f"<p>{lines}</p><p><b>What to do</b> {html.escape(advice)}</p></section>"
    )


def _show_progress(study: StudySnapshot) -> None:
    state = study.state
    assert state is not None  # it is busy
    parts = [f"{state.done:,} of {state.runs:,} runs" if state.runs else state.message]
    parts += [f"{state.failed} failed"] if state.failed else []
    parts += [f"{state.cut} cut early"] if state.cut else []
    parts += ["paused: no further run begins"] if study.folder.is_paused() else [text.time_left(state.eta)]
    st.progress(min(1.0, state.done / state.runs) if state.runs else 0.0, " · ".join(part for part in parts if part))


def _tiles(study: StudySnapshot, table: Table) -> str:
    state, best = study.state, table.best
    assert state is not None
    tied = len(table.ties.tied)
    tiles = [
        (
            "Trials",
            f"{len(table.rows):,}",
            f"{_counted(len(table.folds), 'fold')} × {_counted(len(table.seeds), 'seed')}",
        ),
        ("Runs finished", f"{table.counts[Standing.FINISHED]:,} of {state.runs:,}", _other_counts(table)),
        (
            "Best validation accuracy",
            best.accuracy.figure.value_text() if best else text.NOT_KNOWN,
            f"trial {best.number}, {best.accuracy.figure.interval_text()}" if best else "no run has finished",
        ),
        (
            "Cannot be told apart",
            f"{tied} of {table.ties.compared}" if table.ties.compared > 1 else text.NOT_KNOWN,
            "trials, the best among them" if table.ties.compared > 1 else "two trials are needed",
        ),
        ("Time taken", text.duration(state.seconds), f"created {text.clock(state.created)}"),
    ]
    cells = "".join(
        f"<div><dt>{name}</dt><dd>{html.escape(value)}<small>{html.escape(under)}</small></dd></div>"
        for name, value, under in tiles
    )
    return f"<dl class='xk-tiles xk-five'>{cells}</dl>"


def _counted(number: int, what: str) -> str:
    return f"{number} {what}{'s' * (number != 1)}"


def _other_counts(table: Table) -> str:
    order = (Standing.RUNNING, Standing.WAITING, Standing.FAILED, Standing.CUT, Standing.STOPPED)
    return ", ".join(f"{table.counts[s]} {study_words.STATE_WORDS[s]}" for s in order if table.counts[s])


def _show_running(study: StudySnapshot, table: Table) -> None:
    """The curves of the runs at work."""
    names = list(study.state.running)[:MOST_CURVES] if study.state else []
    if not names:
        return
    report_view.before_charts()
    by_number = study_words.names(table)
    for name in names:
        taken = runs.take(Run(study.folder.runs_folder / name))
        if taken.status is None:
            continue
        running = next((run for run in table.runs if run.folder == name), None)
        title = _run_title(by_number, running) if running else name
        stands = html.escape(run_view.progress_words(taken.status))
        st.html(f"<div class='xk-part'><h3>{html.escape(title)}</h3><span>{stands}</span></div>")
        points = runs.curve_points(taken.folder)
        for column, (key, measure, percent) in zip(st.columns(2, gap="medium"), CURVES, strict=True):
            with column:
                _show_curve(name, key, measure, percent, points)


def _run_title(by_number: dict[int, str], run: Any) -> str:
    return f"Trial {by_number.get(run.trial, run.trial)} · fold {run.fold_name} · seed {run.seed}"


def _show_curve(run: str, key: str, measure: str, percent: bool, points: list[dict[str, Any]]) -> None:
    rows = [
        {"run": run, "kind": point["kind"], "epoch": point["epoch"], "value": point[key]}
        for point in points
        if point["kind"] == "phase" or point[key] is not None
    ]
    st.html(f"<div class='xk-part'><span>{measure}</span></div>")
    spec = learning.progress(measure, percent=percent).to_dict()
    report_view.live_chart(
        rows, ("run", "kind", "epoch", "value"), spec, f"study-curve-{run}-{key}", f"{measure} of {run}"
    )


def _show_queue(study: StudySnapshot, table: Table) -> None:
    """The trials that have not ended, in the order in which they begin; any can be put first."""
    first = {number: place for place, number in enumerate(study.folder.order())}
    left = [row for row in table.rows if any(run.standing.open for run in row.runs)]
    left.sort(key=lambda row: (first.get(row.number, len(first)), row.number))
    if len(left) < 2:
        return
    by_number = study_words.names(table)
    with st.expander(f"Order of the {len(left)} trials that have not ended", key="study-queue"):
        for place, row in enumerate(left[:MOST_LISTED]):
            with st.container(horizontal=True, vertical_alignment="center", gap="small", key=f"queue-{row.number}"):
                said = html.escape(f"{by_number[row.number]} · {study_words.states(row)}")
                st.html(f"<p class='xk-said'>{said}</p>", width="stretch")
                if place:
                    st.button("Move to the top", key=f"first-{row.number}", on_click=_first, args=(study, row, left))
        if len(left) > MOST_LISTED:
            st.html(f"<p class='xk-said'>and {len(left) - MOST_LISTED} more</p>")


def _show_failed(study: StudySnapshot, table: Table) -> None:
    failed = [run for run in table.runs if run.standing is Standing.FAILED]
    if not failed:
        return
    by_number = study_words.names(table)
    with st.expander(f"Failed runs: {len(failed)}", key="study-failed"):
        for run in failed[:MOST_LISTED]:
            taken = runs.take(Run(study.folder.runs_folder / run.folder))
            status = taken.status
            message = taken.words if status is None else f"{status.message or ''} {status.advice or ''}".strip()
            said = f"{_run_title(by_number, run)}: {message or 'the process ended unexpectedly'}"
            st.html(f"<p class='xk-said'>{html.escape(said)}</p>")


def _first(study: StudySnapshot, row: TrialRow, left: list[TrialRow]) -> None:
    with telling("The order has not changed."):
        study.folder.put_first([row.number, *(other.number for other in left if other is not row)])
    jobs.redraw_page()


def _pause(study: StudySnapshot, pause: bool) -> None:
    with telling("Nothing was changed."):
        study.folder.pause() if pause else study.folder.go_on()
    jobs.redraw_page()


def _resume(study: StudySnapshot, failed: bool = False) -> None:
    from xraykit.experiments.engine import local

    with telling("Not resumed."):
        study.folder.go_on()
        local.start(study.folder, failed)
    selection.open_study(study.name)


def _ask(name: str | None) -> None:
    st.session_state[ASKED] = name


def _delete(study: StudySnapshot) -> None:
    _ask(None)
    with telling("Not deleted."):
        study.folder.remove()
        selection.close_study()


@contextlib.contextmanager
def telling(words: str) -> Iterator[None]:
    """Keep these words and the reason for the user where something is refused."""
    try:
        yield
    except (Refused, OSError) as error:
        selection.keep_word(f"{words} {words_of(error)}")
