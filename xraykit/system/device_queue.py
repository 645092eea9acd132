"""The device queue: one run at a time on each device, first come first served."""

from __future__ import annotations

import contextlib
import re
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

from xraykit.system import devices, files, folders
from xraykit.system.devices import ALL, AUTO, CPU, DeviceRefused
from xraykit.system.job_folder.job_folder import Stopped

POLL_SECONDS = 0.5


@contextlib.contextmanager
def turn(
    asked: str,
    name: str,
    *,
    waiting: Callable[[str, int], None] = lambda key, place: None,
    stopped: Callable[[], bool] = lambda: False,
    backend: str = "tensorflow",
) -> Iterator[str]:
    """Wait in the queue for a device and hold it: one run per device, first come first served; yields the device's key.

    `asked` is a key, "all gpus" or "auto": a free GPU, else the GPU with the shortest queue, else the CPU. `waiting`
    is called with the key and the position in the queue (1 = next) whenever they change.

    Raises
    ------
    DeviceRefused
        If there is no such device.
    Stopped
        When `stopped` says so while it waits.
    """
    if asked == ALL:
        _choose(asked, backend)
        with contextlib.ExitStack() as turns:  # always in the same order, so that no two wait for each other
            for gpu in devices.gpus()[0]:
                turns.enter_context(turn(gpu.key, name, waiting=waiting, stopped=stopped, backend=backend))
            yield ALL
        return
    with _line_changing():
        key = _choose(asked, backend)
        ticket, path = _take_ticket(key, name)
    try:
        reported = ("", 0)
        while place := _place(path):
            if stopped():
                raise Stopped("Stopped while waiting for a device.")
            if (key, place) != reported:
                reported = key, place
                waiting(key, place)
            time.sleep(POLL_SECONDS)
            if asked == AUTO:
                key, ticket, path = _move_to_free(key, ticket, path, name, backend)
        yield key
    finally:
        with _line_changing():  # else another looks at the ticket that goes, or takes one of its name
            ticket.close()
            path.unlink(missing_ok=True)


def _move_to_free(key: str, ticket: IO[Any], path: Path, name: str, backend: str) -> tuple[str, IO[Any], Path]:
    """Change queues where another GPU has become free: who waits for any need not wait for the first choice."""
    with _line_changing():
        better = _choose(AUTO, backend)
        if better == key or _tickets(_line_folder(better)):
            return key, ticket, path
        ticket.close()
        path.unlink(missing_ok=True)
        return (better, *_take_ticket(better, name))


def line(key: str) -> list[str]:
    """Names of the runs at a device: the first has it, the others are queued in this order."""
    folder = _line_folder(key)
    if not folder.is_dir():
        return []
    with _line_changing():
        return [path.name.partition("-")[2] for path in _tickets(folder)]


def choose(asked: str, backend: str = "tensorflow") -> str:
    """The key of the device that a run which asks for this would queue for; raises DeviceRefused."""
    with _line_changing():
        return _choose(asked, backend)


def _choose(asked: str, backend: str) -> str:
    available = devices.available()
    if asked == ALL:
        _check_all(sum(device.key != CPU for device in available), backend)
        return ALL
    if asked != AUTO:
        if asked not in {device.key for device in available}:
            keys = ", ".join(device.key for device in available)
            raise DeviceRefused(f"This computer has no device {asked!r}. Choose one of {keys}, or auto.")
        return asked
    lengths = {device.key: len(_tickets(_line_folder(device.key))) for device in available}
    usable = [device for device in available if device.key != CPU and devices.reaches_gpu(backend)]
    if not usable:
        return CPU
    return min(usable, key=lambda device: (lengths[device.key], -(device.memory_free or 0))).key


def _check_all(count: int, backend: str) -> None:
    """Refuse to train on all GPUs as one where that cannot be done."""
    if backend != "jax":
        raise DeviceRefused(
            f"Training on all GPUs at once needs the backend jax; the recipe's is {backend}. Choose jax, or one GPU."
        )
    if count < 2:
        raise DeviceRefused(
            f"Training on all GPUs at once needs two or more; this computer has {count or 'none'}. Choose one of "
            f"{', '.join(device.key for device in devices.available())}, or auto."
        )


def _take_ticket(key: str, name: str) -> tuple[IO[Any], Path]:
    """A file at the end of the line, locked: it counts for as long as its process lives."""
    folder = _line_folder(key)
    folders.make_private(folder)
    taken = [int(path.name.partition("-")[0]) for path in _tickets(folder)]
    path = folder / f"{max(taken, default=0) + 1:08}-{name}"
    ticket = path.open("a")
    files.try_lock(ticket)
    return ticket, path


def _tickets(folder: Path) -> list[Path]:
    """Tickets whose process lives, in order; those of dead ones are cleared away."""
    alive = []
    for path in sorted(folder.glob("[0-9]*-*")):
        with path.open() as file:
            dead = files.try_lock(file, shared=True)
        if dead:
            path.unlink(missing_ok=True)
        else:
            alive.append(path)
    return alive


def _place(ticket: Path) -> int:
    """How many are before this ticket."""
    with _line_changing():
        return sum(path.name < ticket.name for path in _tickets(ticket.parent))


@contextlib.contextmanager
def _line_changing() -> Iterator[None]:
    """Only one process at a time looks at the lines of this computer or changes them."""
    folder = _lines_folder()
    folders.make_private(folder)
    with (folder / "lock").open("a") as file:
        while not files.try_lock(file):
            time.sleep(0.005)
        yield


def _line_folder(key: str) -> Path:
    return _lines_folder() / key.replace(" ", "-")


def _lines_folder() -> Path:
    """Below the cache folder and the computer's name: a home on a file server is shared by several computers."""
    return folders.cache_folder() / "devices" / re.sub(r"[^A-Za-z0-9.-]", "-", socket.gethostname() or "here")
