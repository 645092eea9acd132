"""Step 3 of a new run: the device, what it will take, and the start: refused with reasons while anything is wrong."""

from __future__ import annotations

import contextlib
import html
import re
from pathlib import Path
from typing import Any

import streamlit as st

from xraykit.refused import Refused
from xraykit.system import device_queue, devices, folders, text
from xraykit.system import jobs as system_jobs
from xraykit.system.job_folder import State
from xraykit.system.jobs import Job, JobState, state_of
from xraykit.training.recipe.recipe import Recipe
from xraykit.training.run import control
from xraykit.training.run.run import Run
from xraykit.ui.fine_tune import draft, selection
from xraykit.ui.fine_tune.form import films
from xraykit.ui.kit import folder_facts, jobs
from xraykit.ui.kit.text import say

AUTO = devices.AUTO
ESTIMATE = "estimate.json"
STARTED = "fine-tune-started"  # names this session has started: a second click comes with the same name


def show() -> None:
    """Draw the step."""
    plan = draft.current()
    _choose_device(plan)
    st.text_input(
        "Name of the run",
        value=plan["name"],
        placeholder=draft.name(),
        key=f"run-name-{plan['stamp']}",
        on_change=_take_name,
        args=(f"run-name-{plan['stamp']}",),
        help="Letters, digits, '.', '_' and '-'.",
    )
    _show_estimate(plan)
    _show_start()


def reasons() -> list[str]:
    """Why no run can be started yet; empty where one can."""
    found = [*films.reasons()]
    wrong = draft.faults()
    if wrong:
        found.append(f"{len(wrong)} field{'s' * (len(wrong) != 1)} of the recipe to correct.")
    name = draft.name()
    if not folders.is_plain_name(name):
        found.append(f"Expected a run name of at most 100 letters, digits, '.', '_' and '-'; got {name!r}.")
    elif (folders.runs_folder() / name).exists():
        found.append(f"There is a run named {name} already. Choose another name.")
    return found


def _choose_device(plan: dict[str, Any]) -> None:
    found = devices.available()
    why = devices.why_no_gpu(str(draft.get("backend")))
    options = [AUTO, *(device.key for device in found)]
    chosen = plan["device"] if plan["device"] in options else AUTO
    told = {AUTO: "A free GPU, else the GPU with the shortest line" if not why else "The processor: no GPU can be used"}
    told |= {device.key: _told(device) for device in found}
    names = {AUTO: "Automatic"} | {device.key: device.name for device in found}
    st.radio(
        "Device",
        options,
        index=options.index(chosen),
        key=f"device-{'-'.join(options)}",
        format_func=lambda one: folder_facts.literal(names[one]),
        captions=[folder_facts.literal(told[one]) for one in options],
        on_change=_take_device,
        args=(f"device-{'-'.join(options)}",),
    )
    if why:
        st.html(f"<p class='xk-said' role='note'>{_with_code(why)}</p>")


def _with_code(words: str) -> str:
    return re.sub("`([^`]+)`", r"<code>\1</code>", html.escape(words))


def _told(device: devices.Device) -> str:
    parts = []
    if device.memory_total:
        parts.append(f"{(device.memory_free or 0) / 2**30:.1f} of {device.memory_total / 2**30:.1f} GiB free")
    if device.load is not None:
        parts.append(f"load {device.load:.0%}")
    line = device_queue.line(device.key)
    parts.append(f"{len(line)} run{'s' * (len(line) != 1)} before yours" if line else "free at once")
    return " · ".join(parts)


def _take_device(key: str) -> None:
    if st.session_state[key] != draft.current()["device"]:
        draft.current().update(device=st.session_state[key], estimate=None)


def _take_name(key: str) -> None:
    draft.current()["name"] = st.session_state[key]


