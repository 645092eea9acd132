"""The command line: everything the pages can do, in this process. `python -m xraykit --help`.

Exit codes: 0 done; 1 something was refused or failed, named on stderr; 2 wrong usage.
"""

from __future__ import annotations

import click

from xraykit import __version__
from xraykit.commands import comparing, evaluating, learning, reading, running


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__)
def main() -> None:
    """Chest X-ray research demonstration. Not a medical device."""


for command in (
    reading.doctor,
    reading.models,
    reading.predict,
    reading.explain,
    evaluating.evaluate,
    comparing.compare,
    learning.data,
    learning.train,
    running.runs,
):
    main.add_command(command)
learning.data.add_command(evaluating.inspect)

if __name__ == "__main__":
    main()
