"""Text: the one way in which durations, times of day, names, sizes and percentages are written. No library."""

from __future__ import annotations

import datetime
import math

NOT_KNOWN = "–"
LONG = 1000 * 86_400  # seconds; beyond it nobody counts hours
QUOTED = 80  # letters of a name that somebody gave, in a message


def duration(seconds: float | None) -> str:
    """1 h 05 min, 12 min, 40 s; a dash where it is not known."""
    if seconds is None or not 0 <= seconds < math.inf:
        return NOT_KNOWN
    if seconds > LONG:
        return "over 1000 days"
    whole = round(seconds)
    if whole < 90:
        return f"{whole} s" if whole or not seconds else "under 1 s"
    if whole < 5400:
        return f"{round(whole / 60)} min"
    return f"{whole // 3600} h {whole % 3600 // 60:02} min"


def duration_range(least: float | None, most: float | None) -> str:
    """12 to 20 min; 50 s to 2 min; a single duration where both are written alike."""
    low, high = duration(least), duration(most)
    if low == high or NOT_KNOWN in (low, high):
        return high
    (number, _, unit), (_, _, other) = low.rpartition(" "), high.rpartition(" ")
    plain = unit == other and number.isdigit() and high.count(" ") == 1  # not of hours, which bring minutes along
    return f"{number if plain else low} to {high}"


def time_left(eta: float | None, now: datetime.datetime | None = None) -> str:
    """How long it still takes and when it will have ended; empty where that is not known."""
    if eta is None or not 0 <= eta < math.inf:
        return ""
    if eta > LONG:
        return f"{duration(eta)} left"
    now = now or datetime.datetime.now()
    end = now + datetime.timedelta(seconds=eta)
    day = "" if end.date() == now.date() else f"{end:%a} "
    return f"about {duration(eta)} left, until {day}{end:%H:%M}"


def clock(moment: str | None) -> str:
    """Day and time of an ISO 8601 text on this computer's clock, of today the time alone; a dash where it is none."""
    try:
        local = datetime.datetime.fromisoformat(moment or "").astimezone().replace(tzinfo=None)
    except (ValueError, OverflowError, OSError):
        return NOT_KNOWN
    return f"{local:%H:%M}" if local.date() == datetime.date.today() else f"{local:%d %b %Y, %H:%M}"


def timestamp(seconds: float) -> str:
    """2026-11-20 09:30:42 on this computer's clock, of seconds since 1970; a dash where there is no such time."""
    try:
        return f"{datetime.datetime.fromtimestamp(seconds):%Y-%m-%d %H:%M:%S}"
    except (ValueError, OverflowError, OSError):
        return NOT_KNOWN


def quoted(name: str) -> str:
    """A name that somebody gave, in a message: line ends and letters that turn the line round are written out."""
    return repr(name if len(name) <= QUOTED else f"{name[:QUOTED]}...")


def percent(share: float | None) -> str:
    """0.95 as 95.0%; a dash where it is not known."""
    return NOT_KNOWN if share is None else f"{share:.1%}"


def decimal(value: float | None) -> str:
    """Three decimals; what is less than half of the last one is told as such, a dash where it is not known."""
    if value is None:
        return NOT_KNOWN
    return "under 0.001" if 0 < value < 0.0005 else f"{value:.3f}"


def size(size: float | None) -> str:
    """Bytes as 12 KiB, 8.5 MiB or 5.1 GiB; a dash where it is not known."""
    if size is None:
        return NOT_KNOWN
    if size < 2**20:
        return f"{math.ceil(size / 2**10)} KiB"
    return f"{size / 2**20:.1f} MiB" if size < 2**30 else f"{size / 2**30:.1f} GiB"
