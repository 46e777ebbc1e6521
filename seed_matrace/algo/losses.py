"""The MA-Trace loss: policy gradient, value regression and entropy bonus on the joint action of a team.

T: unroll length in env steps, B: unroll columns, N: agents, A: actions.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

import tensorflow as tf

from seed_matrace.algo.distributions import MaskedCategorical
from seed_matrace.algo.vtrace import VTraceOutput, discounted_sums, vtrace
from seed_matrace.types import Unroll

if TYPE_CHECKING:
    from seed_matrace.config import LossConfig

Tensor = Any


class LossOutput(NamedTuple):
    total: Tensor  # float32 scalar, what the optimizer minimises
    metrics: dict[str, Tensor]  # float32 scalars by tag, "losses/total" among them
    vs: Tensor  # float32 [T, B] or [T, B, N], the value targets; no gradient


class EntropyCost(tf.Module):
    """The entropy bonus' weight alpha = exp(speed * p), p trained by the optimizer that trains the networks.

    SEED RL's form: p is limited to +-20 / speed, that is, alpha to exp(+-20), for its gradient vanishes with alpha.
    """

    def __init__(self, initial: float, speed: float) -> None:
        """Args: initial: alpha at the start, > 0; speed: exponent of the parametrisation; 0 keeps alpha fixed."""
        super().__init__(name="entropy_cost")
        self._initial, self._speed = initial, speed
        if speed > 0:
            self.parameter = tf.Variable(math.log(initial) / speed, dtype=tf.float32, name="parameter")

    def __call__(self) -> Tensor:
        """Alpha now, float32 scalar."""
        return tf.exp(self._speed * self.parameter) if self._speed > 0 else tf.constant(self._initial)

    def limit(self) -> None:
        """Puts the parameter back into its range; call it after every optimizer step."""
        if self._speed > 0:
            bound = 20.0 / self._speed
            self.parameter.assign(tf.clip_by_value(self.parameter, -bound, bound))


def matrace_loss(
    *,
    logits: Tensor,
    values: Tensor,
    unroll: Unroll,
    entropy_cost: Tensor,
    config: LossConfig,
    value_scale: Tensor | None = None,
    final_values: Tensor | None = None,
) -> LossOutput:
    """Loss of MA-Trace on one batch of unrolls (MA-Trace eq. 2-4; constants and signs of the public code).

    One value per environment means a central critic: the loss is that of the joint action. One value per agent means
    decentralised critics (DecMA-Trace): each agent has targets and a loss of its own, and their mean is taken.

    Step t of the unroll holds the action taken at t but the reward and the ends of the transition t-1 -> t, so what
    the action at t led to stands at t+1. Termination ends the return; so does the time limit, unless ``final_values``
    say what it goes on with.

    Args:
      logits: float [T, B, N, A] of the trained policy at steps 0 .. T-1.
      values: float32 [T+1, B] or [T+1, B, N] of the trained critic at all steps; the last one only bootstraps.
      unroll: the batch, [T+1, B, ...].
      entropy_cost: float32 scalar, alpha of ``EntropyCost``.
      config: discount, thresholds and weights.
      value_scale: float32 scalar, the unit in which value errors and advantages are measured; 1 unless given.
      final_values: float32 [T, B] or [T, B, N], as ``compute_final_values`` returns them.

    Returns:
      The total and its parts, averaged over T and B, and over N with one value per agent.

    Raises:
      ValueError: shapes do not belong together, T is not known when the graph is built, or ``config`` asks for what
        only one value per agent allows.
    """
    per_agent = values.shape.rank == 3
    _check_config(config, per_agent)
    taken = _taken_actions(logits, unroll, per_agent)
    log_rhos = _log_rhos(taken.log_ratios, config)
    ended = tf.logical_or(unroll.terminated[1:], unroll.truncated[1:])  # t+1: what the action at t led to
    not_ended = _spread(1.0 - tf.cast(ended, tf.float32), log_rhos)
    targets = _targets(log_rhos, not_ended, values, final_values, unroll=unroll, config=config)
    errors = targets.vs - values[:-1]
    scale = 1.0 if value_scale is None else value_scale
    total, losses = _total(taken, errors / scale, targets.pg_advantages / scale, entropy_cost, config)
    metrics = {
        **losses,
        **_entropy_metrics(taken.agents_entropy),
        "V/value_mean": tf.reduce_mean(values),
        **_critic_metrics(targets.vs, errors),
        **_ratio_metrics(log_rhos, not_ended, config),
    }
    return LossOutput(total, {tag: tf.stop_gradient(value) for tag, value in metrics.items()}, targets.vs)


def compute_final_values(critic: Callable[..., Tensor], unroll: Unroll, *, known_shapes: bool = False) -> Tensor:
    """Values of what episodes showed last that the time limit cut off; computed nowhere else, for that is seldom.

    Args:
      critic: (obs [..., N, O], state [..., S], last_action [..., N]) -> values [...] or [..., N].
      unroll: [T+1, B, ...], with the final observations or states that the critic looks at.
      known_shapes: computes them everywhere after all: how many there are is known only when the graph runs.

    Returns:
      float32 [T, B] or [T, B, N]: of the transition t -> t+1; 0 where no episode was truncated.
    """
    truncated = unroll.truncated[1:]  # t+1: what the action at t led to
    seen = unroll.final_obs[1:], unroll.final_state[1:], unroll.action[:-1]
    if known_shapes:
        values = critic(*seen)
        return tf.stop_gradient(tf.where(_spread(truncated, values), values, 0.0))
    values = critic(*(tf.boolean_mask(array, truncated) for array in seen))
    shape = tf.concat([tf.shape(truncated), tf.shape(values)[1:]], axis=0)
    return tf.stop_gradient(tf.scatter_nd(tf.where(truncated), values, tf.cast(shape, tf.int64)))


class _TakenActions(NamedTuple):
    """The trained policy at steps 0 .. T-1 and on the actions taken there, in the shape of one step's values."""

    log_pi: Tensor  # float32 [T, B] of the joint action, or [T, B, N] of the agents' own
    log_ratios: Tensor  # log(pi/mu), as log_pi
    entropy: Tensor  # as log_pi
    agents_entropy: Tensor  # float32 [T, B, N]


