"""How a run ends: its state, why, and what to do about it, whatever the disk says."""

from __future__ import annotations

import contextlib
import errno
import json
import time
import traceback
from typing import Any

from xraykit.refused import Refused
from xraykit.system import files
from xraykit.system.job_folder.job_folder import Stopped
from xraykit.system.job_folder.record import State
from xraykit.training.run import failures
from xraykit.training.run.run import STATUS, Run


def end_of(run: Run, error: BaseException) -> dict[str, Any]:
    """State, failure, advice and message of a run that did not finish; the traceback goes to log.txt."""
    if isinstance(error, Stopped):
        return {"state": State.STOPPED, "message": str(error)}
    if not (run.path / STATUS).exists():
        return {"state": State.LOST}
    with contextlib.suppress(OSError), (run.path / "log.txt").open("a", encoding="utf-8") as log:
        # What led to a refusal is a library's, and may hold what stands in a file: it is not told
        chain = not isinstance(error, Refused)
        log.write("".join(traceback.format_exception(error, chain=chain)))  # a full disk must not hide why it failed
    return {
        "state": State.FAILED,
        "failure": failures.kind_of(error),
        "advice": failures.advice(error),
        "message": failures.words(error)[:500],
    }


def leave(run: Run, end: dict[str, Any]) -> State:
    """Write the state that the run ends in, whatever the disk says; nothing where its folder is gone."""
    state = end["state"]
    end |= {"stage": None, "place": None, "load": None, "memory": None, "ended": files.now()}
    end["eta"] = 0.0 if state is State.FINISHED else None
    if state is State.LOST or not _write_end(run, end):
        return State.LOST
    with contextlib.suppress(OSError):  # the status has said it; a full disk has no room for the event
        run.event(state, **{key: end[key] for key in ("failure", "message") if end.get(key)})
        run.forget_stop()
    return state


def _write_end(run: Run, end: dict[str, Any]) -> bool:
    """False where the run's folder is gone."""
    for pause in (0.0, 0.2, 0.5, 1.0):
        time.sleep(pause)
        if not (run.path / STATUS).exists():
            return False
        try:
            run.update(**end)
            return True
        except OSError as error:
            if error.errno not in (*failures.FULL, errno.ENOENT):
                raise
    _write_in_place(run, end)
    return True


def _write_in_place(run: Run, end: dict[str, Any]) -> None:
    """Overwrite the old status, whose room on the disk it has: no new file can be made."""
    path = run.path / STATUS
    text = json.dumps({**run.read(STATUS), **end, "heartbeat": time.time()}).encode()
    with path.open("r+b") as file:
        file.write(text.ljust(path.stat().st_size))
        file.truncate()
