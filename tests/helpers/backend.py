"""The backend of Keras as tests want it."""

from pathlib import Path


def quick() -> None:
    """Leave out TensorFlow's rewriting of graphs: on a tiny network it takes longer than all the steps that follow."""
    import keras  # not at the top: most of those that collect this never run it

    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": True})


def quick_jax(cache: Path) -> dict[str, str]:
    """Environment in which XLA compiles a function once, and without the passes that take it longest."""
    return {
        "JAX_COMPILATION_CACHE_DIR": str(cache),
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
        "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1",
        "XLA_FLAGS": "--xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true",
    }
