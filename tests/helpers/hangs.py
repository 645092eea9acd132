"""A process that never ends by itself: `python -m tests.helpers.hangs`."""

import time

if __name__ == "__main__":
    time.sleep(600)
