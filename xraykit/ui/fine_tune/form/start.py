"""Step 3 of a new run: the device, what it will take, and the start: refused with reasons while anything is wrong."""

from __future__ import annotations

import contextlib
import html
import re
from pathlib import Path
from typing import Any

import streamlit as st

from xraykit.refused import Refused
from xraykit.system import device_queue, devices, folders
from xraykit.system import jobs as works
from xraykit.system.jobs import Work
from xraykit.training.recipe.recipe import Recipe
from xraykit.training.run import control, run
from xraykit.training.run.run import Run
from xraykit.ui.fine_tune import draft, selection, wording
from xraykit.ui.fine_tune.form import films
from xraykit.ui.kit import folder_facts
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
    one = Work(Path(plan["estimate"]["path"])) if plan["estimate"] else None
    state = works.look(one)
    if one is not None and state.get("state") in run.BUSY:
        _watch_estimate(str(one.path))
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


@st.fragment(run_every=1)
def _watch_estimate(path: str) -> None:
    one = Work(Path(path))
    state = works.look(one)
    if state.get("state") not in run.BUSY:
        st.rerun()
    done, of = state.get("done") or 0, state.get("films") or 0
    said = f"Step {done} of {of}" if of else "Starting, and compiling the first step"
    st.progress(min(1.0, done / of) if of else 0.0, said)
    asked = (one.path / "stop").exists()
    st.button("Stopping" if asked else "Cancel", key="estimate-stop", disabled=asked, on_click=_cancel, args=(one,))


def _tell(one: Work, state: dict[str, Any]) -> None:
    if state.get("state") != "finished":
        if state.get("state") != "stopped":
            say(f"The estimate could not be made. {state.get('message', '')}")
        return
    try:
        found = Run(one.path).read(ESTIMATE)
        learning, starting = float(found["seconds"]), float(found["compile_seconds"])
        facts = (
            ("Learning", ("at most " if found.get("early") else "") + wording.duration(learning)),
            ("Before the first step", wording.duration(starting)),
            ("Memory", wording.memory(found["memory"])),
            ("Speed", f"{found['images_per_second']:,.0f} images/s"),
            ("On", f"{found['device']}, {found['precision']}"),
        )
    except (run.RunRefused, KeyError, TypeError, ValueError):
        say("The estimate cannot be read: ask for it again.")
        return
    rows = "".join(f"<div><dt>{name}</dt><dd>{html.escape(value)}</dd></div>" for name, value in facts)
    st.html(f"<div class='xk-found xk-narrow' role='status'><dl>{rows}</dl></div>")


def _estimate(chosen: Recipe) -> None:
    plan = draft.current()
    try:
        made = works.create(f"estimate-{chosen.name}", folders.runs_folder() / "estimates")
        (made.path / "recipe.json").write_text(chosen.to_json(), "utf-8")
        asked = [
            "train",
            f"--recipe={made.path / 'recipe.json'}",
            f"--data={plan['folder']}",
            "--estimate",
            "--json",
            f"--device={plan['device']}",
            f"--out={made.path}",
        ]
        works.launch(made, asked, verb="estimate", data=plan["folder"])
    except (Refused, OSError) as error:
        selection.keep_word(f"The estimate could not be started: {error}")
        return
    plan["estimate"] = {"path": str(made.path), "recipe": draft.plain(chosen), "folder": plan["folder"]}
    films.tidy(made.path.parent)


def _cancel(one: Work) -> None:
    try:
        one.ask_to_stop()
    except (Refused, OSError) as error:
        selection.keep_word(f"It could not be stopped: {error}")


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
    one = Work(Path(known["path"]))
    # The run learns without it too, only its time to go is known later: what cannot be read or written holds nothing up
    with contextlib.suppress(run.RunRefused, KeyError, TypeError, ValueError, OSError):
        found = Run(one.path).read(ESTIMATE)
        whole = [float(part["seconds_per_epoch"]) for part in found["phases"]]
        if whole and works.look(one).get("state") == "finished":
            made.write(ESTIMATE, found)
