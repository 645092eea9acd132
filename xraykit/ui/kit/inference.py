"""The kept models as the inference service reads them, for every page."""

from __future__ import annotations

from xraykit.films.refusal import Refusal
from xraykit.models import service
from xraykit.models.card import Card
from xraykit.ui import server


def cards() -> tuple[list[Card], list[Refusal]]:
    """The models that can be used and those that cannot, with words; never raises."""
    try:
        return server.client().models()
    except service.ServiceError as error:
        return [], [Refusal("inference service", "service", str(error))]
