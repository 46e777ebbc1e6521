"""The policy that sees rows of units."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from seed_matrace.algo.recurrence import Past
from seed_matrace.config import load_config
from seed_matrace.envs.registry import env_spec
from seed_matrace.evaluation.numpy_policy import NumpyPolicy, PolicyFacts
from seed_matrace.learner.learner import Learner
from seed_matrace.skirmish.maps import load_map
from seed_matrace.training_env import training_spec
from seed_matrace.unit_columns import ally_numbers, columns_of

UNITS = "network.policy='units'"


def _learner(map_name: str, *params: str) -> tuple[Learner, object]:
    config, _, _ = load_config([f"maps/{map_name}.gin"], [UNITS, "network.embedding_dim=8", *params])
    return Learner(config, training_spec(config), seed=3), config


def _random_obs(spec, envs: int = 4, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(envs, spec.n_agents, spec.obs_dim)).astype(np.float32)


def _without_numbers(policy) -> None:
    """Takes out what the perceptron itself says of actions at units: what is left knows no numbers."""
    kernel, bias, spec = policy._mlp.kernels[-1], policy._mlp.biases[-1], policy._spec
    of_units = np.arange(kernel.shape[-1])
    of_units = (of_units >= spec.units.first_target) & (of_units < spec.n_actions)
    kernel.assign(np.where(of_units, 0, kernel.numpy()))
    bias.assign(np.where(of_units, 0, bias.numpy()))


def test_enemies_in_another_order_are_attacked_in_that_order():
    learner, _ = _learner("2s3z")
    spec = learner.policy._spec
    _without_numbers(learner.policy)
    order = np.random.default_rng(1).permutation(spec.units.n_enemies)
    columns, first = columns_of(spec.units.enemies), spec.units.first_target
    obs = _random_obs(spec)
    shuffled = obs.copy()
    shuffled[..., columns] = obs[..., columns[order]]
    logits, of_shuffled = learner.policy(obs).numpy(), learner.policy(shuffled).numpy()
    np.testing.assert_allclose(of_shuffled[..., first:], logits[..., first:][..., order], atol=1e-5)
    np.testing.assert_allclose(of_shuffled[..., :first], logits[..., :first], atol=1e-5)
    assert np.abs(of_shuffled - logits).max() > 0.01


def test_a_healers_action_is_judged_by_the_row_of_the_agent_that_it_heals():
    learner, _ = _learner("MMM2")
    spec = learner.policy._spec
    _without_numbers(learner.policy)
    first, columns, numbers = spec.units.first_target, columns_of(spec.units.allies), ally_numbers(spec.n_agents)
    obs, (healer,) = _random_obs(spec, envs=1), spec.units.healers
    logits = learner.policy(obs).numpy()
    assert logits[0, healer, first + healer] == 0  # not itself
    without_sums = tf.Variable(learner.policy._mlp.kernels[0])
    learner.policy._mlp.kernels[0].assign(np.zeros(without_sums.shape))  # queries do not depend on rows any more
    learner.policy._mlp.biases[-1].assign(np.ones(learner.policy._mlp.biases[-1].shape))
    before = learner.policy(obs).numpy()[0, healer]
    for row, ally in enumerate(numbers[healer]):
        changed = obs.copy()
        changed[0, healer, columns[row]] += 1
        moved = np.flatnonzero(learner.policy(changed).numpy()[0, healer] != before)
        assert moved.tolist() == [first + ally]


@pytest.mark.parametrize(
    ("map_name", "params"),
    [
        ("3m", ()),
        ("MMM2", ()),
        ("2s_vs_1sc", ("network.dtype='bfloat16'",)),
        ("MMM2", ("network.share_policy=False",)),
        ("3m", ("network.share_policy=False", "network.policy_gru_units=8")),
        (
            "MMM2",
            (
                *("env.frame_stack=2", "network.agent_id=True", "network.last_action=True"),
                *("network.normalise_obs=True", "network.policy_gru_units=8"),
            ),
        ),
    ],
)
def test_numpy_plays_what_tensorflow_does(map_name, params):
    learner, config = _learner(map_name, *params)
    spec, network, rng = training_spec(config), config.network, np.random.default_rng(0)
    of_env = env_spec(dataclasses.replace(config.env, frame_stack=1))
    facts = PolicyFacts(
        map_name=map_name,
        backend="skirmish",
        env_steps=0,
        spec=of_env,
        frame_stack=config.env.frame_stack,
        gru_units=network.policy_gru_units,
        agent_id=network.agent_id,
        last_action=network.last_action,
        dtype=network.dtype,
    )
    exported = NumpyPolicy(facts, learner.policy.arrays())
    exported.try_out()
    obs = _random_obs(spec)
    last_action = rng.integers(-1, spec.n_actions, obs.shape[:2]).astype(np.int32)
    recurrent = rng.normal(size=(len(obs), spec.n_agents * network.policy_gru_units)).astype(np.float32)
    logits, state = learner.policy.forward(obs, tf.constant(last_action), Past.of_one_step(tf.constant(recurrent)))
    played, after = exported.logits(obs, last_action, recurrent)
    np.testing.assert_allclose(played, logits, atol=1e-5)
    if network.policy_gru_units:
        np.testing.assert_allclose(after, state, atol=1e-5)


def test_without_units_it_is_a_perceptron():
    config, _, _ = load_config(["maps/3m.gin"], [UNITS])
    perceptron, _, _ = load_config(["maps/3m.gin"], ["network.policy='mlp'"])
    spec = dataclasses.replace(load_map("3m").spec, units=None)
    obs = _random_obs(spec)
    teams = [Learner(settings, spec, seed=3) for settings in (config, perceptron)]
    np.testing.assert_array_equal(*(team.policy(obs).numpy() for team in teams))


def test_agents_with_networks_of_their_own_learn_apart():
    learner, _ = _learner("3m", "network.share_policy=False")
    spec, policy = learner.policy._spec, learner.policy
    obs = _random_obs(spec)
    before = policy(obs).numpy()
    kernel = policy._view.encoders[0].kernel
    kernel[1].assign(kernel[1] + 1.0)
    moved = np.abs(policy(obs).numpy() - before).max(axis=(0, 2)) > 0
    assert moved.tolist() == [False, True, False]


def test_a_column_that_no_unit_has_is_an_error_and_not_left_out():
    config, _, _ = load_config(["maps/3m.gin"], [UNITS])
    spec = dataclasses.replace(training_spec(config), obs_dim=31)
    with pytest.raises(ValueError, match="30 columns of observations; 31, each once, expected"):
        Learner(config, spec, seed=3)
