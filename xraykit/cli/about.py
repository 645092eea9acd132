"""The verbs doctor and models: what is on this computer."""

from __future__ import annotations

import json
import sys

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
    from xraykit.models import classifier

    cards, refused = classifier.available()
    if as_json:
        click.echo(json.dumps({"models": [vars(c) for c in cards], "refused": [vars(r) for r in refused]}, indent=1))
    for found in () if as_json else cards:
        accuracy = terminal.figure(found.metrics.get("test", {}).get("accuracy", {}))
        click.echo(f"{found.name}\n  {found.title}\n  {found.image_size} px; {', '.join(found.classes)}")
        click.echo(f"  test accuracy {accuracy}")
    terminal.end(refused)
