"""The command line: everything the pages can do, in this process. `python -m xraykit --help`.

Exit codes: 0 done; 1 something was refused or failed, named on stderr; 2 wrong usage.
"""

from __future__ import annotations

import io
import sys

import click

from xraykit import __version__
from xraykit.cli import audit, data, reading, runs, train
from xraykit.cli.models import evaluate, models
from xraykit.cli.report import report
from xraykit.cli.study import study


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__)
def main() -> None:
    """Chest X-ray research demonstration. Not a medical device."""
    if isinstance(sys.stdout, io.TextIOWrapper):  # a file's name that is no UTF-8 ends no command
        sys.stdout.reconfigure(errors="backslashreplace")


for command in (
    reading.doctor,
    models.models,
    reading.predict,
    reading.explain,
    reading.readings,
    evaluate.evaluate,
    evaluate.compare,
    audit.audit,
    data.data,
    train.train,
    runs.runs,
    study.study,
    report.report,
):
    main.add_command(command)

if __name__ == "__main__":
    main()
