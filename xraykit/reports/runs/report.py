"""Run report: a training on a page or two - recipe, curves, result, device, course - finished, stopped or failed.

Every figure is the evaluation's or the run's own. Made of the run's folder and of the models kept of it, without a
clock: the same folder gives the same report.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from xraykit import RESEARCH_ONLY
from xraykit.evaluation import stats
from xraykit.evaluation.stats import Figure
from xraykit.reports import tables
from xraykit.reports.film import software
from xraykit.reports.film.report import moment
from xraykit.reports.report.page import Report, Section, Tile
from xraykit.reports.report.picture import Picture
from xraykit.reports.report.table import Column, Measured, Table
from xraykit.reports.runs import record as records
from xraykit.reports.runs import words
from xraykit.reports.runs.record import Record
from xraykit.reports.truth import card as card_report
from xraykit.system import text
from xraykit.system.job_folder.record import State
from xraykit.training import keep
from xraykit.training.recipe import sentences
from xraykit.training.run.run import Run
from xraykit.truth.data_audit import record as audits

UNKNOWN = "not known"
MOST_DIFFERENT = 24  # fields: a recipe with more has little to do with the preset
PARTS = {"train": "training", "validation": "validation", "test": "test"}
RATE = "learning_rate"
CURVES = (("accuracy", "Accuracy"), ("loss", "Loss"))
LEARNED = ("learning_seconds", "best_epoch", "device_name", "precision", "split")
KIND, VERB = "run report", "report run"


def report(run: Run, kept: Sequence[str] | None = None) -> Report:
    """The report of a run as its folder has it now.

    Parameters
    ----------
    run : in any state: finished, running, stopped, failed, lost or queued.
    kept : names of the models to say "saved as" of; all of `models_folder()` are looked at where it is None.

    Raises
    ------
    RunRefused
        If its status cannot be read.
    """
    return of_record(records.read(run, kept))


def of_record(record: Record) -> Report:
    """The report of what was read of a run."""
    sections = (
        _end(record),
        _result(record),
        _curves(record),
        _device(record),
        _read_out(record),
        _differences(record),
        _recipe(record),
        _films(record),
        _warnings(record),
        _course(record),
        _kept(record),
        Section("limits", "Limits", tuple(_limits(record)), listed=True),
    )
    return Report(
        title=f"Run {record.name}",
        notice=RESEARCH_ONLY,
        facts=tuple(_facts(record)),
        sections=tuple(section for section in sections if section is not None),
        data=_data(record),
        lead=_lead(record),
        headline=tuple(_tiles(record)),
        columns=True,
        written=record.written,
    )


def _lead(record: Record) -> str:
    if not record.recipe:
        return words.NO_RECIPE
    used = sum(record.data.train_used.values()) if record.data.train_used else record.data.films("train")
    films = f", learned from {used:,} films of {_name(record)}" if used else ""
    return f"{sentences.backbone(record.recipe)}{films}. Recipe {record.recipe.get('name', UNKNOWN)}."


def _name(record: Record) -> str:
    """What the collection of films is called: the last part of its folder, as on a model's card."""
    name = record.data.name or str(record.status.data)
    return sentences.file_name(name) or UNKNOWN


def _tiles(record: Record) -> Iterator[Tile]:
    status, curve = record.status, record.curve
    for part in ("test", "validation"):
        if (metrics := record.metrics.get(part)) is not None:
            balanced = _balanced(metrics)
            note = f"{part} films, n = {metrics['n']:,}; 95% interval {balanced.interval_text()}"
            yield Tile("Balanced accuracy", balanced.value_text(), note)
            break
    if curve.best_epoch is not None:
        loss = f"validation loss {curve.best_loss:.3f}" if curve.best_loss is not None else ""
        accuracy = f"accuracy {curve.best.text()}" if curve.best_accuracy is not None else ""
        yield Tile("Best epoch", f"{curve.best_epoch} of {curve.epochs}", ", ".join(filter(None, (loss, accuracy))))
    if status.learning_seconds:
        device = status.device_name or status.device or ""
        yield Tile("Training time", text.duration(status.learning_seconds), f"on {device}" if device else "")


def _facts(record: Record) -> Iterator[tuple[str, str]]:
    status = record.status
    yield "State", words.state(record)
    yield "Began", moment(status.started or status.created or "")
    yield "Ended" if status.ended else "Last sign of life", f"{record.written:%Y-%m-%d %H:%M} UTC"
    if network := record.hashes.get("model.keras"):
        yield "Network, SHA-256", network
    yield "Software", software.line()


