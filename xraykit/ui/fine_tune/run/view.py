"""The chosen run as it is now: where it stands, its curves, its device and the end of its log."""

from __future__ import annotations

import html
from functools import lru_cache
from typing import Any

import streamlit as st

from xraykit.reports.charts import learning
from xraykit.training.run import run
from xraykit.ui.fine_tune import selection, snapshot, wording
from xraykit.ui.fine_tune.run import actions, after
from xraykit.ui.fine_tune.snapshot import Seen
from xraykit.ui.kit import report_view

EVERY = 2  # seconds
LOG_HEIGHT = 216  # px
TITLES = {
    "out of memory": "The device ran out of memory",
    "data": "The films or the weights could not be read",
    "diverged": "The loss is no longer a number",
    "disk": "The disk is full or cannot be written",
    "recipe": "The recipe cannot be run",
    "crashed": "The run ended with a fault",
    "lost": "The run ended without a word",
    "stopped": "Stopped in order",
}
NOTHING_YET = "Resume it and it begins anew: nothing had been learned yet."
CURVES = (("loss", "Loss"), ("accuracy", "Accuracy"), ("rate", "Learning rate"))


def show(of: Seen) -> None:
    """Draw the run; while it goes on, again every two seconds."""
    if of.busy:
        _watch(of.name)
    else:
        _draw(of)


@st.fragment(run_every=EVERY)
def _watch(name: str) -> None:
    selection.follow()
    of = snapshot.find(name)
    if of is None or not of.busy:
        st.rerun()
    _draw(of)


def _draw(of: Seen) -> None:
    with st.container(key="run-view"):
        with st.container(horizontal=True, key="run-head", vertical_alignment="center", gap="small"):
            st.html(_head(of), width="stretch")
            actions.show_buttons(of)
        if of.words:
            _say_end("This run cannot be shown", of.words, "Delete it, or open it with the version that wrote it.")
            return
        actions.ask_about_deleting(of)
        _show_end(of)
        actions.ask_for_films(of)
        if of.busy:
            share, said = wording.how_far(of.status)
            st.progress(share, said)
        after.show(of)
        st.html(_tiles(of))
        _show_curves(of)
        _show_words_and_log(of)


def _head(of: Seen) -> str:
    state = wording.state(of)
    status = of.status
    facts = [
        f"recipe {of.recipe_name}",
        of.films and f"films {of.films}",
        status.get("backend"),
        status.get("precision"),
        f"batch in {n} parts" if (n := status.get("split") or 1) > 1 else "",
    ]
    said = html.escape(" · ".join(str(fact) for fact in facts if fact))
    where = html.escape(str(status.get("data", "")), quote=True)
    name = html.escape(of.name, quote=True)
    return (
        f"<div class='xk-run'><h2 title='{name}'>{name}</h2><span class='xk-state' role='status' "
        f"style='--state:{wording.COLOURS[of.state]}'>{html.escape(state.capitalize())}</span>"
        f"<p title='{where}'>{said}</p></div>"
    )


def _show_end(of: Seen) -> None:
    """What happened, and the advice, before anything else."""
    if of.state not in ("failed", "lost", "stopped"):
        return
    title = TITLES.get(str(of.status.get("failure") if of.state == "failed" else of.state), TITLES["crashed"])
    advice = str(of.status.get("advice") or "")
    if of.state == "stopped":
        learned = (of.run.path / run.CHECKPOINT).is_file()
        advice = "Resume it and it goes on with the same numbers, from where it stood." if learned else NOTHING_YET
    _say_end(title, str(of.status.get("message") or ""), advice, quiet=of.state == "stopped")


def _say_end(title: str, message: str, advice: str, quiet: bool = False) -> None:
    st.html(
        f"<section class='xk-end{' xk-quiet' * quiet}' role='status'><h3>{html.escape(title)}</h3>"
        f"<p>{html.escape(message)}</p><p><b>What to do</b> {html.escape(advice)}</p></section>"
    )


