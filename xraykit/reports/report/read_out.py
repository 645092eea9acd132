"""Read out: the main figures of a chart in a sentence, for those who hear it instead of seeing it.

Charts say first what they show; what is here follows it. Of more than a few figures the ends are told, not all.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from xraykit.evaluation.stats import Figure, Kind, number_text

FEW = 4  # figures that are told one by one
Row = Mapping[str, Any]


class Named(NamedTuple):
    """A figure and what it is of."""

    name: str
    value: float
    low: float | None = None
    high: float | None = None


def models(names: Sequence[str]) -> str:
    """Models by name, or how many they are: "A and B", "7 models"."""
    return listed(names) if len(names) < FEW else f"{len(names)} models"


def listed(names: Sequence[str]) -> str:
    """Names as they are spoken: "A", "A and B", "A; B; and C" - titles have commas of their own."""
    return " and ".join(names) if len(names) < 3 else f"{'; '.join(names[:-1])}; and {names[-1]}"


def sentences(*parts: str) -> str:
    """What is said, one sentence after the other; what is empty is left out."""
    return " ".join(part if part.endswith((".", "!", "?")) else f"{part}." for part in parts if part)


def figures(given: Iterable[Named], kind: Kind = "percent", *, of: str = "") -> str:
    """Every figure where there are few, else the highest and the lowest; `of` says of what kind they are.

    "AUROC: A 0.9750; B 0.8000", and of more "AUROC: highest 0.9750 (A), lowest 0.8000 (E), of 5".
    """
    known = list(given)
    if not known:
        return ""
    if len(known) <= FEW:
        listed_figures = "; ".join(f"{each.name} {_text(each, kind)}" for each in known)
        return f"{of}: {listed_figures}" if of else listed_figures
    high, low = max(known, key=lambda each: each.value), min(known, key=lambda each: each.value)
    head = f"{of}: highest" if of else "Highest"
    return f"{head} {_text(high, kind)} ({high.name}), lowest {_text(low, kind)} ({low.name}), of {len(known)}"


def rows(given: Sequence[Row], *names: str, kind: Kind = "percent") -> str:
    """The figures of rows {"value", "low", "high"}, called by the fields `names`; those without a value left out."""
    made = (
        Named(", ".join(str(row[name]) for name in names), row["value"], row.get("low"), row.get("high"))
        for row in given
        if row["value"] is not None
    )
    return figures(made, kind)


def matrix(cells: Sequence[Row]) -> str:
    """How many films a confusion matrix has on its diagonal, and its largest error."""
    total = sum(cell["films"] for cell in cells)
    right = sum(cell["films"] for cell in cells if cell["reference"] == cell["predicted"])
    wrong = max((cell for cell in cells if cell["reference"] != cell["predicted"]), key=_films, default=None)
    summary = f"{right:,} of {total:,} films lie on the diagonal"
    if wrong is None or not wrong["films"]:
        return f"{summary}, none beside it"
    error = f"{wrong['reference']} taken for {wrong['predicted']}"
    return f"{summary}; the most frequent error is {error}, {wrong['films']:,} film{'' if wrong['films'] == 1 else 's'}"


def courses(points: Sequence[Row], over: str, *names: str, value: str = "value", percent: bool = False) -> str:
    """Where each line of points begins and ends along the field `over`; of many lines the highest and lowest end."""
    lines: dict[str, list[Row]] = {}
    for point in points:
        if point[value] is not None:
            lines.setdefault(", ".join(str(point[name]) for name in names), []).append(point)
    ends = {name: sorted(line, key=lambda point: point[over]) for name, line in lines.items()}

    def said(number: float) -> str:
        return number_text(number, "percent") if percent else f"{number:.3g}"

    if not ends:
        return ""
    if len(ends) <= FEW:
        return "; ".join(
            f"{name} from {said(line[0][value])} to {said(line[-1][value])}".strip() for name, line in ends.items()
        )
    last = {name: line[-1][value] for name, line in ends.items()}
    high, low = max(last, key=last.__getitem__), min(last, key=last.__getitem__)
    return f"{len(last)} lines; {high} ends highest, at {said(last[high])}, {low} lowest, at {said(last[low])}"


def _text(named: Named, kind: Kind) -> str:
    return Figure(named.value, named.low, named.high).text(kind).removesuffix(" (no interval)")


def _films(cell: Row) -> int:
    return cell["films"]
