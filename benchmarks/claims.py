"""How a benchmark says what it found: one claim a line, `name ratio budget pass|short`, and interleaved medians."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable


def report(name: str, ratio: float, budget: float, *, at_least: bool = False) -> bool:
    """Print a claim; `at_least` for "so many times faster", else the ratio must not exceed the budget."""
    held = ratio >= budget if at_least else ratio <= budget
    print(f"{name} {ratio:.3f} {'>=' if at_least else '<='}{budget:g} {'pass' if held else 'short'}", flush=True)
    return held


def interleaved(contenders: dict[str, Callable[[], object]], rounds: int, repeats: int = 1) -> dict[str, float]:
    """Median seconds of each contender: every round times all of them in turn, so that a busy machine hits all."""
    times: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(rounds):
        for name, run in contenders.items():
            run()  # back into the caches that the contender before it has taken
            for _ in range(repeats):
                began = time.perf_counter()
                run()
                times[name].append(time.perf_counter() - began)
    return {name: statistics.median(found) for name, found in times.items()}
