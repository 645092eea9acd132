"""The guides hold: each command runs as it is written, each link, picture and label in them exists."""

from __future__ import annotations

import os
import re
import shlex
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from tests.helpers import ROOT, guide_world
from xraykit.__main__ import main

GUIDES = sorted((ROOT / "docs" / "guide").glob("*.md"))
PAGES = [ROOT / "README.md", ROOT / "docs" / "reports.md", *GUIDES]
FENCED = re.compile(r"^( *)```(?:bash|console)\n(.*?)^ *```", re.M | re.S)
COMMAND = "python -m xraykit "
# Commands that no test runs, with the reason
UNTESTED: dict[str, str] = {}
# In bold, and no label: what begins an item of a list, a question, a sentence
BOLD = re.compile(r"(- )?\*\*([^*]+)\*\*")
SENTENCE = re.compile(r"You want|\d\. |.*[.?]$")


def commands(page: Path) -> list[str]:
    """Every command line of a page, in order, without what the shell reads."""
    blocks = "\n".join(match[2] for match in FENCED.finditer(page.read_text("utf-8")))
    lines = [line.strip() for line in blocks.replace("\\\n", " ").splitlines()]
    return [line.removeprefix("$ ") for line in lines if line.removeprefix("$ ").startswith(COMMAND)]


COMMANDS = {page: lines for page in PAGES if (lines := commands(page))}


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    world = tmp_path_factory.mktemp("guides") / "world"
    with pytest.MonkeyPatch.context() as patch:
        for variable, folder in guide_world.environment(world).items():
            patch.setenv(variable, folder)
        return guide_world.make(world)


@pytest.fixture
def world(made, tmp_path, monkeypatch) -> Iterator[Path]:
    """A copy of it, and the environment as it was before."""
    world = Path(shutil.copytree(made, tmp_path / "world", copy_function=shutil.copy2))
    monkeypatch.chdir(world)
    for variable, folder in guide_world.environment(world).items():
        monkeypatch.setenv(variable, folder)
    before = dict(os.environ)  # a run sets its device's variables for good
    with guide_world.at_work(world):
        yield world
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture
def played(world, monkeypatch) -> Path:
    """That copy, in which nothing is trained, converted, fetched or measured against chance."""
    _play(monkeypatch)
    return world


def _play(monkeypatch: pytest.MonkeyPatch) -> None:
    """Put something quick in the place of what takes minutes, and has tests of its own."""
    from tests.cli.test_study_plan import probed
    from tests.helpers import data_audits
    from xraykit.cli import train as train_verb
    from xraykit.cli.study import work as study_work
    from xraykit.datasets.catalog import fetch
    from xraykit.experiments.plan import plan
    from xraykit.experiments.study_folder import StudyFolder
    from xraykit.models.conversion import importing
    from xraykit.training import keep, worker
    from xraykit.training.run import control
    from xraykit.truth import model_audit
    from xraykit.truth.data_audit import record

    train = worker.train
    monkeypatch.setattr(worker, "train", lambda *args, **named: train(*args, **{**named, "fit": guide_world.learn}))
    monkeypatch.setattr(train_verb, "_estimate", lambda *_: {"words": "About a minute."})
    monkeypatch.setattr(record, "kept", data_audits.empty)
    monkeypatch.setattr(control, "stop", guide_world.stop_run)
    monkeypatch.setattr(keep, "keep", lambda *_, **__: guide_world.made(Path("weights/my-model")))
    monkeypatch.setattr(StudyFolder, "ask_to_stop", guide_world.stop_study)
    monkeypatch.setattr(plan, "estimate_apart", probed)
    monkeypatch.setattr(study_work, "work", lambda *_, **__: None)
    monkeypatch.setattr(fetch, "get", lambda *_: Path("films"))
    monkeypatch.setattr(importing, "import_model", lambda *_: guide_world.made(Path("weights/my-model")))
    monkeypatch.setattr(model_audit, "audit", guide_world.audit)


