"""Something that takes a while, done in a thread of the server: how far it is, what ends it, what came of it."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

from xraykit.refused import Refused, words_of

END = 30.0  # seconds that the end of a tab waits for a film that is being written
log = logging.getLogger(__name__)


class Stopped(Exception):
    """Raised inside a slow heatmap's progress: the work was stopped."""


class Work:
    """Films, one after the other. `run` is given the work: it counts `done`, asks `stopping` between two films.

    Attributes
    ----------
    what : "films" or "sheet"
    total, done, refused : int
        Films in all, finished, and those of them without a report.
    state : "running", "done", "stopped" or "failed"
        `words` say why it failed; what is finished can be had all the same.
    file : Path or None
        What came of it, to be handed out as `name`.
    """

    def __init__(self, what: str, total: int, run: Callable[[Work], None]) -> None:
        self.what, self.total, self.done, self.refused = what, total, 0, 0
        self.state: Literal["running", "done", "stopped", "failed"] = "running"
        self.words = ""
        self.file: Path | None = None
        self.name = ""
        self._run = run
        self._stop = threading.Event()
        self._began = time.monotonic()
        self._thread = threading.Thread(target=self._work, name=f"report-{what}", daemon=True)

    def start(self) -> Work:
        self._thread.start()
        return self

    @property
    def stopping(self) -> bool:
        return self._stop.is_set()

    def stop(self) -> None:
        """End it after the film that is under way; a slow heatmap is broken off."""
        self._stop.set()

    def end(self) -> None:
        """Stop it, wait for it, and remove what came of it."""
        self.stop()
        if self._thread is not threading.current_thread():
            self._thread.join(END)
        if self.file is not None:
            self.file.unlink(missing_ok=True)

    def progress(self, *state: Any) -> None:
        """Of a heatmap that is being computed."""
        if self.stopping:
            raise Stopped

    def to_dict(self) -> dict[str, Any]:
        """As the page is told."""
        running = self.state == "running"
        return {
            "what": self.what,
            "state": self.state,
            "stopping": running and self.stopping,
            "total": self.total,
            "done": self.done,
            "refused": self.refused,
            "eta_seconds": self._seconds() if running else None,
            "words": self.words,
            "name": self.name if self.file is not None else "",
        }

    def _seconds(self) -> float | None:
        if not self.done:
            return None
        return (time.monotonic() - self._began) / self.done * (self.total - self.done)

    def _work(self) -> None:
        try:
            self._run(self)
            self.state = "stopped" if self.stopping and self.done < self.total else "done"
        except Exception as error:
            if not isinstance(error, Refused | OSError):
                log.error("reports could not be made (%s)", type(error).__name__)  # its text may hold a film's
            self.words = words_of(error)
            self.state = "failed"
