"""How the entropy cost falls under the optimizer that trains it: the figures of docs/algorithm.md."""

import numpy as np
import pytest
import tensorflow as tf

from seed_matrace.algo.entropy_cost import EntropyCost, EntropySchedule, EntropyTarget
from seed_matrace.sections.loss import LossConfig

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


def test_schedule_falls_by_equal_factors_of_env_steps_and_stays():
    config = LossConfig(entropy_schedule="env_steps", entropy_cost=0.1, entropy_floor=0.001, entropy_env_steps=1000)
    env_steps = tf.Variable(0, dtype=tf.int64)
    cost = EntropySchedule(config, env_steps)
    found = []
    for done in (0, 500, 1000, 5000):
        env_steps.assign(done)
        found.append(float(cost()))
    np.testing.assert_allclose(found, [0.1, 0.01, 0.001, 0.001], rtol=1e-5)


@pytest.mark.parametrize("steps", [10, 40])
def test_target_moves_the_cost_by_env_steps_however_many_learner_steps_they_are(steps):
    options = {"entropy_floor": 1e-4, "entropy_ceiling": 1.0, "entropy_env_steps": 1000, "target_entropy_fraction": 0.5}
    config = LossConfig(entropy_schedule="target", entropy_cost=0.01, **options)
    for entropy, factor in ((0.5, 1), (0.9, np.exp(-0.8)), (0.0, np.exp(1.0))):
        cost = EntropyTarget(config, 2000 / steps)
        for _ in range(steps):
            cost.after_step(tf.constant(entropy, tf.float32))
        np.testing.assert_allclose(float(cost()), 0.01 * factor, rtol=1e-4)


@pytest.mark.parametrize(("entropy", "bound"), [(1.0, 0.003), (0.0, 0.03)])
def test_target_keeps_the_cost_within_its_bounds(entropy, bound):
    config = LossConfig(entropy_schedule="target", entropy_cost=0.01, entropy_ceiling=0.03)
    cost = EntropyTarget(config, config.entropy_env_steps * 100)
    cost.after_step(tf.constant(entropy, tf.float32))
    np.testing.assert_allclose(float(cost()), bound, rtol=1e-5)
