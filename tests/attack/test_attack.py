"""A tenth of every attack (`make attack` runs them whole), a third of that in the quick suite."""

import os

import pytest

from tests.attack import Outcome, promises
from tests.attack.__main__ import ATTACKS

SHARES = {"zips": 0.05, "keeps": 0.02, "checkpoints": 0.05}  # a tenth of them would take the processor for a minute
MARKS = {"films": pytest.mark.longest, "checkpoints": pytest.mark.longest, "keeps": pytest.mark.slow}
PART = 1 if os.environ.get("XRAYKIT_TESTS", "quick") != "quick" else 1 / 3


@pytest.mark.parametrize("name", [pytest.param(name, marks=MARKS.get(name, ())) for name in ATTACKS])
def test_a_tenth_of_an_attack_breaks_no_promise(name):
    if name == "films":
        pytest.importorskip("data_store", reason="pydicom-data is not installed")
        pytest.importorskip("gdcm", reason="python-gdcm is not installed")
    outcome = ATTACKS[name].run(PART * SHARES.get(name, 0.1), seed=20_260_701)
    assert outcome.tried > 0
    assert not outcome.faults, "\n".join(outcome.faults)


def test_every_attack_has_its_promise_and_its_row():
    assert promises.promised() == set(ATTACKS)
    assert promises.rows().keys() == set(ATTACKS)


@pytest.mark.parametrize("name", [pytest.param(name, marks=MARKS.get(name, ())) for name in ATTACKS])
def test_the_page_tells_of_an_attack_at_full_size_that_broke_nothing(name):
    row = promises.rows()[name]
    assert row[1] == ATTACKS[name].what
    assert row[2:4] in ([f"{ATTACKS[name].count:,}", "0"], [promises.NOT_YET] * 2)


def test_a_row_is_replaced_and_the_rest_of_the_page_stays(tmp_path, monkeypatch):
    before = promises.PAGE.read_text("utf-8")
    monkeypatch.setattr(promises, "PAGE", tmp_path / "promises.md")
    promises.PAGE.write_text(before, "utf-8")
    rows = promises.rows()
    promises.write("keeps", "what is tried", Outcome(1200, ["a fault"], {"read": 700, "refused": 499}))
    assert promises.rows().keys() == rows.keys() | {"keeps"}
    row = promises.rows()["keeps"]
    assert row[1:5] == ["what is tried", "1,200", "1", "700 read, 499 refused"]
    assert all(promises.rows()[name] == cells for name, cells in rows.items() if name != "keeps")
    assert promises.PAGE.read_text("utf-8").partition(promises.BEGIN)[0] == before.partition(promises.BEGIN)[0]
