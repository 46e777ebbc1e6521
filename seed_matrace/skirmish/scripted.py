"""Simple scripted teams: what a learner has to beat, and what the rules of the simulator are checked with."""

from __future__ import annotations

from typing import Literal

import numpy as np

from seed_matrace.skirmish.vector_env import SkirmishVectorEnv
from seed_matrace.types import EnvOutput

NO_OP, STOP, NORTH, SOUTH, EAST, WEST, FIRST_TARGET = range(7)
CONTACT = 6.2  # cells between the nearest two opponents at which the team stops waiting


def scripted_actions(
    env: SkirmishVectorEnv, out: EnvOutput, target: Literal["weakest", "nearest"] = "weakest"
) -> np.ndarray:
    """Waits for the enemy if it comes; then every agent attacks an available enemy, or walks up to its nearest one.

    Healers only walk along.

    Args:
      env: the battles.
      out: what their last reset or step returned.
      target: the enemy with the least health (focus fire), or the nearest one.

    Returns:
      int32 [E, N], all available.
    """
    n = env.spec.n_agents
    x, y, health = env.units()[:, :3].transpose(1, 0, 2)
    dx, dy = x[:, None, n:] - x[:, :n, None], y[:, None, n:] - y[:, :n, None]
    distance2 = np.where(health[:, None, n:] > 0, dx * dx + dy * dy, np.inf)
    attacks = out.avail_actions[:, :, FIRST_TARGET:] == 1
    attacks[:, env.map.layout.healer[:n] == 1] = False  # their slots mean allies
    cost = distance2 if target == "nearest" else np.broadcast_to(health[:, None, n:], distance2.shape)
    choice = np.where(attacks, cost, np.inf).argmin(axis=2)
    nearest = distance2.argmin(axis=2)[:, :, None]
    dx, dy = np.take_along_axis(dx, nearest, 2)[:, :, 0], np.take_along_axis(dy, nearest, 2)[:, :, 0]
    walk = np.where(abs(dx) > abs(dy), np.where(dx > 0, EAST, WEST), np.where(dy > 0, NORTH, SOUTH))
    contact = np.where(health[:, :n, None] > 0, distance2, np.inf).min(axis=(1, 2)) < CONTACT**2
    contact |= env.map.enemy_order.kind == "none"  # it would wait for ever
    walk = np.where(contact[:, None], walk, STOP)
    walk = np.where(np.take_along_axis(out.avail_actions, walk[:, :, None], 2)[:, :, 0] == 1, walk, STOP)
    actions = np.where(attacks.any(axis=2), FIRST_TARGET + choice, walk)
    return np.where(out.avail_actions[:, :, NO_OP] == 1, NO_OP, actions).astype(np.int32)
