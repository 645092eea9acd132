"""Sheets and slides look as they did: against small pictures in golden/, and the same bytes in every process.

After a change that is meant, draw them anew and look at them: python -m tests.reports.test_golden_pictures
"""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.helpers import ROOT, report_digests
from xraykit.reports.export import figure, typeset
from xraykit.reports.report.page import Report

GOLDEN = Path(__file__).parent / "golden"
PPI = {"a4": 60, "wide": 48}
SEEN = {"film-a4": "a4", "comparison-a4": "a4", "film-slide": "wide"}
NEAR = 2.0  # of 255, mean over the picture


def drawn(report: Report, sheet: str) -> Image.Image:
    """The first sheet, small and grey."""
    inputs = typeset._inputs(report, sheet, "paper")
    pages = figure.compiler().compile(typeset._source(report), format="png", ppi=PPI[sheet], sys_inputs=inputs)
    return Image.open(io.BytesIO(pages[0] if isinstance(pages, list) else pages)).convert("L")


def pictures(folder: Path) -> dict[str, Image.Image]:
    film, pair = report_digests.film().short, report_digests.two_models(folder).short
    pages = {"film-a4": film, "comparison-a4": pair, "film-slide": film}
    return {name: drawn(pages[name], sheet) for name, sheet in SEEN.items()}


@pytest.mark.slow
def test_sheets_look_as_they_did(tmp_path):
    for name, picture in pictures(tmp_path).items():
        with Image.open(GOLDEN / f"{name}.png") as golden:
            assert golden.size == picture.size, name
            away = np.abs(np.asarray(golden, float) - np.asarray(picture, float)).mean()
        assert away < NEAR, f"{name} differs by {away:.2f} of 255 on average"
    assert sum(file.stat().st_size for file in GOLDEN.iterdir()) < 150_000


@pytest.mark.slow
def test_every_process_writes_the_same_bytes_without_network_and_fonts_of_the_system(tmp_path):
    made = []
    for seed in ("1", "2"):
        fonts = {"FONTCONFIG_PATH": str(tmp_path), "FONTCONFIG_FILE": str(tmp_path / "none")} if seed == "2" else {}
        run = subprocess.run(
            [sys.executable, "-m", "tests.helpers.report_digests"],
            cwd=ROOT,
            env=os.environ | {"PYTHONHASHSEED": seed, "TZ": f"Etc/GMT-{seed}"} | fonts,
            capture_output=True,
            text=True,
        )
        assert run.returncode == 0, run.stderr
        made.append(json.loads(run.stdout))
    assert made[0] == made[1] and len(made[0]) > 8


if __name__ == "__main__":
    import tempfile

    GOLDEN.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as place:
        for title, shown in pictures(Path(place)).items():
            shown.save(GOLDEN / f"{title}.png", optimize=True)
