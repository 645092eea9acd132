"""Of 100 such people, for the models compared: on their films at the chosen operating point, and elsewhere."""

from __future__ import annotations

from collections.abc import Mapping

from xraykit.evaluation.decisions import operating_point as operating
from xraykit.reports.comparison.chosen import Applied, Choice, Material
from xraykit.reports.report.page import Section
from xraykit.reports.truth import numbers_report

THESE = "These films"


def people(material: Material, metrics: Mapping[str, dict], applied: Applied, choice: Choice) -> Section | None:
    """The picture of 100 people for the chosen class; None where no model's figures are known."""
    rows = []
    for kept, evaluation in zip(material.kept, material.comparison.evaluations, strict=True):
        result = applied.get(evaluation.model)
        figures = metrics[evaluation.model]["classes"][choice.label]
        if isinstance(result, operating.Applied) and result.point.label == choice.label:
            figures = result.figures
        home = evaluation.test_digest == kept.test.test_digest
        place = numbers_report.AT_HOME if home else evaluation.data or THESE
        rows.append(numbers_report.person_row(evaluation.model, place, choice.label, figures))
        elsewhere = numbers_report.from_cards([kept.card])
        rows += [
            row
            for row in elsewhere
            if row["label"] == choice.label
            and not row["place"].startswith(numbers_report.AT_HOME)
            and not row["place"].endswith(numbers_report.AT_POINT)
        ]
    words = "At the highest probability."
    if any(isinstance(result, operating.Applied) for result in applied.values()):
        words = "At the operating points above; on films from elsewhere at the highest probability."
    return next(numbers_report.of_hundred([row for row in rows if row], words), None)
