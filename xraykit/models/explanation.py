"""Heatmaps of the regions that influenced an output: Grad-CAM in closed form from one forward pass.

`tf_keras_vis` computes the other methods; `reports.film.heatmap` lays a heatmap over its film.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from xraykit.films import radiograph
from xraykit.models.cards.card import Card, ModelRefused
from xraykit.models.classifier import Classifier, Prediction

GRAD_CAM, SMOOTH_GRAD = "Grad-CAM", "SmoothGrad"
SMOOTH_SAMPLES, SMOOTH_NOISE = 20, 0.2  # noise as a fraction of the film's range; Smilkov et al. 2017 use 10-20 %
SMOOTH_SEED = 0  # same film, same map
METHODS = (GRAD_CAM, "Grad-CAM++", "LayerCAM", "Score-CAM", SMOOTH_GRAD)
NO_HEATMAP = (
    "This network has no {method} heatmap: no feature map leads to its classes by pooling and Dense layers alone "
    "(its card says what stands between). SmoothGrad works with any network."
)
NO_EVIDENCE = "no positive evidence at this layer"


@dataclass(frozen=True, eq=False)
class Explanation:
    """A heatmap for a class.

    `heatmap` float32 (h, w) in 0..1 on the grid of `layer` (for SmoothGrad the input's), the raw map over its
    own `maximum`, which is 0.0 when there is no positive evidence at this layer; `box` (left, top, right,
    bottom) film pixels it covers.
    """

    label: str
    method: str
    layer: str
    heatmap: np.ndarray
    maximum: float
    box: tuple[int, int, int, int]


def grad_cam(classifier: Classifier, film: radiograph.Radiograph) -> tuple[Prediction, tuple[Explanation, ...]]:
    """`grad_cam_of` of a film."""
    card = classifier.card
    return grad_cam_of(classifier, film.square(card.image_size, card.channels), film.square_box())


def grad_cam_of(
    classifier: Classifier, square: np.ndarray, box: tuple[int, int, int, int]
) -> tuple[Prediction, tuple[Explanation, ...]]:
    """Prediction and Grad-CAM of every class, in class order, from one forward pass; none where there is no such map.

    `square` uint8 (S, S, ch) as `Radiograph.square` gives it, of `box` (left, top, right, bottom) of the film.
    Selvaraju et al. 2017, equations 1 and 2, of the pre-softmax logit at the card's feature layer.
    """
    card = classifier.card
    features = classifier.features(square[None])
    if not card.feature_layer:
        return classifier.prediction(classifier.head.logits(features)[0]), ()
    logits, weights = classifier.head.logits_and_weights(features)
    raw = np.einsum("ck,hwk->chw", weights[0], features[0])  # not @: see head
    return classifier.prediction(logits[0]), tuple(
        explain_map(label, GRAD_CAM, card.feature_layer, map_, box)
        for label, map_ in zip(card.classes, raw, strict=True)
    )


def check_heatmap(card: Card, method: str) -> None:
    """Raises ModelRefused ("no-heatmap") where a model's network has no heatmap by this method."""
    if not card.feature_layer and method != SMOOTH_GRAD:
        raise ModelRefused(NO_HEATMAP.format(method=method), code="no-heatmap")


def explain_map(label: str, method: str, layer: str, raw: np.ndarray, box: tuple[int, int, int, int]) -> Explanation:
    """An Explanation of a raw map (h, w): negative values to zero, the rest over the maximum."""
    positive = np.maximum(raw, 0, dtype=np.float32)
    maximum = float(positive.max())
    heatmap = positive / np.float32(maximum) if maximum > 0 else positive
    return Explanation(label, method, layer, heatmap, maximum, box)


def layer_of(card: Card, method: str) -> str:
    """Where a method's map lies in a model's network."""
    return "input" if method == SMOOTH_GRAD else card.feature_layer


def scaled_box(
    box: tuple[int, int, int, int], film: radiograph.Radiograph, picture: np.ndarray
) -> tuple[int, int, int, int]:
    """A box of film pixels, (left, top, right, bottom), in pixels of a picture (h, w, ...) of the whole film."""
    down, across = picture.shape[0] / film.height, picture.shape[1] / film.width
    left, top, right, bottom = box
    return round(left * across), round(top * down), round(right * across), round(bottom * down)
