"""Many models of many classes with long names, made up: for pages, tables and charts that must hold them."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np

from tests.helpers import fakes, kept_models
from xraykit.evaluation.evaluation import Evaluation
from xraykit.models.kept import Kept

CLASSES = (
    "Atelectasis, linear or segmental",
    "Cardiomegaly",
    "Consolidation, lobar",
    "Edema, pulmonary, interstitial",
    "Effusion, pleural, small or moderate",
    "Emphysema with bullae",
    "Enlarged cardiomediastinum",
    "Fibrosis, apical, post-tuberculous",
    "Fracture of a rib, healing",
    "Hernia, hiatal",
    "Infiltration, bilateral, patchy",
    "Lung opacity, not specified",
    "Mass, larger than 3 cm",
    "No finding",
    "Nodule, solitary, up to 3 cm",
    "Pleural thickening, calcified",
    "Pneumonia, viral, COVID-19",
    "Pneumothorax, with or without tension",
    "Support devices, lines and tubes",
    "Tuberculosis, active, cavitary",
)
TITLES = (
    "DenseNet-121, 320 px, from scratch",
    "DenseNet-121, 320 px, ImageNet, frozen body",
    "DenseNet-121, 320 px, ImageNet, all layers trained",
    "ResNet-50, 224 px, ImageNet, two phases",
    "ResNet-50, 224 px, from scratch",
    "MobileNetV2, 224 px, ImageNet, balanced classes",
    "MobileNetV2, 224 px, from scratch",
    "EfficientNet-B0, 256 px, ImageNet, label smoothing 0.1",
    "EfficientNet-B0, 256 px, ImageNet, mixup and random erasing",
    "ConvNeXt-Tiny, 224 px, ImageNet, cosine schedule",
)
SKILLS = (2.0, 2.6, 3.4, 3.0, 2.0, 2.7, 1.5, 3.3, 3.5, 3.4)


def names(models: int) -> tuple[str, ...]:
    """The models' folders."""
    return tuple(f"run-{place:02d}" for place in range(models))


def evaluations(models: int = 10, classes: int = 20, n: int = 2000) -> list[Evaluation]:
    """What each model gave on the same films; three of them look at films alike and can hardly be told apart."""
    label = CLASSES[:classes]
    return [
        kept_models.readings(name, n, seed=place, skill=SKILLS[place % 10], classes=label, data="made up")
        for place, name in enumerate(names(models))
    ]


def keep(root: Path, models: int = 10, classes: int = 20, n: int = 2000) -> tuple[str, ...]:
    """Write as many model folders; gives their names."""
    for place, name in enumerate(names(models)):
        kept_models.keep(root, name, seed=place, skill=SKILLS[place], n=n, classes=CLASSES[:classes])
        card = root / name / "card.json"
        card.write_text(json.dumps(json.loads(card.read_text()) | {"title": TITLES[place]}))
    return names(models)


def known(evaluation: Evaluation, films: int) -> tuple[str, ...]:
    """Parts that say the first films were among the model's training films."""
    return tuple(np.where(np.arange(len(evaluation.films)) < films, "train", "").tolist())


def kept(models: int = 10, classes: int = 20, n: int = 800, leak: int = 0) -> list[Kept]:
    """As many models tested on the same films, with titles as people write them; `leak` films the first one knows."""
    made = []
    for place, test in enumerate(evaluations(models, classes, n)):
        if leak and not place:
            test = replace(test, known=known(test, leak))
        card = replace(
            fakes.card(test.model, TITLES[place]),
            classes=test.classes,
            files={"model.keras": f"{place:064d}"},
        )
        made.append(Kept(card, test, None, [], Path()))
    return made
