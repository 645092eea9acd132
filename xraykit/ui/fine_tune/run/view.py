"""The chosen run as it is now: where it stands, its curves, its device and the end of its log."""

from __future__ import annotations

import html
from functools import lru_cache
from typing import Any

import streamlit as st

from xraykit.reports.charts import learning
from xraykit.reports.runs import report as run_report
from xraykit.reports.runs import words as run_words
from xraykit.system import files, text
from xraykit.system.job_folder.record import State
from xraykit.training.recipe import fields
from xraykit.training.run.run import CHECKPOINT, Failure, Stage, Status
from xraykit.ui.fine_tune import snapshot
from xraykit.ui.fine_tune.run import actions, after, table
from xraykit.ui.fine_tune.snapshot import RunSnapshot
from xraykit.ui.kit import jobs
from xraykit.ui.kit.frame import tab
from xraykit.ui.kit.report import view as report_view
from xraykit.ui.kit.report.dialog import show_button
from xraykit.ui.kit.report.handout import Handout

LOG_HEIGHT = 216  # px
CURVES = (("loss", "Loss"), ("accuracy", "Accuracy"), ("rate", "Learning rate"))
NO_CURVES = "Appears after the first steps"
NO_SUMMARY = "A summary appears after the first epoch."


def show(run: RunSnapshot) -> None:
    """Draw the run and below it all runs; while it is busy, both again every few seconds, from one look at them."""
    given = Handout(lambda: run_report.report(run.folder), "run", f"run-{run.name}")
    if not run.busy:
        _draw(run, given)
        table.show()
        return
    with st.container(horizontal=True, horizontal_alignment="right", key="run-hand-out"):
        show_button(given)

    def now(runs: table.Runs) -> RunSnapshot | None:
        return next((each for each in runs if each.name == run.name), None)

    def draw(runs: table.Runs) -> None:
        _draw(now(runs))
        table.draw(runs)

    jobs.watch(snapshot.take_all, lambda runs: (seen := now(runs)) is not None and seen.busy, draw)


def tab_title(run: RunSnapshot) -> str:
    """What the browser's tab says of a run: how far it is, and at last how it ended."""
    status = run.status
    if status is None or not status.state.busy:
        return f"{run.state_words.capitalize()}: {run.name}"
    return (
        f"{status.share:.0%} {run.name}"
        if status.stage is Stage.LEARNING
        else f"{status.state.capitalize()}: {run.name}"
    )


def progress_words(status: Status) -> str:
    """Where a busy run stands, in words."""
    if status.state is State.QUEUED and status.stage in (None, Stage.WAITING):
        return f"{f'Queued, position {status.place}' if status.place else 'Queued'}. Starts automatically"
    if status.stage is Stage.LEARNING and status.epochs:
        parts = [
            f"Epoch {min((status.epoch or 0) + 1, status.epochs):,} of {status.epochs:,}",
            f"step {status.step or 0} of {status.steps}" if status.steps else "",
            f"{status.images_per_second:,.0f} images/s" if status.images_per_second else "",
            text.time_left(status.eta),
        ]
    else:
        words = status.stage.words if status.stage else "starting"
        parts = [
            words[0].upper() + words[1:],
            f"{status.stage_done or 0:,} of {status.stage_of:,}" if status.stage_of else "",
        ]
    return " · ".join(part for part in parts if part)


def _draw(run: RunSnapshot | None, given: Handout | None = None) -> None:
    assert run is not None  # the whole page is drawn again where it is gone
    tab(tab_title(run))
    with st.container(key="run-view"):
        with st.container(horizontal=True, key="run-head", vertical_alignment="center", gap="small"):
            st.html(_head(run), width="stretch")
            if given is not None and run.status is not None:
                show_button(given)
            actions.show_buttons(run)
        actions.ask_about_deleting(run)
        if run.status is None:
            _show_words("This run cannot be shown", run.words, "Delete it, or open it with the version that wrote it.")
            return
        _show_end(run, run.status)
        actions.ask_for_films(run)
        if run.busy:
            st.progress(run.status.share, progress_words(run.status))
        after.show(run)
        st.html(_tiles(run, run.status))
        _show_curves(run)
        _show_summary_and_log(run)


def _head(run: RunSnapshot) -> str:
    facts = [f"recipe {run.recipe_name}", run.films and f"films in {run.films}"]
    facts += ["divided as the folder gives it"] if run.recipe.get("division") == "given" else []
    if run.status:
        backend, precision, split = run.status.backend or "", run.status.precision or "", run.status.split or 1
        facts += [fields.at("backend").choices.get(backend, backend), run_words.PRECISIONS.get(precision, precision)]
        facts += [f"batch in {split} parts"] if split > 1 else []
    said = html.escape(" · ".join(str(fact) for fact in facts if fact))
    name, where = html.escape(run.name, quote=True), html.escape(files.shown(run.data), quote=True)
    return (
        f"<div class='xk-run'><h2 title='{name}'>{name}</h2>{jobs.state_chip(run.state, run.state_words)}"
        f"<p title='{where}'>{said}</p></div>"
    )


def _show_end(run: RunSnapshot, status: Status) -> None:
    """What happened, and the advice, before anything else."""
    if not run.broken_off:
        return
    stopped = run.state is State.STOPPED
    ended: Failure | State = status.failure or Failure.CRASHED if run.state is State.FAILED else status.state
    advice = status.advice or ""
    if stopped:
        advice = run_words.CONTINUES if (run.folder.path / CHECKPOINT).is_file() else run_words.STARTS_OVER
    _show_words(run_words.TITLES[ended], status.message or "", advice, quiet=stopped)


