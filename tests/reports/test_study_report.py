"""What is said and drawn of a study: every figure is the table's, every sentence follows from a type."""

import dataclasses
import json

import pytest

from tests.helpers import study_folders, study_results
from xraykit.experiments import grid, table
from xraykit.experiments.published import presets
from xraykit.experiments.results import chosen
from xraykit.reports.study import page as study_page
from xraykit.reports.study import published as study_published
from xraykit.reports.study import report as study_report
from xraykit.reports.study import settings as study_settings
from xraykit.reports.study import words as study_words


def of_preset(root, name, **options):
    study = presets.NAMED[name]
    options.setdefault("fold_names", ["1"])
    folder = study_results.write(root, study, films=500, epochs=4, **options)
    return study, folder, table.read(folder)


def test_without_a_figure_it_is_said_why(tmp_path):
    asked = study_folders.study()
    runs = ["t001-f1-s0", "t001-f2-s0", "t002-f1-s0", "t002-f2-s0"]

    def said(name, ended):
        folder = study_results.write(tmp_path, asked, name=name, ended=dict(zip(runs, ended, strict=True)))
        for history in folder.runs_folder.glob("*/history.csv"):
            history.write_text("epoch,val_loss,val_accuracy\n0,nan,nan\n")
        return list(study_words.verdict(table.read(folder), {}))

    assert said("waiting", ["waiting"] * 4) == ["No run has finished yet."]
    assert said("failed", ["failed"] * 4) == ["Every run has failed."]
    assert said("both", ["failed", "failed", "waiting", "waiting"]) == ["No run has finished yet."]
    assert said("nan", ["finished"] * 4) == ["None of the 4 finished runs has a validation accuracy that can be read."]
    alone = said("alone", ["finished", *["failed"] * 3])
    assert alone == ["The finished run has no validation accuracy that can be read."]


@pytest.fixture
def heads(tmp_path):
    return of_preset(tmp_path, "mobilenet-heads")


def marks(node, found=None):
    """The kinds of marks of a chart, layers inside layers among them."""
    found = [] if found is None else found
    for layer in node.get("layer", []):
        marks(layer, found)
    if "mark" in node:
        found.append(node["mark"]["type"])
    return found


def test_trials_are_listed_best_first_with_what_cannot_be_told_apart(heads):
    _, _, read = heads
    section = study_report.results(read)
    part = section.tables[0]
    assert part.written[0][0] == "7" and part.written[0][-1] == "best"
    assert [column.name for column in part.columns[:3]] == ["Trial", "Hidden layers", "Learning rate"]
    assert (
        "The top 2 of 7 cannot be told apart." in section.words[1] and "Holm-adjusted over 21 pairs" in section.words[1]
    )
    assert part.csv().startswith("Trial,Hidden layers,Learning rate,Validation accuracy,Validation accuracy low")


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        ("hidden", [], "none"),
        ("hidden", [{"width": 8}], "8 units"),
        ("hidden", [{"width": 8}] * 3, "3 × 8 units"),
        ("hidden", [{"width": 1024}, {"width": 256}], "1024, 256 units"),
        ("phases.0.learning_rate", 1e-05, "1e-05"),
        ("phases.0.trainable", "head", "head only"),
        ("phases.1.trainable", 3, "last 3 convolutions"),
        ("shrink", 0.05, "5%"),
        ("weights", None, "From scratch (random weights)"),
        ("augmentation", {}, "none"),
        ("no.such", 3, "3"),
    ],
)
def test_a_setting_is_written_as_people_write_it(path, value, words):
    assert study_words.setting(path, value) == words


def test_published_figures_stand_beside_ours_with_the_slips(heads):
    study, folder, read = heads
    study_results.choose(folder, 2)
    section = study_published.beside_published(read, study, chosen.read(folder))
    said, part = " ".join(section.words), section.tables[0]
    assert "microsecond part of the clock" in said and "Not said there" in said and "not a test" in said
    assert "published 6, 7, 3, 2, 1, 4, 5; here 7, 6, 5, 4, 3, 2, 1" in said
    assert "5 above 1" in said  # in the other order here, beyond the intervals
    heads = [column.name for column in part.columns]
    second = dict(zip(heads, part.written[1], strict=True))
    assert second["Number there"] == "2" and second["Validation, published"] == "93.9%"
    assert (second["Test, published run"], second["Test, published table"]) == ("93.5%", "93.4%")
    assert second["Test, here"].startswith("90.0%") and second["Time, published"] == "39 min"
    assert part.written[0][heads.index("Test, here")] == "n/a"
    assert [row["value"] for row in section.pictures[0].rows if row["trial"] == "published"][:2] == [0.9368, 0.9394]


def test_what_was_gained_by_choosing_is_said(heads):
    _, folder, read = heads
    assert study_published.chosen(read, None) is None
    study_results.choose(folder, 6, films=200, share=0.9)
    section = study_published.chosen(read, chosen.read(folder))
    assert "On 200 test films that no run saw its accuracy is 90.0%" in section.words[0]
    assert "95.0%, is 5.0 points higher" in section.words[1]


