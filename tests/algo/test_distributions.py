"""Masked categorical distributions."""

import numpy as np
import pytest
import tensorflow as tf

from seed_matrace.algo import distributions

LOGITS = np.array([[0.5, -1.0, 2.0, 0.1], [3.0, 0.0, -2.0, 1.0]], np.float32)
AVAIL = np.array([[1, 1, 0, 1], [0, 1, 1, 0]], np.uint8)


def _softmax_of_available(logits: np.ndarray, avail: np.ndarray) -> np.ndarray:
    weights = np.exp(logits.astype(np.float64)) * avail
    return weights / weights.sum(-1, keepdims=True)


@pytest.mark.parametrize("dtype", [np.float32, np.float16])
def test_probabilities_are_the_softmax_over_available_actions(dtype):
    log_probs = distributions.masked_log_probs(LOGITS.astype(dtype), AVAIL)
    expected = _softmax_of_available(LOGITS, AVAIL)
    assert log_probs.dtype == tf.float32
    np.testing.assert_allclose(np.exp(log_probs), expected, atol=1e-3 if dtype == np.float16 else 1e-6)


def test_log_prob_takes_the_chosen_action():
    log_probs = distributions.masked_log_probs(LOGITS, AVAIL)
    action = np.array([3, 1], np.int32)
    expected = np.log(_softmax_of_available(LOGITS, AVAIL)[[0, 1], action])
    np.testing.assert_allclose(distributions.log_prob(log_probs, tf.constant(action)), expected, rtol=1e-5)


def test_entropy_counts_available_actions_only():
    p = _softmax_of_available(LOGITS, AVAIL)
    expected = -(p * np.log(np.where(p > 0, p, 1))).sum(-1)
    np.testing.assert_allclose(
        distributions.entropy(distributions.masked_log_probs(LOGITS, AVAIL)), expected, rtol=1e-5
    )


@pytest.mark.parametrize("dtype", [tf.float32, tf.float16, tf.bfloat16])
def test_a_single_available_action_contributes_exactly_nothing(dtype):
    logits = tf.Variable(tf.cast([[-30.0, 60.0, 7.0]], dtype))
    avail = np.array([[1, 0, 0]], np.uint8)
    with tf.GradientTape() as tape:
        log_probs = distributions.masked_log_probs(logits, avail)
        log_prob = distributions.log_prob(log_probs, tf.constant([0]))
        entropy = distributions.entropy(log_probs)
        total = tf.reduce_sum(log_prob + entropy)
    assert log_prob.numpy() == 0
    assert entropy.numpy() == 0
    np.testing.assert_array_equal(tf.cast(tape.gradient(total, logits), tf.float32), np.zeros((1, 3)))


@pytest.mark.parametrize("dtype", [tf.float32, tf.float16])
def test_gradients_are_finite_and_leave_masked_logits_alone(dtype):
    logits = tf.Variable(tf.cast(LOGITS, dtype))
    with tf.GradientTape() as tape:
        log_probs = distributions.masked_log_probs(logits, AVAIL)
        total = tf.reduce_sum(distributions.entropy(log_probs) + distributions.log_prob(log_probs, tf.constant([0, 1])))
    gradient = tf.cast(tape.gradient(total, logits), tf.float32).numpy()
    assert np.isfinite(gradient).all()
    assert (gradient[AVAIL == 0] == 0).all()
    assert (gradient[AVAIL == 1] != 0).all()


def test_samples_follow_the_probabilities_and_the_mask():
    log_probs = tf.tile(distributions.masked_log_probs(LOGITS, AVAIL)[tf.newaxis], [20_000, 1, 1])
    action = distributions.sample(log_probs, [3, 4]).numpy()
    frequencies = np.stack([(action == a).mean(0) for a in range(4)], axis=-1)
    np.testing.assert_allclose(frequencies, _softmax_of_available(LOGITS, AVAIL), atol=0.015)
    assert (frequencies[AVAIL == 0] == 0).all()
    assert action.dtype == np.int32


def test_the_seed_decides_the_sample():
    log_probs = tf.zeros([50, 8])
    first, again, other = (distributions.sample(log_probs, [7, seed]).numpy() for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


def test_greedy_takes_the_best_available_action():
    log_probs = distributions.masked_log_probs(LOGITS, AVAIL)
    np.testing.assert_array_equal(distributions.greedy(log_probs), [0, 1])