def _tiles(of: Seen) -> str:
    status = of.status
    best = status.get("best_epoch")
    at = "" if best is None or status.get("best_loss") is None else f"epoch {best + 1}"
    queued = status.get("queued_seconds")
    memory = wording.memory(status.get("memory"))
    parameters = snapshot.number(status.get("parameters"))
    started = status.get("started")
    since = f"started {wording.clock(started)}" if started else f"asked for {wording.clock(status.get('created'))}"
    load = status.get("load")
    tiles = (
        ("Epochs", f"{status.get('epoch') or 0} of {status.get('epochs') or wording.NOT_YET}", ""),
        ("Best validation loss", wording.figure(snapshot.number(status.get("best_loss"))), at),
        ("Best validation accuracy", wording.percent(snapshot.number(status.get("best_accuracy"))), at),
        ("Learning time", wording.duration(status.get("learning_seconds")), "without queue and compiling"),
        ("Waited in line", wording.duration(queued), since),
        (
            "Device",
            wording.device(status) or wording.NOT_YET,
            "" if load is None or not of.busy else f"load {load:.0%}, memory {memory}",
        ),
        ("Parameters", wording.NOT_YET if parameters is None else f"{parameters / 1e6:.2f} M", ""),
    )
    cells = "".join(
        f"<div><dt>{name}</dt><dd title='{html.escape(value, quote=True)}'>{html.escape(value)}"
        f"<small>{html.escape(under)}</small></dd></div>"
        for name, value, under in tiles
    )
    return f"<dl class='xk-tiles'>{cells}</dl>"


def _show_curves(of: Seen) -> None:
    epochs = int(of.status.get("epochs") or 1)
    points = snapshot.progress(of.run)
    report_view.before_charts()
    columns = st.columns(4, gap="small")
    notes = {"loss": "<i class='xk-thin'></i>training <i class='xk-thick'></i>validation"}
    for column, (key, title) in zip(columns, CURVES, strict=False):
        with column:
            rows = [
                {"kind": one["kind"], "epoch": one["epoch"], "value": one[key]}
                for one in points
                if one["kind"] == "phase" or _drawn(key, one[key])
            ]
            values = [row["value"] for row in rows if row["kind"] in ("training", "validation")]
            note = notes.get(key, "") if rows else "drawn from the first steps on"
            st.html(f"<div class='xk-part'><h3>{title}</h3><span>{note}</span></div>")
            told = "no epochs yet" if not values else f"{values[-1]:.4g} at last"
            spec = _curve(key, title, epochs)
            report_view.live_chart(rows, ("kind", "epoch", "value"), spec, f"curve-{key}", f"{title}: {told}")
    with columns[3]:
        st.html("<div class='xk-part'><h3>Device</h3><span>load and memory</span></div>")
        rows = snapshot.device(of.run)
        report_view.live_chart(
            rows, ("time", "load", "memory"), _device(), "curve-device", "Load and memory of the device"
        )


def _drawn(key: str, value: float | None) -> bool:
    return value is not None and (key != "rate" or value > 0)  # a cosine ends at zero, where its axis has no place


@lru_cache(maxsize=64)
def _curve(key: str, title: str, epochs: int) -> dict[str, Any]:
    return learning.progress(title, epochs, percent=key == "accuracy", logarithmic=key == "rate").to_dict()


@lru_cache(maxsize=1)
def _device() -> dict[str, Any]:
    return learning.device().to_dict()


def _show_words_and_log(of: Seen) -> None:
    left, right = st.columns([2, 3], gap="medium")
    read = snapshot.curve(of.run)
    said = list(read.words) if read.epochs else ["The curves are read in words once an epoch is complete."]
    items = "".join(f"<li>{html.escape(sentence)}</li>" for sentence in said if sentence)
    with left:
        st.html(f"<div class='xk-part'><h3>What the curves say</h3></div><ul class='xk-saying'>{items}</ul>")
    with right:
        st.html("<div class='xk-part'><h3>Log</h3><span>its last lines</span></div>")
        with st.container(height=LOG_HEIGHT, border=True, key="run-log", autoscroll=True):
            text = html.escape(snapshot.log(of.run)) or "Nothing was printed yet."
            st.html(f"<pre class='xk-log' tabindex='0' aria-label='The end of the log'>{text}</pre>")
