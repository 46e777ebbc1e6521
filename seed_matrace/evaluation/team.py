"""A team that plays, whatever computes its policy."""

from __future__ import annotations

import numpy as np

from seed_matrace.envs.frame_stack import FrameStack
from seed_matrace.evaluation.episodes import Act
from seed_matrace.specs import EnvSpec


class Team:
    """Decentralised execution: each agent's action depends on its own observations alone.

    Attributes:
      spec: sizes of observations, as the environment gives them, and actions.
      backend: what played the battles that it was trained in, with its version.
    """

    def __init__(self, act: Act, spec: EnvSpec, frame_stack: int, backend: str) -> None:
        """``act`` chooses actions from what the network sees: ``frame_stack`` observations side by side."""
        self.spec = spec
        self.backend = backend
        self._act = act
        self._depth = frame_stack
        self._stack = FrameStack(frame_stack, 0, spec)

    def other_rules(self, plays: str) -> str:
        """A sentence where ``plays``, a backend with its version, is not what the team was trained on, else ""."""
        if plays == self.backend:
            return ""
        return (
            f"this team was trained on {self.backend}, and what plays here is {plays}, by other rules: results do not "
            "compare with those of its training"
        )

    def act(self, obs: np.ndarray, avail_actions: np.ndarray, episode_start: np.ndarray) -> np.ndarray:
        """The most probable available action of every agent.

        Args:
          obs: float32 [E, N, O], never stacked.
          avail_actions: uint8 [E, N, A], 1 = may be chosen.
          episode_start: bool [E], true where this is the first step of an episode: what the policy remembers of the
            episode before is forgotten there.

        Returns:
          int32 [E, N].

        Raises:
          ValueError: shapes that do not fit the map it was trained on.
        """
        agents = (self.spec.n_agents,)
        expected = (*agents, self.spec.obs_dim), (*agents, self.spec.n_actions), ()
        for name, array, shape in zip(
            ("obs", "avail_actions", "episode_start"), (obs, avail_actions, episode_start), expected, strict=True
        ):
            if np.shape(array) != (len(obs), *shape):
                raise ValueError(f"{name} must have shape {(len(obs), *shape)}, not {np.shape(array)}")
        episode_start = np.asarray(episode_start, np.bool_)
        return self._act(self._stacked(obs, episode_start), np.asarray(avail_actions, np.uint8), episode_start)

    def _stacked(self, obs: np.ndarray, episode_start: np.ndarray) -> np.ndarray:
        """What the network sees, float32 [E, N, k * O]."""
        if self._depth == 1:
            return np.asarray(obs, np.float32)
        if self._stack.num_envs != len(obs):
            self._stack = FrameStack(self._depth, len(obs), self.spec)
        self._stack.next_frame[...] = obs
        stacked = np.empty((*np.shape(obs)[:2], self._depth * self.spec.obs_dim), np.float32)
        self._stack.push(episode_start, stacked)
        return stacked
