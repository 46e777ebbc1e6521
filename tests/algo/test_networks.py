"""Policy and critic."""

import numpy as np
import pytest
import tensorflow as tf

from seed_matrace.algo.agent_inputs import AgentInputs
from seed_matrace.algo.distributions import MaskedCategorical
from seed_matrace.algo.layers import Mlp
from seed_matrace.algo.networks import Critic, Policy
from seed_matrace.algo.team_networks import Networks
from seed_matrace.config import load_config
from seed_matrace.specs import EnvSpec
from seed_matrace.training_env import training_spec

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


@pytest.mark.parametrize("network", ["mlp", "units"])
@pytest.mark.parametrize("share", [True, False])
def test_a_small_output_gain_makes_all_actions_alike_at_first(network, share):
    def fraction(gain: float) -> float:
        params = [f"network.policy='{network}'", f"network.policy_output_gain={gain}", f"network.share_policy={share}"]
        config = load_config(["maps/2s3z.gin"], params)[0]
        spec = training_spec(config)
        policy = Networks(spec, config, seed=0).policy
        obs = np.random.default_rng(1).normal(size=(50, spec.n_agents, spec.obs_dim)).astype(np.float32)
        everything = np.ones((50, spec.n_agents, spec.n_actions), np.uint8)
        entropy = MaskedCategorical(policy(obs), everything).entropy().numpy()
        return entropy.mean() / np.log(spec.n_actions)

    assert fraction(0.01) > 0.999
    assert fraction(1.0) < 0.97


def test_separate_policies_are_one_network_per_agent():
    policy = Policy(SPEC, (6, 6), np.random.default_rng(0), share=False)
    obs = np.random.default_rng(1).normal(size=(2, 4, 3, 5)).astype(np.float32)
    logits = policy(obs)
    assert logits.shape == (2, 4, 3, 4)
    for agent in range(3):
        weights = [weight[agent] for weight in _weights(policy)]
        np.testing.assert_allclose(logits[:, :, agent], _forward(weights, obs[:, :, agent]), rtol=1e-4, atol=1e-5)
    assert (policy.trainable_variables[-1][0] != policy.trainable_variables[-1][1]).numpy().any()


@pytest.mark.parametrize("share", [True, False])
def test_agents_know_what_they_did_last(share):
    inputs = AgentInputs(SPEC, last_action=True)
    obs, last_action = np.ones((2, 3, 5), np.float32), np.array([[0, 3, -1], [1, 1, 2]], np.int32)
    one_hot = np.where(last_action[..., None] == np.arange(4), 1.0, 0.0)
    np.testing.assert_array_equal(inputs(obs, last_action), np.concatenate([obs, one_hot], axis=-1))
    policy = Policy(SPEC, (6,), np.random.default_rng(0), inputs=inputs, share=share)
    assert (policy(obs, last_action)[0] != policy(obs, last_action)[1]).numpy().any()


