"""Films: a film's report made again from its JSON, the film and the models."""

from __future__ import annotations

import contextlib
import datetime
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from xraykit.films import ingest
from xraykit.films.radiograph import Radiograph
from xraykit.films.refusal import Refusal
from xraykit.gate.verdict import AS_IT_IS, Asked
from xraykit.models import classifier, explanation, tf_keras_vis
from xraykit.models.cards.card import BODY, HEAD
from xraykit.models.classifier import Classifier
from xraykit.models.explanation import Explanation
from xraykit.models.service.worker import Worker
from xraykit.reading.impressions import Impression
from xraykit.reports.export.verify.agreement import Figure
from xraykit.reports.export.verify.places import Places
from xraykit.reports.export.verify.sidecar import NotVerified, Sidecar
from xraykit.reports.film import report as film_report
from xraykit.reports.film import subject
from xraykit.reports.film.heatmap import colormaps
from xraykit.reports.film.subject import Explain, Noise, Settings
from xraykit.reports.report.page import Report
from xraykit.system import files

FILES = "Files it rests on"
Digest = Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]
Name = Annotated[str, Meta(max_length=300)]


@dataclass(frozen=True)
class Again:
    """A report made again, and the SHA-256 of each file it rests on beside what it was."""

    report: Report
    files: tuple[Figure, ...] = ()
    notes: tuple[str, ...] = ()


def hashes(of_what: str, then: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[Figure]:
    """Each file's SHA-256 then and now."""
    for name in dict.fromkeys([*then, *now]):
        before, after = then.get(name), now.get(name)
        words = f"SHA-256 of {name}{f' of {of_what}' if of_what else ''}"
        where = ".".join(filter(None, ("files", of_what, name)))
        yield Figure(FILES, where, words, "text", before, after, before == after)


class _Film(msgspec.Struct, frozen=True):
    sha256: Digest
    bytes: Annotated[int, Meta(ge=0, lt=2**50)] = 0


class _Hashes(msgspec.Struct, frozen=True):
    film: _Film
    models: dict[str, dict[str, str]] = {}


class _Arguments(msgspec.Struct, frozen=True):
    models: Annotated[tuple[Name, ...], Meta(max_length=20)] = ()
    gate: Asked = AS_IT_IS
    created: Name = ""
    impression: Impression | None = None
    name: Name = ""


class _Redo(msgspec.Struct, frozen=True):
    arguments: _Arguments
    hashes: _Hashes
    settings: Settings = Settings()
    noise: Noise = Noise()


def again(given: Sidecar, places: Places) -> Again:
    """The film's report made again; that of a file that was refused, too.

    Raises
    ------
    NotVerified
        If film or model is not in these places, or the JSON asks for what cannot be drawn.
    """
    redo = given.recipe(_Redo)
    _check(given, redo)
    film = _find(redo.hashes.film, _places(places))
    created, name = redo.arguments.created, redo.arguments.name
    if isinstance(film, Refusal):
        return Again(film_report.refused(film, redo.hashes.film.sha256, created, name=name))
    names = [given.plain(model, "model") for model in redo.arguments.models]
    readers = [classifier.load(places.model(model)) for model in names]
    with _explaining(redo.settings, readers) as explain:
        made = subject.read(
            film,
            readers,
            asked=redo.arguments.gate,
            settings=redo.settings,
            created=created,
            explain=explain,
            impression=redo.arguments.impression,
            name=name,
            bytes=redo.hashes.film.bytes,
        )
    rests = [
        figure
        for model, reader in zip(names, readers, strict=True)
        for figure in hashes(
            model,
            *({file: held.get(file) for file in (BODY, HEAD)} for held in (_then(redo, model), reader.card.files)),
        )
    ]
    return Again(film_report.report(made), tuple(rests))


@contextlib.contextmanager
def _explaining(settings: Settings, readers: Sequence[Classifier]) -> Iterator[Explain | None]:
    """What draws heatmaps by the method of the report, in a process with TensorFlow; None where Grad-CAM does."""
    method = settings.method
    if method == explanation.GRAD_CAM or not settings.heatmaps or not readers:
        yield None
        return

    def explain(reader: Classifier, film: Radiograph, label: str) -> Explanation:
        explanation.check_heatmap(reader.card, method)
        square = film.square(reader.card.image_size, reader.card.channels)
        raw = worker.compute(tf_keras_vis.task_of(reader, method, label, square), lambda share, seconds: None)
        layer = explanation.layer_of(reader.card, method)
        return explanation.explain_map(label, method, layer, raw, film.square_box())

    worker = Worker()
    try:
        yield explain
    finally:
        worker.end()


def _then(redo: _Redo, model: str) -> dict[str, str]:
    return redo.hashes.models.get(model, {})


def _check(given: Sidecar, redo: _Redo) -> None:
    settings = redo.settings
    if settings.colormap not in colormaps.NAMES or not 0 <= settings.opacity <= 1:
        raise NotVerified(f"{given.name} asks for colours that there are not. It was changed by hand.")
    if settings.method not in explanation.METHODS:
        raise NotVerified(
            f"{given.name} asks for heatmaps by {files.shown(settings.method)[:60]}. Expected one of "
            f"{', '.join(explanation.METHODS)}. Another version of xraykit wrote it, or it was changed by hand."
        )
    if redo.noise != Noise():
        raise NotVerified(
            f"{given.name} was drawn with {redo.noise.samples} samples of noise, seed {redo.noise.seed}; this version "
            f"of xraykit draws {Noise().samples} with seed {Noise().seed}. Verify it with the version that made it."
        )
    if not 1 <= settings.longest <= 2**14 or redo.arguments.gate.turn not in (0, 90, 180, 270):
        raise NotVerified(f"{given.name} asks for a film turned or drawn as none can be. It was changed by hand.")
    if not _is_moment(redo.arguments.created):
        raise NotVerified(f"{given.name} names no day and time in redo.arguments.created. It was changed by hand.")


def _is_moment(created: str) -> bool:
    try:
        return datetime.datetime.fromisoformat(created).tzinfo is not None
    except ValueError:
        return False


def _places(places: Places) -> Sequence[Path]:
    return [*places.films, *([places.data] if places.data else [])]


def _find(wanted: _Film, places: Sequence[Path]) -> Radiograph | Refusal:
    """The file of this SHA-256, wherever it lies in these places, read as a film."""
    for path in ingest.list_films(places):
        try:
            same_size = not wanted.bytes or path.stat().st_size == wanted.bytes
            if not same_size or files.sha256_of(path) != wanted.sha256:
                continue
        except OSError:
            continue
        with ingest.Ingest(workers=1) as firewall:
            return firewall.read(path)
    looked = ", ".join(files.shown(place) for place in places) or "any folder: none was given"
    raise NotVerified(
        f"The film is not at hand: expected a file whose SHA-256 is {wanted.sha256}; looked in {looked}. Say where it "
        "lies with --film FILE or FOLDER."
    )
