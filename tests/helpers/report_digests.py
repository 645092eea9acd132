"""Reports whose bytes must never differ, and their SHA-256 in every format: run as a process of its own by a test."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import socket
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from tests.helpers import film_reports, kept_models
from xraykit.models import kept
from xraykit.reports.comparison import page as comparison
from xraykit.reports.export import formats
from xraykit.reports.film import report as film_report
from xraykit.reports.film.subject import Settings
from xraykit.reports.report.page import Report

SLOW = ("png-2160p", "png-a4")  # drawn as the others are
WRITTEN = datetime(2026, 11, 29, 19, 40, tzinfo=UTC)


def film(models: int = 2) -> Report:
    subject = film_reports.subject(models, shown=film_reports.film(240, 210))
    return film_report.report(dataclasses.replace(subject, settings=Settings(longest=240)))


def two_models(folder: Path) -> Report:
    """The comparison of two made-up models; when it was written is always the same."""
    names = ("small", "large")
    for place, name in enumerate(names):
        kept_models.keep(folder, name, seed=place, skill=2 + place / 2, n=90)
    made = comparison.of_models([kept.load_kept(str(folder / name)) for name in names])
    facts = tuple((name, "2026-11-29" if name == "Written" else value) for name, value in made.facts)
    return dataclasses.replace(made, facts=facts, written=WRITTEN)


def digests() -> dict[str, str]:
    """By report and format."""
    with tempfile.TemporaryDirectory() as folder:
        pair = two_models(Path(folder))
    pages = {"film": film(), "pair": dataclasses.replace(pair, sections=pair.short.sections[:3])}
    kinds = {"film": [kind for kind in formats.kinds(pages["film"]) if kind not in SLOW], "pair": ["pdf", "pptx"]}
    return {
        f"{name} {kind}": hashlib.sha256(formats.export(pages[name], kind).content).hexdigest()
        for name in pages
        for kind in kinds[name]
    }


def _no_network(*_: object) -> None:
    raise OSError("a report asked for the network")


if __name__ == "__main__":
    socket.socket.connect = _no_network  # type: ignore[method-assign]
    print(json.dumps(digests()))
