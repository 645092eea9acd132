"""What a folder holds, drawn: counts, sizes, samples, sources, what is odd about it, copies elsewhere."""

from __future__ import annotations

import base64
import html
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import streamlit as st

from xraykit.datasets.layout import counted
from xraykit.datasets.reading import groups, preview
from xraykit.datasets.reading.preview import Preview
from xraykit.datasets.reading.samples import Sample, Sizes
from xraykit.refused import Refused
from xraykit.reports.charts import bars as film_charts
from xraykit.reports.charts import sizes as size_charts
from xraykit.system import files, text
from xraykit.system.jobs import Job
from xraykit.ui import navigation
from xraykit.ui.fine_tune import draft
from xraykit.ui.fine_tune.form import films as chosen_films
from xraykit.ui.fine_tune.form import gated
from xraykit.ui.kit import folder_facts
from xraykit.ui.kit.report import view as report_view

SHOWN = 100  # rows of a list on the page; preview.json has more
FEW = 5  # a list as short as this is open
QUIET = "Nothing stands out: no copies, no mixed patients."


def show(
    job: Job,
    folder: Path,
    close: Callable[[Job], None],
    audit: Callable[[Path], None],
    look: Callable[[Path], None],
) -> None:
    """Draw what a look into a folder found, with what can be done next: close it, audit it, look into another one."""
    contents, seen = _contents(job), preview.read(job)
    _show_head(job, folder, (close, audit), bool(contents) and len(contents["classes"]) > 1)
    if not contents or seen is None:
        folder_facts.show_folder({})
        return
    report_view.before_charts()
    left, middle, right = st.columns([5, 6, 6], gap="medium")
    with left:
        st.html(_facts(contents, seen))
    with middle:
        _show_counts(contents, seen)
    with right:
        _show_sizes(seen.sizes)
    st.html(_samples(job, seen.samples))
    left, right = st.columns(2, gap="medium")
    with left:
        st.html("<h3 class='xk-sub'>What to know before using it</h3>")
        quiet = "" if contents.get("gate", {}).get("refused") else f"<p class='xk-said'>{QUIET}</p>"
        if words := _doubts(contents, seen) or quiet:  # Streamlit refuses an empty text
            st.html(words)
        gated.show(job, contents, folder, look, "datasets")
        folder_facts.show_oddities(contents)
    with right:
        st.html(_elsewhere(seen))


def use(folder: Path) -> None:
    """Take a folder for a new run on Fine-tune; a callback."""
    chosen_films.choose(folder)
    draft.current().source = chosen_films.PATH
    st.session_state["datasets-go"] = True


def go_on() -> None:
    """Go to Fine-tune where `use` was called."""
    if st.session_state.pop("datasets-go", False):
        st.switch_page(navigation.page("fine-tune"))


def _contents(job: Job) -> dict[str, Any]:
    try:
        return job.films()
    except (Refused, OSError):
        return {}


def _show_head(
    job: Job, folder: Path, actions: tuple[Callable[[Job], None], Callable[[Path], None]], usable: bool
) -> None:
    close, audit = actions
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="datasets-head"):
        name, path = html.escape(files.shown(folder.name)), html.escape(files.shown(folder))
        st.html(f"<div class='xk-pane-head'><h2>{name}</h2><p title='{path}'>{path}</p></div>", width="stretch")
        st.button(
            "Fine-tune on it",
            key="datasets-use",
            type="primary",
            disabled=not usable,
            on_click=use,
            args=(folder,),
            help=None if usable else "A network needs films of two classes or more.",
        )
        st.button(
            "Data audit",
            key="datasets-audit",
            disabled=not usable,
            on_click=audit,
            args=(folder,),
            help="Duplicates, patients on both sides of a split, and cues that give the class away without the lungs.",
        )
        st.button("Close", key="datasets-close", on_click=close, args=(job,))


