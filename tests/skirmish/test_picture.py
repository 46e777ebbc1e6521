"""Pictures and texts of a battle show who stands where."""

import numpy as np

from seed_matrace.skirmish.maps import load_map
from seed_matrace.skirmish.picture import ALLY, BLOCKED, CELL, ENEMY, GROUND, HEALTH, render_battle, write_battle


def battle():
    """3m with agents in a row in the south, enemies in the north; the last agent is dead."""
    units = np.zeros((5, 6), np.float32)
    units[:2] = [[8, 12, 16, 8, 12, 16], [10, 10, 10, 20, 20, 20]]
    units[2] = [45, 9, 0, 45, 45, 45]
    return load_map("3m"), units


def pixel(picture, x, y):
    """At a place of the map, whose playable area begins at (2, 2)."""
    return tuple(picture[picture.shape[0] - round((y - 2) * CELL), round((x - 2) * CELL)].tolist())


def test_pixels():
    battle_map, units = battle()
    picture = render_battle(battle_map, battle_map.units, units)
    assert picture.shape == (28 * CELL, 28 * CELL, 3) and picture.dtype == np.uint8
    assert [pixel(picture, x, 10) for x in (8, 12, 16)] == [ALLY, ALLY, GROUND]
    assert [pixel(picture, x, 20) for x in (8, 12, 16)] == [ENEMY] * 3
    assert pixel(picture, 2.5, 2.5) == BLOCKED
    west, east = picture[:, : 8 * CELL], picture[:, 8 * CELL : 12 * CELL]
    whole, fifth = ((part[14 * CELL :] == HEALTH).all(-1).sum() for part in (west, east))
    assert 0 < fifth < whole / 3


def test_text():
    battle_map, units = battle()
    *rows, agents, enemies = write_battle(battle_map, battle_map.units, units).splitlines()
    assert len(rows) == 28 and {len(row) for row in rows} == {28}
    assert [rows[29 - 10][x - 2] for x in (8, 12, 16)] == ["M", "M", "."]
    assert [rows[29 - 20][x - 2] for x in (8, 12, 16)] == ["m"] * 3
    assert agents.split() == ["agents", "45", "9", "0"] and enemies.split() == ["enemies", "45", "45", "45"]
