"""The smallest environment there is: everything it shows spells where in which episode it is.

It tests the way of the data without any game, and is the skeleton to start from when writing another backend.
"""

from __future__ import annotations

import copy
import dataclasses

import numpy as np

from seed_matrace.specs import EnvSpec, empty_env_output
from seed_matrace.types import EnvOutput, flatten
from seed_matrace.vector_env import check_actions

SPEC = EnvSpec(n_agents=2, n_actions=4, obs_dim=4, state_dim=3, episode_limit=9)
VERSION = 1
_LARGEST = 1000  # numbers shown wrap round here: networks take no millions


class CountingVectorEnv:
    """Environment j shows (first_env + j mod 1000, episode, step) as its state, and its agents' number behind that.

    Episodes of environment i last 3 + i mod 5 steps; every second one ends by truncation. The reward of a step is
    the number of the step it led to, in the episode that it belongs to. A third of the battles is won.
    """

    __copy__ = copy.deepcopy  # a copy plays its own battles

    def __init__(self, num_envs: int, first_env: int = 0, *, with_final: bool = False) -> None:
        self.spec = dataclasses.replace(SPEC, with_final=with_final)
        self.num_envs = num_envs
        self._number = first_env + np.arange(num_envs)
        self._length = 3 + self._number % 5
        self._episode = np.full(num_envs, -1)
        self._step = np.zeros(num_envs, np.int64)
        self._avail_actions: np.ndarray | None = None

    def reset(self, out: EnvOutput | None = None) -> EnvOutput:
        """See ``VectorEnv``."""
        out = self._cleared(out)
        self._episode += 1
        self._step[:] = 0
        self._show(out)
        return out

    def step(self, actions: np.ndarray, out: EnvOutput | None = None) -> EnvOutput:
        """See ``VectorEnv``."""
        actions = check_actions(actions, self._avail_actions)
        out = self._cleared(out)
        self._step += 1
        out.reward[:] = self._step
        ended = self._step == self._length
        out.terminated[:] = ended & (self._episode % 2 == 0)
        out.truncated[:] = ended & (self._episode % 2 == 1)
        out.episode.length[ended] = self._step[ended]
        out.episode.episode_return[ended] = (self._step * (self._step + 1) // 2)[ended]
        out.episode.battle_won[ended] = self._episode[ended] % 3 == 0
        if self.spec.with_final:
            obs, state = self._look()
            out.final_obs[ended], out.final_state[ended] = obs[ended], state[ended]
        self._episode[ended] += 1
        self._step[ended] = 0
        self._show(out)
        return out

    def get_state_bytes(self) -> bytes:
        """See ``VectorEnv``."""
        return np.stack([self._number, self._episode, self._step]).tobytes()

    def set_state_bytes(self, state: bytes) -> None:
        """See ``VectorEnv``."""
        numbers = np.frombuffer(state, np.int64)
        if numbers.size != 3 * self.num_envs or (numbers[: self.num_envs] != self._number).any():
            raise ValueError("not a state of these environments")
        self._episode[:], self._step[:] = numbers.reshape(3, -1)[1:]
        self._remember_available()

    def close(self) -> None:
        """See ``VectorEnv``."""

    def _cleared(self, out: EnvOutput | None) -> EnvOutput:
        out = out or empty_env_output(self.spec, self.num_envs)
        for array in flatten(out):
            array[...] = 0
        return out

    def _show(self, out: EnvOutput) -> None:
        out.obs[...], out.state[...] = self._look()
        out.avail_actions[...] = self._remember_available()

    def _look(self) -> tuple[np.ndarray, np.ndarray]:
        """Observations and state now."""
        state = np.stack([self._number % _LARGEST, self._episode, self._step], axis=-1)
        agents = np.broadcast_to(np.arange(self.spec.n_agents)[:, None], (self.num_envs, self.spec.n_agents, 1))
        return np.concatenate([np.repeat(state[:, None], self.spec.n_agents, axis=1), agents], axis=-1), state

    def _remember_available(self) -> np.ndarray:
        """All actions but the one of the step's number may be chosen."""
        avail_actions = np.ones((self.num_envs, self.spec.n_agents, self.spec.n_actions), np.uint8)
        np.put_along_axis(avail_actions, (self._step % self.spec.n_actions)[:, None, None], 0, axis=-1)
        self._avail_actions = avail_actions
        return avail_actions
