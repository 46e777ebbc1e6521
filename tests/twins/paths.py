"""Naive twin of the lines of sight among cells, and of the shortest ways that corners are looked up for."""

from __future__ import annotations

import math

import numpy as np


def find_sight(walkable: np.ndarray, cells: np.ndarray, clearance: float, sight: np.ndarray) -> None:
    """Marks which cells see each other, every pair from both sides; arguments as of the kernel."""
    for i, start in enumerate(cells):
        for j, goal in enumerate(cells):
            # From the cell that is later in the list: samples of the way back differ in their last digits.
            sight[i, j] = sees(walkable, start, goal, clearance) if i >= j else sees(walkable, goal, start, clearance)


def sees(walkable: np.ndarray, start: np.ndarray, goal: np.ndarray, clearance: float) -> bool:
    """Whether the middle line between two cells' centres and those on both sides of it touch walkable cells alone."""
    (x, y), (dx, dy) = (start + 0.5).tolist(), (goal - start).tolist()
    length = math.sqrt(dx * dx + dy * dy) or 1.0
    samples = 8 * (abs(dx) + abs(dy))
    for side in (0.0, clearance, -clearance):
        from_x, from_y = x + -dy / length * side, y + dx / length * side
        for k in range(samples + 1):
            part = (dx * k / samples, dy * k / samples) if samples else (0.0, 0.0)
            if not walkable[math.floor(from_x + part[0]), math.floor(from_y + part[1])]:
                return False
    return True


def turns(walkable: np.ndarray, x: int, y: int) -> bool:
    """Whether a cell touches a convex corner of an obstacle; the ground ends at the terrain's edge."""

    def free(i: int, j: int) -> bool:
        return 0 <= i < walkable.shape[0] and 0 <= j < walkable.shape[1] and bool(walkable[i, j])

    around = [(dx, dy) for dx in (-1, 1) for dy in (-1, 1)]
    return any(free(x + dx, y) and free(x, y + dy) and not free(x + dx, y + dy) for dx, dy in around)


def shortest_ways(sight: np.ndarray, cells: np.ndarray, turning: list[int]) -> np.ndarray:
    """float64 [C, C]: lengths of the shortest ways that turn in some of the cells alone; inf where there is none."""
    apart = np.hypot(*(cells[:, None] - cells[None]).transpose(2, 0, 1))
    length = np.where(sight == 1, apart, np.inf)
    for via in turning:
        length = np.minimum(length, length[:, via, None] + length[None, via, :])
    return length
