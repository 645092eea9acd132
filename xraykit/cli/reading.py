"""The verbs doctor, models, predict and explain: what is here, and what a model makes of a film."""

from __future__ import annotations

import csv
import json
import sys
from pathlib import Path

import click

from xraykit.cli import terminal


@click.command()
@click.option("--json", "as_json", is_flag=True, help="For a machine to read.")
def doctor(as_json: bool) -> None:
    """Versions, backends, GPUs, models; what is missing and how to mend it."""
    from xraykit import doctor as doctors

    findings = doctors.examine()
    if as_json:
        click.echo(json.dumps([vars(finding) for finding in findings], indent=1))
    else:
        width = max(len(finding.name) for finding in findings)
        for finding in findings:
            click.echo(f"{finding.state:<9}{finding.name:<{width}}  {finding.found}")
            if finding.mend:
                click.echo(f"{'':<9}{'':<{width}}  -> {finding.mend}")
    sys.exit(any(finding.state == "missing" for finding in findings))


@click.command()
@click.option("--json", "as_json", is_flag=True, help="For a machine to read.")
def models(as_json: bool) -> None:
    """The kept models, with what their test split gave."""
    from xraykit.evaluation.stats import Figure
    from xraykit.models import classifier

    cards, refused = classifier.available()
    if as_json:
        click.echo(json.dumps({"models": [vars(c) for c in cards], "refused": [vars(r) for r in refused]}, indent=1))
    for found in () if as_json else cards:
        accuracy = Figure.from_dict(found.metrics.get("test", {}).get("accuracy")).text()
        click.echo(f"{found.name}\n  {found.title}\n  {found.image_size} px; {', '.join(found.classes)}")
        click.echo(f"  test accuracy {accuracy}")
    terminal.end(refused)


FILE = click.Path(path_type=Path)


@click.command()
@click.option("--model", required=True, help="A kept model's name, or its folder.")
@click.option("--csv", "out", type=FILE, required=True, help="Where to write the table; - for standard output.")
@click.argument("paths", nargs=-1, required=True, type=FILE)
def predict(model: str, out: Path, paths: tuple[Path, ...]) -> None:
    """Classify films and folders of films: one row a file, refused ones too."""
    from xraykit.films import ingest
    from xraykit.films.refusal import Refusal
    from xraykit.models import classifier

    with terminal.words():
        reader = classifier.load(model)
        films = ingest.list_films(paths)
        if not films:
            raise click.ClickException(f"Expected films in {', '.join(map(str, paths))}; found none.")
        refused = []
        with terminal.table(out) as file, ingest.Ingest() as firewall:
            table = csv.writer(file)
            table.writerow(["path", "predicted", "refusal", *reader.card.classes])
            for path, film in terminal.progress(
                zip(films, firewall.read_many(films), strict=True), len(films), "Films"
            ):
                if isinstance(film, Refusal):
                    refused.append(film)
                    table.writerow([path, "", film.code, *[""] * len(reader.card.classes)])
                    continue
                found = reader.predict([film])[0]
                table.writerow([path, found.top, "", *(f"{p:.6f}" for p in found.probabilities)])
    terminal.end(refused)


@click.command()
@click.option("--model", required=True, help="A kept model's name, or its folder.")
@click.option(
    "--method",
    default="Grad-CAM",
    show_default=True,
    help="Grad-CAM, Grad-CAM++, LayerCAM, Score-CAM, SmoothGrad.",
)
@click.option("--label", help="The class to explain; the predicted one if not given.")
@click.option("--opacity", default=0.4, show_default=True, type=click.FloatRange(0, 1))
@click.option("--colormap", default="inferno", show_default=True)
@click.option("--out", type=FILE, required=True, help="The picture to write (PNG).")
@click.argument("path", type=FILE)
def explain(model: str, method: str, label: str | None, opacity: float, colormap: str, out: Path, path: Path) -> None:
    """Draw the regions of a film that influenced the output, with a legend."""
    from PIL import Image

    from xraykit.films import ingest
    from xraykit.films.refusal import Refusal
    from xraykit.models import classifier, explanation
    from xraykit.reports.heatmap import colormaps, overlay

    terminal.choice("--method", method, explanation.METHODS)
    terminal.choice("--colormap", colormap, colormaps.NAMES)
    with terminal.words():
        with ingest.Ingest() as firewall:
            film = firewall.read(path)
        if isinstance(film, Refusal):
            terminal.end([film])
        prediction, maps = explanation.grad_cam(classifier.load(model), film)
        label = label or prediction.top
        terminal.choice("--label", label, prediction.classes)
        found = maps[prediction.classes.index(label)]
        if method != "Grad-CAM":
            found = _explain_slowly(model, film, method, label)
        Image.fromarray(
            overlay.overlay(film, found, opacity=opacity, colormap=colormap, longest=1024, legend=True)
        ).save(out, format="PNG")
    click.echo(f"{label} {prediction.probabilities[prediction.classes.index(label)]:.3f} -> {out}")


def _explain_slowly(model: str, film, method: str, label: str):
    from xraykit.models import service

    client = service.start()
    try:
        with terminal.bar(method) as progress:
            return client.explain(film, model, method, label, lambda share, eta: progress(int(share * 100), 100))
    finally:
        client.close()
