"""Compiling: the optimiser, its learning rate at every step, and the loss of a phase.

Written against Keras 3 alone; knows nothing of films or runs.
"""

from __future__ import annotations

import math

import keras

from xraykit.training.recipe.recipe import Phase, Recipe


class Rate(keras.optimizers.schedules.LearningRateSchedule):
    """Linear warm-up, then constant or cosine to zero (Loshchilov and Hutter 2017, without restarts), step by step.

    Follows the optimiser's own count of steps, which a checkpoint holds, so that a resumed run goes on at the rate
    where it stopped. `steps` per epoch; with `accumulation` the optimiser counts every step as so many smaller ones.
    """

    def __init__(self, phase: Phase, steps: int, accumulation: int = 1):
        self.phase, self.steps, self.accumulation = phase, steps, accumulation

    def __call__(self, step):
        phase, ops = self.phase, keras.ops
        step = ops.cast(ops.floor_divide(ops.convert_to_tensor(step), self.accumulation), "float32")
        warmup = phase.warmup_epochs * self.steps
        rising = phase.learning_rate * (step + 1) / max(warmup, 1.0)
        after = ops.full_like(step, phase.learning_rate)
        if phase.schedule == "cosine":
            done = (step - warmup) / max(1.0, phase.epochs * self.steps - warmup)
            after = phase.learning_rate * 0.5 * (1 + ops.cos(math.pi * done))
        return ops.where(step < warmup, rising, after)

    def of_step(self, step: int) -> float:
        """The rate of a whole step, counted from 0."""
        return float(keras.ops.convert_to_numpy(self(step * self.accumulation)))

    def get_config(self):
        return {"phase": vars(self.phase), "steps": self.steps, "accumulation": self.accumulation}


def compile_for(
    learner: keras.Model, recipe: Recipe, phase: Phase, steps: int, *, jit: bool = False, accumulation: int = 1
) -> Rate | None:
    """Give a network the optimiser and loss of a phase; returns the schedule of its learning rate, if it has one.

    Parameters
    ----------
    steps : optimiser steps in an epoch.
    jit : compile with XLA. It takes minutes for MobileNetV2 on a processor; JAX has nothing else.
    accumulation : batches whose gradients are added up for one step; 2 after memory ran out.
    """
    scheduled = phase.schedule == "cosine" or phase.warmup_epochs > 0
    schedule = Rate(phase, steps, accumulation) if scheduled else None
    optimizers = {"adam": keras.optimizers.Adam, "adamw": keras.optimizers.AdamW}
    options = {"weight_decay": phase.weight_decay} if phase.optimizer == "adamw" else {}
    if accumulation > 1:
        options["gradient_accumulation_steps"] = accumulation
    optimizer = optimizers[phase.optimizer](schedule or float(phase.learning_rate), **options)
    if phase.optimizer == "adamw":
        optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    learner.compile(
        optimizer=optimizer,
        loss=keras.losses.CategoricalCrossentropy(label_smoothing=recipe.label_smoothing),
        metrics=["accuracy"],
        jit_compile=True if keras.backend.backend() == "jax" else jit,
    )
    _make_variables(learner)
    return schedule


def _make_variables(learner: keras.Model) -> None:
    """Make the optimiser's moments and the running means now; TensorFlow traces a step that makes them twice."""
    learner.optimizer.build(learner.trainable_variables)
    nothing = keras.ops.zeros((1, *learner.output_shape[1:]))
    learner.compute_loss(y=nothing, y_pred=nothing)
    learner.compute_metrics(x=None, y=nothing, y_pred=nothing)
    learner.reset_metrics()


def rate_of(learner: keras.Model, schedule: Rate | None) -> float:
    """The learning rate of the last complete step; `schedule` is what `compile_for` returned for the network.

    Keras itself tells the rate of the coming step only, which is 0 after a cosine's last.
    """
    if schedule is None:
        return float(keras.ops.convert_to_numpy(learner.optimizer.learning_rate))
    steps = int(keras.ops.convert_to_numpy(learner.optimizer.iterations))
    return schedule.of_step(max(steps - 1, 0))
