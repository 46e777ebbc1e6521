"""Teams and start positions that are sampled anew for every episode, as SMACv2 does."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from seed_matrace.skirmish.units import UNIT_STATS_DTYPE, UnitType, load_unit_type

MAX_BOXES = 4  # of a side; the C enum of cext/draws.pxd

Box = tuple[float, float, float, float]  # x0, y0, x1, y1


@dataclass(frozen=True)
class Start:
    """One way to place the teams: every unit on a uniform point of one of its side's boxes."""

    weight: float
    allies: tuple[Box, ...]
    enemies: tuple[Box, ...]
    mirrored: bool = False  # enemy i stands opposite to ally i, across the north-south middle line, if it can


@dataclass(frozen=True)
class RandomTeams:
    """What is sampled for an episode: unit types by weight, the same for both teams, and one of the starts."""

    units: tuple[UnitType, ...]
    weights: tuple[float, ...]  # some may be 0, not all
    starts: tuple[Start, ...]
    exceptions: tuple[UnitType, ...] = ()  # a team of nothing else is sampled again


@dataclass(frozen=True, eq=False)
class DrawTables:
    """The C struct DrawTables of cext/draws.pxd; sides are 0 allies, 1 enemies."""

    type_cdf: np.ndarray  # float32 [types], cumulative distribution
    stats: np.ndarray  # UNIT_STATS_DTYPE [2, types]
    norms: np.ndarray  # float64 [3, types]: greatest health, and what SMAC divides shields and gauges by
    type_number: np.ndarray  # int32 [2, types]
    healer: np.ndarray  # uint8 [types]
    exception: np.ndarray  # uint8 [types], 1 = a team of nothing else is sampled again
    start_cdf: np.ndarray  # float32 [starts], cumulative distribution
    mirrored: np.ndarray  # int32 [starts]
    n_boxes: np.ndarray  # int32 [starts, 2]
    boxes: np.ndarray  # float32 [starts, 2, MAX_BOXES, 6]: x0, y0, x1, y1 and a walkable point

    def __deepcopy__(self, memo: object) -> DrawTables:
        return self  # nothing in it changes


@dataclass(frozen=True, eq=False)
class DrawnTeams:
    """Who plays the episode at hand in every environment; a row is the C struct DrawnTeam of cext/draws.pxd."""

    stats: np.ndarray  # UNIT_STATS_DTYPE [E, U]
    spawn: np.ndarray  # float32 [E, U, 2]
    norms: np.ndarray  # float64 [E, 3, U], as in DrawTables
    type_number: np.ndarray  # int32 [E, U]
    healer: np.ndarray  # uint8 [E, U]


def empty_teams(num_envs: int, n_units: int, *, types_vary: bool) -> DrawnTeams:
    """Memory for the teams of ``num_envs`` environments; without types where each slot always holds the same."""
    shape = (num_envs, n_units if types_vary else 0)
    return DrawnTeams(
        stats=np.zeros(shape, UNIT_STATS_DTYPE),
        spawn=np.zeros((num_envs, n_units, 2), np.float32),
        norms=np.zeros((num_envs, 3, shape[1]), np.float64),
        type_number=np.zeros(shape, np.int32),
        healer=np.zeros(shape, np.uint8),
    )


def team_tables(teams: RandomTeams, walkable: np.ndarray, *, numbered: bool, hunting: bool) -> DrawTables:
    """What the compiled battle samples teams from.

    Args:
      teams: what is sampled.
      walkable: uint8 [width, height].
      numbered: whether units show their type (``unit_type_bits``).
      hunting: whether enemies look for allies everywhere.
    """
    units = teams.units
    enemies = [load_unit_type(unit.name, enemy=True) for unit in units]
    stats = np.array([[unit.stats_row() for unit in side] for side in (units, enemies)], UNIT_STATS_DTYPE)
    if hunting:
        stats["scan"][1] = np.inf
    boxes = np.zeros((len(teams.starts), 2, MAX_BOXES, 6), np.float32)
    for start, of_start in zip(teams.starts, boxes, strict=True):
        for side, of_side in zip((start.allies, start.enemies), of_start, strict=True):
            for box, row in zip(side, of_side, strict=False):
                row[:] = (*box, *safe_point(box, walkable))
    return DrawTables(
        type_cdf=_cumulative(teams.weights),
        stats=stats,
        norms=np.array(
            [[u.health for u in units], [u.smac_max_shield for u in units], [u.smac_max_cooldown for u in units]],
            np.float64,
        ),
        type_number=np.array([np.arange(len(units)) * numbered] * 2, np.int32),
        healer=np.array([unit.heals for unit in units], np.uint8),
        exception=np.array(
            [unit in teams.exceptions or not weight for unit, weight in zip(units, teams.weights, strict=True)],
            np.uint8,
        ),
        start_cdf=_cumulative(tuple(start.weight for start in teams.starts)),
        mirrored=np.array([start.mirrored for start in teams.starts], np.int32),
        n_boxes=np.array([[len(start.allies), len(start.enemies)] for start in teams.starts], np.int32),
        boxes=boxes,
    )


def safe_point(box: Box, walkable: np.ndarray) -> tuple[float, float]:
    """Centre of the walkable cell nearest to the middle of the box.

    Raises:
      ValueError: no cell of the box is walkable.
    """
    cells = np.argwhere(walkable) + 0.5
    inside = cells[((cells >= box[:2]) & (cells <= box[2:])).all(axis=1)]
    if not len(inside):
        raise ValueError(f"box {list(box)} holds no walkable cell")
    middle = ((box[0] + box[2]) / 2, (box[1] + box[3]) / 2)
    x, y = inside[((inside - middle) ** 2).sum(axis=1).argmin()]
    return float(x), float(y)


def _cumulative(weights: tuple[float, ...]) -> np.ndarray:
    return (np.cumsum(weights) / np.sum(weights)).astype(np.float32)


def surround(walkable: np.ndarray, weight: float) -> Start:
    """Allies in the middle of the ground, enemies in its four corners."""
    x0, y0, x1, y1 = _bounds(walkable)
    w, h = (x1 - x0) / 8, (y1 - y0) / 8
    middle = (x0 + 3 * w, y0 + 3 * h, x1 - 3 * w, y1 - 3 * h)
    corners = tuple((cx, cy, cx + w, cy + h) for cx in (x0 + w, x1 - 2 * w) for cy in (y0 + h, y1 - 2 * h))
    return Start(weight, (middle,), corners)


def reflect(walkable: np.ndarray, weight: float) -> Start:
    """Allies in the western part of the ground, each enemy opposite to an ally."""
    x0, y0, x1, y1 = _bounds(walkable)
    third = (x1 - x0) / 3
    return Start(weight, ((x0, y0, x0 + third, y1),), ((x1 - third, y0, x1, y1),), mirrored=True)


def _bounds(walkable: np.ndarray) -> Box:
    cells = np.argwhere(walkable)
    (x0, y0), (x1, y1) = cells.min(axis=0), cells.max(axis=0) + 1
    return float(x0), float(y0), float(x1), float(y1)
