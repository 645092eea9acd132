"""A report of every kind, made up: what a test of all formats goes through."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tests.helpers import audits, data_audits, fakes, film_reports, many_models, run_results, study_results
from xraykit.experiments.published import presets
from xraykit.reading.impressions import Impression
from xraykit.reading.kept import Answer, Options, ReadFilm, Record
from xraykit.reports.comparison import page as comparison_page
from xraykit.reports.film import report as film_report
from xraykit.reports.film import session, sheet
from xraykit.reports.report.page import Report
from xraykit.reports.runs import report as run_report
from xraykit.reports.study import page as study_page
from xraykit.reports.truth import card as card_report
from xraykit.reports.truth import pages as audit_pages
from xraykit.reports.truth.data_audit import report as data_report

KINDS = (
    "film",
    "contact sheet",
    "comparison of two",
    "comparison of many",
    "run",
    "study",
    "model",
    "audit of a model",
    "audit of films",
    "session",
)


def of_kind(kind: str, root: Path) -> Report:
    """The full report of a kind; folders that it is made of are written below `root`."""
    made = {
        "film": lambda: film_report.report(film_reports.subject(models=2)),
        "contact sheet": lambda: sheet.of_subjects(
            [film_reports.subject(models=2, shown=film_reports.film(60 + n, 80)) for n in range(3)]
        ),
        "comparison of two": lambda: comparison_page.of_models(many_models.kept(2, 3, 300)),
        "comparison of many": lambda: comparison_page.of_models(many_models.kept(5, 4, 240)),
        "run": lambda: run_report.report(run_results.write(root / "runs")),
        "study": lambda: study_page.of_folder(
            study_results.write(root, presets.NAMED["mobilenet-heads"], films=500, epochs=4, fold_names=["1"])
        ),
        "model": lambda: card_report.report(audits.checked(fakes.card("alpha"))),
        "audit of a model": lambda: audit_pages.report([audits.checked(fakes.card("alpha"))], "audit"),
        "audit of films": lambda: data_report.report(data_audits.full()),
        "session": a_session,
    }
    return made[kind]()


def a_session() -> Report:
    classes, at = ("Normal", "Pneumonia"), film_reports.CREATED
    rng = np.random.default_rng(0)
    films = []
    for number in range(12):
        label = classes[number % 2]
        share = float(rng.random())
        answer = Answer(classes[int(share > 0.5)], {"Normal": 1 - share, "Pneumonia": share})
        films.append(
            ReadFilm(
                sha256=f"{number:064x}",
                order=number + 1,
                last=Impression(finding=label, seconds=20.0 + number, at=at),
                before=Impression(finding="Normal", seconds=10.0, blind=True),
                label=label,
                answers={"alpha": answer},
            )
        )
    return session.report(Record(Options(title="Morning", classes=classes), at, at, tuple(films)), at)
