"""The service's side of each verb: the decoders, the loaded classifiers and what is remembered of films."""

from __future__ import annotations

import contextlib
import logging
import os
import sys
import threading
import traceback
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from xraykit.datasets.reading import groups
from xraykit.films import ingest
from xraykit.films.decoder import Glance, Wanted
from xraykit.films.dicom.softcopy import Softcopy
from xraykit.films.folders.zipped import Place
from xraykit.films.radiograph import Radiograph
from xraykit.films.refusal import Refusal
from xraykit.gate.verdict import AS_IT_IS, Asked
from xraykit.models import classifier, explanation, tf_keras_vis
from xraykit.models.cards import card as cards
from xraykit.models.classifier import Classifier
from xraykit.models.explanation import Explanation
from xraykit.models.service import seen
from xraykit.models.service.kept import Kept
from xraykit.models.service.lines import ServiceError
from xraykit.models.service.scoring import Reading, Readings, Scored, refused_by_gate
from xraykit.models.service.worker import Progress, Worker
from xraykit.refused import Refused
from xraykit.system import local_service

HEAVY = ("keras", "tensorflow", "jax", "torch", "tf_keras", "tf_keras_vis")
LOADED_MODELS = 4
STREAMS = min(2, classifier.THREADS)  # films that a model reads at a time
FILMS_BYTES, HEATMAPS_BYTES = 512 * 2**20, 64 * 2**20
CHANGED = "The file has changed since it was read. Open it again."
log = logging.getLogger(__name__)


