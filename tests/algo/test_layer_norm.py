"""The layer normalisation with its written-out gradient, against TensorFlow's own operations."""

import numpy as np
import pytest
import tensorflow as tf

from seed_matrace.algo.layer_norm import EPSILON, normalised_relu


def naive(x, gain, offset):
    mean, variance = tf.nn.moments(x, axes=[-1], keepdims=True)
    return tf.nn.relu((x - mean) / tf.sqrt(variance + EPSILON) * gain + offset)


def value_and_gradients(function, inputs, weights):
    tensors = [tf.constant(array) for array in inputs]
    with tf.GradientTape() as tape:
        tape.watch(tensors)
        y = function(*tensors)
        loss = tf.reduce_sum(y * weights)
    return [y, *tape.gradient(loss, tensors)]


@pytest.mark.parametrize(
    ("rows", "row"), [((7, 6), (6,)), ((3, 7, 6), (3, 1, 6)), ((1, 64), (64,)), ((500, 64), (64,))]
)
def test_value_and_gradients_are_those_of_the_plain_operations(rows, row):
    rng = np.random.default_rng(0)
    inputs = [
        rng.normal(2.0, 3.0, rows).astype(np.float32),
        rng.uniform(0.5, 2.0, row).astype(np.float32),
        rng.normal(size=row).astype(np.float32),
    ]
    weights = rng.normal(size=rows).astype(np.float32)
    ours, theirs = (value_and_gradients(function, inputs, weights) for function in (normalised_relu, naive))
    for mine, other in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(mine, other, rtol=2e-4, atol=2e-5 * float(np.abs(other).max()))


def test_equal_units_stay_finite():
    x = np.full((4, 8), 3.0, np.float32)
    found = value_and_gradients(normalised_relu, [x, np.ones(8, np.float32), np.ones(8, np.float32)], 1.0)
    np.testing.assert_allclose(found[0], 1.0, atol=1e-4)
    assert np.isfinite(found[1]).all()


def test_it_is_the_same_compiled_with_any_number_of_rows():
    rng = np.random.default_rng(1)
    gain, offset = tf.Variable(tf.ones(5)), tf.Variable(tf.zeros(5))
    compiled = tf.function(
        lambda x: normalised_relu(x, gain, offset), input_signature=[tf.TensorSpec([None, 5], tf.float32)]
    )
    for rows in (1, 4):
        x = rng.normal(size=(rows, 5)).astype(np.float32)
        np.testing.assert_allclose(compiled(x), naive(x, gain, offset), rtol=1e-4, atol=1e-6)
