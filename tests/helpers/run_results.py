"""What a run's folder holds at its end, beside what `run_folders` writes: films, readings, events, a network."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.helpers import kept_models, run_folders
from xraykit.training.run.run import Run

CLASSES = kept_models.CLASSES
ROOT = "/home/jroe/MRN-4711/darkcovid"
PLANTED = ("jroe", "MRN-4711", "ROE^JOHN", "workstation-7", "film-00")  # user, folder, patient, host, films
GROUPS = {"kind": "near-duplicates", "column": "", "distance": 16}
FINISHED = {"state": "finished", "ended": "2026-11-20T10:02:10+00:00", "stage": None, "step": 0, "eta": 0.0}


def write(root: Path, name: str = "finished", *, epochs: int = 22, n: int = 240, **status: Any) -> Run:
    """A finished run with its readings, unless `status` says otherwise; private names are planted in its files."""
    run = run_folders.write(root, name, epochs=epochs, **{"data": ROOT, **FINISHED, **status})
    (run.path / "data.json").write_text(json.dumps(data(n)))
    (run.path / "log.txt").write_text("workstation-7: reading /home/jroe/MRN-4711/darkcovid/ROE^JOHN.png\n")
    events(run, ["created", "started", "finished"])
    if run.recorded().state == "finished":
        finish(run, n)
    return run


def finish(run: Run, n: int = 240, skill: float = 3.0) -> None:
    """The readings of validation and test films, and a network."""
    for file, seed, films in (("validation.json", 1, n // 2), ("evaluation.json", 2, n)):
        reading = kept_models.readings(run.name, films, seed=seed, skill=skill, data="darkcovid, its split")
        (run.path / file).write_text(reading.to_json())
    (run.path / "model.keras").write_bytes(b"a network of " + run.name.encode())


def events(run: Run, names: Sequence[str | dict[str, Any]]) -> None:
    """events.jsonl, a line every four minutes."""
    lines = []
    for place, name in enumerate(names):
        fields = {"event": name} if isinstance(name, str) else name
        lines.append(json.dumps({"time": f"2026-11-20T{9 + place // 15:02}:{place % 15 * 4:02}:00+00:00", **fields}))
    (run.path / "events.jsonl").write_text("\n".join(lines) + "\n")


def data(n: int = 240, classes: Sequence[str] = CLASSES, **more: Any) -> dict[str, Any]:
    """data.json: `n` test films, half as many of validation, eight times as many of training."""
    counts = {
        part: {label: films // len(classes) for label in classes}
        for part, films in (("train", 8 * n), ("validation", n // 2), ("test", n))
    }
    return {
        "name": Path(ROOT).name,
        "root": ROOT,
        "digest": "d" * 64,
        "classes": list(classes),
        "group_rule": GROUPS,
        "groups": 9 * n,
        "division": "drawn",
        "counts": counts,
        "split_digests": dict.fromkeys(counts, "5" * 64),
        "refused": [{"source": "ROE^JOHN.png", "code": "not-an-image", "words": "ROE^JOHN.png is no image."}],
        "films": [{"film": "Normal/ROE^JOHN.png", "sha256": "0" * 64, "label": "Normal", "part": "train"}],
        **more,
    }
