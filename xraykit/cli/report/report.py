"""The group report: what people take away, as files for talks, papers and archives; and whether it still holds.

What is written names no folder, and no film's file unless --names asks for it.
"""

from __future__ import annotations

import click

from xraykit.cli.report import film, pages, verify


@click.group()
def report() -> None:
    """Reports as files for a talk, a paper or an archive, and whether they still hold.

    Choose what it is about, then where the files go; every kind comes in every format:

    \b
      python -m xraykit report film --model NAME --out out films/
      python -m xraykit report run NAME --out run.pdf
      python -m xraykit report compare MODEL MODEL --out out --format pdf,pptx
      python -m xraykit report study NAME --out out --format all --look stage
      python -m xraykit report verify out/comparison.json

    No patient data, no folder and no file's name stands in them, unless --names asks for names. JSON holds every
    number and what makes the report again; `verify` reads it.
    """


for command in (
    film.film,
    pages.compare,
    pages.reading,
    pages.run,
    pages.study,
    pages.model,
    pages.data,
    verify.verify,
):
    report.add_command(command)
