"""A run in words: how it ended, what happened on the way. Every sentence is made of a type; no program reads it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from xraykit.reports.runs.record import Event, Record
from xraykit.system.job_folder.record import State
from xraykit.training.recipe import fields
from xraykit.training.run import failures
from xraykit.training.run.run import CHECKPOINT, Failure

TITLES: dict[Failure | State, str] = {
    Failure.OUT_OF_MEMORY: "The device ran out of memory",
    Failure.DATA: "The films could not be read",
    Failure.WEIGHTS: "The pretrained weights could not be loaded",
    Failure.DIVERGED: "Training diverged: the loss is no longer a number",
    Failure.DISK: "The disk is full or cannot be written",
    Failure.RECIPE: "The recipe cannot be used",
    Failure.DEVICE: "The device is not available",
    Failure.CHECKPOINT: "The checkpoint is damaged",
    Failure.CRASHED: "The run crashed",
    State.LOST: "The run ended unexpectedly",
    State.STOPPED: "Stopped",
}
PRECISIONS = {"mixed_float16": "mixed precision (float16)", "mixed_bfloat16": "mixed precision (bfloat16)"}
CONTINUES = "Resume to continue exactly where it stopped."
STARTS_OVER = "Resuming starts over: there is no checkpoint yet."
GONE_ON = "It was not at its end when this was written: its figures are those of the epochs so far."
NO_RECIPE = "The recipe of this run cannot be read."
MOST_EVENTS = 12


def state(record: Record) -> str:
    """ "finished", "failed: out of memory", "running: epoch 5 of 22"."""
    status = record.status
    if status.state is State.FAILED and status.failure:
        return f"{status.state}: {status.failure}"
    if status.state is State.FINISHED or not status.epochs:
        return str(status.state)
    return f"{status.state} after {status.epoch or 0} of {status.epochs} epochs"


def ending(record: Record) -> Iterator[str]:
    """What a reader must know of a run that has no result: what happened, where, and what to do."""
    status = record.status
    if status.state.busy:
        yield GONE_ON
    if not status.state.broken_off:
        return
    kind = status.failure or Failure.CRASHED if status.state is State.FAILED else status.state
    step = f", at step {status.step:,} of {status.steps:,} of the next" if status.step and status.steps else ""
    yield f"{TITLES[kind]}. {status.epoch or 0} of {status.epochs or '?'} epochs were complete{step}."
    if isinstance(kind, Failure):
        yield failures.ADVICE[kind]
        yield "What exactly was met stands on the page Fine-tune: it may name files, so it is left out here."
    else:
        yield CONTINUES if (record.run.path / CHECKPOINT).is_file() else STARTS_OVER


def course(events: Sequence[Event]) -> list[tuple[str, str]]:
    """What happened, when and what; of many the first and the last."""
    lines = [(event.time, _event(event)) for event in events]
    if len(lines) <= MOST_EVENTS:
        return lines
    half = MOST_EVENTS // 2
    return [*lines[:half], ("", f"{len(lines) - 2 * half} more"), *lines[-half:]]


def breaks(events: Sequence[Event]) -> str:
    """How often it was stopped, failed and resumed; empty where it went through in one."""
    counts = {
        "stopped": sum(event.event == State.STOPPED for event in events),
        "failed": sum(event.event == State.FAILED for event in events),
        "resumed": sum(event.event == "resumed" for event in events),
    }
    parts = [f"{what} {count} time{'s' * (count != 1)}" for what, count in counts.items() if count]
    if not parts:
        return ""
    words = " and ".join(filter(None, (", ".join(parts[:-1]), parts[-1])))
    return f"The training was {words}. A resumed run goes on from its last checkpoint."


def device(record: Record) -> Iterator[tuple[str, str]]:
    """The device and what ran on it."""
    status = record.status
    yield "Device", status.device_name or status.device or "not known"
    backend = status.backend or str(record.recipe.get("backend") or "")
    yield "Backend", fields.at("backend").choices.get(backend, backend) or "not known"
    precision = status.precision or ""
    yield "Precision", PRECISIONS.get(precision, precision) or "not known"
    if (status.split or 1) > 1:
        yield "Batches", f"in {status.split} parts, as memory was short"


def _event(event: Event) -> str:
    if event.event == "started":
        return f"started on {event.device}" if event.device else "started"
    if event.event == "resumed" and event.epoch is not None:
        step = f", step {event.step}" if event.step else ""
        return f"resumed after {event.epoch} epochs{step}"
    if event.event == "out of memory":
        return f"memory was short: batches in {event.accumulation or 2} parts from here on"
    if event.event == "no room for features":
        return "no room to keep the features of frozen layers: they were computed in every epoch"
    if event.event == State.FAILED and event.failure:
        return f"failed: {event.failure}"
    return event.event
