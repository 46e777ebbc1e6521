"""Unit types: what the data file says of each, and the packed rows the compiled battle reads."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from importlib import resources
from math import ceil
from typing import Any

import numpy as np

from seed_matrace.replay import EFFECTS

ATTRIBUTES = ("Light", "Armored", "Biological", "Mechanical", "Massive", "Structure")
PLANES = ("Ground", "Air")
MOVERS = ("ground", "cliffs", "air")  # the C enum Mover

OVERLAP = 1 / 16  # cells, that units in contact may share

_FLOATS = """
    health_max shield_max armor radius separation margin speed acceleration lateral health_regen shield_regen
    energy_start energy_max energy_regen damage bonus_damage armor_factor reach reach_slop scan period
    missile_speed splash_radius sweep_reach sweep_rate sweep_step heal_cost heal_energy
"""
_INTS = """
    effect damage_point backswing hit_wait sweep_wait shield_wait attributes bonus_attributes planes targets
    always_threatens fires_freely layer mover
"""
# The C struct UnitStats of cext/battle.pxd, field by field. Distances in map cells, times in game loops.
UNIT_STATS_DTYPE = np.dtype([(name, np.float32) for name in _FLOATS.split()] + [(n, np.int32) for n in _INTS.split()])


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
    """One weapon, or a healer's beam; distances edge to edge in map cells, times in game loops."""

    effect: str  # one of EFFECTS
    range: float
    range_slop: float
    scan_range: float
    damage: float = 0.0  # of one hit; of a beam: health per loop
    bonus_damage: float = 0.0
    bonus_attributes: frozenset[str] = frozenset()  # of a beam: what it can heal
    targets: frozenset[str] = frozenset()  # planes
    ignores_armor: bool = False
    period: float = 0.0
    damage_point: int = 0
    backswing: int = 0
    fires_freely: bool = False  # whatever its order, also while it walks
    hit_wait: int = 0  # loops to the second hit, or of a sweep from the touch to the hit
    sweep_wait: int = 0  # of a sweep: loops to its last hit
    missile_speed: float = 0.0  # cells per loop
    splash_radius: float = 0.0
    sweep_reach: float = 0.0
    sweep_rate: float = 0.0  # points of a lance per loop
    sweep_step: float = 0.0  # cells from one to the next
    heal_cost: float = 0.0  # energy per health
    heal_energy: float = 0.0  # least energy to begin without an order


@dataclass(frozen=True)
class UnitType:
    """One unit type of the balance the SMAC maps load."""

    name: str
    health: float
    shield: float
    armor: float
    speed: float  # cells per game loop
    acceleration: float  # cells per loop per loop; 0: full speed at once
    lateral_acceleration: float  # the same across its way, which turns it; of units that accelerate
    radius: float  # of ranges and of collisions
    inner_radius: float  # of the ground it needs
    attributes: frozenset[str]
    planes: frozenset[str]  # in which it can be hit
    mover: str  # one of MOVERS
    stock_type_id: int
    smac_max_cooldown: float  # what SMAC divides a cooldown (of a healer: its energy) by
    smac_max_shield: float  # what SMAC divides a shield by; 1 for units without one
    weapon: Weapon
    always_threatens: bool = False
    health_regen: float = 0.0  # per loop
    shield_regen: float = 0.0
    shield_wait: int = 0  # loops without damage until the shield recovers
    energy_start: float = 0.0
    energy_max: float = 0.0
    energy_regen: float = 0.0

    @property
    def heals(self) -> bool:
        """Whether it has a beam in the place of a weapon."""
        return self.weapon.effect == "heal"

    @property
    def above_ground(self) -> bool:
        """Whether it collides with what flies and not with what walks."""
        return self.mover != "ground"

    @property
    def edge_margin(self) -> float:
        """How far from blocked ground its centre stays; the engine lets units overlap by a sixteenth with it, too."""
        return self.inner_radius - 1 / 16

    def stats_row(self) -> tuple[float, ...]:
        """The unit as a row of ``UNIT_STATS_DTYPE``; reaches are from the own centre to the target's edge."""
        weapon = self.weapon
        values = {
            **{name: getattr(weapon, name, 0) for name in UNIT_STATS_DTYPE.names or ()},
            **{name: getattr(self, name) for name in ("armor", "radius", "speed", "acceleration", "shield_wait")},
            **{name: getattr(self, name) for name in ("health_regen", "shield_regen", "always_threatens")},
            **{name: getattr(self, name) for name in ("energy_start", "energy_max", "energy_regen")},
            "health_max": self.health,
            "shield_max": self.shield,
            "separation": self.radius - OVERLAP / 2,
            "margin": self.edge_margin,
            "lateral": self.lateral_acceleration,
            "armor_factor": not weapon.ignores_armor,
            "reach": weapon.range + self.radius,
            "reach_slop": weapon.range + weapon.range_slop + self.radius,
            "scan": weapon.scan_range + self.radius,
            "effect": EFFECTS.index(weapon.effect),
            "attributes": _bits(ATTRIBUTES, self.attributes),
            "bonus_attributes": _bits(ATTRIBUTES, weapon.bonus_attributes),
            "planes": _bits(PLANES, self.planes),
            "targets": _bits(PLANES, weapon.targets),
            "layer": self.above_ground,
            "mover": MOVERS.index(self.mover),
        }
        return tuple(values[name] for name in UNIT_STATS_DTYPE.names or ())