def _show_estimate(plan: dict[str, Any]) -> None:
    """Time and memory from two steps a phase: asked for, watched, told."""
    one = Job(Path(plan["estimate"]["path"])) if plan["estimate"] else None
    state = state_of(one)
    if one is not None and jobs.is_busy(state):
        jobs.watch_job(one, _show_progress, "estimate-stop", selection.keep_word, label="Cancel")
        return
    if one is not None and plan["estimate"]["recipe"] == draft.current()["recipe"]:
        _tell(one, state)
    chosen = None if draft.faults() or films.reasons() else draft.built()
    st.button(
        "Estimate time and memory",
        key="estimate",
        on_click=_estimate,
        args=(chosen,),
        disabled=chosen is None,
        width="stretch",
        help="Takes two steps of each phase on the device, with made-up films. Nothing is trained.",
    )


def _show_progress(state: JobState) -> None:
    jobs.show_progress(state, "Estimating" if state.films else "Starting and compiling", "steps")


def _tell(one: Job, state: JobState | None) -> None:
    if state is None or state.state is not State.FINISHED:
        if state is None or state.state is not State.STOPPED:
            say(f"No estimate. {state.message if state else 'Ask for it again.'}")
        return
    try:
        found = one.read(ESTIMATE)
        learning, starting = float(found["seconds"]), float(found["compile_seconds"])
        facts = (
            ("Learning", ("at most " if found.get("early") else "") + text.duration(learning)),
            ("Before the first step", text.duration(starting)),
            ("Memory", text.size(found["memory"])),
            ("Speed", f"{found['images_per_second']:,.0f} images/s"),
            ("On", f"{found['device']}, {found['precision']}"),
        )
    except (Refused, KeyError, TypeError, ValueError):
        say("The estimate cannot be read: ask for it again.")
        return
    rows = "".join(f"<div><dt>{name}</dt><dd>{html.escape(value)}</dd></div>" for name, value in facts)
    st.html(f"<div class='xk-found xk-narrow' role='status'><dl>{rows}</dl></div>")


def _estimate(chosen: Recipe) -> None:
    plan = draft.current()
    try:
        job = system_jobs.create(f"estimate-{chosen.name}", folders.runs_folder() / "estimates")
        (job.path / "recipe.json").write_text(chosen.to_json(), "utf-8")
        asked = [
            "train",
            f"--recipe={job.path / 'recipe.json'}",
            f"--data={plan['folder']}",
            "--estimate",
            "--json",
            f"--device={plan['device']}",
            f"--out={job.path}",
        ]
        job.start(asked, verb="estimate", data=plan["folder"])
    except (Refused, OSError) as error:
        selection.keep_word(f"The estimate could not be started: {error}")
        return
    plan["estimate"] = {"path": str(job.path), "recipe": draft.plain(chosen), "folder": plan["folder"]}
    films.tidy(job.path.parent)


def _show_start() -> None:
    found = reasons()
    st.button(
        "Start",
        key="start",
        type="primary",
        width="stretch",
        disabled=bool(found),
        on_click=_start,
        args=(draft.name(),),
    )
    if found:
        items = "".join(f"<li>{html.escape(reason)}</li>" for reason in found)
        st.html(f"<div class='xk-reasons' role='status'>Before it can start:<ul>{items}</ul></div>")


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
        made = control.start(chosen, plan["folder"], device=plan["device"], name=name)
    except (Refused, OSError) as error:
        started.discard(name)
        selection.keep_word(f"The run could not be started: {error}")
        return
    _hand_on_estimate(made, chosen)
    draft.begin_next()
    selection.open_run(made.name)


def _hand_on_estimate(made: Run, chosen: Recipe) -> None:
    """Give the run what was estimated for exactly this recipe and folder: from it, it knows what later phases take."""
    plan = draft.current()
    known = plan["estimate"]
    if not known or (known["recipe"], known["folder"]) != (draft.plain(chosen), plan["folder"]):
        return
    one = Job(Path(known["path"]))
    # The run learns without it too, only its time to go is known later: what cannot be read or written holds nothing up
    with contextlib.suppress(Refused, KeyError, TypeError, ValueError, OSError):
        found = one.read(ESTIMATE)
        whole = [float(part["seconds_per_epoch"]) for part in found["phases"]]
        if whole and one.state().state is State.FINISHED:
            made.write(ESTIMATE, found)
