"""A conversion that never ends by itself: `python -m tests.helpers.hangs WORK`."""

import sys
import time
from pathlib import Path

from xraykit.models.conversion import child

if __name__ == "__main__":
    child.answer(Path(sys.argv[1]), lambda: time.sleep(600))
