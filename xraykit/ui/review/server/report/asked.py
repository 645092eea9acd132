"""What a page asks of a report, checked value by value; what is something else is refused in words."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from xraykit.models import explanation
from xraykit.refused import Refused, field_of
from xraykit.reports.export.figure import Look
from xraykit.reports.film.heatmap import colormaps
from xraykit.reports.film.subject import Grey, Settings

MOST_FILMS, MOST_MODELS = 20_000, 20
Name = Annotated[str, Meta(max_length=200)]
What = Literal["film", "session", "sheet"]


class View(msgspec.Struct, frozen=True):
    """How a reader has films in sight: models by name, the class whose heatmaps they see, its colours, the window."""

    models: Annotated[tuple[Name, ...], Meta(max_length=MOST_MODELS)] = ()
    label: Name | None = None
    method: Name = explanation.GRAD_CAM
    opacity: Annotated[float, Meta(ge=0, le=1)] = 0.4
    colormap: Name = "inferno"
    heatmaps: bool = True
    grey: Grey | None = None

    def settings(self) -> Settings:
        """The same as a film report has it. Raises Refused where there are no such colours or heatmaps."""
        if self.colormap not in colormaps.NAMES or self.method not in explanation.METHODS:
            raise Refused(
                f"Expected one of the colour maps {', '.join(colormaps.NAMES)} and one of the methods "
                f"{', '.join(explanation.METHODS)}. Load the page again.",
                code="request",
            )
        return Settings(
            label=self.label,
            method=self.method,
            opacity=self.opacity,
            colormap=self.colormap,
            heatmaps=self.heatmaps,
            grey=self.grey,
        )


class Asked(msgspec.Struct, frozen=True):
    """A report, or a file of it.

    `film` is the one of a film report, `films` are those of a batch or a sheet in the page's order; of the `hidden`
    ones the reader must not be told yet what models say. `names`: films are called by their files. `full`: with what is
    an appendix. `slide`: the film alone, on one slide.
    """

    what: What = "film"
    film: Name = ""
    films: Annotated[tuple[Name, ...], Meta(max_length=MOST_FILMS)] = ()
    hidden: Annotated[tuple[Name, ...], Meta(max_length=MOST_FILMS)] = ()
    view: View = View()
    names: bool = False
    full: bool = False
    kind: Name = ""
    look: Look = "paper"
    sheet: Literal["a4", "wide"] = "a4"
    slide: bool = False


def read(body: bytes) -> Asked:
    """What a page asks for; raises Refused ("request") for anything else."""
    try:
        return msgspec.json.decode(body, type=Asked)
    except msgspec.ValidationError as error:
        words = f"Expected what a report is to show; {field_of(error)} cannot be that. Load the page again."
        raise Refused(words, code="request") from None
    except (ValueError, RecursionError):
        raise Refused("Expected what a report is to show as JSON. Load the page again.", code="request") from None
