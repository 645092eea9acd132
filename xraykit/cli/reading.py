"""The verbs doctor, predict and explain: what is here, and what a model makes of a film."""

from __future__ import annotations

import csv
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from xraykit.cli import terminal

if TYPE_CHECKING:
    from xraykit.films.radiograph import Radiograph
    from xraykit.models.explanation import Explanation

FILE = click.Path(path_type=Path)


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def doctor(as_json: bool) -> None:
    """Show versions, backends, GPUs and models; what is missing, and how to install it."""
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
@click.option("--model", required=True, help="A saved model's name, or its folder.")
@click.option("--csv", "out", type=FILE, required=True, help="Where to write the table; - for standard output.")
@click.argument("paths", nargs=-1, required=True, type=FILE)
def predict(model: str, out: Path, paths: tuple[Path, ...]) -> None:
    """Classify films and folders of films: one row per file, refused files too."""
    from xraykit.films import ingest
    from xraykit.films.refusal import Refusal
    from xraykit.models import classifier

    with terminal.words():
        reader = classifier.load(model)
        films = ingest.list_films(paths)
        if not films:
            raise click.ClickException(f"No films in {', '.join(map(str, paths))}.")
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
                prediction = reader.predict([film])[0]
                table.writerow([path, prediction.top, "", *(f"{p:.6f}" for p in prediction.probabilities)])
    terminal.end(refused)


@click.command()
@click.option("--model", required=True, help="A saved model's name, or its folder.")
@click.option(
    "--method",
    default="Grad-CAM",
    show_default=True,
    help="How the heatmap is computed; any other word lists the methods.",
)
@click.option("--label", help="The class to explain; the predicted one if not given.")
@click.option("--opacity", default=0.4, show_default=True, type=click.FloatRange(0, 1), help="Of the heatmap.")
@click.option("--colormap", default="inferno", show_default=True, help="Any other word lists the colour maps.")
@click.option("--out", type=FILE, required=True, help="The image to write (PNG).")
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
        reader = classifier.load(model)
        explanation.check_heatmap(reader.card, method)
        prediction, maps = explanation.grad_cam(reader, film)
        label = label or prediction.top
        terminal.choice("--label", label, prediction.classes)
        if method == explanation.GRAD_CAM:
            heatmap = maps[prediction.classes.index(label)]
        else:
            heatmap = _explain_in_service(model, film, method, label)
        drawn = overlay.overlay(film, heatmap, opacity=opacity, colormap=colormap, longest=1024, legend=True)
        Image.fromarray(drawn).save(out, format="PNG")
    click.echo(f"{label} {prediction.probabilities[prediction.classes.index(label)]:.3f} -> {out}")


def _explain_in_service(model: str, film: Radiograph, method: str, label: str) -> Explanation:
    """A heatmap by a method that needs TensorFlow, with a progress bar."""
    from xraykit.models import service

    client = service.start()
    try:
        with terminal.bar(method) as progress:
            return client.explain(film, model, method, label, lambda share, eta: progress(int(share * 100), 100))
    finally:
        client.close()
