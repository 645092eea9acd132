"""What each field of a study may hold, and every fault of a study's plain data at once.

Looks at plain data (what JSON gives) and never raises because of it; builds no Study.
"""

from __future__ import annotations

import copy
import dataclasses
import itertools
import json
from collections.abc import Iterator, Mapping
from typing import Any

from xraykit.experiments.study.design import Design, FoldKind, combinations, count_combinations
from xraykit.system.folders import is_plain_name
from xraykit.training.recipe import presets, rules
from xraykit.training.recipe import recipe as recipes
from xraykit.training.recipe.recipe import Recipe
from xraykit.training.recipe.rules import Fault, Rule, number, one_of, shown, switch

MOST_RUNS = 10_000
MOST_FOLDS = 20
MOST_FACTORS = 20
# The division and the seed of a run are the study's: were they factors, trials could not be compared in pairs
NO_FACTORS = {
    "name": "A trial has no name of its own.",
    "seed": "Give the study's seeds instead.",
    "division": "The films are divided alike for every trial.",
    "validation": "The films are divided alike for every trial.",
    "test": "The films are divided alike for every trial.",
}


def faults(data: Any) -> dict[str, Fault]:
    """Every fault of a study's plain data, by the path of its field ("folds.count"; "" is the whole).

    Empty if and only if `from_dict` builds a Study from it. Never raises on anything JSON can hold.
    """
    if not isinstance(data, Mapping):
        return {"": rules.no_object("a study as an object with named fields", "a study", data)}
    wrong = dict(rules.fields_of(data, STUDY, ""))
    if isinstance(data.get("folds", {}), Mapping):
        wrong.update(rules.fields_of(data.get("folds", {}), FOLDS, "folds."))
    recipe = recipe_data(data.get("recipe"))
    if "recipe" in data and "recipe" not in wrong:
        inside = rules.faults(recipe)
        wrong.update({f"recipe.{path}" if path else "recipe": fault for path, fault in inside.items()})
        if not inside and "factors" not in wrong:
            wrong.update(_of_factors(data, json.loads(recipes.from_dict(recipe).to_json())))
    for path, fault in _together(data):
        wrong.setdefault(path, fault)
    return wrong


def put(data: Any, path: str, value: Any) -> bool:
    """Set what lies at a path of plain data ("phases.0.epochs"); False where there is no such place."""
    try:
        *way, last = map(_part, path.split("."))
        for key in way:
            data = data[key]
        data[last]  # refuse what is not there
        data[last] = value
    except (LookupError, TypeError, ValueError):
        return False
    return True


def value_at(data: Any, path: str) -> Any:
    """The value at a path of a recipe's plain data; raises LookupError, TypeError or ValueError where there is none."""
    for part in path.split("."):
        data = data[_part(part)]
    return data


def _part(part: str) -> int | str:
    """A field's name, or its place in a list written in one way alone: each field has one path."""
    return int(part) if part.isascii() and part.isdigit() and str(int(part)) == part else part


def _of_factors(data: Mapping[str, Any], base: dict[str, Any]) -> Iterator[tuple[str, Fault]]:
    """Faults of the factors of a study whose recipe has none."""
    factors = data.get("factors", {})
    wrong = {path: list(itertools.islice(_of_factor(path, factors, base), 5)) for path in factors}
    for path, each in wrong.items():
        if each:
            yield f"factors.{path}", Fault(" ".join(fault.words for fault in each), each[0].advice)
    if factors and not any(wrong.values()):
        yield from _of_combinations(data, base)


def _of_factor(path: str, factors: Mapping[str, Any], base: dict[str, Any]) -> Iterator[Fault]:
    values = factors[path]
    if path in NO_FACTORS:
        yield _plain(f"{path} cannot be a factor. {NO_FACTORS[path]}")
    if not put(copy.deepcopy(base), path, None):
        yield Fault(
            f"The base recipe has no field {shown(path)}.",
            "Give the path of a field that the base recipe has, as phases.0.learning_rate.",
        )
        return
    if outer := next((other for other in factors if path.startswith(f"{other}.")), None):
        yield _plain(f"It lies inside the factor {outer}. Keep one of the two.")
    if not (isinstance(values, list | tuple) and 1 <= len(values) <= 1000):
        yield Fault(f"Expected a list of 1 to 1000 values; got {shown(values)}.", "Enter 1 to 1000 values.")
        return
    for value in values:
        yield from _of_value(path, value, base)


