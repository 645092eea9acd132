"""Step 3 of a new study: its films, what it would take, a cut to a budget, and the start: not before it is planned."""

from __future__ import annotations

import html
from pathlib import Path
from typing import Any

import msgspec
import streamlit as st

from xraykit.datasets import dataset
from xraykit.experiments import study_folder
from xraykit.experiments.engine import local
from xraykit.experiments.plan import budget, plan
from xraykit.experiments.plan.plan import Plan
from xraykit.experiments.plan.ready import prepare
from xraykit.experiments.study import films as study_films
from xraykit.experiments.study.rules import FOLDS, STUDY
from xraykit.experiments.study.study import Study
from xraykit.films.samples import example
from xraykit.refused import Refused, words_of
from xraykit.system import devices, files, folders, text
from xraykit.system import jobs as system_jobs
from xraykit.system.job_folder.record import State
from xraykit.system.jobs import Job, JobState, state_of
from xraykit.truth.data_audit import record
from xraykit.ui.datasets import leaks
from xraykit.ui.experiments import draft, selection
from xraykit.ui.experiments.form import parts
from xraykit.ui.fine_tune.form import films
from xraykit.ui.kit import jobs
from xraykit.ui.kit.text import ask_for_folder, escape_markdown, say

PLAN = "plan.json"
HOUR = 3600.0
NAMELESS = "a field without a name"
NEEDED = {name for name, rule in STUDY.items() if rule.required}


def show() -> None:
    """Draw the step."""
    _choose_films()
    _choose_device()
    _show_rest()
    _show_plan()
    if (asked := _asked()) is not None:
        leaks.show(asked, _gathered, selection.keep_word, "the cards of its models")
    _show_start()


def reasons() -> list[str]:
    """What is to be done before a study can start, each a clause; empty where it can."""
    wrong = len(draft.faults())
    todo = [f"correct {wrong} field{'s' * (wrong != 1)}"] if wrong else []
    todo += [] if _folders_known() else ["choose films"]
    if not todo and _plan() is None:
        todo.append("plan it, to know what it takes")
    asked = None if todo else _asked()
    return todo + ([] if asked is None else leaks.reasons(asked))


def _asked() -> leaks.Asked | None:
    """The data audit that a start asks for: of the films that were planned with."""
    study, planned = draft.built(), _plan()
    if study is None or planned is None:
        return None
    return leaks.asked_of(planned.films_digest, study.recipe.split_plan)


def _gathered() -> Path:
    """The folder of the study's films, several pooled into one as the plan did."""
    study = draft.built()
    assert study is not None  # else nothing is asked
    return study_films.gather(study, study_films.find(study, _given()))


def _given() -> list[Path]:
    return [Path(files.named(name)) for name in draft.current().folders]


def _folders_known() -> bool:
    """Are films chosen, or those that the study names on this computer?"""
    if draft.current().folders:
        return True
    names = draft.get("data", [])
    known = {each.name for each in films.known()}
    return isinstance(names, list) and bool(names) and all(isinstance(name, str) and name in known for name in names)


def _choose_films() -> None:
    """Folders of films; several are pooled."""
    chosen = draft.current()
    known = {files.shown(str(each.path)): each for each in films.known()}
    options = list(dict.fromkeys([*known, *chosen.folders]))
    key = draft.key(f"films-{len(chosen.folders)}-{hash(tuple(chosen.folders))}")
    names = draft.get("data", [])
    names = [name for name in names if isinstance(name, str)] if isinstance(names, list | tuple) else []
    named = ", ".join(names)
    st.multiselect(
        "Folders of films",
        options,
        default=chosen.folders,
        key=key,
        format_func=lambda path: _title(path, known),
        placeholder=f"As the study names them: {named}" if named else "Choose folders",
        on_change=_take_films,
        args=(key,),
        help="Several are pooled into one, each film with its source. None: the datasets that the study names.",
    )
    if not chosen.folders and names and not _folders_known():
        _show_missing([name for name in names if name not in {each.name for each in known.values()}])
    folder = ask_for_folder("or the path of a folder", "Add", "study-films")
    if folder is not None and (name := files.shown(str(folder))) not in chosen.folders:
        chosen.folders = [*chosen.folders, name]
        st.rerun()
    parts.values("classes", "Classes renamed or left out", draft.faults(), help=CLASSES_HELP)


