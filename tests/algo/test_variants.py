"""Options of the loss: one value per agent, ratios, divergence, reward clipping, units of value."""

import numpy as np
import pytest
import tensorflow as tf

from seed_matrace.algo.losses import LossOutput, matrace_loss
from seed_matrace.algo.vtrace import vtrace
from seed_matrace.sections.loss import LossConfig
from seed_matrace.specs import EnvSpec, empty_unroll
from seed_matrace.types import Unroll

STEPS, COLUMNS, AGENTS, ACTIONS = 5, 3, 2, 3
SPEC = EnvSpec(n_agents=AGENTS, n_actions=ACTIONS, obs_dim=4, state_dim=5, episode_limit=10)
RNG = np.random.default_rng(0)
LOGITS = RNG.normal(size=(STEPS, COLUMNS, AGENTS, ACTIONS)).astype(np.float32)
VALUES = RNG.normal(size=(STEPS + 1, COLUMNS, AGENTS)).astype(np.float32)


def _unroll() -> Unroll:
    rng = np.random.default_rng(1)
    unroll = empty_unroll(SPEC, STEPS, COLUMNS)
    unroll.avail_actions[:] = 1
    unroll.reward[:] = 3 * rng.normal(size=unroll.reward.shape)
    unroll.terminated[:] = rng.random(unroll.reward.shape) < 0.2
    unroll.action[:] = rng.integers(0, ACTIONS, unroll.action.shape)
    unroll.log_prob[:] = -np.log(ACTIONS)
    return unroll


UNROLL = _unroll()


def _log_pi() -> np.ndarray:
    log_probs = LOGITS - np.log(np.exp(LOGITS).sum(-1, keepdims=True))
    return np.take_along_axis(log_probs, UNROLL.action[:-1, ..., None], -1)[..., 0]


def _loss(values: np.ndarray, *, unroll: Unroll = UNROLL, logits=LOGITS, value_scale=None, **options) -> LossOutput:
    return matrace_loss(
        logits=tf.convert_to_tensor(logits),
        values=tf.constant(values),
        unroll=Unroll(*map(tf.constant, unroll)),
        entropy_cost=tf.constant(0.3),
        config=LossConfig(**options),
        value_scale=value_scale,
    )


def _targets_of(agent: int, log_rhos: np.ndarray, values: np.ndarray):
    """V-trace for one agent alone."""
    return vtrace(
        log_rhos=log_rhos,
        discounts=0.99 * ~UNROLL.terminated[1:],
        rewards=UNROLL.reward[1:],
        values=values[:-1, :, agent],
        bootstrap_value=values[-1, :, agent],
    )


@pytest.mark.parametrize("weights", ["per_agent", "joint", "none"])
@pytest.mark.parametrize("mean_value", [False, True])
def test_each_agent_has_its_own_targets_and_the_loss_is_their_mean(weights, mean_value):
    log_pi = _log_pi()
    log_rhos = log_pi - UNROLL.log_prob[:-1]
    if weights == "joint":
        log_rhos = np.repeat(log_rhos.sum(-1, keepdims=True), AGENTS, axis=-1)
    if weights == "none":
        log_rhos = np.zeros_like(log_rhos)
    baseline = np.repeat(VALUES.mean(-1, keepdims=True), AGENTS, axis=-1) if mean_value else VALUES
    targets = [_targets_of(agent, log_rhos[..., agent], baseline) for agent in range(AGENTS)]
    policy_losses = [-(log_pi[..., i] * targets[i].pg_advantages).numpy().mean() for i in range(AGENTS)]
    value_losses = [0.25 * ((targets[i].vs - VALUES[:-1, :, i]) ** 2).numpy().mean() for i in range(AGENTS)]
    log_probs = LOGITS - np.log(np.exp(LOGITS).sum(-1, keepdims=True))
    entropies = -(np.exp(log_probs) * log_probs).sum(-1).mean((0, 1))

    metrics = _loss(VALUES, importance_weights=weights, mean_value=mean_value).metrics
    np.testing.assert_allclose(metrics["losses/policy"], np.mean(policy_losses), rtol=1e-4)
    np.testing.assert_allclose(metrics["losses/V"], np.mean(value_losses), rtol=1e-4)
    np.testing.assert_allclose(metrics["policy/entropy"], entropies.mean(), rtol=1e-4)
    np.testing.assert_allclose(metrics["policy/entropy_spread"], np.ptp(entropies), rtol=1e-4)
    for agent in range(AGENTS):
        np.testing.assert_allclose(metrics[f"policy/entropy_agent_{agent}"], entropies[agent], rtol=1e-4)


