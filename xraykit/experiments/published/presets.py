"""The studies that have a name: the five published ones, what they wished for, and our own.

What a source does not say is chosen here: a study's words say what, its recipe how much.
"""

from __future__ import annotations

import os
from pathlib import Path

from xraykit.experiments.study import study as studies
from xraykit.experiments.study.design import Design, FoldKind
from xraykit.experiments.study.study import FoldPlan, Study, StudyRefused
from xraykit.films.samples import example
from xraykit.system import text
from xraykit.training.recipe import presets as recipes
from xraykit.training.recipe.recipe import Augmentation, Hidden, Phase, Recipe


def load(name_or_file: str | Path) -> Study:
    """The named study, or the one in a JSON file.

    Raises
    ------
    StudyRefused
        If there is neither, or the file holds no study that can be run.
    """
    if str(name_or_file) in NAMED:
        return NAMED[str(name_or_file)]
    path = Path(name_or_file)
    if not os.path.isfile(path):  # which a name longer than there can be does not stop
        given = text.quoted(str(name_or_file))
        raise StudyRefused(f"Expected a study's name ({', '.join(NAMED)}) or a JSON file; got {given}.")
    return studies.read(path)


def _head(layers: int, width: int) -> list[dict[str, float]]:
    return [{"width": width, "dropout": 0.5}] * layers


def _heads(name: str, backbone: str, words: str, *, random_weights: bool = False) -> Study:
    """Seven heads on a frozen backbone, one factor at a time from one hidden layer of 8 units at 1e-5."""
    return Study(
        name=name,
        recipe=Recipe(
            name=name,
            backbone=backbone,
            weights="imagenet",
            pooling="flatten",
            hidden=(Hidden(8, dropout=0.5),),
            phases=(Phase(epochs=HEAD_EPOCHS, learning_rate=1e-5, trainable="head", augment=False),),
        ),
        factors={
            "hidden": (_head(1, 8), _head(1, 16), _head(1, 32), _head(2, 8), _head(3, 8)),
            "phases.0.learning_rate": (1e-5, 5e-5, 1e-4),
        },
        data=("radiography",),
        random_weights=random_weights,
        words=f"{words} {NO_EPOCHS}",
        published=name,
    )


