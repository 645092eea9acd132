"""Where ImageNet weights lie, or come from: a file a backbone, looked for on this computer, then downloaded.

Never imports Keras: the web process and studies ask here before a run starts.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from xraykit.training.recipe.recipe import Recipe
from xraykit.training.recipe.rules import BACKBONES, MODEL, WIDTHS
from xraykit.training.run.failures import WeightsMissing

Tick = Callable[[int, int], None]  # bytes so far, bytes in all (0 where the server does not say)
FOLDER = "XRAYKIT_IMAGENET"
TIMEOUT = 30.0  # seconds without an answer
_KERAS = "https://storage.googleapis.com/tensorflow/keras-applications"


@dataclass(frozen=True)
class WeightFile:
    """The ImageNet weights of one backbone without its top.

    Attributes
    ----------
    name : str
        Under which a file that Keras 3 wrote is looked for.
    published : str
        The published file's own name, under which Keras (or torchvision) keeps its download.
    url : str
        Where that is.
    digest : str or None
        Its checksum as "md5:..." or "sha256:..."; None where its publisher gives none.
    """

    name: str
    published: str
    url: str
    digest: str | None


def file_of(backbone: str, alpha: float = 1.0) -> WeightFile | None:
    """The weight file of a backbone of this width; None where nobody published one.

    Names, addresses and checksums are those of keras.applications 3.15; ResNet18's are torchvision's.
    """
    if backbone == "MobileNetV2":
        name = f"mobilenet_v2_{float(alpha)}_224_no_top.weights.h5"
        published = f"mobilenet_v2_weights_tf_dim_ordering_tf_kernels_{float(alpha)}_224_no_top.h5"
        return WeightFile(name, published, f"{_KERAS}/mobilenet_v2/{published}", None)
    if backbone == "MobileNet":
        width = f"{alpha * 10:g}" if alpha < 1 else "1.0"  # 0.25 is written 2_5, and 0.5 is 5_0
        width = {"2.5": "2_5", "5": "5_0", "7.5": "7_5", "1.0": "1_0"}[width]
        published = f"mobilenet_{width}_224_tf_no_top.h5"
        name = f"mobilenet_{float(alpha)}_224_no_top.weights.h5"
        return WeightFile(name, published, f"{_KERAS}/mobilenet/{published}", None)
    if backbone not in _FILES:
        return None
    address, digest = _FILES[backbone]
    return WeightFile(f"{backbone.lower()}_no_top.weights.h5", address.rpartition("/")[2], address, digest)


def check(backbone: str, alpha: float) -> None:
    """Raises WeightsMissing where there is no such backbone, or none of this width."""
    if backbone not in BACKBONES:
        raise WeightsMissing(f"Expected one of the backbones {', '.join(BACKBONES)}; got {backbone[:60]}.")
    if alpha not in (widths := WIDTHS.get(backbone, (1.0,))):
        listed = ", ".join(f"{width:g}" for width in widths)
        raise WeightsMissing(f"There are ImageNet weights of {backbone} for the widths {listed}; got {alpha:g}.")


def locate(recipe: Recipe) -> Path | None:
    """The file with the weights this recipe starts from; None where it is not on this computer.

    None as well for a recipe that starts from scratch or from a kept model, which need no file. A recipe's own path
    is taken as it is. "imagenet" is looked for in $XRAYKIT_IMAGENET and where Keras and torchvision keep their
    downloads, under either name.
    """
    if recipe.weights is None or recipe.weights.startswith(MODEL):
        return None
    if recipe.weights != "imagenet":
        return path if (path := Path(recipe.weights).expanduser()).is_file() else None
    return locate_imagenet(recipe.backbone, recipe.alpha)


def locate_imagenet(backbone: str, alpha: float = 1.0) -> Path | None:
    """The file with the ImageNet weights of a backbone; None where it is not on this computer."""
    file = file_of(backbone, alpha)
    if file is None:
        return None
    places = (folder / name for folder in _folders() for name in (file.name, file.published))
    return next((path for path in places if path.is_file()), None)


def fetch(recipe: Recipe, tick: Tick = lambda done, total: None) -> Path:
    """The file with the weights this recipe starts from, downloaded into the cache of Keras where it is not here.

    Raises
    ------
    WeightsMissing
        If there is no such file: the recipe names another, nobody published one, or it cannot be downloaded.
    """
    if (path := locate(recipe)) is not None:
        return path
    if recipe.weights != "imagenet":
        raise WeightsMissing(
            f"There is no weight file at {recipe.weights}. Put it there, or name another in the recipe."
        )
    return fetch_imagenet(recipe.backbone, recipe.alpha, tick)


def fetch_imagenet(backbone: str, alpha: float = 1.0, tick: Tick = lambda done, total: None) -> Path:
    """The file with the ImageNet weights of a backbone, downloaded where it is not here; raises WeightsMissing."""
    if (path := locate_imagenet(backbone, alpha)) is not None:
        return path
    file = file_of(backbone, alpha)
    if file is None:
        raise WeightsMissing(f"The backbone {backbone} has no pretrained weights. Train it from scratch.")
    import pooch  # 0.1 s: only where something is downloaded

    pooch.get_logger().setLevel(logging.ERROR)
    downloader: Any = pooch.HTTPDownloader(progressbar=cast(Any, _Progress(tick)), timeout=TIMEOUT)
    try:
        return Path(pooch.retrieve(file.url, file.digest, file.published, cache_folder(), downloader=downloader))
    except ValueError as error:  # pooch: the checksum is another
        raise WeightsMissing(
            f"What {file.url} gave is not the published file: its checksum is not {file.digest}. Nothing was kept. Try "
            f"again later, or put {file.published} into a folder and set {FOLDER} to it."
        ) from error
    except OSError as error:  # no network, refused, no room: the libraries below pooch all raise a kind of it
        raise WeightsMissing(
            f"The ImageNet weights of {described(backbone, alpha)} are not on this computer and could not be "
            f"downloaded. On a computer with a network get {file.url}, put it into a folder here under its name and "
            f"set {FOLDER} to that folder; a file of Keras 3 named {file.name} does as well. Or train from scratch."
        ) from error


def described(backbone: str, alpha: float) -> str:
    """A backbone and its width, as people write it."""
    return backbone if alpha == 1 else f"{backbone} (width {alpha:g})"


def cache_folder() -> Path:
    """Where Keras keeps the weights it downloads, and `fetch` does."""
    return Path(os.environ.get("KERAS_HOME") or Path.home() / ".keras") / "models"


def _folders() -> Iterator[Path]:
    if folder := os.environ.get(FOLDER):
        yield Path(folder).expanduser()
    yield cache_folder()
    yield Path(os.environ.get("TORCH_HOME") or Path.home() / ".cache" / "torch") / "hub" / "checkpoints"


class _Progress:
    """A progress bar as pooch drives it: what it knows goes to a Tick."""

    def __init__(self, tick: Tick) -> None:
        self._tick, self._done, self.total = tick, 0, 0

    def update(self, size: int) -> None:
        self._done += size
        self._tick(self._done, int(self.total or 0))

    def reset(self) -> None:  # pooch's last call before it closes: the bar is full
        self._done = 0

    def close(self) -> None: ...


_FILES: dict[str, tuple[str, str]] = {
    "ResNet18": (
        "https://download.pytorch.org/models/resnet18-f37072fd.pth",
        "sha256:f37072fd47e89c5e827621c5baffa7500819f7896bbacec160b1a16c560e07ec",
    ),
    "ResNet50": (
        f"{_KERAS}/resnet/resnet50_weights_tf_dim_ordering_tf_kernels_notop.h5",
        "md5:4d473c1dd8becc155b73f8504c6f6626",
    ),
    "VGG16": (
        f"{_KERAS}/vgg16/vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5",
        "md5:6d6bbae143d832006294945121d1f1fc",
    ),
    "VGG19": (
        f"{_KERAS}/vgg19/vgg19_weights_tf_dim_ordering_tf_kernels_notop.h5",
        "md5:253f8cb515780f3b799900260a226db6",
    ),
    "DenseNet121": (
        f"{_KERAS}/densenet/densenet121_weights_tf_dim_ordering_tf_kernels_notop.h5",
        "md5:30ee3e1110167f948a6b9946edeeb738",
    ),
    "EfficientNetV2B0": (
        f"{_KERAS}/efficientnet_v2/efficientnetv2-b0_notop.h5",
        "md5:893217f2bb855e2983157299931e43ff",
    ),
}
