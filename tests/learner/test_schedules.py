"""The learning rate over a run."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from seed_matrace.config import SECTIONS, Config
from seed_matrace.learner.schedules import LearningRate
from seed_matrace.sections.loss import OptimizerConfig

PER_STEP = 32 * 100  # env steps


def _rate(step: int, **options) -> float:
    """After ``step`` batches of one learner step each."""
    config = Config(**{name: kind() for name, kind in SECTIONS.items()})
    optimizer = OptimizerConfig(learning_rate=0.01, **options)
    env_steps = tf.Variable(step * PER_STEP, dtype=tf.int64)
    return float(LearningRate(dataclasses.replace(config, optimizer=optimizer), env_steps)(step))


@pytest.mark.parametrize(("step", "expected"), [(0, 0.001), (4, 0.005), (9, 0.01), (500, 0.01)])
def test_rises_over_the_first_learner_steps(step, expected):
    np.testing.assert_allclose(_rate(step, warmup_steps=10), expected, rtol=1e-6)


@pytest.mark.parametrize(("step", "expected"), [(0, 0.01), (25, 0.008), (50, 0.006), (100, 0.002), (900, 0.002)])
def test_falls_with_the_env_steps(step, expected):
    np.testing.assert_allclose(_rate(step, decay_env_steps=100 * PER_STEP, decay_to=0.2), expected, rtol=1e-5)


def test_both_at_once():
    options = {"warmup_steps": 10, "decay_env_steps": 20 * PER_STEP}
    rates = [_rate(step, **options) for step in range(22)]
    assert np.argmax(rates) in (6, 7)
    np.testing.assert_allclose([rates[0], rates[10], rates[20], rates[21]], [0.001, 0.005, 0, 0], atol=1e-8)
