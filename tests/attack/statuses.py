"""Run folders with damaged records: each is shown or refused in words, and never keeps a healthy run from its list."""

from __future__ import annotations

import dataclasses
import json
import random
import shutil
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

from tests.attack import Outcome
from tests.helpers import damage, run_folders
from xraykit.cli import runs as command_line
from xraykit.refused import Refused
from xraykit.training.run.run import Run, Status, list_runs
from xraykit.ui.fine_tune import snapshot
from xraykit.ui.fine_tune.run import table, view

RECORDS = ("status.json", "recipe.json", "data.json", "events.jsonl", "log.txt", "lock")
TABLES = ("history.csv", "moments.csv", "device.csv")
FIELDS = tuple(field.name for field in dataclasses.fields(Status))


def attack(count: int, seed: int) -> Outcome:
    """Read `count` damaged runs as the page and the command line do, each beside a healthy one."""
    random_ = random.Random(seed)
    faults, counts = [], Counter()
    with tempfile.TemporaryDirectory(prefix="statuses-") as folder:
        root = Path(folder)
        healthy = run_folders.write(root, "healthy", state="finished")
        original = run_folders.write(root, ".original", state="finished").path
        for k in range(count):
            run = Run(root / f"damaged-{k}")
            shutil.copytree(original, run.path)
            what = _damage(run.path, random_)
            try:
                counts[_read(run)] += 1
                if healthy.name not in [listed.name for listed in list_runs(root)]:
                    faults.append(f"{what}: the healthy run is not listed")
            except Refused:
                counts["refused"] += 1
            except Exception as error:  # whatever it is, it is the fault looked for
                faults.append(f"{what}: {type(error).__name__}: {str(error)[:100]}")
            shutil.rmtree(run.path)
    return Outcome(count, faults, dict(counts))


def _damage(folder: Path, random_: random.Random) -> str:
    """Damage one file, or some fields of the status; returns what was done."""
    kind = random_.choice(("fields", "fields", "fields", "cells", "cells", "whole", "whole", "whole"))
    if kind == "fields":
        return _damage_fields(folder / "status.json", random_)
    if kind == "cells":
        return damage.cells(folder / random_.choice(TABLES), random_)
    return damage.whole(folder / random_.choice((*RECORDS, *TABLES)), random_)


def _damage_fields(path: Path, random_: random.Random) -> str:
    fields = {name: json.dumps(value) for name, value in json.loads(path.read_text("utf-8")).items()}
    changed = {name: random_.choice(damage.EXTREMES) for name in random_.sample(FIELDS, random_.randint(1, 3))}
    whole = {**fields, **changed}
    path.write_text("{" + ", ".join(f'"{name}": {value}' for name, value in whole.items()) + "}", "utf-8")
    return f"status.json: {', '.join(f'{name}={value[:30]}' for name, value in changed.items())}"


def _read(run: Run) -> str:
    """As the page of a run, the table of runs and `runs list` and `runs show` read it; "unreadable" or "read"."""
    import pyarrow

    taken: Any = snapshot.take(run)
    texts = [command_line._line(run), view._head(taken), snapshot.log_tail(run)]
    texts += [json.dumps(table.columns([taken])), json.dumps(run.events())]
    pyarrow.table(table.columns([taken]))
    if taken.status is not None:
        texts += [
            view.progress_words(taken.status),
            view._tiles(taken, taken.status),
            str(command_line._facts(taken.status)),
        ]
        assert 0 <= taken.status.share <= 1
    points = {"curve": snapshot.curve_points(run), "device": snapshot.device_points(run)}
    texts += [json.dumps(points, allow_nan=False), snapshot.training_curve(run).to_json()]
    snapshot.test_hashes(run)
    view._curve_chart("loss", "Loss")
    for text in texts:
        text.encode()
    return "unreadable" if taken.status is None else "read"
