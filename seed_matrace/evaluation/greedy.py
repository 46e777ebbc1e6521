"""A team that plays whole episodes with its policy's likeliest actions, whatever computes them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from seed_matrace.types import Memory, PolicyOutput

# (obs float32 [E, N, O], avail_actions uint8 [E, N, A], memory) -> what ``Learner.greedy_step`` returns.
GreedyStep = Callable[[np.ndarray, np.ndarray, Memory], PolicyOutput]


class GreedyTeam:
    """Acts as ``evaluation.episodes.Act`` says; remembers what its network must know of an episode.

    Args:
      step: chooses the most probable available actions; one that samples makes a team that plays as in training.
      recurrent_dim: R, of the recurrent state that ``step`` carries along; 0 without any.
    """

    def __init__(self, step: GreedyStep, recurrent_dim: int) -> None:
        self._step = step
        self._memory = Memory(np.zeros((0, 0), np.int32), np.zeros((0, recurrent_dim), np.float32))

    def __call__(self, obs: np.ndarray, avail_actions: np.ndarray, episode_start: np.ndarray) -> np.ndarray:
        """The most probable available actions, int32 [E, N].

        Args:
          obs: float32 [E, N, O].
          avail_actions: uint8 [E, N, A], 1 = may be chosen.
          episode_start: bool [E], true where an episode begins; everywhere when other environments do.
        """
        if self._memory.last_action.shape != obs.shape[:2]:
            recurrent = np.zeros((len(obs), self._memory.recurrent.shape[1]), np.float32)
            self._memory = Memory(np.full(obs.shape[:2], -1, np.int32), recurrent)
        self._memory.forget(episode_start)
        output = self._step(obs, avail_actions, self._memory)
        self._memory.remember(output)
        return np.array(output.action)
