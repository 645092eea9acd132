"""What the tests share: folders of films, bad films, made-up models, runs and evaluations."""

from pathlib import Path

ROOT = Path(__file__).parents[2]
DATA = ROOT / "tests" / "data"
