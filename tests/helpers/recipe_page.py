"""docs/recipes.md, written from the fields themselves: `python -m tests.helpers.recipe_page`."""

from __future__ import annotations

from tests.helpers import ROOT
from xraykit.training.recipe import fields, presets
from xraykit.training.recipe.field import Field

PAGE = ROOT / "docs" / "recipes.md"
HEAD = """# Every field of a recipe

`make docs` writes this page from `xraykit/training/recipe/fields.py`. On the command line `--set path=value` changes a
field of a preset, `phases.0.epochs=5` one in a list; `train --recipe FILE` takes a JSON file of your own.
Presets: {presets}.
"""
PARTS = {"": "The recipe", "phases": "Each phase", "hidden": "Each hidden layer", "augmentation": "Augmentation"}


def page() -> str:
    """The whole page."""
    names = ", ".join(f"`{name}`" for name in presets.NAMED)
    parts = [HEAD.format(presets=names)]
    for part, title in PARTS.items():
        rows = [
            f"| `{field.path}` | {field.label} | {_values(field)} | {field.help} |" for field in fields.inside(part)
        ]
        parts.append(
            "\n".join(
                [f"\n## {title}\n", "| field | label | values | what it does |", "| --- | --- | --- | --- |", *rows]
            )
        )
    return "\n".join(parts) + "\n"


def _values(field: Field) -> str:
    if field.choices:
        return ", ".join(f"`{value}`" for value in field.choices)
    if field.low is not None:
        return f"{field.low:g} to {field.high:g} {field.unit}".strip()
    return field.kind


def main() -> None:
    """Write the page anew."""
    PAGE.write_text(page(), "utf-8")


if __name__ == "__main__":
    main()
