"""What of the engine and the map the compiled battle needs besides units."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from seed_matrace.skirmish.edges import edge_shapes
from seed_matrace.skirmish.maps import SkirmishMap
from seed_matrace.skirmish.paths import Paths
from seed_matrace.skirmish.units import UnitType, load_engine


@dataclass(frozen=True, eq=False)
class BattleRules:
    """The C struct Rules of cext/battle.pxd; rules that no unit of the map needs are switched off."""

    delay_low: float  # random attack delay, loops
    delay_span: float
    minimum_damage: float
    help_radius: float
    help_period: int
    attack_own_place: bool
    attack_point: tuple[float, float]
    attack_span: tuple[float, float]
    mixed_targets: bool
    has_shots: bool
    has_sweeps: bool
    has_explosions: bool
    has_recovery: bool
    has_air: bool
    edges: np.ndarray  # uint8 [2, width, height], of walkers and cliff walkers: edges.edge_shapes
    playable_area: tuple[float, float, float, float]  # x0, y0, x1, y1
    paths: Paths | None

    def __deepcopy__(self, memo: object) -> BattleRules:
        return self  # nothing in it changes


def battle_rules(battle_map: SkirmishMap) -> BattleRules:
    """The rules of battles on ``battle_map``."""
    engine = load_engine()
    low, high = engine.attack_delay_loops
    units = battle_map.possible_units
    effects = {unit.weapon.effect for unit in units}
    point, end = battle_map.enemy_order.target, battle_map.enemy_order.to
    return BattleRules(
        delay_low=low,
        delay_span=high - low,
        minimum_damage=engine.minimum_damage,
        help_radius=engine.help_radius,
        help_period=engine.help_period_loops,
        attack_own_place=battle_map.enemy_order.kind != "attack_move",
        attack_point=point,
        attack_span=(end[0] - point[0], end[1] - point[1]),
        mixed_targets=not all(_fair_target(unit, other) for unit in units for other in units),
        has_shots=bool(effects & {"burst", "missile", "sweep"}),
        has_sweeps="sweep" in effects,
        has_explosions="explosion" in effects,
        has_recovery=any(unit.health_regen or unit.shield_regen for unit in units),
        has_air=any(unit.above_ground for unit in units),
        edges=np.stack([edge_shapes(battle_map.walkable), edge_shapes(battle_map.climbable)]),
        playable_area=battle_map.playable_area,
        paths=battle_map.paths,
    )


def _fair_target(unit: UnitType, other: UnitType) -> bool:
    """Whether ``unit`` could attack ``other`` and counts it as a threat."""
    threat = bool(other.weapon.targets & unit.planes) or other.always_threatens
    return unit.heals or (bool(unit.weapon.targets & other.planes) and threat)