def _show_rest() -> None:
    """Fields with a fault that the form shows nowhere, or not for these choices: to be corrected, or left out."""
    faults = draft.faults()
    for path, words in faults.items():
        top = path.partition(".")[0]
        if path in draft.current().drawn or top == "recipe":
            continue
        if path in STUDY or path.removeprefix("folds.") in FOLDS:
            parts.values(path, f"{path}, as JSON", faults)
        else:
            st.html(f"<p class='xk-fault' role='alert'><b>{html.escape(path or NAMELESS)}</b> {html.escape(words)}</p>")
        if path not in NEEDED:
            st.button(
                f"Leave out {escape_markdown(path or NAMELESS)}",
                key=draft.key(f"leave-out-{path}"),
                on_click=draft.leave_out,
                args=(path,),
            )


def _show_missing(names: list[str]) -> None:
    """What to do about films that the study names and nobody has here: the synthetic ones are drawn, others got."""
    if example.NAME in names:
        st.html("<p class='xk-said' role='status'>The synthetic films of this study are not drawn yet.</p>")
        st.button("Draw them", key="study-draw", on_click=_draw_example, help="Takes a few seconds.")
    if others := [name for name in names if name != example.NAME]:
        st.html(
            f"<p class='xk-said' role='status'>Not on this computer: {html.escape(', '.join(others))}. Choose other "
            "folders of films, or get them on the page Datasets.</p>"
        )


def _draw_example() -> None:
    try:
        example.folder()
    except OSError as error:
        selection.keep_word(f"The synthetic films could not be drawn: {words_of(error)}")


CLASSES_HELP = 'In JSON: {"Viral Pneumonia": "Pneumonia", "Lung Opacity": null} renames one and leaves one out.'


def _title(path: str, known: dict[str, Any]) -> str:
    folder = known.get(path)
    if folder is None:
        return path
    return f"{folder.name} · {sum(folder.counts.values()):,} films in {len(folder.counts)} classes"


def _take_films(key: str) -> None:
    draft.current().folders = list(st.session_state.get(key) or [])


def _choose_device() -> None:
    names = {devices.AUTO: "Automatic: every GPU, else the CPU"}
    names |= {device.key: device.name for device in devices.available()}
    key = draft.key("device")
    current = draft.current().device
    st.selectbox(
        "Device",
        list(names),
        index=list(names).index(current if current in names else devices.AUTO),
        key=key,
        format_func=lambda device: names[device],
        on_change=_take_device,
        args=(key,),
    )


def _take_device(key: str) -> None:
    draft.current().device = st.session_state.get(key) or devices.AUTO


def _show_plan() -> None:
    """What the study would take: asked for, watched, shown."""
    chosen = draft.current()
    job = Job(Path(chosen.plan)) if chosen.plan else None
    state = state_of(job)
    if job is not None and jobs.is_busy(state):
        jobs.watch_job(job, _show_progress, "study-plan-stop", selection.keep_word, label="Cancel")
        return
    current = chosen.planned == draft.question()
    if job is not None and current:
        _show_figures(state)
    study = draft.built()
    st.button(
        "Plan again" if job is not None and not current else "Plan",
        key="study-plan",
        on_click=_start_plan,
        args=(study,),
        disabled=study is None or not _folders_known(),
        width="stretch",
        help="Reads the films, divides them, and takes two steps of each kind of trial. Nothing is trained.",
    )


def _show_progress(state: JobState) -> None:
    words = "Planning" if not state.message else f"Planning: {state.message.rstrip('.')}"
    jobs.show_progress(state, words, "steps")


def _show_figures(state: JobState | None) -> None:
    if state is not None and state.state is State.STOPPED:
        return
    planned = _plan()
    if planned is None:
        say(f"The plan failed. {state.message if state else 'Plan again.'}")
        return
    study = draft.built()
    shrunk = study is not None and study.shrink is not None and study.shrink < planned.shrink
    share = (study.shrink or 1) / planned.shrink if study and shrunk else 1.0
    low, high = (ends - (1 - share) * planned.learning * factor for ends, factor in _ends(planned))
    most = "at most " if planned.at_most else ""
    held = f", {planned.held_out:,} held out for the chosen trial" if planned.held_out else ""
    facts = (
        (
            "Trials × folds × seeds",
            f"{planned.trials:,} × {len(planned.folds)} × {planned.seeds} = {planned.runs:,} runs",
        ),
        ("Time", f"{most}{text.duration(low)} to {text.duration(high)}"),
        ("of it shared features", text.duration(planned.features)),
        ("Memory of a run", text.size(planned.memory)),
        ("Disk", text.size(planned.disk)),
        ("Films", f"{planned.films:,}{held}"),
        ("Device", planned.device),
    )
    rows = "".join(f"<div><dt>{name}</dt><dd>{html.escape(value)}</dd></div>" for name, value in facts)
    st.html(f"<div class='xk-found xk-narrow' role='status'><dl>{rows}</dl></div>")
    for remark in planned.remarks:
        st.html(f"<p class='xk-said'>{html.escape(remark)}</p>")
    _show_budget(planned)


