"""Run every benchmark, one process each: `python -m benchmarks [NAME...]`. Ends with 1 if one could not be run."""

import subprocess
import sys
from pathlib import Path

FOLDER = Path(__file__).parent


def main(names: list[str]) -> int:
    files = [path for path in sorted(FOLDER.glob("*.py")) if not path.name.startswith("_")]
    chosen = [path.stem for path in files if not names or path.stem in names]
    if unknown := set(names) - set(chosen):
        sys.exit(f"Expected benchmarks among {[path.stem for path in files]}; got {sorted(unknown)}.")
    codes = [subprocess.run([sys.executable, "-m", f"benchmarks.{name}"], cwd=FOLDER.parent).returncode for name in chosen]
    return int(any(codes))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
