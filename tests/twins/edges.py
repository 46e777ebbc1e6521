"""Where ground ends in the naive battle; see battle.py and cext/battle_edges.pxd."""

from __future__ import annotations

import numpy as np

from seed_matrace.skirmish.edges import NEAR, OPEN, SOLID, SOLID_NE, SOLID_NW, SOLID_SE
from seed_matrace.skirmish.rules import BattleRules
from seed_matrace.skirmish.units import MOVERS
from twins.units import F, Unit

Place = tuple[F, F]


def snap(v: F) -> F:
    """Nearest point of the engine's grid of 1/4096."""
    return F(int(v * F(4096) + F(0.5))) * F(1 / 4096)


def push_out(shape: int, column: int, row: int, margin: F, x: F, y: F) -> Place | None:
    """(x, y) moved out to ``margin`` from the blocked part of a cell; None if it lies inside of it."""
    a, b = x - F(column), y - F(row)
    east, north = shape in (SOLID_SE, SOLID_NE), shape in (SOLID_NW, SOLID_NE)
    a, b = F(1) - a if east else a, F(1) - b if north else b
    near_a, near_b = min(max(a, F(0)), F(1)), min(max(b, F(0)), F(1))
    if shape != SOLID and near_a + near_b > F(1):
        near_a = min(max(a - (a + b - F(1)) * F(0.5), F(0)), F(1))
        near_b = F(1) - near_a
    d2 = (a - near_a) * (a - near_a) + (b - near_b) * (b - near_b)
    if d2 < margin * margin:
        if d2 > 0:
            scale = margin / np.sqrt(d2)
            a, b = near_a + (a - near_a) * scale, near_b + (b - near_b) * scale
        elif a <= 0:  # on its edge
            a = -margin
        elif b <= 0:
            b = -margin
        elif shape != SOLID and a + b >= F(1):
            a, b = a + margin * F(0.70710678), b + margin * F(0.70710678)
        elif shape == SOLID and a >= F(1):
            a = F(1) + margin
        elif shape == SOLID and b >= F(1):
            b = F(1) + margin
        else:
            return None
        x = F(column) + (F(1) - a if east else a)
        y = F(row) + (F(1) - b if north else b)
    return x, y


def push_out_of_all(rules: BattleRules, unit: Unit, place: Place) -> Place | None:
    """Where the unit can stand near ``place``; None inside of what is blocked."""
    shapes = rules.edges[MOVERS.index(unit.type.mover)]
    margin = F(unit.type.edge_margin)
    column, row = int(place[0]), int(place[1])

    def edge_at(i: int, j: int) -> int:
        inside = 0 <= i < shapes.shape[0] and 0 <= j < shapes.shape[1]
        return int(shapes[i, j]) if inside else SOLID | NEAR

    if not edge_at(column, row) & NEAR:
        return place
    for i in range(column - 1, column + 2):
        for j in range(row - 1, row + 2):
            shape = edge_at(i, j) & ~NEAR
            if shape != OPEN:
                moved = push_out(shape, i, j, margin, *place)
                if moved is None:
                    return None
                place = moved
    return place


def stands(rules: BattleRules, unit: Unit, x: F, y: F) -> bool:
    """Whether the unit has room between edges at (x, y), or nearly."""
    if unit.type.mover == "air":
        return True
    free = push_out_of_all(rules, unit, (x, y))
    return free is not None and bool((x - free[0]) * (x - free[0]) + (y - free[1]) * (y - free[1]) < F(0.015625))


def settle(rules: BattleRules, unit: Unit) -> None:
    """Puts the unit where it ends up."""
    if unit.next == (unit.x, unit.y):
        return
    place: Place | None = unit.next
    if unit.type.mover == "air":
        x0, y0, x1, y1 = (F(bound) for bound in rules.playable_area)
        place = (min(max(unit.next[0], x0), x1), min(max(unit.next[1], y0), y1))
    else:
        for _ in range(2):
            place = push_out_of_all(rules, unit, place) if place is not None else None
    if place is not None:
        unit.x, unit.y = snap(place[0]), snap(place[1])
