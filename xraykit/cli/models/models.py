"""The group models: which models there are, one made of a Keras file from elsewhere, and ImageNet weights."""

from __future__ import annotations

import json
import os
from pathlib import Path

import click

from xraykit.cli import terminal
from xraykit.cli.terminal import FILE, NEW_FOLDER


@click.group(invoke_without_command=True)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def models(context: click.Context, as_json: bool) -> None:
    """List the saved models with their accuracy at home and elsewhere; `models import` makes one of a Keras file."""
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
@click.option("--out", type=NEW_FOLDER, help="Folder for progress.json.")
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


@models.command()
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
def sets(names: tuple[str, ...]) -> None:
    """Make the prediction sets of saved models from their validation films, and say where they fail.

    A set holds every class whose probability reaches the class's limit. The limits and their coverage on the test films
    and on every film set attached with `evaluate --attach` are written into the model's card.
    """
    with terminal.words():
        from xraykit.reports.truth import numbers_report
        from xraykit.truth import sets as prediction_sets

        for name in names:
            card = prediction_sets.attach(name)
            click.echo(card.name)
            for sentence in numbers_report.sentences(card):
                click.echo(f"  {sentence}")


@models.command()
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
def biases(names: tuple[str, ...]) -> None:
    """Fit the class biases of saved models anew on their validation films; no film is needed.

    The network, its temperature and every figure on validation and test change together. What other films gave is
    taken off the card, and the commands that make it again are named. A second time changes nothing.
    """
    with terminal.words():
        from xraykit.truth import biases as class_biases

        for name in names:
            _show_refitted(class_biases.refit(name))


@models.command()
@click.option("--alpha", type=float, default=1.0, show_default=True, help="Width of a MobileNet or MobileNetV2.")
@click.argument("backbones", nargs=-1)
def imagenet(backbones: tuple[str, ...], alpha: float) -> None:
    """Say which ImageNet weights are on this computer; download those of the BACKBONES that are named.

    Looked for in the folder that XRAYKIT_IMAGENET names, then where Keras and torchvision keep their downloads; what
    is downloaded goes to the cache of Keras, and its checksum is compared where one is published.
    """
    from xraykit.training import pretrained
    from xraykit.training.recipe import rules

    with terminal.words():
        for backbone in backbones or rules.BACKBONES:
            pretrained.check(backbone, alpha if backbones else 1.0)
            width = alpha if backbone in rules.WIDTHS else 1.0
            if backbones:
                pretrained.fetch_imagenet(backbone, width, _say_bytes)
            file, path = pretrained.file_of(backbone, width), pretrained.locate_imagenet(backbone, width)
            if file is not None:
                click.echo(f"{pretrained.described(backbone, width)}\n  {path or f'not here: {file.url}'}")


@models.command()
@click.option(
    "--out",
    type=FILE,
    help="The weight file to write; its name ends in .weights.h5.  [default: resnet18_no_top.weights.h5 beside FILE]",
)
@click.argument("file", type=FILE)
def convert_resnet18(file: Path, out: Path | None) -> None:
    """Make the ResNet18 weight file of Keras out of PyTorch's (resnet18-f37072fd.pth, or .safetensors).

    Needs no PyTorch. The file is read without running any code of it: only tensors are taken. A recipe takes the
    published file as well as the converted one.
    """
    out = out or file.parent / "resnet18_no_top.weights.h5"
    if not out.name.endswith(".weights.h5"):
        raise click.BadParameter(f"Expected a name that ends in .weights.h5; got {out.name}.", param_hint="--out")
    with terminal.words():
        from xraykit.training import torch_file

        state = torch_file.read(file)
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
        from xraykit.training.fit.network import (
            resnet18,
        )  # Keras takes seconds: only once the file is known to be sound

        parameters = resnet18.write(state, file.name, out)
    click.echo(
        f"Written to {out}: {parameters:,} parameters. Set XRAYKIT_IMAGENET to its folder, or name it as weights."
    )


@models.command()
@click.option("--data", required=True, type=FILE, help="The folder of the films that the model was trained on.")
@click.argument("name")
def remember(name: str, data: Path) -> None:
    """Remember what a model learned from, beside it: hashes, fingerprints and features of its films, no picture.

    Review then says whether a film, or its near twin, was among them, and how far it lies from them. Models that are
    saved from a run remember their films already. A folder with other films is refused.
    """
    from xraykit.truth.seen import films, remember

    with terminal.words():
        with terminal.bars() as progress:
            folder, card = remember.remember(name, data, progress)
        remembered = films.load(folder)
    counts = ", ".join(f"{count:,} {part}" for part, count in remembered.counts.items()) if remembered else "none"
    click.echo(f"{card.name} remembers the films it was made with: {counts}.")


def _say_bytes(done: int, total: int) -> None:
    of_all = f" of {total / 2**20:.0f}" if total else ""
    click.echo(f"\r{done / 2**20:.0f}{of_all} MiB", nl=done == total, err=True)


@models.command()
@click.argument("model")
@click.argument("name")
def detach(model: str, name: str) -> None:
    """Take the figures that `evaluate --attach NAME` added to MODEL's card off it again."""
    from xraykit.models import classifier
    from xraykit.truth import elsewhere

    with terminal.words():
        card = elsewhere.detach(classifier.find(model), name)
    left = ", ".join(place["name"] for place in card.elsewhere) or "none"
    click.echo(f"Taken off the card of {card.name}: {name}. On films from elsewhere it has: {left}.")


def _show_refitted(refitted) -> None:
    """What was added to a model's logits, what that gives, and what is to be made again."""
    from xraykit.evaluation.stats import Figure

    card = refitted.card
    if not refitted.added:
        click.echo(f"{card.name}: its class biases fit its validation films already; nothing was changed.")
        return
    added = ", ".join(f"{label} {change:+.3f}" for label, change in refitted.added.items())
    click.echo(f"{card.name}: added to its logits: {added}")
    for part in ("validation", "test"):
        metrics = card.metrics[part]
        each = [
            f"{label} {Figure.from_dict(shares['sensitivity']).text()}" for label, shares in metrics["classes"].items()
        ]
        click.echo(f"  {part}: accuracy {Figure.from_dict(metrics['accuracy']).text()}")
        click.echo(f"    sensitivity: {'; '.join(each)}")
    if refitted.again:
        click.echo("  taken off its card, since the network before gave it; to make it again:")
    for command in refitted.again:
        click.echo(f"    {command}")


def _list_models(as_json: bool) -> None:
    from xraykit.models import classifier
    from xraykit.truth import places

    cards, refused = classifier.available()
    if as_json:
        click.echo(json.dumps({"models": [vars(c) for c in cards], "refused": [vars(r) for r in refused]}, indent=1))
    for card in () if as_json else cards:
        click.echo(f"{card.name}\n  {card.title}\n  {card.image_size} px; {', '.join(card.classes)}")
        click.echo(f"  {places.headline(card)}")
    terminal.end(refused)
