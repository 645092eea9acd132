"""What a model's recipe gives on sources that its networks never saw, as its card has it from a study."""

from __future__ import annotations

from typing import Any

from xraykit.evaluation.stats import Figure
from xraykit.models.cards.card import Card
from xraykit.reports.report.page import Section
from xraykit.reports.report.table import Column, Table


def sections(card: Card) -> tuple[Section, ...]:
    """A section, or none where no study was written onto the card."""
    record: dict[str, Any] = card.checks.get("left_out") or {}
    sources: dict[str, dict[str, Any]] = record.get("sources") or {}
    if not sources:
        return ()
    differs = record.get("differs") or []
    words = (
        "Networks trained by this recipe, each without one source, on the films of that source: nearer to what films "
        "of another hospital would give than any figure on sources it knows.",
        *([f"Their recipe differs in: {'; '.join(differs)}."] if differs else []),
    )
    return (Section("left-out", "On sources never seen", words, parts=(_table(card, sources),), wide=True),)


def _table(card: Card, sources: dict[str, dict[str, Any]]) -> Table:
    columns = (
        Column("Source left out"),
        Column("Films", "count"),
        Column("Accuracy", "percent", interval=True, look="bar"),
        Column("Balanced accuracy", "percent"),
        *(Column(f"Sensitivity, {name}", "percent", interval=True) for name in card.classes),
        Column("Accuracy on the other sources", "percent"),
    )
    rows = tuple(
        (
            source,
            figures.get("n"),
            Figure.from_dict(figures.get("accuracy")),
            figures.get("balanced_accuracy"),
            *(Figure.from_dict((figures.get("sensitivity") or {}).get(name)) for name in card.classes),
            figures.get("validation"),
        )
        for source, figures in sources.items()
    )
    return Table("left-out-sources", "", columns, rows)
