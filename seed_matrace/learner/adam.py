"""Keras' Adam that takes a step on one device as one operation for each variable."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import tensorflow as tf

Tensor = Any


class Adam(tf.keras.optimizers.Adam):
    """The same variables and, up to rounding, the same numbers (Kingma and Ba 2015, section 2, the efficient order)."""

    def apply_on_one_device(self, gradients: Sequence[Tensor], variables: Sequence[tf.Variable]) -> None:
        """As ``apply`` outside of any strategy; ten small operations for each variable are a tenth of a learner step.

        Args: variables: those that ``build`` was called with, in that order.
        """
        step = tf.cast(self.iterations + 1, tf.float32)
        beta_1, beta_2 = tf.constant(self.beta_1), tf.constant(self.beta_2)
        shared = {"beta1": beta_1, "beta1_power": tf.pow(beta_1, step)}
        shared |= {"beta2": beta_2, "beta2_power": tf.pow(beta_2, step)}
        shared |= {"lr": tf.cast(self.learning_rate, tf.float32), "epsilon": tf.constant(self.epsilon)}
        moments = zip(self._momentums, self._velocities, strict=True)
        for gradient, variable, (m, v) in zip(gradients, variables, moments, strict=True):
            tf.raw_ops.ResourceApplyAdam(
                var=variable.handle, m=m.value.handle, v=v.value.handle, grad=tf.convert_to_tensor(gradient), **shared
            )
        self.iterations.assign_add(1)