def test_histories_are_means_over_runs_of_the_trials_chosen(tmp_path):
    read = table.read(study_results.write(tmp_path, study_folders.study(), epochs=3))
    section = study_report.histories(read, [2])
    rows = section.pictures[0].rows
    assert {row["trial"] for row in rows} == {"2: 0.001"} and {row["epoch"] for row in rows} == {1, 2, 3}
    first = next(row for row in rows if row["split"] == "validation" and row["epoch"] == 1)
    own = [run.epochs[0].val_accuracy for run in read.row(2).runs]
    assert first["value"] == pytest.approx(sum(own) / 2) and (first["low"], first["high"]) == (min(own), max(own))
    assert (
        study_report.histories(table.read(study_results.write(tmp_path, study_folders.study(name="none"), epochs=0)))
        is None
    )


def test_a_long_history_is_thinned_before_it_is_drawn(tmp_path):
    read = table.read(study_results.write(tmp_path, study_folders.study(), epochs=900))
    section = study_report.histories(read)
    assert all(len(picture.rows) <= study_report.MOST_ROWS for picture in section.pictures)


def test_rates_lie_on_a_logarithmic_axis_and_words_side_by_side(heads):
    _, _, read = heads
    hidden, rate, accuracy = study_settings.parallel_axes(read)
    assert not hidden.numbers and rate.logarithmic and not accuracy.logarithmic
    assert [round(rate.position(row), 3) for row in read.rows] == [0, 0, 0, 0, 0, 0.699, 1]
    assert [round(hidden.position(row), 2) for row in read.rows[:5]] == [0, 0.25, 0.5, 0.75, 1]
    picture = study_settings.settings(read, brushed=True).pictures[0]
    assert len(picture.rows) == 7 * 3 and picture.screen["params"][0]["name"] == "brush"


def test_a_brush_keeps_the_trials_that_run_through_it(heads):
    _, _, read = heads
    assert study_settings.in_brush(read, {"axis": ["Learning rate"], "position": [1.1, 0.5]}) == [6, 7]
    both = {"axis": ["Hidden layers", "Learning rate"], "position": [-0.1, 0.3]}
    assert study_settings.in_brush(read, both) == [1, 2]
    for nothing in ({}, {"axis": "x"}, {"axis": ["Other"], "position": [0, 1]}, {"axis": [], "position": [0, 1]}):
        assert study_settings.in_brush(read, nothing) is None
    rows = study_settings.settings(read, [6]).pictures[0].rows
    assert {row["trial"][0] for row in rows if row["shown"]} == {"6"}


def test_a_random_start_is_marked_in_every_table_and_chart(tmp_path):
    study = presets.NAMED["freeze-depth"]
    trials = [dataclasses.replace(trial, random_start=True) for trial in grid.trials(study).trials]
    _, folder, read = of_preset(tmp_path, "freeze-depth", tried=trials)
    study_results.choose(folder, 6)
    sections = [
        study_report.results(read),
        study_report.comparisons(read),
        study_report.histories(read),
        study_settings.settings(read),
        study_report.cost(read),
        study_report.overfitting(read),
        study_published.chosen(read, chosen.read(folder)),
    ]
    for section in sections:
        shown = [*section.words, *(str(part.to_dict()) for part in section.parts)]
        assert study_words.RANDOM_START in " ".join(shown), section.key
        for picture in section.pictures:
            assert study_words.RANDOM_START in json.dumps(picture.screen), picture.key


def test_overfitting_has_a_picture_and_a_sentence_for_each_network(tmp_path):
    _, _, read = of_preset(tmp_path, "freeze-depth")
    section = study_report.overfitting(read)
    assert len(section.pictures) == 2 and len(section.words) == 2 and len(section.tables[0].rows) == 6
    assert "VGG16" in section.words[0] and "published reading" in section.words[0]
    assert "line" in marks(section.pictures[0].screen)


def test_each_source_has_its_figures_and_bad_news_is_said(tmp_path):
    _, _, read = of_preset(tmp_path, "transfer", fold_names=["darkcovid", "kermany", "radiography"])
    section = study_report.by_source(read)
    assert len(section.tables[0].rows) == 3 and len(section.words) == 3
    assert all("never saw" in words and "validation accuracy on the other sources" in words for words in section.words)
    assert {row["name"] for row in section.pictures[0].rows} == {"darkcovid", "kermany", "radiography"}


def test_accuracy_over_the_share_of_films_is_a_line_where_there_are_two_shares(tmp_path):
    study = study_folders.study(factors={"shrink": [0.1, 1.0], "hidden": [[], [{"width": 8}]]}, design="grid")
    section = study_report.over_shrink(table.read(study_results.write(tmp_path, study)))
    assert {(row["trial"], row["share"]) for row in section.pictures[0].rows} == {
        (name, share) for name in ("none", "8 units") for share in (0.1, 1.0)
    }


def test_the_page_to_hand_out_holds_every_section(heads):
    study, _, read = heads
    page = study_page.report(read, study, None)
    html = page.html()
    assert "Study mobilenet-heads" in html and html.count("<svg") == 5 and "<script" not in html
    data = json.loads(page.to_json())
    assert data["study"]["name"] == "mobilenet-heads" and len(data["sections"]) == len(page.sections)
    assert "| 7 | 8 units |" in page.markdown()


def test_rows_of_a_chart_are_not_hoisted_to_where_streamlit_reads_a_table(heads):
    """A top-level text would be taken for a table by Streamlit, which refuses it."""
    _, _, read = heads
    for section in (study_report.histories(read), study_settings.settings(read), study_report.cost(read)):
        for picture in section.pictures:
            assert "data" not in picture.screen, picture.key
