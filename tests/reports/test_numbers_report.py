"""What a number means, as sections: prediction sets, 100 people, decision curves, changes and seeds."""

import dataclasses
import itertools
import json
import re
from pathlib import Path

import numpy as np
import pytest

from tests.helpers import fakes
from tests.helpers.evaluations import made
from xraykit.evaluation import comparison, stats
from xraykit.evaluation.decisions import people
from xraykit.evaluation.stats import Figure
from xraykit.models.kept import Kept
from xraykit.reports.charts.style import PAPER
from xraykit.reports.comparison import changes, seeds
from xraykit.reports.comparison.chosen import Choice, Chosen, Material, Target
from xraykit.reports.report.page import Report
from xraykit.reports.truth import numbers_report
from xraykit.truth import sets

NOTICE = "Research demonstration."
CHOICE = Choice("COVID-19", "row", "wilson", Target.HIGHEST, 0.0, None, True)


def a_card(name="m", elsewhere=True, strength=3.0):
    """A card whose sets hold at home and nowhere else."""
    readings = {
        "validation": made(name, n=300, strength=3.0, seed=3),
        "test": made(name, n=300, strength=strength, seed=10),
    }
    away = made(name, n=200, strength=0.3, seed=3)
    held = sets.measure(readings, {"far": ("far-1.json", away)} if elsewhere else {})
    figures = stats.plain(readings["test"].metrics())
    place = {"name": "far", "file": "far-1.json", "figures": stats.plain(away.metrics()), "classes": {}}
    card = dataclasses.replace(fakes.card(name), metrics={"test": figures}, checks={sets.CHECK: held})
    return dataclasses.replace(card, elsewhere=(place,)) if elsewhere else card


def a_comparison(**second):
    first, other = made("a", strength=1.0), made("b", **({"strength": 4.0, "seed": 1} | second))
    result = comparison.compare([first, other], draws=200)
    kept = [Kept(fakes.card(each.model), each, None, [], Path()) for each in result.evaluations]
    return Material(tuple(kept), result, "digest")


def test_where_sets_fail_is_said():
    home, away = numbers_report.sentences(a_card())
    assert re.fullmatch(r"At home the 90% sets hold the true class for \S+ \[.+\] of 300 films, as promised\.", home)
    assert re.fullmatch(r"On far the 90% sets hold .+ of 200 films: they promise nothing there\.", away)
    _, unknown = numbers_report.sentences(a_card(elsewhere=False))
    assert unknown == "Not checked on films from elsewhere."
    (worse,) = itertools.islice(numbers_report.sentences(a_card(strength=1.0)), 1)
    assert worse.endswith("of 300 films: fewer than promised.")


def test_without_sets_the_command_that_makes_them_is_named():
    bare = fakes.card("bare")
    assert list(numbers_report.sentences(bare)) == [
        "No prediction sets yet. `python -m xraykit models sets bare` makes them."
    ]
    imported = dataclasses.replace(bare, recipe={"imported": {}})
    assert "An imported model has none" in next(numbers_report.sentences(imported))
    assert [section.key for section in numbers_report.sections([bare])] == ["sets"]
    new = dataclasses.replace(a_card(elsewhere=False), elsewhere=({"name": "far", "file": "far-2.json"},))
    assert "Not checked on far yet" in " ".join(numbers_report.sentences(new))


def test_a_page_has_the_sets_and_the_people_in_every_format():
    page = Report("A", NOTICE, (), numbers_report.sections([a_card("m"), a_card("n")]), {})
    text, data = page.html(), json.loads(page.to_json())
    assert (
        text.count("<svg") == 2
        and "they promise nothing there" in text
        and "they promise nothing there" in page.markdown()
    )
    assert [chart["key"] for section in data["sections"] for chart in section["charts"]] == ["coverage", "people"]
    sets_table = data["sections"][0]["tables"][0]
    assert len(sets_table["rows"]) == 2 * 4 * 2 and sets_table["columns"][:2] == ["Model", "Sets"]
    people_table, people_elsewhere = data["sections"][1]["tables"]
    assert len(people_table["rows"]) == len(people_elsewhere["rows"]) == 2 * 3 * 2