def _facts(contents: dict[str, Any], seen: Preview) -> str:
    sets = contents["duplicates"]
    sizes = seen.sizes
    facts = [
        ("Films", f"{contents['films']:,}"),
        ("Classes", len(contents["classes"])),
        ("Refused", f"{len(contents['refused']):,}"),
        ("No class, left out", f"{len(contents['unlabelled']):,}"),
        ("Identical files", f"{sum(map(len, sets)):,} in {counted(len(sets), 'set')}" if sets else 0),
        ("Near-duplicates", counted(seen.near_sets, "set") if seen.near_sets else 0),
        *([("Gate would refuse", f"{len(contents['gate']['refused']):,}")] if "gate" in contents else []),
        ("Groups", f"{contents['groups']:,}"),
        ("Patients", f"{seen.patients:,}" if seen.patients else "not known"),
        ("Size", f"{text.size(sizes.total_bytes)}"),
    ]
    rows = "".join(f"<div><dt>{name}</dt><dd>{html.escape(str(value))}</dd></div>" for name, value in facts)
    rule = groups.read_rule(contents["group_rule"])
    return (
        f"<div class='xk-found xk-narrow'><dl>{rows}</dl></div>"
        f"<p class='xk-said'>Groups by {html.escape(rule.words)}.</p>"
    )


def _show_counts(contents: dict[str, Any], seen: Preview) -> None:
    given = contents.get("given")
    rows = film_charts.parts_of(given["counts"] if given else {"all": contents["classes"]})
    chart = film_charts.counts(list(contents["classes"]), [row["part"] for row in rows])
    counts = "; ".join(f"{row['label']} {row['part']} {row['films']}" for row in rows)
    st.html("<h3 class='xk-sub'>Films per class</h3>")
    report_view.live_chart(
        rows, ("label", "part", "films", "order"), chart.to_dict(), "datasets-counts", f"Films per class: {counts}"
    )
    if words := folder_facts.given_words(contents):
        st.html(f"<p class='xk-said'>{html.escape(words)}</p>")
    if seen.sources:
        st.html(source_table(seen.sources, list(contents["classes"])))


def source_table(sources: dict[str, dict[str, int]], classes: Sequence[str]) -> str:
    """Films by source and class, as HTML."""
    head = "".join(f"<th scope='col'>{html.escape(label)}</th>" for label in classes)
    rows = "".join(
        f"<tr><th scope='row' title='{html.escape(source, quote=True)}'>{html.escape(source)}</th>"
        + "".join(f"<td>{counts.get(label, 0):,}</td>" for label in classes)
        + "</tr>"
        for source, counts in list(sources.items())[:SHOWN]
    )
    return (
        f"<div class='xk-found xk-scroll'><table><thead><tr><th scope='col'>Source</th>{head}</tr></thead>"
        f"<tbody>{rows}</tbody></table></div>"
    )


def _show_sizes(sizes: Sizes) -> None:
    if not sizes.common:
        return
    st.html("<h3 class='xk-sub'>Sizes</h3>")
    rows = [{"start": start / 1024, "end": end / 1024, "films": n} for start, end, n in sizes.file_bytes if n]
    extent = f"{text.size(sizes.file_bytes[0][0])} to {text.size(sizes.file_bytes[-1][1])}" if sizes.file_bytes else ""
    report_view.live_chart(
        rows, ("start", "end", "films"), size_charts.file_sizes().to_dict(), "datasets-sizes", f"File sizes: {extent}"
    )
    shown = sizes.common[:4]
    rest = sizes.other + sum(n for _, _, n in sizes.common[4:])
    words = ", ".join(f"{width} x {height} ({n:,})" for width, height, n in shown)
    if rest:
        width, height = sizes.smallest
        words += f", other sizes ({rest:,}), from {width} x {height} to {sizes.largest[0]} x {sizes.largest[1]}"
    st.html(f"<p class='xk-said'>Pixels, with the number of films: {html.escape(words)}.</p>")


