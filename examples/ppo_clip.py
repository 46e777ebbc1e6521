"""PPO in the place of MA-Trace: generalised advantages without V-trace, and a clipped objective for each agent."""

from dataclasses import dataclass

import tensorflow as tf

from seed_matrace import research


@dataclass(frozen=True)
class PpoOptions:
    clip: float = research.option(0.2, "how far an agent's ratio may go from 1 and still be pushed", above=0.0)
    gae_lambda: float = research.option(
        0.95, "mixes the advantages of one step, two steps and so on", low=0.0, high=1.0
    )


@research.loss("ppo_clip", options=PpoOptions)
def ppo_clip(batch):
    """PPO (Schulman et al. 2017, eq. 7) as of MAPPO (Yu et al. 2022): one advantage, a ratio for each agent."""
    advantages = generalised_advantages(batch)
    errors = tf.stop_gradient(advantages + batch.values[:-1]) - batch.values[:-1]
    wanted = (advantages - tf.reduce_mean(advantages)) / (tf.math.reduce_std(advantages) + 1e-6)
    if not batch.per_agent:
        wanted = wanted[..., None]  # one for all agents
    ratios = tf.exp(batch.agents_log_ratios)
    clipped = tf.clip_by_value(ratios, 1 - batch.options.clip, 1 + batch.options.clip)
    gains = tf.minimum(ratios * wanted, clipped * wanted)
    return {
        "policy": -tf.reduce_mean(tf.reduce_sum(gains, axis=-1)),
        "V": batch.config.baseline_cost * 0.5 * tf.reduce_mean(tf.square(errors / batch.scale)),
        "entropy": -tf.stop_gradient(batch.entropy_cost) * batch.entropy,
    }


def generalised_advantages(batch):
    """Sums of temporal differences (Schulman et al. 2016, eq. 16), float32 [T, B] as the values, no gradient.

    Nothing in them corrects for the policy that acted. Rewards and ends of what was done at t stand at t+1.
    """
    config, values = batch.config, tf.stop_gradient(batch.values)
    if config.bootstrap_time_limit or config.max_abs_reward:
        raise ValueError("ppo_clip knows neither loss.bootstrap_time_limit nor loss.max_abs_reward: leave them off")
    rewards = batch.unroll.reward[1:]
    if batch.per_agent:
        rewards = rewards[..., None]
    discounts = config.discount * batch.targets.continues  # 0 where an episode ended
    differences = rewards + discounts * values[1:] - values[:-1]
    return research.discounted_sums(differences, batch.options.gae_lambda * discounts)
