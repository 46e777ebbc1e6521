"""Naive twin of packed starts: of all positions on the grid the nearest that is free, sought anew for every unit."""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt

import numpy as np

from seed_matrace.skirmish.placement import SLACK, Disc, Position, _beside, on_grid


def pack(
    center: Position, radius: float, count: int, walkable: np.ndarray, taken: Sequence[Disc] = ()
) -> list[Position]:
    """As ``placement.pack``."""
    center, discs = on_grid(center), list(taken)
    around = spiral(int(max(walkable.shape) / radius) + 1)
    positions = [(center[0] + x * radius, center[1] + y * radius) for x, y in around]
    neighbours = np.array(positions[1:9])
    for _ in range(count):
        nearest = next((one for one in positions if is_free(one, radius, walkable, discs)), None)
        found = _beside(center, radius, discs, neighbours=neighbours, nearest=nearest, walkable=walkable)
        if found is None:
            raise ValueError(f"no room for {count} units around {center}")
        discs.append((*found, radius))
    return [(x, y) for x, y, _ in discs[len(taken) :]]


def is_free(position: Position, radius: float, walkable: np.ndarray, discs: list[Disc]) -> bool:
    (x, y), (width, height) = position, walkable.shape
    if not (0 <= x < width and 0 <= y < height and walkable[int(x), int(y)]):
        return False
    return all(sqrt((x - ox) ** 2 + (y - oy) ** 2) >= radius + other - SLACK for ox, oy, other in discs)


def spiral(rings: int) -> list[tuple[int, int]]:
    """Offsets of a square grid, nearest first; see ``placement._spiral``."""
    offsets = [(0, 0)]
    for ring in range(1, rings + 1):
        for along in range(ring + 1):
            offsets += [(along, -ring), (ring, along), (-along, ring), (-ring, -along)]
            if 0 < along < ring:
                offsets += [(ring, -along), (along, ring), (-ring, along), (-along, -ring)]
    return sorted(offsets, key=lambda offset: offset[0] ** 2 + offset[1] ** 2)
