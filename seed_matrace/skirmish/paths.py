"""Ways round obstacles: for every two cells of a terrain, the corner to walk to first."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from seed_matrace._cext._paths import find_sight, find_ways

CLEARANCE = 0.35  # cells kept from walls, about the radius of a small unit

MOST_CELLS = 4096  # walkable ones beside an obstacle: the tables of their pairs take 0.5 GB while they are made
MOST_WORK = 4e9  # corners times pairs of cells: 10 to 20 s, of which lines of sight take a third
WORTH_IT = 1.0  # cells that the longest way round must be longer than the straight one; less is sliding along a wall


@dataclass(frozen=True, eq=False)
class Paths:
    """Shortest ways among C walkable cells, corner by corner."""

    cell_of: np.ndarray  # int16 [width, height]: number of the walkable cell nearest to a cell
    corner: np.ndarray  # int16 [C, C]: cell to walk to on the way from one to another; -1 straight on
    cell_center: np.ndarray  # float32 [C, 2]


def check_size(walkable: np.ndarray) -> None:
    """Raises ValueError if the ways of a terrain cannot be computed in reasonable time and memory."""
    cells = np.argwhere(walkable)
    corners = len(_corners(walkable, cells))
    if corners and (len(cells) > MOST_CELLS or corners * float(len(cells)) ** 2 > MOST_WORK):
        raise ValueError(
            f"{len(cells)} walkable cells round {corners} corners of obstacles are too many to find ways among; "
            f"at most {MOST_CELLS} cells, and fewer of them with many corners, expected"
        )


def find_paths(walkable: np.ndarray) -> Paths | None:
    """Computes the table of a terrain.

    Args:
      walkable: uint8 [width, height], indexed [x, y].

    Returns:
      The table, or None if all ways are straight but for the steps of a slanting edge.
    """
    cells = np.ascontiguousarray(np.argwhere(walkable), np.int32)
    corners = _corners(walkable, cells)
    if not len(corners):
        return None
    apart = np.hypot(*(cells[:, None] - cells[None]).transpose(2, 0, 1))
    length = np.where(lines_of_sight(walkable, cells), apart, np.inf)
    corner = np.full(length.shape, -1, np.int16)
    find_ways(corners.astype(np.int32), length, corner)
    if (length - apart).max() < WORTH_IT:
        return None
    (width, height), (x, y) = walkable.shape, cells.T
    beside = (np.arange(height)[:, None] - y) ** 2
    return Paths(
        cell_of=np.array([((column - x) ** 2 + beside).argmin(axis=1) for column in range(width)], np.int16),
        corner=corner,
        cell_center=(cells + 0.5).astype(np.float32),
    )


def lines_of_sight(walkable: np.ndarray, cells: np.ndarray) -> np.ndarray:
    """Bool [C, C]: between which of the walkable cells, int32 [C, 2], a small unit can go straight."""
    room, free = np.full(walkable.shape, -1, np.int16), walkable.astype(bool)
    while free.any():
        room += free
        padded = np.pad(free, 1)
        around = [padded[i : i + len(free), j : j + free.shape[1]] for i in range(3) for j in range(3)]
        free = np.logical_and.reduce(around)
    sight = np.zeros((len(cells), len(cells)), np.uint8)
    find_sight(room, cells, CLEARANCE, sight)
    return sight.view(bool)


def _corners(walkable: np.ndarray, cells: np.ndarray) -> np.ndarray:
    """Numbers of the cells that touch a convex corner of an obstacle: the only ones where a shortest way turns."""
    padded = np.pad(walkable, 1).astype(bool)
    x, y = cells.T + 1
    found = np.zeros(len(cells), bool)
    for dx in (-1, 1):
        for dy in (-1, 1):
            found |= ~padded[x + dx, y + dy] & padded[x + dx, y] & padded[x, y + dy]
    return np.flatnonzero(found)