def _end(record: Record) -> Section | None:
    said = tuple(words.ending(record))
    title = "Still under way" if record.status.state.busy else "How it ended"
    return Section("end", title, said, across=True) if said else None


def _result(record: Record) -> Section | None:
    """Accuracy, balanced accuracy and each class on validation and test films, and the test films' matrix."""
    if not record.readings:
        return None
    shown = {part: record.metrics[part] for part in ("test", "validation") if part in record.metrics}
    columns = (
        Column("Measure"),
        *(Column(f"{part}, n {of_part['n']:,}", "percent", interval=True) for part, of_part in shown.items()),
    )
    rows: list[tuple[Any, ...]] = [
        ("Accuracy", *(of_part["accuracy"] for of_part in shown.values())),
        ("Balanced accuracy", *map(_balanced, shown.values())),
    ]
    classes = next(iter(record.readings.values())).classes
    for key, name in (("sensitivity", "Sensitivity"), ("specificity", "Specificity")):
        rows += [
            (f"{name}, {label}", *(of_part["classes"].get(label, {}).get(key) for of_part in shown.values()))
            for label in classes
        ]
    part = next(iter(shown))
    note = "95% intervals: Wilson; of the balanced accuracy from those of the sensitivities."
    parts = (_matrix(record, part), Table("figures", "", columns, tuple(rows), note))
    return Section("result", "Result", (_said_of(part),), parts, wide=True)


def _said_of(part: str) -> str:
    if part == "test":
        return "No test film was used for training or to choose the epoch. The class is that of highest probability."
    return "The test split is held out: no run of its study reads it. Figures of validation films chose the epoch."


def _balanced(metrics: dict[str, Any]) -> Figure:
    return stats.mean_of_shares([figures["sensitivity"] for figures in metrics["classes"].values()])


def _matrix(record: Record, part: str) -> Picture:
    reading = record.readings[part]
    cells = tables.cells(reading.confusion, reading.classes)

    def draw(style: Any) -> Any:
        from xraykit.reports.charts import matrices

        return matrices.matrix(cells, reading.classes, style=style, alt_text=f"Confusion matrix of the {part} films")

    return Picture("matrix", f"Confusion matrix, {part} films", draw, cells, "Colour: share of the reference class")


def _curves(record: Record) -> Section | None:
    if not record.curve.epochs:
        return None
    pictures = tuple(_picture(record, key, title) for key, title in CURVES)
    return Section("curves", "Curves", (), tuple(filter(None, pictures)), across=True)


def _read_out(record: Record) -> Section | None:
    """What the curves show, in words."""
    if not record.curve.epochs:
        return None
    return Section("read-out", "What the curves show", record.curve.words, listed=True, wide=True)


def _picture(record: Record, key: str, title: str) -> Picture | None:
    curve = record.curve
    columns = {"training films": key, "validation films": f"val_{key}"}
    points = [
        {"films": films, "epoch": epoch, "value": value}
        for films, column in columns.items()
        for epoch, row in enumerate(record.history, 1)
        if (value := row.get(column)) is not None and (key != RATE or value > 0)  # a cosine ends at zero: no logarithm
    ]
    if not points:
        return None
    best = [point for point in points if point["films"] == "validation films" and point["epoch"] == curve.best_epoch]
    phases = [epoch - 0.5 for epoch in curve.phases]

    def draw(style: Any) -> Any:
        from xraykit.reports.charts import learning

        looks = {"percent": key == "accuracy", "logarithmic": key == RATE}
        return learning.course(points, title, best=best, phases=phases, style=style, **looks)

    notes = [*(["dot: best epoch"] if best else []), *(["dotted: a new phase begins"] if phases else [])]
    return Picture(f"curve-{key.replace('_', '-')}", title, draw, points, "; ".join(notes))


def _differences(record: Record) -> Section | None:
    """What the recipe has otherwise than the preset, before all else that there is to say of it."""
    if not record.preset:
        return None
    rows = record.differences(record.preset)
    own = record.preset == record.recipe.get("name")
    kind = "preset" if own else "nearest preset"
    title = f"Recipe: beside the {kind} {record.preset}"
    if not rows:
        return Section("differences", title, (f"Every field is as in the preset {record.preset}.",))
    if len(rows) > MOST_DIFFERENT:
        said = f"{len(rows)} fields differ: it has little in common with any preset. The whole recipe follows."
        return Section("differences", title, (said,))
    columns = (Column("Field"), Column(f"Preset {record.preset}"), Column("This run"))
    cells = tuple((name[:1].upper() + name[1:], before, after) for name, before, after in rows)
    return Section("differences", title, parts=(Table("differences", "", columns, cells),))


