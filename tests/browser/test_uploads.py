"""Files dropped in Chromium that are larger than Streamlit would hold: a zip becomes a dataset and takes no memory."""

import os
import zipfile

import pytest

from tests.browser.conftest import eventually, serving_from
from tests.helpers import large_zip
from xraykit.films import decoder
from xraykit.films.folders import check
from xraykit.system import text

pytestmark = [pytest.mark.browser, pytest.mark.timeout(900)]
MEGABYTES = 60  # more than a film may have


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Holds large.zip, and what the server makes of it."""
    made = tmp_path_factory.mktemp("uploads")
    large_zip.write(made / "large.zip", MEGABYTES)
    return made


@pytest.fixture(scope="module")
def serving(folder):
    with serving_from(folder, "runs", "cache", "datasets", "data") as running:
        yield running


@pytest.fixture
def page(browser):
    """A page whose requests nobody looks into: Playwright would hold a large body to show it."""
    opened = browser.new_page()
    opened.set_default_timeout(60_000)
    yield opened
    opened.close()


@pytest.mark.longest
def test_a_zip_larger_than_a_film_becomes_a_dataset_and_takes_no_memory(page, serving, folder):
    films = len(zipfile.ZipFile(folder / "large.zip").namelist())
    large_zip.open_drop_zone(page, serving.url)
    assert f"{check.MAX_ARCHIVE >> 30}GB per file" in page.locator(".st-key-step-1").inner_text()
    growth, dataset = large_zip.growth_of(serving.process.pid), folder / "datasets" / "large"
    large_zip.drop(page, folder / "large.zip")
    eventually(dataset.exists)
    assert growth() < MEGABYTES / 2, "the page holds the zip"
    large_zip.wait_until_shown(page)
    assert len(list(dataset.rglob("*.png"))) == films
    assert os.listdir(dataset.parent) == ["large"] and not held(serving.process.pid, dataset.parent)
    words = page.inner_text("body")
    assert "AxiosError" not in words and "Traceback" not in words


@pytest.mark.slow
def test_a_folder_that_cannot_be_written_is_said_beside_the_drop_zone(page, serving, folder):
    large_zip.open_drop_zone(page, serving.url)
    (folder / "datasets").mkdir(exist_ok=True)
    os.rename(folder / "datasets", folder / "before")
    (folder / "datasets").write_text("a file where the folder should be")
    large_zip.drop(page, folder / "large.zip")
    page.locator(".st-key-step-1 [data-testid=stAlert]").wait_for(timeout=large_zip.HANG)
    words = page.locator(".st-key-step-1 [data-testid=stAlert]").inner_text()
    (folder / "datasets").unlink()
    os.rename(folder / "before", folder / "datasets")
    assert words.startswith("large.zip was not unpacked.") and str(folder / "datasets") in words
    eventually(page.locator(large_zip.ZONE).count, 1)  # an empty one, for the next try


@pytest.mark.slow
def test_a_film_too_large_for_review_is_a_row_with_the_limit(page, serving, tmp_path):
    page.goto(f"{serving.url}/review")
    page.locator(".room[data-state=open]").wait_for()
    with (tmp_path / "large.png").open("wb") as film:
        film.truncate(decoder.MAX_BYTES + 1)
    page.locator(".room > input[type=file]").first.set_input_files(str(tmp_path / "large.png"))
    page.locator(".row.refused", has_text=f"more than {text.size(decoder.MAX_BYTES)}").wait_for()


def held(pid: int, folder) -> list[str]:
    """Files of a folder that a process holds."""
    names = [f"/proc/{pid}/fd/{number}" for number in os.listdir(f"/proc/{pid}/fd")]
    return [os.readlink(name) for name in names if os.path.islink(name) and os.readlink(name).startswith(str(folder))]
