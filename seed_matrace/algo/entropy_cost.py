"""The entropy bonus' weight alpha over a run: trained, by a schedule, or so that a target entropy is kept."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import tensorflow as tf

from seed_matrace.algo.replicas import mean_over_replicas

if TYPE_CHECKING:
    from seed_matrace.sections.loss import LossConfig

Tensor = Any


class EntropyCost(tf.Module):
    """The entropy bonus' weight alpha = exp(speed * p), p trained by the optimizer that trains the networks.

    SEED RL's form: p is limited to +-20 / speed, that is, alpha to exp(+-20), for its gradient vanishes with alpha.
    """

    def __init__(self, initial: float, speed: float) -> None:
        """Args: initial: alpha at the start, > 0; speed: exponent of the parametrisation; 0 keeps alpha fixed."""
        super().__init__(name="entropy_cost")
        self._initial, self._speed = initial, speed
        if speed > 0:
            self.parameter = tf.Variable(math.log(initial) / speed, dtype=tf.float32, name="parameter")

    def __call__(self) -> Tensor:
        """Alpha now, float32 scalar."""
        return tf.exp(self._speed * self.parameter) if self._speed > 0 else tf.constant(self._initial)

    def after_step(self, entropy: Tensor) -> None:
        """Puts the parameter back into its range; to be called after every learner step.

        Args: entropy: mean of an agent's policy, over the largest it could have; float32 scalar.
        """
        if self._speed > 0:
            bound = 20.0 / self._speed
            self.parameter.assign(tf.clip_by_value(self.parameter, -bound, bound))


class EntropySchedule(tf.Module):
    """Alpha falls from ``loss.entropy_cost`` to ``loss.entropy_floor`` by equal factors, then stays."""

    def __init__(self, config: LossConfig, env_steps: tf.Variable) -> None:
        """Args: env_steps: what was trained on so far, counted by others."""
        super().__init__(name="entropy_schedule")
        self._config, self._env_steps = config, env_steps

    def __call__(self) -> Tensor:
        config = self._config
        done = tf.minimum(tf.cast(self._env_steps, tf.float32) / config.entropy_env_steps, 1.0)
        return config.entropy_cost * tf.pow(config.entropy_floor / config.entropy_cost, done)

    def after_step(self, entropy: Tensor) -> None:
        """Nothing: env steps decide alone."""


class EntropyTarget(tf.Module):
    """Alpha follows the entropy: d log(alpha) / d(env steps) = (target - entropy) / ``loss.entropy_env_steps``.

    Entropies are those of single agents over the largest that each could have, 0 to 1, as the target is.
    """

    def __init__(self, config: LossConfig, env_steps_per_learner_step: float) -> None:
        super().__init__(name="entropy_target")
        self._config, self._rate = config, env_steps_per_learner_step / config.entropy_env_steps
        self._log_alpha = tf.Variable(
            math.log(config.entropy_cost), dtype=tf.float32, trainable=False, name="log_alpha"
        )

    def __call__(self) -> Tensor:
        return tf.exp(self._log_alpha)

    def after_step(self, entropy: Tensor) -> None:
        """One learner step further."""
        config = self._config
        log_alpha = self._log_alpha + self._rate * (config.target_entropy_fraction - mean_over_replicas(entropy))
        self._log_alpha.assign(
            tf.clip_by_value(log_alpha, math.log(config.entropy_floor), math.log(config.entropy_ceiling))
        )