def _taken_actions(logits: Tensor, unroll: Unroll, per_agent: bool) -> _TakenActions:
    policy = MaskedCategorical(logits, unroll.avail_actions[:-1])
    log_pi, entropy = policy.log_prob(unroll.action[:-1]), policy.entropy()

    def combine(of_agents: Tensor) -> Tensor:
        """The joint action's, where the critic's values are joint."""
        return of_agents if per_agent else tf.reduce_sum(of_agents, axis=-1)

    return _TakenActions(combine(log_pi), combine(log_pi - unroll.log_prob[:-1]), combine(entropy), entropy)


def _log_rhos(log_ratios: Tensor, config: LossConfig) -> Tensor:
    """The ratios that targets are corrected by and metrics tell of, without gradient."""
    log_rhos = tf.stop_gradient(log_ratios)
    if log_rhos.shape.rank == 3 and config.importance_weights == "joint":
        return _spread(tf.reduce_sum(log_rhos, axis=-1), log_rhos)
    return log_rhos


def _targets(
    log_rhos: Tensor,
    not_ended: Tensor,
    values: Tensor,
    final_values: Tensor | None,
    *,
    unroll: Unroll,
    config: LossConfig,
) -> VTraceOutput:
    """Value targets and advantages; ratios and ends in the shape of one step's values."""
    rewards = unroll.reward[1:]  # t+1, as the ends
    if config.max_abs_reward > 0:
        rewards = tf.clip_by_value(rewards, -config.max_abs_reward, config.max_abs_reward)
    rewards, baseline = _spread(rewards, log_rhos), _baseline(values, config)
    if final_values is not None:  # part of the last step's reward, for the trace ends there
        rewards += config.discount * _baseline(final_values, config)
    return vtrace(
        log_rhos=tf.zeros_like(log_rhos) if config.importance_weights == "none" else log_rhos,
        discounts=config.discount * not_ended,
        rewards=rewards,
        values=baseline[:-1],
        bootstrap_value=baseline[-1],
        clip_rho_threshold=config.clip_rho_threshold,
        clip_c_threshold=config.clip_c_threshold,
        clip_pg_rho_threshold=config.clip_pg_rho_threshold,
        lambda_=config.lambda_,
    )


