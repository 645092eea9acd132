"""What a model saw of a film: its very input as a picture, how it came about, and the training films nearest to it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from starlette.requests import Request
from starlette.responses import Response

from xraykit.refused import Refused
from xraykit.ui.review.server.answers import NO_STORE, Handler, NotThere, as_json, blocking, row_of
from xraykit.ui.review.server.rooms import Seat

if TYPE_CHECKING:
    from xraykit.models.cards.card import Card
    from xraykit.models.service.seen import Seen
    from xraykit.reading.worklist.rows import Row
    from xraykit.truth.seen.films import Known, TrainingFilms


async def seen(request: Request, seat: Seat) -> Response:
    """In words and numbers."""
    row, card = row_of(request, seat), _card(request, seat)
    return as_json(await blocking(_told, seat, row, card))


async def picture(request: Request, seat: Seat) -> Response:
    """The tensor, as a PNG of the same numbers."""
    row, card = row_of(request, seat), _card(request, seat)

    def make() -> bytes:
        from xraykit.truth.seen import steps

        return steps.picture(_see(seat, row, card))

    return Response(await blocking(make), media_type="image/png", headers=NO_STORE)


def known(film: Known | None) -> dict[str, Any] | None:
    """That a model was made with a film, for its badge."""
    if film is None:
        return None
    from xraykit.truth.seen import steps

    return {"split": film.split, "exact": film.exact, "bits": film.bits, "words": steps.known_words(film)}


def _card(request: Request, seat: Seat) -> Card:
    name = request.query_params.get("model", "")
    card = next((card for card in seat.room.cards if card.name == name), None)
    if card is None:
        raise NotThere
    return card


def _see(seat: Seat, row: Row, card: Card) -> Seen:
    """What the model was given; raises Refused where it was given nothing."""
    from xraykit.films.refusal import Refusal

    refusal = row.refusal if row.state == "refused" else None
    result = refusal or seat.room.see(row, card.name)
    if isinstance(result, Refusal):
        raise Refused(f"The model saw nothing of this film. {result.words}", code=result.code)
    return result


def _told(seat: Seat, row: Row, card: Card) -> dict[str, Any]:
    from xraykit.models import classifier
    from xraykit.truth.seen import films, steps

    given = _see(seat, row, card)
    said: dict[str, Any] = {
        "model": card.name,
        "size": given.way.size,
        "channels": given.way.channels,
        "steps": [vars(step) for step in steps.steps(given.way)],
        "remembered": None,
        "known": None,
        "near": None,
        "words": "",
        "command": "",
    }
    remembered = films.load(classifier.named(card.name))
    if remembered is None:
        data = card.data.get("name") if card.data.get("split_digests") else None
        said["words"] = "The films this model learned from are not remembered."
        if data:
            said["command"] = f"python -m xraykit models remember {card.name} --data {data}"
        return said
    return said | {"remembered": remembered.counts} | _beside(remembered, given)


def _beside(remembered: TrainingFilms, given: Seen) -> dict[str, Any]:
    """The film beside those that the model was made with."""
    from xraykit.truth.seen import films, nearest

    same = films.find(remembered, given.sha256, given.fingerprint)
    near = nearest.nearest(remembered, given.features, () if same is None else (same.row,))
    return {
        "known": known(same),
        "near": {
            "labels": near.labels,
            "distances": near.distances,
            "counts": near.counts,
            "usual": near.usual,
            "further": near.further.to_dict() if near.further else None,
            "far": near.is_far,
            "words": nearest.words(near),
        },
    }


TABLE: list[tuple[str, str, Handler]] = [
    ("GET", "seen/{id}", seen),
    ("GET", "input/{id}", picture),
]
