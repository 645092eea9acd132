"""The table of a study: figures over folds and seeds, what can be told apart, and two CSV files that give it again."""

import contextlib
import csv
import io
import json
import math
import re
import shutil

import numpy as np
import pytest
from scipy import stats as scipy_stats

from tests.helpers import study_folders, study_results
from xraykit.evaluation import stats
from xraykit.experiments import table
from xraykit.experiments.results import chosen, overfitting, records, sources
from xraykit.experiments.results.overfitting import Reading
from xraykit.experiments.results.records import RunRecord, Standing
from xraykit.experiments.results.spread import corrected_p, share, spread
from xraykit.experiments.results.ties import Method, ties
from xraykit.experiments.study_folder import StudyFolderRefused
from xraykit.experiments.table import TableRefused

RATES = {"phases.0.learning_rate": study_results.rates(4)}


def rates(**changes):
    return study_folders.study(**{"factors": RATES, **changes})


@pytest.fixture
def studies(tmp_path):
    return tmp_path / "studies"


def test_a_row_has_means_and_spreads_over_folds_and_seeds(studies):
    folder = study_results.write(studies, rates(folds={"kind": "cross-validation", "count": 3}, seeds=[0, 1]))
    read = table.read(folder)
    row = read.rows[1]
    own = [run.accuracy for run in row.runs]
    assert len(row.runs) == 6 and row.done and read.folds == ("1", "2", "3") and read.seeds == (0, 1)
    assert row.accuracy.mean == pytest.approx(np.mean(own)) and row.accuracy.sd == pytest.approx(np.std(own, ddof=1))
    assert row.gap.mean == pytest.approx(
        np.mean([run.epochs[-1].accuracy - run.epochs[-1].val_accuracy for run in row.runs])
    )
    assert row.best_epoch.mean == 3 and row.seconds.mean == 2.5 * 3 + 2 and row.parameters == 3_573_011
    assert row.trainable == 2000 and row.counts[Standing.FINISHED] == 6
    assert {run.key for run in row.runs} == {(fold, seed) for fold in (1, 2, 3) for seed in (0, 1)}


def test_a_run_that_has_not_ended_counts_in_no_figure(studies):
    ended = {"t001-f1-s0": "waiting", "t002-f1-s0": "failed", "t003-f1-s0": "cut", "t003-f2-s0": "cut"}
    read = table.read(study_results.write(studies, rates(), ended=ended | {"t002-f2-s0": "running"}))
    first, second, third = read.rows[:3]
    assert first.accuracy.n == 1 and first.counts[Standing.WAITING] == 1
    # Nobody is at the running one: its process was lost
    assert second.accuracy.mean is None and second.counts[Standing.FAILED] == 2
    assert third.counts[Standing.CUT] == 2 and third.accuracy.n == 2  # shown, but in no comparison
    assert {other.trial for other in read.ties.others} | {read.ties.best} == {1, 4, 5}
    assert 3 not in read.fastest_for_accuracy


def test_the_best_is_told_apart_by_films_where_there_is_one_division(studies):
    study = rates(folds={"kind": "single"})
    right = {1: 0.70, 2: 0.90, 3: 0.895, 4: 0.60, 5: 0.5}
    read = table.read(
        study_results.write(studies, study, fold_names=["1"], films=1000, right=lambda trial, *_: right[trial])
    )
    assert read.ties.best == 2 and read.ties.tied == (2, 3) and read.ties.methods == (Method.FILMS,)
    other = read.ties.difference(1)
    runs = [read.row(number).runs[0].right.right for number in (2, 1)]
    fixed, broken = int((runs[0] & ~runs[1]).sum()), int((~runs[0] & runs[1]).sum())
    assert other.p == stats.mcnemar(fixed, broken) and other.pairs == 400 and not other.tied
    assert other.difference.value == pytest.approx(0.2, abs=0.005)
    # The best was found by the same figures: Holm over all ten pairs, not over four
    smallest = min(each.p for each in read.ties.others)
    assert min(each.adjusted_p for each in read.ties.others) == pytest.approx(min(1.0, 10 * smallest))