def _recipe(record: Record) -> Section:
    if not record.recipe:
        return Section("recipe", "Recipe", (words.NO_RECIPE,))
    learned = {field: value for field in LEARNED if (value := getattr(record.status, field)) is not None}
    return Section("recipe", "Recipe", tuple(sentences.sentences(record.recipe | learned)), listed=True, wide=True)


def _films(record: Record) -> Section | None:
    data = record.data
    if not data.counts:
        return None
    rows = [("Collection", _name(record))]
    rows += [("Division", "as the folder gives it" if data.division == "given" else "drawn, with the recipe's seed")]
    if data.rule is not None:
        rows += [("Kept together in one part", data.rule.words)]
    rows += [("Groups", f"{data.groups:,}")] if data.groups is not None else []
    rows += [("Files refused", f"{len(data.refused):,}"), ("SHA-256 of films and labels", data.digest or UNKNOWN)]
    facts = Table("data-facts", "", (Column("Fact"), Column("Value")), tuple(rows), head=False)
    return Section("data", "Films and division", parts=(card_report.films_table(data.counts, data.train_used), facts))


def _device(record: Record) -> Section:
    status = record.status
    seconds = (("Training time", status.learning_seconds), ("Time in queue", status.queued_seconds))
    rows: list[tuple[str, Any]] = list(words.device(record))
    rows += [(name, Measured(value, text.duration(value))) for name, value in seconds if value is not None]
    if status.images_per_second:
        rows += [("Films a second, last measured", round(status.images_per_second, 1))]
    counts = (("Parameters", status.parameters), ("Of them trained in the last phase", status.trainable))
    rows += [(name, f"{value:,}") for name, value in counts if value is not None]
    note = "Training time counts steps and validation alone: no queue, no reading of films, no compilation."
    facts = Table("device", "", (Column("Fact"), Column("Value")), tuple(rows), note, head=False)
    rate = _picture(record, RATE, "Learning rate")
    if rate is None:
        return Section("device", "Device and time", parts=(facts,))
    return Section("device", "Learning rate, device and time", parts=(rate, facts), across=True)


def _warnings(record: Record) -> Section:
    checks = {"data_audit": record.data.data_audit} if record.data.data_audit else {}
    said = [line.replace("`", "") for line in audits.card_lines(checks)]
    said += [words.breaks(record.events)]
    said += ["" if record.data.knows_patients or not record.data.counts else keep.NO_PATIENTS]
    return Section("warnings", "Warnings", tuple(filter(None, said)), listed=True, wide=True)


def _course(record: Record) -> Section | None:
    """When it began, stopped, was resumed and ended; nothing of a run that went through in one."""
    if not words.breaks(record.events):
        return None
    rows = tuple((moment(when) if when else "…", what) for when, what in words.course(record.events))
    return Section("course", "Course", parts=(Table("events", "", (Column("When"), Column("What")), rows, head=False),))


def _kept(record: Record) -> Section | None:
    if record.status.state is not State.FINISHED:
        return None
    said = [
        f"Saved as the model {card.name}, {moment(card.created)}: {card.title}. Its card says more."
        for card in record.kept
    ]
    return Section("kept", "Saved as", tuple(said) or ("No model on this computer has its network.",))


def _limits(record: Record) -> Iterator[str]:
    yield from keep.LIMITS
    if "test" not in record.readings:
        yield "No test films were read: what stands here was measured on films that the training was steered by."


def _data(record: Record) -> dict[str, Any]:
    """Every number in full precision, and what makes the report again."""
    status, data = record.status, record.data
    return {
        "kind": KIND,
        "run": {
            "name": record.name,
            "state": status.state,
            "failure": status.failure,
            "epochs": [status.epoch, status.epochs],
            "preset": record.preset,
            "recipe": record.recipe,
            "data": {
                "name": _name(record),
                "digest": data.digest,
                "groups": data.groups,
                "division": data.division,
                "counts": data.counts,
                "train_used": data.train_used,
                "split_digests": data.split_digests,
                "refused": len(data.refused),
            },
            "history": [dict(row) for row in record.history],
            "metrics": stats.plain(record.metrics),
            "seconds": {"learning": status.learning_seconds, "queued": status.queued_seconds},
            "parameters": status.parameters,
        },
        "redo": {
            "verb": VERB,
            "arguments": {"run": record.name, "kept": [card.name for card in record.kept]},
            "settings": {},
            "hashes": {
                "files": record.hashes,
                "models": {card.name: dict(card.files) for card in record.kept},
                "films": data.digest,
            },
            "versions": software.versions(),
        },
    }
