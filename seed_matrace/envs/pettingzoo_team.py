"""One parallel environment of PettingZoo as a team with one size of observations and actions for all roles."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from seed_matrace.env_options import EnvOptions
from seed_matrace.envs.pettingzoo_border import ForeignEnv, Seen
from seed_matrace.specs import EnvSpec


class TeamStep(NamedTuple):
    """What a step of a team led to, besides what is to be seen."""

    reward: float
    terminated: bool
    truncated: bool
    won: bool


class PettingZooTeam:
    """Agents are the environment's ``possible_agents`` in their order, there or not.

    Shorter observations end in zeros, actions that a role does not have are unavailable. An agent that is not
    there, yet or any more, observes zeros and can only choose action 0, which nobody carries out. One that is there
    and whose mask leaves it nothing can choose action 0, too, and that is what the environment is told.

    Raises:
      ValueError: no such environment, or none that can be trained; the message says why.
    """

    def __init__(self, config: EnvOptions) -> None:
        self._config = config
        self._env = ForeignEnv(config)
        self.made = self._env.made
        limit = self._env.episode_limit()
        obs_dim = max(reader.size for reader in self._env.readers.values())
        n_actions = max(count for _, count in self._env.choices.values())
        n_agents = len(self._env.agents)
        self._row = {agent: row for row, agent in enumerate(self._env.agents)}
        self.obs = np.zeros((n_agents, obs_dim), np.float32)
        self.avail_actions = np.zeros((n_agents, n_actions), np.uint8)
        self._has_state = not config.obs_instead_of_state
        self._steps = 0
        self.reset(0)
        self.spec = EnvSpec(n_agents, n_actions, obs_dim, self.state().size, limit)

    def reset(self, seed: int) -> None:
        """Starts an episode that hangs on ``seed`` alone."""
        seen = self._env.reset(seed)
        self._steps = 0
        self._show(seen)

    def step(self, actions: np.ndarray) -> TeamStep:
        """Plays one step; ``actions`` int32 [N], each available. After an episode's end ``reset`` must come."""
        played = self._env.step({agent: int(actions[row]) for agent, row in self._row.items()})
        self._steps += 1
        out_of_time = played.out_of_time if played.over else self._steps >= self.spec.episode_limit
        if played.over:  # those of whom nothing is shown any more keep what they saw last
            for agent, obs in played.seen.obs.items():
                self.obs[self._row[agent], : obs.size] = obs
        else:
            self._show(played.seen)
        mean = self._config.team_reward == "mean"
        return TeamStep(
            reward=played.reward / len(self._row) if mean else played.reward,
            terminated=played.over and not out_of_time,
            truncated=out_of_time,
            won=played.won,
        )

    def state(self) -> np.ndarray:
        """The environment's own state; all agents' observations if it has none or they are asked for. float32 [S]."""
        state = self._env.state() if self._has_state else None
        self._has_state = state is not None
        return self.obs.ravel() if state is None else state

    def close(self) -> None:
        """Frees what the environment holds."""
        self._env.close()

    def _show(self, seen: Seen) -> None:
        self.obs[...] = 0.0
        self.avail_actions[...] = 0
        for agent in seen.present:
            row, obs, count = self._row[agent], seen.obs[agent], self._env.choices[agent][1]
            self.obs[row, : obs.size] = obs
            self.avail_actions[row, :count] = seen.masks.get(agent, True)
        self.avail_actions[~self.avail_actions.any(axis=1), 0] = 1
