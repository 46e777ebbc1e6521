"""A trained policy: what it is given and what it remembers."""

import dataclasses

import numpy as np
import pytest

from seed_matrace.config import load_config
from seed_matrace.envs.registry import backend_name, env_spec, make_vector_env
from seed_matrace.evaluation.episodes import evaluate
from seed_matrace.evaluation.greedy import GreedyTeam
from seed_matrace.evaluation.policy import TrainedPolicy, play
from seed_matrace.learner.learner import Learner

PARAMS = ["network.policy_layers=(8,)", "network.critic_layers=(8,)", "learner.unroll_length=2"]


@pytest.fixture(scope="module", params=["env.frame_stack=3", "network.policy_gru_units=8"])
def remembering(request):
    """A learner whose policy sees stacks or is recurrent, and that policy as users get it."""
    config, _, _ = load_config([], [*PARAMS, request.param])
    learner = Learner(config, env_spec(config.env), seed=3)
    spec = env_spec(dataclasses.replace(config.env, frame_stack=1))
    return learner, TrainedPolicy(learner, config, spec, env_steps=0)


def test_policy_remembers_what_it_is_shown(remembering):
    """It plays in plain environments as the learner does in its own, in more than one chunk."""
    learner, policy = remembering
    config = policy.config
    team = GreedyTeam(learner.greedy_step, learner.policy.recurrent_dim)
    expected = evaluate(lambda num_envs, first_env: make_vector_env(config.env, num_envs, 5, first_env), team, 7)
    for array, other in zip(play(policy, 7, seed=5), expected, strict=True):
        np.testing.assert_array_equal(array, other)
    chunks = evaluate(
        lambda num_envs, first_env: make_vector_env(
            dataclasses.replace(config.env, frame_stack=1), num_envs, 5, first_env
        ),
        policy.act,
        7,
        max_envs=3,
    )
    np.testing.assert_array_equal(chunks.episode_return, expected.episode_return)


def test_what_was_seen_before_the_episode_is_forgotten(remembering):
    _, policy = remembering
    rng = np.random.default_rng(0)
    obs = rng.normal(size=(6, 50, policy.spec.n_agents, policy.spec.obs_dim)).astype(np.float32)
    avail_actions = np.ones((50, policy.spec.n_agents, policy.spec.n_actions), np.uint8)
    never, start = np.zeros(50, np.bool_), np.ones(50, np.bool_)
    fresh = [policy.act(obs[t], avail_actions, start if t == 2 else never) for t in (2, 3, 4)]
    policy.act(obs[0], avail_actions, start)
    not_forgotten = policy.act(obs[2], avail_actions, never)
    again = [policy.act(obs[t], avail_actions, start if t == 2 else never) for t in (2, 3, 4)]
    np.testing.assert_array_equal(again, fresh)
    assert (not_forgotten != fresh[0]).any()


def test_stacked_observations_are_refused(remembering):
    _, policy = remembering
    n, o, a = policy.spec.n_agents, policy.spec.obs_dim, policy.spec.n_actions
    with pytest.raises(ValueError, match=rf"obs must have shape \(2, {n}, {o}\), not \(2, {n}, {3 * o}\)"):
        policy.act(np.zeros((2, n, 3 * o), np.float32), np.ones((2, n, a), np.uint8), np.ones(2, np.bool_))


def test_a_team_trained_under_other_rules_may_play_and_it_is_said(remembering, tmp_path):
    learner, policy = remembering
    spec, config = policy.spec, policy.config
    older = TrainedPolicy(learner, config, spec, env_steps=0, backend="skirmish-2")
    said = "trained on skirmish-2, and what plays here is skirmish-3, by other rules"
    assert said in older.other_rules(backend_name(config.env))
    assert policy.other_rules(backend_name(config.env)) == ""
    counting = dataclasses.replace(config.env, backend="counting")
    assert "what plays here is counting-1" in policy.other_rules(backend_name(counting))
