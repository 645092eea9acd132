"""A zip of class folders as large as is wanted, of films of noise, which nothing packs smaller; dropped in Chromium."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from PIL import Image

SIDE = 1600  # pixels
HANG = 120_000  # ms; a limit on hangs, never a measure of speed
ZONE = ".st-key-step-1 input[type=file]"


def write(path: Path, megabytes: int, classes: tuple[str, ...] = ("Normal", "Sick")) -> int:
    """Write the zip, of at least so many MB; returns how many films it has, each of 5 MB and none like another."""
    noise = np.random.default_rng(7).integers(0, 2**16, (SIDE, SIDE), np.uint16)
    films = 0
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        while path.stat().st_size < megabytes * 2**20 or films < 6:
            out = io.BytesIO()
            Image.fromarray(noise + np.uint16(films)).save(out, "PNG", compress_level=0)
            archive.writestr(f"{classes[films % len(classes)]}/{films:04}.png", out.getvalue())
            films += 1
    return films


def growth_of(pid: int) -> Callable[[], float]:
    """Measures a process of Linux from now on; gives what tells by how many MB its memory has grown at its highest.

    The kernel keeps the highest mark itself (proc_pid_status(5), VmHWM): no peak between two looks is missed.
    """
    before = psutil.Process(pid).memory_info().rss
    Path(f"/proc/{pid}/clear_refs").write_text("5")  # the highest mark begins anew

    def growth() -> float:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
        highest = next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:"))
        return (highest - before) / 2**20

    return growth


def open_drop_zone(page: Any, url: str) -> None:
    """The drop zone for zips on the page Fine-tune."""
    page.goto(f"{url}/fine-tune", timeout=HANG)
    page.get_by_test_id("stMain").get_by_text("Zip file", exact=True).click(timeout=HANG)
    page.locator(ZONE).wait_for(state="attached", timeout=HANG)


def drop(page: Any, path: Path) -> None:
    """Drop the zip there."""
    page.locator(ZONE).set_input_files(str(path), timeout=HANG)


def wait_until_shown(page: Any) -> None:
    """Wait until the page says what films are in the zip."""
    page.get_by_text("Readable films").first.wait_for(timeout=HANG)
