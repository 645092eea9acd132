"""Claims on reading one film, warm: probabilities and Grad-CAM of every class against TensorFlow and bare LiteRT.

All contenders start from the square the network takes, so that no side pays for resizing a film.
"""

from __future__ import annotations

import os

os.environ.update(KERAS_BACKEND="tensorflow", CUDA_VISIBLE_DEVICES="-1", TF_CPP_MIN_LOG_LEVEL="3")

import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

from benchmarks import claims, models
from xraykit.films import radiograph
from xraykit.films.samples import draw
from xraykit.models import classifier, explanation
from xraykit.models.cards import card

ROUNDS, REPEATS = 11, 5


def main() -> None:
    with tempfile.TemporaryDirectory() as work:
        folder = models.model_folder(Path(work))
        loaded = classifier.load(folder)
        size = loaded.card.image_size
        sample = radiograph.read(draw.PNG.read_bytes(), draw.PNG.name)
        film = radiograph.Radiograph(sample.square(size)[..., 0], sample.source, sample.format, sample.sha256)
        square = film.square(size, loaded.card.channels)[None].astype(np.float32)
        predict, forward = tensorflow_contenders(folder, loaded.card, square)
        body = bare_body(folder, square)
    median = claims.interleaved(
        {"ours": lambda: explanation.grad_cam(loaded, film), "forward": forward, "body": body}, ROUNDS, REPEATS
    )
    against = claims.interleaved({"ours": lambda: explanation.grad_cam(loaded, film), "keras": predict}, 7)
    print(
        f"# ms: ours {median['ours'] * 1e3:.2f}, compiled forward {median['forward'] * 1e3:.2f}, "
        f"LiteRT body {median['body'] * 1e3:.2f}, predict + tf-keras-vis {against['keras'] * 1e3:.1f}"
    )
    claims.report("reading-vs-predict-and-tf-keras-vis", against["keras"] / against["ours"], 30, at_least=True)
    claims.report("reading-vs-compiled-forward", median["ours"] / median["forward"], 0.6)
    claims.report("reading-vs-bare-body", median["ours"] / median["body"], 1.5)


def tensorflow_contenders(
    folder: Path, about: card.Card, square: np.ndarray
) -> tuple[Callable[[], object], Callable[[], object]]:
    """`model.predict` with one tf-keras-vis Grad-CAM, and the bare compiled forward pass."""
    import keras
    import tensorflow as tf
    from tf_keras_vis.gradcam import Gradcam
    from tf_keras_vis.utils.scores import CategoricalScore

    model = keras.saving.load_model(folder / card.NETWORK, compile=False)
    visualizer = Gradcam(keras.Model(model.inputs, model.get_layer("logits").output))
    compiled = tf.function(
        lambda film: model(film, training=False), input_signature=[tf.TensorSpec(square.shape, tf.float32)]
    )

    def predict() -> None:
        model.predict(square, verbose=0)
        visualizer(
            CategoricalScore([0]), square, penultimate_layer=about.feature_layer, seek_penultimate_conv_layer=False
        )

    return predict, lambda: compiled(square).numpy()


def bare_body(folder: Path, square: np.ndarray) -> Callable[[], object]:
    """The LiteRT graph alone, with as many threads as ours has."""
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_content=(folder / card.BODY).read_bytes(), num_threads=classifier.THREADS)
    interpreter.allocate_tensors()
    into = interpreter.get_input_details()[0]["index"]
    out = interpreter.get_output_details()[0]["index"]

    def run() -> object:
        interpreter.set_tensor(into, square)
        interpreter.invoke()
        return interpreter.get_tensor(out)

    return run


if __name__ == "__main__":
    main()
