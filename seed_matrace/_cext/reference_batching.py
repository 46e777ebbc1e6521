"""Naive twin of the kernel that stacks observations."""

from __future__ import annotations

import numpy as np


def stack_frames(ring: np.ndarray, newest_place: int, newest: np.ndarray, seen: np.ndarray, stacks: np.ndarray) -> None:
    """Writes each agent's newest observations side by side, oldest first; arguments as of the kernel."""
    depth, _, _, dim = ring.shape
    for place in range(depth):
        age = depth - 1 - place
        frames = ring[(newest_place - age) % depth] if age else newest
        stacks[:, :, place * dim : (place + 1) * dim] = np.where((age < seen)[:, None, None], frames, 0)
