"""Categorical distributions over available actions: the only place where actions are masked.

A distribution is its normalised, masked log-probabilities, float32 [..., A], as ``masked_log_probs`` makes them.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

Tensor = Any

# Finite, so that 0 probability times it is 0 and not NaN; far below any logit a network produces.
MASKED_LOGIT = -1e9


def masked_log_probs(logits: Tensor, avail_actions: Tensor) -> Tensor:
    """Log-probabilities of the softmax over available actions.

    An agent with one available action has log-probability exactly 0 for it, hence entropy and gradient exactly 0.

    Args:
      logits: [..., A], any float dtype; cast to float32 before masking (-1e9 overflows in float16).
      avail_actions: [..., A] integer or bool, nonzero where the action may be chosen; never all 0.

    Returns:
      float32 [..., A]; about -1e9 where not available.
    """
    logits = tf.cast(logits, tf.float32)
    return tf.nn.log_softmax(tf.where(tf.cast(avail_actions, tf.bool), logits, MASKED_LOGIT))


def log_prob(log_probs: Tensor, action: Tensor) -> Tensor:
    """Log-probability of the taken action: float32 [..., A] and int32 [...] to float32 [...]."""
    return tf.gather(log_probs, action, batch_dims=action.shape.rank)


def entropy(log_probs: Tensor) -> Tensor:
    """Entropy in nats: float32 [..., A] to float32 [...]."""
    return -tf.reduce_sum(tf.exp(log_probs) * log_probs, axis=-1)


def sample(log_probs: Tensor, seed: Tensor) -> Tensor:
    """Draws one action per distribution with the Gumbel-max trick.

    Args:
      log_probs: float32 [..., A].
      seed: integer [2]; equal seeds draw equal actions on every device (Philox, not the device's own generator).

    Returns:
      int32 [...].
    """
    smallest = np.finfo(np.float32).tiny  # instead of 0, whose logarithm is not finite
    uniform = tf.random.stateless_uniform(tf.shape(log_probs), seed, minval=smallest, alg="philox")
    return tf.argmax(log_probs - tf.math.log(-tf.math.log(uniform)), axis=-1, output_type=tf.int32)


def greedy(log_probs: Tensor) -> Tensor:
    """The likeliest action, the first of equals: float32 [..., A] to int32 [...]."""
    return tf.argmax(log_probs, axis=-1, output_type=tf.int32)
