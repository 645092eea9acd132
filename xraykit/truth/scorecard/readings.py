"""Many altered squares read with one model, on all its streams at once."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from xraykit.models.classifier import Classifier

STREAMS = max(1, min(4, os.cpu_count() or 1))
Tick = Callable[[], None]  # called after each reading; what it raises ends the work


class Reader:
    """Reads squares with a model. Load it with `streams=STREAMS`: they are read on as many threads."""

    def __init__(self, classifier: Classifier, tick: Tick = lambda: None) -> None:
        self.classifier, self.tick = classifier, tick

    def logits(self, squares: Iterable[np.ndarray]) -> np.ndarray:
        """Logits float64 (N, C) of squares uint8 (S, S, ch), as `Classifier.predict` has them of the films."""
        read = list(self._each(lambda square: self.classifier.predict_squares(square[None])[0], squares))
        return np.array(read).reshape(len(read), len(self.classifier.card.classes))

    def probabilities(self, squares: Iterable[np.ndarray]) -> np.ndarray:
        """Model probabilities float64 (N, C), after temperature."""
        logits = self.logits(squares)
        return np.array([self.classifier.prediction(row).probabilities for row in logits]).reshape(logits.shape)

    def features(self, squares: Iterable[np.ndarray]) -> np.ndarray:
        """The last feature layer's output float32 (N, h, w, K)."""
        return np.concatenate(list(self._each(lambda square: self.classifier.features(square[None]), squares)))

    def _each(self, read: Callable[[np.ndarray], np.ndarray], squares: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
        pool = ThreadPoolExecutor(STREAMS)
        try:
            for result in pool.map(read, squares):
                self.tick()
                yield result
        finally:
            pool.shutdown(cancel_futures=True)
