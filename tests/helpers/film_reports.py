"""Made-up subjects of film reports: any number of models and classes, at once, without a network."""

from __future__ import annotations

import dataclasses
import io

import numpy as np
from PIL import Image

from tests.helpers import bad_films, fakes
from xraykit.evaluation.stats import Figure
from xraykit.films import radiograph
from xraykit.films.radiograph import Radiograph
from xraykit.gate.verdict import Asked, Outcome, Verdict
from xraykit.models import explanation
from xraykit.models.classifier import Prediction
from xraykit.reading.trust import Known, Trust
from xraykit.reports.film.subject import Answer, Settings, Subject

CREATED = "2026-11-29T19:30:00+00:00"
PASSED = Outcome("passed", Asked(), Verdict("chest"))
LONG = (
    "Enlarged cardiomediastinum with pulmonary venous congestion",
    "Pneumonia, viral, bilateral and peripheral",
    *(f"Another finding with a rather long name, number {number}" for number in range(3, 11)),
)
SHARE = {"value": 0.9, "low": 0.8, "high": 0.95, "n": 50}
FILES = {"model.keras": "a" * 64, "features.tflite": "b" * 64, "head.npz": "c" * 64}


def film(height: int = 400, width: int = 360, source: str = "DOE^JANE 1950.png") -> Radiograph:
    rows, columns = np.mgrid[0:height, 0:width]
    light = 40 + 150 * np.hypot(rows / height - 0.5, columns / width - 0.5)
    out = io.BytesIO()
    Image.fromarray(light.astype(np.uint8)).save(out, "PNG")
    return radiograph.read(out.getvalue(), source)


def dicom_film(**tags: object) -> bytes:
    return bad_films.dicom(bad_films.film_values((96, 80)), **tags)


def answer(model: str, film: Radiograph, classes: tuple[str, ...], seed: int = 0) -> Answer:
    """A model's answer with an operating point for each class and a heatmap of the first."""
    logits = np.random.default_rng(seed).normal(size=len(classes)) * 2
    probabilities = np.exp(logits) / np.exp(logits).sum()
    prediction = Prediction(classes, probabilities, logits)
    limits = tuple(f"Limit {number} of {model}: it may be wrong in this way too." for number in range(5))
    data = {"name": "made-up", "train_used": {label: 100 + n for n, label in enumerate(classes)}}
    figures = {
        "classes": {label: {"support": 50, "sensitivity": SHARE} for label in classes},
        "accuracy": SHARE,
        "n": 80,
    }
    other = {"name": "other hospital", "data": "made-up", "file": "e.json", "n": 80, "overlap": 0, "compared": 9}
    card = dataclasses.replace(
        fakes.card(model, f"Network {model}"),
        classes=classes,
        limits=limits,
        files=FILES,
        data=data,
        elsewhere=(other | {"classes": {}, "figures": figures},),
    )
    raw = np.random.default_rng(seed).random((7, 7))
    map_ = explanation.explain_map(prediction.top, "Grad-CAM", "out_relu", raw, film.square_box())
    figure = Figure(0.9, 0.8, 0.95, 50)
    home = {label: Trust(0.3, figure, figure, 120) for label in classes}
    elsewhere = {"other hospital": {label: Trust(0.3, figure, figure, 80, "other hospital") for label in classes}}
    return Answer(card, Known(home, elsewhere), prediction, map_, "")


def subject(
    models: int = 1,
    classes: tuple[str, ...] = ("COVID-19", "Normal", "Pneumonia"),
    shown: Radiograph | None = None,
    **changes: object,
) -> Subject:
    shown = shown or film()
    answers = tuple(answer(f"model-{number}", shown, classes, number) for number in range(models))
    made = Subject(shown, PASSED, answers, CREATED, Settings(longest=256))
    return dataclasses.replace(made, **changes)  # type: ignore[arg-type]
