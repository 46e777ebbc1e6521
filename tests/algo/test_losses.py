"""The loss, its gradients and its alignment of steps."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from seed_matrace.algo.entropy_cost import EntropyCost
from seed_matrace.algo.losses import LossOutput, matrace_loss
from seed_matrace.algo.networks import Critic, Policy
from seed_matrace.algo.vtrace import vtrace
from seed_matrace.sections.loss import LossConfig
from seed_matrace.specs import EnvSpec, empty_unroll
from seed_matrace.types import Unroll, UnrollFields

SPEC = EnvSpec(n_agents=2, n_actions=3, obs_dim=4, state_dim=5, episode_limit=10)
STEPS, COLUMNS = 6, 3


def _log_softmax(logits: np.ndarray, avail_actions: np.ndarray) -> np.ndarray:
    masked = np.where(avail_actions, logits, -np.inf)
    return masked - np.log(np.exp(masked).sum(-1, keepdims=True))


def _taken(log_probs: np.ndarray, action: np.ndarray) -> np.ndarray:
    return np.take_along_axis(log_probs, action[..., None], -1)[..., 0]


def _random_unroll(seed: int = 0) -> Unroll:
    """Random steps; the behaviour policy is uniform over the available actions."""
    rng = np.random.default_rng(seed)
    unroll = empty_unroll(SPEC, STEPS, COLUMNS, UnrollFields(with_state=True))
    unroll.obs[:] = rng.normal(size=unroll.obs.shape)
    unroll.state[:] = rng.normal(size=unroll.state.shape)
    unroll.avail_actions[:] = rng.random(unroll.avail_actions.shape) < 0.7
    unroll.avail_actions[..., 0] = 1
    unroll.reward[:] = rng.normal(size=unroll.reward.shape)
    unroll.terminated[:] = rng.random(unroll.reward.shape) < 0.2
    unroll.truncated[:] = rng.random(unroll.reward.shape) < 0.2
    unroll.action[:] = (rng.random(unroll.avail_actions.shape) * unroll.avail_actions).argmax(-1)
    unroll.log_prob[:] = -np.log(unroll.avail_actions.sum(-1))
    return unroll


def _loss(
    unroll: Unroll, logits: np.ndarray, values: np.ndarray, *, alpha: float = 0.5, log_proximal=None, **options
) -> LossOutput:
    return matrace_loss(
        logits=tf.constant(logits, tf.float32),
        values=tf.constant(values, tf.float32),
        unroll=Unroll(*map(tf.constant, unroll)),
        entropy_cost=tf.constant(alpha),
        log_proximal=log_proximal,
        config=LossConfig(**options),
    )


def _random_outputs(seed: int = 1) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return rng.normal(size=(STEPS, COLUMNS, 2, 3)), rng.normal(size=(STEPS + 1, COLUMNS))


def test_each_action_is_credited_with_what_it_led_to():
    """Rewards spell their step numbers; a critic that knows the returns has no error at any step."""
    unroll = empty_unroll(SPEC, STEPS, COLUMNS)
    logits, _ = _random_outputs()
    unroll.avail_actions[:] = 1
    unroll.reward[:] = np.arange(STEPS + 1)[:, None] + 100 * np.arange(COLUMNS)
    unroll.terminated[3, 1] = True  # the action at step 2 ended column 1's episode
    unroll.truncated[STEPS, 2] = True
    unroll.action[:STEPS] = np.arange(STEPS)[:, None, None] % 3
    unroll.log_prob[:STEPS] = _taken(_log_softmax(logits, unroll.avail_actions[:-1]), unroll.action[:-1])
    unroll.reward[0] = np.nan  # belongs to the unroll before
    unroll.log_prob[STEPS] = np.nan  # belongs to the unroll after

    values = np.full((STEPS + 1, COLUMNS), 7.0)
    for t in reversed(range(STEPS)):
        ended = unroll.terminated[t + 1] | unroll.truncated[t + 1]
        values[t] = unroll.reward[t + 1] + np.where(ended, 0.0, 0.5 * values[t + 1])
    metrics = _loss(unroll, logits, values, discount=0.5).metrics
    np.testing.assert_allclose(metrics["losses/V"], 0, atol=1e-7)
    np.testing.assert_allclose(metrics["losses/policy"], 0, atol=1e-4)
    np.testing.assert_allclose(metrics["IS/rho_max"], 1, rtol=1e-5)
    for shift in (-1, 1):
        shifted = _loss(unroll, logits, np.roll(values, shift, axis=0), discount=0.5).metrics
        assert shifted["losses/V"] > 0.1


def test_matches_a_transcription_in_numpy():
    unroll = _random_unroll()
    logits, values = _random_outputs()
    log_probs = _log_softmax(logits, unroll.avail_actions[:-1])
    log_pi = _taken(log_probs, unroll.action[:-1])
    ended = (unroll.terminated | unroll.truncated)[1:]
    targets = vtrace(
        log_rhos=(log_pi - unroll.log_prob[:-1]).sum(-1),
        discounts=0.9 * ~ended,
        rewards=unroll.reward[1:],
        values=values[:-1],
        bootstrap_value=values[-1],
        clip_rho_threshold=1.3,
        clip_c_threshold=1.1,
        clip_pg_rho_threshold=1.2,
        lambda_=0.8,
    )
    finite = np.where(np.isfinite(log_probs), log_probs, 0)
    entropy = -(np.exp(log_probs) * finite).sum((-1, -2)).mean()
    policy_loss = -(log_pi.sum(-1) * targets.pg_advantages.numpy()).mean()
    value_loss = 0.7 * 0.5 * ((targets.vs - values[:-1]) ** 2).numpy().mean()

    options = {"clip_rho_threshold": 1.3, "clip_c_threshold": 1.1, "clip_pg_rho_threshold": 1.2, "lambda_": 0.8}
    output = _loss(unroll, logits, values, alpha=0.3, discount=0.9, baseline_cost=0.7, target_entropy=0.2, **options)
    expected = {"losses/policy": policy_loss, "losses/V": value_loss, "losses/entropy": -0.3 * entropy}
    for tag, value in expected.items():
        np.testing.assert_allclose(output.metrics[tag], value, rtol=1e-4, err_msg=tag)
    np.testing.assert_allclose(output.metrics["policy/entropy"], entropy, rtol=1e-5)
    np.testing.assert_allclose(output.metrics["policy/entropy_cost"], 0.3)
    np.testing.assert_allclose(output.total, sum(expected.values()) + 0.3 * (entropy - 0.2), rtol=1e-4)
    np.testing.assert_array_equal(output.total, output.metrics["losses/total"])


def test_without_importance_weights_the_data_count_as_on_policy():
    unroll, (logits, values) = _random_unroll(), _random_outputs()
    log_pi = _taken(_log_softmax(logits, unroll.avail_actions[:-1]), unroll.action[:-1])
    on_policy = unroll._replace(log_prob=np.concatenate([log_pi, unroll.log_prob[-1:]]).astype(np.float32))
    ignored = _loss(unroll, logits, values, importance_weights="none")
    corrected = _loss(unroll, logits, values)
    np.testing.assert_allclose(ignored.total, _loss(on_policy, logits, values).total, rtol=1e-5)
    assert abs(ignored.total - corrected.total) > 1e-3
    assert ignored.metrics["IS/rho_max"] == corrected.metrics["IS/rho_max"]  # still says how far off-policy they are


def test_ratio_metrics():
    unroll = empty_unroll(SPEC, 3, 1)
    unroll.avail_actions[:] = 1
    ratios = np.array([2.0, 0.5, 1.5])
    unroll.log_prob[:3, 0, 0] = np.log(1 / 3) - np.log(ratios)
    unroll.log_prob[:3, 0, 1] = np.log(1 / 3)
    metrics = _loss(unroll, np.zeros((3, 1, 2, 3)), np.zeros((4, 1))).metrics
    expected = {
        "IS/rho_mean": 4 / 3,
        "IS/rho_max": 2.0,
        "IS/clipped_fraction": 2 / 3,
        "IS/c_clipped_fraction": 2 / 3,
        "IS/c_mean": (1 + 0.5 + 1) / 3,
        "policy/kl": -np.log(ratios).mean(),
        "IS/trace_length": ((1 + 1 + 0.5) + (1 + 0.5) + 1) / 3,
    }
    for tag, value in expected.items():
        np.testing.assert_allclose(metrics[tag], value, rtol=1e-5, err_msg=tag)
    unroll.terminated[1] = True  # the first step's target ends with its own reward
    cut = _loss(unroll, np.zeros((3, 1, 2, 3)), np.zeros((4, 1))).metrics
    np.testing.assert_allclose(cut["IS/trace_length"], (1 + (1 + 0.5) + 1) / 3, rtol=1e-5)


def test_explained_variance_judges_the_critic():
    unroll = _random_unroll()
    logits = np.zeros((STEPS, COLUMNS, 2, 3))
    constant = _loss(unroll, logits, np.ones((STEPS + 1, COLUMNS)), discount=0.0, importance_weights="none")
    np.testing.assert_allclose(constant.metrics["V/explained_variance"], 0, atol=1e-5)
    rewards = np.concatenate([unroll.reward[1:], np.zeros((1, COLUMNS))])
    perfect = _loss(unroll, logits, rewards, discount=0.0, importance_weights="none")
    np.testing.assert_allclose(perfect.metrics["V/explained_variance"], 1, atol=1e-5)


def test_a_dead_agent_changes_nothing():
    """An agent with one available action has no part in ratio, entropy and gradient, whatever its logits are."""
    unroll, (logits, values) = _random_unroll(), _random_outputs()
    unroll.avail_actions[:, :, 1] = [1, 0, 0]
    unroll.action[:, :, 1] = 0
    unroll.log_prob[:, :, 1] = 0
    other = logits.copy()
    other[:, :, 1] = 50 * logits[:, :, 1] + 3
    variable = tf.Variable(other, dtype=tf.float32)
    with tf.GradientTape() as tape:
        total = matrace_loss(
            logits=variable,
            values=tf.constant(values, tf.float32),
            unroll=Unroll(*map(tf.constant, unroll)),
            entropy_cost=tf.constant(0.5),
            config=LossConfig(),
        ).total
    assert total == _loss(unroll, logits, values).total
    gradient = tape.gradient(total, variable).numpy()
    np.testing.assert_allclose(gradient[:, :, 1], 0, atol=1e-7)
    assert np.abs(gradient[:, :, 0]).max() > 1e-2


@pytest.mark.parametrize("critic_input", ["joint_obs", "state"])
def test_gradients_equal_finite_differences(critic_input):
    unroll = Unroll(*map(tf.constant, _random_unroll()))
    policy = Policy(SPEC, (5,), np.random.default_rng(2))
    critic = Critic(SPEC, critic_input, (5,), np.random.default_rng(3))
    variables = [*policy.trainable_variables, *critic.trainable_variables]
    alpha, config = 0.5, LossConfig()

    def loss() -> LossOutput:
        logits, values = policy(unroll.obs[:-1]), critic(unroll.obs, unroll.state)
        return matrace_loss(logits=logits, values=values, unroll=unroll, entropy_cost=tf.constant(alpha), config=config)

    with tf.GradientTape() as tape:
        total = loss().total
    gradients = tape.gradient(total, variables)
    surrogate = _surrogate(policy, critic, unroll, alpha, config)
    rng = np.random.default_rng(4)
    for variable, gradient in zip(variables, gradients, strict=True):
        start, direction = variable.numpy(), rng.normal(size=variable.shape)
        variable.assign(start + 1e-2 * direction)
        above = surrogate()
        variable.assign(start - 1e-2 * direction)
        below = surrogate()
        variable.assign(start)
        expected = (above - below) / 2e-2
        np.testing.assert_allclose(np.sum(gradient * direction), expected, rtol=2e-2, atol=2e-3, err_msg=variable.name)


def _surrogate(policy: Policy, critic: Critic, unroll: Unroll, alpha: float, config: LossConfig):
    """The function of the weights whose gradient the loss' is: targets and advantages held at their present values."""
    avail_actions, action = unroll.avail_actions[:-1].numpy(), unroll.action[:-1].numpy()

    def outputs() -> tuple[np.ndarray, np.ndarray]:
        log_probs = _log_softmax(policy(unroll.obs[:-1]).numpy().astype(np.float64), avail_actions)
        return log_probs, critic(unroll.obs, unroll.state).numpy().astype(np.float64)

    log_probs, values = outputs()
    ended = (unroll.terminated | unroll.truncated).numpy()[1:]
    targets = vtrace(
        log_rhos=(_taken(log_probs, action) - unroll.log_prob[:-1]).numpy().sum(-1),
        discounts=config.discount * ~ended,
        rewards=unroll.reward[1:],
        values=values[:-1],
        bootstrap_value=values[-1],
    )
    vs, advantages = targets.vs.numpy(), targets.pg_advantages.numpy()

    def surrogate() -> float:
        log_probs, values = outputs()
        finite = np.where(np.isfinite(log_probs), log_probs, 0)
        entropy = -(np.exp(log_probs) * finite).sum((-1, -2)).mean()
        policy_loss = -(_taken(log_probs, action).sum(-1) * advantages).mean()
        return policy_loss + 0.5 * config.baseline_cost * ((vs - values[:-1]) ** 2).mean() - alpha * entropy

    return surrogate


