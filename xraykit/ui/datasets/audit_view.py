"""A data audit on the page Datasets: how far it is, then what it found, drawn, and what it hands out."""

from __future__ import annotations

import html
from collections.abc import Callable
from pathlib import Path

import streamlit as st

from xraykit.reports.report.page import Section, part_html
from xraykit.reports.report.picture import Picture
from xraykit.reports.truth.data_audit import report as data_audit_report
from xraykit.system import files
from xraykit.system.job_folder.record import State
from xraykit.system.jobs import Job, JobState
from xraykit.truth.data_audit import record
from xraykit.truth.data_audit.record import Audit
from xraykit.ui.datasets import audit_findings, preview_view
from xraykit.ui.kit import folder_facts, jobs
from xraykit.ui.kit.report import slide
from xraykit.ui.kit.report import view as report_view
from xraykit.ui.kit.report.dialog import report_button
from xraykit.ui.kit.report.handout import Handout

ACROSS = 3  # pictures side by side


def show(
    job: Job,
    state: JobState,
    close: Callable[[Job], None],
    again: Callable[[Job, Path, tuple[Path, ...]], None],
    keep_words: Callable[[str], None],
) -> None:
    """Draw an audit at work, one that ended early, or what it found."""
    folder = Path(state.data)
    if state.state.busy:
        folder_facts.show_head(f"Data audit of {files.shown(folder.name)}", files.shown(state.data))
        jobs.watch_job(job, show_progress, "datasets-stop", keep_words)
        return
    audit = record.of_job(job) if state.state is State.FINISHED else None
    if audit is None:
        folder_facts.show_head(f"Data audit of {files.shown(folder.name)}", files.shown(state.data))
        folder_facts.show_end(state)
        with st.container(horizontal=True, gap="small"):
            st.button("Audit again", key="datasets-again", on_click=again, args=(job, folder, ()))
            st.button("Close", key="datasets-close", on_click=close, args=(job,))
        return
    _show_audit(job, audit, folder, close)
    _offer_others(job, audit, folder, again)


def show_progress(state: JobState) -> None:
    """How far an audit is."""
    words = state.message.rstrip(".") or "Starting"
    jobs.show_progress(state, words, "films" if words.startswith("Reading") else "steps")


def _show_audit(job: Job, audit: Audit, folder: Path, close: Callable[[Job], None]) -> None:
    report_view.before_charts()
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="datasets-head"):
        name, lead = html.escape(audit.name), html.escape(data_audit_report.lead(audit))
        st.html(f"<div class='xk-pane-head'><h2>Data audit of {name}</h2><p>{lead}</p></div>", width="stretch")
        st.button("Fine-tune on it", key="datasets-use", type="primary", on_click=preview_view.use, args=(folder,))
        given = report_button(
            lambda: data_audit_report.report(audit),
            key="audit",
            name=f"audit-{audit.name}",
            named=lambda: data_audit_report.report(audit, names=True),
        )
        st.button("Close", key="datasets-close", on_click=close, args=(job,))
    left, right = st.columns([6, 5], gap="medium")
    with left:
        _heading(Section("audit-findings", "Findings"), given)
        st.html(
            audit_findings.listed(audit.findings)
            or "<p class='xk-said'>Nothing was found: no copies, no patient on both sides, nothing that tells the "
            "class without a lung.</p>"
        )
    with right:
        _show_section(data_audit_report.probes_section(audit), given)
    for section in data_audit_report.sections(audit):
        if section.key not in ("audit-findings", "audit-probes"):
            _show_section(section, given)


def _offer_others(job: Job, audit: Audit, folder: Path, again: Callable[[Job, Path, tuple[Path, ...]], None]) -> None:
    """Datasets whose films were never read can be read now, and compared."""
    unread = [shared for shared in audit.shared if shared.path and shared.compared < shared.films]
    if unread:
        names = ", ".join(f"{shared.name} ({shared.films:,} films)" for shared in unread)
        st.html(f"<p class='xk-said'>Not compared, or not whole: {html.escape(names)}.</p>")
        paths = tuple(Path(files.named(shared.path)) for shared in unread)
        st.button(
            "Read these too and audit again", key="datasets-audit-others", on_click=again, args=(job, folder, paths)
        )


def _show_section(section: Section, given: Handout) -> None:
    _heading(section, given)
    if section.words:
        st.html("".join(f"<p class='xk-said'>{html.escape(sentence)}</p>" for sentence in section.words))
    pictures = list(section.pictures)
    across = min(ACROSS, len(pictures)) or 1
    for start in range(0, len(pictures), across):
        for column, picture in zip(st.columns(across, gap="medium"), pictures[start : start + across], strict=False):
            with column:
                _draw(picture)
    for table in section.tables:
        st.html(f"<article class='xk-report'>{part_html('table', table)}</article>")


def _heading(section: Section, given: Handout) -> None:
    with st.container(horizontal=True, key=f"section-{section.key}", vertical_alignment="bottom", gap="small"):
        st.html(f"<h3 class='xk-sub'>{html.escape(section.title)}</h3>")
        slide.menu(section, given)


def _draw(picture: Picture) -> None:
    note = f"<p class='xk-said'>{html.escape(picture.note)}</p>" if picture.note else ""
    st.html(f"<h4 class='xk-part-title'>{html.escape(picture.title)}</h4>{note}")
    st.vega_lite_chart(picture.spec(report_view.on_screen()), theme=None, width="stretch", key=f"figure-{picture.key}")
