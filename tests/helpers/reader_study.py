"""A reader study in small: what a made-up reader and two made-up models say of films, and its figures counted by hand.

Written without xraykit, so that its summary is compared with something that does not share a mistake.
"""

import math
import random
import statistics
from dataclasses import dataclass, replace

CLASSES = ("COVID-19", "Normal", "Viral Pneumonia")
MODELS = ("scratch", "imagenet")
RIGHT = {"before": 0.7, "scratch": 0.8, "imagenet": 0.9}  # how often each gives the reference
SAYS = ("agree", "disagree", "unsure")


@dataclass(frozen=True)
class Film:
    """A film: its class, what each model answers, what the reader finds before and after, and says of each model."""

    name: str
    truth: str
    answers: dict
    before: str
    last: str
    says: dict


def plan(number=60, seed=12):
    """Films with planted classes, in the order of their names."""
    dice = random.Random(seed)
    films = []
    for place, truth in enumerate(label for label in CLASSES for _ in range(number // 3)):

        def given(who, truth=truth):
            others = [label for label in CLASSES if label != truth]
            return truth if dice.random() < RIGHT[who] else dice.choice(others)

        before, answers = given("before"), {model: given(model) for model in MODELS}
        film = Film(f"{truth}/film-{place % (number // 3):03}.png", truth, answers, before, before, {})
        films.append(settle(film, place))
    return films


def settle(film, place):
    """What the reader says once the models are shown: gives way to the second on every other film they differ on."""
    yields = film.before != film.answers["imagenet"] and place % 2 == 0
    last = film.answers["imagenet"] if yields else film.before
    says = {model: ("agree" if answer == last else SAYS[1 + place % 3 % 2]) for model, answer in film.answers.items()}
    return replace(film, last=last, says=says)


def wilson(hits, n):
    """Wilson 1927, 95%."""
    if not n:
        return [None, None, None]
    z, p = 1.959963984540054, hits / n
    middle = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n)) / (1 + z * z / n)
    return [p, middle - half, middle + half]


def kappa(pairs):
    """Cohen 1960."""
    n = len(pairs)
    seen = sum(a == b for a, b in pairs) / n
    chance = sum(sum(a == k for a, _ in pairs) * sum(b == k for _, b in pairs) for k in CLASSES) / n**2
    return (seen - chance) / (1 - chance)


def mcnemar(fixed, broken):
    """Exact, two-sided."""
    n, k = fixed + broken, min(fixed, broken)
    return min(1.0, 2 * sum(math.comb(n, i) for i in range(k + 1)) / 2**n) if n else 1.0


def holm(values):
    order = sorted(range(len(values)), key=values.__getitem__)
    adjusted, least = [0.0] * len(values), 0.0
    for rank, place in enumerate(order):
        least = max(least, min(1.0, values[place] * (len(values) - rank)))
        adjusted[place] = least
    return adjusted


def shares(films, has, label):
    """Sensitivity and specificity of who gives `has(film)`, whether it is of the class."""
    sick = [film for film in films if film.truth == label]
    well = [film for film in films if film.truth != label]
    return wilson(sum(map(has, sick)), len(sick)), wilson(sum(not has(film) for film in well), len(well))


def beside(films, label):
    """Each model alone, with the reader and in place of either, against the reader before the models were shown."""
    rows, tests = {}, {"sensitivity": [], "specificity": []}
    for model in sorted(MODELS):
        who = {
            "alone": lambda film, model=model: film.answers[model] == label,
            "either": lambda film, model=model: label in (film.before, film.answers[model]),
            "both": lambda film, model=model: film.before == label == film.answers[model],
        }
        for name, has in who.items():
            row = {"shares": shares(films, has, label)}
            for measure, side in (("sensitivity", True), ("specificity", False)):
                films_of_side = [film for film in films if (film.truth == label) == side]
                right = [(has(film) == side, (film.before == label) == side) for film in films_of_side]
                fixed, broken = right.count((True, False)), right.count((False, True))
                row[measure] = (fixed - broken) / len(films_of_side), mcnemar(fixed, broken)
                tests[measure].append((model, name, row[measure][1]))
            rows[model, name] = row
    for measure, family in tests.items():
        for (model, name, _), adjusted in zip(family, holm([p for *_, p in family]), strict=True):
            rows[model, name][measure] += (adjusted,)
    return rows


def quartiles(values):
    """Median and quartiles, linear between neighbours."""
    low, median, high = statistics.quantiles(values, n=4, method="inclusive")
    return {"n": len(values), "low": low, "median": median, "high": high}
