"""What the models make of a film, kept for the session: readings at once, slow heatmaps in the background.

A slow heatmap is waited for in a thread that touches plain Python objects only, so the page never blocks.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import streamlit as st

from xraykit.films import radiograph
from xraykit.models import explanation, service
from xraykit.models.card import Card
from xraykit.models.explanation import Explanation
from xraykit.refused import Refused, words_of
from xraykit.ui import server

FAST = explanation.METHODS[0]
UNWATCHED_SECONDS = 60.0  # a page that is gone stops asking; its work ends
CANCELLED = "Cancelled: the film is shown without a heatmap."


class Cancelled(Exception):
    """Raised in the progress call to end a heatmap nobody waits for."""


class Wanted(NamedTuple):
    """Which heatmaps the page shows: of one film by one method, for each model a label."""

    sha256: str
    method: str
    labels: tuple[tuple[str, str], ...]  # (model, label)


@dataclass(eq=False)
class Job:
    """Heatmaps being computed by a slow method, one after the other for each model.

    Attributes
    ----------
    wanted : Wanted
        What the page must still want for the job to go on.
    pairs : tuple of (str, str)
        (model, label) of the heatmaps to compute: those of `wanted` that were not there before.
    done : float
        Fraction in [0, 1].
    remaining : float or None
        Seconds, as the worker estimates.
    heatmaps : dict
        (model, label) to Explanation, or to words where it failed.
    cancelled : bool
        Set to end the job; what is computed by then is kept.
    """

    wanted: Wanted
    pairs: tuple[tuple[str, str], ...]
    done: float = 0.0
    remaining: float | None = None
    heatmaps: dict[tuple[str, str], Explanation | str] = field(default_factory=dict)
    cancelled: bool = False
    seen: float = field(default_factory=time.monotonic)
    thread: threading.Thread | None = None

    def running(self) -> bool:
        return self.thread is not None and self.thread.is_alive()

    def ended_early(self) -> bool:
        return self.cancelled and len(self.heatmaps) < len(self.pairs)

    def failed(self) -> bool:
        return any(isinstance(heatmap, str) for heatmap in self.heatmaps.values())


def read(film: radiograph.Radiograph, model: str) -> service.Reading | str:
    """One model's reading of a film, computed once a session; words where there is none."""
    readings = st.session_state.setdefault("readings", {})
    key = (film.sha256, model)
    if key not in readings:
        try:
            readings[key] = server.client().classify(film, model)
        except (Refused, OSError) as error:
            return words_of(error)
    return readings[key]


def read_all(film: radiograph.Radiograph) -> None:
    """Have every model read a film, so that the list can say what each predicts."""
    for card in server.models()[0]:
        read(film, card.name)


def summarise(sha: str, models: Iterable[Card]) -> str:
    """What the models predict for a film, in one line; empty before they have read it."""
    readings = st.session_state.get("readings", {})
    tops = [readings[sha, card.name].prediction.top for card in models if (sha, card.name) in readings]
    return tops[0] if len(set(tops)) == 1 else " / ".join(tops)


def heatmaps(
    film: radiograph.Radiograph, method: str, labels: Mapping[str, str]
) -> dict[str, Explanation | str | None]:
    """Each model's heatmap for a label: at once for Grad-CAM; by another method None while it is being computed.

    Parameters
    ----------
    film : radiograph.Radiograph
    method : str
        One of `explanation.METHODS`.
    labels : dict of str to str
        Model name to label.

    Returns
    -------
    dict of str to Explanation, str or None
        By model name; words where there is no heatmap and none is coming.
    """
    if method == FAST:
        end_job()
        return {model: _grad_cam(film, model, label) for model, label in labels.items()}
    job = _job_for(film, Wanted(film.sha256, method, tuple(labels.items())))
    nothing_yet = CANCELLED if job is not None and job.cancelled else None
    known = _known()
    return {model: known.get((film.sha256, method, model, label), nothing_yet) for model, label in labels.items()}


def end_job() -> None:
    """Cancel what is being computed, if anything is; what is computed by then is kept."""
    job: Job | None = st.session_state.pop("job", None)
    if job is not None:
        job.cancelled = True
        _collect(job)


def try_again() -> None:
    """Forget the ended job and its failures, so that the page starts anew; a callback."""
    end_job()
    st.session_state["maps"] = {key: heatmap for key, heatmap in _known().items() if not isinstance(heatmap, str)}


def _known() -> dict[tuple[str, str, str, str], Explanation | str]:
    """Heatmaps of slow methods by (SHA-256, method, model, label); words where it failed: it is not tried for ever."""
    return st.session_state.setdefault("maps", {})


def _job_for(film: radiograph.Radiograph, wanted: Wanted) -> Job | None:
    """The job that computes, or did compute, what is wanted; None where nothing has to be computed."""
    job: Job | None = st.session_state.get("job")
    if job is not None and job.wanted != wanted:
        end_job()
        job = None
    if job is not None:
        _collect(job)
        return job
    missing = tuple(pair for pair in wanted.labels if (wanted.sha256, wanted.method, *pair) not in _known())
    if not missing:
        return None
    job = Job(wanted, missing)
    job.thread = threading.Thread(target=_compute, args=(job, film, server.client()), daemon=True, name="heatmaps")
    job.thread.start()
    st.session_state["job"] = job
    return job


def _collect(job: Job) -> None:
    key = (job.wanted.sha256, job.wanted.method)
    _known().update({(*key, *pair): heatmap for pair, heatmap in dict(job.heatmaps).items()})


def _grad_cam(film: radiograph.Radiograph, model: str, label: str) -> Explanation | str:
    reading = read(film, model)
    if isinstance(reading, str):
        return reading
    if not reading.explanations:
        return explanation.NO_HEATMAP.format(method=FAST)
    by_label = {heatmap.label: heatmap for heatmap in reading.explanations}
    return by_label.get(label) or f"This model has no class {label}."


def _compute(job: Job, film: radiograph.Radiograph, client: service.Client) -> None:
    for place, (model, label) in enumerate(job.pairs):

        def report(done: float, remaining: float | None, place: int = place) -> None:
            if job.cancelled or time.monotonic() - job.seen > UNWATCHED_SECONDS:
                raise Cancelled
            job.done, job.remaining = (place + done) / len(job.pairs), remaining

        try:
            job.heatmaps[model, label] = client.explain(film, model, job.wanted.method, label, report)
        except Cancelled:
            job.cancelled = True
            return
        except (Refused, OSError) as error:
            job.heatmaps[model, label] = words_of(error)
