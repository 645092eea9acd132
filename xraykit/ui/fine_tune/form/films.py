"""Step 1 of a new run: which films, and what is in their folder, shown before anything starts."""

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

from xraykit.datasets import inspection, layout
from xraykit.datasets.catalog import known as catalog
from xraykit.datasets.reading import samples
from xraykit.films.folders import check
from xraykit.refused import Refused
from xraykit.reports.charts import bars as film_charts
from xraykit.system import files, folders, text
from xraykit.system.job_folder.record import State
from xraykit.system.jobs import Job, list_jobs, state_of
from xraykit.training.run.run import list_runs
from xraykit.ui.datasets import zips
from xraykit.ui.fine_tune import draft
from xraykit.ui.fine_tune.form import classes, example, gated
from xraykit.ui.kit import folder_facts, folder_picker, jobs, pictures
from xraykit.ui.kit.report import view as report_view
from xraykit.ui.kit.text import ask_for_folder, folder_at, say

KNOWN, PATH, ZIP = "Known folder", "Browse", "Zip file"
LARGER = f"For a larger zip than {text.size(check.MAX_ARCHIVE)}: unpack it, and give the path of its folder instead."
LASTS = 20  # seconds
OLD = 86_400  # seconds
DRAWN, GIVEN = "drawn", "given"
NOT_CHOSEN = "choose films"
SHOWN = 4  # pictures of a class
FORMS = (
    "A folder with one subfolder per class (COVID-19/one.png, Normal/two.dcm), also below train, val and test, or with "
    "a manifest.csv (columns path and label). Masks are left out."
)


def show() -> None:
    """Draw the step."""
    plan = draft.current()
    source = st.segmented_control(
        "Where the films are",
        (KNOWN, PATH, ZIP),
        default=plan.source or KNOWN,
        key="films-source",
        required=True,
        on_change=_take_source,
        label_visibility="collapsed",
    )
    {KNOWN: _choose_known, PATH: _ask_for_path, ZIP: _ask_for_zip}.get(source or KNOWN, _choose_known)()
    _show_words()
    if not plan.folder:
        st.html(f"<p class='xk-said'>{html.escape(FORMS)}</p>")
        if (source or KNOWN) == KNOWN:
            example.show(choose)
        return
    _keep_inspected()
    job = _inspection()
    if job is None:
        return
    if jobs.is_busy(state_of(job)):
        jobs.watch_job(job, folder_facts.show_progress, "films-stop", _keep_words)
    else:
        _show_contents(job)


def choose(folder: Path | str) -> None:
    """Take a folder for the run being set up; it is inspected when the page is drawn."""
    plan = draft.current()
    _forget()
    plan.folder, plan.inspection, plan.estimate = files.shown(str(folder)), None, None


def reasons() -> list[str]:
    """What is to be done about the films before a run can start, each a clause; empty where one can."""
    if not draft.current().folder:
        return [NOT_CHOSEN]
    if jobs.is_busy(state_of(_inspection())):
        return ["wait until the films are checked"]
    contents = contents_of_folder()
    if contents is None:
        return ["choose films that can be used (see step 1)"]
    counts = contents["classes"]
    if len(counts) < 2:
        return [f"choose films of at least two classes (these are all {next(iter(counts), 'without a class')})"]
    if words := contents.get("not_divided"):
        few = min(counts.values()) < classes.LITTLE
        return [f"{words.rstrip('.')}, or leave out or merge small classes (step 1)" if few else words]
    weights = draft.get("class_weights")
    if isinstance(weights, list) and len(weights) != len(counts):
        return [f"enter {len(counts)} class weights, one per class (there are {len(weights)})"]
    return []


def contents_of_folder() -> dict[str, Any] | None:
    """What the chosen folder holds; None before that is known."""
    job = _inspection()
    state = state_of(job)
    if job is None or state is None or state.state is not State.FINISHED:
        return None
    try:
        contents = job.films()
    except (Refused, OSError):
        return None
    return contents if "classes" in contents else None


def _take_source() -> None:
    draft.current().source = st.session_state["films-source"]


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
    folders_by_path = {files.shown(folder.path): folder for folder in known()}
    if not folders_by_path:
        st.html(
            "<p class='xk-said' role='status'>No folders of films are known yet. Browse for one or upload a zip file; "
            "it will be listed here from then on.</p>"
        )
        return
    chosen = draft.current().folder
    paths = list(folders_by_path)
    st.selectbox(
        "Folder of films",
        paths,
        index=paths.index(chosen) if chosen in paths else None,
        key=f"films-known-{chosen}",
        format_func=lambda path: _title(folders_by_path[path]),
        placeholder="Choose a folder",
        on_change=_take_known,
        args=(f"films-known-{chosen}",),
        help="Folders of labelled films: those in $XRAYKIT_DATA, unpacked zip files, and folders used by earlier runs.",
    )


def _title(folder: catalog.Known) -> str:
    return f"{folder.name} · {sum(folder.counts.values()):,} films in {len(folder.counts)} classes"


def _take_known(key: str) -> None:
    path = st.session_state.get(key)
    if path and path != draft.current().folder:
        choose(files.named(path))


def _ask_for_path() -> None:
    chosen = draft.current().folder
    if chosen and st.session_state.get("films-path-of") != chosen:  # chosen by another way: the field shows it too
        st.session_state["films-path"] = st.session_state["films-path-of"] = chosen
    folder = ask_for_folder("Path of the folder", "Check folder", "films", refused=_refuse_path)
    _show_words()
    with st.expander("Browse this computer", expanded=not chosen, key=f"films-browse-{bool(chosen)}"):
        picked = folder_picker.pick("films-picker")
    if (taken := folder or picked) is not None:
        choose(taken)
        st.rerun()


