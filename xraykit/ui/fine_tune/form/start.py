"""Step 3 of a new run: the device, time and memory it will take, and the start: not before every reason is gone."""

from __future__ import annotations

import contextlib
import html
import re
from pathlib import Path

import streamlit as st

from xraykit.refused import Refused, words_of
from xraykit.system import device_queue, devices, files, folders, text
from xraykit.system import jobs as system_jobs
from xraykit.system.job_folder.record import State
from xraykit.system.jobs import Job, JobState, state_of
from xraykit.training.recipe import sentences
from xraykit.training.recipe.recipe import Recipe
from xraykit.training.run import control
from xraykit.training.run.run import Run
from xraykit.ui.fine_tune import draft, selection
from xraykit.ui.fine_tune.draft import Draft, Estimate
from xraykit.ui.fine_tune.form import audit, films
from xraykit.ui.kit import jobs
from xraykit.ui.kit.text import escape_markdown, say

AUTO = devices.AUTO
ESTIMATE = "estimate.json"
IDLE = 0.5  # load above which a device is busy with something else, though no run of ours is queued
FASTER, SLOWER = 1.7, 2.0  # what runs took against their estimates, on a busy computer: docs/performance.md
STARTED = "fine-tune-started"  # names this session has started: a second click comes with the same name


def show() -> None:
    """Draw the step."""
    plan = draft.current()
    _choose_device(plan)
    key = f"run-name-{plan.stamp}"
    st.text_input(
        "Run name",
        value=plan.name,
        placeholder=draft.run_name(),
        key=key,
        on_change=_take_name,
        args=(key,),
        help="Letters, digits, '.', '_' and '-'. Leave empty to use the date and the recipe.",
    )
    if draft.run_name() != plan.name.strip() and plan.name.strip():
        st.html(f"<p class='xk-said' role='note'>Spaces become “-”: {html.escape(draft.run_name())}</p>")
    _show_estimate(plan)
    audit.show()
    _show_start()


def reasons() -> list[str]:
    """What is to be done before a run can start, each a clause; empty where one can."""
    todo = [*films.reasons()]
    if wrong := len(draft.faults()):
        todo.append(f"correct {wrong} recipe field{'s' * (wrong != 1)}")
    name = draft.run_name()
    if not folders.is_plain_name(name):
        todo.append(
            "choose a run name of at most 100 letters, digits, '.', '_' and '-', starting with a letter or digit"
        )
    elif (folders.runs_folder() / name).exists():
        todo.append(f"choose another run name ({name} exists)")
    return [*todo, *audit.reasons()]


def _choose_device(plan: Draft) -> None:
    available = devices.available()
    why_no_gpu = devices.why_no_gpu(str(draft.get("backend")))
    names = {AUTO: "Automatic"} | {device.key: device.name for device in available}
    captions = {AUTO: "CPU (no GPU available)" if why_no_gpu else "A free GPU, or the one with the shortest queue"}
    captions |= {device.key: _describe(device) for device in available}
    keys = list(names)
    key = f"device-{'-'.join(keys)}"
    st.radio(
        "Device",
        keys,
        index=keys.index(plan.device if plan.device in names else AUTO),
        key=key,
        format_func=lambda device: escape_markdown(names[device]),
        captions=[escape_markdown(captions[device]) for device in keys],
        on_change=_take_device,
        args=(key,),
    )
    if why_no_gpu:
        st.html(f"<p class='xk-said' role='note'>{_with_code(why_no_gpu)}</p>")


def _with_code(words: str) -> str:
    return re.sub("`([^`]+)`", r"<code>\1</code>", html.escape(words))


def _describe(device: devices.Device) -> str:
    parts = []
    if device.memory_total:
        parts.append(f"{(device.memory_free or 0) / 2**30:.1f} of {device.memory_total / 2**30:.1f} GiB free")
    if device.load is not None:
        parts.append(f"load {device.load:.0%}")
    queue = len(device_queue.line(device.key))
    if queue:
        parts.append(f"{queue} run{'s' * (queue != 1)} ahead of yours")
    elif device.load is None or device.load < IDLE:
        parts.append("available now")
    return " · ".join(parts)


def _take_device(key: str) -> None:
    plan = draft.current()
    if st.session_state[key] != plan.device:
        plan.device, plan.estimate = st.session_state[key], None


def _take_name(key: str) -> None:
    draft.current().name = st.session_state[key]


def _show_estimate(plan: Draft) -> None:
    """Time and memory from two steps of each phase: asked for, watched, shown."""
    job = Job(Path(plan.estimate.path)) if plan.estimate else None
    state = state_of(job)
    if job is not None and jobs.is_busy(state):
        jobs.watch_job(job, _show_progress, "estimate-stop", selection.keep_word, label="Cancel")
        return
    if job is not None and plan.estimate and plan.estimate.recipe == plan.recipe:
        _show_figures(job, state)
    chosen = None if draft.faults() or films.reasons() else draft.built()
    st.button(
        "Estimate time and memory",
        key="estimate",
        on_click=_estimate,
        args=(chosen,),
        disabled=chosen is None,
        width="stretch",
        help="Runs two steps of each phase on the device, with synthetic images. Nothing is trained.",
    )


