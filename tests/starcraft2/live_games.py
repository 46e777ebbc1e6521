"""Games of StarCraft II as SMAC holds them, with units that stand and ail at random."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np

from seed_matrace.skirmish.layout import FeatureLayout
from seed_matrace.skirmish.maps import SkirmishMap, load_map
from seed_matrace.smac_options import SmacOptions

FIRST_OWN_TYPE = 1970  # any number: SMAC's own units have ids of their map's
_FLAGS = (
    *("obs_all_health", "obs_own_health", "obs_last_action", "obs_pathing_grid", "obs_terrain_height"),
    *("obs_instead_of_state", "obs_timestep_number", "state_last_action", "state_timestep_number"),
)


def random_options(rng: np.random.Generator) -> dict[str, Any]:
    """A fair coin for every option that features depend on."""
    options: dict[str, Any] = {name: bool(rng.integers(2)) for name in _FLAGS}
    whole = options["obs_pathing_grid"] or options["obs_terrain_height"]
    return {**options, "move_amount": float(rng.choice([1, 2, 3] if whole else [0.5, 2, 2.5]))}


def random_layout(map_name: str, options: dict[str, Any], rng: np.random.Generator) -> FeatureLayout:
    """A map's sizes on a terrain of its own."""
    battle_map = load_map(map_name)
    layout = battle_map.layout.with_options(SmacOptions(**options), battle_map.episode_limit)
    walkable = (rng.random((32, 32)) < 0.7).astype(np.uint8)
    fields = {**vars(layout), "pathing": walkable, "height": rng.integers(0, 256, (32, 32)) / 255}
    fields.pop("smac_height", None)
    return FeatureLayout(**fields)


def random_table(layout: FeatureLayout, rng: np.random.Generator) -> np.ndarray:
    """Units float32 [5, U] in SMAC's order, some of them dead."""
    count = layout.n_agents + layout.n_enemies
    grid = rng.choice([1 / 4096, 0.5, 1.0])  # whole and half cells give distances of exactly 6 and 9
    spread = rng.choice([3, 8, 16])
    table = np.zeros((5, count), np.float32)
    table[:2] = np.clip(16 + spread * rng.uniform(-1, 1, (2, count)), 0, 31.99) // grid * grid
    own = slice(0, layout.n_agents)
    order = np.lexsort((table[1, own], table[0, own], layout.type_number[own]))
    table[:2, own] = table[:2, own][:, order]
    alive = rng.random(count) < rng.choice([0.5, 0.8, 1.0])
    table[2] = np.where(alive, np.maximum(rng.random(count) * layout.health_max, 0.01), 0)
    table[3] = rng.random(count) * layout.shield_norm * (rng.random(count) < 0.7)
    table[4] = rng.random(count) * layout.gauge_norm * 1.2  # SMAC does not clip cooldowns
    return table


def units_of(battle_map: SkirmishMap, layout: FeatureLayout, table: np.ndarray, make_unit: Any) -> list[Any]:
    """What an observation holds of ``table``, allies first, as ``make_unit(**fields)`` makes them."""
    units = []
    for index, kind in enumerate(battle_map.units):
        own = index < layout.n_agents
        x, y, health, shield, gauge = table[:, index].tolist()
        heals = bool(layout.healer[index])
        units.append(
            make_unit(
                tag=100 + index,
                unit_type=FIRST_OWN_TYPE + int(layout.type_number[index]) if own else kind.stock_type_id,
                owner=1 if own else 2,
                pos=(x, y),
                health=health,
                health_max=kind.health,
                shield=shield,
                shield_max=kind.shield,
                energy=gauge if heals else 3.0,
                weapon_cooldown=7.0 if heals else gauge,
            )
        )
    return units


def plain_unit(**fields: Any) -> SimpleNamespace:
    """A unit that only looks like StarCraft II's message; enemies are told to attack the first agent."""
    x, y = fields.pop("pos")
    orders = [SimpleNamespace(ability_id=23, target_unit_tag=100)] if fields["owner"] == 2 else []
    return SimpleNamespace(pos=SimpleNamespace(x=x, y=y), orders=orders, engaged_target_tag=0, **fields)


class PlainGame:
    """The part of ``StarCraft2Env`` that features are made of, without SMAC."""

    def __init__(self, map_name: str, layout: FeatureLayout) -> None:
        self._map, self._layout = load_map(map_name), layout
        self.map_name, self.map_type = map_name, self._map.map_type
        self.n_agents, self.n_enemies = layout.n_agents, layout.n_enemies
        self.unit_type_bits, self.episode_limit = layout.unit_type_bits, layout.episode_limit
        self.shield_bits_ally, self.shield_bits_enemy = int(layout.ally_shields), int(layout.enemy_shields)
        self.pathing_grid, self.terrain_height = layout.pathing.astype(bool), layout.smac_height
        self.max_distance_x, self.max_distance_y = layout.max_distance
        self.medivac_id = FIRST_OWN_TYPE + 2
        self._move_amount = layout.options.move_amount
        for name in _FLAGS:
            setattr(self, name, getattr(layout.options, name))

    def show(self, table: np.ndarray, last_action: list[int], step: int) -> None:
        """Spawns the units of ``table``."""
        units = units_of(self._map, self._layout, table, plain_unit)
        self.agents = dict(enumerate(units[: self.n_agents]))
        self.enemies = dict(enumerate(units[self.n_agents :]))
        self.last_action = one_hot(last_action, self._layout.n_actions)
        self._episode_steps = step
        self._unit_types = [unit.unit_type for unit in units]

    def get_unit_type_id(self, unit: SimpleNamespace, ally: bool) -> int:
        return int(self._layout.type_number[unit.tag - 100])

    def unit_max_shield(self, unit: SimpleNamespace) -> float | None:
        return float(self._layout.shield_norm[unit.tag - 100]) if unit.shield_max else None

    def unit_max_cooldown(self, unit: SimpleNamespace) -> float:
        return float(self._layout.gauge_norm[unit.tag - 100])


def one_hot(actions: list[int], n_actions: int) -> np.ndarray:
    """float64 [N, A]; zeros for -1."""
    rows = np.zeros((len(actions), n_actions))
    for agent, action in enumerate(actions):
        if action >= 0:
            rows[agent, action] = 1
    return rows
