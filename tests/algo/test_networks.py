"""Policy and critic."""

import numpy as np
import pytest
import tensorflow as tf

from seed_matrace.algo.networks import Critic, Mlp, Policy
from seed_matrace.specs import EnvSpec

SPEC = EnvSpec(n_agents=3, n_actions=4, obs_dim=5, state_dim=7, episode_limit=10)


def _forward(weights: list[np.ndarray], x: np.ndarray) -> np.ndarray:
    """A multilayer perceptron in NumPy; ``weights`` as kernels, then biases."""
    layers = len(weights) // 2
    for i in range(layers):
        x = x @ weights[i] + weights[layers + i]
        x = np.maximum(x, 0) if i < layers - 1 else x
    return x


def _weights(module: tf.Module) -> list[np.ndarray]:
    by_name = {variable.name: variable.numpy() for variable in module.trainable_variables}
    return [by_name[name] for name in sorted(by_name, key=lambda name: ("bias" in name, name))]


def test_every_agent_has_the_same_policy():
    policy = Policy(SPEC, (6, 6), np.random.default_rng(0))
    obs = np.random.default_rng(1).normal(size=(2, 4, 3, 5)).astype(np.float32)
    logits = policy(obs)
    assert logits.shape == (2, 4, 3, 4)
    np.testing.assert_allclose(logits, _forward(_weights(policy), obs), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("critic_input", ["joint_obs", "state"])
def test_critic_sees_its_input_alone(critic_input):
    critic = Critic(SPEC, critic_input, (6, 6), np.random.default_rng(0))
    rng = np.random.default_rng(1)
    obs, state = rng.normal(size=(2, 4, 3, 5)).astype(np.float32), rng.normal(size=(2, 4, 7)).astype(np.float32)
    x = obs.reshape(2, 4, 15) if critic_input == "joint_obs" else state
    assert critic(obs, state).shape == (2, 4)
    np.testing.assert_allclose(critic(obs, state), _forward(_weights(critic), x)[..., 0], rtol=1e-4, atol=1e-5)


def test_decentralised_critic_values_what_each_agent_sees():
    critic = Critic(SPEC, "own_obs", (6, 6), np.random.default_rng(0))
    obs = np.random.default_rng(1).normal(size=(2, 4, 3, 5)).astype(np.float32)
    values = critic(obs, tf.ones([2, 4, 0]))
    assert values.shape == (2, 4, 3)
    np.testing.assert_allclose(values, _forward(_weights(critic), obs)[..., 0], rtol=1e-4, atol=1e-5)


def test_critic_on_observations_needs_no_state():
    critic = Critic(SPEC, "joint_obs", (6,), np.random.default_rng(0))
    assert critic(tf.ones([2, 3, 5]), tf.ones([2, 0])).shape == (2,)


def test_unknown_critic_input_is_an_error():
    with pytest.raises(ValueError, match="'minimap'"):
        Critic(SPEC, "minimap", (6,), np.random.default_rng(0))


def test_weights_are_glorot_uniform_and_follow_the_seed():
    first, again, other = (Mlp([200, 100, 3], np.random.default_rng(seed)) for seed in (1, 1, 2))
    kernel = first.kernels[0].numpy()
    limit = np.sqrt(6 / 300)
    assert np.abs(kernel).max() <= limit
    np.testing.assert_allclose(kernel.std(), limit / np.sqrt(3), rtol=0.02)
    np.testing.assert_array_equal(kernel, again.kernels[0])
    assert (kernel != other.kernels[0].numpy()).all()
    assert not any(bias.numpy().any() for bias in first.biases)
