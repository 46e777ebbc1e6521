"""The learning rate over a run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import tensorflow as tf

if TYPE_CHECKING:
    from seed_matrace.config import Config

Tensor = Any


class LearningRate(tf.keras.optimizers.schedules.LearningRateSchedule):
    """Rises over the first learner steps and falls with the env steps, both linearly; the smaller factor counts.

    Follows from the optimizer's own count of steps and from the env steps, so that a resumed run is where it was.
    """

    def __init__(self, config: Config, env_steps: tf.Variable) -> None:
        """Args: env_steps: what was trained on so far, counted by others."""
        self._options, self._env_steps = config.optimizer, env_steps

    def __call__(self, step: Tensor) -> Tensor:
        """The rate of learner step ``step`` (from 0), float32 scalar."""
        options = self._options
        factors = [tf.ones([])]
        if options.warmup_steps:
            factors.append((tf.cast(step, tf.float32) + 1.0) / options.warmup_steps)
        if options.decay_env_steps:
            used = tf.minimum(tf.cast(self._env_steps, tf.float32) / options.decay_env_steps, 1.0)
            factors.append(1.0 - used * (1.0 - options.decay_to))
        return options.learning_rate * tf.reduce_min(tf.stack(factors))

    def get_config(self) -> dict[str, Any]:
        """Keras asks for it; the run's configuration is where these values live."""
        return {"learning_rate": self._options.learning_rate}
