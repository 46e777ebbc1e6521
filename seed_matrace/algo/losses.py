"""The MA-Trace loss: policy gradient, value regression and entropy bonus on the joint action of a team.

docs/the_loss.md leads through it line by line.

T: unroll length in env steps, B: unroll columns, N: agents, A: actions.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

import tensorflow as tf

from seed_matrace import registered
from seed_matrace.algo.distributions import MaskedCategorical
from seed_matrace.algo.loss_metrics import Targets, loss_metrics
from seed_matrace.algo.replicas import moments_over_replicas
from seed_matrace.algo.vtrace import vtrace
from seed_matrace.types import Unroll

if TYPE_CHECKING:
    from seed_matrace.sections.loss import LossConfig

Tensor = Any

_LEAST_SPREAD = 0.1  # of advantages; below, what is left is noise that normalising would blow up


class LossOutput(NamedTuple):
    total: Tensor  # float32 scalar, what the optimizer minimises
    metrics: dict[str, Tensor]  # float32 scalars by tag, "losses/total" among them
    vs: Tensor  # float32 [T, B] or [T, B, N], the value targets; no gradient
    log_pi: Tensor  # float32 [T, B, N], of the taken actions under the policy as the step found it; no gradient
    entropy_fraction: Tensor  # float32 scalar, mean entropy of agents with a choice over the largest they could have


class LossBatch(NamedTuple):
    """What a registered loss is given of one batch; [T, B] are [T, B, N] with one value per agent.

    A central critic judges the team as one player, whose log-probabilities, ratios and entropies are sums over agents.
    """

    unroll: Unroll  # [T+1, B, ...]
    logits: Tensor  # float32 [T, B, N, A], of the trained policy at steps 0 .. T-1
    values: Tensor  # float32 [T+1, B], of the trained critic at all steps; the last one only bootstraps
    log_pi: Tensor  # float32 [T, B], log-probabilities of the taken actions under the trained policy
    log_ratios: Tensor  # float32 [T, B], log(pi/mu), with gradient
    agents_log_pi: Tensor  # float32 [T, B, N], of each agent
    agents_log_ratios: Tensor  # float32 [T, B, N]
    agents_log_proximal: Tensor  # float32 [T, B, N], of what clipped ratios are measured from; no gradient
    entropy: Tensor  # float32 scalar, mean of the policy's entropies
    targets: Targets  # V-trace's, no gradient
    entropy_cost: Tensor  # float32 scalar, alpha
    scale: Tensor  # the unit of value errors and advantages
    config: LossConfig
    options: Any  # of the registered loss, an instance of its dataclass; None if it has none
    policy: Any  # the networks, as they are registered: an auxiliary loss may ask them for more
    critic: Any

    @property
    def per_agent(self) -> bool:
        """Whether there is one value per agent."""
        return bool(self.values.shape.rank == 3)


def matrace_loss(**batch: Any) -> LossOutput:
    """``loss_of_batch`` of MA-Trace."""
    return loss_of_batch(ma_trace, **batch)


@registered.loss("ma_trace")
def ma_trace(batch: LossBatch) -> dict[str, Tensor]:
    """The terms of the MA-Trace loss, averaged over T and B, and over N with one value per agent."""
    config, targets, scale = batch.config, batch.targets, batch.scale
    errors = targets.vs - batch.values[:-1]
    terms = {
        "policy": -tf.reduce_mean(_policy_gain(batch)),
        "V": config.baseline_cost * 0.5 * tf.reduce_mean(tf.square(errors / scale)),
        "entropy": -tf.stop_gradient(batch.entropy_cost) * batch.entropy,
    }
    if config.kl_cost > 0:
        terms["kl"] = config.kl_cost * -tf.reduce_mean(batch.log_ratios)
    return terms


def _policy_gain(batch: LossBatch) -> Tensor:
    """What the policy gradient climbs, float32 [T, B], or [T, B, N] with one value per agent or ratio per agent."""
    config = batch.config
    advantages, pg_advantages = _measured_advantages(batch)
    if config.importance_weights == "none":
        return batch.log_pi * pg_advantages
    log_pi, log_ratios, log_proximal = batch.agents_log_pi, batch.agents_log_ratios, batch.agents_log_proximal
    of_agents = not batch.per_agent and config.policy_ratios == "per_agent"
    if of_agents:  # one agent that has moved on does not silence the others
        advantages = advantages[..., tf.newaxis]
    elif not batch.per_agent:
        log_pi, log_ratios, log_proximal = batch.log_pi, batch.log_ratios, tf.reduce_sum(log_proximal, axis=-1)
    if config.clip_ratio > 0:
        moved = tf.exp(log_pi - log_proximal)
        lag = tf.stop_gradient(log_proximal - log_pi + log_ratios)
        clipped = tf.clip_by_value(moved, 1.0 - config.clip_ratio, 1.0 + config.clip_ratio)
        gain = tf.minimum(moved * advantages, clipped * advantages) * _clipped_ratios(lag, config)
    elif of_agents:
        gain = log_pi * tf.stop_gradient(_clipped_ratios(log_ratios, config)) * advantages
    else:
        gain = log_pi * pg_advantages
    return tf.reduce_sum(gain, axis=-1) if of_agents else gain


def _measured_advantages(batch: LossBatch) -> tuple[Tensor, Tensor]:
    """Advantages and weights of grad log pi in the unit of values, or as they stand among those of the batch.

    Returns: float32 [T, B], or [T, B, N] with one value per agent, without gradient.
    """
    config, targets = batch.config, batch.targets
    if not config.normalise_advantages:
        return targets.advantages / batch.scale, targets.pg_advantages / batch.scale
    axes = list(range(targets.advantages.shape.rank))
    mean, variance = moments_over_replicas(targets.advantages, axes)
    advantages = (targets.advantages - mean) / (tf.sqrt(variance) + _LEAST_SPREAD)
    log_rhos = targets.log_rhos if config.importance_weights != "none" else tf.zeros_like(targets.log_rhos)
    return advantages, advantages * _clipped_ratios(log_rhos, config)


def _clipped_ratios(log_ratios: Tensor, config: LossConfig) -> Tensor:
    return tf.minimum(tf.exp(log_ratios), config.clip_pg_rho_threshold)


def loss_of_batch(
    terms_of: Callable[[LossBatch], dict[str, Tensor]],
    *,
    logits: Tensor,
    values: Tensor,
    unroll: Unroll,
    entropy_cost: Tensor,
    config: LossConfig,
    value_scale: Tensor | None = None,
    final_values: Tensor | None = None,
    log_proximal: Tensor | None = None,
    options: Any = None,
    policy: Any = None,
    critic: Any = None,
) -> LossOutput:
    """Loss of one batch: the sum of its terms and of the one that trains the entropy cost.

    Args:
      terms_of: what is registered; its scalars by name are reported as ``losses/NAME``.
      logits: float [T, B, N, A] of the trained policy at steps 0 .. T-1.
      values: float32 [T+1, B] or [T+1, B, N] of the trained critic at all steps; the last one only bootstraps.
      unroll: the batch, [T+1, B, ...].
      entropy_cost: float32 scalar, alpha of ``EntropyCost``.
      config: discount, thresholds and weights.
      value_scale: float32 scalar, the unit in which value errors and advantages are measured; 1 unless given.
      final_values: from ``compute_final_values``, if returns bootstrap from them at the time limit.
      log_proximal: float32 [T, B, N], what clipped ratios are measured from; None: the trained policy itself.
      options, policy, critic: for ``terms_of``, see ``LossBatch``.

    Raises:
      ValueError: shapes or options do not belong together, or T is not known when the graph is built.
    """
    per_agent = values.shape.rank == 3
    _check_config(config, per_agent)
    chosen = MaskedCategorical(logits, unroll.avail_actions[:-1])
    log_pi, agents_entropy = chosen.log_prob(unroll.action[:-1]), chosen.entropy()
    of_agents = log_pi, log_pi - unroll.log_prob[:-1], agents_entropy
    found = tf.stop_gradient(log_pi)
    # A central critic judges the team as one player, whose log-probabilities and entropy are sums over agents.
    log_pi, log_ratios, entropies = of_agents if per_agent else (tf.reduce_sum(x, axis=-1) for x in of_agents)

    targets, entropy = _targets(log_ratios, values, final_values, unroll, config), tf.reduce_mean(entropies)
    scale = 1.0 if value_scale is None else value_scale
    terms = terms_of(
        LossBatch(
            unroll, logits, values, log_pi, log_ratios, *of_agents[:2],
            found if log_proximal is None else log_proximal, entropy, targets, entropy_cost, scale,
            config, options, policy, critic,
        )
    )  # fmt: skip
    # Its gradient moves alpha down while the entropy is above the target; its value is of no interest.
    multiplier = entropy_cost * tf.stop_gradient(entropy - config.target_entropy)
    total, kl = sum(terms.values()) + multiplier, -tf.reduce_mean(log_ratios)
    metrics = {
        **{f"losses/{name}": term for name, term in terms.items()},
        **{"losses/total": total, "policy/entropy": entropy, "policy/entropy_cost": entropy_cost, "policy/kl": kl},
        **loss_metrics(values, targets, agents_entropy, config),
    }
    metrics = {tag: tf.stop_gradient(value) for tag, value in metrics.items()}
    return LossOutput(total, metrics, targets.vs, found, _entropy_fraction(agents_entropy, unroll))


def _entropy_fraction(agents_entropy: Tensor, unroll: Unroll) -> Tensor:
    """Sum of entropies [T, B, N] over the sum of what they could be at most, the logarithm of the number of choices."""
    choices = tf.reduce_sum(tf.cast(unroll.avail_actions[:-1], tf.float32), axis=-1)
    largest = tf.reduce_sum(tf.math.log(choices))
    return tf.stop_gradient(tf.math.divide_no_nan(tf.reduce_sum(agents_entropy), largest))


def _targets(
    log_ratios: Tensor, values: Tensor, final_values: Tensor | None, unroll: Unroll, config: LossConfig
) -> Targets:
    """Value targets and advantages, corrected for what the data are off-policy by; without gradient.

    Step t of the unroll holds the action taken at t but the reward and the ends of the transition t-1 -> t, so what
    the action at t led to stands at t+1. Termination ends the return; so does the time limit, unless ``final_values``
    say what it bootstraps from.

    Args: ``log_ratios`` log(pi/mu) as the values, [T, B] or [T, B, N]; the others as of ``loss_of_batch``.
    """
    log_rhos = tf.stop_gradient(log_ratios)
    if log_rhos.shape.rank == 3 and config.importance_weights == "joint":
        log_rhos = _spread(tf.reduce_sum(log_rhos, axis=-1), log_rhos)
    ended = tf.logical_or(unroll.terminated[1:], unroll.truncated[1:])
    continues = _spread(1.0 - tf.cast(ended, tf.float32), log_rhos)
    rewards = unroll.reward[1:]
    if config.max_abs_reward > 0:
        rewards = tf.clip_by_value(rewards, -config.max_abs_reward, config.max_abs_reward)
    rewards, baseline = _spread(rewards, log_rhos), _baseline(values, config)
    if final_values is not None:  # part of the last step's reward, for the trace ends there
        rewards += config.discount * _baseline(final_values, config)
    corrected = vtrace(
        log_rhos=tf.zeros_like(log_rhos) if config.importance_weights == "none" else log_rhos,
        discounts=config.discount * continues,
        rewards=rewards,
        values=baseline[:-1],
        bootstrap_value=baseline[-1],
        clip_rho_threshold=config.clip_rho_threshold,
        clip_c_threshold=config.clip_c_threshold,
        clip_pg_rho_threshold=config.clip_pg_rho_threshold,
        lambda_=config.lambda_,
    )
    return Targets(*corrected, log_rhos, continues)


def _baseline(values: Tensor, config: LossConfig) -> Tensor:
    """What targets start and bootstrap from: the values, or the mean over agents in the place of each."""
    if not config.mean_value:
        return values
    return tf.broadcast_to(tf.reduce_mean(values, axis=-1, keepdims=True), tf.shape(values))


def _spread(of_envs: Tensor, like: Tensor) -> Tensor:
    """[T, B] to as many axes as ``like`` [T, B] or [T, B, N] has, the same for each agent."""
    return of_envs if like.shape.rank == 2 else tf.repeat(of_envs[..., tf.newaxis], like.shape[2], axis=-1)


def _check_config(config: LossConfig, per_agent: bool) -> None:
    if not per_agent and (config.importance_weights == "per_agent" or config.mean_value):
        raise ValueError(
            "importance_weights = 'per_agent' and mean_value need one value per agent, not a central critic"
        )


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
