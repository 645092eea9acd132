"""A film report of two models as PDF and as a picture, a slide, a batch: medians, and against a plain page by Typst.

The plain page has the same three pictures and one paragraph: what any page that holds them costs. Films are made up;
what models answer is given, so that only what becomes of it on paper is timed.
"""

from __future__ import annotations

import resource
import sys
import time
from dataclasses import replace

from benchmarks import claims
from tests.helpers import film_reports
from xraykit.reports.export import figure, formats, slides
from xraykit.reports.export.pages.page import photograph_svg
from xraykit.reports.film import report as film_report
from xraykit.reports.film.subject import Settings, Subject
from xraykit.reports.report.page import Report

ROUNDS, BATCH = 7, 100
REPORT, SLIDE = 1.0, 0.5  # seconds
PEER = 2.5  # times as long as a plain page of the same pictures
PLAIN = """
#set page(paper: "a4")
#grid(columns: (1fr,) * 3, ..range(3).map(k => image(bytes(sys.inputs.at(str(k))), format: "svg")))
#lorem(300)
"""


def main() -> None:
    subjects = [made(place) for place in range(ROUNDS * 2)]
    film_report.report(subjects[0])
    turn = iter(range(10**6))

    def next_report() -> Report:
        return film_report.report(subjects[next(turn) % len(subjects)])

    section = next(part for part in next_report().short.sections if part.key == "answers")
    contenders = {
        "pdf": lambda: formats.export(next_report(), "pdf"),
        "png": lambda: formats.export(next_report(), "png"),
        "slide": lambda: slides.slide(next_report_of(subjects[0]), section),
        "plain": lambda: plain(subjects[next(turn) % len(subjects)]),
    }
    seconds = claims.interleaved(contenders, ROUNDS)
    claims.report("reports-film-pdf-seconds", seconds["pdf"], REPORT)
    claims.report("reports-film-png-seconds", seconds["png"], REPORT)
    claims.report("reports-slide-seconds", seconds["slide"], SLIDE)
    claims.report("reports-film-pdf-plain", seconds["pdf"] / seconds["plain"], PEER)
    print("# " + ", ".join(f"{name} {1000 * each:.0f} ms" for name, each in seconds.items()), file=sys.stderr)
    batch(subjects)


def made(place: int) -> Subject:
    """A film of its own, 1000 x 900, and what two models say."""
    subject = film_reports.subject(2, of=film_reports.film(1000 + place, 900))
    return replace(subject, settings=Settings(longest=1200))


KEPT: dict[str, Report] = {}


def next_report_of(subject: Subject) -> Report:
    """The report of a film that is shown already: a slide is made of a page that is there."""
    if subject.id not in KEPT:
        KEPT[subject.id] = film_report.report(subject)
    return KEPT[subject.id]


def plain(subject: Subject) -> bytes:
    """The pictures drawn as for a report, and Typst alone."""
    photographs = film_report.pictures.photographs(subject)
    inputs = {str(k): photograph_svg(part, part.size[1]) for k, part in enumerate(photographs)}
    return figure.compiler().compile(PLAIN.encode(), format="pdf", sys_inputs=inputs)


def batch(subjects: list[Subject]) -> None:
    """A hundred reports one after the other: seconds each, and that the process does not grow with them."""
    before, began = peak(), time.perf_counter()
    for place in range(BATCH):
        formats.export(film_report.report(subjects[place % len(subjects)]), "pdf")
    each, grown = (time.perf_counter() - began) / BATCH, peak() - before
    claims.report("reports-batch-of-100-seconds-each", each, REPORT)
    print(f"# batch of {BATCH}: {each:.2f} s each, {grown:.0f} MiB more at its peak", file=sys.stderr)


def peak() -> float:
    """MiB of the process at its largest."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main()