def _samples(job: Job, samples: Sequence[Sample]) -> str:
    """Small pictures, a row a class."""
    by_label: dict[str, list[str]] = {}
    for sample in samples:
        if (data := preview.picture(job, sample)) is not None:
            address = "data:image/jpeg;base64," + base64.b64encode(data).decode()
            film, label = html.escape(sample.film, quote=True), html.escape(sample.label, quote=True)
            by_label.setdefault(sample.label, []).append(
                f"<figure><img src='{address}' alt='{label}: {film}, {sample.width} x {sample.height} pixels'>"
                f"<figcaption title='{film}'>{film.rpartition('/')[2]}</figcaption></figure>"
            )
    rows = "".join(
        f"<div class='xk-sample-row'><h4 title='{html.escape(label, quote=True)}'>{html.escape(label)}</h4>"
        f"<div>{''.join(pictures)}</div></div>"
        for label, pictures in by_label.items()
    )
    return f"<section class='xk-samples'><h3 class='xk-sub'>Samples, drawn from each class</h3>{rows}</section>"


def _doubts(contents: dict[str, Any], seen: Preview) -> str:
    mixed = [f"{html.escape(patient)}: {html.escape(', '.join(labels))}" for patient, labels in seen.mixed_patients]
    near = [html.escape(", ".join(names)) for names in seen.near]
    return (
        _list("Patients with films of several classes", mixed, seen.mixed_patient_count)
        + _list("Nearly the same picture, kept together in a split", near, seen.near_sets)
        + _small_classes(contents["classes"])
    )


def _small_classes(counts: dict[str, int]) -> str:
    few = [f"{html.escape(label)}: {counted(n, 'film')}" for label, n in counts.items() if n < 10]
    return _list("Classes with fewer than 10 films, too few to divide and to measure", few, len(few))


def _elsewhere(seen: Preview) -> str:
    """A table of what other datasets share with this one, and the films."""
    title = "<h3 class='xk-sub'>The same films in other datasets on this computer</h3>"
    compared = [twins for twins in seen.elsewhere if twins.compared]
    unread = [twins.name for twins in seen.elsewhere if twins.compared < twins.films]
    rows = "".join(
        f"<tr><th scope='row'>{html.escape(twins.name)}</th><td>{twins.identical:,}</td><td>{twins.near:,}</td>"
        f"<td>{twins.other_class:,}</td></tr>"
        for twins in compared
    )
    table = (
        "<div class='xk-found'><table><thead><tr><th scope='col'>Dataset</th><th scope='col'>Same file</th>"
        "<th scope='col'>Same picture</th><th scope='col'>Other class</th></tr></thead>"
        f"<tbody>{rows}</tbody></table></div>"
        if rows
        else "<p class='xk-said'>No other dataset has been read yet.</p>"
    )
    lists = "".join(
        _list(
            f"Shared with {html.escape(twins.name)}",
            [
                f"{html.escape(film)} ({html.escape(label)}) is {html.escape(other)} ({html.escape(theirs)})"
                for film, label, other, theirs in twins.pairs
            ],
            twins.identical + twins.near,
            closed=True,
        )
        for twins in compared
    )
    words = (
        f"<p class='xk-said'>Not compared, or not whole, as their films have not been read: "
        f"{html.escape(', '.join(unread))}. Look inside them once.</p>"
        if unread
        else ""
    )
    if any(twins.identical or twins.near for twins in compared):
        words += (
            "<p class='xk-said'>Never train on one and test on the other without leaving these films out: pool the "
            "datasets, and they stay together.</p>"
        )
    return title + table + words + lists


def _list(title: str, rows: Iterable[str], n: int, closed: bool = False) -> str:
    """A list that opens and closes; `rows` and `title` are HTML."""
    if not n:
        return ""
    shown = list(rows)[:SHOWN]
    more = f"<p>and {n - len(shown):,} more</p>" if n > len(shown) else ""
    body = "".join(f"<li>{row}</li>" for row in shown)
    is_open = " open" if n <= FEW and not closed else ""
    return f"<details class='xk-list'{is_open}><summary>{title}: {n:,}</summary><ul>{body}</ul>{more}</details>"
