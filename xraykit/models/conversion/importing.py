"""A model from elsewhere: a Keras file looked into, converted in a process that can be killed, checked, and kept.

Never imports Keras. Until all of it has worked nothing of it is seen in the folder of models.
"""

from __future__ import annotations

import contextlib
import datetime
import hashlib
import json
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from xraykit.models import classifier, kept
from xraykit.models.cards import card as cards
from xraykit.models.cards.card import Card, ModelRefused
from xraykit.models.conversion import archive, child, convert, flatten, formats
from xraykit.models.conversion.archive import Source
from xraykit.models.conversion.task import EXPECTED, FACTS, SCALINGS, TASK, Facts, Task, squares
from xraykit.system import files as system_files
from xraykit.system import jobs

Say = Callable[[str], None]  # is given what is being done; what it raises ends the import
SECONDS = 1800.0  # the largest networks of keras.applications take a few minutes on two cores
MOST_CLASSES, LONGEST_CLASS, LONGEST_TITLE = 100, 60, 200  # letters
# What each scaling is called for people; the numbers are in task
SCALING_WORDS = {
    "raw": "grey levels 0 to 255 as they are",
    "0..1": "divided by 255",
    "-1..1": "divided by 127.5, minus 1",
    "caffe": "blue, green, red, minus the ImageNet means",
    "torch": "divided by 255, then ImageNet means and deviations",
}
ASK_SCALING = (
    "Look at how films were prepared in training: nothing, or a Rescaling layer in the network: raw; /255 or "
    "rescale=1./255: 0..1; preprocess_input of MobileNet, MobileNetV2, Xception, InceptionV3, ResNetV2: -1..1; of VGG, "
    "ResNet50: caffe; of DenseNet: torch; of EfficientNet, MobileNetV3: raw."
)
_OUTPUTS = {
    "softmax": "a softmax",
    "sigmoid": "one sigmoid, made two classes: its output is the probability of the second class",
    "logits": "linear outputs, taken as logits",
    "logit": "one linear output, taken as the logit of the second class",
}


@dataclass(frozen=True)
class Wish:
    """What is to be imported, and as what; `scaling` None: raw where the network scales by itself, else asked for."""

    file: Path
    classes: tuple[str, ...]
    name: str
    title: str
    scaling: str | None = None
    image_size: int | None = None
    replace: bool = False


def wish(
    file: Path,
    classes: Sequence[str],
    *,
    name: str | None = None,
    title: str | None = None,
    scaling: str | None = None,
    image_size: int | None = None,
    replace: bool = False,
) -> Wish:
    """What was asked for, checked as far as it can be without opening the file.

    Raises
    ------
    ModelRefused
        If there is no such file, the name is taken or not plain, or the classes are not two or more different ones.
    """
    name = name or free_name(file)
    kept.check_name(name, replace=replace)
    names = tuple(label.strip() for label in classes)
    if not 2 <= len(names) <= MOST_CLASSES or len(set(names)) < len(names) or not all(map(_is_class, names)):
        raise ModelRefused(
            f"Expected 2 to {MOST_CLASSES} different classes of at most {LONGEST_CLASS} letters each, in the order "
            f"of the network's outputs; got {formats.shown(', '.join(names)) or 'none'}.",
            code="class-count",
        )
    if scaling is not None and scaling not in SCALINGS:
        raise ModelRefused(
            f"Expected a scaling of {', '.join(SCALINGS)}; got {formats.shown(scaling)}. {ASK_SCALING}",
            code="scaling",
        )
    title = " ".join((title or f"Imported from {formats.shown(file.name)}").split())
    if len(title) > LONGEST_TITLE:
        raise ModelRefused(
            f"Expected a title of at most {LONGEST_TITLE} letters; got {len(title)}.", code="card-invalid"
        )
    _check_file(file)
    return Wish(file, names, name, title, scaling, image_size, replace)


