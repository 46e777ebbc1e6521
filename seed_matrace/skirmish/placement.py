"""Where units stand at the start of an episode: packed around their spawn point as the game packs them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from math import hypot

import numpy as np

GRID = 4096  # positions of the engine per cell
OVERLAP = 63 / 1024  # of two units that the engine has pushed apart; it counts as free of each other up to SLACK
SLACK = 1 / 16
_AT_ONCE = 4096  # positions

Position = tuple[float, float]  # x, y
Disc = tuple[float, float, float]  # x, y, radius


def pack(
    center: Position,
    radius: float,
    count: int,
    walkable: np.ndarray,
    taken: Sequence[Disc] = (),
) -> list[Position]:
    """Places units of one type one by one, in the order of creation.

    A unit goes to the centre if that is free. Else the eight neighbours on a square grid of its radius are tried: there
    it is pushed away from whoever is in the way, the latest unit first, and stays if it then is free and no more than
    a radius from the grid's position. Else it takes the nearest position of the grid that is free as it is.
    Recorded starts of StarCraft II (see docs/simulator.md) decide all of this.

    Args:
      center: spawn point (x, y) in map cells; rounded to the engine's grid.
      radius: of each unit; its separation radius plays no part.
      count: number of units.
      walkable: bool [width, height], indexed [x, y].
      taken: discs (x, y, radius) that already stand there, in the order of creation.

    Returns:
      (x, y) of each unit.

    Raises:
      ValueError: no room on walkable ground.
    """
    center = on_grid(center)
    neighbours = np.array(center) + _spiral(1)[1:] * radius
    positions = _positions(center, radius, walkable)
    nearest = next(positions, None)
    discs = list(taken)
    for _ in range(count):
        while nearest is not None and not _clear_of_all(nearest, radius, discs):
            nearest = next(positions, None)
        position = _beside(center, radius, discs, neighbours=neighbours, nearest=nearest, walkable=walkable)
        if position is None:
            raise ValueError(f"no room for {count} units around {center}")
        discs.append((*position, radius))
    return [(x, y) for x, y, _ in discs[len(taken) :]]


def on_grid(point: Sequence[float]) -> Position:
    """The nearest point of the engine's grid."""
    return round(point[0] * GRID) / GRID, round(point[1] * GRID) / GRID


def _beside(
    center: Position,
    radius: float,
    discs: list[Disc],
    *,
    neighbours: np.ndarray,
    nearest: Position | None,
    walkable: np.ndarray,
) -> Position | None:
    """The next unit's position: see ``pack``."""
    if nearest == center:
        return center
    for x, y in neighbours.tolist():
        position = on_grid(_pushed((x, y), radius, discs))
        if (
            hypot(position[0] - x, position[1] - y) <= radius
            and _is_free(position, radius, discs)
            and _stands(position, walkable)
        ):
            return position
    return nearest


def _pushed(position: Position, radius: float, discs: list[Disc]) -> Position:
    """Away from each disc in the way, the latest first, until they overlap by no more than the engine allows."""
    for x, y, other in reversed(discs):
        gap, far = hypot(position[0] - x, position[1] - y), radius + other - OVERLAP
        if 0 < gap < far:
            position = x + (position[0] - x) * far / gap, y + (position[1] - y) * far / gap
    return position


def _is_free(position: Position, radius: float, discs: list[Disc]) -> bool:
    return all(hypot(position[0] - x, position[1] - y) >= radius + other - SLACK for x, y, other in discs)


def _stands(position: Position, walkable: np.ndarray) -> bool:
    inside = 0 <= position[0] < walkable.shape[0] and 0 <= position[1] < walkable.shape[1]
    return inside and bool(walkable[int(position[0]), int(position[1])])


def _clear_of_all(position: Position, radius: float, discs: list[Disc]) -> bool:
    x, y, others = np.array(discs, np.float64).reshape(-1, 3).T
    return bool((np.hypot(position[0] - x, position[1] - y) >= radius + others - SLACK).all())


def _positions(center: Position, radius: float, walkable: np.ndarray) -> Iterator[Position]:
    """All walkable positions of the grid, nearest first; few are ever asked for."""
    spiral = _spiral(int(max(walkable.shape) / radius) + 1)
    for first in range(0, len(spiral), _AT_ONCE):
        positions = np.array(center) + spiral[first : first + _AT_ONCE] * radius
        within = positions[((positions >= 0) & (positions < walkable.shape)).all(axis=1)]
        cells = within.astype(int)
        yield from map(tuple, within[walkable[cells[:, 0], cells[:, 1]]].tolist())


@cache
def _spiral(rings: int) -> np.ndarray:
    """Offsets [P, 2] of a square grid, nearest first; of equally near ones those beside the axes, from the south
    anticlockwise: (0, -1), (1, 0), (0, 1), (-1, 0), (1, -1), ... (1, -2), (2, 1), (-1, 2), (-2, -1), (2, -1), ...
    """
    ring, along = (part[1:] for part in np.tril_indices(rings + 1))  # (0, 0) apart
    turned = [(along, -ring), (ring, along), (-along, ring), (-ring, -along)]
    mirrored = [(ring, -along), (along, ring), (-ring, along), (-along, -ring)]
    offsets = np.array([*turned, *mirrored]).transpose(2, 0, 1)  # [.., 8, 2]
    kept = np.ones(offsets.shape[:2], bool)
    kept[:, 4:] = ((along > 0) & (along < ring))[:, None]  # else they are those turned
    points = np.concatenate([[(0, 0)], offsets[kept]])
    return points[np.argsort((points**2).sum(axis=1), kind="stable")]
