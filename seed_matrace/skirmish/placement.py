"""Where units stand at the start of an episode: packed around their spawn point as the game packs them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from math import hypot

import numpy as np

GRID = 4096  # positions of the engine per cell
OVERLAP = 63 / 1024  # of two units that the engine has pushed apart; it counts as free of each other up to SLACK
SLACK = 1 / 16

Disc = tuple[float, float, float]  # x, y, radius


def pack(
    center: tuple[float, float],
    radius: float,
    count: int,
    walkable: np.ndarray,
    taken: Sequence[Disc] = (),
) -> list[tuple[float, float]]:
    """Places units of one type one by one, in the order of creation.

    A unit goes to the centre if that is free. Else the eight neighbours on a square grid of its radius are tried: there
    it is pushed away from whoever is in the way, the latest unit first, and stays if it then is free and no more than
    a radius from the grid's place. Else it takes the nearest place of the grid that is free as it is.
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
    neighbours, places = _places(center, radius, walkable)
    discs = list(taken)
    for disc in discs:
        places = _clear_of(disc, radius, places)
    for _ in range(count):
        place = _beside(center, radius, discs, neighbours=neighbours, places=places, walkable=walkable)
        if place is None:
            raise ValueError(f"no room for {count} units around {center}")
        discs.append((*place, radius))
        places = _clear_of(discs[-1], radius, places)
    return [(x, y) for x, y, _ in discs[len(taken) :]]


def on_grid(point: Sequence[float]) -> tuple[float, float]:
    """The nearest point of the engine's grid."""
    return round(point[0] * GRID) / GRID, round(point[1] * GRID) / GRID


def _beside(
    center: tuple[float, float],
    radius: float,
    discs: list[Disc],
    *,
    neighbours: np.ndarray,
    places: np.ndarray,
    walkable: np.ndarray,
) -> tuple[float, float] | None:
    """The next unit's place: see ``pack``."""
    if len(places) and tuple(places[0]) == center:
        return center
    for x, y in neighbours.tolist():
        place = on_grid(_pushed((x, y), radius, discs))
        if hypot(place[0] - x, place[1] - y) <= radius and _is_free(place, radius, discs) and _stands(place, walkable):
            return place
    return (float(places[0, 0]), float(places[0, 1])) if len(places) else None


def _pushed(place: tuple[float, float], radius: float, discs: list[Disc]) -> tuple[float, float]:
    """Away from each disc in the way, the latest first, until they overlap by no more than the engine allows."""
    for x, y, other in reversed(discs):
        gap, far = hypot(place[0] - x, place[1] - y), radius + other - OVERLAP
        if 0 < gap < far:
            place = x + (place[0] - x) * far / gap, y + (place[1] - y) * far / gap
    return place


def _is_free(place: tuple[float, float], radius: float, discs: list[Disc]) -> bool:
    return all(hypot(place[0] - x, place[1] - y) >= radius + other - SLACK for x, y, other in discs)


def _stands(place: tuple[float, float], walkable: np.ndarray) -> bool:
    inside = 0 <= place[0] < walkable.shape[0] and 0 <= place[1] < walkable.shape[1]
    return inside and bool(walkable[int(place[0]), int(place[1])])


def _clear_of(disc: Disc, radius: float, places: np.ndarray) -> np.ndarray:
    far = np.hypot(places[:, 0] - disc[0], places[:, 1] - disc[1])
    return places[far >= radius + disc[2] - SLACK]


def _places(center: tuple[float, float], radius: float, walkable: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The eight neighbours [8, 2], and all walkable places [P, 2] of the grid, nearest first."""
    spiral = _spiral(int(max(walkable.shape) / radius) + 1)
    places = np.array(center) + spiral * radius
    within = places[((places >= 0) & (places < walkable.shape)).all(axis=1)]
    cells = within.astype(int)
    return places[1:9], within[walkable[cells[:, 0], cells[:, 1]]]


@cache
def _spiral(rings: int) -> np.ndarray:
    """Offsets [P, 2] of a square grid, nearest first; of equally near ones those beside the axes, from the south
    anticlockwise: (0, -1), (1, 0), (0, 1), (-1, 0), (1, -1), ... (1, -2), (2, 1), (-1, 2), (-2, -1), (2, -1), ...
    """
    offsets = [(0, 0)]
    for ring in range(1, rings + 1):
        for along in range(ring + 1):
            offsets += [(along, -ring), (ring, along), (-along, ring), (-ring, -along)]
            if 0 < along < ring:
                offsets += [(ring, -along), (along, ring), (-ring, along), (-along, -ring)]
    points = np.array(offsets)
    return points[np.argsort((points**2).sum(axis=1), kind="stable")]