def _show_words(title: str, message: str, advice: str, quiet: bool = False) -> None:
    st.html(
        f"<section class='xk-end{' xk-quiet' * quiet}' role='status'><h3>{html.escape(title)}</h3>"
        f"<p>{html.escape(message)}</p><p><b>What to do</b> {html.escape(advice)}</p></section>"
    )


def _tiles(run: RunSnapshot, status: Status) -> str:
    """The run's figures, as HTML."""
    accuracy = snapshot.best_accuracy(run)
    best = "" if status.best_epoch is None or status.best_loss is None else f"epoch {status.best_epoch + 1}"
    since = f"started {text.clock(status.started)}" if status.started else f"created {text.clock(status.created)}"
    load = "" if status.load is None else f"load {status.load:.0%}, memory {text.size(status.memory)}"
    parameters = text.NOT_KNOWN if status.parameters is None else f"{status.parameters / 1e6:.2f} M"
    tiles = (
        ("Epochs learned", table.epochs(status), ""),
        ("Best validation loss", text.decimal(status.best_loss), best),
        ("Best validation accuracy", text.percent(status.best_accuracy), table.interval(accuracy) or best),
        ("Training time", text.duration(status.learning_seconds), "excluding queue and compilation"),
        ("Time in queue", text.duration(status.queued_seconds), since),
        ("Device", table.device_name(status) or text.NOT_KNOWN, load if status.state.busy else ""),
        ("Parameters", parameters, ""),
    )
    cells = "".join(
        f"<div><dt>{name}</dt><dd title='{html.escape(value, quote=True)}'>{html.escape(value)}"
        f"<small>{html.escape(under)}</small></dd></div>"
        for name, value, under in tiles
    )
    return f"<dl class='xk-tiles'>{cells}</dl>"


def _show_curves(run: RunSnapshot) -> None:
    points = snapshot.curve_points(run.folder)
    if points and (other := _choose_other(run)):
        points = [*snapshot.points_of_other(other.folder), *points]
    report_view.before_charts()
    columns = st.columns(4, gap="small")
    for column, (key, title) in zip(columns, CURVES, strict=False):
        with column:
            _show_curve(key, title, points)
    with columns[3]:
        st.html("<div class='xk-part'><h3>Device</h3><span>load and memory</span></div>")
        rows = snapshot.device_points(run.folder)
        report_view.live_chart(
            rows, ("time", "load", "memory"), _device_chart(), "curve-device", "Load and memory of the device"
        )


def _choose_other(run: RunSnapshot) -> RunSnapshot | None:
    """Another run whose curves are to lie behind this one's; None where none is chosen."""
    others = {
        each.name: each for each in snapshot.take_all() if each.name != run.name and snapshot.learned(each.folder)
    }
    if not others:
        return None
    with st.container(horizontal=True, key="curves-head", vertical_alignment="center", gap="small"):
        name = st.selectbox(
            "Compare the curves with",
            list(others),
            index=None,
            key=f"curves-other-{run.name}",
            width=320,
            placeholder="Compare the curves with another run",
            label_visibility="collapsed",
            format_func=lambda name: name,
        )
        if name:
            st.html(f"<p class='xk-said'><i class='xk-other'></i>{html.escape(name)}, dashed</p>", width="content")
    return others.get(name or "")


def _show_curve(key: str, title: str, points: list[dict[str, Any]]) -> None:
    rows = [
        {"run": point["run"], "kind": point["kind"], "epoch": point["epoch"], "value": point[key]}
        for point in points
        if point["kind"] == "phase" or _can_be_drawn(key, point[key])
    ]
    values = [row["value"] for row in rows if row["kind"] in ("training", "validation")]
    legend = "<i class='xk-thin'></i>training <i class='xk-thick'></i>validation" if key == "loss" else ""
    st.html(f"<div class='xk-part'><h3>{title}</h3><span>{legend if rows else NO_CURVES}</span></div>")
    latest = f"latest {values[-1]:.4g}" if values else "no epochs yet"
    columns = ("run", "kind", "epoch", "value")
    report_view.live_chart(rows, columns, _curve_chart(key, title), f"curve-{key}", f"{title}: {latest}")


def _can_be_drawn(key: str, value: float | None) -> bool:
    return value is not None and (key != "rate" or value > 0)  # a cosine ends at zero, where its axis has no place


@lru_cache(maxsize=8)
def _curve_chart(key: str, title: str) -> dict[str, Any]:
    return learning.progress(title, percent=key == "accuracy", logarithmic=key == "rate").to_dict()


@lru_cache(maxsize=1)
def _device_chart() -> dict[str, Any]:
    return learning.device().to_dict()


def _show_summary_and_log(run: RunSnapshot) -> None:
    left, right = st.columns([2, 3], gap="medium")
    curve = snapshot.training_curve(run.folder)
    sentences = [sentence for sentence in curve.words if sentence] if curve.epochs else [NO_SUMMARY]
    items = "".join(f"<li>{html.escape(sentence)}</li>" for sentence in sentences)
    with left:
        st.html(f"<div class='xk-part'><h3>Summary of the curves</h3></div><ul class='xk-saying'>{items}</ul>")
    with right:
        st.html("<div class='xk-part'><h3>Log</h3><span>last lines</span></div>")
        if not run.busy and snapshot.just_ended(run.folder):  # its process has a last word after the state is written
            jobs.watch(lambda: run, lambda run: snapshot.just_ended(run.folder), _show_log)
        else:
            _show_log(run)


def _show_log(run: RunSnapshot) -> None:
    with st.container(height=LOG_HEIGHT, border=True, key="run-log", autoscroll=True):
        log = html.escape(snapshot.log_tail(run.folder)) or f"Nothing printed{' yet' * run.busy}."
        st.html(f"<pre class='xk-log' tabindex='0' aria-label='The end of the log'>{log}</pre>")
