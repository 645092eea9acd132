"""Damaged model folders beside a healthy one: each refused or read, and the healthy one always listed."""

from __future__ import annotations

import copy
import json
import os
import random
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.attack import Outcome
from tests.helpers import DATA, ROOT, damage
from xraykit.models import classifier, kept
from xraykit.reports import tables
from xraykit.reports.truth import card as card_report

TINY = DATA / "tiny-model"
FULL = DATA / "fc00794" / "kept" / "tiny-kept"
SHIPPED = ROOT / "weights" / "mobilenetv2-scratch" / "card.json"
VALUES: tuple[Any, ...] = (
    *(None, True, -1, 0, 42, 10**30, 2**63, 1e300, 5e-324, float("nan"), float("inf"), -0.5),
    *("", "x" * 3000, "../../x", "**b** <b>", "\x1b[2J", "\ud800", "²", "not reported"),
    *([], [[]], [1, "a"], [None], {}, {"a": 1}, {"": {}}, {"x.y": {"²": []}}),
)


def attack(count: int, seed: int) -> Outcome:
    """List `count` damaged folders, each beside a healthy one, and show and compare what was read of it."""
    draw, faults, counts = random.Random(seed), [], Counter()
    with tempfile.TemporaryDirectory() as place:
        root = Path(place)
        shutil.copytree(TINY, root / TINY.name)
        for number in range(count):
            bad = root / "bad"
            what = _make(bad, draw)
            try:
                counts[_judge(root)] += 1
            except Exception as error:  # every exception is a fault of what is attacked
                faults.append(f"{number}: {what}: {type(error).__name__}: {error}"[:300])
            _remove(bad)
    return Outcome(count, faults, dict(counts))


def _judge(root: Path) -> str:
    """What became of the damaged folder; raises AssertionError or what the app raises."""
    cards, refused = classifier.available(root)
    names = [card.name for card in cards]
    assert TINY.name in names, "the healthy model is gone"
    assert len(set(names)) == len(names), "two models of one name"
    for refusal in refused:
        assert len(refusal.words) < 1000, "a refusal without end"
        refusal.words.encode()
    for card in cards:
        report = card_report.report(card)
        assert "Traceback" not in report.html() + report.markdown()
        card.to_json().encode()
    tables.differences(kept.differences(cards), names).written  # noqa: B018 - writes every cell
    tables.costs(kept.costs(cards, [root / name for name in names]), names).written  # noqa: B018
    return "read" if "bad" in names else "refused" if refused else "no model's"


def _make(bad: Path, draw: random.Random) -> str:
    """A damaged model folder; in words, how."""
    shutil.copytree(draw.choice((TINY, FULL)), bad)
    path = bad / "card.json"
    data = json.loads(path.read_text("utf-8"))
    if draw.random() < 0.3:
        shipped = json.loads(SHIPPED.read_text("utf-8"))
        data |= {key: shipped[key] for key in ("classes", "recipe", "data", "metrics", "limits", "software")}
    data["name"] = bad.name
    path.write_text(json.dumps(data), "utf-8")
    if draw.random() < 0.75:
        words = [_change(data, draw) for _ in range(draw.choice((1, 1, 2, 4)))]
        path.write_text(json.dumps(data), "utf-8")
        return "; ".join(words)
    file = bad / draw.choice(("card.json", "card.json", "head.npz", "features.tflite", "model.keras"))
    harm = draw.choice(HARMS)
    harm(file, draw)
    return f"{harm.__name__} {file.name}"


def _change(data: dict, draw: random.Random) -> str:
    """Put a strange value at any place of a card, take the place away, or add one."""
    if (place := damage.place_in(data, draw, stop=0.15)) is None:
        return "nothing"
    inside, key, way = place
    value, kind = copy.deepcopy(draw.choice(VALUES)), draw.random()
    if kind < 0.1:
        del inside[key]
    elif kind < 0.2 and isinstance(inside, dict):
        inside[draw.choice(("x", "²", "a.b", "phases.y", "9"))] = value
    else:
        inside[key] = value
    return f"{way} = {str(value)[:40]!r}"


def _cut(file: Path, draw: random.Random) -> None:
    os.truncate(file, draw.randrange(file.stat().st_size))


def _flip(file: Path, draw: random.Random) -> None:
    data = bytearray(file.read_bytes())
    data[draw.randrange(len(data))] ^= 1 << draw.randrange(8)
    file.write_bytes(data)


def _pipe(file: Path, draw: random.Random) -> None:
    file.unlink()
    os.mkfifo(file)


def _folder(file: Path, draw: random.Random) -> None:
    file.unlink()
    file.mkdir()


def _loop(file: Path, draw: random.Random) -> None:
    file.unlink()
    file.symlink_to(file.name)


def _shut(file: Path, draw: random.Random) -> None:
    draw.choice((file, file.parent)).chmod(0)


def _deep(file: Path, draw: random.Random) -> None:
    depth = draw.choice((15, 200, 900, 20_000))
    file.write_text('{"a":' * depth + "1" + "}" * depth)


def _foreign(file: Path, draw: random.Random) -> None:
    shutil.copyfile(TINY / "card.json", file.parent / "card.json")


def _whole_pipe(file: Path, draw: random.Random) -> None:
    shutil.rmtree(file.parent)
    os.mkfifo(file.parent)


def _whole_loop(file: Path, draw: random.Random) -> None:
    shutil.rmtree(file.parent)
    file.parent.symlink_to(file.parent.name)


HARMS: tuple[Callable[[Path, random.Random], None], ...] = (
    *(_cut, _flip, _pipe, _folder, _loop, _shut, _deep, _foreign, _whole_pipe, _whole_loop),
)


def _remove(bad: Path) -> None:
    if bad.is_symlink() or not bad.is_dir():
        bad.unlink()
        return
    bad.chmod(0o700)
    shutil.rmtree(bad)
