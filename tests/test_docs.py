"""What is written about the code is so: docstrings, rooms, links, paths, commands, pages, fields, the map."""

import ast
import functools
import html
import json
import re
from pathlib import Path

import click
import pytest

from tests.helpers import ROOT, import_map, recipe_page, story_picture
from xraykit.__main__ import main
from xraykit.system.job_folder.record import State
from xraykit.training.recipe import fields, presets
from xraykit.ui import navigation

MODULES = import_map.sources()
GRAPH = functools.cache(lambda: import_map.module_graph(MODULES))
ROOMS = sorted(path.parent for path in (ROOT / "xraykit").glob("*/__init__.py"))
OUTER = sorted(
    [*ROOT.glob("pages/*.py"), *ROOT.glob("benchmarks/*.py"), *ROOT.glob("tests/helpers/*.py"), ROOT / "app.py"]
)
PAGES = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")] + sorted(
    (ROOT / "docs").rglob("*.md")
)
LINKS = [
    (page, link)
    for page in PAGES
    for link in re.findall(r"\]\(([^)#\s]+)", page.read_text("utf-8"))
    if "://" not in link
]
# A decision tells of its day: it may name what has moved since
TODAY = [page for page in PAGES if page.parent.name != "decisions" and page.name != "CHANGELOG.md"]
PATHS = [
    (page, path)
    for page in TODAY
    for path in sorted(
        set(re.findall(r"`((?:xraykit|tests|pages|benchmarks|docs)/[\w./-]+)`", page.read_text("utf-8")))
    )
]
README, COMMAND_LINE, FINE_TUNE, SETTINGS = (
    (ROOT / page).read_text("utf-8")
    for page in ("README.md", "docs/guide/command-line.md", "docs/guide/fine-tune.md", "docs/settings.md")
)
WRITTEN = "\n".join(page.read_text("utf-8") for page in TODAY)
RUNS = (ROOT / "docs" / "runs.md").read_text("utf-8")

# From one process of ours to another, and for tests
INTERNAL = {"XRAYKIT_JOB_LOCK", "XRAYKIT_GRADIENTS_IDLE", "XRAYKIT_FILM_SECRET"}
VARIABLES = sorted(
    {name for path in MODULES.values() for name in re.findall(r"XRAYKIT_[A-Z_]+", path.read_text())} - INTERNAL
)


def name_of(path: object) -> str:
    return path.relative_to(ROOT).as_posix() if isinstance(path, Path) else str(path)


def commands(group: click.Group, *before: str) -> dict[str, click.Command]:
    """Every command that does something, by the words that call it."""
    found: dict[str, click.Command] = {}
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            found |= commands(command, *before, name)
        else:
            found[" ".join([*before, name])] = command
    return found


COMMANDS = commands(main)
OPTIONS = [
    (words, option)
    for words, command in COMMANDS.items()
    for option in command.params
    if isinstance(option, click.Option)
]


def docstring(path: Path) -> str:
    return ast.get_docstring(ast.parse(path.read_text("utf-8"))) or ""


def test_a_module_says_what_lives_there():
    first = {name_of(path): docstring(path).partition("\n")[0] for path in (*MODULES.values(), *OUTER)}
    silent = [name for name, line in first.items() if not line or line.rstrip("`")[-1] not in ".:"]
    assert not silent, "their docstrings begin with a sentence"


@pytest.mark.parametrize("room", ROOMS, ids=name_of)
def test_a_room_names_each_of_its_files(room):
    words = set(re.findall(r"[\w/]+", docstring(room / "__init__.py")))
    inside = [path.relative_to(room).with_suffix("") for path in sorted(room.rglob("*.py")) if path.stem != "__init__"]
    # A page's folder may be named as a whole
    silent = [path.as_posix() for path in inside if not {path.as_posix(), path.stem, f"{path.parts[0]}/"} & words]
    assert not silent, f"help(xraykit.{room.name}) does not name them"


