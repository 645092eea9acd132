from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, strategies

from xraykit.datasets import dataset, layout, split
from xraykit.datasets.reading.groups import GroupKind, GroupRule

SMALL = strategies.integers(0, 3)


def make(labels, groups, classes=3):
    labels = np.array(labels, np.int64)
    return dataset.Dataset(
        root=Path("films"),
        classes=tuple("ABCD"[:classes]),
        films=tuple(f"{number:04}.png" for number in range(len(labels))),
        labels=labels,
        groups=np.array(groups, np.int64),
        hashes=tuple(f"{number:064x}" for number in range(len(labels))),
        group_rule=GroupRule(GroupKind.PATIENTS),
    )


def chosen(films, train, **fields):
    return split.training(films, np.asarray(train), split.SplitPlan(**fields))


@strategies.composite
def folders(draw):
    """Films in groups of one to four, some groups of several classes, every third film not in training."""
    sizes = draw(strategies.lists(strategies.integers(1, 4), min_size=3, max_size=60))
    groups = np.repeat(np.arange(len(sizes)), sizes)
    owners = draw(strategies.lists(strategies.integers(0, 2), min_size=len(sizes), max_size=len(sizes)))
    labels = np.array(owners)[groups]
    for film in draw(strategies.lists(strategies.integers(0, len(labels) - 1), max_size=5)):
        labels[film] = (labels[film] + 1) % 3
    train = np.flatnonzero(groups % 3 != 2)
    return make(labels, groups), train


FRACTIONS = strategies.floats(0.001, 1)


@given(folders(), FRACTIONS, FRACTIONS, SMALL)
def test_a_smaller_part_lies_in_a_larger_one(folder, one, other, seed):
    films, train = folder
    small, large = (chosen(films, train, shrink=shrink, seed=seed) for shrink in sorted((one, other)))
    assert set(small) <= set(large) <= set(train)
    assert small.dtype == np.int64 and np.array_equal(small, np.unique(small))


@given(folders(), FRACTIONS, SMALL)
def test_groups_stay_whole_and_no_class_is_lost(folder, shrink, seed):
    films, train = folder
    kept = chosen(films, train, shrink=shrink, seed=seed)
    left = np.setdiff1d(train, kept)
    assert not set(films.groups[kept]) & set(films.groups[left])
    assert set(films.labels[kept]) == set(films.labels[train])


@given(folders(), FRACTIONS, SMALL)
def test_the_same_seed_draws_the_same_films(folder, shrink, seed):
    films, train = folder
    kept = chosen(films, train, shrink=shrink, seed=seed, balance="undersample")
    assert np.array_equal(kept, chosen(films, train[::-1], shrink=shrink, seed=seed, balance="undersample"))


@given(
    strategies.lists(strategies.tuples(strategies.integers(0, 2), strategies.integers(1, 5)), min_size=3, max_size=50),
    FRACTIONS,
)
def test_each_class_is_shrunk_to_within_a_group(described, shrink):
    sizes = [size for _, size in described]
    groups = np.repeat(np.arange(len(sizes)), sizes)
    films = make(np.array([label for label, _ in described])[groups], groups)
    kept = chosen(films, np.arange(len(films)), shrink=shrink)
    for label, name in enumerate(films.classes):
        largest = max([size for owner, size in described if owner == label], default=0)
        assert abs(films.counts(kept)[name] - shrink * films.counts()[name]) <= largest


def test_another_seed_draws_other_films():
    films = make(np.arange(300) % 3, np.arange(300))
    assert set(chosen(films, np.arange(300), shrink=0.2)) != set(chosen(films, np.arange(300), shrink=0.2, seed=1))
    assert len(chosen(films, np.arange(300), shrink=0.2)) == 60


def test_the_whole_training_split_is_the_default():
    films = make(np.arange(30) % 3, np.arange(30))
    assert np.array_equal(chosen(films, np.arange(5, 25)), np.arange(5, 25))


@given(folders(), SMALL)
def test_undersampling_leaves_as_many_of_each_class_as_the_smallest_has(folder, seed):
    films, train = folder
    kept = chosen(films, train, balance="undersample", seed=seed)
    before = [count for count in films.counts(train).values() if count]
    assert [count for count in films.counts(kept).values() if count] == [min(before)] * len(before)
    assert set(kept) <= set(train) and np.array_equal(kept, np.unique(kept))


def test_balance_by_weights_weighs_every_class_alike():
    films = make([0] * 6 + [1] * 3 + [2], np.arange(10))
    weights = split.balanced_weights(films, np.arange(10))
    assert weights == pytest.approx((10 / 18, 10 / 9, 10 / 3))
    assert sum(np.array(weights)[films.labels]) == pytest.approx(10)


def test_a_class_without_films_cannot_be_weighed():
    films = make([0, 1, 2], [0, 1, 2])
    with pytest.raises(layout.DatasetRefused, match="no training film of C"):
        split.balanced_weights(films, np.arange(2))