def import_model(asked: Wish, work: Path | None = None, say: Say = lambda words: None) -> Card:
    """Make a kept model of a Keras file; returns its card.

    `work` is a folder for what is made on the way (a temporary one if not given). `say` is given what is being done,
    several times a second while the network is converted; what it raises ends the import.

    Raises
    ------
    ModelRefused
        For what is no Keras file of plain layers, cannot be converted, or does not agree with the original.
    """
    with tempfile.TemporaryDirectory(prefix="importing-", dir=work) as folder:
        making = Path(folder)
        say("Checking the file.")
        source, weights, sha256 = _look_into(asked, making)
        scaling = asked.scaling or _scaling_of(source)
        facts = _convert(asked, source, weights, scaling, making, say)
        say("Comparing the converted network with the original on the synthetic films.")
        card = _card(asked, source, sha256, scaling, facts, making)
        with kept.new_model(asked.name, replace=asked.replace) as target:
            for name in cards.KEPT_FILES:
                shutil.copyfile(making / name, target / name)
            system_files.replace_text(target / cards.CARD, card.to_json())
    return card


def start(asked: Wish, job: jobs.Job) -> None:
    """Import in a process of its own, in the given job's folder, which tells how far it is; returns at once."""
    words = ["models", "import", f"--classes={','.join(asked.classes)}", f"--name={asked.name}"]
    words += [f"--title={asked.title}", f"--out={job.path}"]
    words += [f"--scaling={asked.scaling}"] if asked.scaling else []
    words += [f"--image-size={asked.image_size}"] if asked.image_size else []
    words += ["--replace"] if asked.replace else []
    job.start([*words, "--", str(asked.file)], verb="import", data=asked.file.name, model=asked.name)


@contextlib.contextmanager
def telling(out: Path | None, file: Path, name: str) -> Iterator[Say]:
    """The `say` for `import_model`: the folder `out` tells how far it is, and a stop asked there ends it."""
    if out is None:
        yield lambda words: None
        return
    with jobs.running(jobs.Job(out), verb="import", data=file.name, model=name) as progress:
        said = ""

        def say(words: str) -> None:
            nonlocal said
            progress.stop_if_asked()
            if words != said:
                progress.report(words)
                said = words

        yield say
        progress.summary = f"Imported as {name}."


def free_name(file: Path) -> str:
    """A plain name for a model of this file that no other model has."""
    stem = re.sub(r"[^A-Za-z0-9._-]+", "-", file.name.split(".")[0]).strip("-._")[:60] or "imported"
    names = (stem, *(f"{stem}-{number}" for number in range(2, 1000)))
    return next((name for name in names if not kept.is_taken(name)), stem)


def _is_class(label: str) -> bool:
    return 0 < len(label) <= LONGEST_CLASS and label.isprintable()


def _check_file(file: Path) -> None:
    try:
        there = file.exists()
    except OSError:  # a name longer than the file system takes
        there = False
    if not there:
        raise ModelRefused(f"No file at {formats.shown(str(file))}.", code="model-missing")
    kind = formats.recognise(file)
    if kind is not None and not kind.importable:
        raise ModelRefused(formats.describe(file.name, kind), code=kind)
    if not file.is_file():
        raise archive.refuse(file.name, "is no file: expected what `model.save()` wrote, a .keras or an .h5 file")
    if file.stat().st_size > archive.LARGEST:
        raise archive.refuse(file.name, f"has more than {archive.LARGEST / 2**30:g} GiB: too large")


def _look_into(asked: Wish, making: Path) -> tuple[Source, Path, str]:
    """What the file holds, its weights as a file, and its sha256; of a copy, so that nobody changes it meanwhile."""
    _check_file(asked.file)
    copy = making / "source.h5"
    shutil.copyfile(asked.file, copy)
    with copy.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    return *archive.read(copy, asked.file.name, making), sha256


