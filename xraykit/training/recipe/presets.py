"""The recipes that have a name, and recipes read from a file."""

from __future__ import annotations

import json
import os
from pathlib import Path

from xraykit.system import files, text
from xraykit.training.recipe.recipe import Augmentation, Hidden, Phase, Recipe, RecipeRefused, from_dict

MOST_BYTES = 2**20


def load(name_or_file: str | Path) -> Recipe:
    """The named recipe, or the one in a JSON file.

    Raises
    ------
    RecipeRefused
        If there is neither, or the file does not hold a recipe.
    """
    if str(name_or_file) in NAMED:
        return NAMED[str(name_or_file)]
    path = Path(name_or_file)
    if not os.path.isfile(path):  # which a name longer than there can be does not stop
        given = text.quoted(str(name_or_file))
        raise RecipeRefused(f"Expected a recipe's name ({', '.join(NAMED)}) or a JSON file; got {given}.")
    try:
        data = json.loads(files.read_plain(path, MOST_BYTES))
    except files.FileRefused as refused:
        raise RecipeRefused(f"Expected a recipe as JSON. {refused.words}") from None
    except (ValueError, RecursionError):
        raise RecipeRefused(
            f"Expected a recipe as JSON in {files.shown(path.name)}; it is not valid JSON. Choose a file exported from "
            "Fine-tune."
        ) from None
    return from_dict(data)


# Rotation and zoom as far apart as chest films of one ward are; brightness because exposure differs by machine.
CHEST = Augmentation(rotation=10.0, shift=0.05, zoom=0.10, brightness=0.10, contrast=0.20)
# Against what tells films' sources apart; mirroring would put the heart on the wrong side.
CUES = Augmentation(
    rotation=10.0,
    shift=0.05,
    zoom=0.05,
    brightness=0.10,
    contrast=0.30,
    crop=0.20,
    stretch=0.20,
    gamma=0.5,
    equalize=0.35,
    frame=0.10,
    text=0.40,
    erase=0.25,
    degrade=0.25,
)
NAMED: dict[str, Recipe] = {
    recipe.name: recipe
    for recipe in (
        # Learns in seconds and badly: to see a run from one end to the other.
        Recipe(
            name="tiny",
            backbone="Tiny",
            phases=(Phase(epochs=2, learning_rate=3e-3),),
            image_size=32,
            hidden=(Hidden(16, dropout=0.1),),
            momentum=0.9,
            augmentation=Augmentation(rotation=5.0, shift=0.05),
            precision="float32",  # measuring what is fastest would take longer than the run
        ),
        # Study A of the published five, exactly: Adam 0.001, ReduceLROnPlateau, everything trained.
        Recipe(
            name="published-scratch",
            phases=(Phase(epochs=25, learning_rate=1e-3, schedule="plateau", augment=False),),
            momentum=0.999,
        ),
        Recipe(
            name="published-imagenet",
            phases=(Phase(epochs=25, learning_rate=1e-3, schedule="plateau", augment=False),),
            weights="imagenet",
            momentum=0.999,
        ),
        # From scratch with what a small set needs: warm-up and cosine, augmentation, smoothing, quick statistics.
        Recipe(
            name="strong-scratch",
            phases=(
                Phase(
                    epochs=40,
                    learning_rate=2e-3,
                    optimizer="adamw",
                    schedule="cosine",
                    warmup_epochs=2,
                    weight_decay=0.02,
                ),
            ),
            image_size=160,
            momentum=0.95,
            label_smoothing=0.05,
            augmentation=CHEST,
            bias_correction=True,
            keep="last",
        ),
        # Head first on frozen features, then everything at a low rate: linear probing, then fine-tuning.
        Recipe(
            name="strong-imagenet",
            phases=(
                Phase(epochs=8, learning_rate=1e-3, trainable="head", augment=False),
                Phase(
                    epochs=14,
                    learning_rate=5e-4,
                    optimizer="adamw",
                    schedule="cosine",
                    warmup_epochs=1,
                    weight_decay=0.02,
                ),
            ),
            weights="imagenet",
            momentum=0.95,
            label_smoothing=0.05,
            augmentation=CHEST,
            bias_correction=True,
            keep="last",
        ),
        # For films of several sources: no source or class weighs more than another, and cues of the source change at
        # random. The first blocks keep ImageNet's weights: it costs half the time, and edges are edges everywhere.
        Recipe(
            name="pooled",
            phases=(
                Phase(epochs=4, learning_rate=1e-3, trainable="head", augment=False),
                Phase(
                    epochs=18,
                    learning_rate=5e-4,
                    trainable=43,
                    optimizer="adamw",
                    schedule="cosine",
                    warmup_epochs=1,
                    weight_decay=0.05,
                ),
                # The head once more, on films as they are: changed ones look ill, and it would call too many normal
                Phase(
                    epochs=10,
                    learning_rate=3e-4,
                    trainable="head",
                    optimizer="adamw",
                    schedule="cosine",
                    weight_decay=0.1,
                    augment=False,
                ),
            ),
            weights="imagenet",
            image_size=192,
            hidden=(Hidden(256, dropout=0.3),),
            momentum=0.95,
            label_smoothing=0.05,
            balance="cells",
            augmentation=CUES,
            mixup=0.2,
            keep="last",
            test=0.10,
        ),
    )
}
