"""What every environment of SMAC's family has: the base class that programs written for SMAC ask for."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np


class MultiAgentEnv:
    """The methods of ``smac.env.MultiAgentEnv``; all but ``get_env_info`` are for a subclass to write.

    ``get_env_info`` also asks for attributes n_agents and episode_limit.
    """

    n_agents: int
    episode_limit: int

    def step(self, actions: Sequence[int]) -> tuple[float, bool, dict[str, Any]]:
        """Plays one action of each agent; returns reward, whether the episode is over, and infos."""
        raise NotImplementedError

    def get_obs(self) -> list[np.ndarray]:
        """Observations of all agents."""
        raise NotImplementedError

    def get_obs_agent(self, agent_id: int) -> np.ndarray:
        """Observation of one agent."""
        raise NotImplementedError

    def get_obs_size(self) -> int:
        """Length of an observation."""
        raise NotImplementedError

    def get_state(self) -> np.ndarray:
        """The global state."""
        raise NotImplementedError

    def get_state_size(self) -> int:
        """Length of the state."""
        raise NotImplementedError

    def get_avail_actions(self) -> list[list[int]]:
        """For every agent a 1 for each action that may be chosen and a 0 for the others."""
        raise NotImplementedError

    def get_avail_agent_actions(self, agent_id: int) -> list[int]:
        """The same of one agent."""
        raise NotImplementedError

    def get_total_actions(self) -> int:
        """Number of actions of an agent."""
        raise NotImplementedError

    def reset(self) -> tuple[list[np.ndarray], np.ndarray]:
        """Starts an episode; returns observations and state."""
        raise NotImplementedError

    def render(self) -> Any:
        """Shows the environment."""
        raise NotImplementedError

    def close(self) -> None:
        """Ends the environment."""
        raise NotImplementedError

    def seed(self) -> int | None:
        """The seed."""
        raise NotImplementedError

    def save_replay(self) -> Path | None:
        """Writes a replay of the episode."""
        raise NotImplementedError

    def get_env_info(self) -> dict[str, Any]:
        """state_shape, obs_shape, n_actions, n_agents and episode_limit."""
        return {
            "state_shape": self.get_state_size(),
            "obs_shape": self.get_obs_size(),
            "n_actions": self.get_total_actions(),
            "n_agents": self.n_agents,
            "episode_limit": self.episode_limit,
        }
