"""Times, sizes and states of runs in words, and each state's colour. Draws nothing."""

from __future__ import annotations

import datetime
from typing import Any

from xraykit.ui.fine_tune import snapshot

# Colour and word say the same, so that the state is read without colours too
COLOURS = {
    "queued": "#B9A6EA",
    "running": "#6FB7E9",
    "finished": "#7FC8A0",
    "stopped": "#E8C27A",
    "failed": "#F0877A",
    "lost": "#F0877A",
    snapshot.UNREADABLE: "#9AA7B3",
}
# The same behind white text in a table, dark enough for 4.5 to 1
TAGS = {
    "queued": "#5B4A94",
    "running": "#1D6FA8",
    "finished": "#2C6E4E",
    "stopped": "#7A5C1E",
    "failed": "#A03A30",
    "lost": "#A03A30",
    snapshot.UNREADABLE: "#4A545E",
}
STAGES = {
    "waiting for the device": "Waiting for the device",
    "reading films": "Reading films",
    "decoding films": "Decoding films",
    "building the network": "Building the network",
    "passing films through the frozen backbone": "Passing films through the frozen backbone",
    "compiling": "Compiling: the first step takes longer, and counts to no learning time",
    "learning": "Learning",
    "evaluating": "Evaluating",
    "saving": "Saving",
}
NOT_YET = "–"


def state(of: snapshot.Seen) -> str:
    """The state in a word or two: a failed run tells what failed."""
    failure = of.status.get("failure")
    return f"failed: {failure}" if of.state == "failed" and failure else of.state


def duration(seconds: float | None) -> str:
    """1 h 05 min, 12 min, 40 s."""
    if seconds is None or seconds < 0:
        return NOT_YET
    whole = round(seconds)
    if whole < 90:
        return f"{whole} s" if whole or not seconds else "under 1 s"
    if whole < 5400:
        return f"{round(whole / 60)} min"
    return f"{whole // 3600} h {whole % 3600 // 60:02} min"


def left(eta: float | None, now: datetime.datetime | None = None) -> str:
    """How long it still takes and when it will have ended; empty where that is not known."""
    if eta is None or eta < 0:
        return ""
    now = now or datetime.datetime.now()
    end = now + datetime.timedelta(seconds=eta)
    day = "" if end.date() == now.date() else f"{end:%a} "
    return f"about {duration(eta)} left, until {day}{end:%H:%M}"


def clock(moment: object) -> str:
    """Day and time, of today the time alone."""
    found = snapshot.when(moment)
    if found is None:
        return NOT_YET
    return f"{found:%H:%M}" if found.date() == datetime.date.today() else f"{found:%d %b %Y, %H:%M}"


def percent(share: float | None) -> str:
    return NOT_YET if share is None else f"{share:.1%}"


def figure(value: float | None, form: str = ".3f") -> str:
    if value is None:
        return NOT_YET
    least = f"{0.001:{form}}"
    return f"under {least}" if 0 < value < float(least) / 2 else f"{value:{form}}"


def memory(size: float | None) -> str:
    return NOT_YET if not size else f"{size / 2**30:.1f} GiB"


def device(status: dict[str, Any]) -> str:
    """The device by its name; before it has told that, by its key."""
    key = str(status.get("device") or "")
    return str(status.get("device_name") or {"cpu": "Processor"}.get(key, key.upper()))


def how_far(status: dict[str, Any]) -> tuple[float, str]:
    """What share is done, and where the run stands, in words."""
    stage, epochs = str(status.get("stage") or ""), status.get("epochs") or 0
    if status.get("state") == "queued" and stage in ("", "waiting for the device"):
        place = status.get("place")
        line = f"Place {place} in line for the device" if place else "Waiting for the device"
        return 0.0, f"{line}; begins by itself"
    parts = [STAGES.get(stage, stage.capitalize()) or "Starting"]
    done, of = status.get("stage_done"), status.get("stage_of")
    epoch, step, steps = (status.get(key) or 0 for key in ("epoch", "step", "steps"))
    share = (epoch + (step / steps if steps else 0)) / epochs if epochs else 0.0
    if stage == "learning" and epochs:
        parts = [f"Epoch {min(epoch + 1, epochs)} of {epochs}"]
        parts += [f"step {step} of {steps}"] if steps else []
        parts += [f"{rate:,.0f} images/s"] if (rate := status.get("images_per_second")) else []
        parts += [words] if (words := left(status.get("eta"))) else []
    elif of:
        parts.append(f"{done or 0:,} of {of:,}")
        if not epoch:
            share = (done or 0) / of
    return min(max(share, 0.0), 1.0), " · ".join(parts)
