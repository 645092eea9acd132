import json

import numpy as np
import pytest

from tests.helpers import DATA
from tests.helpers.late import Late
from xraykit.evaluation import calibration, evaluation, stats

reference = Late("sklearn.metrics")


def made(truth, logits, temperature=1.0):
    truth = np.asarray(truth)
    logits = np.asarray(logits, float)
    names = tuple(f"film-{i}" for i in range(len(truth)))
    classes = tuple("ABC"[: logits.shape[1]])
    return evaluation.Evaluation("m", classes, names, truth, logits, temperature)


@pytest.fixture
def random_one():
    random = np.random.default_rng(5)
    truth = random.integers(0, 3, 400)
    return made(truth, random.normal(size=(400, 3)) + 2 * np.eye(3)[truth], temperature=1.7)


def test_figures_are_scikit_learns(random_one):
    figures = random_one.metrics()
    truth, predicted, p = random_one.truth, random_one.predicted, random_one.probabilities
    assert figures["confusion"] == reference.confusion_matrix(truth, predicted).tolist()
    assert figures["accuracy"].value == reference.accuracy_score(truth, predicted)
    assert figures["balanced_accuracy"] == pytest.approx(reference.balanced_accuracy_score(truth, predicted), abs=1e-12)
    report = reference.classification_report(truth, predicted, target_names=list("ABC"), output_dict=True)
    for k, name in enumerate("ABC"):
        assert figures["classes"][name]["sensitivity"].value == report[name]["recall"]
        assert figures["classes"][name]["ppv"].value == report[name]["precision"]
        assert figures["classes"][name]["f1"] == pytest.approx(report[name]["f1-score"], abs=1e-12)
        assert figures["classes"][name]["auroc"] == pytest.approx(
            reference.roc_auc_score(truth == k, p[:, k]), abs=1e-12
        )
    assert calibration.log_loss(p, truth) == pytest.approx(reference.log_loss(truth, p), abs=1e-9)


def test_wilson_interval_of_88_in_100():
    # Newcombe 1998's method 3, as statsmodels and R's binom give it
    figure = stats.proportion(88, 100)
    assert (figure.low, figure.high) == pytest.approx((0.8019, 0.9300), abs=5e-5)


def test_nothing_to_count_gives_none_and_no_warning():
    figures = made([0, 0, 1], [[2, 1, 0], [0, 3, 0], [0, 1, 0]]).metrics()
    assert figures["classes"]["C"]["sensitivity"].value is None
    assert figures["classes"]["C"]["auroc"] is None
    assert figures["classes"]["C"]["f1"] is None


def test_temperature_is_found_again():
    random = np.random.default_rng(1)
    calibrated = random.normal(size=(20_000, 3)) * 2
    p = calibration.softmax(calibrated)
    truth = (random.random((20_000, 1)) > p.cumsum(axis=1)).sum(axis=1)
    assert calibration.fit_temperature(calibrated * 3, truth) == pytest.approx(3, rel=0.05)


def test_temperature_never_makes_log_loss_worse(random_one):
    t = calibration.fit_temperature(random_one.logits, random_one.truth)
    calibrated = calibration.before_and_after(random_one.logits, random_one.truth, t)
    assert calibrated["after"]["log_loss"] <= calibrated["before"]["log_loss"]


def test_calibration_error_of_a_known_case():
    # Ten films at probability 0.8 of which six are right: a gap of 0.2
    p = np.tile([0.8, 0.2], (10, 1))
    assert calibration.expected_calibration_error(p, np.array([0] * 6 + [1] * 4)) == pytest.approx(0.2)


def test_an_evaluation_survives_json(random_one, tmp_path):
    (tmp_path / "e.json").write_text(random_one.to_json())
    again = evaluation.load(tmp_path / "e.json")
    assert again.test_digest == random_one.test_digest
    assert np.allclose(again.probabilities, random_one.probabilities, atol=1e-5)


def test_both_parts_of_a_folder_are_read_each_from_its_file(random_one, tmp_path):
    validation = made([0, 1], [[1, 0], [0, 1]], temperature=2.0)
    (tmp_path / "evaluation.json").write_text(random_one.to_json())
    (tmp_path / "validation.json").write_text(validation.to_json())
    parts = evaluation.load_parts(tmp_path)
    assert list(parts) == ["validation", "test"]
    assert parts["test"].test_digest == random_one.test_digest and parts["validation"].temperature == 2.0
    (tmp_path / "validation.json").unlink()
    with pytest.raises(evaluation.EvaluationRefused, match=r"validation\.json"):
        evaluation.load_parts(tmp_path)


def test_a_run_of_before_with_both_parts_in_one_file_is_read():
    folder = DATA / "fc00794" / "runs" / "finished"
    recorded = json.loads((folder / "evaluation.json").read_text())
    parts = evaluation.load_parts(folder)
    assert list(parts) == ["validation", "test"]
    for name, part in parts.items():
        assert (part.model, part.temperature) == ("finished", 1.0) and part.classes == tuple(recorded["classes"])
        assert part.films == tuple(recorded[name]["films"]) and part.truth.tolist() == recorded[name]["truth"]
        assert part.logits.tolist() == recorded[name]["logits"]
    assert evaluation.load(folder / "evaluation.json").test_digest == parts["test"].test_digest


@pytest.mark.parametrize("text", ["", "{}", "[]", "1", json.dumps({"model": "m"}), json.dumps({"validation": {}})])
def test_a_file_without_an_evaluation_is_refused(text, tmp_path):
    (tmp_path / "e.json").write_text(text)
    with pytest.raises(evaluation.EvaluationRefused, match=r"e\.json"):
        evaluation.load(tmp_path / "e.json")


