"""What is read out of a training's curve."""

import pytest

from xraykit.evaluation import learning_curve


def rows(validation, training=None, rate=None, **columns):
    n = len(validation)
    training = training or [1.0 - k / n for k in range(n)]
    rate = rate or [1e-3] * n
    epochs = [
        {
            "epoch": str(k),
            "phase": "0",
            "loss": str(training[k]),
            "val_loss": str(validation[k]),
            "accuracy": "0.9",
            "val_accuracy": "0.89",
            "learning_rate": str(rate[k]),
            "seconds": "2.0",
        }
        for k in range(n)
    ]
    return [row | {key: str(values[k]) for key, values in columns.items()} for k, row in enumerate(epochs)]


def test_the_best_epoch_is_that_of_the_lowest_validation_loss():
    curve = learning_curve.read_curve(rows([0.9, 0.4, 0.41]))
    assert (curve.best_epoch, curve.best_loss, curve.epochs, curve.seconds) == (2, 0.4, 3, 6.0)
    assert curve.words[0] == "Best epoch 2 of 3: validation loss 0.400, validation accuracy 89.0%."
    assert curve.still_improving is False


def test_a_loss_that_still_falls_is_said():
    curve = learning_curve.read_curve(rows([0.9, 0.5, 0.4]))
    assert curve.still_improving and "still improving" in curve.words[-1]


def test_a_long_wait_for_a_better_epoch_is_said():
    assert "last 6 epochs" in learning_curve.read_curve(rows([0.4, *[0.41] * 6])).words[-1]


def test_rate_cuts_are_found_and_a_cosine_has_none():
    plateau = learning_curve.read_curve(rows([0.9] * 6, rate=[1e-3, 1e-3, 1e-3, 5e-4, 5e-4, 5e-4]))
    assert plateau.cuts == ((4, 1e-3, 5e-4),) and "cut at epoch 4, from 0.001 to 0.0005" in plateau.words[1]
    assert learning_curve.read_curve(rows([0.9] * 6, rate=[1e-3, 9e-4, 7e-4, 5e-4, 2e-4, 1e-4])).cuts == ()


def test_another_phase_is_no_rate_cut():
    curve = learning_curve.read_curve(rows([0.9] * 4, rate=[1e-3, 1e-3, 1e-5, 1e-5], phase=[0, 0, 1, 1]))
    assert curve.cuts == () and curve.phases == (3,)


def test_overfitting_is_a_gap_or_a_rise():
    gap = learning_curve.read_curve(rows([0.9, 0.8], accuracy=[0.9, 0.99], val_accuracy=[0.8, 0.85]))
    assert gap.overfitting and gap.gap == pytest.approx(0.14) and "14.0 points above" in " ".join(gap.words)
    level = learning_curve.read_curve(rows([0.9, 0.8], accuracy=[0.9, 0.9502], val_accuracy=[0.8, 0.95]))
    assert "is equal to validation accuracy" in " ".join(level.words)
    rise = learning_curve.read_curve(rows([0.5, 0.4, 0.6]))
    assert rise.overfitting and rise.rise == pytest.approx(0.5) and "rose by 50.0%" in " ".join(rise.words)
    assert learning_curve.read_curve(rows([0.5, 0.4, 0.41])).overfitting is False


def test_rows_that_do_not_tell_give_none():
    curve = learning_curve.read_curve([{"epoch": "0", "loss": "nan"}, {"epoch": "1", "loss": ""}])
    assert curve.best_epoch is None and curve.gap is None and curve.overfitting is None and curve.seconds is None
    assert "not reported" in curve.words[0]
    assert learning_curve.read_curve([]).words == ("No epochs were recorded.",)
    assert "NaN" not in curve.to_json()


def test_a_file_is_read_with_its_gaps(tmp_path):
    (tmp_path / "history.csv").write_text("epoch,val_loss\n0,0.5\n1,\n")
    assert learning_curve.load(tmp_path / "history.csv") == [
        {"epoch": 0, "val_loss": 0.5},
        {"epoch": 1, "val_loss": None},
    ]


@pytest.mark.parametrize("text", ["a,b\n1,2\n", None])
def test_other_files_are_refused(tmp_path, text):
    if text:
        (tmp_path / "history.csv").write_text(text)
    with pytest.raises(learning_curve.HistoryRefused, match=r"history\.csv"):
        learning_curve.load(tmp_path / "history.csv")


def test_losses_near_nothing_do_not_rise_by_hundreds_of_percent():
    curve = learning_curve.read_curve(rows([0.5, 1e-5, 9e-5]))
    assert curve.rise == 0 and curve.overfitting is False


def test_what_still_improves_is_not_called_overfitted():
    curve = learning_curve.read_curve(rows([0.5, 0.4, 0.3], accuracy=[0.9, 0.95, 0.99]))
    words = " ".join(curve.words)
    assert curve.still_improving and "Signs of overfitting" not in words and "validation is still improving" in words


def test_of_few_validation_films_nothing_is_called_overfitting():
    history = rows([0.5, 0.4, 0.6], accuracy=[0.9, 0.95, 0.96], val_accuracy=[0.8, 0.85, 0.83])
    few, many = (learning_curve.read_curve(history, films=n) for n in (6, 1200))
    assert learning_curve.read_curve(history, films=12).overfitting is None  # 96% is beyond the interval of 10 of 12
    assert few.overfitting is None and "overfitting" not in " ".join(few.words)
    assert "13.0 points above validation accuracy, which may be chance on 6 films." in " ".join(few.words)
    assert many.overfitting is True and "Signs of overfitting." in many.words and "chance" not in " ".join(many.words)


def test_a_gap_is_told_only_where_it_is_beyond_the_interval():
    history = rows([0.5, 0.6], accuracy=[0.9, 0.94], val_accuracy=[0.8, 0.88])
    # Of 50 films, [76.2, 94.4]
    verdicts = {n: learning_curve.read_curve(history, films=n).overfitting for n in (20, 50, 500)}
    assert verdicts == {20: None, 50: None, 500: True}


def test_the_best_accuracy_has_its_films_and_interval():
    curve = learning_curve.read_curve(rows([0.9, 0.4]), films=200)
    assert curve.words[0].endswith("validation accuracy 89.0% [83.9, 92.6] of 200 films.")
    assert (curve.best.n, curve.best.text()) == (200, "89.0% [83.9, 92.6]")
    assert learning_curve.read_curve(rows([0.9, 0.4])).best.ends is None