def _of_value(path: str, value: Any, base: dict[str, Any]) -> Iterator[Fault]:
    """What is wrong with a value by itself; one that only fits beside other values is none."""
    if rule := _rule_at(path):
        if fault := rule.fault(value):
            yield fault
            return
    if rule is None or path in ("hidden", "phases", "augmentation"):
        with_value = copy.deepcopy(base)
        put(with_value, path, value)
        for place, fault in rules.faults(with_value).items():
            if place == path or place.startswith(f"{path}.") or path.startswith(f"{place}."):
                yield Fault(f"{shown(value)}, {place}: {fault.words}", fault.advice)


def _rule_at(path: str) -> Rule | None:
    kind, *inside = path.split(".")
    if not inside:
        return rules.RECIPE.get(kind)
    tables = {"phases": rules.PHASE, "hidden": rules.HIDDEN, "augmentation": rules.AUGMENTATION}
    return tables.get(kind, {}).get(inside[-1])


def _of_combinations(data: Mapping[str, Any], base: dict[str, Any]) -> Iterator[tuple[str, Fault]]:
    """Whether there are too many combinations, or none that a recipe can have."""
    if not STUDY["design"].fits(design := data.get("design", Design.ONE_AT_A_TIME)):
        return
    design, factors = Design(design), data["factors"]
    samples, count = data.get("samples"), count_combinations(design, factors)
    trials = min(count, samples) if design.is_search and STUDY["samples"].fits(samples) and samples else count
    runs = trials * _runs_of_a_trial(data)
    if runs > MOST_RUNS and (not design.is_search or samples):
        yield (
            "samples" if design.is_search else "factors",
            Fault(
                f"Expected at most {MOST_RUNS:,} runs; these are {runs:,}, with every fold and seed.",
                f"A study has at most {MOST_RUNS:,} runs. Take fewer values, folds or seeds, or a random search.",
            ),
        )
    first: Fault | None = None
    own = {path: value_at(base, path) for path in factors}
    for settings in itertools.islice(combinations(design, own, factors), MOST_RUNS):
        tried = copy.deepcopy(base)
        for path, value in settings.items():
            put(tried, path, value)
        if not (wrong := rules.faults(tried)):
            return
        first = first or next(iter(wrong.values()))
    if first:
        yield "factors", Fault(f"No combination of these values can be trained. The first: {first.words}", first.advice)


def _runs_of_a_trial(data: Mapping[str, Any]) -> int:
    """Folds times seeds, as far as they are known before the films are."""
    folds, seeds = data.get("folds"), data.get("seeds", (0,))
    count = 1
    if isinstance(folds, Mapping) and folds.get("kind") == FoldKind.CROSS_VALIDATION:
        count = folds.get("count", 5)
    return (count if FOLDS["count"].fits(count) else 1) * (len(seeds) if STUDY["seeds"].fits(seeds) else 1)


def _together(data: Mapping[str, Any]) -> Iterator[tuple[str, Fault]]:
    """Faults of fields that fit one by one and not together."""
    design, factors = data.get("design", Design.ONE_AT_A_TIME), data.get("factors", {})
    samples, cut, shrink = data.get("samples"), data.get("cut"), data.get("shrink")
    if STUDY["design"].fits(design):
        if Design(design).is_search:
            if samples is None:
                yield "samples", _plain(f"A {design} search needs samples: how many trials it may try.")
            if not factors:
                yield "factors", _plain(f"A {design} search needs factors to choose values of.")
        elif samples is not None:
            yield "samples", _plain(f"Only a random or tpe search has samples; this design is {design!s}.")
        if cut is True and design == Design.ONE_AT_A_TIME:
            yield (
                "cut",
                _plain(
                    "One factor at a time compares trials at their full length. Set cut to false, or choose the design "
                    "grid, random or tpe."
                ),
            )
    if shrink is not None and isinstance(factors, Mapping) and "shrink" in factors:
        yield "shrink", _plain("It is a factor as well. Leave the study's shrink empty, or take the factor out.")


