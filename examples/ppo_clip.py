"""PPO's clipped objective in the place of V-trace's policy gradient."""

from dataclasses import dataclass

import tensorflow as tf

from seed_matrace import research


@dataclass(frozen=True)
class PpoOptions:
    clip: float = research.option(0.2, "how far an agent's ratio may go from 1 and still be pushed", above=0.0)


@research.loss("ppo_clip", options=PpoOptions)
def ppo_clip(batch):
    """The clipped objective (Schulman et al. 2017, eq. 7) with V-trace's advantages, summed over agents."""
    advantages = batch.targets.advantages / batch.scale
    advantages = (advantages - tf.reduce_mean(advantages)) / (tf.math.reduce_std(advantages) + 1e-6)
    if not batch.per_agent:
        advantages = advantages[..., None]  # one for all agents
    ratios = tf.exp(batch.agents_log_ratios)
    clipped = tf.clip_by_value(ratios, 1 - batch.options.clip, 1 + batch.options.clip)
    gains = tf.minimum(ratios * advantages, clipped * advantages)
    return research.ma_trace(batch) | {"policy": -tf.reduce_mean(tf.reduce_sum(gains, axis=-1))}
