"""The whole Compare page to hand out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from datetime import UTC, datetime

import numpy as np

import xraykit
from xraykit.reports.comparison.chosen import Applied, Choice, Chosen, Material
from xraykit.reports.comparison.figures import describe, films
from xraykit.reports.report import Report, Section
from xraykit.truth import places

ORDER = (  # after the films
    "difference",
    "seeds",
    "operating",
    "people",
    "decision",
    "sets",
    "reports",
    "curves",
    "calibration",
    "shortcuts",
    "scorecard",
    "training",
    "recipes",
    "published",
)


def report(
    material: Material,
    choice: Choice,
    applied: Applied,
    chosen: Chosen | None,
    listed: np.ndarray,
    sections: Mapping[str, Section],
) -> Report:
    """The whole page to hand out, made of its sections by key, with the films that are listed on it."""
    names = [material.comparison.films[i] for i in listed.tolist()]
    ordered = [sections["places"], sections["verdict"], sections["matrices"]]
    ordered += [films(material, chosen, listed)] if chosen else []
    ordered += [sections[key] for key in ORDER if key in sections]
    data = {
        "options": asdict(choice) | {"models": list(material.models)},
        "films": None if chosen is None else {"what": describe(material, chosen), "names": names},
        "operating_points": {
            name: result if isinstance(result, str) else result.to_dict() for name, result in applied.items()
        },
        "comparison": material.comparison.to_dict(),
    }
    title = f"Compare: {', '.join(material.models)}"
    now = datetime.now(UTC)
    return Report(
        title,
        xraykit.RESEARCH_ONLY,
        tuple(_facts(material, now)),
        tuple(ordered),
        data,
        written=now.replace(microsecond=0),
    )


def _facts(material: Material, now: datetime) -> Iterator[tuple[str, str]]:
    first, n = material.comparison.evaluations[0], len(material.comparison.films)
    yield "Test films", f"{n:,}, {first.data or 'data not named'}; digest {first.test_digest[:16]}"
    yield "Classes", ", ".join(material.classes)
    for kept in material.kept:
        sha256 = kept.card.files["model.keras"][:16]
        yield kept.card.name, f"{kept.card.title}; {places.headline(kept.card)}; network sha256 {sha256}"
    yield "Written", f"{now:%Y-%m-%d %H:%M} UTC by xraykit {xraykit.__version__}"
