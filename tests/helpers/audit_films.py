"""Synthetic films without a secret, for data audits: what is planted in them is all that there is to find."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

SIZE = 96


def draw(number: int) -> np.ndarray:
    """A (96, 96) uint8 picture of soft blots and grain that says nothing of any class."""
    random = np.random.default_rng(number)
    coarse = Image.fromarray(random.normal(120, 40, (9, 9)).astype(np.float32))
    blots = np.asarray(coarse.resize((SIZE, SIZE), Image.Resampling.BICUBIC))
    return np.clip(blots + random.normal(0, 4, (SIZE, SIZE)), 1, 254).astype(np.uint8)


def coded(pixels: np.ndarray, form: str = "PNG", **options: Any) -> bytes:
    """A picture as the bytes of a file."""
    Image.fromarray(pixels).save(out := io.BytesIO(), form, **options)
    return out.getvalue()


def make(root: Path, rows: Sequence[dict[str, Any]], columns: Sequence[str] = ()) -> Path:
    """A folder with a manifest: rows {"path", "label", "bytes", and a value for each further column}."""
    for row in rows:
        path = root / row["path"]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(row["bytes"])
    with (root / "manifest.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["path", "label", *columns])
        writer.writerows([[row["path"], row["label"], *(row.get(column, "") for column in columns)] for row in rows])
    return root


def rows_of(
    classes: Sequence[str], films: int, first: int = 0, plant: Callable[..., bytes] | None = None
) -> list[dict]:
    """Rows of `films` films a class, each drawn by its own number; `plant(label, number, pixels)` gives the bytes."""
    rows = []
    for place, label in enumerate(classes):
        for number in range(films):
            seed = first + place * films + number
            pixels = draw(seed)
            data = plant(label, number, pixels) if plant else coded(pixels)
            ending = "png" if data[:1] == b"\x89" else "jpg"
            rows.append({"path": f"{label}/{seed:04}.{ending}", "label": label, "bytes": data})
    return rows
