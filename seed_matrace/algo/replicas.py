"""Means over the replicas that train on equal parts of one batch; on one device everything stays what it is."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

Tensor = Any


def mean_over_replicas(tensors: Any) -> Any:
    """The mean of what all replicas give; a tensor or a list of them, of the same shapes on every replica.

    Only where a replica computes (``tf.distribute.Strategy.run``), or outside of any strategy.
    """
    context = tf.distribute.get_replica_context()
    if context.num_replicas_in_sync == 1:
        return tensors
    return context.all_reduce(tf.distribute.ReduceOp.MEAN, tensors)


def moments_over_replicas(x: Tensor, axes: list[int]) -> tuple[Tensor, Tensor]:
    """Mean and variance over ``axes`` and over all replicas, as ``tf.nn.moments`` of the undivided batch."""
    own_mean, own_variance = tf.nn.moments(x, axes)
    mean = mean_over_replicas(own_mean)
    return mean, mean_over_replicas(own_variance + tf.square(own_mean - mean))