def test_folds_are_compared_in_pairs_with_the_variance_that_shared_films_leave():
    differences = [0.02, 0.03, 0.025, 0.015, 0.04]
    variance = np.var(differences, ddof=1) * (1 / 5 + 1 / 4)  # Nadeau and Bengio 2003, ratio of the films 1 to 4
    t = np.mean(differences) / math.sqrt(variance)
    assert corrected_p(differences, 5) == pytest.approx(2 * scipy_stats.t.sf(t, 4))
    plain = scipy_stats.ttest_1samp(differences, 0).pvalue
    assert corrected_p(differences, 1) == pytest.approx(plain) and corrected_p(differences, 5) > plain
    assert corrected_p([0.1] * 3, 5) == 0.25 and corrected_p([0.0] * 3, 5) == 1


def test_seven_alike_trials_are_rarely_told_apart():
    """The chance of any false alarm among trials that are the same stays below a twentieth."""
    random = np.random.default_rng(0)
    alarms = 0
    for _ in range(200):
        runs = {
            trial: [
                RunRecord(trial, fold, 0, standing=Standing.FINISHED, accuracy=float(value), loss=0.5)
                for fold, value in enumerate(0.9 + 0.01 * random.normal(size=5), 1)
            ]
            for trial in range(1, 8)
        }
        alarms += len(ties(runs, 5).tied) < 7
    assert alarms <= 10


def test_while_a_study_runs_a_trial_with_one_fold_is_not_the_best(studies):
    read = table.read(study_results.write(studies, rates(), ended={"t005-f2-s0": "waiting"}))
    assert read.ties.best == 4 and read.ties.difference(5).pairs == 1 and read.ties.difference(5).method is Method.NONE


@pytest.mark.parametrize(
    ("values", "folds", "mean", "sd"), [((), 1, None, None), ((0.5,), 5, 0.5, None), ((0.4, None, 0.6), 2, 0.5, 0.1414)]
)
def test_what_so_few_runs_cannot_give_is_none(values, folds, mean, sd):
    result = spread(values, folds)
    assert result.mean == mean and result.sd == (None if sd is None else pytest.approx(sd, abs=1e-4))
    assert (result.low is None) == (len([value for value in values if value is not None]) < 2)


def test_runs_that_gave_the_same_have_no_interval():
    """Two folds of equal accuracy are no proof of that accuracy: an interval without width would say so."""
    same = share([0.97, 0.97], 48, 2)
    assert (same.mean, same.sd) == (0.97, 0.0) and same.figure.ends is None
    runs = {
        trial: [RunRecord(trial, fold, 0, standing=Standing.FINISHED, accuracy=value, loss=0.5) for fold in (1, 2)]
        for trial, value in ((1, 0.97), (2, 0.9))
    }
    apart = ties(runs, 2).difference(2)
    assert apart.difference.value == pytest.approx(0.07) and apart.difference.ends is None and apart.tied


def test_the_interval_of_one_division_is_over_its_films():
    assert share([0.9], 100, 1).figure.ends == pytest.approx(stats.proportion(90, 100).ends)
    assert share([0.99, 1.0], 0, 2).high == 1.0


def test_a_table_is_read_again_from_its_csv(studies):
    study = study_folders.study(
        name="both",
        factors={"hidden": [[], [{"width": 8}]], "weights": [None], "shrink": [0.1, 1.0]},
        design="grid",
        folds={"kind": "leave-one-source-out"},
    )
    ended = {"t001-f1-s0": "waiting", "t002-f2-s0": "failed"}
    folder = study_results.write(studies, study, fold_names=["=cmd|' /C calc'!A0", "Ärzte, Süd"], ended=ended)
    read = table.read(folder)
    again = table.read_csv(table.csv_trials(read), table.csv_epochs(read))
    assert again == read and again.ties == read.ties and again.rows[0].settings == read.rows[0].settings
    assert "\n=cmd" not in table.csv_epochs(read) and ",=cmd" not in table.csv_epochs(read)
    assert sources.unseen(again) == sources.unseen(read) != ()


def test_both_files_lie_in_the_folder_of_the_study(studies):
    folder = study_results.write(studies, rates())
    saved = table.save(folder)
    assert table.read_csv(folder.path / "trials.csv", folder.path / "epochs.csv") == saved
    assert not list(folder.path.glob(".*.part"))
    lines = (folder.path / "epochs.csv").read_text().splitlines()
    assert len(lines) == 1 + 5 * 2 * 3  # trials, folds, epochs
    assert len((folder.path / "trials.csv").read_text().splitlines()) == 1 + 5


