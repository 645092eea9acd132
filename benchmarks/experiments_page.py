"""A rerun of the Experiments page with a study of 100 trials of 30 epochs against one of 5 trials: it must not grow.

Run by Streamlit's AppTest, without a browser; the studies are written by hand, as in the tests.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

from benchmarks import claims
from tests.helpers import fakes, study_folders, study_results

ROOT = Path(__file__).parent.parent
FEW, MANY, EPOCHS = 5, 100, 30
ROUNDS, BUDGET = 15, 1.5


def main() -> None:
    from streamlit.testing.v1 import AppTest

    from xraykit.ui.server import inference

    inference.use(fakes.Client())  # type: ignore[arg-type]  # a page needs no inference service
    with tempfile.TemporaryDirectory() as work:
        os.environ["XDG_STATE_HOME"] = work
        pages = {}
        for trials in (FEW, MANY):
            root = Path(work) / str(trials)
            asked = study_folders.study(
                name=f"of-{trials}",
                factors={"phases.0.learning_rate": study_results.rates(trials)[1:]},
                folds={"kind": "single"},
            )
            study_results.write(root / "studies", asked, fold_names=["1"], epochs=EPOCHS, films=2000)
            pages[trials] = (root, AppTest.from_file(str(ROOT / "app.py"), default_timeout=300))

        def rerun(trials: int) -> None:
            root, app = pages[trials]
            os.environ["XRAYKIT_RUNS"] = str(root)
            app.run()
            if app.exception:
                raise RuntimeError(app.exception[0].value)

        for trials, (_, app) in pages.items():
            app.switch_page(str(ROOT / "pages" / "experiments.py"))
            app.query_params["study"] = f"of-{trials}"
            rerun(trials)
            shown = " ".join(block.proto.body for block in app.get("html"))
            pairs = trials * (trials - 1) // 2
            if f"Holm-adjusted over {pairs} pairs" not in shown:
                raise RuntimeError(f"Expected a study of {trials} trials on the page; it is not there.")
        seconds = claims.interleaved({str(trials): lambda n=trials: rerun(n) for trials in pages}, ROUNDS)
    many, few = seconds[str(MANY)], seconds[str(FEW)]
    print(f"# s: {MANY} trials {many:.3f}, {FEW} trials {few:.3f}", file=sys.stderr)
    claims.report(f"experiments-rerun-{MANY}-trials-to-{FEW}", many / few, BUDGET)


if __name__ == "__main__":
    main()
