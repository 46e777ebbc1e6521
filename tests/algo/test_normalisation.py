"""Running moments."""

import numpy as np
import tensorflow as tf

from seed_matrace.algo.normalisation import LARGEST, SLOWEST, SMALLEST_STD, RunningMoments


def test_first_batches_count_alike():
    batches = np.random.default_rng(0).normal(3.0, 2.0, size=(20, 6, 5, 4)).astype(np.float32)
    moments = RunningMoments((4,), "x")
    for batch in batches:
        moments.update(tf.constant(batch))
    np.testing.assert_allclose(moments.mean, batches.mean((0, 1, 2)), rtol=1e-4)
    np.testing.assert_allclose(moments.variance, batches.var((0, 1, 2)), rtol=1e-4)


def test_later_batches_replace_earlier_ones_slowly():
    moments = RunningMoments((), "x")
    moments.batches.assign(10**6)
    moments.mean.assign(5.0)
    moments.update(tf.constant([6.0, 8.0]))
    np.testing.assert_allclose(moments.mean, 5 + 2 * SLOWEST, rtol=1e-6)
    np.testing.assert_allclose(moments.variance, 1 + SLOWEST * (1 - SLOWEST) * 4, rtol=1e-6)


def test_what_never_varies_is_0_and_what_is_far_out_is_clipped():
    moments = RunningMoments((2,), "x")
    moments.update(tf.constant([[1.0, -1.0], [1.0, 1.0]]))
    np.testing.assert_allclose(moments.std, [SMALLEST_STD, 1.0])
    np.testing.assert_array_equal(moments.normalise(tf.constant([[1.0, 1e6]])), [[0.0, LARGEST]])
