"""What a phase fits, and on what: which layers learn, and what before them is computed once."""

from __future__ import annotations

from dataclasses import dataclass

import keras

from xraykit.training.fit.input.cut import Cut, cut_of
from xraykit.training.fit.network import network
from xraykit.training.recipe.recipe import Augmentation, Phase, Recipe


@dataclass(frozen=True, eq=False)
class Prepared:
    """What a phase fits, and on what.

    Attributes
    ----------
    learner : keras.Model
        The network, or what follows its cut.
    cut : Cut or None
        Where what comes out of the frozen layers is computed once; None where everything is computed in each epoch.
    augmentation : Augmentation or None
        Of training films; drawn anew in each epoch where `passes` is 0.
    passes : int
        Passes of augmented films that epochs take in turn.
    mixup : float
        Parameter of the shares by which training films are blended; 0 for none.
    """

    learner: keras.Model
    cut: Cut | None = None
    augmentation: Augmentation | None = None
    passes: int = 0
    mixup: float = 0.0


def prepare(model: keras.Model, recipe: Recipe, phase: Phase) -> Prepared:
    """Choose what learns in a phase, and whether what comes before it is computed once: where it sees the same films.

    Parameters
    ----------
    model : the whole network; which of its layers learn is changed.
    """
    network.set_trainable(model, phase.trainable, recipe.batch_normalization)
    augmentation = recipe.augmentation if phase.augment and recipe.augmentation.active else None
    mixup = recipe.mixup if phase.augment else 0.0
    cut = cut_of(model) if augmentation is None or recipe.cached_passes else None
    if cut is None:
        return Prepared(model, augmentation=augmentation, mixup=mixup)
    passes = min(recipe.cached_passes, phase.epochs) if augmentation is not None else 0
    return Prepared(cut.rest, cut, augmentation, passes, mixup)
