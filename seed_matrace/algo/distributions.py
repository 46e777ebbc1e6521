"""The categorical distribution over available actions: the only place where actions are masked."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

Tensor = Any

# Finite, so that 0 probability times it is 0 and not NaN; far beyond any logit a network produces.
_MASK = 1e9
_PHILOX = tf.random.Algorithm.PHILOX.value


class MaskedCategorical:
    """Softmax over the actions that are available.

    An agent with one available action has log-probability and entropy of exactly 0, and no gradient but for rounding.

    Written out instead of ``tf.where`` and ``tf.nn.log_softmax``, whose CPU kernels are slow for this few actions: the
    part of a train step spent here is a third shorter.
    """

    def __init__(self, logits: Tensor, avail_actions: Tensor) -> None:
        """Masks and normalises.

        Args:
          logits: [..., A], any float dtype; cast to float32 before masking, which float16 has no room for.
          avail_actions: uint8 [..., A], 1 = may be chosen; never all 0.
        """
        masked = tf.cast(logits, tf.float32) + (tf.cast(avail_actions, tf.float32) * _MASK - _MASK)
        # Shifting all scores alike changes no probability, hence no gradient through the shift.
        self._scores = masked - tf.stop_gradient(tf.reduce_max(masked, axis=-1, keepdims=True))
        self._weights = tf.exp(self._scores)
        self._total = tf.reduce_sum(self._weights, axis=-1)
        self._log_total = tf.math.log(self._total)

    def log_prob(self, action: Tensor) -> Tensor:
        """Log-probability float32 [...] of the taken actions int32 [...]."""
        return tf.gather(self._scores, action, batch_dims=action.shape.rank) - self._log_total

    def probabilities(self) -> Tensor:
        """float32 [..., A], 0 for what is not available."""
        return self._weights / self._total[..., tf.newaxis]

    def entropy(self) -> Tensor:
        """Entropy in nats, float32 [...]."""
        return self._log_total - tf.reduce_sum(self._weights * self._scores, axis=-1) / self._total

    def sample(self, seed: Tensor) -> Tensor:
        """Samples one action per distribution by the Gumbel-max trick.

        Written as the exponential race that it equals: argmax(log w + Gumbel noise) = argmin(exponential time / w).

        Args:
          seed: non-negative integers [2]; equal ones give equal actions on every device. The first is the key of the
            Philox generator (Salmon et al. 2011), the second numbers a stream of 2^66 numbers of its own.

        Returns:
          int32 [...].
        """
        seed = tf.cast(seed, tf.uint64)
        counter = seed * tf.constant([0, 1], tf.uint64)
        # The raw operation: tf.random.stateless_uniform scrambles seeds first, in two dozen operations.
        uniform = tf.raw_ops.StatelessRandomUniformV2(
            shape=tf.shape(self._weights), key=seed[:1], counter=counter, alg=_PHILOX
        )
        # The logarithm of 0 would not be finite, and no action could win with it.
        minus_time = tf.math.log(uniform + np.finfo(np.float32).tiny)
        return tf.argmin(self._weights / minus_time, axis=-1, output_type=tf.int32)

    def greedy(self) -> Tensor:
        """The likeliest action, the first of equals, int32 [...]."""
        return tf.argmax(self._scores, axis=-1, output_type=tf.int32)
