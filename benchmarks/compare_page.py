"""A rerun of the Compare page with four models and 10,000 films against the same page with 450: it must not grow.

Run by Streamlit's AppTest, without a browser; the models are made up, as in the tests.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

from benchmarks import claims
from tests.helpers import fakes, kept_models

ROOT = Path(__file__).parent.parent
NAMES = ("one", "two", "three", "four")
ROUNDS, BUDGET = 7, 2.0


def main() -> None:
    from streamlit.testing.v1 import AppTest

    from xraykit.ui.server import inference

    inference.use(fakes.Client())  # type: ignore[arg-type]  # listing cards needs no inference service
    with tempfile.TemporaryDirectory() as work:
        os.environ["XDG_STATE_HOME"] = work
        pages = {}
        for films in (450, 10_000):
            root = Path(work) / str(films)
            for seed, name in enumerate(NAMES):
                kept_models.keep(root, f"{name}-{films}", seed=seed, n=films)
            pages[films] = (root, AppTest.from_file(str(ROOT / "app.py"), default_timeout=120))

        def rerun(films: int) -> None:
            root, app = pages[films]
            os.environ["XRAYKIT_WEIGHTS"] = str(root)
            app.run()
            if app.exception:
                raise RuntimeError(app.exception[0].value)

        for films, (root, app) in pages.items():
            os.environ["XRAYKIT_WEIGHTS"] = str(root)
            app.run()
            app.query_params["models"] = [f"{name}-{films}" for name in NAMES]
            app.switch_page(str(ROOT / "pages" / "compare.py"))
            rerun(films)
            shown = " ".join(block.proto.body for block in app.get("html"))
            if missing := [name for name in NAMES if f"{name}-{films}" not in shown]:
                raise RuntimeError(f"Expected four models on the page; {', '.join(missing)} are not there.")
        seconds = claims.interleaved({str(films): lambda films=films: rerun(films) for films in pages}, ROUNDS)
    print(f"# s: 10,000 films {seconds['10000']:.3f}, 450 films {seconds['450']:.3f}", file=sys.stderr)
    claims.report("compare-rerun-10000-films-to-450", seconds["10000"] / seconds["450"], BUDGET)


if __name__ == "__main__":
    main()