def _show_progress(state: JobState) -> None:
    jobs.show_progress(state, "Estimating" if state.films else "Starting and compiling", "steps")


def _show_figures(job: Job, state: JobState | None) -> None:
    if state is not None and state.state is State.STOPPED:
        return
    if state is None or state.state is not State.FINISHED:
        say(f"The estimate failed. {state.message if state else 'Estimate again.'}")
        return
    try:
        estimate = job.read(ESTIMATE)
        training, startup = (_range(float(estimate[key])) for key in ("seconds", "compile_seconds"))
        facts = (
            ("Training", training + (", or less" if estimate.get("early") else "")),
            ("Startup", startup),
            ("Memory", text.size(estimate["memory"])),
            ("Speed", f"{estimate['images_per_second']:,.0f} images/s"),
            ("Device", f"{estimate['device']}, {sentences.field_value('precision', estimate['precision'])}"),
        )
    except (Refused, KeyError, TypeError, ValueError):
        say("The estimate cannot be read. Estimate again.")
        return
    rows = "".join(f"<div><dt>{name}</dt><dd>{html.escape(value)}</dd></div>" for name, value in facts)
    st.html(f"<div class='xk-found xk-narrow' role='status'><dl>{rows}</dl></div>")


def _range(seconds: float) -> str:
    return text.duration_range(seconds / FASTER, seconds * SLOWER)


def _estimate(chosen: Recipe) -> None:
    """Start the estimate; a callback."""
    plan = draft.current()
    try:
        job = system_jobs.create(f"estimate-{chosen.name}", folders.runs_folder() / "estimates")
        recipe = job.path / "recipe.json"
        recipe.write_text(chosen.to_json(), "utf-8")
        arguments = [
            "train",
            f"--recipe={recipe}",
            f"--data={files.named(plan.folder)}",
            "--estimate",
            "--json",
            f"--device={plan.device}",
            f"--out={job.path}",
        ]
        job.start(arguments, verb="estimate", data=files.named(plan.folder))
    except (Refused, OSError) as error:
        selection.keep_word(f"The estimate could not be started: {words_of(error)}")
        return
    plan.estimate = Estimate(str(job.path), draft.plain(chosen), plan.folder)
    films.tidy(job.path.parent)


def _show_start() -> None:
    todo = reasons()
    st.button(
        "Start",
        key="start",
        type="primary",
        width="stretch",
        disabled=bool(todo),
        on_click=_start,
        args=(draft.run_name(),),
    )
    if todo:
        items = "".join(f"<li>{html.escape(clause)}</li>" for clause in todo)
        listed = f"<ul>{items}</ul>" if len(todo) > 1 else f" {html.escape(todo[0].rstrip('.'))}."
        st.html(f"<div class='xk-reasons' role='status'>Before you can start:{listed}</div>")


def _start(name: str) -> None:
    """Start the run; a callback. A second click on the same button brings the same name and only opens its run.

    It has to: it comes with the address as the browser knew it, before the first click had changed it.
    """
    started = st.session_state.setdefault(STARTED, set())
    if name in started and (folders.runs_folder() / name).exists():
        selection.open_run(name)
        return
    chosen = draft.built()
    if chosen is None or reasons():
        return
    started.add(name)
    plan = draft.current()
    try:
        new_run = control.start(chosen, files.named(plan.folder), device=plan.device, name=name)
    except (Refused, OSError) as error:
        started.discard(name)
        selection.keep_word(f"The run could not be started: {words_of(error)}")
        return
    audit.hand_on(new_run)
    _hand_on_estimate(new_run, chosen)
    draft.begin_next()
    selection.open_run(new_run.name)


def _hand_on_estimate(new_run: Run, chosen: Recipe) -> None:
    """Give the run the estimate of exactly this recipe and folder: it tells how long later phases will take."""
    estimate = draft.current().estimate
    if estimate is None or (estimate.recipe, estimate.folder) != (draft.plain(chosen), draft.current().folder):
        return
    job = Job(Path(estimate.path))
    # The run trains without it too, only its time to go is known later: what cannot be read or written holds nothing up
    with contextlib.suppress(Refused, KeyError, TypeError, ValueError, OSError):
        figures = job.read(ESTIMATE)
        seconds = [float(part["seconds_per_epoch"]) for part in figures["phases"]]
        if seconds and job.state().state is State.FINISHED:
            new_run.write(ESTIMATE, figures)
