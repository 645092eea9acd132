"""A tenth of every attack (`make attack` runs them whole)."""

import pytest

from tests.attack.__main__ import ATTACKS


@pytest.mark.parametrize("name", ATTACKS)
def test_a_tenth_of_an_attack_breaks_no_promise(name):
    if name == "films":
        pytest.importorskip("data_store", reason="pydicom-data is not installed")
        pytest.importorskip("gdcm", reason="python-gdcm is not installed")
    outcome = ATTACKS[name].run(share=0.1, seed=20_260_701)
    assert outcome.tried > 0
    assert not outcome.faults, "\n".join(outcome.faults)