class Service:
    """Every call runs in the thread of its connection."""

    def __init__(self) -> None:
        self._ingest = ingest.Ingest()
        self._front = ingest.Ingest(workers=1)  # a film that is looked at waits for no folder
        self._models: OrderedDict[tuple, Classifier] = OrderedDict()
        self._loading = threading.Lock()
        self._worker = Worker()
        self._readings = Readings(self._model)
        self._films: Kept[Glance] = Kept(FILMS_BYTES, _bytes_of)
        self._heatmaps: Kept[Explanation] = Kept(HEATMAPS_BYTES, lambda heatmap: heatmap.heatmap.nbytes + 500)
        self._decoding = _Locks()

    def answer(self, line: Connection) -> None:
        """Receive (verb, arguments); send ("progress", ...) at will, then "done" or "error"."""
        verb, arguments = line.recv()
        call: Callable[..., Any] = {
            "read": self._read,
            "models": classifier.available,
            "classify": self._classify,
            "explain": self._explain,
            "prepare": self._prepare,
            "score": self._score,
            "score_many": self._score_many,
            "softcopy": self._softcopy,
            "heat": self._heat,
            "see": self._see,
            "status": self._status,
        }[verb]
        if verb in ("explain", "score_many", "heat"):
            arguments = (*arguments, lambda *state: line.send(("progress", *state)))
        try:
            reply = ("done", call(*arguments))
        except ConnectionError:
            raise  # the caller has left: nobody to answer
        except Refused as error:
            reply = ("error", error)
        except Exception as error:  # one film's accident must not end the service for the others
            # Where it happened, without its text: a library's may hold what stands in a file
            places = "".join(traceback.format_tb(error.__traceback__))
            log.error("%s failed (%s)\n%s", verb, type(error).__name__, places)
            words = f"The inference service failed on this film ({type(error).__name__}). Other films still work; the "
            reply = ("error", ServiceError(f"{words}server's log says where it failed."))
        line.send(reply)

    def _read(self, source: str, film: bytes | Path) -> Radiograph | Refusal:
        return self._ingest.read(film, source)

    def _classify(self, film: Radiograph, model: str) -> Reading:
        return Reading(*explanation.grad_cam(self._model(model)[1], film))

    def _explain(self, film: Radiograph, model: str, method: str, label: str, progress: Progress) -> Explanation:
        loaded = self._checked(model, method, label)
        card = loaded.card
        if method == explanation.GRAD_CAM:
            return explanation.grad_cam(loaded, film)[1][card.classes.index(label)]
        square = film.square(card.image_size, card.channels)
        return self._slow(loaded, method, label, square, film.square_box(), progress)

    def _prepare(self, models: Sequence[str]) -> None:
        self._front.loaded_modules()
        self._ingest.start()
        self._squares(models)

    def _score(self, source: str, place: Place, models: Sequence[str], asked: Asked) -> Scored | Refusal:
        film = self._film(source, place, models, asked)
        return film if isinstance(film, Refusal) else self._readings.score(film, models, asked)

    def _score_many(
        self, films: Sequence[tuple[str, Place]], models: Sequence[str], each: Callable[[int, Scored | Refusal], None]
    ) -> None:
        wanted = Wanted(self._squares(models))
        for place, film in enumerate(self._ingest.glances(films, wanted)):
            each(place, film if isinstance(film, Refusal) else self._readings.score(film, models))

    def _softcopy(
        self, source: str, place: Place, sha256: str | None, models: Sequence[str], asked: Asked
    ) -> Softcopy | Refusal:
        film = self._unchanged(source, place, sha256, models, asked)
        return film.softcopy if isinstance(film, Glance) and film.softcopy else film  # type: ignore[return-value]

    def _heat(
        self,
        source: str,
        place: Place,
        sha256: str | None,
        model: str,
        method: str,
        label: str,
        asked: Asked,
        progress: Progress,
    ) -> Explanation | Refusal:
        loaded = self._checked(model, method, label)
        laid = (asked.turn, asked.inverted)
        key = (sha256, laid, self._model(model)[0], method, label)
        reading = self._readings.known(sha256, laid, model) if sha256 and method == explanation.GRAD_CAM else None
        known = reading.explanations[loaded.card.classes.index(label)] if reading else self._heatmaps.get(key)
        if known is not None:
            return known
        film = self._unchanged(source, place, sha256, [model], asked)
        if isinstance(film, Refusal):
            return film
        if refusal := refused_by_gate(film, loaded.card, asked):
            return refusal
        if method == explanation.GRAD_CAM:
            return self._readings.read(film, model).explanations[loaded.card.classes.index(label)]
        square = film.squares[loaded.card.image_size, loaded.card.channels]
        heatmap = self._slow(loaded, method, label, square, film.box, progress)
        self._heatmaps.put((film.sha256, *key[1:]), heatmap)
        return heatmap

    def _see(self, source: str, place: Place, sha256: str | None, model: str, asked: Asked) -> seen.Seen | Refusal:
        loaded = self._model(model)[1]
        film = self._unchanged(source, place, sha256, [model], asked)
        if isinstance(film, Refusal):
            return film
        return refused_by_gate(film, loaded.card, asked) or seen.see(film, loaded)

    def _unchanged(
        self, source: str, place: Place, sha256: str | None, models: Sequence[str] = (), asked: Asked = AS_IT_IS
    ) -> Glance | Refusal:
        """The film whose bytes have this check sum; of any, where it is None."""
        film = self._film(source, place, models, asked)
        other = isinstance(film, Glance) and sha256 not in (None, film.sha256)
        return Refusal(source, "changed", CHANGED) if other else film

    def _film(self, source: str, place: Place, models: Sequence[str], asked: Asked = AS_IT_IS) -> Glance | Refusal:
        """A film with its softcopy and the squares of these models, decoded once however many ask for it at once."""
        squares = self._squares(models)
        key = (*_identity(place), asked.turn, asked.inverted)
        with self._decoding.hold(key):
            film = self._films.get(key)
            if film is None or not set(squares) <= set(film.squares):
                kept = tuple(film.squares) if film else ()
                wanted = Wanted(tuple(dict.fromkeys((*squares, *kept))), True, asked.turn, asked.inverted)
                film = self._front.glance(place, source, wanted)
                if isinstance(film, Glance):
                    self._films.put(key, film)
        return film

    def _squares(self, models: Sequence[str]) -> tuple[tuple[int, int], ...]:
        """The squares that models take, and that of the fingerprint.

        A model that cannot be loaded takes none, and says why when it is asked.
        """
        forms = []
        for name in models:
            try:
                card = self._model(name)[1].card
            except (Refused, OSError):
                continue
            forms.append((card.image_size, card.channels))
        return tuple(dict.fromkeys((*forms, groups.FORM))) if forms else ()

    def _checked(self, model: str, method: str, label: str) -> Classifier:
        loaded = self._model(model)[1]
        card = loaded.card
        if label not in card.classes or method not in explanation.METHODS:
            raise ServiceError(
                f"Expected one of {', '.join(card.classes)} and one of {', '.join(explanation.METHODS)}; got "
                f"{label!r} and {method!r}."
            )
        explanation.check_heatmap(card, method)
        return loaded

    def _slow(
        self,
        loaded: Classifier,
        method: str,
        label: str,
        square: Any,
        box: tuple[int, int, int, int],
        progress: Progress,
    ) -> Explanation:
        raw = self._worker.compute(tf_keras_vis.task_of(loaded, method, label, square), progress)
        return explanation.explain_map(label, method, explanation.layer_of(loaded.card, method), raw, box)

    def _model(self, name: str) -> tuple[tuple, Classifier]:
        """A version and its loaded model; loaded again when its card has changed, the least recently used one dropped.

        Raises ModelRefused.
        """
        folder = classifier.named(name)
        path = folder / cards.CARD
        version = (str(folder.resolve()), path.stat().st_mtime_ns if os.path.isfile(path) else 0)
        with self._loading:
            if version not in self._models:
                self._models[version] = classifier.load(folder, streams=STREAMS)
            self._models.move_to_end(version)
            while len(self._models) > LOADED_MODELS:
                self._models.popitem(last=False)
            return version, self._models[version]

    def _status(self) -> dict:
        return {
            "pid": os.getpid(),
            "heavy": [name for name in HEAVY if name in sys.modules],
            "decoders": [self._ingest.loaded_modules()],
            "worker": self._worker.pid,
            "models": [model.card.name for model in self._models.values()],
            "films": len(self._films),
            "film_bytes": self._films.bytes,
        }


class _Locks:
    """A lock for each key in use."""

    def __init__(self) -> None:
        self._held: dict[Any, list[Any]] = {}
        self._lock = threading.Lock()

    @contextlib.contextmanager
    def hold(self, key: Any) -> Iterator[None]:
        with self._lock:
            entry = self._held.setdefault(key, [threading.Lock(), 0])
            entry[1] += 1
        try:
            with entry[0]:
                yield
        finally:
            with self._lock:
                entry[1] -= 1
                if not entry[1]:
                    del self._held[key]


def _identity(place: Place) -> tuple:
    try:
        status = os.stat(place)
    except (OSError, ValueError):  # a decoder says why
        return (str(place),)
    return str(place), status.st_size, status.st_mtime_ns


def _bytes_of(film: Glance) -> int:
    drawn = 0 if film.softcopy is None else film.softcopy.values.nbytes
    return drawn + sum(square.nbytes for square in film.squares.values()) + 10_000


def main() -> None:
    """Run the service's side until the parent is gone."""
    logging.basicConfig(level=logging.WARNING, format="%(name)s: %(message)s")
    local_service.serve(Service().answer)
