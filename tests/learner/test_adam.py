"""Adam in one operation for each variable."""

import numpy as np
import pytest
import tensorflow as tf

from seed_matrace.learner.adam import Adam

SHAPES = [(3, 4), (4,), ()]


def _variables():
    rng = np.random.default_rng(0)
    return [tf.Variable(rng.normal(size=shape).astype(np.float32)) for shape in SHAPES]


@pytest.mark.parametrize("epsilon", [1e-7, 1e-3])
def test_steps_are_those_of_keras(epsilon):
    rate = tf.keras.optimizers.schedules.PiecewiseConstantDecay([3], [0.1, 0.01])
    ours, keras = Adam(rate, epsilon=epsilon), tf.keras.optimizers.Adam(rate, epsilon=epsilon)
    own, others = _variables(), _variables()
    ours.build(own)
    keras.build(others)
    step = tf.function(ours.apply_on_one_device, autograph=False)
    rng = np.random.default_rng(1)
    for _ in range(8):
        gradients = [tf.constant(rng.normal(size=shape), tf.float32) for shape in SHAPES]
        step(gradients, own)
        keras.apply(gradients, others)
        for found, wanted in zip(own, others, strict=True):
            np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-5)  # 1 - beta_2 is rounded
    for found, wanted in zip(ours.variables, keras.variables, strict=True):
        np.testing.assert_allclose(found.numpy(), wanted.numpy(), rtol=1e-5, atol=1e-7)


def test_a_gradient_of_single_rows_changes_what_a_whole_one_does():
    variables = [tf.Variable(tf.ones([4, 2])), tf.Variable(tf.ones([4, 2]))]
    rows = tf.IndexedSlices(tf.ones([1, 2]), tf.constant([2]), tf.constant([4, 2]))
    for variable, gradient in zip(variables, (rows, tf.convert_to_tensor(rows)), strict=True):
        optimizer = Adam(0.1)
        optimizer.build([variable])
        optimizer.apply_on_one_device([gradient], [variable])
    np.testing.assert_array_equal(*variables)
    assert (variables[0].numpy() != 1).sum() == 2
