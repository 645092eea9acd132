"""Claims: a film's report and its slide from the reading room, and the reports of a hundred films in one ZIP.

What a click costs: the film's pixels from the service, the subject, the report, the file; each film is another one, so
nothing was made before. Seconds of the clock, beside them those of this processor alone.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import psutil

from benchmarks import claims, models
from benchmarks.reading_room import make_films

FILMS = 100
ROUNDS = 9
VIEW = {"method": "Grad-CAM", "opacity": 0.4, "colormap": "inferno"}


def main() -> None:
    from xraykit.models.service import client as service
    from xraykit.ui.review.server import rooms
    from xraykit.ui.server import inference

    with tempfile.TemporaryDirectory() as work:
        weights = models.model_folder(Path(work))
        client = service.start(weights.parent)
        inference.use(client)
        seat = rooms.ROOMS.get(rooms.create_room("benchmark"))
        assert seat is not None
        try:
            _measure(seat, make_films(Path(work) / "films", FILMS))
        finally:
            rooms.ROOMS.close()
            client.close()


def _measure(seat, folder: Path) -> None:
    from xraykit.reading.worklist import sources

    seat.room.open(sources.look_at(str(folder)))
    while seat.room.listing or seat.room.list.counts().waiting:
        time.sleep(0.1)
    names = [row.id for row in seat.room.list.rows()]
    chosen = seat.room.chosen
    print(f"# {len(names)} films, models {', '.join(chosen)}", file=sys.stderr)
    kinds = {"pdf": False, "json": False, "slide pptx": True, "slide png": True}
    medians = {}
    for kind, slide in kinds.items():
        shown = iter(names)
        medians[kind] = _median(
            lambda kind=kind, slide=slide, shown=shown: _file(seat, next(shown), chosen, kind, slide)
        )
    for kind in kinds:
        seconds, processor = medians[kind]
        print(f"# {kind}: {seconds:.2f} s, {processor:.2f} s of processor time", file=sys.stderr)
    claims.report("room-film-report-pdf-seconds", medians["pdf"][0], 1)
    claims.report("room-slide-seconds", medians["slide pptx"][0], 0.5)
    _batch(seat, names, chosen)


def _file(seat, film: str, chosen: tuple[str, ...], kind: str, slide: bool) -> None:
    from xraykit.ui.review.server.report import files
    from xraykit.ui.review.server.report.asked import Asked, View

    wish = Asked(film=film, view=View(models=chosen, **VIEW), slide=slide)
    made = seat.desk.made(wish)
    if slide:
        files.slide(made.report, kind.removeprefix("slide "), "paper", made.stem)
    else:
        files.make(made.report, made.subject, kind, "paper", made.stem)


def _median(run: Callable[[], None]) -> tuple[float, float]:
    """Median seconds, of the clock and of this process, after the first."""
    run()
    clock, processor = [], []
    for _ in range(ROUNDS):
        began = time.perf_counter(), time.process_time()
        run()
        clock.append(time.perf_counter() - began[0])
        processor.append(time.process_time() - began[1])
    return statistics.median(clock), statistics.median(processor)


def _batch(seat, names: list[str], chosen: tuple[str, ...]) -> None:
    from xraykit.ui.review.server.report.asked import Asked, View

    before = psutil.Process().memory_info().rss
    began = time.perf_counter()
    work = seat.desk.begin(Asked(films=tuple(names), view=View(models=chosen, **VIEW), kind="pdf"))
    most = before
    while work.state == "running":
        time.sleep(0.2)
        most = max(most, psutil.Process().memory_info().rss)
    seconds = time.perf_counter() - began
    assert (work.state, work.done) == ("done", len(names)), work.words
    size = work.file.stat().st_size if work.file else 0
    print(
        f"# {len(names)} reports as PDF: {seconds:.0f} s, {seconds / len(names):.2f} s a film, "
        f"ZIP of {size / 2**20:.0f} MiB, {(most - before) / 2**20:.0f} MiB more memory",
        file=sys.stderr,
    )
    claims.report("room-batch-seconds-a-film", seconds / len(names), 1)


if __name__ == "__main__":
    main()