def _refuse_path(words: str) -> None:
    """A path that is no folder: nothing is chosen then, and nothing said of the one before."""
    plan = draft.current()
    _forget()
    plan.folder, plan.estimate = "", None
    _keep_words(words)


def _ask_for_zip() -> None:
    turn = st.session_state.setdefault("zip-turn", 0)
    file = st.file_uploader(
        "Zip file of class folders",
        type=["zip"],
        key=f"films-zip-{turn}",
        max_upload_size=check.MAX_ARCHIVE >> 20,
        label_visibility="collapsed",
    )
    if file is None:
        st.html(f"<p class='xk-said'>{html.escape(LARGER)}</p>")
        return
    zips.take(file, _choose_zip, _keep_words)
    st.session_state["zip-turn"] = turn + 1  # an empty uploader: what came in lies in its folder now
    st.rerun()


def _choose_zip(folder: Path) -> None:
    choose(folder)
    draft.current().source = ZIP


def _keep_inspected() -> None:
    """Inspect the folder where that has not been done, or was for another split."""
    plan = draft.current()
    recipe = draft.built()
    split_plan = recipe.split_plan if recipe else None
    wanted = (plan.folder, split_plan) if split_plan else None
    if plan.inspected == wanted or (wanted is None and plan.inspection):
        return
    before = plan.inspection
    try:
        plan.inspection = str(inspection.start_inspection(folder_at(plan.folder), _root(), split_plan).path)
    except (Refused, OSError) as error:
        say(f"The films could not be checked. {error}")
        return
    plan.inspected = wanted
    _remove(before)
    tidy(_root())


def tidy(root: Path) -> None:
    """Delete the inspections and estimates that earlier sessions left behind a day ago."""
    for job in list_jobs(root):
        state = state_of(job)
        if state is None or time.time() - state.heartbeat > OLD:
            _remove(str(job.path))


def _root() -> Path:
    return folders.runs_folder() / "inspections"


def _inspection() -> Job | None:
    path = draft.current().inspection
    return Job(Path(path)) if path else None


def _keep_words(words: str) -> None:
    st.session_state["films-words"] = words


def _show_words() -> None:
    """What is to be said of the last choice, once."""
    if words := st.session_state.pop("films-words", None):
        say(words)


def _show_contents(job: Job) -> None:
    state, contents = state_of(job), contents_of_folder()
    if contents is None:
        if state is not None and state.state.broken_off:
            folder_facts.show_end(state)
        else:
            say(folder_facts.UNREADABLE)
        st.button("Check again", key="films-again", on_click=_forget)
        return
    rows = film_charts.parts_of(contents.get("split") or {"all": contents["classes"]}, contents.get("learned_from"))
    report_view.before_charts()
    chart = film_charts.counts(list(contents["classes"]), [row["part"] for row in rows])
    counts = "; ".join(f"{row['label']} {row['part']} {row['films']}" for row in rows)
    report_view.live_chart(
        rows, ("label", "part", "films", "order"), chart.to_dict(), "films-counts", f"Films per class: {counts}"
    )
    _show_samples(job)
    _show_division(contents)
    classes.show(contents, folder_at(draft.current().folder), choose)
    if draft.get("channels") != 3:  # a network of colour pictures is of no radiographs
        gated.show(job, contents, folder_at(draft.current().folder), choose, "films")
    folder_facts.show_facts(contents)
    folder_facts.show_oddities(contents)


def _show_samples(job: Job) -> None:
    """A few films of each class."""
    by_label: dict[str, list[str]] = {}
    for sample, jpeg in samples.read_samples(job.path):
        address = pictures.address(jpeg)
        alt, label = html.escape(f"{sample.label}: {sample.film}", quote=True), sample.label
        by_label.setdefault(label, []).append(f"<img src='{address}' alt='{alt}' title='{alt}'>")
    rows = "".join(
        f"<figure><figcaption title='{html.escape(label, quote=True)}'>{html.escape(label)}</figcaption>"
        f"<div>{''.join(shown[:SHOWN])}</div></figure>"
        for label, shown in by_label.items()
    )
    if rows:
        st.html(f"<section class='xk-glance' aria-label='A few films of each class' tabindex='0'>{rows}</section>")


def _show_division(contents: dict[str, Any]) -> None:
    """What to do with a division that the folder makes: draw the parts from all films, or use it."""
    if not (words := folder_facts.given_words(contents)):
        return
    used = contents.get("division") == GIVEN
    crossing = len(contents["given"]["crossing_groups"])
    words += " These parts are used." if used else " They are not used: the parts shown are drawn from all films."
    if used and crossing:
        words += (
            f" {layout.counted(crossing, 'group')} of one patient or picture would lie in several parts: each is kept "
            "whole in training, or in validation where none of it is in training."
        )
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="films-division"):
        st.html(f"<p class='xk-said' role='status'>{html.escape(words)}</p>", width="stretch")
        label = "Draw the parts from all films" if used else "Use the folder's parts"
        st.button(label, key="films-division-take", on_click=_divide, args=(DRAWN if used else GIVEN,))


def _divide(division: str) -> None:
    """Choose the division; a callback. The fields of the recipe show it."""
    draft.put("division", division)
    draft.current().turn += 1


def _forget() -> None:
    """Inspect the folder again; a callback."""
    plan = draft.current()
    _remove(plan.inspection)
    plan.inspection = plan.inspected = None


def _remove(path: str | None) -> None:
    """Delete what an inspection left; one that goes on is asked to end and stays until then."""
    if not path:
        return
    job = Job(Path(path))
    try:
        job.remove()
    except (Refused, OSError):
        with contextlib.suppress(Refused, OSError):
            job.ask_to_stop()
