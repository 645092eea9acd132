"""Films with something wrong in them: refused, or what their file says."""

from __future__ import annotations

from collections import Counter

from tests.attack import Outcome
from tests.helpers import fuzz_films
from tests.helpers.mutants import Mutants


def attack(count: int, seed: int) -> Outcome:
    """Read `count` damaged films, and hold every accepted one against a second reading of its file."""
    maker = Mutants(seed)
    judgements = list(fuzz_films.fuzz(map(maker.mutant, range(count)), maker.seeds))
    broken = fuzz_films.faults_of(judgements)
    faults = [f"{judgement.outcome}: {judgement.mutant.name}: {judgement.why}" for judgement in broken]
    return Outcome(len(judgements), faults, dict(Counter(judgement.outcome for judgement in judgements)))