NO_EPOCHS = "The source does not say how long it trained: the number of epochs is ours."
HEAD_EPOCHS = 150  # after 60 the validation loss still falls at 1e-5
INTEL_EPOCHS = 30
NAMED: dict[str, Study] = {
    study.name: study
    for study in (
        Study(
            name="tiny",
            recipe=recipes.NAMED["tiny"],
            factors={"hidden": ([{"width": 16, "dropout": 0.1}], []), "phases.0.learning_rate": (3e-3, 3e-4)},
            design=Design.GRID,
            folds=FoldPlan(FoldKind.CROSS_VALIDATION, count=2),
            data=(example.NAME,),
            words="A study from start to end in two minutes: two heads at two rates, two folds. It learns little.",
        ),
        # A of the published five
        Study(
            name="scratch-vs-pretrained",
            recipe=recipes.NAMED["published-scratch"],
            factors={"weights": (None, "imagenet")},
            data=("radiography",),
            words="Does MobileNetV2 learn chest films better from scratch or from ImageNet weights? Adam 0.001, "
            f"reduced when validation loss stops improving. {NO_EPOCHS}",
            published="scratch-vs-pretrained",
        ),
        # B
        _heads(
            "mobilenet-heads",
            "MobileNet",
            "Which head and which rate for a frozen MobileNet? One factor at a time from one hidden layer of 8 units "
            "at 1e-5; flattened features, dropout 0.5, Adam.",
        ),
        # C
        _heads(
            "resnet50-heads",
            "ResNet50",
            "The seven heads again, on a frozen ResNet50.",
            random_weights=True,
        ),
        # D, as published
        Study(
            name="intel-grid",
            recipe=Recipe(
                name="intel-grid",
                weights="imagenet",
                channels=3,
                image_size=192,
                hidden=(),
                phases=(Phase(epochs=INTEL_EPOCHS, learning_rate=1e-3, trainable="head", augment=False),),
                division="given",
            ),
            factors={
                "phases.0.learning_rate": (1e-2, 1e-3, 1e-4),
                "hidden": ([], [{"width": 64}], [{"width": 256, "dropout": 0.3}]),
                "batch_size": (32, 64),
            },
            design=Design.GRID,
            data=("intel",),
            words="Which rate, head and batch for MobileNetV2 with only the last layers trained? The source "
            "does not list its grid; this one fits the three hours that it took. The source shrank the full set's "
            "training films by a factor of 4; the set of 500 films per class has about that size as it is.",
            published="intel-grid",
        ),
        # D, three of its four wishes: a larger grid, smaller rates over more epochs, cross-validation
        Study(
            name="intel-grid-wishes",
            recipe=Recipe(
                name="intel-grid-wishes",
                weights="imagenet",
                channels=3,
                image_size=192,
                hidden=(),
                batch_size=64,
                phases=(Phase(epochs=100, learning_rate=1e-3, trainable="head", augment=False),),
                division="given",
            ),
            factors={
                "phases.0.learning_rate": (1e-3, 3e-4, 1e-4, 3e-5),
                "hidden": ([], [{"width": 64}], [{"width": 256, "dropout": 0.5}]),
                "label_smoothing": (0.0, 0.1),
            },
            design=Design.GRID,
            folds=FoldPlan(FoldKind.CROSS_VALIDATION, count=5),
            data=("intel",),
            words="What the authors of intel-grid wished for: a larger grid, smaller rates over more epochs, and "
            "cross-validation inside the grid.",
            published="intel-grid",
        ),
        # D, the fourth wish
        Study(
            name="intel-earlier-layers",
            recipe=Recipe(
                name="intel-earlier-layers",
                weights="imagenet",
                channels=3,
                image_size=224,
                hidden=(),
                batch_normalization="still",
                phases=(
                    Phase(epochs=8, learning_rate=1e-3, trainable="head", augment=False),
                    Phase(
                        epochs=15,
                        learning_rate=3e-4,
                        trainable=13,
                        optimizer="adamw",
                        schedule="cosine",
                        warmup_epochs=1,
                        weight_decay=0.02,
                    ),
                ),
                label_smoothing=0.05,
                augmentation=Augmentation(
                    rotation=8.0, shift=0.12, zoom=0.25, brightness=0.2, contrast=0.25, flip=True
                ),
                mixup=0.2,
                cached_passes=5,
                keep="last",
                division="given",
            ),
            factors={"phases.1.trainable": ("head", 13, 31)},
            data=("intel",),
            words="The fourth wish of intel-grid: what is gained by training the layers before the last as well? The "
            "head first, then the last 13 or 31 convolution layers (the last four blocks and the last ten, of 17) at a "
            "low rate, on five augmented passes through the layers before them.",
            published="intel-grid",
        ),
        # E
        Study(
            name="freeze-depth",
            recipe=Recipe(
                name="freeze-depth",
                backbone="VGG16",
                weights="imagenet",
                hidden=(),
                phases=(Phase(epochs=10, learning_rate=1e-4, trainable="head", augment=False),),
                keep="last",
            ),
            factors={"backbone": ("VGG16", "ResNet18"), "phases.0.trainable": ("head", 3, "all")},
            design=Design.GRID,
            data=("radiography", "darkcovid", "kermany"),
            classes={"COVID-19": "Infected", "Viral Pneumonia": "Infected", "Pneumonia": "Infected"},
            random_weights=True,
            words="Does a network overfit less the more of it is trained? VGG16 and ResNet18 with the last layer only, "
            "the last three convolution layers too, and everything. The source gives no rates, no epochs and no number "
            "of layers: they are ours.",
            published="freeze-depth",
        ),
        # Ours: what networks are worth on a source that they never saw, without and with training against its cues
        Study(
            name="transfer",
            recipe=Recipe(
                name="transfer",
                weights="imagenet",
                hidden=(Hidden(128, dropout=0.3),),
                phases=(Phase(epochs=30, learning_rate=1e-3, trainable="head", schedule="plateau", augment=False),),
                balance="weights",
            ),
            folds=FoldPlan(FoldKind.LEAVE_ONE_SOURCE_OUT),
            seeds=(0, 1, 2),
            data=("radiography", "darkcovid", "kermany"),
            classes={"Viral Pneumonia": "Pneumonia"},
            words="What does a network give on films of a source that it never saw? Each of three sets in turn is the "
            "test of networks that learned from the other two; their validation films are of the sources they know.",
        ),
        Study(
            name="left-out-pooled",
            recipe=recipes.NAMED["pooled"],
            folds=FoldPlan(FoldKind.LEAVE_ONE_SOURCE_OUT),
            data=("radiography", "darkcovid", "kermany"),
            classes={"Viral Pneumonia": "Pneumonia"},
            words="Does training against the cues of sources help on a source that was never seen? The recipe of the "
            "shipped model of three sources, each source left out in turn.",
        ),
    )
}
