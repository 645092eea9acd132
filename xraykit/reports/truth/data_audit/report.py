"""A data audit as a report: findings, what tells the class, divisions, associations, other datasets."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from functools import partial
from typing import Any

import msgspec
from msgspec.structs import replace

from xraykit import RESEARCH_ONLY
from xraykit.reports.film import software
from xraykit.reports.film.report import moment
from xraykit.reports.report.page import Report, Section, Tile
from xraykit.reports.report.picture import Picture
from xraykit.reports.report.table import Column, Table
from xraykit.reports.truth.data_audit import charts
from xraykit.system import text
from xraykit.truth.data_audit import record
from xraykit.truth.data_audit.record import Association, Audit, Finding, Known, Probe

WORDS = {"leak": "Leak", "warn": "Warning", "info": "Note"}
NAMED = 20  # films named with a finding on a page; audit.json has more
PICTURES = 6  # associations that are drawn
CHANCE = (
    "Each probe is a small model that sees one thing and no lung, tried on films of patients and pictures it did not "
    "learn from. Dotted: chance. Dashed: halfway between chance and perfect, from where on more of the class lies "
    "outside the lungs than is left for them."
)


def report(audit: Audit, *, names: bool = False) -> Report:
    """The whole audit as a page, without the paths of folders; the films of its findings only with `names`."""
    audit = _shareable(audit, names)
    return Report(
        title=f"Data audit of {audit.name}",
        notice=RESEARCH_ONLY,
        facts=tuple(facts(audit)),
        sections=tuple(sections(audit)),
        data={"kind": "data audit", "audit": msgspec.to_builtins(audit), "redo": _redo(audit)},
        lead=lead(audit),
        headline=tuple(_headline(audit)),
        written=_made(audit),
    )


def _shareable(audit: Audit, names: bool) -> Audit:
    """The audit as it may leave this computer."""
    findings = [finding if names else replace(finding, films=[]) for finding in audit.findings]
    return replace(audit, findings=findings, shared=[replace(shared, path="") for shared in audit.shared])


def _made(audit: Audit) -> datetime | None:
    try:
        made = datetime.fromisoformat(audit.made)
    except ValueError:
        return None
    return made if made.tzinfo else None


def _redo(audit: Audit) -> dict[str, Any]:
    """What it was made of; the audit's own figures stand beside."""
    return {
        "verb": "report data",
        "arguments": {"data": audit.name},
        "settings": dict(audit.plan),
        "hashes": {"films": audit.digest},
        "versions": software.versions(),
    }


def lead(audit: Audit) -> str:
    """The audit in one sentence."""
    counts = {severity: sum(each.severity == severity for each in audit.findings) for severity in WORDS}
    if not counts["leak"] and not counts["warn"]:
        return f"Nothing to warn of in {audit.films:,} films."
    parts = [f"{n} {word}{'s' * (n != 1)}" for n, word in ((counts["leak"], "leak"), (counts["warn"], "warning")) if n]
    return f"{' and '.join(parts)} in {audit.films:,} films of {len(audit.classes)} classes."


def facts(audit: Audit) -> Iterator[tuple[str, str]]:
    """What the audit rests on, name and value."""
    yield "Films", f"{audit.films:,} ({', '.join(f'{label} {n:,}' for label, n in audit.classes.items())})"
    yield "Kept together", f"{audit.groups:,} groups of a patient or picture"
    if audit.refused:
        yield "Refused films", f"{audit.refused:,}"
    plan = audit.plan
    yield (
        "Division",
        f"{plan['division']}, validation {plan['validation']:.0%}, test {plan['test']:.0%}, seed {plan['seed']}",
    )
    for across in audit.across:
        if across.why_not:
            yield f"Not judged, {across.division}", across.why_not
    yield "SHA-256 of films and labels", audit.digest
    yield "Made", f"{moment(audit.made)}, in {text.duration(audit.seconds)}"


def sections(audit: Audit) -> Iterator[Section]:
    """The parts of the page, in order."""
    yield Section("audit-findings", "Findings", (), (_findings(audit.findings),) if audit.findings else ())
    yield probes_section(audit)
    if audit.across:
        yield Section("audit-divisions", "Both sides of a division", (), (_divisions(audit),))
    if audit.associations:
        words = (
            "Cramer's V: 0 where class and value have nothing to do with each other, 1 where one tells the other.",
        )
        drawn = [association for association in audit.associations if association.v.value][:PICTURES]
        pictures = tuple(picture_of(association) for association in drawn)
        yield Section(
            "audit-associations", "Class against what else is known", words, (*pictures, _associations(audit))
        )
    if audit.shared:
        yield Section("audit-shared", "The same films in other datasets", (), (_shared(audit),))


