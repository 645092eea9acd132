"""A kept model read without TensorFlow, its body as a LiteRT graph and its head in NumPy.

Loads and lists the model folders; never decodes a film and never draws.
"""

from __future__ import annotations

import contextlib
import os
import queue
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from xraykit.evaluation import calibration
from xraykit.films import radiograph
from xraykit.films.refusal import Refusal
from xraykit.models import head as heads
from xraykit.models.cards import card as cards
from xraykit.models.cards.card import BODY, CARD, HEAD, SAVE_AGAIN, Card, ModelRefused
from xraykit.models.conversion import formats
from xraykit.models.head import Head
from xraykit.system.files import shown
from xraykit.system.folders import is_plain_name, models_folder, restore

# Fixed, not left to LiteRT. However many there are, the same film gives the same bits in every process of a machine.
THREADS = max(1, min(4, os.cpu_count() or 1))


@dataclass(frozen=True, eq=False)
class Prediction:
    """A model's output for one film.

    `probabilities` float64 (C,), sum 1: softmax of the logits over the card's temperature (Guo et al. 2017);
    `logits` float64 (C,) before it. Model probabilities, not findings.
    """

    classes: tuple[str, ...]
    probabilities: np.ndarray
    logits: np.ndarray

    @property
    def top(self) -> str:
        """The class of the highest probability."""
        return self.classes[int(self.probabilities.argmax())]


