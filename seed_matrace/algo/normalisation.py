"""Running mean and standard deviation of what training sees, as variables that a checkpoint keeps."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from seed_matrace.algo.replicas import moments_over_replicas

Tensor = Any

SLOWEST = 1e-3  # weight of a batch once more than 1 / SLOWEST were seen
SMALLEST_STD = 1e-2  # what hardly varies must not be blown up
LARGEST = 10.0  # normalised inputs are clipped to +- this


class RunningMoments(tf.Module):
    """Mean and variance over all batches so far, over about the last 1 / ``SLOWEST`` batches later on."""

    def __init__(self, shape: tuple[int, ...], name: str) -> None:
        """Args: shape: of one sample; name: starts the names of the variables."""
        super().__init__(name=name)
        self.mean = tf.Variable(tf.zeros(shape), trainable=False, name=f"{name}_mean")
        self.variance = tf.Variable(tf.ones(shape), trainable=False, name=f"{name}_variance")
        self.batches = tf.Variable(0, dtype=tf.int64, trainable=False, name=f"{name}_batches")

    @property
    def std(self) -> Tensor:
        """Standard deviation, at least ``SMALLEST_STD``; 1 before the first batch."""
        return tf.maximum(tf.sqrt(self.variance), SMALLEST_STD)

    def normalise(self, x: Tensor) -> Tensor:
        """float32 [..., *shape] to the same with mean 0 and standard deviation 1, clipped."""
        return tf.clip_by_value((x - self.mean) / self.std, -LARGEST, LARGEST)

    def update(self, x: Tensor) -> None:
        """Takes a batch of samples [..., *shape] into account, every replica's part of it."""
        self.batches.assign_add(1)
        weight = tf.maximum(1.0 / tf.cast(self.batches, tf.float32), SLOWEST)
        mean, variance = moments_over_replicas(x, list(range(x.shape.rank - self.mean.shape.rank)))
        shift = mean - self.mean
        # The variance of a mixture of two distributions, with the weights 1 - weight and weight.
        self.variance.assign(
            (1.0 - weight) * self.variance + weight * variance + weight * (1.0 - weight) * tf.square(shift)
        )
        self.mean.assign_add(weight * shift)