def test_logits_that_are_no_numbers_are_refused():
    with pytest.raises(evaluation.EvaluationRefused, match="no numbers"):
        made([0], [[np.nan, 1.0]])


def test_other_films_give_another_digest(random_one):
    other = evaluation.Evaluation(
        "m", random_one.classes, ("other", *random_one.films[1:]), random_one.truth, random_one.logits
    )
    assert other.test_digest != random_one.test_digest


def report_of_scikit_learn(reading):
    theirs = reference.classification_report(
        reading.truth,
        reading.predicted,
        labels=range(len(reading.classes)),
        target_names=reading.classes,
        output_dict=True,
        zero_division=0,
    )
    return theirs


def test_the_report_is_scikit_learns(random_one):
    theirs = report_of_scikit_learn(random_one)
    rows = {row.pop("row"): row for row in random_one.report()}
    assert list(rows) == ["A", "B", "C", "accuracy", "macro avg", "weighted avg"]
    assert rows.pop("accuracy")["f1-score"] == pytest.approx(theirs["accuracy"], abs=1e-15)
    for name, row in rows.items():
        assert row == pytest.approx(theirs[name], abs=1e-15)


@pytest.mark.parametrize("predicted", [[0, 1, 1, 0], [0, 2, 1, 0]], ids=["never predicted", "predicted"])
def test_a_class_without_films_is_none_in_the_report_and_averages_stay_scikit_learns(predicted):
    evaluation = made([0, 0, 1, 1], 3 * np.eye(3)[predicted])
    theirs = reference.classification_report(evaluation.truth, evaluation.predicted, output_dict=True, zero_division=0)
    rows = {row.pop("row"): row for row in evaluation.report()}
    assert rows["C"] == {"precision": None, "recall": None, "f1-score": None, "support": 0}
    for name in ("macro avg", "weighted avg"):
        assert rows[name] == pytest.approx(theirs[name], abs=1e-15)


def test_a_class_that_is_never_predicted_has_precision_nought_as_in_scikit_learn():
    evaluation = made([0, 1, 2], 3 * np.eye(3)[[0, 1, 1]])
    assert evaluation.report()[2]["precision"] == report_of_scikit_learn(evaluation)["C"]["precision"] == 0


def test_no_figure_of_one_film_warns_or_is_nan(recwarn):
    evaluation = made([0], [[2.0, 1.0, 0.0]])
    json.dumps([stats.plain(evaluation.metrics()), evaluation.report()], allow_nan=False)
    assert evaluation.metrics()["kappa"] is None and evaluation.roc(0) is None and not recwarn.list


def test_intervals_are_exact_on_demand(random_one):
    wilson, exact = random_one.metrics()["accuracy"], random_one.metrics("exact")["accuracy"]
    assert wilson.value == exact.value
    assert exact.high - exact.low > wilson.high - wilson.low


def test_a_cell_holds_the_films_it_counts(random_one):
    for row in range(3):
        for column in range(3):
            films = random_one.cell(row, column)
            assert len(films) == random_one.confusion[row, column]
            assert (random_one.truth[films] == row).all() and (random_one.predicted[films] == column).all()


@pytest.mark.parametrize(
    "wrong, words",
    [
        ({"truth": np.array([0, 3])}, "from 0; got 0 to 3"),
        ({"truth": np.array([-1, 0])}, "got -1 to 0"),
        ({"temperature": 0.0}, "temperature above 0"),
        ({"temperature": float("nan")}, "temperature above 0"),
        ({"hashes": ("x",)}, "1 hashes"),
        ({"groups": (1, 2, 3)}, "3 groups"),
        ({"classes": ("A", "A", "B")}, "different classes"),
    ],
)
def test_numbers_that_do_not_fit_are_refused(wrong, words):
    given = {"classes": ("A", "B", "C"), "truth": np.array([0, 1]), "temperature": 1.0} | wrong
    with pytest.raises(evaluation.EvaluationRefused, match=words):
        evaluation.Evaluation("m", films=("a", "b"), logits=np.zeros((2, 3)), **given)


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("truth", ["0"] * 5, r"truth\[0\]"),
        ("truth", [0.5] * 5, r"truth\[0\]"),
        ("logits", [["1", "2", "3"]] * 5, r"logits\[0\]\[0\]"),
        ("logits", [[1, 2, 3]] * 4 + [[1, 2]], "one logit a class"),
        ("films", [1, 2, 3, 4, 5], r"films\[0\]"),
        ("classes", "ABC", "classes"),
        ("classes", None, "classes"),
        ("temperature", "1", "temperature"),
        ("model", {}, "model"),
        ("groups", [0.5] * 5, "groups"),
        ("sha256", [None] * 5, "sha256"),
        ("data", 3, "data"),
    ],
)
def test_each_value_of_a_file_has_its_type_or_the_field_is_named(tmp_path, field, value, words):
    path = tmp_path / "evaluation.json"
    whole = evaluation.Evaluation("m", ("A", "B", "C"), tuple("abcde"), np.array([0, 1, 2, 0, 1]), np.eye(5, 3))
    data = json.loads(whole.to_json()) | {field: value}
    path.write_text(json.dumps(data), "utf-8")
    with pytest.raises(evaluation.EvaluationRefused, match=words) as refused:
        evaluation.load(path)
    assert "evaluation.json" in refused.value.words
