"""constraints.txt holds a version of everything that is required, one that its requirement allows."""

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from tests.helpers import ROOT
from tests.helpers.constraints import requirements

REQUIRED = requirements("requirements-dev.txt")
PINS = {
    name: Version(version)
    for name, _, version in (
        line.partition("==") for line in (ROOT / "constraints.txt").read_text("utf-8").splitlines() if "==" in line
    )
}


@pytest.mark.parametrize("requirement", REQUIRED, ids=str)
def test_a_requirement_has_a_version_that_fits_it(requirement):
    name = canonicalize_name(requirement.name)
    assert name in PINS, "run make constraints"
    assert requirement.specifier.contains(PINS[name]), f"{name} {PINS[name]} is not {requirement.specifier}"


def test_everything_the_app_needs_is_among_what_the_tests_need():
    assert {str(one) for one in requirements("requirements.txt")} <= {str(one) for one in REQUIRED}


def test_ci_trains_with_a_known_jax():
    assert {"jax", "jaxlib"} <= PINS.keys()


def test_ci_runs_studies_with_a_known_ray():
    (ray,) = requirements("requirements-ray.txt")
    assert ray.specifier.contains(PINS[canonicalize_name(ray.name)])


@pytest.mark.parametrize("installer", ["pip", "setuptools", "wheel"])
def test_the_installer_is_left_free(installer):
    assert installer not in PINS


def test_names_are_sorted_and_plain():
    names = list(PINS)
    assert names == sorted(names) and all(Requirement(name).name == name for name in names)
