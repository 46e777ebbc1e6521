"""Naive twin of the outcome kernel and of the scripted team: reward, end code and scripted actions in plain Python.

Source: starcraft2.py of SMAC 1.0.0 (update_units, reward_battle, step, get_agent_action_heuristic).
"""

from __future__ import annotations

import math

import numpy as np

from seed_matrace.skirmish.layout import ACTIONS_WITHOUT_TARGET, FeatureLayout
from seed_matrace.smac_options import SmacOptions

HEALTH, SHIELD = 2, 3  # rows of a unit table


def end_code(layout: FeatureLayout, units: np.ndarray) -> int | None:
    """SMAC's end code of a unit table [5, U]: 1 won, -1 lost, 0 drawn, None goes on."""
    alive = [slot for slot in range(units.shape[1]) if units[HEALTH, slot] > 0]
    allies = [slot for slot in alive if slot < layout.n_agents]
    enemies = [slot for slot in alive if slot >= layout.n_agents]
    mmm = bool(layout.healer.any())
    if (not allies and enemies) or (mmm and all(layout.healer[slot] for slot in allies)):
        return -1
    if (allies and not enemies) or (len(enemies) == 1 and layout.healer[enemies[0]]):
        return 1
    return None if allies else 0


def unscaled_reward(options: SmacOptions, n_agents: int, before: np.ndarray, after: np.ndarray) -> float:
    """SMAC's reward for what happened between two unit tables [5, U], without victory, defeat and scale."""
    if options.reward_sparse:
        return 0.0
    deaths = ally_loss = enemy_loss = 0.0
    for slot in range(before.shape[1]):
        if before[HEALTH, slot] <= 0:
            continue
        died = after[HEALTH, slot] <= 0
        loss = float(before[HEALTH, slot]) + float(before[SHIELD, slot])
        if not died:
            loss = loss - float(after[HEALTH, slot]) - float(after[SHIELD, slot])
        if slot >= n_agents:
            enemy_loss += loss
            deaths += options.reward_death_value * died
        elif not options.reward_only_positive:
            ally_loss += loss * options.reward_negative_scale
            deaths -= options.reward_death_value * options.reward_negative_scale * died
    return abs(enemy_loss + deaths) if options.reward_only_positive else enemy_loss + deaths - ally_loss


def reward(layout: FeatureLayout, divisor: float, before: np.ndarray, after: np.ndarray) -> float:
    """The whole reward of an env step, divided by ``divisor``."""
    options, code = layout.options, end_code(layout, after)
    value = unscaled_reward(options, layout.n_agents, before, after)
    if code == 1:
        value = 1.0 if options.reward_sparse else value + options.reward_win
    elif code == -1:
        value = -1.0 if options.reward_sparse else value + options.reward_defeat
    return value / divisor


class ScriptedTeam:
    """SMAC's scripted team on one battle."""

    def __init__(self, layout: FeatureLayout) -> None:
        self.layout = layout
        self.targets: list[int | None] = [None] * layout.n_agents

    def act(self, units: np.ndarray, avail: np.ndarray) -> list[int]:
        """Actions for a unit table [5, U] and availability [N, A]."""
        return [self._action(units, avail[agent], agent) for agent in range(self.layout.n_agents)]

    def _action(self, units: np.ndarray, avail: np.ndarray, agent: int) -> int:
        layout, heal = self.layout, bool(self.layout.healer[agent])
        first = 0 if heal else layout.n_agents
        last = layout.n_agents if heal else units.shape[1]
        x, y = units[:2].astype(np.float64)

        def wanted(slot: int) -> bool:
            wounded = units[HEALTH, slot] != layout.health_max[slot] and not layout.healer[slot]
            return units[HEALTH, slot] > 0 and (wounded or not heal)

        def distance(slot: int) -> float:
            return math.hypot(x[slot] - x[agent], y[slot] - y[agent])

        if units[HEALTH, agent] <= 0:
            return 0
        target = self.targets[agent]
        if target is None or not wanted(first + target):
            near = [slot for slot in range(first, last) if wanted(slot) and distance(slot) < self._diagonal()]
            target = self.targets[agent] = min(near, key=distance) - first if near else None
        if target is None:
            return 0
        action = ACTIONS_WITHOUT_TARGET + target
        if layout.options.heuristic_rest and not (action < layout.n_actions and avail[action]):
            dx, dy = x[first + target] - x[agent], y[first + target] - y[agent]
            return (4 if dx > 0 else 5) if abs(dx) > abs(dy) else (2 if dy > 0 else 3)
        return action

    def _diagonal(self) -> float:
        return math.hypot(*self.layout.max_distance)
