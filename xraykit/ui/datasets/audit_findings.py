"""The findings of a data audit as HTML: each with its severity, its words, what to do and the films."""

from __future__ import annotations

import html
from collections.abc import Sequence

from xraykit.reports.truth.data_audit.report import WORDS
from xraykit.truth.data_audit.record import Finding

SHOWN = 50  # films of a finding on a page; audit.json has more


def listed(findings: Sequence[Finding], films: bool = True) -> str:
    """The findings as HTML; with `films`, the films of each in a list that opens."""
    items = "".join(_item(finding, films) for finding in findings)
    return f"<ul class='xk-findings'>{items}</ul>" if items else ""


def _item(finding: Finding, films: bool) -> str:
    stops = ", stops a fine-tune" if finding.stops else ""
    advice = f"<p class='xk-todo'>{html.escape(finding.advice)}</p>" if finding.advice else ""
    head = f"<h4><b>{WORDS[finding.severity]}{stops}</b> {html.escape(finding.title)}</h4>"
    named = _films(finding) if films else ""
    return f"<li class='xk-{finding.severity}'>{head}<p>{html.escape(finding.words)}</p>{advice}{named}</li>"


def _films(finding: Finding) -> str:
    if not finding.films:
        return ""
    rows = "".join(f"<li>{html.escape(name)}</li>" for name in finding.films[:SHOWN])
    rest = max(finding.count, len(finding.films)) - min(SHOWN, len(finding.films))
    more = f"<p>and {rest:,} more</p>" if rest > 0 else ""
    return f"<details class='xk-list'><summary>Films</summary><ul>{rows}</ul>{more}</details>"
