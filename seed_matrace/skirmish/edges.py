"""The edges of walkable ground: which part of a blocked cell is solid."""

from __future__ import annotations

import numpy as np

OPEN, SOLID, SOLID_SW, SOLID_SE, SOLID_NW, SOLID_NE = range(6)  # the C enum Shape of cext/battle_edges.pxd
NEAR = 8  # beside the shape where a cell within one of it is blocked


def edge_shapes(walkable: np.ndarray) -> np.ndarray:
    """What every cell's blocked part looks like.

    A blocked cell between two walkable ones that meet at its corner is the step of a slanting edge: only the half
    beyond the diagonal is solid.

    Args:
      walkable: uint8 [width, height], indexed [x, y].

    Returns:
      uint8 of the same shape: one of the six shapes, plus ``NEAR``.
    """
    free = np.pad(walkable.astype(bool), 1)
    west, east, south, north = free[:-2, 1:-1], free[2:, 1:-1], free[1:-1, :-2], free[1:-1, 2:]
    shapes = np.where(walkable, OPEN, SOLID)
    step = (west != east) & (south != north) & (shapes == SOLID)
    shapes[step] = np.where(south, np.where(west, SOLID_NE, SOLID_NW), np.where(west, SOLID_SE, SOLID_SW))[step]
    width, height = walkable.shape
    around = np.stack([free[dx : dx + width, dy : dy + height] for dx in range(3) for dy in range(3)])
    return np.ascontiguousarray(shapes + NEAR * ~around.all(axis=0), np.uint8)
