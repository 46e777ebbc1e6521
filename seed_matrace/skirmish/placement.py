"""Where units stand at the start of an episode: packed around their spawn point."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

COLUMN_PITCH = 7 / 8  # of the width of a unit; a little more than the sqrt(3)/2 of the densest packing, and exact
GRID = 4096  # positions of the engine per cell


def pack(
    center: tuple[float, float],
    radius: float,
    count: int,
    walkable: np.ndarray,
    taken: Sequence[tuple[float, float, float]] = (),
) -> list[tuple[float, float]]:
    """Places equal discs as densely as discs go, in columns, each on the free place nearest to ``center``.

    Args:
      center: spawn point (x, y) in map cells; rounded to the engine's grid.
      radius: collision radius of each unit.
      count: number of units.
      walkable: bool [width, height], indexed [x, y].
      taken: discs (x, y, radius) that already stand there.

    Returns:
      (x, y) of each unit; discs at most touch.

    Raises:
      ValueError: no room on walkable ground.
    """
    center = on_grid(center)
    places = _columns(center, 2 * radius, walkable)
    for x, y, other in taken:
        gap = radius + other
        places = places[(places[:, 0] - x) ** 2 + (places[:, 1] - y) ** 2 >= gap * gap]
    if len(places) < count:
        raise ValueError(f"no room for {count} units around {center}")
    return [(float(x), float(y)) for x, y in places[:count]]


def on_grid(point: Sequence[float]) -> tuple[float, float]:
    """The nearest point of the engine's grid."""
    return round(point[0] * GRID) / GRID, round(point[1] * GRID) / GRID


def _columns(center: tuple[float, float], width: float, walkable: np.ndarray) -> np.ndarray:
    """Walkable places [P, 2] in staggered columns, nearest to ``center`` first, ties from the east, then the south."""
    reach = int(max(walkable.shape) / (width * COLUMN_PITCH)) + 1
    columns, rows = (axis.ravel() for axis in np.mgrid[-reach : reach + 1, -reach : reach + 1])
    xs, ys = center[0] + columns * width * COLUMN_PITCH, center[1] + (rows + columns % 2 / 2) * width
    inside = (xs >= 0) & (xs < walkable.shape[0]) & (ys >= 0) & (ys < walkable.shape[1])
    inside[inside] = walkable[xs[inside].astype(int), ys[inside].astype(int)]
    xs, ys = xs[inside], ys[inside]
    # Rounded, so that the six places round a unit count as equally near.
    rings = np.round(((xs - center[0]) ** 2 + (ys - center[1]) ** 2) / width**2, 1)
    order = np.lexsort((ys, -xs, rings))
    return np.stack([xs[order], ys[order]], axis=1)
