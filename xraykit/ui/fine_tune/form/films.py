"""Step 1 of a new run: which films, and what is in their folder, told before anything starts."""

from __future__ import annotations

import contextlib
import html
import os
import time
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

import streamlit as st

from xraykit.datasets import catalog, inspection
from xraykit.datasets.archive import check, unpack
from xraykit.refused import Refused
from xraykit.reports.charts import films as film_charts
from xraykit.system import folders
from xraykit.system.job_folder import State
from xraykit.system.jobs import Job, list_jobs, state_of
from xraykit.training.run.run import list_runs
from xraykit.ui.fine_tune import draft
from xraykit.ui.kit import folder_facts, jobs, report_view
from xraykit.ui.kit.text import escape_markdown, say

KNOWN, PATH, ZIP = "Known folder", "Path", "Zip file"
MOST_MEGABYTES = 2000
LASTS = 20  # seconds
OLD = 86_400  # seconds
NOT_CHOSEN = "Choose films first."
FORMS = "Class folders (COVID-19/one.png, Normal/two.dcm), or a manifest.csv with the columns path and label."


def show() -> None:
    """Draw the step."""
    plan = draft.current()
    source = st.segmented_control(
        "Where the films are",
        (KNOWN, PATH, ZIP),
        default=plan["source"] or KNOWN,
        key="films-source",
        required=True,
        on_change=_take_source,
        label_visibility="collapsed",
    )
    {KNOWN: _choose_known, PATH: _ask_for_path, ZIP: _ask_for_zip}.get(source or KNOWN, _choose_known)()
    if words := st.session_state.pop("films-words", None):
        say(words)
    if not plan["folder"]:
        st.html(f"<p class='xk-said'>{html.escape(FORMS)}</p>")
        return
    _keep_looking()
    one = _work()
    if one is None:
        return
    if jobs.is_busy(state_of(one)):
        jobs.watch_job(one, folder_facts.show_progress, "films-stop", _keep_word)
    else:
        _show_found(one)


def choose(folder: Path | str) -> None:
    """Take a folder for the run being set up; it is looked at when the page is drawn."""
    plan = draft.current()
    _forget()
    plan.update(folder=str(folder), work=None, estimate=None)


def reasons() -> list[str]:
    """Why no run can learn from the films as they are; empty where one can."""
    if not draft.current()["folder"]:
        return [NOT_CHOSEN]
    if jobs.is_busy(state_of(_work())):
        return ["The films are still being looked at."]
    found = found_in()
    if found is None:
        return ["The films cannot be used: the reason is beside them."]
    if len(found["classes"]) < 2:
        return [f"Expected films of two classes or more; got {', '.join(found['classes']) or 'none'}."]
    if words := found.get("not_divided"):
        return [words]
    weights = draft.get("class_weights")
    if isinstance(weights, list) and len(weights) != len(found["classes"]):
        return [f"Expected {len(found['classes'])} class weights, one a class; got {len(weights)}."]
    return []


def found_in() -> dict[str, Any] | None:
    """What the chosen folder holds; None before that is known."""
    one = _work()
    state = state_of(one)
    if one is None or state is None or state.state is not State.FINISHED:
        return None
    try:
        found = one.films()
    except (Refused, OSError):
        return None
    return found if "classes" in found else None


def _take_source() -> None:
    draft.current()["source"] = st.session_state["films-source"]