def test_entropy_cost_falls_while_the_entropy_is_above_its_target():
    cost = EntropyCost(initial=0.2, speed=10.0)
    unroll, (logits, values) = _random_unroll(), _random_outputs()
    config = LossConfig(target_entropy=0.1)
    with tf.GradientTape() as tape:
        output = matrace_loss(
            logits=tf.constant(logits, tf.float32),
            values=tf.constant(values, tf.float32),
            unroll=Unroll(*map(tf.constant, unroll)),
            entropy_cost=cost(),
            config=config,
        )
    np.testing.assert_allclose(cost(), 0.2, rtol=1e-5)
    entropy = output.metrics["policy/entropy"]
    gradient = tape.gradient(output.total, cost.parameter)
    np.testing.assert_allclose(gradient, 10 * 0.2 * (entropy - 0.1), rtol=1e-4)
    assert gradient > 0


def test_entropy_cost_stays_in_its_range():
    cost = EntropyCost(initial=1.0, speed=10.0)
    for value, expected in ((-5.0, -2.0), (0.3, 0.3), (5.0, 2.0)):
        cost.parameter.assign(value)
        cost.after_step(0.0)
        np.testing.assert_allclose(cost.parameter, expected)


def test_speed_0_keeps_the_entropy_cost():
    cost = EntropyCost(initial=0.003, speed=0.0)
    cost.after_step(0.0)
    assert cost.trainable_variables == ()
    np.testing.assert_allclose(cost(), 0.003)


