"""The group models: which models there are, and a model made of a Keras file from elsewhere."""

from __future__ import annotations

import json
from pathlib import Path

import click

from xraykit.cli import terminal

FILE = click.Path(path_type=Path)


@click.group(invoke_without_command=True)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def models(context: click.Context, as_json: bool) -> None:
    """List the saved models with their test accuracy; `models import` makes one of a Keras file."""
    if context.invoked_subcommand is None:
        _list_models(as_json)


@models.command(name="import")
@click.option(
    "--classes", required=True, help="The classes, in the order of the network's outputs, with commas: COVID-19,Normal."
)
@click.option("--name", help="The model's name under weights/.  [default: the file's]")
@click.option("--title", help="One line that says what it is.")
@click.option(
    "--scaling",
    help="What the network expects of grey levels: raw, 0..1, -1..1, caffe or torch.  [default: raw where the network "
    "holds a Rescaling layer; else it must be given]",
)
@click.option("--image-size", type=int, help="Pixels, for a network that takes any size.")
@click.option("--replace", is_flag=True, help="Replace a model of that name.")
@click.option("--out", type=FILE, help="Folder for progress.json.")
@click.argument("file", type=FILE)
def import_model(
    file: Path,
    classes: str,
    name: str | None,
    title: str | None,
    scaling: str | None,
    image_size: int | None,
    replace: bool,
    out: Path | None,
) -> None:
    """Make a model of a Keras file (.keras or .h5): convert it, check it against itself, write its card.

    The file is read without running any code of it: only plain Keras layers are taken. Nothing is known of its films
    and figures afterwards, and its card says so. SIGTERM, or a file named stop in the --out folder, stops the work.
    """
    from xraykit.models.conversion import importing

    name = name or importing.free_name(file)
    with terminal.words(), importing.telling(out, file, name) as say:
        asked = importing.wish(
            file,
            classes.split(","),
            name=name,
            title=title,
            scaling=scaling,
            image_size=image_size,
            replace=replace,
        )
        card = importing.import_model(asked, out, say)
    agreement = card.metrics["agreement_with_keras"]
    difference, films = agreement["largest_difference"], agreement["films"]
    click.echo(f"Imported as {card.name}: agrees with the original to {difference:.1e} on {films} synthetic films.")


def _list_models(as_json: bool) -> None:
    from xraykit.evaluation.stats import Figure
    from xraykit.models import classifier

    cards, refused = classifier.available()
    if as_json:
        click.echo(json.dumps({"models": [vars(c) for c in cards], "refused": [vars(r) for r in refused]}, indent=1))
    for card in () if as_json else cards:
        accuracy = Figure.from_dict(card.metrics.get("test", {}).get("accuracy")).text()
        click.echo(f"{card.name}\n  {card.title}\n  {card.image_size} px; {', '.join(card.classes)}")
        click.echo(f"  test accuracy {accuracy}")
    terminal.end(refused)
