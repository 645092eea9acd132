"""A comparison as one HTML file: it needs nothing else, prints on few sheets of A4, and nothing on them is cut."""

import re

import pytest

from tests.helpers import film_reports, kept_models
from xraykit.models import kept
from xraykit.reports.comparison import page as comparison
from xraykit.reports.export import formats

ACROSS = 703  # px of A4 without its margins
CUT = """() => [...document.querySelectorAll("td, th, p, li, svg, dd")]
  .filter(part => part.getBoundingClientRect().right > innerWidth + 1).map(part => part.textContent.slice(0, 40))"""


@pytest.mark.slow
def test_reports_print_on_few_sheets_and_nothing_is_cut(visit, tmp_path):
    for classes, models, most in ((kept_models.CLASSES, 2, 4), (film_reports.LONG, 4, 10)):
        names = [f"model-{len(classes)}-{place}" for place in range(models)]
        for place, name in enumerate(names):
            kept_models.keep(tmp_path, name, seed=place, n=120, classes=classes)
        report = comparison.of_models([kept.load_kept(str(tmp_path / name)) for name in names])
        visit.page.set_content(formats.export(report, "html").content.decode())
        printed = visit.page.pdf(prefer_css_page_size=True, print_background=True)
        assert len(re.findall(rb"/Type /Page\b", printed)) <= most
        visit.page.emulate_media(media="print")
        visit.page.set_viewport_size({"width": ACROSS, "height": 1000})
        assert visit.page.evaluate(CUT) == []
        verdict = visit.page.locator("[data-table=pairs] td:last-child").first
        assert verdict.bounding_box()["width"] > 40
    assert not visit.stopped
