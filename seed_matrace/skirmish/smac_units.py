"""Units as SMAC hands them out: fields and numbers of StarCraft II's own messages, as far as the simulator has them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from seed_matrace.skirmish.maps import SkirmishMap
from seed_matrace.skirmish.units import UnitType

OWN_TYPE_ID = 1970  # of the first own unit type: those that a map brings along come behind the game's
TAG_SHIFT = 18  # a tag is the number of a unit's slot, and below it how often the slot was used
PLAYER, COMPUTER = 1, 2  # owners
_OWN, _ENEMY = 1, 4  # alliances


class Point(NamedTuple):
    """Where a unit is, in map cells; the simulator is flat."""

    x: float
    y: float
    z: float = 0.0


class _Fields(NamedTuple):
    tag: int
    owner: int
    alliance: int
    unit_type: int
    pos: Point
    radius: float
    health: float
    health_max: float
    shield: float
    shield_max: float
    energy: float
    energy_max: float
    weapon_cooldown: float
    is_flying: bool


class Unit(_Fields):
    """A unit as it was when it was asked for; a dead one has health 0 and otherwise what it had last.

    ``weapon_cooldown`` counts game loops. SMAC has ``s2clientprotocol.raw_pb2.Unit`` here, with more fields.
    """

    __slots__ = ()

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        raise AttributeError(f"the simulator's units have no {name!r}; there is {', '.join(self._fields)}")


class Team(dict[int, Unit]):
    """Units by number. They are looked at: a unit put in or taken out would not be the battle's."""

    def _refuse(self, *_: Any, **__: Any) -> Any:
        raise TypeError(
            "agents and enemies are what the battle shows; set env.agents (or enemies) to another dict instead, which "
            "counts until the next step"
        )

    __setitem__ = __delitem__ = __ior__ = clear = pop = popitem = setdefault = update = _refuse

    def __reduce__(self) -> Any:
        return Team, (dict(self),)


class Roster:
    """Who takes part in a battle: what never changes of the unit in each slot, allies first.

    Args:
      kinds: unit type of every slot.
      wave: number of the battle, which tells its units' tags from those of others.
    """

    def __init__(self, battle_map: SkirmishMap, kinds: Sequence[UnitType], wave: int) -> None:
        self.kinds = tuple(kinds)
        self.has_healers = any(kind.heals for kind in kinds)
        n = battle_map.n_agents
        self.unit_types = [unit_type_id(battle_map, kind, own=slot < n) for slot, kind in enumerate(kinds)]
        self._n_agents = n
        self._tags = [unit_tag(slot, wave) for slot in range(len(kinds))]

    def team(self, table: np.ndarray, *, own: bool) -> Team:
        """One side of a table float32 [5, U], by the numbers that SMAC gives its units."""
        n = self._n_agents
        slots = range(n) if own else range(n, len(self.kinds))
        rows = table.T.tolist()
        return Team({index: self._unit(slot, rows[slot], own) for index, slot in enumerate(slots)})

    def _unit(self, slot: int, numbers: list[float], own: bool) -> Unit:
        x, y, health, shield, gauge = numbers
        kind = self.kinds[slot]
        return Unit(
            tag=self._tags[slot],
            owner=PLAYER if own else COMPUTER,
            alliance=_OWN if own else _ENEMY,
            unit_type=self.unit_types[slot],
            pos=Point(x, y),
            radius=kind.radius,
            health=health,
            health_max=kind.health,
            shield=shield,
            shield_max=kind.shield,
            energy=gauge if kind.heals else 0.0,
            energy_max=kind.energy_max,
            weapon_cooldown=0.0 if kind.heals else gauge,
            is_flying=kind.mover == "air",
        )


def type_orders(battle_map: SkirmishMap) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Own and enemy unit types by their number in SMAC's one-hot."""
    if battle_map.random_teams is None:
        return battle_map.type_order
    names = tuple(unit.name for unit in battle_map.random_teams.units)
    return names, names


def unit_type_id(battle_map: SkirmishMap, kind: UnitType, *, own: bool) -> int:
    """Own types are numbered in SMAC's order, behind the game's; enemies are the game's own."""
    return OWN_TYPE_ID + type_orders(battle_map)[0].index(kind.name) if own else kind.stock_type_id


def unit_tag(slot: int, uses: int) -> int:
    """Name of the unit in a slot; no other unit of a game has it."""
    return (slot + 1) << TAG_SHIFT | uses
