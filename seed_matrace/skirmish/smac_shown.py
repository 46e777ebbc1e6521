"""What the kernel shows of a battle, or a subclass's own methods where it has changed what that is made of."""

from __future__ import annotations

from collections.abc import Sequence
from operator import attrgetter
from typing import Any

import numpy as np

from seed_matrace.skirmish.maps import SkirmishMap
from seed_matrace.skirmish.smac_look import SmacLook
from seed_matrace.smac_options import SkirmishOptions
from seed_matrace.specs import empty_env_output

_OF_ACTIONS = ("get_unit_by_id", "unit_shoot_range", "distance", "check_bounds", "can_move")
STATE_PARTS = ("allies", "enemies", "last_action", "timestep")
# What observations and states are made of.
INGREDIENTS = (
    *_OF_ACTIONS, "get_avail_agent_actions", "get_unit_type_id", "unit_max_cooldown", "unit_max_shield",
    "unit_sight_range", "get_surrounding_points", "get_surrounding_pathing", "get_surrounding_height",
    "get_obs_move_feats_size", "get_obs_enemy_feats_size", "get_obs_ally_feats_size", "get_obs_own_feats_size",
    "get_ally_num_attributes", "get_enemy_num_attributes", "last_action",
)  # fmt: skip


class SmacShown(SmacLook):
    """Observations, states and available actions."""

    def __init__(self, battle_map: SkirmishMap, options: SkirmishOptions) -> None:
        super().__init__(battle_map, options)
        self._shown = empty_env_output(self.layout.spec(self.episode_limit), 1)
        self._started = self._closed = False

    def _begin_actions(self, last_action: np.ndarray, kernel_knows: bool = True) -> None:
        """Remembers ``last_action``, and whether the kernel shows the same."""
        self.last_action = last_action
        self._last_of_kernel = last_action.tobytes() if kernel_knows else None

    @property
    def _changed(self) -> frozenset[str]:
        """What a subclass, or somebody on this very object, has made of what the kernel knows."""
        changed = _NOTHING
        methods = _METHODS(type(self))
        if methods != _OWN_METHODS:  # looked up anew each time: somebody may put a method on the class
            pairs = zip(_ORIGINALS.items(), methods, strict=True)
            changed = frozenset(name for (name, own), method in pairs if method is not own)
        if not self.__dict__.keys().isdisjoint(_ORIGINALS):
            changed = changed.union(self.__dict__.keys() & _ORIGINALS.keys())
        if self._given_units:
            changed |= {"get_unit_by_id"}
        last = self.last_action
        known = isinstance(last, np.ndarray) and last.tobytes() == self._last_of_kernel
        return changed if known else changed | {"last_action"}

    def get_obs(self) -> list[np.ndarray]:
        """One observation per agent; zeros of the dead."""
        if self._changed or self.obs_timestep_number:
            return [self.get_obs_agent(agent) for agent in range(self.n_agents)]
        self._check_started()
        return list(self._shown.obs[0].copy())

    def get_obs_agent(self, agent_id: int) -> np.ndarray:
        """Observation of one agent: float32 [get_obs_size()].

        With obs_timestep_number float64 and one longer, as in SMAC.
        """
        self._check_started()
        if not self._changed.isdisjoint(INGREDIENTS):
            row = self._look_obs(agent_id)
        else:
            row = self._shown.obs[0, agent_id]
            row = row[:-1] if self.obs_timestep_number else row.copy()
        return np.append(row, self._episode_steps / self.episode_limit) if self.obs_timestep_number else row

    def get_state(self) -> np.ndarray:
        """Global state: float32 [get_state_size()], or wider with obs_instead_of_state and obs_timestep_number."""
        self._check_started()
        changed = self._changed
        if (len(self.ally_state_attr_names), len(self.enemy_state_attr_names)) != self._attributes_of_kernel:
            changed |= {"get_ally_num_attributes"}
        if self.obs_instead_of_state and (changed or self.obs_timestep_number):
            return self._joined(self.get_obs())
        if not self.obs_instead_of_state and not changed.isdisjoint(("get_state_dict", *INGREDIENTS)):
            parts = self.get_state_dict()
            return self._joined([np.ravel(parts[name]) for name in STATE_PARTS if name in parts])
        state = self._shown.state[0].copy()
        if self.state_timestep_number and not self.obs_instead_of_state:
            state[-1] = self._episode_steps / self.episode_limit
        return state

    def _joined(self, parts: Sequence[np.ndarray]) -> np.ndarray:
        return np.concatenate(parts).astype(np.float32)

    def get_state_dict(self) -> dict[str, Any]:
        """The state in its parts.

        Returns:
          allies float64 [N, get_ally_num_attributes()], enemies [M, get_enemy_num_attributes()], and where they are
          shown last_action [N, A] and timestep, 0..1.
        """
        self._check_started()
        return self._look_state()

    def get_avail_actions(self) -> list[list[int]]:
        """For every agent a list with 1 for each action that may be chosen, 0 for the others."""
        self._check_started()
        if not self._changed:
            return self._shown.avail_actions[0].tolist()
        return [self.get_avail_agent_actions(agent) for agent in range(self.n_agents)]

    def get_avail_agent_actions(self, agent_id: int) -> list[int]:
        """The same of one agent."""
        self._check_started()
        if self._changed.isdisjoint(_OF_ACTIONS):
            return self._shown.avail_actions[0, agent_id].tolist()
        return self._look_avail(agent_id)

    def _check_open(self) -> None:
        if self._closed:
            raise RuntimeError("the environment is closed")

    def _check_started(self) -> None:
        self._check_open()
        if not self._started:
            raise RuntimeError("nothing to see before the first reset()")


_ORIGINALS: dict[str, Any] = {
    name: getattr(SmacShown, name)
    for name in (*INGREDIENTS, "get_obs", "get_obs_agent", "get_state_dict")
    if name != "last_action"
}
_NOTHING: frozenset[str] = frozenset()
_METHODS, _OWN_METHODS = attrgetter(*_ORIGINALS), tuple(_ORIGINALS.values())
