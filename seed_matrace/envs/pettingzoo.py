"""The embedded simulator as a parallel environment of PettingZoo (``pip install seed_matrace[pettingzoo]``).

The other way round, training on PettingZoo's environments, is in ``pettingzoo_vector_env``.
"""

from __future__ import annotations

import copy
import secrets
from collections.abc import Mapping
from typing import Any

import numpy as np
from gymnasium import spaces
from pettingzoo import ParallelEnv

from seed_matrace.foreign_files import shown
from seed_matrace.skirmish.picture import render_battle, write_battle
from seed_matrace.skirmish.vector_env import SkirmishVectorEnv
from seed_matrace.smac_options import SkirmishOptions
from seed_matrace.specs import EnvSpec, empty_env_output
from seed_matrace.types import HEALTH_ROW

RENDER_MODES = ("human", "rgb_array", "ansi")


class SkirmishParallelEnv(ParallelEnv):
    """One battle at a time; agents are ``agent_0``, ``agent_1`` and on. ``parallel_env`` makes it.

    An agent observes {"observation": float32 [O], "action_mask": int8 [A]}, or with ``flat_observations`` float32 [O]
    alone, and its info has the mask. Infos have ``battle_won``. Every agent is given the team's reward. A battle that
    runs out of time is truncated.
    """

    metadata = {"name": "seed_matrace", "render_modes": list(RENDER_MODES), "render_fps": 3}  # noqa: RUF012

    __copy__ = copy.deepcopy  # a copy plays its own battles

    def __init__(
        self,
        map_name: str = "3m",
        *,
        render_mode: str | None = None,
        dead_agents: str = "kept",
        flat_observations: bool = False,
        unavailable_actions: str = "replaced",
        **smac_options: Any,
    ) -> None:
        for name, value, choices in (
            ("render_mode", render_mode, (None, *RENDER_MODES)),
            ("dead_agents", dead_agents, ("kept", "black_death", "removed")),
            ("flat_observations", flat_observations, (False, True)),
            ("unavailable_actions", unavailable_actions, ("replaced", "refused")),
        ):
            if value not in choices:
                raise ValueError(f"{name} is {value!r}; one of {', '.join(map(repr, choices))} expected")
        self.map_name = map_name
        self.render_mode = render_mode
        self._dead_removed, self._black_death = dead_agents == "removed", dead_agents == "black_death"
        self._flat, self._replaces = flat_observations, unavailable_actions == "replaced"
        self._options = SkirmishOptions.from_dict(smac_options)
        self._battle: SkirmishVectorEnv | None = None
        self._closed = False
        spec = SkirmishVectorEnv(map_name, 1, options=self._options).spec
        self.max_cycles = spec.episode_limit
        self.possible_agents = [f"agent_{index}" for index in range(spec.n_agents)]
        self.agents: list[str] = []
        self._dead: list[str] = []
        self._out = empty_env_output(spec, 1)
        self._number = {agent: index for index, agent in enumerate(self.possible_agents)}
        self._action_spaces = {agent: spaces.Discrete(spec.n_actions) for agent in self.possible_agents}
        self._observation_spaces = {agent: self._observation_space_of(spec) for agent in self.possible_agents}
        self.state_space = spaces.Box(-np.inf, np.inf, (spec.state_dim,), np.float32)

    def _observation_space_of(self, spec: EnvSpec) -> spaces.Space:
        numbers = spaces.Box(-np.inf, np.inf, (spec.obs_dim,), np.float32)
        mask = spaces.Box(0, 1, (spec.n_actions,), np.int8)
        return numbers if self._flat else spaces.Dict({"observation": numbers, "action_mask": mask})

    def observation_space(self, agent: str) -> spaces.Space:
        """The same object at every call."""
        return self._observation_spaces[agent]

    def action_space(self, agent: str) -> spaces.Discrete:
        """The same object at every call; ``sample(mask)`` takes the ``action_mask``."""
        return self._action_spaces[agent]

    def reset(
        self, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[dict[str, Any], dict[str, dict[str, Any]]]:
        """Starts a battle.

        Args:
          seed: begins the stream of battles of this seed; None goes on with the one at hand, at first with any.
          options: nothing is made of them.

        Returns:
          Observations and infos by agent.
        """
        if self._closed:
            raise RuntimeError("the environment is closed")
        if seed is not None and (not isinstance(seed, int | np.integer) or isinstance(seed, bool) or seed < 0):
            raise ValueError(f"seed is {shown(seed)}; None or a whole number from 0 expected")
        if seed is not None or self._battle is None:
            seed = secrets.randbits(31) if seed is None else seed
            self._battle = SkirmishVectorEnv(self.map_name, 1, seed, options=self._options, autoreset=False)
        self._battle.reset(self._out)
        self.agents, self._dead = self.possible_agents[:], []
        self._show()
        return self._observations(self.agents), self._infos(self.agents, {})

    def step(
        self, actions: Mapping[str, int]
    ) -> tuple[
        dict[str, Any],
        dict[str, float],
        dict[str, bool],
        dict[str, bool],
        dict[str, dict[str, Any]],
    ]:
        """Plays one env step.

        Args:
          actions: of every agent in ``agents``; those of others are not looked at.

        Returns:
          Observations, rewards, terminations, truncations and infos of the agents that acted. An action that was not
          available is replaced by the first one that is, which then stands in the info as ``action``.

        Raises:
          ValueError: an action is missing, does not exist, or is not available (``unavailable_actions="refused"``).
          RuntimeError: before ``reset``, after the end of the battle, or closed.
        """
        if self._battle is None or not self.agents:
            raise RuntimeError("step() outside an episode; call reset() to start one")
        acting = self.agents
        played, replaced = self._chosen(actions)
        unpaid = self._dead if self._black_death else ()
        self._battle.step(played, self._out)
        health = self._battle.units()[0, HEALTH_ROW]
        self._dead = [agent for agent, number in self._number.items() if health[number] <= 0]
        terminated, truncated = bool(self._out.terminated[0]), bool(self._out.truncated[0])
        leaves = {agent: terminated or (self._dead_removed and agent in self._dead) for agent in acting}
        self.agents = [] if terminated or truncated else [agent for agent in acting if not leaves[agent]]
        self._show()
        return (
            self._observations(acting),
            dict.fromkeys(acting, float(self._out.reward[0])) | dict.fromkeys(unpaid, 0.0),
            leaves,
            {agent: truncated and not leaves[agent] for agent in acting},
            self._infos(acting, replaced),
        )

    def state(self) -> np.ndarray:
        """SMAC's state, float32 [S]."""
        self._check_started()
        return self._out.state[0].copy()

    def render(self) -> np.ndarray | str | None:
        """The battle as ``render_mode`` says: uint8 [height, width, 3], or text; "human" prints the text."""
        battle = self._check_started()
        units = battle.units()[0]
        if self.render_mode == "rgb_array":
            return render_battle(battle.map, battle.unit_types(), units)
        if self.render_mode == "ansi":
            return write_battle(battle.map, battle.unit_types(), units)
        return None

    def close(self) -> None:
        """Frees the battle; safe to call twice."""
        self._battle, self._closed, self.agents = None, True, []

    def _check_started(self) -> SkirmishVectorEnv:
        if self._battle is None:
            raise RuntimeError("nothing to see before the first reset(), or after close()")
        return self._battle

    def _show(self) -> None:
        if self.render_mode == "human":
            battle = self._check_started()
            print(write_battle(battle.map, battle.unit_types(), battle.units()[0]))

    def _chosen(self, actions: Mapping[str, int]) -> tuple[np.ndarray, dict[str, int]]:
        """What is played, int32 [1, N] with no-op for those who left, and what replaced actions of whom."""
        if not isinstance(actions, Mapping):
            raise ValueError(f"actions are {shown(actions)}; a dictionary by agent expected")
        unknown = [agent for agent in actions if agent not in self._number]
        if unknown:
            raise ValueError(f"there is an action of {shown(unknown[0])}; actions of {', '.join(self.agents)} expected")
        played = np.zeros((1, len(self.possible_agents)), np.int32)
        replaced: dict[str, int] = {}
        for agent in self.agents:
            if agent not in actions:
                raise ValueError(f"no action of {agent!r}; one of every agent in {self.agents} expected")
            action, mask = _whole_number(agent, actions[agent]), self._out.avail_actions[0, self._number[agent]]
            if not 0 <= action < len(mask):
                raise ValueError(f"{agent!r}: action {action} does not exist; 0 to {len(mask) - 1} expected")
            if self._black_death and agent in self._dead:
                action = 0  # no-op, whatever is asked for
            elif not mask[action] and not self._options.heuristic_ai:
                if not self._replaces:
                    raise ValueError(
                        f"{agent!r}: action {action} is not available; {np.flatnonzero(mask).tolist()} are"
                    )
                replaced[agent] = action = int(np.argmax(mask))
            played[0, self._number[agent]] = action
        return played, replaced

    def _observations(self, agents: list[str]) -> dict[str, Any]:
        shown = {agent: self._out.obs[0, self._number[agent]].copy() for agent in agents}
        if self._black_death:
            for agent in self._dead:
                shown[agent][:] = 0
        return shown if self._flat else {a: {"observation": shown[a], "action_mask": self._mask(a)} for a in agents}

    def _infos(self, agents: list[str], replaced: Mapping[str, int]) -> dict[str, dict[str, Any]]:
        won = bool(self._out.episode.battle_won[0])
        infos: dict[str, dict[str, Any]] = {agent: {"battle_won": won} for agent in agents}
        for agent, action in replaced.items():
            infos[agent]["action"] = action
        if self._flat:  # in one place only: some libraries take a mask for two where it is in both
            for agent in agents:
                infos[agent]["action_mask"] = self._mask(agent)
        return infos

    def _mask(self, agent: str) -> np.ndarray:
        return self._out.avail_actions[0, self._number[agent]].astype(np.int8)


def _whole_number(agent: str, action: Any) -> int:
    """An action as an int; arrays of one whole number are such too, True and 1.0 are not."""
    array = np.asarray(action) if isinstance(action, int | np.integer | np.ndarray) else np.asarray(None)
    if array.size != 1 or array.dtype.kind not in "iu":
        raise ValueError(f"the action of {agent!r} is {shown(action)}; a whole number expected")
    return int(array.item())


def parallel_env(map_name: str = "3m", **options: Any) -> SkirmishParallelEnv:
    """Battles on ``map_name`` as a ``pettingzoo.ParallelEnv``.

    Args:
      map_name: one of SMAC's maps, or the path of a scenario file (``.json``).
      render_mode: None, "rgb_array", "ansi" or "human" (prints).
      dead_agents: "kept": they stay to the battle's end, with nothing but no-op to choose; "black_death": they stay,
        observe zeros, are paid 0, and what is asked of them is not looked at; "removed": they are terminated when they
        die.
      flat_observations: observations are float32 [O], and the mask is in the infos instead.
      unavailable_actions: "replaced" by the first available one, or "refused" with a ValueError.
      options: besides these, SMAC's options by name, as ``obs_last_action=True``.

    Raises:
      TypeError: unknown option; the message names the near ones.
      ValueError: unknown map, likewise; a value of the wrong type or out of range.
    """
    return SkirmishParallelEnv(map_name, **options)