def _ends(planned: Plan) -> tuple[tuple[float, float], tuple[float, float]]:
    return (planned.low, plan.FASTER), (planned.high, plan.SLOWER)


def _show_budget(planned: Plan) -> None:
    """A time that the study must fit into, and what is done so that it does."""
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small", key="study-budget"):
        hours = st.number_input(
            "Must fit into, hours",
            min_value=0.01,
            value=draft.current().hours,
            format="%g",
            key=draft.key("budget-hours"),
            placeholder="no limit",
            width=170,
        )
        st.button("Cut to budget", key="study-cut", disabled=not hours, on_click=_cut, args=(planned, hours))
    if words := st.session_state.get("study-cut-words"):
        st.html(f"<p class='xk-said' role='status'>{html.escape(words)}</p>")


def _cut(planned: Plan, hours: float) -> None:
    study = draft.built()
    if study is None:
        return
    cut = budget.cut(study, planned, hours * HOUR)
    st.session_state["study-cut-words"] = cut.words
    draft.current().hours = hours  # the field is drawn anew
    if cut.shrink is not None and cut.shrink < planned.shrink:
        draft.put("shrink", cut.shrink)
        draft.current().turn += 1


def _plan() -> Plan | None:
    """The plan of exactly this study, films and device; None before there is one."""
    chosen = draft.current()
    if not chosen.plan or chosen.planned != draft.question():
        return None
    job = Job(Path(chosen.plan))
    state = state_of(job)
    if state is None or state.state is not State.FINISHED:
        return None
    try:
        return msgspec.convert(job.read(PLAN), Plan)
    except (Refused, msgspec.ValidationError):
        return None


def _start_plan(study: Study) -> None:
    """Start the planning; a callback."""
    chosen = draft.current()
    st.session_state.pop("study-cut-words", None)
    try:
        job = system_jobs.create(f"plan-{study.name}", folders.runs_folder() / "estimates")
        file = job.path / "study.json"
        file.write_text(study.to_json(), "utf-8")
        data = [f"--data={files.named(folder)}" for folder in chosen.folders]
        arguments = ["study", "run", "--plan", "--json", *data, f"--device={chosen.device}", f"--out={job.path}"]
        job.start([*arguments, str(file)], verb="plan", data=", ".join(chosen.folders))
    except (Refused, OSError) as error:
        selection.keep_word(f"The plan could not be started: {words_of(error)}")
        return
    chosen.plan, chosen.planned = str(job.path), draft.question()
    films.tidy(job.path.parent)


def _show_start() -> None:
    todo = reasons()
    st.button("Start", key="study-start", type="primary", width="stretch", disabled=bool(todo), on_click=_start)
    if todo:
        items = "".join(f"<li>{html.escape(clause)}</li>" for clause in todo)
        listed = f"<ul>{items}</ul>" if len(todo) > 1 else f" {html.escape(todo[0])}."
        st.html(f"<div class='xk-reasons' role='status'>Before you can start:{listed}</div>")


def _start() -> None:
    """Start the study; a callback."""
    study, planned, chosen, asked = draft.built(), _plan(), draft.current(), _asked()
    if study is None or planned is None or asked is None:
        return
    made = leaks.made(asked)
    audit = None if made is None else record.summary(made, leaks.is_accepted(asked))
    try:
        folder = begin(study, _given(), chosen.device, planned, audit)
    except (Refused, OSError) as error:
        selection.keep_word(f"The study could not be started: {words_of(error)}")
        return
    chosen.plan = chosen.planned = ""
    selection.open_study(folder.name)


def begin(
    study: Study,
    given: list[Path],
    device: str = devices.AUTO,
    planned: Plan | None = None,
    audit: dict[str, Any] | None = None,
) -> study_folder.StudyFolder:
    """Make the folder of a study and start its process. Its films were read by the plan: reading them again is quick.

    Raises
    ------
    Refused, OSError
        If the films cannot be used so, or the folder cannot be made.
    """
    root = study_films.gather(study, study_films.find(study, given))
    ready = prepare(study, dataset.read(root))
    trials = ready.resolved()
    recorded = planned.to_json() if planned else None
    facts = {"plan": recorded, "audit": audit, "device": device}
    folder = study_folder.create(ready.study, ready.films, trials, ready.folds, **facts)
    local.start(folder)
    return folder


def begin_example() -> None:
    """Start the study `tiny` on synthetic films, drawn now where they are not there; a callback."""
    from xraykit.experiments.published import presets

    try:
        folder = begin(presets.NAMED[draft.FIRST], [example.folder()])
    except (Refused, OSError) as error:
        selection.keep_word(f"The example could not be started: {words_of(error)}")
        return
    selection.open_study(folder.name)
