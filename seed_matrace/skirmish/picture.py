"""A battle from above, as pixels and as text, with NumPy alone: what ``render`` of other interfaces shows."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from seed_matrace.skirmish.maps import SkirmishMap
from seed_matrace.skirmish.units import UnitType

CELL = 16  # pixels
GROUND, BLOCKED, ALLY, ENEMY, HEALTH = (235, 232, 222), (150, 146, 138), (40, 95, 185), (190, 60, 45), (60, 150, 70)
_SMALLEST_RADIUS = 0.35  # cells


def render_battle(battle_map: SkirmishMap, types: Sequence[UnitType], units: np.ndarray) -> np.ndarray:
    """The playable area with every living unit; the bar above one is its health and shield.

    Args:
      types: unit type of every slot.
      units: float32 [5, U], see ``SkirmishVectorEnv.units``.

    Returns:
      uint8 [height, width, 3], ``CELL`` pixels for a cell, north at the top.
    """
    xs, ys, health, shield, _ = units
    left, bottom, right, top = (int(edge) for edge in battle_map.playable_area)
    ground = np.array([BLOCKED, GROUND], np.uint8)[battle_map.walkable[left:right, bottom:top].T[::-1]]
    picture = np.repeat(np.repeat(ground, CELL, axis=0), CELL, axis=1)
    rows, columns = np.ogrid[: picture.shape[0], : picture.shape[1]]
    for index in np.flatnonzero(health > 0).tolist():
        unit = types[index]
        x, y = (xs[index] - left) * CELL, (top - ys[index]) * CELL
        radius = max(unit.radius, _SMALLEST_RADIUS) * CELL
        inside = (columns - x) ** 2 + (rows - y) ** 2 <= radius**2
        picture[inside] = ALLY if index < battle_map.n_agents else ENEMY
        fraction = (health[index] + shield[index]) / (unit.health + unit.shield)
        filled = (columns >= x - radius) & (columns <= x - radius + 2 * radius * fraction)
        bar = (np.abs(rows - (y - radius - 3)) <= 1) & filled
        picture[bar] = HEALTH
    return picture


def write_battle(battle_map: SkirmishMap, types: Sequence[UnitType], units: np.ndarray) -> str:
    """The playable area with a character for each cell, north at the top, and a line for each team's health.

    Agents are the first letter of their unit type, enemies the same in lower case, ``#`` cannot be walked on.

    Args:
      types, units: as of ``render_battle``.
    """
    xs, ys, health, shield, _ = units
    left, bottom, right, top = (int(edge) for edge in battle_map.playable_area)
    cells = np.where(battle_map.walkable[left:right, bottom:top] > 0, ".", "#")
    for index in np.flatnonzero(health > 0).tolist():
        cell = np.clip([xs[index] - left, ys[index] - bottom], 0, np.array(cells.shape) - 1).astype(int)
        letter = types[index].name[0]
        cells[tuple(cell)] = letter.upper() if index < battle_map.n_agents else letter.lower()
    vitality = np.round(health + shield).astype(int)
    teams = (("agents ", vitality[: battle_map.n_agents]), ("enemies", vitality[battle_map.n_agents :]))
    lines = [f"{name} {' '.join(map(str, team))}" for name, team in teams]
    return "\n".join(["".join(row) for row in cells.T[::-1]] + lines) + "\n"
