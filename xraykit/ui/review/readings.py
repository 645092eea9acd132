"""What the models make of a film, kept for the session: readings at once, slow heatmaps in the background.

A slow heatmap is waited for in a thread that touches plain Python objects only, so the page never blocks.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field

import streamlit as st

from xraykit.films import radiograph
from xraykit.models import explanation, service
from xraykit.models.card import Card
from xraykit.refused import Refused
from xraykit.ui import server
from xraykit.ui.kit.inference import cards

FAST = explanation.METHODS[0]
UNWATCHED_SECONDS = 60.0  # a page that is gone stops asking; its work ends


class Cancelled(Exception):
    """Raised in the progress call to end a heatmap nobody waits for."""


@dataclass(eq=False)
class Job:
    """Heatmaps being computed for one film by a slow method, one after the other for each model.

    Attributes
    ----------
    wanted : tuple
        The film's SHA-256, the method, and (model, label) pairs: what the page must still want for the job to go on.
    done : float
        Fraction in [0, 1].
    remaining : float or None
        Seconds, as the worker estimates.
    found : dict
        (model, label) to Explanation, or to words where it failed.
    """

    wanted: tuple
    done: float = 0.0
    remaining: float | None = None
    found: dict[tuple[str, str], explanation.Explanation | str] = field(default_factory=dict)
    cancelled: bool = False
    seen: float = field(default_factory=time.monotonic)
    thread: threading.Thread | None = None

    def running(self) -> bool:
        return self.thread is not None and self.thread.is_alive()


def read(film: radiograph.Radiograph, model: str) -> service.Reading | str:
    """One model's reading of a film, computed once a session; words where there is none."""
    kept = st.session_state.setdefault("readings", {})
    key = (film.sha256, model)
    if key not in kept:
        try:
            kept[key] = server.client().classify(film, model)
        except (Refused, OSError) as error:
            return str(error)
    return kept[key]


def read_all(film: radiograph.Radiograph) -> None:
    """Have every model read a film, so that the list can say what each predicts."""
    for card in cards()[0]:
        read(film, card.name)


def summarise(sha: str, models: list[Card]) -> str:
    """What the models predict for a film, in one line; empty before they have read it."""
    kept = st.session_state.get("readings", {})
    tops = [kept[sha, card.name].prediction.top for card in models if (sha, card.name) in kept]
    return tops[0] if len(set(tops)) == 1 else " / ".join(tops)


def heatmaps(
    film: radiograph.Radiograph, method: str, pairs: dict[str, str]
) -> dict[str, explanation.Explanation | str | None]:
    """Each model's heatmap for a label: at once for Grad-CAM, None while a slow method is at work.

    Parameters
    ----------
    film : radiograph.Radiograph
    method : str
        One of `explanation.METHODS`.
    pairs : dict of str to str
        Model name to label.
    """
    if method == FAST:
        _end_other_jobs(())
        return {model: _grad_cam(film, model, label) for model, label in pairs.items()}
    maps = st.session_state.setdefault("maps", {})
    missing = tuple(pair for pair in pairs.items() if (film.sha256, method, *pair) not in maps)
    wanted = (film.sha256, method, missing)
    _end_other_jobs(wanted)
    job: Job | None = st.session_state.get("job")
    if missing and (job is None or job.wanted != wanted):
        st.session_state["job"] = _start(film, wanted)
    return {model: maps.get((film.sha256, method, model, label)) for model, label in pairs.items()}


def collect(job: Job) -> None:
    """Move what a job has found into the session; failures too, so that they are not tried for ever."""
    maps = st.session_state.setdefault("maps", {})
    sha, method, _ = job.wanted
    maps.update({(sha, method, *pair): found for pair, found in job.found.items()})


def try_again() -> None:
    """Forget the ended job and its failures, so that the page starts anew."""
    st.session_state.pop("job", None)
    maps = st.session_state.get("maps", {})
    st.session_state["maps"] = {key: found for key, found in maps.items() if not isinstance(found, str)}


def _grad_cam(film: radiograph.Radiograph, model: str, label: str) -> explanation.Explanation | str:
    found = read(film, model)
    if isinstance(found, str):
        return found
    maps = {heat.label: heat for heat in found.explanations}
    return maps.get(label) or f"This model does not know the class {label}."


def _end_other_jobs(wanted: tuple) -> None:
    job: Job | None = st.session_state.get("job")
    if job is not None and job.wanted != wanted:
        job.cancelled = True
        st.session_state.pop("job")


def _start(film: radiograph.Radiograph, wanted: tuple) -> Job:
    job = Job(wanted)
    job.thread = threading.Thread(target=_work, args=(job, film, server.client()), daemon=True, name="heatmaps")
    job.thread.start()
    return job


def _work(job: Job, film: radiograph.Radiograph, client: service.Client) -> None:
    _, method, pairs = job.wanted
    for place, (model, label) in enumerate(pairs):

        def report(done: float, remaining: float | None, place: int = place) -> None:
            if job.cancelled or time.monotonic() - job.seen > UNWATCHED_SECONDS:
                raise Cancelled
            job.done, job.remaining = (place + done) / len(pairs), remaining

        try:
            job.found[model, label] = client.explain(film, model, method, label, report)
        except Cancelled:
            job.cancelled = True
            return
        except (Refused, OSError) as error:
            job.found[model, label] = str(error)
