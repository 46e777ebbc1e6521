"""A team that plays whole episodes with the learner's likeliest actions."""

from __future__ import annotations

import numpy as np

from seed_matrace.learner.learner import Learner


class GreedyTeam:
    """Acts as ``evaluation.episodes.Act`` says; remembers what each agent did last, within an episode."""

    def __init__(self, learner: Learner) -> None:
        self._learner = learner
        self._last_action = np.zeros((0, 0), np.int32)

    def __call__(self, obs: np.ndarray, avail_actions: np.ndarray, episode_start: np.ndarray) -> np.ndarray:
        """The most probable available actions, int32 [E, N].

        Args:
          obs: float32 [E, N, O].
          avail_actions: uint8 [E, N, A], 1 = may be chosen.
          episode_start: bool [E], true where an episode begins; everywhere when other environments do.
        """
        if self._last_action.shape != obs.shape[:2]:
            self._last_action = np.full(obs.shape[:2], -1, np.int32)
        last_action = np.where(episode_start[:, np.newaxis], -1, self._last_action)
        self._last_action = np.array(self._learner.greedy_step(obs, avail_actions, last_action))
        return self._last_action.copy()