def _bits(names: tuple[str, ...], chosen: frozenset[str]) -> int:
    return sum(1 << names.index(name) for name in chosen)


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
    wait_s = facts.get("hit_interval_s", facts.get("splash_delay_s", 0.0))
    return Weapon(
        effect=facts["effect"],
        damage=facts["damage"],
        bonus_damage=max(bonus.values(), default=0.0),
        bonus_attributes=frozenset(bonus),
        targets=frozenset(facts["targets"]),
        ignores_armor=facts.get("ignores_armor", False),
        range=facts["range"],
        range_slop=facts["range_slop"],
        scan_range=max(facts["minimum_scan_range"], facts["range"]),
        period=facts["period_s"] * loops,
        damage_point=ceil(facts["damage_point_s"] * loops),
        backswing=round(facts["backswing_s"] * loops),
        hit_wait=ceil(wait_s * loops),
        sweep_wait=ceil(facts.get("sweep_end_s", 0.0) * loops),
        missile_speed=facts.get("missile_speed_per_s", 0.0) / loops,
        splash_radius=facts.get("splash_radius", 0.0),
        sweep_reach=facts.get("sweep_reach", 0.0),
        sweep_rate=1 / (facts.get("sweep_period_s", 1.0) * loops),
        sweep_step=facts.get("sweep_step", 0.0),
        fires_freely=facts.get("fires_freely", False),
    )


def _load_beam(table: dict[str, Any], loops: float) -> Weapon:
    facts = _values(table)
    return Weapon(
        effect="heal",
        damage=facts["health_per_s"] / loops,
        bonus_attributes=frozenset(facts["attributes"]),
        range=facts["range"],
        range_slop=facts["range_slop"],
        scan_range=facts["autocast_scan_range"],
        heal_cost=facts["energy_per_health"],
        heal_energy=facts["autocast_min_energy"],
    )


def unit_type_names() -> list[str]:
    """Names of all unit types of the data file, in its order."""
    return list(_document()["units"])


@cache
def load_unit_type(name: str, *, enemy: bool = False) -> UnitType:
    """The unit type ``name`` of the data file.

    Args:
      name: as in the data file.
      enemy: the game's own unit instead of the maps' copy of it, of which agents are.

    Raises:
      ValueError: the data file has no such unit.
    """
    units = _document()["units"]
    if name not in units:
        raise ValueError(f"unknown unit type {name!r}; known: {', '.join(units)}")
    facts = _values(units[name]) | (_values(units[name].get("enemy", {})) if enemy else {})
    loops = load_engine().loops_per_second
    armed = "weapon" in units[name]
    return UnitType(
        name=name,
        health=facts["health"],
        health_regen=facts.get("health_regen_per_s", 0.0) / loops,
        shield=facts["shield"],
        shield_regen=facts.get("shield_regen_per_s", 0.0) / loops,
        shield_wait=round(facts.get("shield_regen_delay_s", 0.0) * loops),
        armor=facts["armor"],
        energy_start=facts.get("energy_start", 0.0),
        energy_max=facts.get("energy_max", 0.0),
        energy_regen=facts.get("energy_regen_per_s", 0.0) / loops,
        speed=facts["speed_per_s"] / loops,
        acceleration=_acceleration(facts, loops),
        lateral_acceleration=facts.get("lateral_acceleration_per_s2", 0.0) / loops**2,
        radius=facts["radius"],
        inner_radius=facts["inner_radius"],
        attributes=frozenset(facts["attributes"]),
        planes=frozenset(facts["planes"]),
        mover=facts["mover"],
        always_threatens=facts.get("always_threatens", False),
        stock_type_id=facts["stock_type_id"],
        smac_max_cooldown=facts["smac_max_cooldown"],
        smac_max_shield=facts["smac_max_shield"] or 1.0,
        weapon=_load_weapon(units[name]["weapon"], loops) if armed else _load_beam(units[name]["heal"], loops),
    )


def _acceleration(facts: dict[str, Any], loops: float) -> float:
    """Per loop per loop; 0 for units that reach their speed within a loop, as all that walk do."""
    acceleration = facts.get("acceleration_per_s2", 0.0) / loops**2
    return acceleration if acceleration < facts["speed_per_s"] / loops else 0.0
