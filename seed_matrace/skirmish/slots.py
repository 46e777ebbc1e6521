"""Who is in which slot of a battle: enemies are numbered anew for each, and teams may be random."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np

from seed_matrace._cext._skirmish import Skirmish
from seed_matrace.skirmish.maps import SkirmishMap
from seed_matrace.skirmish.units import UNIT_STATS_DTYPE, UnitType

_SCAN = (UNIT_STATS_DTYPE.names or ()).index("scan")


def types_vary(battle_map: SkirmishMap, *, shuffle_enemies: bool) -> bool:
    """Whether a slot can hold units of different types from one battle to the next."""
    enemies = battle_map.units[battle_map.n_agents :]
    return battle_map.random_teams is not None or (shuffle_enemies and len({unit.name for unit in enemies}) > 1)


def slot_types(battle_map: SkirmishMap, battles: Skirmish, env: int = 0) -> tuple[UnitType, ...]:
    """Unit type of every slot, allies first, in the episode at hand of battle ``env``."""
    types = battles.drawn_types()[env]
    return tuple(_type_of(battle_map, row) for row in types.tolist()) if len(types) else battle_map.units


def slot_stats(battle_map: SkirmishMap, battles: Skirmish) -> np.ndarray:
    """UNIT_STATS_DTYPE [E, U] of who is in the slots in the episodes at hand."""
    types = battles.drawn_types()
    return types if types.shape[1] else np.broadcast_to(battle_map.stats, (battles.num_envs, len(battle_map.stats)))


@lru_cache(maxsize=1024)
def _type_of(battle_map: SkirmishMap, row: tuple[Any, ...]) -> UnitType:
    """The type of a row of UNIT_STATS_DTYPE; enemies that hunt see farther than their type."""
    values = np.delete(np.array(row), _SCAN)
    return min(battle_map.possible_units, key=lambda unit: np.abs(np.delete(unit.stats_row(), _SCAN) - values).sum())
