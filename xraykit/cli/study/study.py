"""The verb study: many runs that answer one question: list, export, plan, run."""

from __future__ import annotations

import dataclasses
import functools
import json
import re
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from xraykit.cli import terminal
from xraykit.cli.report import pages
from xraykit.cli.study import work as study_work
from xraykit.cli.terminal import FILE
from xraykit.system import text

if TYPE_CHECKING:
    from xraykit.experiments.plan.plan import Plan
    from xraykit.experiments.plan.ready import Ready
    from xraykit.experiments.study.study import Study

_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
_UNITS = {"s": 1, "min": 60, "m": 60, "h": 3600, "d": 86_400}


class Time(click.ParamType):
    """A time with its unit, as 90s, 30m, 2h or 1h30m; in seconds."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        if isinstance(value, int | float):
            return float(value)
        plain = re.sub(r"\s+", "", str(value)).casefold()
        parts = re.findall(r"(\d{1,7}(?:\.\d{1,6})?)(min|[smhd])", plain)
        seconds = sum(float(number) * _UNITS[unit] for number, unit in parts)
        if "".join(number + unit for number, unit in parts) != plain or not 1 <= seconds <= 10**8:
            self.fail(f"Expected a time from 1s on, as 90s, 30m, 2h or 1h30m; got {value!r}.", param, ctx)
        return seconds


@click.group()
def study() -> None:
    """Studies: many runs that answer one question."""


for command in study_work.COMMANDS:
    study.add_command(command)
study.add_command(pages.study, "report")  # the same as `report study`


@study.command(name="list")
@_JSON
def list_presets(as_json: bool) -> None:
    """The studies that have a name: what they ask, how many trials, on which films."""
    from xraykit.experiments import grid
    from xraykit.experiments.published import presets

    if as_json:
        click.echo(json.dumps([json.loads(each.to_json()) for each in presets.NAMED.values()], indent=1))
        return
    for each in presets.NAMED.values():
        films = f" on {', '.join(each.data)}" if each.data else ""
        click.echo(f"{each.name}: {_count(grid.count(each), 'trial')}{films}, {_folds_of(each)}")
        click.echo(f"  {each.words}")


@study.command()
@click.option("--set", "settings", multiple=True, help="field=value, as often as needed: folds.count=3")
@click.argument("name")
def export(name: str, settings: tuple[str, ...]) -> None:
    """Print a study as the JSON of a study file, to change and run: export NAME > mine.json."""
    from xraykit.experiments.published import presets
    from xraykit.experiments.study import study as studies

    with terminal.words():
        click.echo(studies.with_settings(presets.load(name), settings).to_json(), nl=False)


@study.command()
@click.option(
    "--data",
    "given",
    multiple=True,
    type=FILE,
    help="A folder of films; several are pooled.  [default: those it names]",
)
@click.option("--plan", "only_plan", is_flag=True, help="Tell what it would take; start nothing.")
@click.option(
    "--budget", type=Time(), help="The time it may take, as 30m or 2h: fewer training films where it would take longer."
)
@click.option("--shrink", type=click.FloatRange(0.001, 1), help="Fraction of the training films to use.")
@click.option("--set", "settings", multiple=True, help="field=value, as often as needed: recipe.phases.0.epochs=3")
@click.option(
    "--random-weights",
    is_flag=True,
    help="Where ImageNet weights are found nowhere, start from random ones, marked so.",
)
@click.option("--device", default="auto", show_default=True, help='"auto", "cpu", or "gpu 0".')
@click.option("--engine", type=click.Choice(["local", "ray"]), default="local", show_default=True, help="What runs it.")
@click.option("--address", default="auto", show_default=True, help="With --engine ray: the cluster's.")
@click.option("--storage", type=FILE, help="With --engine ray: a folder that all machines of the cluster see.")
@click.option("--name", "own_name", help="The study's name among those run; that of the preset if not given.")
@click.option("--studies", "root", type=FILE, help="Folder of the studies.  [default: studies/ below the runs]")
@click.option(
    "--out",
    type=FILE,
    help="With --plan: folder for progress.json and plan.json; a file named stop in it ends the work.",
)
@click.option("--json", "as_json", is_flag=True, help="With --plan: print JSON.")
@click.argument("name")
def run(
    name: str,
    given: tuple[Path, ...],
    settings: tuple[str, ...],
    device: str,
    engine: str,
    address: str,
    storage: Path | None,
    own_name: str | None,
    root: Path | None,
    only_plan: bool,
    out: Path | None,
    as_json: bool,
    **fields: Any,
) -> None:
    """Run a study: a preset's name or a JSON file."""
    from xraykit.experiments import study_folder

    if (out or as_json) and not only_plan:
        raise click.UsageError("--out and --json need --plan.")
    with terminal.words():
        chosen = _chosen(name, settings, fields)
        if only_plan:
            planned = _plan(chosen, given, device, out)
            click.echo(json.dumps(planned.to_json(), indent=1) if as_json else "\n".join(_lines(planned)))
            return
        study_folder.check_name(own_name, root or storage)
        ready, planned = _ready(chosen, given), None
        if chosen.budget is not None:
            ready, planned = _planned(ready, device, _Teller())
        trials = ready.resolved()
        folder = study_folder.create(
            ready.study,
            ready.films,
            trials,
            ready.folds,
            root or storage,
            own_name,
            plan=planned and planned.to_json(),
            device=device,
            engine=engine,
        )
    study_work.work(folder, engine=engine, device=device, address=address)


