"""Units of a battle and what SMAC's methods make of them, one unit at a time.

``StarCraft2Env`` takes its observations, states and available actions from the kernel, which is faster, unless a
subclass has changed one of the methods here: then these are what it shows.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from enum import IntEnum
from typing import Any

import numpy as np

from seed_matrace.skirmish.maps import SkirmishMap
from seed_matrace.skirmish.smac_attributes import is_built
from seed_matrace.skirmish.smac_info import SmacInfo
from seed_matrace.skirmish.smac_units import OWN_TYPE_ID, Roster, Unit, type_orders
from seed_matrace.skirmish.units import UnitType, load_unit_type
from seed_matrace.smac_options import SkirmishOptions
from seed_matrace.types import HEALTH_ROW

UNKNOWN_COOLDOWN = 15  # what SMAC divides by for enemies


class Direction(IntEnum):
    """Where ``can_move`` looks."""

    NORTH = 0
    SOUTH = 1
    EAST = 2
    WEST = 3


_AHEAD = {Direction.NORTH: (0, 1), Direction.SOUTH: (0, -1), Direction.EAST: (1, 0), Direction.WEST: (-1, 0)}


def _units(name: str, look: Callable[[Any], Any], doc: str) -> property:
    """Units of the battle; what is set in their place counts until the next step or reset looks again."""

    def read(env: Any) -> Any:
        return env._given_units[name] if name in env._given_units else look(env)

    def write(env: Any, value: Any) -> None:
        (env._given_units if is_built(env) else env.__dict__)[name] = value

    return property(read, write, doc=doc)


class SmacLook(SmacInfo):
    """Access to units, and SMAC's definitions of what agents see and may do."""

    last_action: np.ndarray  # float64 [N, A], one-hot
    _episode_steps: int

    def __init__(self, battle_map: SkirmishMap, options: SkirmishOptions) -> None:
        super().__init__(battle_map, options)
        own, enemy = type_orders(battle_map)
        self._own_kinds = {OWN_TYPE_ID + number: load_unit_type(name) for number, name in enumerate(own)}
        self._enemy_numbers = {load_unit_type(name).stock_type_id: number for number, name in enumerate(enemy)}
        self._enemy_kinds = {load_unit_type(name).stock_type_id: load_unit_type(name) for name in enemy}
        self._show_units(None, None)

    def _show_units(self, roster: Roster | None, table: np.ndarray | None) -> None:
        """Begins with new units; ``table`` is float32 [5, U]."""
        self._roster = roster
        self._table: Any = table
        self._table_before: np.ndarray | None = None
        self._unseen: list[np.ndarray] = []  # newer tables, which nobody has asked for yet
        self._teams: tuple[dict[int, Unit], dict[int, Unit]] | None = None
        self._given_units: dict[str, Any] = {}  # what somebody has set in the place of the battle's units

    def _move_units(self, table: np.ndarray) -> None:
        """The same units a step later."""
        self._unseen.append(table)
        self._given_units = {}
        if self._teams is not None and self._roster is not None:  # somebody may have kept these
            newest = self._newest()
            for team, own in zip(self._teams, (True, False), strict=True):
                dict.update(team, self._roster.team(newest, own=own))

    def _newest(self) -> Any:
        """The units now; of the dead, as SMAC has it, what was seen of them last."""
        for table in self._unseen:
            dead = table[HEALTH_ROW] <= 0
            self._table_before, self._table = self._table, np.where(dead, self._table, table)
            self._table[HEALTH_ROW, dead] = 0
        self._unseen = []
        return self._table

    def _team(self, *, own: bool) -> dict[int, Unit]:
        if self._roster is None or self._newest() is None:
            return {}
        if self._teams is None:
            self._teams = self._roster.team(self._newest(), own=True), self._roster.team(self._newest(), own=False)
        return self._teams[0 if own else 1]

    def _team_before(self, *, own: bool) -> dict[int, Unit] | None:
        self._newest()
        if self._roster is None or self._table_before is None:
            return None
        return self._roster.team(self._table_before, own=own)

    agents = _units(
        "agents",
        lambda env: env._team(own=True),
        "Own units by number; empty before the first ``reset``. Steps put new units into the same dict.",
    )
    enemies = _units("enemies", lambda env: env._team(own=False), "Enemy units, likewise.")
    previous_ally_units = _units(
        "previous_ally_units",
        lambda env: env._team_before(own=True),
        "Own units before the last step; None after ``reset``.",
    )
    previous_enemy_units = _units(
        "previous_enemy_units", lambda env: env._team_before(own=False), "Enemy units, likewise."
    )

    def get_unit_by_id(self, a_id: int) -> Unit:
        """The unit of an agent."""
        return self.agents[a_id]

    def get_unit_type_id(self, unit: Unit, ally: bool) -> int:
        """Which bit of the one-hot type is a unit's; allies and enemies are numbered differently on some maps."""
        return unit.unit_type - OWN_TYPE_ID if ally else self._enemy_numbers[unit.unit_type]

    def unit_max_cooldown(self, unit: Unit) -> float:
        """What the state divides a cooldown by; of a medivac, its energy."""
        kind = self._own_kinds.get(unit.unit_type)
        return kind.smac_max_cooldown if kind else UNKNOWN_COOLDOWN

    def unit_max_shield(self, unit: Unit) -> float | None:
        """What is shown of a shield is divided by this; None of units without one."""
        kind = self._kind(unit)
        return kind.smac_max_shield if kind and kind.shield else None

    def _kind(self, unit: Unit) -> UnitType | None:
        return self._own_kinds.get(unit.unit_type) or self._enemy_kinds.get(unit.unit_type)

    @staticmethod
    def distance(x1: float, y1: float, x2: float, y2: float) -> float:
        """Between two points, in cells."""
        return math.hypot(x2 - x1, y2 - y1)

    def check_bounds(self, x: int, y: int) -> bool:
        """Whether a cell is on the map."""
        return 0 <= x < self.map_x and 0 <= y < self.map_y

    def can_move(self, unit: Unit, direction: int) -> bool:
        """Whether the cell half a move ahead can be walked on."""
        dx, dy = _AHEAD.get(Direction(direction), (0, 0))
        half = self._move_amount / 2
        x, y = int(unit.pos.x + dx * half), int(unit.pos.y + dy * half)
        return bool(self.check_bounds(x, y) and self.pathing_grid[x, y])

    def get_surrounding_points(self, unit: Unit, include_self: bool = False) -> list[tuple[Any, Any]]:
        """Cells two moves away in four directions and one move away in the diagonal ones, and the unit's own."""
        x, y, step = int(unit.pos.x), int(unit.pos.y), self._move_amount
        straight = [(x + 2 * step * dx, y + 2 * step * dy) for dx, dy in _AHEAD.values()]
        diagonal = [(x + step * dx, y + step * dy) for dx, dy in ((1, 1), (-1, -1), (1, -1), (-1, 1))]
        return straight + diagonal + ([(x, y)] if include_self else [])

    def get_surrounding_pathing(self, unit: Unit) -> list[Any]:
        """Whether those 8 cells can be walked on; 1 off the map."""
        points = self.get_surrounding_points(unit)
        return [self.pathing_grid[point] if self.check_bounds(*point) else 1 for point in points]

    def get_surrounding_height(self, unit: Unit) -> list[Any]:
        """Heights of those 8 cells and the unit's own; 1 off the map."""
        points = self.get_surrounding_points(unit, include_self=True)
        return [self.terrain_height[point] if self.check_bounds(*point) else 1 for point in points]

    def get_visibility_matrix(self) -> np.ndarray:
        """Bool [N, N + M]: which of the N agents and M enemies each agent sees; nobody sees themself."""
        n, seen = self.n_agents, np.zeros((self.n_agents, self.n_agents + self.n_enemies), bool)
        for agent, unit in self.agents.items():
            others = {n + index: enemy for index, enemy in self.enemies.items()}
            others |= {other: ally for other, ally in self.agents.items() if other > agent}
            for other, target in others.items():
                if unit.health > 0 and self._sees(unit, target, self.unit_sight_range(agent)):
                    seen[agent, other] = True
                    if other < n:  # as SMAC has it: who is seen sees
                        seen[other, agent] = True
        return seen

    def _sees(self, unit: Unit, other: Unit, sight: float) -> bool:
        return other.health > 0 and self.distance(*unit.pos[:2], *other.pos[:2]) < sight

    def _look_avail(self, agent_id: int) -> list[int]:
        """Available actions of one agent."""
        unit = self.get_unit_by_id(agent_id)
        avail = [0] * self.n_actions
        if unit.health <= 0:
            avail[0] = 1
            return avail
        avail[1:6] = [1, *(int(self.can_move(unit, direction)) for direction in Direction)]
        reach = self.unit_shoot_range(agent_id)
        for target_id, target in self._targets(unit).items():
            action = self.n_actions_no_attack + target_id
            near = target.health > 0 and self.distance(*unit.pos[:2], *target.pos[:2]) <= reach
            if near and action < self.n_actions:
                avail[action] = 1
        return avail

    def _targets(self, unit: Unit) -> dict[int, Unit]:
        """Whom the attack actions of a unit mean: of a healer, its friends."""
        if not self._heals(unit):
            return self.enemies
        return {index: ally for index, ally in self.agents.items() if not self._heals(ally)}

    def _heals(self, unit: Unit) -> bool:
        kind = self._kind(unit)
        return kind is not None and kind.heals

    def _look_obs(self, agent_id: int) -> np.ndarray:
        """Observation of one agent, float32 without the timestep."""
        unit = self.get_unit_by_id(agent_id)
        move = np.zeros(self.get_obs_move_feats_size(), np.float32)
        enemies = np.zeros(self.get_obs_enemy_feats_size(), np.float32)
        allies = np.zeros(self.get_obs_ally_feats_size(), np.float32)
        own = np.zeros(self.get_obs_own_feats_size(), np.float32)
        if unit.health > 0:
            avail = self.get_avail_agent_actions(agent_id)
            ground = self.get_surrounding_pathing(unit) if self.obs_pathing_grid else []
            heights = self.get_surrounding_height(unit) if self.obs_terrain_height else []
            _fill(move, [*avail[2:6], *ground, *heights])
            sight = self.unit_sight_range(agent_id)
            for index, enemy in self.enemies.items():
                if self._sees(unit, enemy, sight):
                    first = avail[self.n_actions_no_attack + index]
                    _fill(enemies[index], self._seen(unit, enemy, sight, first, ally=False))
            others = [index for index in range(self.n_agents) if index != agent_id]
            for row, index in zip(allies, others, strict=False):
                ally = self.get_unit_by_id(index)
                if self._sees(unit, ally, sight):
                    last = self.last_action[index] if self.obs_last_action else []
                    _fill(row, [*self._seen(unit, ally, sight, 1, ally=True), *last])
            vitals = self._vitals(unit, ally=True) if self.obs_own_health else []
            _fill(own, [*vitals, *self._one_hot(unit, ally=True)])
        return np.concatenate([move, enemies.ravel(), allies.ravel(), own])

    def _seen(self, unit: Unit, other: Unit, sight: float, first: int, *, ally: bool) -> list[float]:
        (x, y), (to_x, to_y) = unit.pos[:2], other.pos[:2]
        relative = [self.distance(x, y, to_x, to_y) / sight, (to_x - x) / sight, (to_y - y) / sight]
        vitals = self._vitals(other, ally=ally) if self.obs_all_health else []
        return [first, *relative, *vitals, *self._one_hot(other, ally=ally)]

    def _vitals(self, unit: Unit, *, ally: bool) -> list[float]:
        shields = self.shield_bits_ally if ally else self.shield_bits_enemy
        shield = [unit.shield / (self.unit_max_shield(unit) or 1.0)] if shields else []
        return [unit.health / unit.health_max, *shield]

    def _one_hot(self, unit: Unit, *, ally: bool) -> list[float]:
        number = self.get_unit_type_id(unit, ally) if self.unit_type_bits else -1
        return [float(bit == number) for bit in range(self.unit_type_bits)]

    def _look_state(self) -> dict[str, Any]:
        """The state in its parts."""
        allies = np.zeros((self.n_agents, self.get_ally_num_attributes()))
        enemies = np.zeros((self.n_enemies, self.get_enemy_num_attributes()))
        for index, unit in self.agents.items():
            if unit.health > 0:
                gauge = (unit.energy if self._heals(unit) else unit.weapon_cooldown) / self.unit_max_cooldown(unit)
                health, *shield = self._vitals(unit, ally=True)
                self._fill_state(allies[index], [health, gauge, *self._position(unit), *shield], unit, ally=True)
        for index, unit in self.enemies.items():
            if unit.health > 0:
                health, *shield = self._vitals(unit, ally=False)
                self._fill_state(enemies[index], [health, *self._position(unit), *shield], unit, ally=False)
        state: dict[str, Any] = {"allies": allies, "enemies": enemies}
        if self.state_last_action:
            state["last_action"] = self.last_action
        if self.state_timestep_number:
            state["timestep"] = self._episode_steps / self.episode_limit
        return state

    def _fill_state(self, row: np.ndarray, numbers: Sequence[float], unit: Unit, *, ally: bool) -> None:
        _fill(row, numbers)
        if self.unit_type_bits:  # at the end, however wide the row is
            row[-self.unit_type_bits :] = self._one_hot(unit, ally=ally)

    def _position(self, unit: Unit) -> tuple[float, float]:
        x, y = unit.pos.x - self.map_x / 2, unit.pos.y - self.map_y / 2
        return x / self.max_distance_x, y / self.max_distance_y


def _fill(row: np.ndarray, numbers: Sequence[float]) -> None:
    """Writes ``numbers`` at the beginning of ``row``; a subclass may have made rows wider."""
    row[: len(numbers)] = numbers
