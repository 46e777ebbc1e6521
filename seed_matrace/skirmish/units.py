"""Unit types: what the data file says of each, and the packed rows the compiled battle reads."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

import numpy as np

ATTRIBUTES = ("Light", "Armored", "Biological", "Mechanical", "Massive", "Structure")

# The C struct UnitStats of cext/battle.pxd, field by field. Distances in map cells, times in game loops.
UNIT_STATS_DTYPE = np.dtype(
    [
        ("health_max", np.float32),
        ("shield_max", np.float32),
        ("armor", np.float32),
        ("radius", np.float32),
        ("speed", np.float32),
        ("damage", np.float32),
        ("bonus_damage", np.float32),
        ("reach", np.float32),
        ("reach_slop", np.float32),
        ("scan", np.float32),
        ("period", np.float32),
        ("damage_point", np.int32),
        ("backswing", np.int32),
        ("attributes", np.int32),
        ("bonus_attributes", np.int32),
    ]
)


@dataclass(frozen=True)
class Engine:
    """Constants of the game engine that no unit owns."""

    loops_per_second: float
    attack_delay_loops: tuple[float, float]
    minimum_damage: float
    help_radius: float
    help_period_loops: int


@dataclass(frozen=True)
class Weapon:
    """One weapon; distances edge to edge in map cells, times in game loops."""

    damage: float
    bonus_damage: float
    bonus_attributes: frozenset[str]
    range: float
    range_slop: float
    scan_range: float
    period: float
    damage_point: int
    backswing: int


@dataclass(frozen=True)
class UnitType:
    """One unit type of the balance the SMAC maps load."""

    name: str
    health: float
    shield: float
    armor: float
    speed: float  # cells per game loop
    radius: float  # of ranges
    separation_radius: float  # of collisions
    attributes: frozenset[str]
    stock_type_id: int
    smac_max_cooldown: float  # what SMAC divides a cooldown by
    smac_max_shield: float  # what SMAC divides a shield by; 1 for units without one
    weapon: Weapon

    def stats_row(self) -> tuple[float, ...]:
        """The unit as a row of ``UNIT_STATS_DTYPE``; reaches are from the own centre to the target's edge."""
        weapon = self.weapon
        return (
            self.health,
            self.shield,
            self.armor,
            self.radius,
            self.speed,
            weapon.damage,
            weapon.bonus_damage,
            weapon.range + self.radius,
            weapon.range + weapon.range_slop + self.radius,
            weapon.scan_range + self.radius,
            weapon.period,
            weapon.damage_point,
            weapon.backswing,
            _attribute_bits(self.attributes),
            _attribute_bits(weapon.bonus_attributes),
        )


def _attribute_bits(names: frozenset[str]) -> int:
    return sum(1 << ATTRIBUTES.index(name) for name in names)


@cache
def _document() -> dict[str, Any]:
    path = resources.files("seed_matrace.skirmish") / "data" / "units.json"
    return json.loads(path.read_text(encoding="utf-8"))


def _values(table: dict[str, Any]) -> dict[str, Any]:
    """Drops the source tag beside every value."""
    return {key: entry[0] for key, entry in table.items() if isinstance(entry, list)}


@cache
def load_engine() -> Engine:
    """Engine constants of the data file, times in game loops."""
    facts = _values(_document()["engine"])
    loops = facts["loops_per_second"]
    low, high = facts["random_attack_delay_s"]
    return Engine(
        loops_per_second=loops,
        attack_delay_loops=(low * loops, high * loops),
        minimum_damage=facts["minimum_damage"],
        help_radius=facts["call_for_help_radius"],
        help_period_loops=round(facts["call_for_help_period_s"] * loops),
    )


def _load_weapon(table: dict[str, Any], loops: float) -> Weapon:
    facts = _values(table)
    bonus = facts["bonus_damage"]
    if len(set(bonus.values())) > 1:
        raise ValueError(f"units.json: bonus_damage {bonus}: one amount for all its attributes expected")
    return Weapon(
        damage=facts["damage"],
        bonus_damage=max(bonus.values(), default=0.0),
        bonus_attributes=frozenset(bonus),
        range=facts["range"],
        range_slop=facts["range_slop"],
        scan_range=max(facts["minimum_scan_range"], facts["range"]),
        period=facts["period_s"] * loops,
        damage_point=round(facts["damage_point_s"] * loops),
        backswing=round(facts["backswing_s"] * loops),
    )


@cache
def load_unit_type(name: str) -> UnitType:
    """The unit type ``name`` of the data file.

    Raises:
      ValueError: the data file has no such unit.
    """
    units = _document()["units"]
    if name not in units:
        raise ValueError(f"unknown unit type {name!r}; known: {', '.join(sorted(units))}")
    facts = _values(units[name])
    loops = load_engine().loops_per_second
    return UnitType(
        name=name,
        health=facts["health"],
        shield=facts["shield"],
        armor=facts["armor"],
        speed=facts["speed_per_s"] / loops,
        radius=facts["radius"],
        separation_radius=facts["separation_radius"],
        attributes=frozenset(facts["attributes"]),
        stock_type_id=facts["stock_type_id"],
        smac_max_cooldown=facts["smac_max_cooldown"],
        smac_max_shield=facts["smac_max_shield"] or 1.0,
        weapon=_load_weapon(units[name]["weapon"], loops),
    )
