"""The rows of units, cut out of observations or states."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from seed_matrace.unit_columns import Rows

Tensor = Any


def unit_rows(x: Tensor, blocks: tuple[Rows, ...]) -> Tensor:
    """A row for each unit: float32 [..., O] or [..., S] to [..., units, width].

    Args:
      blocks: of ``EnvSpec.units``, such as its ``enemies``.
    """
    leading = tf.shape(x)[:-1]
    parts = [
        tf.reshape(x[..., start : start + width * units], tf.concat([leading, [units, width]], axis=0))
        for start, width, units in blocks
    ]
    return parts[0] if len(parts) == 1 else tf.concat(parts, axis=-1)