def recipe_data(given: Any) -> Any:
    """A recipe's plain data, where it is named: that of the preset."""
    if isinstance(given, str) and given in presets.NAMED:
        return dataclasses.asdict(presets.NAMED[given])
    return dataclasses.asdict(given) if isinstance(given, Recipe) else given


def _plain(words: str) -> Fault:
    return Fault(words, words)


def _fits_text(value: Any, most: int) -> bool:
    """A text of at most so many letters that a file can hold: no half of a pair of surrogates."""
    return isinstance(value, str) and len(value) <= most and value.encode("utf-8", "ignore").decode() == value


def _text(most: int) -> Rule:
    return Rule(
        lambda value: _fits_text(value, most), f"a text of at most {most} letters", f"Enter at most {most} letters."
    )


def _fits_seeds(value: Any) -> bool:
    listed = isinstance(value, list | tuple) and 1 <= len(value) <= 100
    return listed and all(map(rules.RECIPE["seed"].fits, value)) and len(set(value)) == len(value)


def _fits_names(value: Any) -> bool:
    return isinstance(value, list | tuple) and len(value) <= 20 and all(_fits_name(name) for name in value)


def _fits_name(value: Any) -> bool:
    return _fits_text(value, 200) and bool(value.strip()) and value.isprintable()


def _fits_classes(value: Any) -> bool:
    return isinstance(value, Mapping) and all(
        _fits_name(name) and (other is None or _fits_name(other)) for name, other in value.items()
    )


FOLDS = {
    "kind": one_of(*map(str, FoldKind)),
    "count": number(2, MOST_FOLDS, "folds", whole=True),
    "seed": rules.RECIPE["seed"],
}
STUDY = {
    "name": Rule(
        lambda value: isinstance(value, str) and len(value) <= rules.MOST_LETTERS and is_plain_name(value),
        rules.RECIPE["name"].expected,
        rules.RECIPE["name"].advice,
        required=True,
    ),
    "recipe": Rule(
        lambda value: isinstance(value, Mapping) or (isinstance(value, str) and value in presets.NAMED),
        f"a recipe as an object, or the name of one ({', '.join(presets.NAMED)})",
        f"Enter a recipe in JSON, or one of {', '.join(presets.NAMED)}.",
        required=True,
    ),
    "factors": Rule(
        lambda value: (
            isinstance(value, Mapping) and len(value) <= MOST_FACTORS and all(isinstance(path, str) for path in value)
        ),
        f"an object of at most {MOST_FACTORS} factors: the path of a recipe's field to a list of values",
        'Enter factors in JSON, as {"phases.0.learning_rate": [0.001, 0.0001]}.',
    ),
    "design": one_of(*map(str, Design)),
    "folds": Rule(
        lambda value: isinstance(value, Mapping),
        f"an object with the fields {', '.join(FOLDS)}",
        f"Enter an object with the fields {', '.join(FOLDS)} in JSON.",
    ),
    "seeds": Rule(
        _fits_seeds,
        "1 to 100 different whole numbers from 0 to 4294967295",
        "Enter 1 to 100 different whole numbers, separated by commas.",
    ),
    "samples": number(1, MOST_RUNS, "trials", whole=True, optional=True),
    "cut": switch(),
    "shrink": number(0.001, 1, optional=True),
    "budget": number(1, 10**8, "seconds", optional=True),
    "data": Rule(
        _fits_names,
        "a list of at most 20 names of datasets",
        "Enter the names of at most 20 datasets, separated by commas.",
    ),
    "classes": Rule(
        _fits_classes,
        "an object: the name of a class to its name in the study, or to nothing",
        'Enter classes in JSON, as {"Viral Pneumonia": "Pneumonia", "Lung Opacity": null}.',
    ),
    "random_weights": switch(),
    "words": _text(2000),
    "published": _text(64),
}