def test_numbers_are_written_in_full_with_a_point_whatever_the_language(studies, monkeypatch):
    import locale

    read = table.read(study_results.write(studies, rates()))
    before = table.csv_epochs(read)
    monkeypatch.setattr(locale, "localeconv", lambda: {"decimal_point": ",", "thousands_sep": "."})
    assert table.csv_epochs(read) == before and ",0.7499," in before and "3572011" in before


EPOCHS = (
    "study,trial,random_start,fold,fold_name,seed,run,state,best_epoch,best_val_loss,best_val_accuracy,gap,"
    "learning_seconds,pass_seconds,parameters,trainable,validation_films,tested,epoch,phase,loss,accuracy,val_loss,"
    "val_accuracy,learning_rate,seconds"
)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "are missing"),
        ("a,b\n1,2\n", "are missing"),
        ("study,trial,fold,seed,state,epoch\nx,1\n", "are missing"),
        (f"{EPOCHS}\nx,1\n", f"{EPOCHS.count(',') + 1} cells in line 2"),
        (f"{EPOCHS}\nx,one,no,1,1,0,r,finished{',' * (EPOCHS.count(',') - 7)}\n", "line 2"),
    ],
)
def test_another_csv_is_refused_in_words(studies, text, words):
    read = table.read(study_results.write(studies, rates()))
    with pytest.raises(TableRefused, match=words):
        table.read_csv(table.csv_trials(read), text)


@pytest.fixture
def sheets(studies):
    """trials.csv and epochs.csv of a study of two trials in two folds, as rows of cells; and its table."""
    read = table.read(study_results.write(studies, study_folders.study(), ended={"t002-f2-s0": "failed"}))
    return _sheet(table.csv_trials(read)), _sheet(table.csv_epochs(read)), read


def _sheet(text):
    return list(csv.reader(io.StringIO(text)))


def _saved(sheet, **form):
    out = io.StringIO()
    csv.writer(out, **form).writerows(sheet)
    return out.getvalue()


def _german(sheet):
    return [[re.sub(r"^(-?\d+)\.(\d+)", r"\1,\2", cell) for cell in row] for row in sheet]


@pytest.mark.parametrize(
    "edit",
    [
        lambda text, sheet: "\ufeff" + text,
        lambda text, sheet: text.replace("\n", "\r\n"),
        lambda text, sheet: _saved([row[::-1] for row in sheet]),
        lambda text, sheet: _saved(sheet, quoting=csv.QUOTE_ALL),
        lambda text, sheet: _saved([sheet[0], *sheet[:0:-1]]),
        lambda text, sheet: f"{text}{',' * (len(sheet[0]) - 1)}\n\n",
    ],
    ids=["byte order mark", "CRLF", "columns turned round", "quoted", "rows turned round", "empty rows"],
)
def test_what_a_spreadsheet_only_writes_otherwise_is_read_as_it_was(sheets, edit):
    trials, epochs, read = sheets
    texts = [edit(text(read), sheet) for text, sheet in ((table.csv_trials, trials), (table.csv_epochs, epochs))]
    assert table.read_csv(*texts) == read


@pytest.mark.parametrize(
    ("edit", "words"),
    [
        (lambda sheet: _saved(sheet, delimiter=";"), "these are semicolons"),
        (lambda sheet: _saved(_german(sheet), delimiter=";"), "these are semicolons"),
        (lambda sheet: _saved(sheet, delimiter="\t"), "these are tabs"),
        (lambda sheet: _saved(_german(sheet)), "line [23]"),
        (lambda sheet: _saved([row + row[-1:] for row in sheet]), "is there twice"),
        (lambda sheet: _saved([*sheet, sheet[1]]), "one twice|each trial once"),
        (lambda sheet: _saved([row for row in sheet if row[1] != "1"]), "differ"),
        (lambda sheet: _saved([row for row in sheet if row[1] != "2"]), "differ"),
        (lambda sheet: _saved([sheet[0], *(["other", *row[1:]] for row in sheet[1:])]), "differ"),
        (lambda sheet: _saved([*sheet[:-1], ["other", *sheet[-1][1:]]]), "one study|of one run"),
        (lambda sheet: _saved(sheet) + '"' + "x" * 200_000, "never ends"),
    ],
)
@pytest.mark.parametrize("which", [0, 1])
def test_what_a_spreadsheet_changed_is_refused_in_words(sheets, which, edit, words):
    texts = [_saved(sheet) for sheet in sheets[:2]]
    texts[which] = edit(sheets[which])
    with pytest.raises(TableRefused, match=words):
        table.read_csv(*texts)


