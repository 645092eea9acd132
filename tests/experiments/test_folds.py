"""Folds: every group whole in one part, the same again from folds.json, and films that cannot be divided refused."""

import dataclasses
import json

import numpy as np
import pytest

from xraykit.datasets import split
from xraykit.datasets.dataset import Dataset
from xraykit.datasets.layout import DatasetRefused
from xraykit.datasets.reading.groups import GroupKind, GroupRule
from xraykit.datasets.split import SplitPlan
from xraykit.experiments import folds
from xraykit.experiments.folds import FoldsRefused
from xraykit.experiments.study.design import FoldKind
from xraykit.experiments.study.study import FoldPlan

PLAN = SplitPlan()
CROSSED = FoldPlan(FoldKind.CROSS_VALIDATION, count=4)
BY_SOURCE = FoldPlan(FoldKind.LEAVE_ONE_SOURCE_OUT)


def dataset(tmp_path, counts=(40, 60, 50), sources=(), each=2) -> Dataset:
    """A dataset of films that are nowhere: `each` films of a class in turn are one group."""
    labels = np.repeat(np.arange(len(counts)), counts)
    groups = np.concatenate([1000 * label + np.arange(n) // each for label, n in enumerate(counts)])
    names = tuple(f"{'ABC'[label]}/{number}.png" for number, label in enumerate(labels))
    return Dataset(
        root=tmp_path,
        classes=tuple("ABC"[: len(counts)]),
        films=names,
        labels=labels,
        groups=np.unique(groups, return_inverse=True)[1].astype(np.int64),
        hashes=tuple(f"{number:064x}" for number in range(len(names))),
        group_rule=GroupRule(GroupKind.PATIENTS),
        sources=tuple(sources),
        notes=((),) * len(names),
    )


def by_turns(films: Dataset, *names: str) -> Dataset:
    return dataclasses.replace(films, sources=tuple(names[group % len(names)] for group in films.groups))


def parts_of(parts) -> dict[str, set[int]]:
    return {name: set(indices.tolist()) for name, indices in (*parts.parts().items(), ("held out", parts.held_out))}


@pytest.mark.parametrize("plan", [FoldPlan(), CROSSED, BY_SOURCE], ids=lambda plan: plan.kind)
def test_no_film_and_no_group_is_in_two_parts(tmp_path, plan):
    films = by_turns(dataset(tmp_path), "x", "y", "z")
    made = folds.make(films, plan, PLAN)
    for parts, left_out in zip(made.parts, made.left_out or (0,) * len(made), strict=True):
        sets = list(parts_of(parts).values())
        assert sum(map(len, sets)) == len(set.union(*sets)) == len(films) - left_out
        grouped = [set(films.groups[list(each)].tolist()) for each in sets]
        assert sum(map(len, grouped)) == len(set.union(*grouped))


def test_one_fold_is_the_division_of_a_run(tmp_path):
    films = dataset(tmp_path)
    made, usual = folds.make(films, FoldPlan(seed=3), PLAN), split.split(films, SplitPlan(seed=3))
    assert np.array_equal(made.test, usual.test) and len(made.parts[0].test) == 0
    assert np.array_equal(made.parts[0].train, usual.train)
    assert np.array_equal(made.parts[0].validation, usual.validation)


def test_each_film_outside_the_test_split_validates_once(tmp_path):
    films = dataset(tmp_path)
    made = folds.make(films, CROSSED, PLAN)
    validates = np.concatenate([parts.validation for parts in made.parts])
    assert sorted([*validates, *made.test]) == list(range(len(films)))
    assert all(min(films.counts(parts.validation).values()) >= 4 for parts in made.parts)
    assert np.array_equal(made.test, folds.make(films, FoldPlan(), PLAN).test)


def test_a_given_test_part_stays_the_test_of_cross_validation(tmp_path):
    films = dataset(tmp_path)
    given = tuple("test" if group % 5 == 0 else "train" for group in films.groups)
    made = folds.make(dataclasses.replace(films, given=given), CROSSED, SplitPlan(division="given"))
    assert {given[i] for i in made.test} == {"test"} and given.count("test") == len(made.test)


def test_each_source_is_the_test_of_networks_that_never_saw_it(tmp_path):
    films = by_turns(dataset(tmp_path), "x", "y")
    made = folds.make(films, BY_SOURCE, PLAN)
    assert made.names == ("x", "y") and made.left_out == (0, 0) and len(made.test) == 0
    for name, parts in zip(made.names, made.parts, strict=True):
        assert {films.sources[i] for i in parts.test} == {name}
        assert name not in {films.sources[i] for i in [*parts.train, *parts.validation]}


def test_films_like_one_of_the_source_left_out_are_counted_and_not_learned_from(tmp_path):
    films = by_turns(dataset(tmp_path), "x", "y")
    sources = list(films.sources)
    sources[0] = "y"  # its group is of source x otherwise
    made = folds.make(dataclasses.replace(films, sources=tuple(sources)), BY_SOURCE, PLAN)
    assert made.left_out == (1, 1)
    assert all(0 not in parts.train and 1 not in parts.train for parts in made.parts)


def test_a_source_may_lack_a_class_as_a_test(tmp_path):
    films = dataset(tmp_path)
    sources = tuple(
        "z" if label and group % 3 == 0 else "xy"[group % 2]
        for label, group in zip(films.labels, films.groups, strict=True)
    )
    made = folds.make(dataclasses.replace(films, sources=sources), BY_SOURCE, PLAN)
    assert films.counts(made.parts[2].test)["A"] == 0


@pytest.mark.parametrize("plan", [FoldPlan(), CROSSED, BY_SOURCE], ids=lambda plan: plan.kind)
def test_folds_come_back_from_their_file(tmp_path, plan):
    films = by_turns(dataset(tmp_path), "x", "y")
    made = folds.make(films, plan, PLAN)
    data = json.loads(json.dumps(folds.to_json(films, made)))
    again = folds.from_json(data, films, "mine")
    assert again.names == made.names and again.left_out == made.left_out
    assert folds.digest(films, again) == folds.digest(films, made) == data["hash"]
    assert [parts_of(parts) for parts in again.parts] == [parts_of(parts) for parts in made.parts]


def test_other_films_or_a_changed_file_are_refused(tmp_path):
    films = dataset(tmp_path)
    data = folds.to_json(films, folds.make(films, CROSSED, PLAN))
    with pytest.raises(DatasetRefused, match="not those that mine began with: 1 are missing"):
        folds.from_json(data, films.choose(range(1, len(films))), "mine")
    moved = json.loads(json.dumps(data))
    moved["films"][0]["parts"] = ["train"] * 4
    for damaged in (moved, {**data, "films": {}}, {**data, "names": ["1"]}, {**data, "left_out": None}, [], {}, None):
        with pytest.raises(FoldsRefused, match="damaged"):
            folds.from_json(damaged, films, "mine")


def test_a_run_finds_its_parts_in_its_data(tmp_path):
    films = dataset(tmp_path)
    made = folds.make(films, CROSSED, PLAN)
    data = json.loads(json.dumps(folds.recorded(films, made, 1, SplitPlan(shrink=0.5))))
    parts = split.recorded(films, data, "t001-f2-s0")
    assert parts_of(parts) == parts_of(made.parts[1])
    assert {film["part"] for film in data["films"]} == {"train", "validation", "held out"}
    assert sum(data["train_used"].values()) < len(parts.train)


@pytest.mark.parametrize(
    ("counts", "plan", "sources", "words"),
    [
        ((40, 60, 1), FoldPlan(), (), ["C has 1 film:"]),
        ((40, 6, 1), CROSSED, (), ["B has 3 groups", "C has 1 film:"]),
        ((40, 60, 1), BY_SOURCE, (), ["C has 1 film:", "does not say which source"]),
        ((40, 60), BY_SOURCE, ("x",), ["come from one source, x"]),
        ((40, 60), BY_SOURCE, ("x", ""), ["come from one source, x", "50 films", "no source"]),
        ((3, 2), FoldPlan(), (), ["Too few films to divide"]),
    ],
)
def test_films_that_cannot_be_divided_are_refused_with_every_reason(tmp_path, counts, plan, sources, words):
    films = dataset(tmp_path, counts)
    with pytest.raises(DatasetRefused) as caught:
        folds.make(by_turns(films, *sources) if sources else films, plan, PLAN)
    assert all(each in str(caught.value) for each in words)


def test_training_must_hold_every_class_whatever_source_is_left_out(tmp_path):
    films = dataset(tmp_path)
    sources = tuple(
        "x" if label == 0 else "xy"[group % 2] for label, group in zip(films.labels, films.groups, strict=True)
    )
    with pytest.raises(FoldsRefused, match="Without x there is no film of A"):
        folds.make(dataclasses.replace(films, sources=sources), BY_SOURCE, PLAN)
