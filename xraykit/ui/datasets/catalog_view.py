"""The datasets on this computer and those of the studies: what each is, whether it is here, how to get it."""

from __future__ import annotations

import html
from collections.abc import Sequence

import streamlit as st

from xraykit.datasets.catalog import published
from xraykit.datasets.catalog.known import Known
from xraykit.datasets.catalog.published import Kaggle, Pooled, Published
from xraykit.system import files, text
from xraykit.ui.datasets import preview_view, work_view

MOST_LABELS = 8  # classes named on a row
NOTHING_HERE = (
    "No dataset is known on this computer yet. Drop a zip above, or get one of the studies' datasets below: it is "
    "listed here from then on. So are the folders inside $XRAYKIT_DATA, and those that a run has learned from."
)


def show_known(folders: Sequence[Known], busy: bool) -> None:
    """A row a dataset on this computer: its films by class and source, and what can be done with it."""
    st.html(f"<div class='xk-block'><h2>On this computer <span>{len(folders) or ''}</span></h2></div>")
    if not folders:
        st.html(f"<p class='xk-said'>{html.escape(NOTHING_HERE)}</p>")
        return
    with st.container(key="datasets-known", gap=None):
        for number, folder in enumerate(folders):
            with st.container(horizontal=True, vertical_alignment="center", gap="small", key=f"datasets-row-{number}"):
                st.html(_row(folder), width="stretch")
                st.button(
                    "Look inside",
                    key=f"datasets-look-{number}",
                    disabled=busy,
                    on_click=work_view.look_or_say,
                    args=(folder.path,),
                )
                st.button(
                    "Data audit",
                    key=f"datasets-audit-{number}",
                    disabled=busy,
                    on_click=work_view.audit_or_say,
                    args=(folder.path,),
                )
                st.button(
                    "Fine-tune on it", key=f"datasets-use-{number}", on_click=preview_view.use, args=(folder.path,)
                )


def show_published(folders: Sequence[Known], busy: bool) -> None:
    """A card for each dataset of the studies."""
    st.html("<div class='xk-block'><h2>Datasets of the published studies</h2></div>")
    copies = published.copies(folders)
    columns = st.columns(len(published.TABLE), gap="small")
    for column, dataset in zip(columns, published.TABLE, strict=True):
        with column, st.container(border=True, height="stretch", key=f"datasets-card-{dataset.key}"):
            _show_card(dataset, copies[dataset.key], busy)


def _row(folder: Known) -> str:
    labels = [
        f"<span>{html.escape(label)} <b>{n:,}</b></span>" for label, n in list(folder.counts.items())[:MOST_LABELS]
    ]
    if (more := len(folder.counts) - MOST_LABELS) > 0:
        labels.append(f"<span>and {more} more classes</span>")
    sources = ", ".join(f"{source} {n:,}" for source, n in folder.sources.items())
    path, total = html.escape(files.shown(folder.path)), sum(folder.counts.values())
    return (
        f"<div class='xk-dataset'><div><h3>{html.escape(folder.name)}</h3><em>{total:,} films</em>"
        f"<p title='{path}'>{path}</p></div><div class='xk-labels'>{''.join(labels)}</div>"
        + (f"<p title='{html.escape(sources, quote=True)}'>Sources: {html.escape(sources)}</p>" if sources else "")
        + "</div>"
    )


def _show_card(dataset: Published, copies: Sequence[Known], busy: bool) -> None:
    classes = ", ".join(names[0] for names in dataset.classes)
    films = f"{dataset.films:,}" if dataset.size else "as many as its sources have"
    facts = [("Classes", classes), ("Films", films), ("Licence", dataset.licence), ("Studies", dataset.studies)]
    if dataset.size:
        facts.insert(2, ("Download", f"about {text.size(dataset.size)}"))
    rows = "".join(f"<div><dt>{name}</dt><dd>{html.escape(value)}</dd></div>" for name, value in facts)
    sure = [copy for copy in copies if dataset.is_sure(copy)]
    state = _copies("xk-here", "On this computer", sure, "")
    state += _copies("xk-maybe", "May be a copy", [copy for copy in copies if copy not in sure], f" of {films}")
    st.html(
        f"<div class='xk-card'><h3>{html.escape(dataset.title)}</h3><p>{html.escape(dataset.what)}</p>"
        f"<dl>{rows}</dl>{state}</div>"
    )
    if not sure:
        st.button(
            "Pool it" if isinstance(dataset.way, Pooled) else "Get it",
            key=f"datasets-get-{dataset.key}",
            disabled=busy,
            on_click=work_view.get,
            args=(dataset,),
            help=_way(dataset),
        )
    with st.expander("Faults, source, by hand"):
        st.html(_details(dataset))


def _copies(kind: str, title: str, copies: Sequence[Known], of_all: str) -> str:
    if not copies:
        return ""
    rows = [f"{html.escape(copy.name)}, {sum(copy.counts.values()):,}{of_all} films" for copy in copies]
    return f"<p class='{kind}'>{title}</p><ul>{''.join(f'<li>{row}</li>' for row in rows)}</ul>"


def _way(dataset: Published) -> str:
    if isinstance(dataset.way, Kaggle):
        return "From Kaggle, with the package kagglehub (pip install kagglehub). An interrupted download resumes."
    if isinstance(dataset.way, Pooled):
        return "From its sources, where they are on this computer."
    return "From its address. An interrupted download is removed."


def _details(dataset: Published) -> str:
    def listed(title: str, rows: Sequence[str]) -> str:
        return f"<h4>{title}</h4><ul>{''.join(f'<li>{html.escape(row)}</li>' for row in rows)}</ul>"

    return (
        "<div class='xk-details'>"
        + listed("Known faults", dataset.faults)
        + listed("Source", (dataset.citation,))
        + listed("Folders", (dataset.layout,))
        + listed("By hand", dataset.steps)
        + "</div>"
    )