NOT_A_NUMBER = (
    "x",
    "1,5",
    "-2",
    "1e400",
    "nan",
    "'1",
    "=1+1",
    "#REF!",
    "1.234.567",
    "1_0",
    " 1",
    "\N{ARABIC-INDIC DIGIT ONE}",
)


def test_every_cell_is_what_was_written_or_refused(sheets):
    """Of each column the cell of one row: a number that is none, none where there must be one, a column less."""
    for which, needed in ((0, ("trial", "rank")), (1, ("trial", "fold", "seed", "state"))):
        for place, column in enumerate(sheets[which][0]):
            if column in ("study", "random_start", "fold_name", "run") or column.startswith("setting"):
                continue
            if which == 0 and column not in ("trial", "rank", "tied_with_best"):
                continue  # figures that epochs.csv has
            for value in (*NOT_A_NUMBER, *([""] if column in needed else [])):
                texts = [[list(row) for row in sheet] for sheet in sheets[:2]]
                texts[which][1][place] = value
                with pytest.raises(TableRefused):
                    table.read_csv(*map(_saved, texts))
    for place in range(len(sheets[1][0])):
        less = [row[:place] + row[place + 1 :] for row in sheets[1]]
        if not sheets[1][0][place].startswith("setting"):
            with pytest.raises(TableRefused, match="is missing"):
                table.read_csv(_saved(sheets[0]), _saved(less))


def test_a_table_cut_anywhere_is_refused_or_can_be_shown(sheets):
    whole = [_saved(sheet) for sheet in sheets[:2]]
    for which in (0, 1):
        for length in range(0, len(whole[which]), 7):
            texts = list(whole)
            texts[which] = texts[which][:length]
            with contextlib.suppress(TableRefused):
                again = table.read_csv(*texts)
                assert again.best in again.ranked and table.csv_epochs(again)


