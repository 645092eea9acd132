"""Which evaluations may be compared, and how their films are matched."""

from dataclasses import replace

import numpy as np
import pytest

from tests.helpers.evaluations import hashes, made, turned
from xraykit.evaluation.alignment import ComparisonRefused, align, join_groups


@pytest.fixture(params=["names", "hashes"])
def two(request):
    known = hashes(300) if request.param == "hashes" else ()
    return made("a", hashes=known), made("b", seed=1, hashes=known)


def test_films_in_another_order_are_matched(two):
    a, b = two
    order = np.random.default_rng(3).permutation(300)
    aligned, notes = align([a, turned(b, order)])
    assert aligned[1].films == a.films and (aligned[1].logits == b.logits).all()
    assert "a different order" in notes[0]
    assert align([a, b])[1] == ()


def test_renamed_films_are_matched_by_their_hash():
    a = made("a", hashes=hashes(300))
    b = made("b", seed=1, hashes=a.hashes, films=tuple(f"copy/{name}" for name in a.films))
    aligned, notes = align([a, turned(b, reversed(range(300)))])
    assert (aligned[1].logits == b.logits).all() and any("a different name" in note for note in notes)


def test_classes_in_another_order_are_matched_by_name(two):
    a, b = two
    order = [2, 0, 1]
    place = np.argsort(order)
    other = replace(b, classes=tuple(b.classes[k] for k in order), truth=place[b.truth], logits=b.logits[:, order])
    aligned, notes = align([a, other])
    assert aligned[1].classes == a.classes and (aligned[1].truth == a.truth).all()
    assert (aligned[1].logits == b.logits).all() and (aligned[1].confusion == b.confusion).all()
    assert "matched by name" in notes[0]


def test_other_films_are_refused_by_name(two):
    a, b = two
    fewer = turned(b, range(1, 300))
    with pytest.raises(ComparisonRefused, match=r"1 of 300 only for a \(film-0000\.png\)"):
        align([a, fewer])


def test_films_of_one_name_that_are_other_files_are_refused():
    a, b = made("a", n=4, hashes=hashes(4)), made("b", n=4, hashes=hashes(4, "ffff"))
    with pytest.raises(ComparisonRefused, match="4 have the same name but different content"):
        align([a, b])


def test_another_reference_standard_is_refused(two):
    a, b = two
    truth = b.truth.copy()
    truth[7] = (truth[7] + 1) % 3
    with pytest.raises(ComparisonRefused, match=r"different reference standards on 1 of 300 films: film-0007\.png"):
        align([a, replace(b, truth=truth)])


def test_other_classes_are_refused_with_both_lists(two):
    a, b = two
    with pytest.raises(ComparisonRefused, match="a has COVID-19, Normal.* and b has COVID-19, Healthy"):
        align([a, replace(b, classes=("COVID-19", "Healthy", "Viral Pneumonia"))])


@pytest.mark.parametrize("names", [[], ["a"], [*"abcdefghijk"]])
def test_two_to_ten_are_compared(names):
    with pytest.raises(ComparisonRefused, match=f"2 to 10 evaluations; got {len(names)}"):
        align([made(name, n=3) for name in names])


def test_a_model_given_twice_is_refused():
    with pytest.raises(ComparisonRefused, match="a is given more than once"):
        align([made("a"), made("b"), made("a", seed=4)])


def test_two_films_of_one_name_need_a_hash():
    names = ("same.png", "same.png", "c.png")
    a, b = (made(model, n=3, films=names) for model in "ab")
    with pytest.raises(ComparisonRefused, match="more than once"):
        align([a, b])


def test_a_file_that_is_there_twice_is_matched_with_its_class():
    twice = ("h" * 64, "h" * 64, "g" * 64)
    a = made("a", truth=[0, 1, 2], hashes=twice)
    b = turned(made("b", seed=1, truth=[0, 1, 2], hashes=twice), [1, 2, 0])
    aligned, _ = align([a, b])
    assert (aligned[1].truth == a.truth).all() and aligned[1].films == a.films


def test_groups_of_any_evaluation_and_equal_files_are_joined():
    a = made("a", n=6, groups=(0, 0, 1, 2, 3, 4), hashes=("x", "y", "z", "z", "v", "w"))
    b = made("b", n=6, groups=(0, 1, 2, 3, 4, 4), hashes=a.hashes)
    groups = join_groups([a, b])
    assert [groups[0] == groups[1], groups[2] == groups[3], groups[4] == groups[5]] == [True] * 3
    assert len(set(groups.tolist())) == 3


def test_films_without_groups_are_their_own():
    assert join_groups([made("a", n=4), made("b", n=4)]).tolist() == [0, 1, 2, 3]
