"""The backend of Keras as tests want it."""

import keras


def quick() -> None:
    """Leave out TensorFlow's rewriting of graphs: on a tiny network it takes longer than all the steps that follow."""
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": True})