class Classifier:
    """A loaded model. Several threads may call one classifier: `streams` of them run its graph at a time, the others
    wait. Films of many callers take least processor time with one thread a stream."""

    def __init__(self, card: Card, folder: Path, body: bytes, head: Head, streams: int = 1) -> None:
        self.card, self.folder, self.head = card, folder, head
        self._graphs: queue.SimpleQueue[Any] = queue.SimpleQueue()
        for _ in range(streams):
            self._graphs.put(_interpreter(body, card, max(1, THREADS // streams)))
        with self._graph() as graph:
            self._input = graph.get_input_details()[0]["index"]
            self._output = graph.get_output_details()[0]["index"]
            self._check_shapes(graph)

    @property
    def square_shape(self) -> tuple[int, int, int]:
        """(S, S, ch) of the squares the network takes."""
        return self.card.image_size, self.card.image_size, self.card.channels

    def features(self, squares: np.ndarray) -> np.ndarray:
        """The last feature layer's output float32 (B, h, w, K) for squares uint8 (B, S, S, ch).

        One film at a time (batch 1 is XNNPACK's fastest per film), so that neighbours change no bit.
        """
        if squares.dtype != np.uint8 or squares.shape[1:] != self.square_shape:
            raise ValueError(
                f"Expected uint8 squares (B, {', '.join(map(str, self.square_shape))}); got "
                f"{squares.dtype} {squares.shape}. Make them with Radiograph.square()."
            )
        with self._graph() as graph:
            features = [self._run(graph, square) for square in squares]
        return features[0] if len(features) == 1 else np.concatenate(features)

    def predict(self, radiographs: Sequence[radiograph.Radiograph]) -> list[Prediction]:
        """Predictions of films, in order; memory holds one film's features at a time."""
        size, channels = self.card.image_size, self.card.channels
        return [self.prediction(self.predict_squares(film.square(size, channels)[None])[0]) for film in radiographs]

    def predict_squares(self, squares: np.ndarray) -> np.ndarray:
        """Logits float64 (B, C) of squares uint8 (B, S, S, ch)."""
        logits = [self.head.logits(self.features(squares[i : i + 1])) for i in range(len(squares))]
        return np.concatenate(logits) if logits else np.empty((0, len(self.card.classes)))

    def prediction(self, logits: np.ndarray) -> Prediction:
        """The prediction of logits float64 (C,); raises ModelRefused when they are not finite."""
        if not np.isfinite(logits).all():
            raise ModelRefused(
                f"The outputs of {self.card.name} are not finite ({logits}): its weights are broken. Save another run.",
                code="model-corrupt",
            )
        with np.errstate(over="ignore", invalid="ignore"):
            probabilities = calibration.softmax(logits / self.card.temperature)
        if not np.isfinite(probabilities).all():
            raise ModelRefused(
                f"The model probabilities of {self.card.name} are not finite at its temperature "
                f"{self.card.temperature:g}: its card or weights are broken. {SAVE_AGAIN}",
                code="model-corrupt",
            )
        return Prediction(self.card.classes, probabilities, logits)

    @contextlib.contextmanager
    def _graph(self) -> Iterator[Any]:
        graph = self._graphs.get()
        try:
            yield graph
        finally:
            self._graphs.put(graph)

    def _run(self, graph: Any, square: np.ndarray) -> np.ndarray:
        graph.set_tensor(self._input, tensor_of(square))
        graph.invoke()
        return graph.get_tensor(self._output)

    def _check_shapes(self, graph: Any) -> None:
        square = tuple(graph.get_input_details()[0]["shape"])
        grid = tuple(graph.get_output_details()[0]["shape"])
        cells = grid[1] * grid[2] if self.head.pooling == "flatten" and len(grid) == 4 else 1
        inputs, outputs = self.head.kernels[0].shape[0], self.head.kernels[-1].shape[1]
        if square != (1, *self.square_shape) or len(grid) != 4 or inputs != cells * grid[3]:
            raise ModelRefused(
                f"The files of {self.card.name} do not fit each other: {BODY} turns {square} into {grid}; the card has "
                f"{(1, *self.square_shape)}, {HEAD} takes {inputs} inputs. {SAVE_AGAIN}",
                code="model-corrupt",
            )
        if outputs != len(self.card.classes):
            raise ModelRefused(
                f"The card of {self.card.name} has {len(self.card.classes)} classes, but its network has {outputs} "
                f"outputs. {SAVE_AGAIN}",
                code="card-invalid",
            )


def is_gated(card: Card) -> bool:
    """Whether the gate is asked before this model reads a film: a network of colour pictures is of no radiographs."""
    return card.channels == 1


def tensor_of(square: np.ndarray) -> np.ndarray:
    """What LiteRT is given of a square uint8 (S, S, ch): float32 (1, S, S, ch), 0..255; the network itself scales."""
    return square[None].astype(np.float32)


def load(name_or_folder: str | Path, verify: bool = True, name: str | None = None, streams: int = 1) -> Classifier:
    """Load a kept model by its name (below `models_folder()`) or its folder.

    Every file is hashed against the card first unless `verify` is False; `name` is that of a model still being made,
    whose folder has another; `streams` as `Classifier` has it. Raises ModelRefused.
    """
    folder = find(name_or_folder)
    card = cards.read(folder, name)
    if verify:
        cards.verify(card, folder)
    head = heads.load(_read(folder / HEAD), f"{card.name}/{HEAD}")
    return Classifier(card, folder, _read(folder / BODY), head, streams)


def find(name_or_folder: str | Path) -> Path:
    """The folder of a model given by name or by path; it may be missing, or no model's.

    A plain name is a model's below `models_folder()`, where there is one; anything else is a path. Raises ModelRefused
    where nothing is given: it would be the folder one happens to be in.
    """
    if not str(name_or_folder).strip():
        raise _missing(str(name_or_folder))
    path = Path(name_or_folder)
    if not is_plain_name(str(name_or_folder)):
        return Path(os.path.abspath(path))  # "." has no name, and a model has its folder's
    named = models_folder() / path
    if not os.path.lexists(named):
        restore(models_folder())
    is_elsewhere = os.path.isfile(path / CARD) or formats.recognise(path)
    return path if is_elsewhere and not os.path.lexists(named) else named


def named(name: str) -> Path:
    """The folder of the model of this name, always one below `models_folder()`; raises ModelRefused for no name."""
    if not is_plain_name(name):
        raise _missing(name)
    return models_folder() / name


def _missing(name: str) -> ModelRefused:
    said = formats.shown(shown(name)) if name.strip() else repr(name)
    words = f"No model named {said}. `python -m xraykit models` lists the models that are there."
    return ModelRefused(words, code="model-missing")


def available(root: Path | None = None) -> tuple[list[Card], list[Refusal]]:
    """Cards of the usable models below `root` (default `models_folder()`), by name, and why others are not."""
    usable: list[Card] = []
    refused: list[Refusal] = []
    root = root or models_folder()
    try:
        restore(root)
        names = sorted(os.listdir(root)) if os.path.lexists(root) else []
    except OSError as error:
        words = f"The folder of the models cannot be read: {error.strerror}. Let this user read it: {shown(str(root))}"
        return [], [Refusal(source=cards.name_of(root), code="model-missing", words=words)]
    for folder in (root / name for name in names if not name.startswith(".")):
        try:
            if stat.S_ISDIR(os.stat(folder).st_mode) or formats.recognise(folder):
                card = cards.read(folder)
                cards.verify(card, folder)
                usable.append(card)
        except ModelRefused as refusal:
            refused.append(Refusal(source=cards.name_of(folder), code=refusal.code, words=refusal.words))
        except OSError as error:  # this entry's own: the others still work
            words = f"{cards.name_of(folder)} cannot be read: {error.strerror}. Restore or remove it."
            refused.append(Refusal(source=cards.name_of(folder), code="model-missing", words=words))
    return usable, refused


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise cards.unreadable(path, error) from error


def _interpreter(body: bytes, card: Card, threads: int) -> Any:
    from ai_edge_litert.interpreter import Interpreter  # 0.1 s and 60 MB: only where a model is read

    try:
        interpreter = Interpreter(model_content=body, num_threads=threads)
        interpreter.allocate_tensors()
    except (ValueError, RuntimeError) as error:
        raise ModelRefused(
            f"{BODY} of {card.name} is no LiteRT graph that can be run. {SAVE_AGAIN}",
            code="model-corrupt",
        ) from error
    return interpreter
