"""`runs keep` killed, held up, or out of room at any moment: no model is lost, and none that is half made is listed.

Most attempts are forks of one process, with the converted graph at hand, in which something happens at one file-system
call after the other; some are fresh processes that convert a network, killed from outside.
"""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import psutil

from tests.attack import Outcome, tally
from tests.helpers import DATA, ROOT, moments, warm
from tests.helpers.moments import Moment
from xraykit.models import classifier, kept
from xraykit.system.folders import BEFORE, UNFINISHED
from xraykit.truth.seen import films as seen

NAME = "tiny-kept"
OLD = DATA / "fc00794"
NEW_TITLE = "The one that replaces it"
FRESH = 30  # one in so many attempts is a fresh process
SIGNS = (f".{NAME}.*.{UNFINISHED}", f".{NAME}.*/model.keras", f".{NAME}.*/.converting-*", f".{NAME}.*/card.json")
HANG = 300.0  # seconds that no attempt takes


def prepare() -> None:
    """In the process that is forked: import what keeping needs, and have the converted graph at hand."""
    import ai_edge_litert.interpreter  # noqa: F401
    import scipy.optimize
    import scipy.sparse.csgraph
    import scipy.stats  # noqa: F401

    from xraykit.models.cards.card import BODY, HEAD
    from xraykit.models.conversion import convert
    from xraykit.training import keep  # noqa: F401

    def copy(network: Path, folder: Path, **_: object) -> None:
        for file in (BODY, HEAD):
            shutil.copyfile(OLD / "kept" / NAME / file, folder / file)

    convert.convert_in_subprocess = copy


def attack(count: int, seed: int) -> Outcome:
    """`count` attempts, each followed by a listing and by keeping again."""
    with tempfile.TemporaryDirectory(prefix="keeps-") as place:
        bench = Bench(Path(place))
        try:
            return tally(_attempts(bench, count, random.Random(seed)), bench)
        finally:
            bench.stable.close()