def _chosen(name: str, settings: tuple[str, ...], fields: Mapping[str, Any]) -> Study:
    """The study as asked for: what is not given on the command line stays as it is."""
    from xraykit.experiments.published import presets
    from xraykit.experiments.study import study as studies

    chosen = studies.with_settings(presets.load(name), settings)
    return chosen.change(**{field: value for field, value in fields.items() if value not in (None, False)})


def _ready(chosen: Study, given: tuple[Path, ...]) -> Ready:
    """The study with its films, trials and folds."""
    from xraykit.datasets import dataset
    from xraykit.experiments.plan.ready import prepare
    from xraykit.experiments.study import films

    with terminal.bar("Gathering films") as bar:
        folder = films.gather(chosen, films.find(chosen, given), bar)
    with terminal.bar("Reading films") as bar:
        return prepare(chosen, dataset.read(folder, bar))


def _planned(ready: Ready, device: str, progress: Any) -> tuple[Ready, Plan]:
    """The plan, cut to the study's budget where it has one."""
    from xraykit.experiments.plan import budget, plan, probe
    from xraykit.experiments.study.study import StudyRefused

    known: dict[str, probe.Cost] = {}
    planned = plan.plan(ready, device, progress, known=known)
    seconds = ready.study.budget
    if seconds is None or (cut := budget.cut(ready.study, planned, seconds)).shrink == planned.shrink:
        return ready, planned
    if cut.shrink is None:
        raise StudyRefused(cut.words)
    ready = ready.change(shrink=cut.shrink)
    planned = plan.plan(ready, device, progress, known=known)
    return ready, dataclasses.replace(planned, remarks=(cut.words, *planned.remarks))


def _plan(chosen: Study, given: tuple[Path, ...], device: str, out: Path | None) -> Plan:
    """What the study would take; with `out` the progress and the plan are left there too."""
    from xraykit.datasets import dataset
    from xraykit.experiments.plan.ready import prepare
    from xraykit.experiments.study import films
    from xraykit.system import jobs

    if out is None:
        return _planned(_ready(chosen, given), device, _Teller())[1]
    job = jobs.Job(out)
    with jobs.running(job, verb="plan", data=", ".join(map(str, given))) as going:

        def tell(what: str, done: int, total: int) -> None:
            going.done, going.films = done, total
            going.stop_if_asked()
            if time.monotonic() - going.reported > jobs.REPORT_SECONDS:
                going.report(what)

        count = functools.partial(tell, "Reading films.")
        ready = prepare(chosen, dataset.read(films.gather(chosen, films.find(chosen, given), count), count))
        _, planned = _planned(ready, device, tell)
        job.write("plan.json", planned.to_json())
        going.summary = planned.words
    return planned


class _Teller:
    """Says on stderr what is done, once."""

    last = ""

    def __call__(self, what: str, done: int, total: int) -> None:
        if what != self.last:
            click.echo(f"{what} ({done + 1} of {total})", err=True)
        self.last = what


def _lines(planned: Plan) -> Iterator[str]:
    """A plan for a terminal."""
    counts = ", ".join(f"{label} {n}" for label, n in planned.classes.items())
    yield f"{planned.study}: {planned.films} films ({counts})"
    for fold in planned.folds:
        used = "" if fold.used == fold.train else f" ({fold.used} of them used)"
        left = f", {fold.left_out} left out" if fold.left_out else ""
        test = f", tested on {fold.test}" if fold.test else ""
        yield f"  fold {fold.name}: learns from {fold.train}{used}, validated on {fold.validation}{test}{left}"
    if planned.held_out:
        yield f"  held out for the chosen trial: {planned.held_out}"
    yield f"{planned.words}."
    parts = {"learning": planned.learning, "shared features": planned.features, "starting": planned.start}
    yield f"  {', '.join(f'{name} {text.duration(seconds)}' for name, seconds in parts.items())}"
    yield from (f"note: {remark}" for remark in planned.remarks)


def _folds_of(chosen: Study) -> str:
    from xraykit.experiments.study.design import FoldKind

    words = {
        FoldKind.SINGLE: "one division",
        FoldKind.CROSS_VALIDATION: _count(chosen.folds.count, "fold"),
        FoldKind.LEAVE_ONE_SOURCE_OUT: "each source left out in turn",
    }
    return f"{words[chosen.folds.kind]}, {_count(len(chosen.seeds), 'seed')}"


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'s' * (number != 1)}"