def test_every_metric_is_there():
    unroll, (logits, values) = _random_unroll(), _random_outputs()
    assert set(_loss(unroll, logits, values).metrics) == {
        *("losses/policy", "losses/V", "losses/entropy", "losses/total"),
        *("policy/entropy", "policy/entropy_cost", "policy/entropy_spread", "policy/kl"),
        *(f"policy/entropy_agent_{agent}" for agent in range(logits.shape[2])),
        *("V/value_mean", "V/target_std", "V/explained_variance"),
        *("IS/rho_mean", "IS/rho_max", "IS/clipped_fraction"),
        *("IS/c_mean", "IS/c_clipped_fraction", "IS/trace_length"),
    }


@pytest.mark.parametrize("policy_ratios", ["as_targets", "per_agent"])
@pytest.mark.parametrize("lag", [0.0, 0.4])
def test_a_clipped_policy_gradient_is_decoupled_ppos(policy_ratios, lag):
    """Hilton et al. 2022, eq. 4, in NumPy, of the team's ratio or of each agent's; without lag PPO's."""
    unroll, (logits, values) = _random_unroll(), _random_outputs()
    log_pi = _taken(_log_softmax(logits, unroll.avail_actions[:-1]), unroll.action[:-1])
    log_mu = unroll.log_prob[:-1]
    log_proximal = (log_mu + lag * np.random.default_rng(2).normal(size=log_mu.shape)).astype(np.float32)
    advantages = vtrace(
        log_rhos=(log_pi - log_mu).sum(-1),
        discounts=0.99 * ~(unroll.terminated | unroll.truncated)[1:],
        rewards=unroll.reward[1:],
        values=values[:-1],
        bootstrap_value=values[-1],
    ).advantages.numpy()
    moved, weight = log_pi - log_proximal, log_proximal - log_mu
    if policy_ratios == "as_targets":
        moved, weight = moved.sum(-1, keepdims=True), weight.sum(-1, keepdims=True)
    gain = 0.0
    for (t, b, n), log_ratio in np.ndenumerate(moved):
        ratio, advantage = np.exp(log_ratio), advantages[t, b]
        clipped = min(ratio * advantage, np.clip(ratio, 0.7, 1.3) * advantage)
        gain += min(np.exp(weight[t, b, n]), 1.1) * clipped
    options = {"policy_ratios": policy_ratios, "clip_ratio": 0.3, "clip_pg_rho_threshold": 1.1}
    metrics = _loss(unroll, logits, values, log_proximal=tf.constant(log_proximal), **options).metrics
    np.testing.assert_allclose(metrics["losses/policy"], -gain / advantages.size, rtol=1e-5)


