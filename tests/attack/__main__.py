"""`make attack`, or `python -m tests.attack [NAME ...] [--share 0.1] [--seed 1]`: counts, and every broken promise.

At full size the counts are written into docs/promises.md.
"""

from __future__ import annotations

import argparse
import importlib
import sys
import time
from dataclasses import dataclass

from tests.attack import Outcome, promises


@dataclass(frozen=True)
class Attack:
    """A module of this package, how often it tries at full size, and what it tries."""

    module: str
    count: int
    what: str

    def run(self, share: float, seed: int) -> Outcome:
        module = importlib.import_module(f"tests.attack.{self.module}")
        return module.attack(max(1, round(self.count * share)), seed)


ATTACKS = {
    attack.module: attack
    for attack in (
        Attack("films", 20_000, "damaged films"),
        Attack("models", 1000, "damaged model folders"),
        Attack("planted", 300, "films with a planted name"),
        Attack("statuses", 1000, "damaged run folders"),
        Attack("door", 100_000, "requests with made-up headers"),
        Attack("jobs", 1000, "damaged records of jobs and evaluations"),
        Attack("zips", 500, "hostile zips"),
        Attack("keeps", 300, "keepings killed, held up or out of room"),
        Attack("checkpoints", 90, "runs disturbed at their checkpoints and resumed"),
    )
}


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.attack", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(ATTACKS))
    parser.add_argument("--share", type=float, default=1.0, help="of the full size")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args(arguments)
    if unknown := set(given.names) - set(ATTACKS):
        parser.error(f"no attack named {', '.join(sorted(unknown))}; there are {', '.join(ATTACKS)}")
    broken = 0
    for name in given.names or ATTACKS:
        began = time.monotonic()
        outcome = ATTACKS[name].run(given.share, given.seed)
        counts = ", ".join(f"{count:,} {what}" for what, count in sorted(outcome.counts.items()))
        faults, seconds = len(outcome.faults), time.monotonic() - began
        print(f"{outcome.tried:,} {ATTACKS[name].what}: {faults} faults in {seconds:.0f} s ({counts})", flush=True)
        for fault in outcome.faults[:100]:
            print(f"  {fault}")
        if given.share >= 1:
            promises.write(name, ATTACKS[name].what, outcome)
        broken += faults
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