def test_action_aware_critic_sees_the_others_in_a_circle_and_not_its_own_action():
    critic = Critic(SPEC, "joint_obs_and_actions", (6, 6), np.random.default_rng(0))
    rng = np.random.default_rng(1)
    obs = rng.normal(size=(2, 4, 3, 5)).astype(np.float32)
    last_action = rng.integers(-1, 4, (2, 4, 3)).astype(np.int32)
    blocks = np.concatenate([obs, last_action[..., None] == np.arange(4)], axis=-1)
    values = critic(obs, tf.ones([2, 4, 0]), last_action)
    assert values.shape == (2, 4, 3)
    for agent in range(3):
        view = np.roll(blocks, -agent, axis=-2)
        view[..., 0, 5:] = 0
        expected = _forward(_weights(critic), view.reshape(2, 4, 27))[..., 0]
        np.testing.assert_allclose(values[..., agent], expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("share", [True, False])
def test_agents_know_their_number(share):
    inputs = AgentInputs(SPEC, agent_id=True)
    policy = Policy(SPEC, (6,), np.random.default_rng(0), inputs=inputs, share=share)
    critic = Critic(SPEC, "own_obs", (6,), np.random.default_rng(0), inputs=inputs)
    same = np.ones((2, 3, 5), np.float32)
    np.testing.assert_array_equal(inputs(same)[1], np.concatenate([same[1], np.eye(3)], axis=-1))
    for outputs in (policy(same), critic(same, tf.ones([2, 0]))[..., None]):
        assert (outputs[:, 0] != outputs[:, 1]).numpy().any()


def test_layer_norm_makes_hidden_units_independent_of_the_inputs_scale():
    mlp = Mlp([5, 8, 8, 2], np.random.default_rng(0), layer_norm=True)
    x = 50 * np.random.default_rng(1).normal(size=(7, 5)).astype(np.float32)
    np.testing.assert_allclose(mlp(10 * x)[0], mlp(x)[0], rtol=1e-3, atol=1e-4)
    hidden = x @ mlp.kernels[0].numpy()
    hidden = (hidden - hidden.mean(-1, keepdims=True)) / np.sqrt(hidden.var(-1, keepdims=True) + 1e-3)
    rest = Mlp([8, 8, 2], np.random.default_rng(0), layer_norm=True)
    for ours, theirs in zip(rest.kernels, mlp.kernels[1:], strict=True):
        ours.assign(theirs)
    np.testing.assert_allclose(rest(tf.nn.relu(hidden))[0], mlp(x)[0], rtol=1e-3, atol=1e-4)


def test_layer_norm_of_copies_normalises_each():
    copies = Mlp([5, 8, 2], np.random.default_rng(0), copies=3, layer_norm=True)
    x = np.random.default_rng(1).normal(size=(3, 7, 5)).astype(np.float32)
    alone = Mlp([5, 8, 2], np.random.default_rng(0), layer_norm=True)
    for agent in range(3):
        for ours, theirs in zip(alone.kernels, copies.kernels, strict=True):
            ours.assign(theirs[agent])
        np.testing.assert_allclose(copies(x)[0][agent], alone(x[agent])[0], rtol=1e-4, atol=1e-5)


def _rounded(x: np.ndarray) -> np.ndarray:
    return tf.cast(tf.cast(x, tf.bfloat16), tf.float32).numpy()


@pytest.mark.parametrize("copies", [None, 3])
def test_hidden_layers_multiply_in_bfloat16_and_the_last_in_float32(copies):
    mlp = Mlp([5, 8, 8, 2], np.random.default_rng(0), copies=copies, dtype="bfloat16")
    x = np.random.default_rng(1).normal(size=(3, 7, 5) if copies else (7, 5)).astype(np.float32)
    outputs, hidden = mlp(x)[0], x
    for kernel in mlp.kernels[:-1]:
        hidden = np.maximum(_rounded(_rounded(hidden) @ _rounded(kernel)), 0)
    assert outputs.dtype == tf.float32 and all(weight.dtype == tf.float32 for weight in mlp.trainable_variables)
    # Sums that are a hair apart may be rounded a step of bfloat16 apart.
    np.testing.assert_allclose(outputs, hidden @ mlp.kernels[-1].numpy(), atol=2e-2)
    plain = Mlp([5, 8, 8, 2], np.random.default_rng(0), copies=copies)(x)[0]
    assert 1e-4 < np.abs(outputs - plain).max() < 0.1


@pytest.mark.parametrize("critic_input", ["joint_obs", "state", "own_obs", "joint_obs_and_actions"])
def test_values_of_bfloat16_networks_are_float32_and_near(critic_input):
    critics = [Critic(SPEC, critic_input, (6, 6), np.random.default_rng(0), dtype=d) for d in ("float32", "bfloat16")]
    obs, state = tf.random.stateless_normal([4, 3, 5], [1, 2]), tf.random.stateless_normal([4, 7], [3, 4])
    exact, rounded = (critic(obs, state, tf.zeros([4, 3], tf.int32)).numpy() for critic in critics)
    assert rounded.dtype == np.float32
    assert 1e-5 < np.abs(rounded - exact).max() < 0.1


@pytest.mark.parametrize("critic_input", ["joint_obs", "state", "own_obs"])
def test_normalised_values_stay_what_they_were_when_their_statistics_change(critic_input):
    critic = Critic(SPEC, critic_input, (6,), np.random.default_rng(0), normalise_values=True)
    obs, state = tf.random.stateless_normal([4, 3, 5], [1, 2]), tf.random.stateless_normal([4, 7], [3, 4])
    before = critic(obs, state)
    for targets in ([2.0, 10.0], [-7.0, 30.0], [5.0, 5.5]):
        critic.observe(state, tf.constant([targets]))
        np.testing.assert_allclose(critic(obs, state), before, rtol=1e-4, atol=1e-4)
    assert critic.value_scale > 5


def test_observations_and_states_are_normalised_by_what_was_seen():
    inputs = AgentInputs(SPEC, normalise=True)
    rng = np.random.default_rng(0)
    obs, state = (3 + 2 * rng.normal(size=shape).astype(np.float32) for shape in ((50, 9, 3, 5), (50, 9, 7)))
    np.testing.assert_array_equal(inputs(obs), np.clip(obs, -10, 10))  # nothing seen yet
    inputs.observe(tf.constant(obs))
    seen = inputs(obs).numpy()
    np.testing.assert_allclose(seen.mean((0, 1, 2)), 0, atol=1e-4)
    np.testing.assert_allclose(seen.std((0, 1, 2)), 1, rtol=1e-3)
    critic = Critic(SPEC, "state", (6,), np.random.default_rng(0), normalise_state=True)
    critic.observe(tf.constant(state), tf.zeros([1]))
    plain = Critic(SPEC, "state", (6,), np.random.default_rng(0))
    normalised = (state - state.mean((0, 1))) / state.std((0, 1))
    np.testing.assert_allclose(critic(obs, state), plain(obs, normalised), rtol=1e-3, atol=1e-3)