def test_a_file_that_is_no_text_is_refused(tmp_path):
    (tmp_path / "epochs.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(TableRefused, match="no text in UTF-8"):
        table.read_csv("", tmp_path / "epochs.csv")


def test_what_has_not_changed_is_not_read_again(studies, monkeypatch):
    folder = study_results.write(studies, rates())
    first = table.read(folder)
    monkeypatch.setattr(records, "from_epochs", lambda rows: pytest.fail("a finished run was read again"))
    assert table.read(folder) is first


def test_a_damaged_run_has_failed_and_the_rest_is_shown(studies):
    folder = study_results.write(studies, rates())
    (folder.runs_folder / "t001-f1-s0" / "status.json").write_text("{")
    (folder.runs_folder / "t002-f1-s0" / "validation.json").write_text("[]")
    (folder.runs_folder / "t003-f1-s0" / "history.csv").write_bytes(b"\xff\x00\nepoch")
    read = table.read(folder)
    assert read.rows[0].counts[Standing.FAILED] == 1 and read.rows[1].runs[0].films == 0
    assert read.rows[2].runs[0].accuracy is None and read.ties.best is not None


def test_the_chosen_trial_is_shown_on_films_it_was_not_chosen_by(studies):
    folder = study_results.write(studies, rates())
    assert chosen.read(folder) is None
    study_results.choose(folder, 4, films=200, share=0.9)
    read = chosen.read(folder)
    assert (read.trial, read.runs, read.films, read.candidates) == (4, 2, 200, 5)
    assert read.accuracy == stats.proportion(180, 200) and read.drop == pytest.approx(0.05)
    assert sum(figure.n for figure in read.sensitivity.values()) == 200


def test_where_the_runs_of_the_choice_were_deleted_is_said_what_to_do(studies):
    folder = study_results.write(studies, rates())
    study_results.choose(folder, 4)
    for run in folder.runs_folder.glob("t004-*"):
        shutil.rmtree(run)
    with pytest.raises(StudyFolderRefused, match=r"Restore the run, or delete chosen\.json and resume"):
        chosen.read(folder)


def test_networks_of_several_seeds_that_read_a_source_do_not_make_more_films_of_it(studies):
    asked = rates(folds={"kind": "leave-one-source-out"}, seeds=[0, 1, 2])
    folder = study_results.write(studies, asked, fold_names=["here", "there"])
    study_results.choose(folder, 4, films=200, share=0.9)
    folder.write("chosen.json", folder.read("chosen.json") | {"held_out": False})
    read = chosen.read(folder)
    assert (read.runs, read.films) == (6, 400) and read.accuracy == stats.proportion(360, 400)


@pytest.mark.parametrize(
    "change",
    [{"trial": "four"}, {"runs": []}, {"runs": [{"evaluation": "../../../etc/passwd"}]}, {"val_accuracy": None}],
)
def test_a_damaged_choice_is_refused_in_words(studies, change):
    folder = study_results.write(studies, rates())
    study_results.choose(folder, 4)
    folder.write("chosen.json", folder.read("chosen.json") | change)
    with pytest.raises(StudyFolderRefused, match="chosen"):
        chosen.read(folder)


@pytest.mark.parametrize(
    ("head", "everything", "reading"),
    [(0.6, 0.9, Reading.HOLDS), (0.9, 0.6, Reading.CONTRARY), (0.8, 0.805, Reading.NOT_TOLD_APART)],
)
def test_whether_everything_unfrozen_overfits_less_is_computed(studies, head, everything, reading):
    right = {1: head, 2: (head + everything) / 2, 3: everything}
    study = study_folders.study(
        factors={"phases.0.trainable": ["head", 3, "all"]}, design="grid", folds={"kind": "single"}
    )
    folder = study_results.write(studies, study, fold_names=["1"], films=1000, right=lambda trial, *_: right[trial])
    _flat_training(folder)
    (group,) = overfitting.overfitting(table.read(folder))
    assert [depth.value for depth in group.depths] == ["head", 3, "all"] and group.reading is reading
    assert len(group.depths[0].gaps) == 3
    assert group.difference.value == pytest.approx(everything - head, abs=1e-3)


def _flat_training(folder):
    """Training accuracy of 0.95 in every epoch: the gap is that of validation."""
    for run in folder.runs():
        rows = run.run.history()
        text = ",".join(rows[0]) + "\n" + "".join(",".join({**row, "accuracy": "0.95"}.values()) + "\n" for row in rows)
        (run.run.path / "history.csv").write_text(text)


def test_a_study_without_freeze_depths_or_sources_says_nothing_of_them(studies):
    read = table.read(study_results.write(studies, rates()))
    assert overfitting.overfitting(read) == () and sources.unseen(read) == ()


def test_a_source_never_seen_has_figures_of_its_own(studies):
    study = study_folders.study(factors={}, folds={"kind": "leave-one-source-out"}, seeds=[0, 1])
    names = ["darkcovid", "kermany"]
    read = sources.unseen(table.read(study_results.write(studies, study, fold_names=names, films=300)))
    assert [each.source for each in read] == names
    for each in read:
        assert each.films == 120 and each.accuracy.n == 120 and each.accuracy.ends is not None
        assert set(each.sensitivity) == set(study_results.CLASSES) and each.validation == pytest.approx(0.74, abs=0.01)


def test_none_is_both_faster_and_more_accurate_than_the_front(studies):
    read = table.read(
        study_results.write(studies, rates(), right=lambda trial, *_: [0.8, 0.7, 0.9, 0.85, 0.95][trial - 1])
    )
    assert read.fastest_for_accuracy == (1, 3, 5)


def test_settings_of_a_search_need_no_common_factors(studies):
    folder = study_results.write(studies, rates())
    trials = json.loads((folder.path / "trials.json").read_text())
    del trials[0]["settings"]["phases.0.learning_rate"]
    folder.write("trials.json", trials)
    read = table.read(folder)
    assert table.read_csv(table.csv_trials(read), table.csv_epochs(read)) == read
