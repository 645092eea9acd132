"""Run every benchmark, one process each: `python -m benchmarks [NAME...]`. Ends with 1 if one could not be run."""

import subprocess
import sys
from pathlib import Path

FOLDER = Path(__file__).parent


def main(names: list[str]) -> int:
    found = [path.stem for path in sorted(FOLDER.glob("*.py")) if "\ndef main() -> None:" in path.read_text()]
    if unknown := set(names) - set(found):
        sys.exit(f"Expected benchmarks among {', '.join(found)}; got {', '.join(sorted(unknown))}.")
    chosen = [name for name in found if not names or name in names]
    commands = [[sys.executable, "-m", f"benchmarks.{name}"] for name in chosen]
    return int(any([subprocess.run(command, cwd=FOLDER.parent).returncode for command in commands]))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