@pytest.mark.parametrize("lag", [-0.5, 0.0, 0.5])
def test_a_ratio_that_moved_on_far_enough_is_pushed_no_further(lag):
    """However far the policy that the batch's first step found had moved on from the one that acted."""
    unroll = empty_unroll(SPEC, STEPS, COLUMNS)
    unroll.avail_actions[:] = 1
    unroll.reward[:] = 1.0
    unroll.terminated[:] = True
    for moved, pushed in ((0.0, True), (0.19, True), (0.21, False)):
        log_proximal = np.full([STEPS, COLUMNS, 2], np.log(1 / 3) - np.log1p(moved), np.float32)
        unroll.log_prob[:-1] = log_proximal - lag
        logits = tf.Variable(tf.zeros([STEPS, COLUMNS, 2, 3]))
        with tf.GradientTape() as tape:
            loss = matrace_loss(
                logits=logits,
                values=tf.zeros([STEPS + 1, COLUMNS]),
                unroll=Unroll(*map(tf.constant, unroll)),
                entropy_cost=tf.constant(0.0),
                log_proximal=tf.constant(log_proximal) if moved else None,
                config=LossConfig(clip_ratio=0.2, policy_ratios="per_agent"),
            )
        gradient = tape.gradient(loss.total, logits).numpy()
        assert np.any(gradient) == pushed, moved


