"""Data audits that nobody made: without a finding, and with one of each kind."""

from __future__ import annotations

from xraykit.datasets.split import SplitPlan
from xraykit.truth.data_audit import record
from xraykit.truth.data_audit.record import Across, Association, Audit, Finding, Known, Probe, Share, Shared

FOUND = [
    Finding("header-alone", "leak", "File header alone", "It tells the class.", "Save all films alike.", stops=True),
    Finding("near-duplicates", "warn", "Near-duplicates", "Two are.", "Look.", 2, ["<b>one</b>.png, two.png"]),
    Finding("no-patients", "info", "Patients not known", "Of none."),
]


def empty(digest: str = "0" * 64, plan: SplitPlan | None = None) -> Audit:
    """An audit that found nothing."""
    return Audit(
        name="films",
        digest=digest,
        films=60,
        classes={"Normal": 30, "Pneumonia": 30},
        groups=60,
        refused=0,
        plan=record.described(plan or SplitPlan()),
        findings=[],
        probes=[],
        associations=[],
        across=[],
        shared=[],
        beside=[],
        made="2026-07-01T12:00:00+00:00",
    )


def full(digest: str = "0" * 64, plan: SplitPlan | None = None) -> Audit:
    """An audit with a part of each kind."""
    share = Share(0.9, 0.85, 0.95, 60)
    probe = Probe("header", "File header alone", "decision tree", share, share, 0.5, 0.5, 60, 60, 5, ["bytes"])
    audit = empty(digest, plan)
    return Audit(
        **{
            field: getattr(audit, field)
            for field in ("name", "digest", "films", "classes", "groups", "refused", "plan")
        },
        findings=FOUND,
        probes=[probe, Probe("border", "Border alone (outer 5%)", why_not="Too few.")],
        associations=[Association("source", "Source", share, {"<i>Oslo": {"Normal": 30, "Pneumonia": 2}}, 60)],
        across=[Across("drawn", {"test": 9}, {"test": 1}, {"test": 0})],
        shared=[Shared("kermany", 100, 90, 3, 4, 1, "/films/kermany")],
        beside=[Known("mine", "balanced accuracy", 0.95, "model")],
        made="2026-07-01T12:00:00+00:00",
    )
