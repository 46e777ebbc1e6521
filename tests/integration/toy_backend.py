"""Two agents and some buttons: whoever presses the lit one is paid, and the next one to it is covered."""

from __future__ import annotations

import dataclasses

import numpy as np

from seed_matrace.env_options import EnvOptions
from seed_matrace.envs.backend import Asked
from seed_matrace.specs import EnvSpec, empty_env_output
from seed_matrace.types import EnvOutput, flatten
from seed_matrace.vector_env import check_actions

VERSION = "1"
_BUTTONS = {"three_buttons": 3, "five_buttons": 5}
_STEPS = 4  # of an episode


def toy_spec(env: EnvOptions) -> EnvSpec:
    """Sizes of a map; ValueError for an unknown one."""
    if env.map_name not in _BUTTONS:
        raise ValueError(f"unknown map {env.map_name!r}; known maps: {', '.join(_BUTTONS)}")
    n = _BUTTONS[env.map_name]
    return EnvSpec(n_agents=2, n_actions=n, obs_dim=n, state_dim=n, episode_limit=_STEPS)


class ToyVectorEnv:
    """Which button is lit in a step follows from the environment's stream and how many steps it has played."""

    def __init__(self, env: EnvOptions, asked: Asked) -> None:
        self.spec = dataclasses.replace(toy_spec(env), with_final=asked.with_final)
        self.num_envs = asked.num_envs
        self._pay = env.pay
        self._stream = asked.seed + asked.first_env + np.arange(asked.num_envs)
        self._played = -1
        self._paid = np.zeros(asked.num_envs)
        self._avail_actions: np.ndarray | None = None

    def reset(self, out: EnvOutput | None = None) -> EnvOutput:
        """See ``VectorEnv``."""
        self._played = 0
        self._paid[:] = 0
        return self._show(self._cleared(out))

    def step(self, actions: np.ndarray, out: EnvOutput | None = None) -> EnvOutput:
        """See ``VectorEnv``."""
        actions = check_actions(actions, self._avail_actions)
        out = self._cleared(out)
        out.reward[:] = self._pay * (actions == self._lit()[:, None]).mean(axis=1)
        self._paid += out.reward
        self._played += 1
        if self._played % _STEPS == 0:
            out.truncated[:] = True
            out.episode.length[:] = _STEPS
            out.episode.episode_return[:] = self._paid
            self._paid[:] = 0
        return self._show(out)

    def get_state_bytes(self) -> bytes:
        """See ``VectorEnv``."""
        return np.array([self._played, *self._paid]).tobytes()

    def set_state_bytes(self, state: bytes) -> None:
        """See ``VectorEnv``."""
        played, *self._paid[:] = np.frombuffer(state)
        self._played = int(played)
        self._show(self._cleared(None))

    def close(self) -> None:
        """See ``VectorEnv``."""

    def _lit(self) -> np.ndarray:
        return (7 * self._stream + self._played * (self._played + 1) // 2) % self.spec.n_actions

    def _cleared(self, out: EnvOutput | None) -> EnvOutput:
        out = out or empty_env_output(self.spec, self.num_envs)
        for array in flatten(out):
            array[...] = 0
        return out

    def _show(self, out: EnvOutput) -> EnvOutput:
        one_hot = np.eye(self.spec.n_actions)
        out.state[...] = one_hot[self._lit()]
        out.obs[...] = out.state[:, None]
        out.avail_actions[...] = 1 - np.roll(one_hot, 1, axis=1)[self._lit()][:, None]
        self._avail_actions = out.avail_actions.copy()
        return out
