"""Random observations, actions and unrolls of the right shapes, for measuring."""

from __future__ import annotations

import numpy as np

from seed_matrace.config import Config
from seed_matrace.specs import empty_unroll
from seed_matrace.training_env import training_spec
from seed_matrace.types import EnvOutput, Unroll


def random_actions(rng: np.random.Generator, avail_actions: np.ndarray) -> np.ndarray:
    """One available action per agent, each as likely as the others.

    Args:
      avail_actions: uint8 [E, N, A].

    Returns:
      int32 [E, N].
    """
    order = np.cumsum(avail_actions, axis=-1, dtype=np.int16)
    chosen = (rng.random(order.shape[:-1]) * order[..., -1]).astype(np.int16)
    return (order <= chosen[..., None]).sum(axis=-1, dtype=np.int32)


def random_unroll(config: Config, columns: int) -> Unroll:
    """An unroll of random numbers with available actions taken, [T+1, columns, ...]."""
    rng, steps, spec = np.random.default_rng(0), config.learner.unroll_length, training_spec(config)
    unroll = empty_unroll(spec, steps, columns, config.network.unroll_fields)
    unroll.obs[...] = rng.uniform(-1, 1, unroll.obs.shape)
    unroll.state[...] = rng.uniform(-1, 1, unroll.state.shape)
    unroll.avail_actions[...] = rng.random(unroll.avail_actions.shape) < 0.5
    unroll.avail_actions[..., 1] = 1
    for step in range(steps + 1):
        unroll.action[step] = random_actions(rng, unroll.avail_actions[step])
    unroll.log_prob[...] = -np.log(unroll.avail_actions.sum(axis=-1))
    unroll.reward[...] = rng.uniform(0, 1, unroll.reward.shape)
    unroll.terminated[...] = rng.random(unroll.terminated.shape) < 0.03
    if spec.with_final:
        unroll.truncated[...] = ~unroll.terminated & (rng.random(unroll.truncated.shape) < 0.01)
    return unroll


def fill_randomly(env: EnvOutput) -> None:
    """Random observations and available actions, as a step of environments."""
    rng = np.random.default_rng(0)
    env.obs[...] = rng.uniform(-1, 1, env.obs.shape)
    env.avail_actions[...] = rng.random(env.avail_actions.shape) < 0.5
    env.avail_actions[..., 1] = 1
