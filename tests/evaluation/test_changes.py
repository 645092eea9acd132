"""The difference of two confusion matrices: counts, intervals, and the films behind each cell."""

import numpy as np
import pytest

from xraykit.evaluation import stats
from xraykit.evaluation.decisions.changes import changes

TRUTH = np.repeat([0, 1], [40, 60])
FIRST = np.where(np.arange(100) < 12, 1, TRUTH)  # twelve of the first class are missed
SECOND = np.where(np.isin(np.arange(100), [3, 90]), 1 - TRUTH, TRUTH)


def cells(groups=None):
    return {
        (cell.reference, cell.predicted): cell
        for cell in changes(TRUTH, FIRST, SECOND, ("ill", "well"), np.arange(100) if groups is None else groups)
    }


def test_cells_are_the_difference_of_the_matrices_and_name_their_films():
    ill, missed, alarm, well = cells().values()
    assert [(cell.first, cell.second, cell.films) for cell in (ill, missed, alarm, well)] == [
        (28, 39, 40),
        (12, 1, 40),
        (0, 1, 60),
        (60, 59, 60),
    ]
    assert ill.entered == missed.left == tuple(k for k in range(12) if k != 3) and ill.left == missed.entered == ()
    assert ill.p == stats.mcnemar(11, 0) and alarm.p == 1
    assert alarm.entered == well.left == (90,)
    assert ill.change.value == pytest.approx(11 / 40) == -missed.change.value
    assert ill.change.ends == pytest.approx(stats.paired_score_interval(11, 0, 40))
    assert [cell.clear for cell in (ill, missed, alarm, well)] == [True, True, False, False]


def test_films_of_a_group_are_drawn_together():
    pairs = np.arange(100) // 2
    alone, joined = (cells(groups)["ill", "ill"].change for groups in (None, pairs))
    assert joined.value == alone.value and 0 < joined.low < joined.value < joined.high
    still = cells(np.where(np.arange(100) > 97, 98, np.arange(100)))["well", "well"]
    assert still.change.value == pytest.approx(-1 / 60) and still.change.low < still.change.value


def test_few_films_and_none_are_no_clear_difference():
    few = changes(np.zeros(29, int), np.ones(29, int), np.zeros(29, int), ("ill", "well"), np.arange(29))
    assert few[0].change.low > 0.5 and not few[0].clear
    assert few[2].change.value is None and few[2].films == 0