def run(line: str) -> Result:
    """A command line as the shell would have it, in this process."""
    for there, here in guide_world.NAMES.items():
        line = line.replace(there, here)
    line, _, target = line.removeprefix(COMMAND).partition(" > ")
    words = [_word(word) for word in shlex.split(line)]
    done = CliRunner().invoke(main, words)
    if target:
        Path(target).write_text(done.stdout)
    return done


def _word(word: str) -> str:
    """A path in full: the decoders, which all tests share, were started in another folder."""
    if word == "pages/FILM.json":
        word = str(next(Path("pages").glob("film-*.json")))
    return str(Path(word).resolve()) if word.split("/")[0] in guide_world.FILMS else word


@pytest.mark.parametrize("page", COMMANDS, ids=lambda page: page.stem)
def test_each_command_runs(page, played):
    failed = []
    for line in COMMANDS[page]:
        if line not in UNTESTED:
            done = run(line)
            if done.exit_code or "Traceback" in done.output:
                failed.append((line, done.exit_code, done.output[-600:], repr(done.exception)))
    assert failed == []


@pytest.mark.slow
def test_the_training_of_the_guide_is_a_model_in_the_end(world, converts_here, monkeypatch):
    """Trained is a tiny recipe, on films whose leaks nobody looks for; the rest is as it is written."""
    from tests.helpers import data_audits
    from xraykit.truth.data_audit import record

    monkeypatch.setattr(record, "kept", data_audits.empty)
    shutil.rmtree(world / "weights" / "my-model")
    lines = [line.replace("strong-imagenet", "tiny") for line in COMMANDS[ROOT / "docs" / "guide" / "fine-tune.md"]]
    for line in lines:
        if re.search(r"\b(inspect|train|list|show|keep)\b", line):
            done = run(line)
            assert done.exit_code == 0, (line, done.output)
    done = run("python -m xraykit predict --model my-model --csv - ward/film-01.png")
    assert done.exit_code == 0 and "film-01.png" in done.output


def test_what_is_not_run_stands_in_a_guide():
    assert set(UNTESTED) <= {line for lines in COMMANDS.values() for line in lines}


def test_each_picture_is_there_and_light():
    named = {
        (page.parent / link).resolve()
        for page in PAGES
        for link in re.findall(r"!\[[^\]]+\]\(([^)#\s]+)", page.read_text("utf-8"))
    }
    pictures = set((ROOT / "docs" / "pictures").iterdir())
    assert named == pictures, "every picture is shown, and every one that is shown exists"
    assert [path.name for path in pictures if path.stat().st_size > 250_000] == []
    assert sum(path.stat().st_size for path in pictures) < 2_500_000


def test_each_guide_shows_a_picture_and_is_listed():
    listed = (ROOT / "docs" / "guide" / "README.md").read_text("utf-8"), PAGES[0].read_text("utf-8")
    for page in GUIDES:
        if page.stem != "README":
            assert f"({page.name})" in listed[0] and f"(docs/guide/{page.name})" in listed[1]
            assert page.stem in ("command-line", "many-machines") or "![" in page.read_text("utf-8")


@pytest.mark.parametrize("page", GUIDES, ids=lambda page: page.stem)
def test_each_label_in_bold_stands_on_a_page(page):
    folders = (ROOT / "xraykit" / "ui", ROOT / "pages")
    source = "\n".join(
        path.read_text("utf-8")
        for folder in folders
        for path in folder.rglob("*")
        if path.suffix in (".py", ".js", ".html")
    )
    labels = {" ".join(label.split()) for item, label in BOLD.findall(page.read_text("utf-8")) if not item}
    labels = {label for label in labels if not SENTENCE.match(label)}
    absent = [label for label in labels if not re.search(f"[\"'`>]{re.escape(label)}[\"'`<:]", source)]
    assert absent == []


def test_each_page_of_the_app_has_a_guide():
    from xraykit.ui import navigation

    written = "\n".join(page.read_text("utf-8") for page in GUIDES)
    assert [title for _, title in navigation.TITLES.values() if f"**{title}**" not in written] == []
