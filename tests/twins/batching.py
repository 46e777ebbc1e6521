"""Naive twins of the kernels that copy steps, add them up and stack observations."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np


def copy_rows(
    targets: Sequence[np.ndarray], first_target: int, sources: Sequence[np.ndarray], first_source: int, rows: int
) -> None:
    """Copies rows of several arrays that belong together; arguments as of the kernel."""
    for target, source in zip(targets, sources, strict=True):
        leading = target.shape[: target.ndim - source.ndim + 1]
        flat = target.reshape(math.prod(leading), *source.shape[1:])
        flat[first_target : first_target + rows] = source[first_source : first_source + rows]


def sum_episodes(
    terminated: np.ndarray,
    truncated: np.ndarray,
    battle_won: np.ndarray,
    episode_return: np.ndarray,
    length: np.ndarray,
    rows: int,
) -> tuple[int, int, float, int]:
    """Adds up the episodes that ended with a step; arguments and result as of the kernel."""
    ended = [row for row in range(rows) if terminated[row] or truncated[row]]
    won = sum(int(battle_won[row]) for row in ended)
    total_return = sum(float(episode_return[row]) for row in ended)
    return len(ended), won, total_return, sum(int(length[row]) for row in ended)


def stack_frames(ring: np.ndarray, newest_index: int, newest: np.ndarray, seen: np.ndarray, stacks: np.ndarray) -> None:
    """Writes each agent's newest observations side by side, oldest first; arguments as of the kernel."""
    depth, _, _, dim = ring.shape
    for index in range(depth):
        age = depth - 1 - index
        frames = ring[(newest_index - age) % depth] if age else newest
        stacks[:, :, index * dim : (index + 1) * dim] = np.where((age < seen)[:, None, None], frames, 0)
