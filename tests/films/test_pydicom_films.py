"""pydicom's own test images: read as other programs read them, or refused with a code. docs/films.md has the table."""

import re
from collections import Counter

import pytest

pytest.importorskip("data_store", reason="pydicom-data is not installed")
pytest.importorskip("gdcm", reason="python-gdcm is not installed")

from tests.helpers import pydicom_films  # noqa: E402
from tests.helpers.pydicom_films import PAGE, Row  # noqa: E402

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def made() -> tuple[list[Row], Counter[str]]:
    return pydicom_films.rows(ask_dcmtk=False)


def without_dcmtk(page: str) -> list[str]:
    """The lines of a page, those of the table without their last column: DCMTK is asked by `make docs` only."""
    return [line.rpartition(" | ")[0] if line.startswith("| ") else line for line in page.splitlines()]


@pytest.mark.longest
def test_every_image_of_pydicom_is_tried(made):
    assert len(made[0]) == 162


def test_every_film_that_is_read_is_what_another_reading_shows(made):
    wrong = [row.film for row in made[0] if row.here in ("differs", "unproven")]
    assert not wrong


def test_no_film_that_another_reading_shows_is_called_damaged(made):
    assert not [row.film for row in made[0] if row.here in ("corrupt", "truncated") and row.numpy]
    told = re.findall(r"^.*`(?:corrupt|truncated)`.*(?:shows it).*$", PAGE.read_text("utf-8"), re.MULTILINE)
    assert not told


def test_a_file_without_pixels_is_never_called_corrupt(made):
    assert made[1]["no-pixels"] > 60 and not made[1]["corrupt"]


def test_the_page_says_what_is_so_today(made):
    page = PAGE.read_text("utf-8")
    assert without_dcmtk(page) == without_dcmtk(pydicom_films.page(*made)), "run make docs"
