"""Layer normalisation (Ba, Kiros and Hinton 2016, arXiv 1607.06450, eq. 4) and the ReLU behind it, as one operation.

Sums over units and over rows are products with constants, and the gradient is written out: fewer passes over the units
than TensorFlow's own operations make.
"""

from __future__ import annotations

from typing import Any

import tensorflow as tf

Tensor = Any

EPSILON = 1e-3  # that of Keras, as in the public code


def normalised_relu(x: Tensor, gain: Tensor, offset: Tensor) -> Tensor:
    """ReLU(gain (x - mean) / sqrt(variance + epsilon) + offset), mean and variance over the units of each row.

    Args:
      x: float32 [M, units]; of copies [copies, M, units].
      gain: float32 [units] or [copies, 1, units].
      offset: as ``gain``.

    Returns:
      float32 as ``x``.
    """
    return _normalised_relu(x, tf.convert_to_tensor(gain), tf.convert_to_tensor(offset))


@tf.custom_gradient
def _normalised_relu(x: Tensor, gain: Tensor, offset: Tensor) -> tuple[Tensor, Any]:
    units = x.shape[-1]
    average = tf.fill([units, 1], 1.0 / units)
    centred = x - tf.matmul(x, average)
    scale = tf.math.rsqrt(tf.matmul(tf.square(centred), average) + EPSILON)
    normal = centred * scale
    y = tf.nn.relu(normal * gain + offset)

    def gradient(dy: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        dy = tf.raw_ops.ReluGrad(gradients=dy, features=y)
        gained = dy * normal
        d_normal = dy * gain
        along = tf.matmul(gained, tf.reshape(gain, [*gain.shape[:-2], units, 1]) / units)  # mean of normal * d_normal
        dx = scale * (d_normal - tf.matmul(d_normal, average) - normal * along)
        rows = tf.ones([1, tf.shape(x)[-2]])
        return dx, tf.reshape(tf.matmul(rows, gained), gain.shape), tf.reshape(tf.matmul(rows, dy), offset.shape)

    return y, gradient
