"""Masked categorical distributions."""

import numpy as np
import pytest
import tensorflow as tf

from seed_matrace.algo.distributions import MaskedCategorical

LOGITS = np.array([[0.5, -1.0, 2.0, 0.1], [3.0, 0.0, -2.0, 1.0]], np.float32)
AVAIL = np.array([[1, 1, 0, 1], [0, 1, 1, 0]], np.uint8)


def _softmax_of_available(logits: np.ndarray, avail: np.ndarray) -> np.ndarray:
    weights = np.exp(logits.astype(np.float64)) * avail
    return weights / weights.sum(-1, keepdims=True)


@pytest.mark.parametrize("dtype", [np.float32, np.float16])
def test_probabilities_are_the_softmax_over_available_actions(dtype):
    distribution = MaskedCategorical(LOGITS.astype(dtype), AVAIL)
    expected = _softmax_of_available(LOGITS, AVAIL)
    for action in range(4):
        log_prob = distribution.log_prob(tf.fill([2], action))
        assert log_prob.dtype == tf.float32
        np.testing.assert_allclose(np.exp(log_prob), expected[:, action], atol=1e-3 if dtype == np.float16 else 1e-6)


def test_entropy_counts_available_actions_only():
    p = _softmax_of_available(LOGITS, AVAIL)
    expected = -(p * np.log(np.where(p > 0, p, 1))).sum(-1)
    np.testing.assert_allclose(MaskedCategorical(LOGITS, AVAIL).entropy(), expected, rtol=1e-5)


@pytest.mark.parametrize("dtype", [tf.float32, tf.float16, tf.bfloat16])
def test_a_single_available_action_contributes_exactly_nothing(dtype):
    logits = tf.Variable(tf.cast([[-30.0, 60.0, 7.0]], dtype))
    with tf.GradientTape() as tape:
        distribution = MaskedCategorical(logits, np.array([[1, 0, 0]], np.uint8))
        log_prob, entropy = distribution.log_prob(tf.constant([0])), distribution.entropy()
        total = tf.reduce_sum(0.3 * log_prob - 0.7 * entropy)
    assert log_prob.numpy() == 0
    assert entropy.numpy() == 0
    np.testing.assert_allclose(tf.cast(tape.gradient(total, logits), tf.float32), np.zeros((1, 3)), atol=1e-7)


@pytest.mark.parametrize("dtype", [tf.float32, tf.float16])
def test_gradients_are_finite_and_leave_masked_logits_alone(dtype):
    logits = tf.Variable(tf.cast(LOGITS, dtype))
    with tf.GradientTape() as tape:
        distribution = MaskedCategorical(logits, AVAIL)
        total = tf.reduce_sum(distribution.entropy() + distribution.log_prob(tf.constant([0, 1])))
    gradient = tf.cast(tape.gradient(total, logits), tf.float32).numpy()
    assert np.isfinite(gradient).all()
    assert (gradient[AVAIL == 0] == 0).all()
    assert (gradient[AVAIL == 1] != 0).all()


def test_gradients_are_those_of_log_softmax():
    action, weights = tf.constant([3, 2]), tf.constant([0.4, -1.7])
    logits = tf.Variable(LOGITS)
    with tf.GradientTape() as tape:
        distribution = MaskedCategorical(logits, AVAIL)
        total = tf.reduce_sum(weights * (distribution.log_prob(action) + 0.3 * distribution.entropy()))
    with tf.GradientTape() as reference_tape:
        log_probs = tf.nn.log_softmax(tf.where(AVAIL == 1, logits, -1e9))
        entropy = -tf.reduce_sum(tf.exp(log_probs) * log_probs, axis=-1)
        reference = tf.reduce_sum(weights * (tf.gather(log_probs, action, batch_dims=1) + 0.3 * entropy))
    np.testing.assert_allclose(total, reference, rtol=1e-5)
    expected = reference_tape.gradient(reference, logits)
    np.testing.assert_allclose(tape.gradient(total, logits), expected, rtol=1e-5, atol=1e-6)


def test_large_logits_do_not_overflow():
    distribution = MaskedCategorical(np.array([[3e4, 2e4, -3e4]], np.float32), np.ones((1, 3), np.uint8))
    np.testing.assert_allclose(distribution.log_prob(tf.constant([1])), [-1e4])
    np.testing.assert_allclose(distribution.entropy(), [0.0], atol=1e-6)


def test_samples_follow_the_probabilities_and_the_mask():
    logits, avail_actions = np.tile(LOGITS, (20_000, 1, 1)), np.tile(AVAIL, (20_000, 1, 1))
    action = MaskedCategorical(logits, avail_actions).sample([3, 4]).numpy()
    frequencies = np.stack([(action == a).mean(0) for a in range(4)], axis=-1)
    np.testing.assert_allclose(frequencies, _softmax_of_available(LOGITS, AVAIL), atol=0.015)
    assert (frequencies[AVAIL == 0] == 0).all()
    assert action.dtype == np.int32


def test_the_seed_decides_the_sample():
    distribution = MaskedCategorical(np.zeros((50, 8), np.float32), np.ones((50, 8), np.uint8))
    first, again, other = (distribution.sample([7, seed]).numpy() for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


def test_greedy_takes_the_best_available_action():
    np.testing.assert_array_equal(MaskedCategorical(LOGITS, AVAIL).greedy(), [0, 1])