def card_sections(checks: dict[str, Any]) -> tuple[Section, ...]:
    """What a model's card remembers of the audit of its training films; warnings are left to the full report."""
    lines = record.card_lines(checks)
    findings = (checks.get("data_audit") or {}).get("findings", ())
    warned = sum(finding["severity"] == "warn" for finding in findings)
    first, warnings = lines[: len(lines) - warned], lines[len(lines) - warned :]
    section = Section("data-audit", "Audit of the training films", tuple(first), listed=True)
    if not warnings:
        return (section,)
    title = "Warnings of the audit of the training films"
    return section, Section("data-audit-warnings", title, tuple(warnings), listed=True, rank="appendix")


def probes_section(audit: Audit) -> Section:
    """What the class can be told from without a lung: a picture and a table."""
    measured = [probe for probe in audit.probes if not probe.why_not]
    parts = (*((probes_picture(audit),) if measured else ()), _probes(audit))
    return Section("audit-probes", "What tells the class without a lung", (CHANCE,), parts)


def probes_picture(audit: Audit) -> Picture:
    """Every probe with its interval, beside chance and what networks reached."""
    measured = [probe for probe in audit.probes if not probe.why_not]
    rows = [
        {"probe": probe.title, **{key: getattr(probe.balanced_accuracy, key) for key in ("value", "low", "high")}}
        for probe in measured
    ]
    plain = [known for known in audit.beside if known.measure == "accuracy" and known.kind != "probe"]
    if plain:
        rows = [row | {"accuracy": probe.accuracy.value} for row, probe in zip(rows, measured, strict=True)]
    chance, halfway = measured[0].chance, measured[0].halfway
    marks: list[dict[str, Any]] = [
        {"name": "Chance", "kind": "chance", "value": chance},
        {"name": "Halfway between chance and perfect", "kind": "halfway", "value": halfway},
    ]
    networks = [known for known in audit.beside if known.measure == "balanced accuracy"]
    marks += [{"name": known.name, "kind": "network", "value": known.value} for known in networks]
    marks += [{"name": known.name, "kind": "accuracy", "value": known.value} for known in plain]
    note = f"Solid: {', '.join(known.name for known in networks)}." if networks else ""
    if plain:
        named = ", ".join(f"{known.name} {text.percent(known.value)}" for known in plain)
        note = f"{note} Diamonds: plain accuracy, beside that of {named} (long dashes).".strip()
    draw = partial(_draw_probes, rows, marks, _alt(rows, chance))
    return Picture("audit-probes-chart", "Balanced accuracy without a lung", draw, [*rows, *marks], note)


def picture_of(association: Association) -> Picture:
    """How the films of each value are shared among the classes."""
    rows = charts.rows_of(association.counts)
    v = association.v
    note = f"Cramer's V {v.value or 0:.2f} [{v.low or 0:.2f}, {v.high or 0:.2f}], n = {association.n:,}"
    draw = partial(_draw_shares, rows, association)
    return Picture(f"audit-{association.key}", f"Class by {association.within}", draw, rows, note)


def lines(audit: Audit) -> Iterator[str]:
    """The audit for a terminal, line by line."""
    yield f"{audit.name}: {lead(audit)}"
    for name, value in facts(audit):
        yield f"  {name}: {value}"
    yield ""
    yield from _table_lines(_probes(audit))
    for probe in [probe for probe in audit.probes if probe.left_out][:1]:
        yield f"  without classes of too few patients or pictures: {', '.join(probe.left_out)}"
    for known in audit.beside:
        yield f"  beside: {_beside_words(known)}"
    yield ""
    for finding in audit.findings:
        stop = ", stops a fine-tune" if finding.stops else ""
        yield f"{WORDS[finding.severity].lower()}{stop} {finding.code}: {finding.words}"
        yield from (f"    {film}" for film in finding.films[:3])
        if finding.count > 3 and finding.films:
            yield f"    and more, {finding.count:,} in all"
        if finding.advice:
            yield f"    to do: {finding.advice}"


def _table_lines(table: Table) -> Iterator[str]:
    rows = [tuple(column.name for column in table.columns), *table.written]
    widths = [max(len(row[place]) for row in rows) for place in range(len(table.columns))]
    for row in rows:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()


