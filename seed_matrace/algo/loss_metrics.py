"""What a batch says of policy, critic and off-policy correction, besides the terms of the loss.

T: unroll length in env steps, B: unroll columns, N: agents.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import tensorflow as tf

from seed_matrace.algo.vtrace import discounted_sums

if TYPE_CHECKING:
    from seed_matrace.sections.loss import LossConfig

Tensor = Any


class Targets(NamedTuple):
    """What a batch says of its steps, without gradient: float32 [T, B], or [T, B, N] with one value per agent."""

    vs: Tensor  # value targets
    pg_advantages: Tensor  # weights of grad log pi
    advantages: Tensor  # the same before the clipped ratio multiplies them
    log_rhos: Tensor  # log(pi/mu), whether or not the loss corrects for it
    continues: Tensor  # 0 where the action at t ended the episode, else 1


def loss_metrics(values: Tensor, targets: Targets, agents_entropy: Tensor, config: LossConfig) -> dict[str, Tensor]:
    """Scalars by tag; every tag has a line in docs/metrics.md.

    Args:
      values: float32 [T+1, B] or [T+1, B, N], of the trained critic.
      agents_entropy: float32 [T, B, N], of each agent's trained policy.
    """
    return {
        **_entropy_metrics(agents_entropy),
        **_critic_metrics(values, targets.vs),
        **_ratio_metrics(targets, config),
    }


def _entropy_metrics(entropies: Tensor) -> dict[str, Tensor]:
    """Every agent's mean entropy, and the largest minus the smallest of them; from float32 [T, B, N]."""
    of_agents = tf.reduce_mean(entropies, axis=[0, 1])
    each = {f"policy/entropy_agent_{agent}": entropy for agent, entropy in enumerate(tf.unstack(of_agents))}
    return {**each, "policy/entropy_spread": tf.reduce_max(of_agents) - tf.reduce_min(of_agents)}


def _critic_metrics(values: Tensor, targets: Tensor) -> dict[str, Tensor]:
    """explained_variance, 1 - var(errors) / var(targets), is 1 for a perfect critic and 0 for a constant one."""
    variance, errors = tf.math.reduce_variance(targets), targets - values[:-1]
    return {
        "V/value_mean": tf.reduce_mean(values),
        "V/target_std": tf.sqrt(variance),
        "V/explained_variance": 1.0 - tf.math.divide_no_nan(tf.math.reduce_variance(errors), variance),
    }


def _ratio_metrics(targets: Targets, config: LossConfig) -> dict[str, Tensor]:
    """How far the batch is from the trained policy, whether or not the loss corrects for it.

    trace_length is the number of temporal differences that enter a step's target, each counted with the product of
    the c's before it (without discount): mean over t of sum_{u >= t} c_t .. c_{u-1}, up to the end of the episode or
    of the unroll. On-policy data with c-bar = lambda = 1 reach the most, zero c's make it 1.
    """
    rhos = tf.exp(targets.log_rhos)

    def fraction_above(threshold: float) -> Tensor:
        return tf.reduce_mean(tf.cast(rhos > threshold, tf.float32))

    cs = config.lambda_ * tf.minimum(rhos, config.clip_c_threshold)
    return {
        "IS/rho_mean": tf.reduce_mean(rhos),
        "IS/rho_max": tf.reduce_max(rhos),
        "IS/clipped_fraction": fraction_above(config.clip_rho_threshold),
        "IS/c_clipped_fraction": fraction_above(config.clip_c_threshold),
        "IS/c_mean": tf.reduce_mean(cs),
        "IS/trace_length": tf.reduce_mean(discounted_sums(tf.ones_like(cs), cs * targets.continues)),
    }
