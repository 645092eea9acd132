"""The published figures of the five studies, as printed there, with the slips found in them. Compares nothing."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from xraykit.experiments.grid import Trial


@dataclass(frozen=True)
class TrialFigures:
    """What a source prints for one of its trials; None where it prints nothing.

    Attributes
    ----------
    number : int
        Of the trial in the source.
    settings : dict
        Values of a trial of ours that is the same, by path of the recipe, as `Trial.settings` has them.
    test_accuracy, table_accuracy : float or None
        Of the line of the run, and of the source's own summary table where it has one.
    seconds : float or None
        Learning time.
    sensitivity : dict of str to float
        By class.
    note : str
        A slip of the source, in a sentence; "" where none was found.
    """

    number: int
    settings: Mapping[str, Any]
    train_loss: float | None = None
    train_accuracy: float | None = None
    validation_loss: float | None = None
    validation_accuracy: float | None = None
    test_loss: float | None = None
    test_accuracy: float | None = None
    table_accuracy: float | None = None
    seconds: float | None = None
    sensitivity: Mapping[str, float] = field(default_factory=dict)
    note: str = ""


@dataclass(frozen=True)
class PublishedStudy:
    """A published study: what it printed of its trials, what it concluded, and what is wrong or missing there.

    `best` are figures of no named trial: measure to value.
    """

    name: str
    films: str
    reading: str
    trials: tuple[TrialFigures, ...] = ()
    best: Mapping[str, float] = field(default_factory=dict)
    slips: tuple[str, ...] = ()
    unsaid: tuple[str, ...] = ()


def of_trial(name: str, trial: Trial) -> TrialFigures | None:
    """What the published study of this name prints for a trial with the same settings; None where it has none."""
    published = STUDIES.get(name)
    for figures in published.trials if published else ():
        if all(path in trial.settings and _same(trial.settings[path], v) for path, v in figures.settings.items()):
            return figures
    return None


def _same(value: Any, other: Any) -> bool:
    return json.dumps(value, sort_keys=True) == json.dumps(other, sort_keys=True)


def _head(layers: int, width: int) -> list[dict[str, Any]]:
    return [{"width": width, "dropout": 0.5, "activation": "relu"}] * layers


def _heads(*rows: str, notes: Mapping[int, str] | None = None) -> tuple[TrialFigures, ...]:
    """Rows as printed: hidden layers, units, rate, loss and accuracy of training, validation, test, table, clock."""
    trials = []
    for number, row in enumerate(rows, 1):
        layers, width, rate, *figures, table, clock = row.split()
        hours, minutes, seconds = map(float, clock.split(":"))
        names = ("train_loss", "train_accuracy", "validation_loss", "validation_accuracy", "test_loss", "test_accuracy")
        trials.append(
            TrialFigures(
                number=number,
                settings={"hidden": _head(int(layers), int(width)), "phases.0.learning_rate": float(rate)},
                table_accuracy=round(float(table) / 100, 4),
                seconds=3600 * hours + 60 * minutes + seconds,
                note=(notes or {}).get(number, ""),
                **dict(zip(names, map(float, figures), strict=True)),
            )
        )
    return tuple(trials)


_EPOCHS = "the number of epochs"
STUDIES: Mapping[str, PublishedStudy] = {
    "scratch-vs-pretrained": PublishedStudy(
        name="scratch-vs-pretrained",
        films="COVID-19, normal and pneumonia, balanced",
        reading="From scratch was better than pretrained; small networks from scratch can equal bigger pretrained "
        "ones (VGG16, VGG19).",
        trials=(
            TrialFigures(1, {"weights": None}, sensitivity={"COVID-19": 0.81}),
            TrialFigures(2, {"weights": "imagenet"}),
        ),
        unsaid=("any figure of the pretrained network", "the number of films", _EPOCHS, "intervals"),
    ),
    "mobilenet-heads": PublishedStudy(
        name="mobilenet-heads",
        films="COVID-19 Radiography, 4 classes: COVID, Lung Opacity, Normal, Viral Pneumonia",
        reading="By the lines of the runs trial 7 is best (94.40 %), by the table trial 2 (93.41 %); two and three "
        "hidden layers of 8 units are worst.",
        trials=_heads(
            "1 8 1e-5 0.3805 0.8093 0.2370 0.9368 0.2712 0.9327 92.79 0:39:53.598426",
            "1 16 1e-5 0.1321 0.9460 0.2983 0.9394 0.3346 0.9353 93.41 0:38:36.385661",
            "1 32 1e-5 0.0338 0.9903 0.2464 0.9445 0.2948 0.9334 92.89 0:35:46.414350",
            "2 8 1e-5 0.8738 0.5483 0.6306 0.7693 0.6331 0.7637 76.68 0:39:39.260234",
            "3 8 1e-5 1.0916 0.5075 0.7710 0.6948 0.7732 0.6940 69.68 0:36:50.351883",
            "1 8 5e-5 0.2890 0.8688 0.4240 0.9510 0.5412 0.9390 93.31 0:34:20.468475",
            "1 8 1e-4 0.2170 0.8901 0.3580 0.9507 0.4331 0.9440 93.05 0:33:41.776520",
        ),
        slips=(
            "The accuracies of the summary table are not the test accuracies of the runs; both are shown.",
            "The summary table's learning time (ms) is only the microsecond part of the clock; the time shown is that "
            "of the clock.",
        ),
        unsaid=(_EPOCHS, "the size of the films", "intervals"),
    ),
    "resnet50-heads": PublishedStudy(
        name="resnet50-heads",
        films="COVID-19 Radiography, 4 classes: COVID, Lung Opacity, Normal, Viral Pneumonia",
        reading="More hidden layers did not help and may overfit; 16 units at 1e-5 was best.",
        trials=_heads(
            "1 8 1e-5 0.3441 0.8121 0.4007 0.9403 0.5256 0.9253 92.53 0:45:29.432143",
            "1 16 1e-5 0.0882 0.9555 0.3478 0.9418 0.4540 0.9334 93.34 0:42:14.301474",
            "1 32 1e-5 0.0272 0.9928 0.3660 0.9329 0.4626 0.9258 92.58 0:44:05.708914",
            "2 8 1e-5 1.1233 0.6830 1.0388 0.7551 1.0440 0.7524 75.24 0:47:17.254768",
            "3 8 1e-5 1.2397 0.6118 1.1604 0.7734 1.1571 0.7710 77.10 0:46:38.025818",
            "1 8 5e-5 0.3109 0.8789 0.4579 0.9117 0.5590 0.8993 89.93 0:44:10.608853",
            "1 8 1e-4 0.3109 0.8789 0.4579 0.9117 0.5590 0.8993 89.93 0:44:10.608853",
            notes={7: "Printed as trial 6 to the digit, its clock too: a copy slip of the source."},
        ),
        slips=("Trial 7 is printed as trial 6 to the digit, its clock too: a copy slip.",),
        unsaid=(_EPOCHS, "the size of the films", "intervals"),
    ),
    "intel-grid": PublishedStudy(
        name="intel-grid",
        films="Intel Image Classification, 6 classes, the training data shrunk by a factor of 4",
        reading="87 % validation accuracy. Wished for and not done: a larger grid, smaller rates over more epochs, "
        "cross-validation inside the grid search, training the layers before the last as well.",
        best={"validation_accuracy": 0.87},
        slips=("The accuracy is that of the validation films by which the trial was chosen, not of a test.",),
        unsaid=("the values of the grid", "figures of single trials", "intervals"),
    ),
    "freeze-depth": PublishedStudy(
        name="freeze-depth",
        films="Infected and normal, 12,000 to train, 1,500 to validate, 1,500 to test (infected 4919, 615, 615; normal "
        "7081, 885, 885)",
        reading="A lot of overfitting with the last layer only, less with everything unfrozen.",
        unsaid=("every figure: there is no table", _EPOCHS, "rates", "which convolution layers were unfrozen"),
    ),
}
