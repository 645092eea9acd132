"""Sections on shortcuts and heatmaps: every verdict has its sentence, models stand side by side."""

from dataclasses import replace

import pytest

from tests.helpers import audits, fakes
from xraykit.reports.charts.style import PAPER
from xraykit.reports.truth import scorecard_report, shortcuts_report
from xraykit.truth.shortcuts.figures import Figure

CARDS = [audits.checked(fakes.card(name)) for name in ("first", "second")]
ROWS = {row.key: row for row in audits.shortcuts().alterations}


def said(row, **changes) -> str:
    shown = replace(audits.shortcuts(), alterations=(replace(row, **changes),))
    return " ".join(shortcuts_report.sentences("model", shown))


@pytest.mark.parametrize(
    ("key", "verdict", "words"),
    [
        ("centre-out", "above-chance", "Without the centre of the film it still answers"),
        ("centre-out", "chance", "no better than chance, 33.3%"),
        ("centre-only", "falls", "it also goes by what lies outside"),
        ("centre-only", "steady", "With the centre of the film alone it answers"),
        ("borders-out", "falls", "it goes by what is there"),
        ("borders-out", "steady", "Without its borders it is as good as before"),
        ("borders-out", "unclear", "too few films to say more"),
        ("borders-out", "unknown", "90 films are too few to say"),
        ("jpeg", "falls", "cost it: saved as JPEG, quality 30"),
        ("jpeg", "steady", "None of 1 changes"),
        ("turned-90", "falls", "no film should come to it like that"),
    ],
)
def test_a_verdict_has_its_sentence(key, verdict, words):
    assert words in said(ROWS[key], verdict=verdict)


def test_a_loss_is_told_as_a_loss():
    loss = Figure(-0.1, -0.15, -0.05, 90)
    assert "10.0 points less [5.0, 15.0]" in said(ROWS["borders-out"], verdict="falls", balanced_difference=loss)
    assert "5.0 points more" in said(
        ROWS["borders-out"], verdict="unclear", balanced_difference=Figure(0.05, -0.1, 0.2)
    )


def test_a_model_that_is_at_chance_is_told_no_more():
    lost = replace(audits.shortcuts(), balanced=Figure(0.4, 0.3, 0.5, 90))
    assert list(shortcuts_report.sentences("model", lost))[1:] == [
        "As they are, these films are answered no better than by chance: they tell nothing of shortcuts."
    ]


def test_a_class_that_takes_nearly_every_film_is_named():
    words = said(ROWS["noise"], verdict="falls", given={"COVID-19": 88, "Normal": 2})
    assert "(88 of 90 films are called COVID-19)" in words
    assert "are called" not in said(ROWS["noise"], verdict="falls", given={"COVID-19": 60, "Normal": 30})


def test_models_stand_side_by_side_and_one_alone_with_every_figure():
    (both,), (alone,) = (shortcuts_report.sections(cards) for cards in (CARDS, CARDS[:1]))
    assert [table.key for table in both.tables] == ["shortcuts"] and len(both.tables[0].columns) == 5
    assert [table.key for table in alone.tables] == ["shortcuts", "shortcuts-first"]
    assert {row["model"] for row in both.pictures[0].rows} == {
        f"MobileNetV2 from scratch ({name})" for name in ("first", "second")
    }
    for section in (both, *scorecard_report.sections(CARDS)):
        for picture in section.pictures:
            assert picture.draw(PAPER).to_dict()["description"]
        for table in section.tables:
            assert table.csv().count("\n") == len(table.rows) + 1


def test_a_model_that_was_not_checked_is_named_with_the_command():
    bare, blind = fakes.card("bare"), replace(fakes.card("blind"), feature_layer="")
    (shortcuts,), (scorecard,) = (part.sections([bare]) for part in (shortcuts_report, scorecard_report))
    assert "`python -m xraykit audit --model bare --data DIR`" in shortcuts.words[0] == scorecard.words[0]
    assert not shortcuts.parts and "no Grad-CAM heatmap" in scorecard_report.sections([blind])[0].words[0]


@pytest.mark.parametrize(
    ("verdict", "value", "words"),
    [
        ("better", 0.12, "better than a random map by 0.12 [0.08, 0.16], 40 films"),
        ("no-better", 0.01, "no better than a random map for this model: 0.01 [-0.03, 0.05], 40 films"),
        ("worse", -0.1, "worse than a random map for this model: -0.10 [-0.14, -0.06], 40 films"),
        ("unknown", 0.12, "too few films to say whether it is better than a random map: 40"),
    ],
)
def test_a_heatmaps_verdict_in_words(verdict, value, words):
    assert scorecard_report.verdict(audits.scorecard(verdict, value)) == words


@pytest.mark.parametrize(
    ("sanity", "words"),
    [("passed", "give other maps"), ("failed", "shows the film rather than what"), ("unknown", "cannot be said")],
)
def test_the_sanity_check_in_words(sanity, words):
    assert words in " ".join(scorecard_report.sentences("model", audits.scorecard(sanity=sanity)))
