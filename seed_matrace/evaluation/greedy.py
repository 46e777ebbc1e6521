"""A team that plays whole episodes with the learner's likeliest actions."""

from __future__ import annotations

import numpy as np

from seed_matrace.learner.learner import Learner
from seed_matrace.types import Memory


class GreedyTeam:
    """Acts as ``evaluation.episodes.Act`` says; remembers what its networks must know of an episode."""

    def __init__(self, learner: Learner) -> None:
        self._learner = learner
        self._memory = Memory(np.zeros((0, 0), np.int32), np.zeros((0, 0), np.float32))

    def __call__(self, obs: np.ndarray, avail_actions: np.ndarray, episode_start: np.ndarray) -> np.ndarray:
        """The most probable available actions, int32 [E, N].

        Args:
          obs: float32 [E, N, O].
          avail_actions: uint8 [E, N, A], 1 = may be chosen.
          episode_start: bool [E], true where an episode begins; everywhere when other environments do.
        """
        if self._memory.last_action.shape != obs.shape[:2]:
            recurrent = np.zeros((len(obs), self._learner.policy.state_dim), np.float32)
            self._memory = Memory(np.full(obs.shape[:2], -1, np.int32), recurrent)
        self._memory.forget(episode_start)
        output = self._learner.greedy_step(obs, avail_actions, self._memory)
        self._memory.remember(output)
        return np.array(output.action)
