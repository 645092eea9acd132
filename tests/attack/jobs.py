"""Damaged records of jobs, evaluations, operating points and recipes: refused in words; the healthy ones are listed."""

from __future__ import annotations

import json
import random
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from tests.attack import Outcome
from tests.helpers import DATA, damage
from xraykit.evaluation import comparison, evaluation, learning_curve
from xraykit.evaluation.decisions import operating_point
from xraykit.models import kept
from xraykit.refused import Refused
from xraykit.system import jobs, text
from xraykit.training import worker
from xraykit.training.recipe import presets
from xraykit.training.run.run import Run
from xraykit.ui.compare import folder_evaluation as listing
from xraykit.ui.kit import folder_facts

ESTIMATE = {"phases": [{"seconds_per_epoch": 12.5, "epochs": 3}], "seconds": 40.0}
OLD = DATA / "fc00794"
# What Python's modules say of a file; a refusal is in our own words
LIBRARY = ("Errno", "codec", "Traceback", "object has no attribute", "not subscriptable", "unhashable", "line 1 column")


def attack(count: int, seed: int) -> Outcome:
    """Read `count` damaged files by every way that reads such a file, each beside a healthy one."""
    draw, faults, counts = random.Random(seed), [], Counter()
    with tempfile.TemporaryDirectory(prefix="jobs-") as place:
        root = Path(place)
        shutil.copytree(OLD / "evaluation", root / "healthy")
        for number in range(count):
            bad = root / "bad"
            bad.mkdir()
            reader = READERS[number % len(READERS)]
            what = f"{number}: {reader.__name__.strip('_')}: "
            try:
                what += _make(bad, reader, draw)
                reader(bad)
                counts["read"] += 1
            except Refused as refused:
                counts["refused"] += 1
                if any(said in refused.words for said in LIBRARY) or len(refused.words) > 2000:
                    faults.append(f"{what}: says {refused.words}"[:300])
            except Exception as error:  # every exception is a fault of what is attacked
                faults.append(f"{what}: {type(error).__name__}: {error}"[:300])
            if "healthy" not in _listed(root):
                faults.append(f"{what}: the healthy evaluation is not listed")
            shutil.rmtree(bad)
    return Outcome(count, faults, dict(counts))


def _make(bad: Path, reader: Callable[[Path], None], draw: random.Random) -> str:
    """The files that a reader reads, one of them damaged; in words, how."""
    shutil.copytree(OLD / "evaluation", bad, dirs_exist_ok=True)
    shutil.copyfile(OLD / "runs" / "finished" / "recipe.json", bad / "recipe.json")
    shutil.copyfile(OLD / "runs" / "finished" / "history.csv", bad / "history.csv")
    (bad / "validation.json").write_text(_validation().to_json(), "utf-8")
    point = operating_point.choose(_validation(), "Normal", sensitivity=0.5)
    (bad / "point.json").write_text(point.to_json(), "utf-8")
    (bad / "estimate.json").write_text(json.dumps(ESTIMATE), "utf-8")
    path = bad / draw.choice(FILES[reader])
    if draw.random() < 0.2:
        return damage.whole(path, draw)
    return damage.cells(path, draw) if path.suffix == ".csv" else damage.anywhere(path, draw)


def _validation() -> evaluation.Evaluation:
    return evaluation.load(OLD / "kept" / "tiny-kept" / "validation.json")


def _listed(root: Path) -> list[str]:
    """As the page Compare lists evaluations."""
    names = []
    for job in jobs.list_jobs(root):
        if (state := jobs.state_of(job)) is not None:
            for path in job.results():
                listing._label(job, state, path, {}).encode()
            names.append(job.name)
    return names


def _job(bad: Path) -> None:
    """A job's state and what its folder of films held, as the pages show them."""
    job = jobs.Job(bad)
    state, contents = job.state(), listing._contents(job)
    json.dumps({**state.to_json(), **dict.fromkeys(state.other)}, allow_nan=False)  # others are not shown
    for words in (state.message, *(folder_facts._refused_row(film) for film in state.refused_films)):
        words.encode()
    listing._hashes(job)
    if contents:
        (folder_facts._facts(contents) + folder_facts._oddities(contents)).encode()
        folder_facts.given_words(contents).encode()


def _evaluation(bad: Path) -> None:
    """An evaluation by every way it is read, with every figure made of it."""
    listing._load(bad / "evaluation.json")
    test = kept.load_evaluation(bad / "evaluation.json")
    json.dumps(test.metrics(), default=vars, allow_nan=False)
    test.report()
    test.to_json().encode()
    comparison.compare([test, evaluation.load(OLD / "evaluation" / "evaluation.json")])


def _parts(bad: Path) -> None:
    for part in evaluation.load_parts(bad).values():
        part.to_json().encode()


def _history(bad: Path) -> None:
    curve = learning_curve.read_curve(learning_curve.load(bad / "history.csv"))
    json.dumps(curve.words, allow_nan=False).encode()


def _point(bad: Path) -> None:
    written = (bad / "point.json").read_bytes().decode("utf-8", "replace") if (bad / "point.json").is_file() else ""
    point = operating_point.OperatingPoint.from_json(written)
    applied = operating_point.apply(point, _validation(), point.sha256)
    applied.to_json().encode()


def _recipe(bad: Path) -> None:
    presets.load(bad / "recipe.json").to_json().encode()


def _estimate(bad: Path) -> None:
    """Seconds of an estimate: for the time left alone, so a damaged one is none."""
    for seconds in worker._estimated(Run(bad)):
        text.duration(seconds).encode()


FILES: dict[Callable[[Path], None], tuple[str, ...]] = {
    _job: ("progress.json", "films.json"),
    _evaluation: ("evaluation.json",),
    _parts: ("evaluation.json", "validation.json"),
    _history: ("history.csv",),
    _point: ("point.json",),
    _recipe: ("recipe.json",),
    _estimate: ("estimate.json",),
}
READERS = tuple(FILES)
