"""What runs below a process."""

from __future__ import annotations

import psutil


def command(process: psutil.Process) -> list[str]:
    """Its program and arguments; none of one that has ended and that nobody has waited for yet."""
    return process.as_dict(["cmdline"], ad_value=[])["cmdline"]


def below(process: psutil.Process | None = None, name: str = "") -> list[psutil.Process]:
    """Those that a process (this one) began, theirs too, whose command holds a name."""
    running = []
    for child in (process or psutil.Process()).children(recursive=True):
        try:
            if name in " ".join(command(child)):
                running.append(child)
        except psutil.NoSuchProcess:
            continue
    return running
