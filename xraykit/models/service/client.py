"""What pages call: a client of the one service process, which it starts again when it died."""

from __future__ import annotations

import logging
import secrets
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from xraykit.films.dicom import facts
from xraykit.films.dicom.softcopy import Softcopy
from xraykit.films.folders.zipped import Place
from xraykit.films.radiograph import Radiograph
from xraykit.films.refusal import Refusal
from xraykit.gate.verdict import AS_IT_IS, Asked
from xraykit.models.cards.card import Card
from xraykit.models.explanation import Explanation
from xraykit.models.service.lines import Lost, ServiceError, ask
from xraykit.models.service.scoring import Reading, Scored
from xraykit.models.service.seen import Seen
from xraykit.system.local_service import LocalService

SERVICE = "xraykit.models.service"
Progress = Callable[[float, float | None], None]
log = logging.getLogger(__name__)


class Client:
    """Speaks to one service process, which it starts again when it died. Threads may share a client.

    The service knows models by name, below `root` (`models_folder()` if it is not given).
    """

    def __init__(self, root: Path | None = None) -> None:
        self.restarts = 0
        # Made once: two films of a patient are known as such when the service was started again between them
        self._environment = {facts.SECRET: secrets.token_hex(32)} | ({"XRAYKIT_WEIGHTS": str(root)} if root else {})
        self._closed = False
        self._swap = threading.Lock()
        self._service = LocalService(SERVICE, self._environment)

    def read(self, source: str, film: bytes | Path) -> Radiograph | Refusal:
        """Decode a film, by its bytes or where it lies, behind the firewall; `source` is its name in messages."""
        return self._call("read", source, film)

    def models(self) -> tuple[list[Card], list[Refusal]]:
        """Cards of the usable models, and why other folders are not."""
        return self._call("models")

    def classify(self, film: Radiograph, model: str) -> Reading:
        """Probabilities and Grad-CAM of every class; raises ModelRefused, ServiceError.

        The gate is not asked: it was, or was not to be, when the film was let into the evaluation that lists it.
        """
        return self._call("classify", film, model)

    def prepare(self, models: Sequence[str]) -> None:
        """Start the decoders and load these models, so that the first film need not wait for them."""
        self._call("prepare", tuple(models))

    def score(self, source: str, place: Place, models: Sequence[str], asked: Asked = AS_IT_IS) -> Scored | Refusal:
        """A film scored by models, and kept decoded: it is about to be looked at.

        What the gate refuses is scored by no model of chest films, unless `asked` overrides it; `Scored.gate` tells.
        """
        return self._call("score", source, place, tuple(models), asked)

    def score_many(
        self, films: Sequence[tuple[str, Place]], models: Sequence[str], each: Callable[[int, Scored | Refusal], None]
    ) -> None:
        """Films by name and place, scored by models; `each` is given the place in `films` and what became of it.

        Raising in `each` ends it. Raises ServiceError when the service was lost twice: those that `each` was given
        are done.
        """
        left = list(range(len(films)))

        def take(place: int, scored: Scored | Refusal) -> None:
            number = asked[place]
            left.remove(number)
            each(number, scored)

        lost = 0
        while left:
            asked = list(left)
            try:
                self._call("score_many", [films[number] for number in asked], tuple(models), progress=take, tries=1)
            except ServiceError:
                lost = lost + 1 if asked == left else 0
                if lost > 1:  # nothing came of it twice: the first of them ends the service
                    raise

    def softcopy(
        self, source: str, place: Place, sha256: str | None, models: Sequence[str] = (), asked: Asked = AS_IT_IS
    ) -> Softcopy | Refusal:
        """A film as it is drawn, decoded again where it is not kept; what these models need of it is made on the way.

        Refused where its bytes no longer have this check sum; None: whatever they are.
        """
        return self._call("softcopy", source, place, sha256, tuple(models), asked)

    def heat(
        self,
        source: str,
        place: Place,
        sha256: str | None,
        model: str,
        method: str,
        label: str,
        progress: Progress | None = None,
        asked: Asked = AS_IT_IS,
    ) -> Explanation | Refusal:
        """`explain`, of a film by where it lies; what was computed before comes at once. Refused by the gate too."""
        return self._call("heat", source, place, sha256, model, method, label, asked, progress=progress)

    def see(self, source: str, place: Place, sha256: str | None, model: str, asked: Asked = AS_IT_IS) -> Seen | Refusal:
        """The tensor that a model is given of a film, the features it becomes, and how it came about."""
        return self._call("see", source, place, sha256, model, asked)

    def explain(
        self, film: Radiograph, model: str, method: str, label: str, progress: Progress | None = None
    ) -> Explanation:
        """A heatmap by one of `explanation.METHODS` for a class.

        `progress(share done, seconds left or None)` is called several times a second; raising inside it
        cancels. Raises ModelRefused, ServiceError (for an unknown method or label too).
        """
        return self._call("explain", film, model, method, label, progress=progress)

    def status(self) -> dict:
        """pid, heavy modules, decoders, worker (pid or None) and loaded models of the service."""
        return self._call("status")

    def close(self) -> None:
        """End the service and everything it started."""
        with self._swap:
            self._closed = True
            self._service.end()

    def _call(self, verb: str, *arguments: Any, progress: Callable[..., None] | None = None, tries: int = 2) -> Any:
        for _ in range(tries):  # a service that died is started again and asked once more
            with self._swap:
                if self._closed:
                    raise ServiceError("The inference service was closed. Start the server again.")
                service = self._service
            try:
                return ask(service, (verb, arguments), progress)
            except Lost as error:
                log.warning("the inference service was lost (%s)", type(error.__cause__).__name__)
                self._replace(service)
        raise ServiceError(
            "The inference service stopped twice on this film. Other films still work; see the server's log."
        )

    def _replace(self, lost: LocalService) -> None:
        with self._swap:
            if self._service is lost and not self._closed:  # of many threads that lost it, one starts the next
                lost.end()
                self._service = LocalService(SERVICE, self._environment)
                self.restarts += 1


def start(root: Path | None = None) -> Client:
    """Start the service for the models below `root`; returns at once, the first call waits until it listens."""
    return Client(root)