def _scaling_of(source: Source) -> str:
    if source.scales_by_itself:
        return "raw"
    raise ModelRefused(
        f"{formats.shown(source.name)} does not say which grey levels it expects: the network has no Rescaling "
        f"layer. Choose the scaling, --scaling on the command line: {', '.join(SCALINGS)}. {ASK_SCALING}",
        code="scaling",
    )


def _convert(asked: Wish, source: Source, weights: Path, scaling: str, making: Path, say: Say) -> Facts:
    task = Task(source.name, source.config, str(weights.resolve()), scaling, len(asked.classes), asked.image_size)
    system_files.replace_text(making / TASK, json.dumps(vars(task)))
    words = "Converting the network."
    say(words)
    try:
        child.run(flatten.__name__, [], making, SECONDS, lambda: say(words))
    except child.ChildFailed as failed:
        raise archive.refuse(
            source.name,
            f"could not be converted: expected {failed}. Load the network, save it again and import that file; a "
            "smaller network if it happens again",
            "conversion-crashed",
        ) from None
    return Facts(**json.loads((making / FACTS).read_text("utf-8")))


def _card(asked: Wish, source: Source, sha256: str, scaling: str, facts: Facts, making: Path) -> Card:
    """The card, once the converted network agrees with the original on every synthetic film."""
    imported = {
        "file": formats.shown(source.name),
        "sha256": sha256,
        "keras": source.keras_version or kept.UNKNOWN,
        "scaling": scaling,
        "output": _OUTPUTS[facts.output],
    }
    card = Card(
        name=asked.name,
        title=asked.title,
        created=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        classes=asked.classes,
        image_size=facts.image_size,
        channels=facts.channels,
        feature_layer=facts.feature_layer,
        temperature=1.0,
        recipe={"imported": imported, **_backbone(facts)},
        data={},
        metrics={},
        limits=tuple(_limits(asked, facts)),
        software=kept.software("tensorflow"),
        files={name: system_files.sha256_of(making / name) for name in cards.KEPT_FILES},
        parameters=facts.parameters,
    )
    return Card(**{**vars(card), "metrics": {"agreement_with_keras": _agreement(card, source, facts, making)}})


def _backbone(facts: Facts) -> dict[str, Any]:
    """As in a recipe: a fine-tune starts from the model where its recipe has the same."""
    if facts.backbone is None:
        return {"backbone": "imported network"}
    return {"backbone": facts.backbone, "alpha": facts.alpha}


def _limits(asked: Wish, facts: Facts) -> Iterator[str]:
    yield from cards.LIMITS
    yield (
        "Imported from elsewhere: nothing is known of its training films, its figures or its calibration. Its model "
        "probabilities are those of the file, at temperature 1. Evaluate it on labelled films of your own before you "
        "compare it."
    )
    yield (
        f"Class names and their order ({', '.join(asked.classes)}) and the scaling of grey levels are those that were "
        "entered at the import. Where they are wrong, every reading is wrong."
    )
    if facts.feature_layer == convert.WHOLE:
        yield f"No Grad-CAM heatmap: {facts.no_heatmap}. SmoothGrad works."


def _agreement(card: Card, source: Source, facts: Facts, making: Path) -> dict[str, Any]:
    """How far the two networks differ; refused where it is more than rounding."""
    system_files.replace_text(making / cards.CARD, card.to_json())
    model = classifier.load(making, name=card.name)
    films = squares(facts.image_size, facts.channels)
    ours = np.stack([model.prediction(logits).probabilities for logits in model.predict_squares(films)])
    difference = float(np.abs(ours - np.load(making / EXPECTED)).max())
    if not difference <= facts.tolerance:  # a NaN is no agreement
        raise archive.refuse(
            source.name,
            "was converted, but the result does not agree with it: expected probabilities within "
            f"{facts.tolerance:g} on "
            f"{len(films)} synthetic films; the largest difference is {difference:.2g}. It was not kept",
            "does-not-agree",
        )
    return {
        "largest_difference": difference,
        "films": len(films),
        "kind": "synthetic",
        "allowed": facts.tolerance,
    }