def _headline(audit: Audit) -> Iterator[Tile]:
    stops = len(audit.stops)
    yield Tile("Leaks", str(sum(each.severity == "leak" for each in audit.findings)), f"{stops} stop a fine-tune")
    yield Tile("Warnings", str(sum(each.severity == "warn" for each in audit.findings)), "worth a look")
    measured = [probe for probe in audit.probes if not probe.why_not]
    if measured:
        best = max(measured, key=lambda probe: probe.balanced_accuracy.value or 0)
        note = f"{best.title}; balanced accuracy, chance {best.chance:.1%}, n = {best.n:,}"
        yield Tile("Without a lung", best.balanced_accuracy.figure.text(), note)


def _findings(listed: Sequence[Finding]) -> Table:
    columns = (Column("Severity"), Column("Finding"), Column("What"), Column("What to do"), Column("Films"))
    rows = tuple(
        (
            WORDS[each.severity] + (", stops a fine-tune" if each.stops else ""),
            each.title,
            each.words,
            each.advice,
            _films(each),
        )
        for each in listed
    )
    return Table("audit-findings-table", "", columns, rows)


def _films(finding: Finding) -> str:
    named = finding.films[:NAMED]
    in_all = f"{finding.count:,} in all" if finding.count > len(named) else ""
    return "; ".join(filter(None, (*named, in_all)))


def _probes(audit: Audit) -> Table:
    columns = (
        Column("Probe"),
        Column("Balanced accuracy", "percent", interval=True),
        Column("Chance", "percent"),
        Column("Accuracy", "percent", interval=True),
        Column("Largest class", "percent"),
        Column("Films", "count"),
        Column("Model"),
    )
    rows = tuple(_probe_row(probe) for probe in audit.probes)
    left_out = next((probe.left_out for probe in audit.probes if probe.left_out), [])
    notes = [f"Without classes of too few patients or pictures: {', '.join(left_out)}."] if left_out else []
    note = " ".join([*notes, *(_beside_words(known) + "." for known in audit.beside)])
    return Table("audit-probes-table", "Probes", columns, rows, note)


def _probe_row(probe: Probe) -> tuple[Any, ...]:
    if probe.why_not:
        return probe.title, None, None, None, None, probe.n, probe.why_not
    return (
        probe.title,
        probe.balanced_accuracy.figure,
        probe.chance,
        probe.accuracy.figure,
        probe.majority,
        probe.n,
        f"{probe.model}, {probe.folds} folds, {probe.groups:,} groups",
    )


def _beside_words(known: Known) -> str:
    interval = (
        f" [{100 * known.low:.1f}, {100 * known.high:.1f}]" if known.low is not None and known.high is not None else ""
    )
    kind = {"published": "published", "probe": "published, no pixel seen", "model": "saved model", "run": "run"}[
        known.kind
    ]
    return f"{known.name} ({kind}): {known.measure} {known.value:.1%}{interval}"


def _divisions(audit: Audit) -> Table:
    columns = (
        Column("Division"),
        Column("Part"),
        Column("Films", "count"),
        Column("With a twin in a part before", "count"),
        Column("With their patient in a part before", "count"),
    )
    rows = [
        (across.division, part, n, across.twins.get(part, 0), across.patients.get(part, 0))
        for across in audit.across
        for part, n in across.films.items()
    ]
    rows += [(across.division, across.why_not, None, None, None) for across in audit.across if across.why_not]
    return Table("audit-divisions-table", "", columns, tuple(rows))


def _associations(audit: Audit) -> Table:
    columns = (Column("Class against"), Column("Cramer's V", "number", interval=True), Column("Films", "count"))
    rows = tuple((each.title, each.v.figure, each.n) for each in audit.associations)
    return Table("audit-associations-table", "Associations", columns, rows)


def _shared(audit: Audit) -> Table:
    heads = ("Films", "Compared", "Same file", "Same picture", "Other class")
    columns = (Column("Dataset"), *(Column(head, "count") for head in heads))
    rows = tuple(
        (each.name, each.films, each.compared, each.identical, each.near, each.other_class) for each in audit.shared
    )
    note = "Only films that were read before can be compared: `--against DIR` reads the others."
    return Table("audit-shared-table", "", columns, rows, note)


def _draw_probes(rows: Any, marks: Any, alt: str, style: Any) -> Any:
    return charts.probes(rows, marks, style=style, alt_text=alt)


def _draw_shares(rows: Any, association: Association, style: Any) -> Any:
    return charts.shares(rows, association.title, style=style, alt_text=f"Classes by {association.within}")


def _alt(rows: Sequence[dict[str, Any]], chance: float) -> str:
    shown = "; ".join(f"{row['probe']} {text.percent(row['value'])}" for row in rows)
    return f"Balanced accuracy, chance {text.percent(chance)}: {shown}"