def _baseline(values: Tensor, config: LossConfig) -> Tensor:
    """What targets start from and go on with: the values, or the mean over agents in the place of each."""
    if not config.mean_value:
        return values
    return tf.broadcast_to(tf.reduce_mean(values, axis=-1, keepdims=True), tf.shape(values))


def _spread(of_envs: Tensor, like: Tensor) -> Tensor:
    """[T, B] to as many axes as ``like`` [T, B] or [T, B, N] has, the same for each agent."""
    return of_envs if like.shape.rank == 2 else tf.repeat(of_envs[..., tf.newaxis], like.shape[2], axis=-1)


def _total(
    taken: _TakenActions, errors: Tensor, advantages: Tensor, entropy_cost: Tensor, config: LossConfig
) -> tuple[Tensor, dict[str, Tensor]]:
    """What the optimizer minimises, and its parts by tag; errors of the values, and advantages, in the value's unit."""
    entropy, kl = tf.reduce_mean(taken.entropy), -tf.reduce_mean(taken.log_ratios)
    policy_loss = -tf.reduce_mean(taken.log_pi * advantages)
    value_loss = config.baseline_cost * 0.5 * tf.reduce_mean(tf.square(errors))
    entropy_loss = -tf.stop_gradient(entropy_cost) * entropy
    # Its value is of no interest; its gradient moves alpha down while the entropy is above the target.
    multiplier_loss = entropy_cost * tf.stop_gradient(entropy - config.target_entropy)
    total = policy_loss + value_loss + entropy_loss + multiplier_loss
    parts = {
        "losses/policy": policy_loss,
        "losses/V": value_loss,
        "losses/entropy": entropy_loss,
        "policy/entropy": entropy,
        "policy/entropy_cost": entropy_cost,
        "policy/kl": kl,
    }
    if config.kl_cost > 0:
        parts["losses/kl"] = config.kl_cost * kl
        total += parts["losses/kl"]
    return total, {**parts, "losses/total": total}


def _check_config(config: LossConfig, per_agent: bool) -> None:
    if not per_agent and (config.importance_weights == "per_agent" or config.mean_value):
        raise ValueError(
            "importance_weights = 'per_agent' and mean_value need one value per agent, not a central critic"
        )


def _entropy_metrics(entropies: Tensor) -> dict[str, Tensor]:
    """Every agent's mean entropy, and the largest minus the smallest of them; from float32 [T, B, N]."""
    of_agents = tf.reduce_mean(entropies, axis=[0, 1])
    each = {f"policy/entropy_agent_{agent}": entropy for agent, entropy in enumerate(tf.unstack(of_agents))}
    return {**each, "policy/entropy_spread": tf.reduce_max(of_agents) - tf.reduce_min(of_agents)}


def _critic_metrics(targets: Tensor, errors: Tensor) -> dict[str, Tensor]:
    """explained_variance, 1 - var(errors) / var(targets), is 1 for a perfect critic and 0 for a constant one."""
    variance = tf.math.reduce_variance(targets)
    return {
        "V/target_std": tf.sqrt(variance),
        "V/explained_variance": 1.0 - tf.math.divide_no_nan(tf.math.reduce_variance(errors), variance),
    }


def _ratio_metrics(log_rhos: Tensor, not_ended: Tensor, config: LossConfig) -> dict[str, Tensor]:
    """How far the batch is from the trained policy, whether or not the loss corrects for it.

    trace_length is the number of temporal differences that enter a step's target, each counted with the product of
    the c's before it (without discount): mean over t of sum_{u >= t} c_t .. c_{u-1}, up to the end of the episode or
    of the unroll. On-policy data with c-bar = lambda = 1 reach the most, zero c's make it 1.
    """
    rhos = tf.exp(log_rhos)

    def share_above(threshold: float) -> Tensor:
        return tf.reduce_mean(tf.cast(rhos > threshold, tf.float32))

    cs = config.lambda_ * tf.minimum(rhos, config.clip_c_threshold)
    return {
        "IS/rho_mean": tf.reduce_mean(rhos),
        "IS/rho_max": tf.reduce_max(rhos),
        "IS/clipped_fraction": share_above(config.clip_rho_threshold),
        "IS/c_clipped_fraction": share_above(config.clip_c_threshold),
        "IS/c_mean": tf.reduce_mean(cs),
        "IS/trace_length": tf.reduce_mean(discounted_sums(tf.ones_like(cs), cs * not_ended)),
    }