class Bench:
    """A finished run, its films, and a folder of models that is made anew for each attempt."""

    def __init__(self, place: Path) -> None:
        self.place, self.weights = place, place / "weights"
        shutil.copytree(OLD / "runs" / "finished", place / "runs" / "finished")
        self.stable = warm.Stable("tests.attack.keeps:prepare")
        self.old = kept.load_kept(OLD / "kept" / NAME)
        self.number = 0

    def anew(self, holds_old: bool) -> None:
        if self.weights.exists():
            shutil.rmtree(self.weights)
        self.weights.mkdir()
        if holds_old:
            shutil.copytree(OLD / "kept" / NAME, self.weights / NAME)

    def command(self, replace: bool) -> list[str]:
        keep = ["runs", "keep", "finished", "--runs", str(self.place / "runs"), "--as", NAME, "--title", NEW_TITLE]
        return [*keep, "--data", str(OLD / "films"), *(["--replace"] if replace else [])]

    def environment(self) -> dict[str, str]:
        return {"XRAYKIT_WEIGHTS": str(self.weights), "XRAYKIT_CACHE": str(self.place / "cache")}

    def begin(self, replace: bool, moment: Moment | None = None) -> tuple[warm.Process, Path]:
        """A fork that keeps the run, and the file that it prints to."""
        self.number += 1
        log = self.place / f"{self.number}.log"
        told = self.environment() | (moment.environment() if moment else {})
        return self.stable.spawn(self.command(replace), log, environment=told), log

    def begin_fresh(self, replace: bool) -> subprocess.Popen:
        return subprocess.Popen(
            [sys.executable, "-m", "xraykit", *self.command(replace)],
            env={**os.environ, **self.environment(), "PYTHONPATH": str(ROOT)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def moments(self, replace: bool) -> int:
        """How many file-system calls keeping makes in the folder of models."""
        self.anew(replace)
        counted = self.place / "counted"
        counted.unlink(missing_ok=True)
        process, log = self.begin(replace, Moment(str(self.weights), counted=str(counted)))
        process.wait(HANG)
        assert "Saved as" in log.read_text(), log.read_text()
        return len(moments.lines(counted))

    def listed(self) -> str:
        """ "old", "new" or "none": what a listing shows, after it was held against what it must be."""
        cards, refused = classifier.available(self.weights)
        assert not refused, f"listed as damaged: {refused[0].words}"
        assert [card.name for card in cards] in ([], [NAME]), f"listed: {[card.name for card in cards]}"
        left = [path.name for path in self.weights.glob(".*") if path.suffix in (f".{UNFINISHED}", f".{BEFORE}")]
        assert not left, f"left behind: {left}"
        if not cards:
            return "none"
        loaded = kept.load_kept(self.weights / NAME)
        classifier.load(self.weights / NAME)
        for theirs, ours in ((self.old.test, loaded.test), (self.old.validation, loaded.validation)):
            assert theirs is not None and ours is not None and (theirs.predicted == ours.predicted).all(), "figures"
        if loaded.card.title == NEW_TITLE:
            missing = self.old.card.files.keys() - loaded.card.files.keys()  # the old model remembers no films
            assert not missing and seen.load(self.weights / NAME), f"not whole: {sorted(loaded.card.files)}"
            return "new"
        assert loaded.card == self.old.card, "the card is another"
        return "old"

    def check(self, replace: bool) -> str:
        """What stands after an attempt; keeping again must give a whole new model."""
        stands = self.listed()
        assert stands != "none" or not replace, "the old model is lost"
        process, log = self.begin(replace)
        process.wait(HANG)
        said = log.read_text()
        if stands == "new" and not replace:
            assert "There is a model named" in said, said
        else:
            assert "Saved as" in said, f"keeping again: {said}"
        assert self.listed() == "new"
        return stands


@dataclass(frozen=True)
class Forked:
    """Something happens to a fork at its n-th file-system call."""

    act: str
    at: int
    replace: bool

    def make(self, bench: Bench) -> str:
        bench.anew(self.replace)
        process, log = bench.begin(self.replace, Moment(str(bench.weights), self.act, self.at))
        process.wait(HANG)
        said = log.read_text()
        if self.act == moments.KILL:
            return f"{self.act}: {bench.check(self.replace)}"
        assert "Traceback" not in said, said
        assert ("Error: " in said) != ("Saved as" in said), said or "nothing was said"
        stands = bench.check(self.replace)
        assert stands == "new" or "Saved as" not in said, f"said to be saved, and is not: {stands}"
        return f"{self.act}: {stands}"


@dataclass(frozen=True)
class Two:
    """A fork is held up at its n-th call while another keeps under the same name, and goes on."""

    at: int
    replace: bool

    def make(self, bench: Bench) -> str:
        bench.anew(self.replace)
        first, first_log = bench.begin(self.replace, Moment(str(bench.weights), moments.PAUSE, self.at))
        _wait_until_stopped(first)
        second, second_log = bench.begin(self.replace)
        second.wait(HANG)
        first.go_on()
        first.wait(HANG)
        said = [log.read_text() for log in (first_log, second_log)]
        saved = ["Saved as" in words for words in said]
        for words in said:
            refused = "Another process is saving" in words or "There is a model named" in words
            assert ("Saved as" in words) != refused, words or "nothing was said"
        assert any(saved), f"neither was saved: {said}"
        assert self.replace or not all(saved), f"both were saved: {said}"
        assert bench.check(self.replace) == "new"
        return "two at once: " + ("one after the other" if all(saved) else "one")


@dataclass(frozen=True)
class Fresh:
    """A fresh process, which converts, is killed from outside: a while after a sign of how far it is."""

    sign: str
    seconds: float
    replace: bool

    def make(self, bench: Bench) -> str:
        bench.anew(self.replace)
        process = bench.begin_fresh(self.replace)
        while process.poll() is None and not any(bench.weights.glob(self.sign)):
            time.sleep(0.01)
        time.sleep(self.seconds)
        children = _children(process.pid)
        process.kill()
        process.wait()
        stands = bench.check(self.replace)
        _, alive = psutil.wait_procs(children, timeout=60)
        assert not alive, f"outlive it: {alive}"
        return f"kill of a fresh process: {stands}"


def _attempts(bench: Bench, count: int, draw: random.Random) -> list[Forked | Two | Fresh]:
    """Every act at every call of keeping, as many as are asked for, and some fresh processes."""
    fresh = max(1, count // FRESH)
    signs = [SIGNS[i % len(SIGNS)] for i in range(fresh)]
    attempts: list = [Fresh(sign, draw.uniform(0, 1), bool(i % 2)) for i, sign in enumerate(signs)]
    places = {replace: range(1, bench.moments(replace) + 1) for replace in (True, False)}
    every = {
        act: [(at, replace) for replace, numbers in places.items() for at in numbers]
        for act in (*moments.ACTS, moments.KILL)  # kills twice as often
    }
    for pairs in every.values():
        draw.shuffle(pairs)
    acts = list(every)
    for k in range(count - fresh):
        act = acts[k % len(acts)]
        at, replace = every[act][k // len(acts) % len(every[act])]
        attempts.append(Two(at, replace) if act == moments.PAUSE else Forked(act, at, replace))
    return attempts


def _wait_until_stopped(process: warm.Process) -> None:
    while process.poll() is None and psutil.Process(process.pid).status() != psutil.STATUS_STOPPED:
        time.sleep(0.002)


def _children(pid: int) -> list[psutil.Process]:
    try:
        return psutil.Process(pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return []
