"""What stands before the camera of `tests.helpers.pictures`: synthetic films, a run, a study, an audit, reports."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from PIL import Image, ImageOps

from tests.helpers import ROOT, chests
from xraykit.films.samples import draw

CLASSES = {"clear": chests.CLEAR, "effusion": chests.EFFUSION, "opacity": chests.PATCHES}
WARD = (  # what a reader finds on the worklist, one film after the other
    chests.CLEAR,
    chests.NODULE,
    chests.CLEAR,
    chests.EFFUSION,
    chests.LOBE,
    chests.CLEAR,
    chests.CLEAR,
    chests.PATCHES,
)
STUDY, RUN = "tiny", "three-findings"


def environment(world: Path) -> dict[str, str]:
    """Folders of the world's own; of the repository only the models that ship."""
    named = {f"XRAYKIT_{name.upper()}": str(world / name) for name in ("runs", "cache", "datasets", "data")}
    return named | {"XRAYKIT_WEIGHTS": str(ROOT / "weights")}


def make(world: Path) -> None:
    """The films, where they are not there yet."""
    for folder in (ward, films, two_machines):
        folder(world)


def ward(world: Path) -> Path:
    """A worklist: twelve-bit DICOM films."""
    folder = world / "ward"
    if not folder.is_dir():
        folder.mkdir(parents=True)
        for number, finding in enumerate(WARD, 1):
            (folder / f"film-{number:02}.dcm").write_bytes(draw.dicom(chests.film(40 + number, finding)))
    return folder


def films(world: Path) -> Path:
    """Labelled films of three classes, to learn from."""
    return _labelled(world, "three-findings", 60)


def two_machines(world: Path) -> Path:
    """Labelled films to look through: those of one class have a machine's bright edge, four are copies."""
    return _labelled(world, "two-machines", 20, copies=4)


def _labelled(world: Path, name: str, each: int, copies: int = 0) -> Path:
    folder = world / "data" / name
    if not folder.is_dir():
        shutil.rmtree(world / "unfinished", ignore_errors=True)
        unfinished = chests.write(world / "unfinished", CLASSES, each, height=256)
        for path in sorted((unfinished / "effusion").iterdir()):
            with Image.open(path) as film:
                ImageOps.expand(ImageOps.crop(film, 5), 5, fill=205).save(path)
        for number in range(1, copies + 1):
            shutil.copy(
                unfinished / "clear" / f"film-{number:03}.png", unfinished / "opacity" / f"copy-{number:03}.png"
            )
        folder.parent.mkdir(exist_ok=True)
        unfinished.rename(folder)
    return folder


def study(world: Path, variables: Mapping[str, str]) -> str:
    """The example study, run to its end."""
    if not (world / "runs" / "studies" / STUDY / "chosen.json").is_file():
        _call(variables, "study", "run", STUDY, "--data", str(films(world)))
    return STUDY


def film_report(world: Path) -> bytes:
    """The report of one film as an A4 page, a third of its size."""
    out = world / "report"
    shutil.rmtree(out, ignore_errors=True)
    models = ("--model", "mobilenetv2-imagenet", "--model", "mobilenetv2-pooled")
    film = str(ward(world) / "film-08.dcm")
    _call(environment(world), "report", "film", *models, "--format", "png-a4", "--out", str(out), film)
    with Image.open(next(out.glob("*.png"))) as page:
        page.resize((page.width // 3, page.height // 3), Image.Resampling.LANCZOS).save(small := io.BytesIO(), "PNG")
    return small.getvalue()


@contextmanager
def learning(world: Path, variables: Mapping[str, str]) -> Iterator[str]:
    """A run that learns until it has been seen."""
    if (world / "runs" / RUN).is_dir():
        _call(variables, "runs", "delete", RUN)
    recipe = ("--recipe", "tiny", "--set", "phases.0.epochs=400", "--set", "image_size=64", "--accept-leaks")
    words = [sys.executable, "-m", "xraykit", "train", "--data", str(films(world)), "--name", RUN, *recipe]
    process = subprocess.Popen(words, cwd=ROOT, env={**os.environ, **variables})
    try:
        yield RUN
    finally:
        process.terminate()
        process.wait()


def _call(variables: Mapping[str, str], *words: str) -> None:
    subprocess.run([sys.executable, "-m", "xraykit", *words], cwd=ROOT, env={**os.environ, **variables}, check=True)
