"""What a user can choose on Compare, and what is compared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Literal

from xraykit.evaluation import comparison
from xraykit.evaluation.decisions import operating_point as operating
from xraykit.evaluation.evaluation import Evaluation
from xraykit.models import kept as kept_models
from xraykit.models.cards.card import titles_of

AT_ONCE = 4  # models that are shown in full; of more, the two that were chosen


class Target(StrEnum):
    """What an operating point aims at; the value is its name in the control and in the address."""

    HIGHEST = "Highest probability"
    SENSITIVITY = "Sensitivity"
    SPECIFICITY = "Specificity"
    MANUAL = "Manual threshold"
    SAVED = "Saved points"


@dataclass(frozen=True)
class Choice:
    """What the user wants to see; hashable, a key of what was computed for it.

    `pair` are the places of the two models whose difference is shown, second minus first; `share` "row" or "column";
    `method` of intervals, "wilson" or "exact"; `target` what the operating point aims at, `wanted` the target share, or
    the threshold, `saved` the text of a file that holds points; `margin` a share of accuracy or None; `after`
    temperature.
    """

    label: str
    share: Literal["row", "column"]
    method: Literal["wilson", "exact"]
    target: Target
    wanted: float
    margin: float | None
    after: bool
    saved: str = ""
    pair: tuple[int, int] = (0, 1)

    @property
    def point(self) -> tuple[str, Target, float, str]:
        """What the operating points depend on."""
        return self.label, self.target, self.wanted, self.saved


@dataclass(frozen=True)
class Chosen:
    """Films to list. `kind` "cell": `places` model, reference, predicted; "changed": two models, reference, predicted,
    for the films that only one of them puts there; else two models, by their places."""

    kind: Literal["cell", "changed", "fixes", "breaks", "wrong"]
    places: tuple[int, ...]


def titles(kept: Sequence[kept_models.Kept]) -> tuple[str, ...]:
    """What each model is called for a reader: its title, with its folder's name where titles are equal."""
    return tuple(titles_of([model.card for model in kept]).values())


def titled(kept: Sequence[kept_models.Kept], evaluations: Sequence[Evaluation]) -> list[Evaluation]:
    """The models' evaluations under the models' titles, for a comparison that is read by people."""
    return [replace(each, model=title) for each, title in zip(evaluations, titles(kept), strict=True)]


@dataclass(frozen=True, eq=False)
class Material:
    """The models compared, in order, and what is known of them. `digest` names the comparison and all that follows.

    The comparison knows the models by their titles, see `titled`; their folders' names are those of `kept`.

    `recipes`: where several models of one recipe differ in their seed alone, all of those, a recipe each.
    """

    kept: tuple[kept_models.Kept, ...]
    comparison: comparison.Comparison
    digest: str
    recipes: tuple[tuple[kept_models.Kept, ...], ...] = ()

    @property
    def models(self) -> tuple[str, ...]:
        return self.comparison.models

    @property
    def classes(self) -> tuple[str, ...]:
        return self.comparison.classes

    def in_full(self, choice: Choice) -> tuple[int, ...]:
        """Places of the models that are shown in full: all of a few, else the chosen pair."""
        return tuple(range(len(self.kept))) if len(self.kept) <= AT_ONCE else choice.pair

    def choose(self, places: Sequence[int]) -> Material:
        """Some of the models, with the verdicts on their pairs as they were."""
        kept = tuple(self.kept[place] for place in sorted(places))
        return replace(self, kept=kept, comparison=self.comparison.choose(places))


Applied = Mapping[str, operating.Applied | str]  # by title: each model at its operating point, or why it has none
