"""Simple scripted teams: what a learner has to beat, and what the rules of the simulator are checked with."""

from __future__ import annotations

from typing import Literal

import numpy as np

from seed_matrace.skirmish.vector_env import SkirmishVectorEnv
from seed_matrace.types import EnvOutput

NO_OP, STOP, NORTH, SOUTH, EAST, WEST, FIRST_TARGET = range(7)
LOOPS_TO_TURN = 5.0  # a kiting agent stops running that long before its weapon is ready
CENTER_PULL = 0.02
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
    attacks[env.healers()[:, :n]] = False  # their slots mean allies
    cost = distance2 if target == "nearest" else np.broadcast_to(health[:, None, n:], distance2.shape)
    choice = np.where(attacks, cost, np.inf).argmin(axis=2)
    walk = _towards(dx, dy, distance2)
    contact = np.where(health[:, :n, None] > 0, distance2, np.inf).min(axis=(1, 2)) < CONTACT**2
    contact |= env.map.enemy_order.kind == "none"  # it would wait for ever
    walk = np.where(contact[:, None], walk, STOP)
    walk = np.where(np.take_along_axis(out.avail_actions, walk[:, :, None], 2)[:, :, 0] == 1, walk, STOP)
    actions = np.where(attacks.any(axis=2), FIRST_TARGET + choice, walk)
    return np.where(out.avail_actions[:, :, NO_OP] == 1, NO_OP, actions).astype(np.int32)


def kiting_actions(env: SkirmishVectorEnv, out: EnvOutput, keep: float = 4.0) -> np.ndarray:
    """Shoots the nearest enemy when the weapon is ready, and keeps away from those near by while it is not.

    Args:
      env: the battles.
      out: what their last reset or step returned.
      keep: cells between centres that an agent likes to keep.

    Returns:
      int32 [E, N], all available.
    """
    n = env.spec.n_agents
    x, y, health, _, gauge = env.units().transpose(1, 0, 2)
    dx, dy = x[:, None, n:] - x[:, :n, None], y[:, None, n:] - y[:, :n, None]
    living = health[:, None, n:] > 0
    distance = np.where(living, np.hypot(dx, dy), np.inf)
    attacks = (out.avail_actions[:, :, FIRST_TARGET:] == 1) & ~env.healers()[:, :n, None]
    ready = attacks.any(axis=2) & (gauge[:, :n] <= LOOPS_TO_TURN)
    # Enemies push an agent away, and the middle of the map draws it a little: corners are traps.
    weight = np.where(living, 1 / np.maximum(distance, 0.5) ** 2, 0)
    away_x = -(weight * dx).sum(axis=2) + CENTER_PULL * (env.map.walkable.shape[0] / 2 - x[:, :n])
    away_y = -(weight * dy).sum(axis=2) + CENTER_PULL * (env.map.walkable.shape[1] / 2 - y[:, :n])
    gains = np.stack([away_y, -away_y, away_x, -away_x], axis=2)
    gains = np.where(out.avail_actions[:, :, NORTH : WEST + 1] == 1, gains, -np.inf)
    flee = np.where(np.isfinite(gains).any(axis=2), NORTH + gains.argmax(axis=2), STOP)
    shoot = FIRST_TARGET + np.where(attacks, distance, np.inf).argmin(axis=2)
    closer = _towards(dx, dy, distance)
    closer = np.where(np.take_along_axis(out.avail_actions, closer[:, :, None], 2)[:, :, 0] == 1, closer, STOP)
    rest = np.where(distance.min(axis=2) < keep, flee, np.where(attacks.any(axis=2), shoot, closer))
    actions = np.where(ready, shoot, rest)
    return np.where(out.avail_actions[:, :, NO_OP] == 1, NO_OP, actions).astype(np.int32)


def _towards(dx: np.ndarray, dy: np.ndarray, distance: np.ndarray) -> np.ndarray:
    """The move [E, N] along the longer axis towards the nearest of the units [E, N, targets]."""
    nearest = distance.argmin(axis=2)[:, :, None]
    x, y = (np.take_along_axis(offsets, nearest, 2)[:, :, 0] for offsets in (dx, dy))
    return np.where(abs(x) > abs(y), np.where(x > 0, EAST, WEST), np.where(y > 0, NORTH, SOUTH))
