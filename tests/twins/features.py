"""Naive twin of the feature kernel: SMAC's observation, availability and state in plain Python.

Source: starcraft2.py of SMAC 1.0.0. Slow on purpose; the tests hold the kernel against it, number for number.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from seed_matrace.skirmish.layout import ACTIONS_WITHOUT_TARGET, FeatureLayout

SIGHT_RANGE = 9
SHOOT_RANGE = 6


def smac_features(
    layout: FeatureLayout, units: np.ndarray, last_action: Sequence[int], step: int = 0
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Features of one environment.

    Args:
      layout: sizes and constants of the map.
      units: float32 [5, U]: x, y, health, shield, gauge (cooldown, or energy of a healer).
      last_action: [N], -1 right after a reset.
      step: env steps of the episode so far.

    Returns:
      obs float32 [N, O], avail uint8 [N, A], state float32 [S].
    """
    table = UnitTable(layout, units, last_action, step)
    avail = [_avail(table, agent) for agent in range(layout.n_agents)]
    obs = [_obs(table, agent, avail[agent]) for agent in range(layout.n_agents)]
    state = [number for row in obs for number in row] if layout.options.obs_instead_of_state else _state(table)
    return np.array(obs, np.float32), np.array(avail, np.uint8), np.array(state, np.float32)


class UnitTable:
    """Units by slot, every number a Python float."""

    def __init__(self, layout: FeatureLayout, units: np.ndarray, last_action: Sequence[int], step: int) -> None:
        self.layout = layout
        self.options = layout.options
        self.last_action = [[float(action == choice) for choice in range(layout.n_actions)] for action in last_action]
        self.timestep = step / layout.episode_limit
        self.x, self.y, self.health, self.shield, self.gauge = units.astype(np.float64).tolist()
        self.allies = range(layout.n_agents)
        self.enemies = range(layout.n_agents, layout.n_agents + layout.n_enemies)

    def alive(self, unit: int) -> bool:
        return self.health[unit] > 0

    def distance(self, unit: int, other: int) -> float:
        return math.hypot(self.x[other] - self.x[unit], self.y[other] - self.y[unit])

    def has_shield(self, unit: int) -> bool:
        return self.layout.ally_shields if unit in self.allies else self.layout.enemy_shields

    def vitals(self, unit: int) -> list[float]:
        """Health fraction, shield fraction where the race has shields, one-hot type."""
        row = [self.health[unit] / self.layout.health_max[unit]]
        if self.has_shield(unit):
            row.append(self.shield[unit] / self.layout.shield_norm[unit])
        return row + self.one_hot_type(unit)

    def one_hot_type(self, unit: int) -> list[float]:
        return [float(self.layout.type_number[unit] == bit) for bit in range(self.layout.unit_type_bits)]


def _can_stand(layout: FeatureLayout, x: float, y: float) -> bool:
    cell_x, cell_y = int(x), int(y)
    width, height = layout.pathing.shape
    return 0 <= cell_x < width and 0 <= cell_y < height and bool(layout.pathing[cell_x, cell_y])


def _avail(table: UnitTable, agent: int) -> list[int]:
    layout, half = table.layout, table.options.move_amount / 2  # availability looks half a move ahead
    if not table.alive(agent):
        return [1] + [0] * (layout.n_actions - 1)
    x, y = table.x[agent], table.y[agent]
    ahead = [(x, y + half), (x, y - half), (x + half, y), (x - half, y)]
    avail = [0, 1] + [int(_can_stand(layout, *point)) for point in ahead] + [0] * layout.n_enemies
    if layout.healer[agent]:
        targets = {slot: ally for slot, ally in enumerate(table.allies) if not layout.healer[ally]}
    else:
        targets = dict(enumerate(table.enemies))
    for slot, unit in targets.items():
        if slot < layout.n_enemies and table.alive(unit) and table.distance(agent, unit) <= SHOOT_RANGE:
            avail[ACTIONS_WITHOUT_TARGET + slot] = 1
    return avail


def _surroundings(table: UnitTable, agent: int) -> list[float]:
    layout = table.layout
    x, y, step = int(table.x[agent]), int(table.y[agent]), int(table.options.move_amount)
    straight = [(x, y + 2 * step), (x, y - 2 * step), (x + 2 * step, y), (x - 2 * step, y)]
    diagonal = [(x + step, y + step), (x - step, y - step), (x + step, y - step), (x - step, y + step)]
    points = [*straight, *diagonal, (x, y)]

    def values(grid: np.ndarray, count: int) -> list[float]:
        width, height = grid.shape
        return [float(grid[p]) if 0 <= p[0] < width and 0 <= p[1] < height else 1.0 for p in points[:count]]

    pathing = values(layout.pathing, 8) if table.options.obs_pathing_grid else []
    return pathing + (values(layout.smac_height, 9) if table.options.obs_terrain_height else [])


def _seen(table: UnitTable, agent: int, unit: int, first: int) -> list[float]:
    row = [
        first,
        table.distance(agent, unit) / SIGHT_RANGE,
        (table.x[unit] - table.x[agent]) / SIGHT_RANGE,
        (table.y[unit] - table.y[agent]) / SIGHT_RANGE,
        *(table.vitals(unit) if table.options.obs_all_health else table.one_hot_type(unit)),
    ]
    if table.options.obs_last_action and unit in table.allies:
        row += table.last_action[unit]
    visible = table.alive(unit) and table.distance(agent, unit) < SIGHT_RANGE
    return row if visible else [0.0] * len(row)


def _obs(table: UnitTable, agent: int, avail: list[int]) -> list[float]:
    options = table.options
    timestep = [table.timestep] if options.obs_timestep_number else []
    if not table.alive(agent):
        return [0.0] * (table.layout.obs_dim - len(timestep)) + timestep
    row = [*avail[2:6], *_surroundings(table, agent)]
    for slot, enemy in enumerate(table.enemies):
        row += _seen(table, agent, enemy, avail[ACTIONS_WITHOUT_TARGET + slot])
    for ally in table.allies:
        if ally != agent:
            row += _seen(table, agent, ally, 1)
    row += table.vitals(agent) if options.own_health_shown else table.one_hot_type(agent)
    return row + [0.0] * len(timestep) + timestep


def _state(table: UnitTable) -> list[float]:
    layout = table.layout
    width, height = layout.pathing.shape
    row: list[float] = []
    for unit in (*table.allies, *table.enemies):
        health, *rest = table.vitals(unit)
        unit_row = [health]
        if unit in table.allies:
            unit_row.append(table.gauge[unit] / layout.gauge_norm[unit])
        unit_row.append((table.x[unit] - width / 2) / layout.max_distance[0])
        unit_row.append((table.y[unit] - height / 2) / layout.max_distance[1])
        unit_row += rest
        row += unit_row if table.alive(unit) else [0.0] * len(unit_row)
    if table.options.state_last_action:
        for one_hot in table.last_action:
            row += one_hot
    return row + ([table.timestep] if table.options.state_timestep_number else [])