@pytest.mark.parametrize("room", [path.name for path in ROOMS])
def test_a_room_has_its_sentence_on_every_map(room):
    assert f"\n{room} " in docstring(ROOT / "xraykit" / "__init__.py")
    assert f"| `{room}` | " in (ROOT / "docs" / "house.md").read_text("utf-8")


def test_the_map_of_imports_is_of_today():
    text = import_map.PAGE.read_text("utf-8")
    assert text == import_map.drawn_anew(text), "run make docs"


def test_the_first_picture_of_the_readme_is_of_todays_cards():
    drawn = re.search("<metadata>(.*)</metadata>", story_picture.PICTURE.read_text("utf-8"), re.S)
    assert drawn and json.loads(html.unescape(drawn[1]))["rows"] == list(story_picture.picture().rows)


def test_the_list_of_fields_is_of_today():
    assert recipe_page.PAGE.read_text("utf-8") == recipe_page.page(), "run make docs"


def test_no_room_leads_back_to_itself():
    assert import_map.cycle(import_map.room_graph(GRAPH())) == []


def test_no_module_leads_back_to_itself():
    assert import_map.cycle(GRAPH()) == []


def test_a_cycle_would_be_seen():
    assert import_map.cycle({"a": {"b"}, "b": {"c"}, "c": {"a"}})


def test_a_link_leads_somewhere():
    assert [(name_of(page), link) for page, link in LINKS if not (page.parent / link).exists()] == []


def test_a_path_that_is_named_exists():
    def exists(path: str) -> bool:
        path = path.replace("<room>", "films").rstrip("/.")
        return (ROOT / path).exists() or (ROOT / f"{path}.py").exists()

    assert [(name_of(page), path) for page, path in PATHS if not exists(path)] == []


@pytest.mark.parametrize("words", COMMANDS)
def test_a_command_stands_in_its_guide(words):
    *group, name = words.split()
    begins = f"python -m xraykit {' '.join(group)}".rstrip()
    lines = [line for line in COMMAND_LINE.splitlines() if line.startswith(begins)]
    assert any(name in re.findall(r"[\w-]+", line) for line in lines)


@pytest.mark.parametrize("line", sorted(set(re.findall(r"python -m xraykit ([a-z]+)", WRITTEN))))
def test_a_command_that_is_named_exists(line):
    assert line in main.commands


def test_a_command_says_what_it_does():
    said = {words: (command.help or "").partition("\n\n")[0].strip() for words, command in COMMANDS.items()}
    assert [words for words, sentence in said.items() if not sentence.endswith(".")] == []


def test_an_option_says_what_it_does():
    assert [(words, option.opts[0]) for words, option in OPTIONS if not (option.help or option.show_default)] == []


@pytest.mark.parametrize("address", navigation.TITLES)
def test_a_page_stands_in_the_readme(address):
    file, title = navigation.TITLES[address]
    assert (ROOT / "pages" / file).is_file() and re.search(rf"(## |\*\*){title}\b", README)


def test_a_field_of_a_recipe_is_documented():
    page = recipe_page.PAGE.read_text("utf-8")
    assert [path for path in fields.FIELDS if f"| `{path}` | {fields.FIELDS[path].label} |" not in page] == []


@pytest.mark.parametrize("preset", presets.NAMED)
def test_a_preset_stands_in_its_guide(preset):
    assert f"`{preset}`" in FINE_TUNE


@pytest.mark.parametrize("state", State)
def test_a_state_of_a_run_is_explained(state):
    assert f"| {state} |" in RUNS


@pytest.mark.parametrize("target", ["app", "test", "lint", "bench", "docs", "constraints"])
def test_a_target_of_make_is_explained(target):
    assert f"\n{target}:" in (ROOT / "Makefile").read_text("utf-8")
    assert f"make {target}" in (ROOT / "CONTRIBUTING.md").read_text("utf-8")


@pytest.mark.parametrize("variable", VARIABLES)
def test_a_variable_of_the_environment_is_explained(variable):
    assert f"`{variable}`" in SETTINGS
