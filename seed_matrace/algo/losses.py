"""The MA-Trace loss: policy gradient, value regression and entropy bonus on the joint action of a team.

T: unroll length in env steps, B: unroll columns, N: agents, A: actions.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import tensorflow as tf

from seed_matrace.algo.distributions import MaskedCategorical
from seed_matrace.algo.vtrace import discounted_sums, vtrace
from seed_matrace.types import Unroll

if TYPE_CHECKING:
    from seed_matrace.config import LossConfig

Tensor = Any


class LossOutput(NamedTuple):
    total: Tensor  # float32 scalar, what the optimizer minimises
    metrics: dict[str, Tensor]  # float32 scalars by tag, "losses/total" among them


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
    *, logits: Tensor, values: Tensor, unroll: Unroll, entropy_cost: Tensor, config: LossConfig
) -> LossOutput:
    """Loss of MA-Trace on one batch of unrolls (MA-Trace eq. 2-4; constants and signs of the public code).

    Step t of the unroll holds the action taken at t but the reward and the ends of the transition t-1 -> t, so what
    the action at t led to stands at t+1. Termination and the time limit both end the return.

    Args:
      logits: float [T, B, N, A] of the trained policy at steps 0 .. T-1.
      values: float32 [T+1, B] of the trained critic at all steps; the last one only bootstraps.
      unroll: the batch, [T+1, B, ...].
      entropy_cost: float32 scalar, alpha of ``EntropyCost``.
      config: discount, thresholds and weights.

    Returns:
      The total and its parts, averaged over T and B; the policy loss and the entropy are those of the joint action.

    Raises:
      ValueError: shapes do not belong together, or T is not known when the graph is built.
    """
    policy = MaskedCategorical(logits, unroll.avail_actions[:-1])
    log_pi = policy.log_prob(unroll.action[:-1])
    joint_log_pi = tf.reduce_sum(log_pi, axis=-1)
    log_rhos = tf.stop_gradient(tf.reduce_sum(log_pi - unroll.log_prob[:-1], axis=-1))
    ended = tf.logical_or(unroll.terminated[1:], unroll.truncated[1:])  # t+1: what the action at t led to
    not_ended = 1.0 - tf.cast(ended, tf.float32)

    targets = vtrace(
        log_rhos=log_rhos if config.importance_weights == "joint" else tf.zeros_like(log_rhos),
        discounts=config.discount * not_ended,
        rewards=unroll.reward[1:],
        values=values[:-1],
        bootstrap_value=values[-1],
        clip_rho_threshold=config.clip_rho_threshold,
        clip_c_threshold=config.clip_c_threshold,
        clip_pg_rho_threshold=config.clip_pg_rho_threshold,
        lambda_=config.lambda_,
    )
    errors = targets.vs - values[:-1]
    entropy = tf.reduce_mean(tf.reduce_sum(policy.entropy(), axis=-1))

    policy_loss = -tf.reduce_mean(joint_log_pi * targets.pg_advantages)
    value_loss = config.baseline_cost * 0.5 * tf.reduce_mean(tf.square(errors))
    entropy_loss = -tf.stop_gradient(entropy_cost) * entropy
    # Its value is of no interest; its gradient moves alpha down while the entropy is above the target.
    multiplier_loss = entropy_cost * tf.stop_gradient(entropy - config.target_entropy)
    total = policy_loss + value_loss + entropy_loss + multiplier_loss
    metrics = {
        "losses/policy": policy_loss,
        "losses/V": value_loss,
        "losses/entropy": entropy_loss,
        "losses/total": total,
        "policy/entropy": entropy,
        "policy/entropy_cost": entropy_cost,
        "V/value_mean": tf.reduce_mean(values),
        "V/explained_variance": _explained_variance(targets.vs, errors),
        **_ratio_metrics(log_rhos, not_ended, config),
    }
    return LossOutput(total, {tag: tf.stop_gradient(value) for tag, value in metrics.items()})


def _explained_variance(targets: Tensor, errors: Tensor) -> Tensor:
    """1 - var(errors) / var(targets): 1 for a perfect critic, 0 for a constant one."""
    return 1.0 - tf.math.divide_no_nan(tf.math.reduce_variance(errors), tf.math.reduce_variance(targets))


def _ratio_metrics(log_rhos: Tensor, not_ended: Tensor, config: LossConfig) -> dict[str, Tensor]:
    """How far the batch is from the trained policy, whether or not the loss corrects for it.

    trace_length is the number of temporal differences that enter a step's target, each counted with the product of
    the c's before it (without discount): mean over t of sum_{u >= t} c_t .. c_{u-1}, up to the end of the episode or
    of the unroll. On-policy data with c-bar = lambda = 1 reach the most, zero c's make it 1.
    """
    rhos = tf.exp(log_rhos)
    cs = config.lambda_ * tf.minimum(rhos, config.clip_c_threshold)
    return {
        "IS/rho_mean": tf.reduce_mean(rhos),
        "IS/rho_max": tf.reduce_max(rhos),
        "IS/clipped_fraction": tf.reduce_mean(tf.cast(rhos > config.clip_rho_threshold, tf.float32)),
        "IS/c_mean": tf.reduce_mean(cs),
        "IS/trace_length": tf.reduce_mean(discounted_sums(tf.ones_like(cs), cs * not_ended)),
    }
