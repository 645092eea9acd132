"""Claim: service start to the first film read, classified and drawn, against `import tensorflow`.

Both in fresh processes, whole process times, interleaved.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks import claims, models
from xraykit.films.samples import draw

ROUNDS = 5
OURS = """
import sys
from pathlib import Path
from xraykit.models.service import client as service
from xraykit.reports.film.heatmap import overlay
folder = Path(sys.argv[1])
client = service.start(folder.parent)
film = client.read("film.png", Path(sys.argv[2]).read_bytes())
reading = client.classify(film, folder.name)
overlay.overlay(film, reading.explanations[0], longest=1024, legend=True)
client.close()
"""


def main() -> None:
    with tempfile.TemporaryDirectory() as work:
        folder = models.model_folder(Path(work))
        film = str(draw.PNG)
        median = claims.interleaved(
            {"ours": lambda: run(OURS, str(folder), film), "tensorflow": lambda: run("import tensorflow")}, ROUNDS
        )
    print(f"# s: first film {median['ours']:.2f}, import tensorflow {median['tensorflow']:.2f}")
    claims.report("first-film-vs-import-tensorflow", median["ours"] / median["tensorflow"], 0.5)


def run(code: str, *arguments: str) -> None:
    done = subprocess.run([sys.executable, "-c", code, *arguments], cwd=models.ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


if __name__ == "__main__":
    main()