def test_normalised_advantages_make_the_policy_gradient_independent_of_the_rewards_unit():
    unroll, (logits, values) = _random_unroll(), _random_outputs()
    large = unroll._replace(reward=1000 * unroll.reward)

    def policy_loss(unroll, values, **options):
        return float(_loss(unroll, logits, values, **options).metrics["losses/policy"])

    assert policy_loss(large, 1000 * values) == pytest.approx(1000 * policy_loss(unroll, values), rel=1e-4)
    normalised = policy_loss(large, 1000 * values, normalise_advantages=True)
    assert normalised == pytest.approx(policy_loss(unroll, values, normalise_advantages=True), rel=0.2)
    huge = policy_loss(unroll._replace(reward=10**6 * unroll.reward), 10**6 * values, normalise_advantages=True)
    assert huge == pytest.approx(normalised, rel=1e-3)


@pytest.mark.parametrize("threshold", [1.0, 0.5])
@pytest.mark.parametrize("weights", ["joint", "none"])
def test_normalised_advantages_are_less_their_mean_in_their_standard_deviation(weights, threshold):
    unroll, (logits, values) = _random_unroll(), _random_outputs()
    log_pi = _taken(_log_softmax(logits, unroll.avail_actions[:-1]), unroll.action[:-1]).sum(-1)
    log_rhos = log_pi - unroll.log_prob[:-1].sum(-1)
    targets = vtrace(
        log_rhos=log_rhos if weights == "joint" else np.zeros_like(log_rhos),
        discounts=0.9 * ~(unroll.terminated | unroll.truncated)[1:],
        rewards=unroll.reward[1:] + 3,
        values=values[:-1],
        bootstrap_value=values[-1],
    )
    advantages = targets.advantages.numpy()
    measured = (advantages - advantages.mean()) / (advantages.std() + 0.1)
    ratios = np.minimum(np.exp(log_rhos) if weights == "joint" else 1.0, threshold)
    raised = unroll._replace(reward=unroll.reward + 3)
    options = {"importance_weights": weights, "clip_pg_rho_threshold": threshold, "normalise_advantages": True}
    output = _loss(raised, logits, values, discount=0.9, **options)
    np.testing.assert_allclose(output.metrics["losses/policy"], -(log_pi * ratios * measured).mean(), rtol=1e-4)


def test_shapes_that_do_not_fit_are_an_error():
    unroll, (logits, values) = _random_unroll(), _random_outputs()
    with pytest.raises(ValueError, match="values"):
        _loss(unroll, logits, values[:-1])


def test_config_options_reach_the_loss():
    """Every option of the loss but those of the entropy cost's own module changes the total of off-policy data."""
    unroll, (logits, values) = _random_unroll(), _random_outputs()
    log_proximal = tf.constant(unroll.log_prob[:-1])
    base = _loss(unroll, logits, values, log_proximal=log_proximal).total
    changes = {
        **{"policy_ratios": "per_agent", "clip_ratio": 0.1, "normalise_advantages": True},
        **{"discount": 0.5, "lambda_": 0.5, "clip_rho_threshold": 0.5, "clip_c_threshold": 0.5},
        **{"clip_pg_rho_threshold": 0.5, "importance_weights": "none", "baseline_cost": 1.0, "target_entropy": 1.0},
        **{"max_abs_reward": 0.5, "kl_cost": 0.5},
    }
    own = {"entropy_cost", "entropy_cost_speed", "entropy_schedule", "entropy_floor", "entropy_ceiling"}
    own |= {"entropy_env_steps", "target_entropy_fraction", "function", "reward"}
    assert {field.name for field in dataclasses.fields(LossConfig)} == {
        *changes,
        *own,
        "mean_value",
        "bootstrap_time_limit",
    }
    for name, value in changes.items():
        assert _loss(unroll, logits, values, log_proximal=log_proximal, **{name: value}).total != base, name