def known() -> list[catalog.Known]:
    """Folders of films known on this computer; looked for again after a while, or when a folder or run has come."""
    roots = (os.environ.get("XRAYKIT_DATA", ""), str(folders.datasets_folder()), str(folders.runs_folder()))
    return list(_known(roots, tuple(_changed(Path(root)) for root in roots), int(time.monotonic() // LASTS)))


@lru_cache(maxsize=4)
def _known(roots: tuple[str, ...], changed: tuple[int, ...], turn: int) -> tuple[catalog.Known, ...]:
    return tuple(catalog.known(earlier=_folders_of_runs()))


def _folders_of_runs() -> Iterator[Path]:
    """Folders that earlier runs learned from; a run that cannot be read names none."""
    for earlier in list_runs():
        try:
            data = earlier.read("status.json")["data"]
        except (Refused, LookupError, TypeError):
            continue
        if isinstance(data, str) and data and "\0" not in data:
            yield Path(data)


def _changed(folder: Path) -> int:
    try:
        return folder.stat().st_mtime_ns
    except OSError:
        return 0


def _choose_known() -> None:
    found = {str(one.path): one for one in known()}
    if not found:
        st.html(
            "<p class='xk-said' role='status'>No folder of films is known on this computer yet: give a path or a "
            "zip file, and it will be listed here from then on.</p>"
        )
        return
    chosen = draft.current()["folder"]
    st.selectbox(
        "Folder of films",
        list(found),
        index=list(found).index(chosen) if chosen in found else None,
        key=f"films-known-{chosen}",
        format_func=lambda path: _called(found[path]),
        placeholder="Choose a folder",
        on_change=_take_known,
        args=(f"films-known-{chosen}",),
        help="Folders that hold films with a class: those of $XRAYKIT_DATA, unpacked zip files, and those earlier runs "
        "learned from.",
    )


def _called(one: catalog.Known) -> str:
    return f"{one.name} · {sum(one.counts.values()):,} films in {len(one.counts)} classes"


def _take_known(key: str) -> None:
    path = st.session_state.get(key)
    if path and path != draft.current()["folder"]:
        choose(path)


def _ask_for_path() -> None:
    with st.form("films-path-form", border=False):
        with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
            text = st.text_input(
                "Path of the folder",
                value=draft.current()["folder"],
                key="films-path",
                placeholder="/home/me/films",
                width="stretch",
            )
            sent = st.form_submit_button("Look at it", key="films-look")
    if sent:
        folder = Path(os.path.expanduser((text or "").strip()))
        if not (text or "").strip() or not folder.is_dir():
            say(f"Expected a folder of films; there is none at {(text or '').strip() or 'an empty path'}.")
            return
        choose(folder.resolve())


def _ask_for_zip() -> None:
    turn = st.session_state.setdefault("zip-turn", 0)
    file = st.file_uploader(
        "A zip file of class folders",
        type=["zip"],
        key=f"films-zip-{turn}",
        max_upload_size=MOST_MEGABYTES,
        label_visibility="collapsed",
    )
    if file is None:
        return
    bar = st.progress(0.0, f"Unpacking {escape_markdown(file.name)}")

    def report(done: int, of: int) -> None:
        bar.progress(min(1.0, done / of) if of else 0.0, f"Unpacking {done:,} of {of:,}")

    try:
        choose(unpack.unpack(file.getvalue(), file.name, progress=report))
        draft.current()["source"] = ZIP
    except (check.ArchiveRefused, OSError) as error:
        st.session_state["films-words"] = str(error)
    st.session_state["zip-turn"] = turn + 1  # an empty uploader: what came in lies in its folder now
    st.rerun()


def _keep_looking() -> None:
    """Look at the folder where that has not been done, or was for another split."""
    plan = draft.current()
    recipe = draft.built()
    split_plan = recipe.split_plan if recipe else None
    wanted = [plan["folder"], split_plan] if split_plan else None
    if plan.get("looked") == wanted or (wanted is None and plan["work"]):
        return
    if not Path(plan["folder"]).is_dir():
        say(f"Expected a folder of films; there is none at {plan['folder']}.")
        return
    before = plan["work"]
    try:
        plan["work"] = str(inspection.start_inspection(Path(plan["folder"]), _root(), split_plan).path)
    except (Refused, OSError) as error:
        say(f"The folder could not be looked at: {error}")
        return
    plan["looked"] = wanted
    _remove(before)
    tidy(_root())


def tidy(root: Path) -> None:
    """Delete what earlier sessions only looked at, or estimated, and left behind a day ago."""
    for one in list_jobs(root):
        state = state_of(one)
        if state is None or time.time() - state.heartbeat > OLD:
            _remove(str(one.path))


def _root() -> Path:
    return folders.runs_folder() / "inspections"


def _work() -> Job | None:
    path = draft.current()["work"]
    return Job(Path(path)) if path else None


def _keep_word(words: str) -> None:
    st.session_state["films-words"] = words


def _show_found(one: Job) -> None:
    state = state_of(one)
    if state is not None and state.state.broken_off:
        folder_facts.show_end(state)
        st.button("Look again", key="films-again", on_click=_forget)
        return
    found = found_in()
    if found is None:
        say("What was found in the folder cannot be read: look at it again.")
        st.button("Look again", key="films-again", on_click=_forget)
        return
    rows = film_charts.parts_of(found.get("split") or {"all": found["classes"]}, found.get("learned_from"))
    report_view.before_charts()
    spec = film_charts.counts(list(found["classes"]), [row["part"] for row in rows])
    told = "; ".join(f"{row['label']} {row['part']} {row['films']}" for row in rows)
    report_view.live_chart(
        rows, ("label", "part", "films", "order"), spec.to_dict(), "films-counts", f"Films a class: {told}"
    )
    folder_facts.show_facts(found)
    folder_facts.show_oddities(found)


def _forget() -> None:
    """Look at the folder anew; a callback."""
    plan = draft.current()
    _remove(plan["work"])
    plan.update(work=None, looked=None)


def _remove(path: str | None) -> None:
    """Delete what an inspection left; one that goes on is asked to end and stays until then."""
    if not path:
        return
    one = Job(Path(path))
    try:
        one.remove()
    except (Refused, OSError):
        with contextlib.suppress(Refused, OSError):
            one.ask_to_stop()
