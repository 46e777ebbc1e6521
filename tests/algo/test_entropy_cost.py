"""How the entropy cost falls under the optimizer that trains it: the figures of docs/algorithm.md."""

import numpy as np
import pytest
import tensorflow as tf

from seed_matrace.algo.entropy_cost import EntropyCost

STEPS = (100, 300, 1000)


def entropy_costs(entropies, *, initial=1.0, learning_rate=1e-3, epsilon=1e-7):
    """Alpha after STEPS learner steps whose batches have these entropies."""
    cost = EntropyCost(initial, 10.0)
    optimizer = tf.keras.optimizers.Adam(learning_rate, epsilon=epsilon)
    optimizer.build([cost.parameter])

    @tf.function
    def train(entropies):
        for entropy in entropies:
            with tf.GradientTape() as tape:
                loss = cost() * tf.stop_gradient(entropy - 1e-5)
            optimizer.apply_gradients([(tape.gradient(loss, cost.parameter), cost.parameter)])
            cost.after_step(0.0)

    found = []
    for first, last in zip((0, *STEPS), STEPS, strict=False):
        train(tf.constant(entropies[first:last], tf.float32))
        found.append(float(cost()))
    return found


@pytest.mark.parametrize("entropy", [0.5, 5.0])
def test_a_steady_entropy_lets_it_fall_ever_slower_whatever_its_size(entropy):
    found = entropy_costs(np.full(1000, entropy))
    np.testing.assert_allclose(found, [0.43, 0.16, 0.03], rtol=0.05)
    assert found[2] > 100 * found[0] ** 10  # which a fixed factor would have left


def test_an_entropy_that_falls_holds_it_up():
    found = entropy_costs(5 * 0.1 ** (np.arange(1000) / 1000))
    np.testing.assert_allclose(found, [0.44, 0.20, 0.08], rtol=0.05)


def test_an_epsilon_slows_it_once_gradients_are_small():
    settings = {"initial": 0.3, "learning_rate": 5e-4, "epsilon": 1e-3}  # of base.gin
    np.testing.assert_allclose(entropy_costs(np.full(1000, 5.0), **settings), [0.19, 0.10, 0.025], rtol=0.05)
    assert entropy_costs(np.full(1000, 1e-3), **settings)[2] > 0.04
