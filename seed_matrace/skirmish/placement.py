"""Where units stand at the start of an episode: packed around their spawn point."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

PITCH = 0.125  # of the lattice of places tried; a multiple of the engine's 1/4096, so places are exact


def pack(
    center: tuple[float, float],
    radii: Sequence[float],
    walkable: np.ndarray,
    taken: Sequence[tuple[float, float, float]] = (),
) -> list[tuple[float, float]]:
    """Places discs one after another, each on the free lattice point nearest to ``center``.

    Args:
      center: spawn point (x, y) in map cells.
      radii: collision radius of each unit, in the order of creation.
      walkable: bool [width, height], indexed [x, y].
      taken: discs (x, y, radius) that already stand there.

    Returns:
      (x, y) of each unit, on a lattice of ``PITCH`` cells; discs at most touch.

    Raises:
      ValueError: no room on walkable ground.
    """
    points = _lattice(center, walkable)
    free_from: list[tuple[float, float, float]] = list(taken)
    places = []
    for radius in radii:
        free = np.ones(len(points), bool)
        for x, y, other in free_from:
            gap = radius + other
            free &= (points[:, 0] - x) ** 2 + (points[:, 1] - y) ** 2 >= gap * gap
        if not free.any():
            raise ValueError(f"no room for {len(radii)} units around {center}")
        x, y = points[int(np.argmax(free))]
        places.append((float(x), float(y)))
        free_from.append((float(x), float(y), radius))
    return places


def _lattice(center: tuple[float, float], walkable: np.ndarray) -> np.ndarray:
    """Walkable lattice points [P, 2] around ``center``, nearest first, ties from south-west to north-east."""
    width, height = walkable.shape
    offsets = np.arange(-max(width, height), max(width, height) + PITCH, PITCH)
    xs, ys = (axis.ravel() for axis in np.meshgrid(center[0] + offsets, center[1] + offsets, indexing="ij"))
    inside = (xs >= 0) & (xs < width) & (ys >= 0) & (ys < height)
    xs, ys = xs[inside], ys[inside]
    ground = walkable[xs.astype(int), ys.astype(int)]
    xs, ys = xs[ground], ys[ground]
    order = np.lexsort((ys, xs, (xs - center[0]) ** 2 + (ys - center[1]) ** 2))
    return np.stack([xs[order], ys[order]], axis=1)