def test_the_browser_computes_what_the_table_says():
    row = numbers_report.person_row(
        "m", "At home", "ill", {"sensitivity": Figure(0.91, n=130), "specificity": Figure(0.97, n=310)}
    )
    (section,) = numbers_report.of_hundred([row])
    svg = section.pictures[0].svg(NOTICE, style=PAPER)
    shown = people.of_hundred(Figure(0.91, n=130), Figure(0.97, n=310), 0.1)
    texts = re.findall(r">([^<>]+)</text>", svg)
    called = f"{shown.hits + shown.false_alarms} of 100 called ill, {shown.hits} of them have it; {shown.missed} missed"
    assert f"at 10 %: {called}" in texts and "m" in texts
    written = [
        f"{name} {figure.value_text().removesuffix('%')} % {figure.interval_text()}"
        for name, figure in (("PPV", shown.ppv), ("NPV", shown.npv))
    ]
    assert "   ".join(written) in [re.sub(r"\s{2,}|\xa0+", "   ", text) for text in texts] or all(
        part in svg for part in written
    )
    assert numbers_report.person_row("m", "x", "ill", {"sensitivity": None}) is None


def test_what_changed_is_drawn_and_said():
    material = a_comparison()
    cells = changes.of_pair(material, {}, (0, 1))
    section = changes.difference(material, cells, CHOICE, Chosen("changed", (0, 1, 0, 0)))
    assert section.words[0].startswith("b calls ") and " more of the " in " ".join(section.words)
    rows = {(row["reference"], row["predicted"]): row for row in section.pictures[0].rows}
    a, b = material.comparison.evaluations
    change = int(b.confusion[0, 0] - a.confusion[0, 0])
    assert rows["COVID-19", "COVID-19"]["change"] == f"+{change}" and rows["COVID-19", "COVID-19"]["clear"]
    assert f">+{change}</text>" in section.pictures[0].svg(NOTICE)
    assert sum(row[4] - row[5] for row in section.tables[0].rows) == 0  # every film is in one cell
    same = a_comparison(strength=1.0, seed=0)
    assert changes.difference(same, changes.of_pair(same, {}, (0, 1)), CHOICE, None).words == (
        "No cell differs clearly between a and b.",
    )


def test_decision_curves_say_where_a_model_is_better():
    section = changes.decision(a_comparison(), CHOICE)
    assert "b has the higher net benefit at" in section.words[0]
    points = section.pictures[0].rows
    assert {row["model"] for row in points} == {"a", "b", "everybody"} and len(points) == 3 * 99
    assert "<svg" in section.pictures[0].svg(NOTICE) and "<svg" in section.pictures[1].svg(NOTICE)
    assert "do not differ clearly" in changes.decision(a_comparison(strength=1.0, seed=0), CHOICE).words[0]
    truth = np.r_[np.zeros(20, int), np.ones(200, int)]
    few = comparison.compare([made("a", truth=truth), made("b", truth=truth, seed=1)], draws=200)
    assert "Too few COVID-19 films for a verdict: 20" in changes.decision(Material((), few, ""), CHOICE).words[0]


def seeded(name, seed, skill, **recipe):
    card = dataclasses.replace(
        fakes.card(name), recipe={"seed": seed, "alpha": 1.0, "learning_seconds": 7.0 * seed, **recipe}
    )
    return Kept(card, made(name, strength=skill, seed=seed), None, [], Path())


def test_models_that_differ_in_their_seed_are_told_together():
    weak = [seeded(f"weak-{seed}", seed, 1.0) for seed in range(4)]
    strong = [seeded(f"strong-{seed}", seed, 3.0, alpha=0.5) for seed in range(4)]
    recipes = seeds.families([weak[0], strong[0]], [*strong, *weak, seeded("other", 1, 2.0, alpha=0.1)])
    assert [[kept.card.name for kept in members] for members in recipes] == [
        [kept.card.name for kept in weak],
        [kept.card.name for kept in strong],
    ]
    section = seeds.section(recipes)
    assert "over 4 seeds, standard deviation" in section.words[0]
    assert section.words[-1].startswith(
        "MobileNetV2 from scratch (strong-0) and 3 more of its recipe is better over 4 seeds in pairs."
    )
    accuracies = [float(np.mean(kept.test.predicted == kept.test.truth)) for kept in weak]
    assert section.tables[0].rows[0][2].value == pytest.approx(np.mean(accuracies))
    assert section.tables[0].rows[0][3] == pytest.approx(np.std(accuracies, ddof=1))


def test_few_seeds_give_no_verdict_and_single_models_no_section():
    weak, strong = (
        [seeded(f"{name}-{seed}", seed, skill, alpha=skill) for seed in range(2)]
        for name, skill in (("w", 1.0), ("s", 3.0))
    )
    words = seeds.section(seeds.families([weak[0], strong[0]], [*weak, *strong])).words
    assert words[-1].startswith("Too few seeds for a verdict") and "2 seeds in common" in words[-1]
    assert seeds.families([weak[0], strong[0]], [weak[0], strong[0]]) == ()
    assert seeds.section(()) is None
    imported = dataclasses.replace(weak[0].card, recipe={"imported": {}})
    assert seeds.families([Kept(imported, weak[0].test, None, [], Path())], []) == ()
