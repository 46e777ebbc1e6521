"""How a battle goes on in SMAC's terms: orders, ends and rewards."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

from seed_matrace._cext._skirmish import Skirmish
from seed_matrace.fields import plain, whole_number
from seed_matrace.skirmish.battles import step_battles
from seed_matrace.skirmish.smac_shown import SmacShown
from seed_matrace.types import HEALTH_ROW


class SmacBattle(SmacShown):
    """What ``step`` of SMAC's class is made of; a subclass may override each part."""

    battles_won: int
    win_counted: bool
    defeat_counted: bool
    _battles: Skirmish
    _one_hots: np.ndarray  # float64 [A, A]
    _damage: float
    _fallen: tuple[int, int]
    _tracked: bytes  # of death trackers that know the dead
    _tracked_before: bytes  # a step ago
    death_tracker_ally: np.ndarray  # float64 [N]
    death_tracker_enemy: np.ndarray  # float64 [M]

    def get_agent_action(self, a_id: int, action: int) -> int | None:
        """Turns an action into an order; ``step`` calls it for each agent, unless the scripted team plays.

        Returns:
          The order by its action's number, None for no order. (SMAC has a message to the game here.)

        Raises:
          AssertionError: the action is not available.
        """
        avail = self.get_avail_agent_actions(a_id)
        if not hasattr(avail, "__len__") or len(avail) != self.n_actions:
            raise ValueError(
                f"get_avail_agent_actions({a_id}) returned {avail!r}; {self.n_actions} numbers, 1 or 0, expected"
            )
        if not (0 <= action < self.n_actions and avail[action]):
            choices = [choice for choice, free in enumerate(avail) if free]
            raise AssertionError(f"Agent {a_id} cannot perform action {action}; available: {choices}")
        if action == 0 and self.get_unit_by_id(a_id).health > 0:
            raise AssertionError(f"Agent {a_id} cannot perform action 0: no-op is for the dead")
        return action or None

    def update_units(self) -> int | None:
        """Looks where the units are after a step.

        Returns:
          SMAC's end code: 1 won, -1 lost, 0 nobody is left, None the battle goes on.
        """
        self._check_started()
        self._move_units(self._units)
        allies, enemies = self.n_agents - self._fallen[0], self.n_enemies - self._fallen[1]
        if (not allies and enemies) or self.only_medivac_left(True):
            return -1
        if (allies and not enemies) or self.only_medivac_left(False):
            return 1
        return None if allies else 0

    def only_medivac_left(self, ally: bool) -> bool:
        """Where there are medivacs: whether no other agent lives; of the enemy, whether one medivac is all there is."""
        if self._roster is None or not self._roster.has_healers:
            return False
        team = slice(self.n_agents) if ally else slice(self.n_agents, None)
        dead = self._dead[team].tolist()
        living = [kind.heals for kind, gone in zip(self._roster.kinds[team], dead, strict=True) if not gone]
        return all(living) if ally else living == [True]

    def reward_battle(self) -> float:
        """What the last step was worth, without victory, defeat and scale; marks the dead in the death trackers.

        Returns:
          Damage done and ``reward_death_value`` for each enemy killed; without reward_only_positive less one's own
          losses. 0 with reward_sparse.
        """
        if self.reward_sparse:
            return 0
        self._check_started()
        ally, enemy = self.death_tracker_ally, self.death_tracker_enemy
        if self._given_units or _bytes(ally) + _bytes(enemy) != self._tracked_before:
            return self._count_damage()
        if self._tracked is not self._tracked_before:  # somebody has died
            ally[:], enemy[:] = self._dead[: self.n_agents], self._dead[self.n_agents :]
        return self._damage

    def _count_damage(self) -> float:
        """The reward unit by unit, where somebody has set death trackers or units: the tracked do not count."""
        sides = (
            (self.agents, self.previous_ally_units, self.death_tracker_ally),
            (self.enemies, self.previous_enemy_units, self.death_tracker_enemy),
        )
        lost = []
        for units, before, tracker in sides:
            lost.append(0.0)
            for index, unit in units.items():
                if not tracker[index] and before is not None:
                    lost[-1] += before[index].health + before[index].shield
                    if unit.health == 0:
                        tracker[index] = 1
                        lost[-1] += self.reward_death_value
                    else:
                        lost[-1] -= unit.health + unit.shield
        own, enemy = lost
        return abs(enemy) if self.reward_only_positive else enemy - own * self.reward_negative_scale

    def _outcome(self) -> tuple[int | None, float]:
        """What ``update_units`` and ``reward_battle`` say, which a subclass may have written."""
        code, reward = self.update_units(), plain(self.reward_battle())
        if code not in (None, -1, 0, 1):
            raise ValueError(f"update_units returned {code!r}; 1 (won), -1 (lost), 0 (nobody is left) or None expected")
        if not isinstance(reward, (int, float)):
            raise ValueError(f"reward_battle returned {reward!r}; a number expected")
        return code, reward

    def _end_battle(self, code: int, reward: float, info: dict[str, Any]) -> float:
        """Counts the battle and returns its last reward."""
        if code == 1 and not self.win_counted:
            self.win_counted = info["battle_won"] = True
            self.battles_won += 1
            return 1 if self.reward_sparse else reward + self.reward_win
        if code == -1 and not self.defeat_counted:
            self.defeat_counted = True
            return -1 if self.reward_sparse else reward + self.reward_defeat
        return reward

    def _take_actions(self, actions: Sequence[int]) -> list[int]:
        """What is to be played; the actions become the last ones. Raises AssertionError, and nothing has changed."""
        try:
            numbers = list(actions)
            given = [int(action) for action in numbers]
            whole = given == numbers or all(map(operator.eq, given, numbers))
        except (TypeError, ValueError, OverflowError):
            whole = False
        if not whole:
            raise ValueError(f"actions are {actions!r}; one whole number for each of {self.n_agents} agents expected")
        if len(given) != self.n_agents:
            raise ValueError(f"{len(given)} actions given; one for each of {self.n_agents} agents expected")
        for agent, action in enumerate(given):
            if not 0 <= action < self.n_actions:
                SmacBattle.get_agent_action(self, agent, action)
        before = self.last_action, self._last_of_kernel
        plain = not self._changed and type(self).get_agent_action is SmacBattle.get_agent_action
        self._begin_actions(self._one_hots[given])
        if self.heuristic_ai:
            return given
        try:
            if plain and "get_agent_action" not in self.__dict__:
                self._check_available(given)
                return given
            orders = [self._order(agent, action) for agent, action in enumerate(given)]
        except BaseException:
            self.last_action, self._last_of_kernel = before
            raise
        taken = [self._possible(agent, order) for agent, order in enumerate(orders)]
        self._begin_actions(self.last_action, kernel_knows=taken == given)
        return taken

    def _order(self, agent: int, action: int) -> int:
        order = self.get_agent_action(agent, action)
        if order is None:
            return 0
        return whole_number(f"what get_agent_action returned (if not None) of agent {agent}", order, 0, self.n_actions)

    def _check_available(self, given: Sequence[int]) -> None:
        avail = self._shown.avail_actions[0]
        for agent, action in enumerate(given):
            if not avail[agent, action]:
                SmacBattle.get_agent_action(self, agent, action)

    def _possible(self, agent: int, order: int) -> int:
        """The order, or none where a subclass allows what the game would not take: then the unit goes on as it was."""
        target = order - self.n_actions_no_attack
        if target < 0 or self._shown.avail_actions[0, agent, order]:
            return order
        unit = self.agents[agent]
        mark = self._targets(unit).get(target)
        return order if mark is not None and mark.health > 0 else 0

    def _play(self, orders: Sequence[int]) -> None:
        step_battles(self._battles, np.array([orders], np.int32), self._shown)
        rewards, played = self._battles.last_step()
        self._damage, self._played = float(rewards[0]), played[0].tolist()
        self._tracked_before = self._tracked
        self._look_at(self._battles.units()[0])

    def _look_at(self, units: np.ndarray) -> None:
        self._units = units
        self._dead = units[HEALTH_ROW] <= 0
        allies = int(np.count_nonzero(self._dead[: self.n_agents]))
        fallen = allies, int(np.count_nonzero(self._dead)) - allies
        if fallen != self._fallen:
            self._fallen, self._tracked = fallen, self._dead.astype(np.float64).tobytes()


def _bytes(array: Any) -> bytes:
    """Of an array of numbers; of anything else none, so that it is never like one."""
    return array.tobytes() if isinstance(array, np.ndarray) else b""
