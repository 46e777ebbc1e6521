"""Bootstrapping through the time limit against a slow transcription, and which values it asks for."""

import numpy as np
import pytest
import tensorflow as tf

from seed_matrace.algo.losses import compute_final_values, matrace_loss
from seed_matrace.algo.networks import Critic
from seed_matrace.sections.loss import LossConfig
from seed_matrace.specs import EnvSpec, empty_unroll
from seed_matrace.types import Unroll

SPEC = EnvSpec(n_agents=2, n_actions=3, obs_dim=4, state_dim=5, episode_limit=10, with_final=True)
STEPS, COLUMNS = 12, 5
CLIPPED = {"clip_rho_threshold": 1.3, "clip_c_threshold": 1.1, "clip_pg_rho_threshold": 1.2, "lambda_": 0.8}


def random_unroll() -> Unroll:
    """Random steps with ends of both kinds, also at the first and at the last."""
    rng = np.random.default_rng(0)
    unroll = empty_unroll(SPEC, STEPS, COLUMNS)
    for array in (unroll.obs, unroll.reward, unroll.final_obs):
        array[:] = rng.normal(size=array.shape)
    unroll.avail_actions[:] = 1
    unroll.action[:] = rng.integers(0, 3, unroll.action.shape)
    unroll.log_prob[:] = np.log(rng.uniform(0.1, 0.9, unroll.log_prob.shape))
    end = rng.choice(3, p=[0.7, 0.15, 0.15], size=unroll.reward.shape)
    end[:2, 0] = end[-1, 1] = 2
    unroll.terminated[:], unroll.truncated[:] = end == 1, end == 2
    return unroll


def transcription(unroll, log_rhos, values, final, discount, options):
    """Targets and advantages [T, B], one sum per target; ``final``: values of what step t+1 showed last."""
    ratio = np.exp(log_rhos)
    rho = np.minimum(options["clip_rho_threshold"], ratio)
    c = options["lambda_"] * np.minimum(options["clip_c_threshold"], ratio)
    terminated, truncated, rewards = unroll.terminated[1:], unroll.truncated[1:], unroll.reward[1:]
    vs, advantages = values.copy(), np.zeros_like(log_rhos)
    for column in np.ndindex(log_rhos.shape[1:]):
        env = column[0]

        def after(u, following, column=column, env=env):
            """What stands behind the reward of step u, undiscounted."""
            if terminated[u, env]:
                return 0.0
            return final[(u, *column)] if truncated[u, env] else following[(u + 1, *column)]

        for t in range(STEPS):
            trace = 1.0
            for u in range(t, STEPS):
                reached = rewards[u, env] + discount * after(u, values)
                vs[(t, *column)] += trace * rho[(u, *column)] * (reached - values[(u, *column)])
                if terminated[u, env] or truncated[u, env]:
                    break
                trace *= discount * c[(u, *column)]
        for t in range(STEPS):
            clipped = min(options["clip_pg_rho_threshold"], ratio[(t, *column)])
            advantages[(t, *column)] = clipped * (rewards[t, env] + discount * after(t, vs) - values[(t, *column)])
    return vs[:-1], advantages


@pytest.mark.parametrize(("per_agent", "mean_value"), [(False, False), (True, False), (True, True)])
def test_matches_a_transcription_in_numpy(per_agent, mean_value):
    rng = np.random.default_rng(1)
    unroll = random_unroll()
    shape = (STEPS + 1, COLUMNS, 2) if per_agent else (STEPS + 1, COLUMNS)
    values, final = rng.normal(size=shape), 5 * rng.normal(size=(STEPS, *shape[1:]))
    final[~unroll.truncated[1:]] = 0
    logits = rng.normal(size=(STEPS, COLUMNS, 2, 3))
    log_probs = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
    log_pi = np.take_along_axis(log_probs, unroll.action[:-1, ..., None], -1)[..., 0]
    log_ratios, weights = log_pi - unroll.log_prob[:-1], "per_agent" if per_agent else "joint"
    if not per_agent:
        log_pi, log_ratios = log_pi.sum(-1), log_ratios.sum(-1)
    starts, ends = (np.repeat(x.mean(-1, keepdims=True), 2, -1) if mean_value else x for x in (values, final))

    config = LossConfig(discount=0.9, importance_weights=weights, mean_value=mean_value, **CLIPPED)
    loss = matrace_loss(
        logits=tf.constant(logits, tf.float32),
        values=tf.constant(values, tf.float32),
        unroll=Unroll(*map(tf.constant, unroll)),
        entropy_cost=tf.constant(0.0),
        config=config,
        final_values=tf.constant(final, tf.float32),
    )
    vs, advantages = transcription(unroll, log_ratios, starts, ends, 0.9, CLIPPED)
    np.testing.assert_allclose(loss.vs, vs, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(loss.metrics["losses/policy"], -(log_pi * advantages).mean(), rtol=1e-4)


def test_only_the_reward_is_clipped():
    unroll = random_unroll()
    final = np.where(unroll.truncated[1:], 50.0, 0.0)
    loss = matrace_loss(
        logits=tf.zeros([STEPS, COLUMNS, 2, 3]),
        values=tf.zeros([STEPS + 1, COLUMNS]),
        unroll=Unroll(*map(tf.constant, unroll)),
        entropy_cost=tf.constant(0.0),
        config=LossConfig(discount=0.5, importance_weights="none", lambda_=0.0, max_abs_reward=0.1),
        final_values=tf.constant(final, tf.float32),
    )
    np.testing.assert_allclose(loss.vs, np.clip(unroll.reward[1:], -0.1, 0.1) + 0.5 * final, rtol=1e-5)


@pytest.mark.parametrize("per_agent", [False, True])
def test_the_critic_is_asked_only_where_the_limit_ended_an_episode(per_agent):
    unroll = random_unroll()
    asked = []

    def critic(obs, state, last_action):
        asked.append((obs.numpy(), last_action.numpy()))
        return tf.reduce_sum(obs, axis=-1 if per_agent else [-1, -2])

    values = compute_final_values(critic, Unroll(*map(tf.constant, unroll))).numpy()
    truncated = unroll.truncated[1:]
    (obs, last_action), = asked  # fmt: skip
    np.testing.assert_array_equal(obs, unroll.final_obs[1:][truncated])
    np.testing.assert_array_equal(last_action, unroll.action[:-1][truncated])  # what was done to get there
    expected = unroll.final_obs[1:].sum(axis=-1 if per_agent else (-1, -2))
    np.testing.assert_allclose(values[truncated], expected[truncated], rtol=1e-5)
    assert not values[~truncated].any()
    assert truncated.any() and not truncated.all()


@pytest.mark.parametrize("critic_input", ["joint_obs", "own_obs", "joint_obs_and_actions"])
def test_values_computed_everywhere_are_the_same(critic_input):
    unroll = Unroll(*map(tf.constant, random_unroll()))
    critic = Critic(SPEC, critic_input, (6,), np.random.default_rng(0))
    few, all_of_them = (compute_final_values(critic, unroll, known_shapes=known) for known in (False, True))
    np.testing.assert_allclose(all_of_them, few, atol=1e-6)
    assert np.abs(few).max() > 0.1


def test_without_truncation_nothing_is_added():
    unroll = random_unroll()
    unroll.truncated[:] = False
    values = compute_final_values(lambda obs, *_: tf.reduce_sum(obs, [-1, -2]), Unroll(*map(tf.constant, unroll)))
    assert values.shape == (STEPS, COLUMNS) and not values.numpy().any()