def test_with_equal_values_and_joint_ratios_one_value_per_agent_is_the_central_critic():
    """The gradient of the policy is then the central one over N, for the loss is a mean over agents, not their sum."""
    same = np.repeat(VALUES[..., :1], AGENTS, axis=-1)
    logits = tf.Variable(LOGITS)
    gradients = []
    for values in (same, VALUES[..., 0]):
        with tf.GradientTape() as tape:
            output = _loss(values, logits=logits)
        gradients.append(tape.gradient(output.total, logits).numpy())
        np.testing.assert_allclose(output.metrics["losses/V"], _loss(VALUES[..., 0]).metrics["losses/V"], rtol=1e-5)
    np.testing.assert_allclose(AGENTS * gradients[0], gradients[1], rtol=1e-4, atol=1e-6)


def test_ratio_metrics_are_those_of_the_ratios_in_use():
    single = np.exp(_log_pi() - UNROLL.log_prob[:-1])
    for weights, ratios in (("per_agent", single), ("joint", single.prod(-1))):
        metrics = _loss(VALUES, importance_weights=weights).metrics
        np.testing.assert_allclose(metrics["IS/rho_mean"], ratios.mean(), rtol=1e-4)
        np.testing.assert_allclose(metrics["IS/rho_max"], ratios.max(), rtol=1e-4)


@pytest.mark.parametrize("options", [{"importance_weights": "per_agent"}, {"mean_value": True}])
def test_a_central_critic_has_no_ratios_or_values_of_agents(options):
    with pytest.raises(ValueError, match="one value per agent"):
        _loss(VALUES[..., 0], **options)


def test_rewards_are_clipped():
    assert np.abs(UNROLL.reward).max() > 1
    clipped = UNROLL._replace(reward=np.clip(UNROLL.reward, -1, 1))
    values = VALUES[..., 0]
    expected = _loss(values, unroll=clipped).total
    np.testing.assert_array_equal(_loss(values, max_abs_reward=1.0).total, expected)
    assert _loss(values).total != expected


def test_divergence_is_estimated_from_the_taken_actions():
    """On average over mu's actions its gradient is that of KL(mu | pi): pi - mu, where mu is uniform."""
    logits = tf.Variable(LOGITS)
    with tf.GradientTape() as tape:
        kl = [_loss(VALUES[..., 0], logits=logits, unroll=each, kl_cost=2.0).total for each in _all_actions()]
        mean = tf.reduce_mean(kl) - tf.reduce_mean(
            [_loss(VALUES[..., 0], logits=logits, unroll=each).total for each in _all_actions()]
        )
    probs = np.exp(LOGITS) / np.exp(LOGITS).sum(-1, keepdims=True)
    expected = 2.0 * (probs - 1 / ACTIONS) / (STEPS * COLUMNS)
    np.testing.assert_allclose(tape.gradient(mean, logits), expected, atol=1e-5)
    np.testing.assert_allclose(mean, 2.0 * -np.log(ACTIONS * probs).mean((0, 1, 3)).sum(), rtol=1e-3)


def _all_actions() -> list[Unroll]:
    """The unroll with every agent taking the same action at all steps, for every action."""
    return [UNROLL._replace(action=np.full_like(UNROLL.action, action)) for action in range(ACTIONS)]


def test_value_scale_is_the_unit_of_errors_and_advantages():
    plain, scaled = _loss(VALUES[..., 0]).metrics, _loss(VALUES[..., 0], value_scale=tf.constant(4.0)).metrics
    np.testing.assert_allclose(scaled["losses/V"], plain["losses/V"] / 16, rtol=1e-5)
    np.testing.assert_allclose(scaled["losses/policy"], plain["losses/policy"] / 4, rtol=1e-5)
    np.testing.assert_array_equal(scaled["V/explained_variance"], plain["V/explained_variance"])
