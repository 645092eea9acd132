"""Run folders in every state, written by hand: what a page is to make of them, without a training."""

from __future__ import annotations

import json
import math
import time
from pathlib import Path

from xraykit.training.recipe import presets
from xraykit.training.run.run import FORMAT, Run

ENDED = {
    "finished": {"eta": 0},
    "stopped": {},
    "out of memory": {
        "state": "failed",
        "failure": "out of memory",
        "message": "The device has 6.0 GiB; the network asked for 7.4 GiB, at half the batch as well.",
        "advice": "Halve the batch size, or take smaller films, then resume with “Duplicate and edit”.",
    },
    "data": {
        "state": "failed",
        "failure": "data",
        "message": "Expected Normal/film-003.png; it is gone since the run began.",
        "advice": "Restore the films, or give the folder where they are now, then resume.",
    },
    "weights": {
        "state": "failed",
        "failure": "weights",
        "message": "Expected a weight file; there is none at imagenet.h5.",
        "advice": "Put the weight file into the folder that XRAYKIT_IMAGENET names, then resume.",
    },
    "diverged": {
        "state": "failed",
        "failure": "diverged",
        "message": "Loss is not a number at step 212, learning rate 0.5.",
        "advice": "Lower the learning rate tenfold, or add an epoch of warm-up.",
    },
    "disk": {
        "state": "failed",
        "failure": "disk",
        "message": "No space left on the device while writing the checkpoint.",
        "advice": "Free some space, then resume: the last checkpoint is whole.",
    },
    "recipe": {
        "state": "failed",
        "failure": "recipe",
        "message": "phase 1, learning rate: expected above 0, at most 1; got -1.",
        "advice": "Correct recipe.json, or start anew with a recipe from the page.",
    },
    "device": {
        "state": "failed",
        "failure": "device",
        "message": "This computer has no device 'gpu 3'.",
        "advice": "Resume the run on a device of this computer.",
    },
    "checkpoint": {
        "state": "failed",
        "failure": "checkpoint",
        "message": "The checkpoint state.npz of the run checkpoint is damaged: it was cut short or changed.",
        "advice": "The run cannot be resumed. Start a new run with the same recipe.",
    },
    "crashed": {
        "state": "failed",
        "failure": "crashed",
        "message": "Segmentation fault in the backend.",
        "advice": "Look at the log below; resume from the last checkpoint.",
    },
    "lost": {"state": "running"},  # says running, and nobody holds the lock
}


def write(root: Path, name: str, *, recipe: str = "strong-imagenet", epochs: int = 12, **status) -> Run:
    """A run folder with curves of `epochs` epochs; `status` adds to status.json."""
    run = Run(root / name)
    run.path.mkdir(parents=True)
    chosen = presets.NAMED[recipe]
    (run.path / "recipe.json").write_text(chosen.to_json())
    now = time.time()
    facts = {
        "format": FORMAT,
        "state": "running",
        "created": "2026-11-20T09:30:00+00:00",
        "data": "/films/darkcovid",
        "asked_device": "auto",
        "device": "gpu 0",
        "device_name": "NVIDIA RTX A4000",
        "backend": "tensorflow",
        "stage": "learning",
        "epoch": epochs,
        "epochs": chosen.epochs,
        "step": 21,
        "steps": 71,
        "phase": 1,
        "images_per_second": 412.0,
        "eta": 754.0,
        "loss": 0.31,
        "accuracy": 0.93,
        "val_loss": 0.36,
        "val_accuracy": 0.91,
        "best_epoch": max(0, epochs - 3),
        "best_loss": 0.352,
        "best_accuracy": 0.914,
        "learning_seconds": 1312.0,
        "queued_seconds": 42.0,
        "split": 1,
        "precision": "mixed_float16",
        "load": 0.94,
        "memory": 5.1 * 2**30,
        "parameters": 3_571_011,
        "pid": 4242,
        "heartbeat": now,
        "progressed": now,
        "started": "2026-11-20T09:30:42+00:00",
    }
    run.write("status.json", facts | status)
    _curves(run, epochs, now)
    (run.path / "log.txt").write_text("".join(f"epoch {k}: loss {1 / (k + 1):.4f}\n" for k in range(epochs)))
    (run.path / "events.jsonl").write_text('{"time": "2026-11-20T09:30:00+00:00", "event": "created"}\n')
    return run


def every_state(root: Path) -> dict[str, Run]:
    """One run of each end, one that goes on and one that waits; the last two need their lock held to look alive."""
    runs = {name: write(root, name.replace(" ", "-"), **({"state": name} | facts)) for name, facts in ENDED.items()}
    runs["running"] = write(root, "running")
    runs["queued"] = write(
        root,
        "queued",
        epochs=0,
        state="queued",
        place=2,
        stage="waiting for the device",
        epoch=0,
        eta=None,
        images_per_second=None,
        best_epoch=None,
        best_loss=None,
        best_accuracy=None,
        learning_seconds=0,
        step=0,
    )
    runs["broken"] = write(root, "broken")
    (runs["broken"].path / "status.json").write_text("{")
    runs["another version"] = write(root, "another-version", format=99)
    return runs


def _curves(run: Run, epochs: int, now: float) -> None:
    rows = ["epoch,phase,loss,accuracy,val_loss,val_accuracy,learning_rate,seconds"]
    moments = ["epoch,loss,accuracy,learning_rate,images_per_second"]
    for k in range(epochs):
        loss, rate = 0.25 + 0.9 * math.exp(-k / 4), 1e-3 if k < 8 else 5e-4 * (1 - (k - 8) / 14)
        rows.append(
            f"{k},{int(k >= 8)},{loss:.4f},{1 - loss / 2:.4f},{loss + 0.05:.4f},{0.97 - loss / 2:.4f},{rate},60"
        )
        for part in range(10):
            wobble = 0.04 * math.sin(7 * k + 3 * part)
            moments.append(f"{k + part / 10:.2f},{loss + wobble:.4f},{1 - loss / 2 - wobble / 3:.4f},{rate},410")
    device = ["time,load,memory"]
    device += [f"{now - 2 * (300 - k):.1f},{0.9 + 0.08 * math.sin(k):.3f},{int(5.1 * 2**30)}" for k in range(300)]
    texts = {"history.csv": rows, "moments.csv": moments, "device.csv": device}
    for file, lines in texts.items():
        (run.path / file).write_text("\n".join(lines) + "\n")


def data(run: Run, root: Path, films: dict[str, list[str]]) -> None:
    """A data.json that names films with their part: {"test": [...], ...}."""
    listed = [
        {"film": film, "sha256": "0" * 64, "label": film.split("/")[0], "part": part}
        for part, names in films.items()
        for film in names
    ]
    (run.path / "data.json").write_text(json.dumps({"name": root.name, "root": str(root), "films": listed}))
