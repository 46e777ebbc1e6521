"""Observations with a short memory: each agent sees its k newest ones side by side, oldest first."""

from __future__ import annotations

import copy
import dataclasses
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from seed_matrace._cext._batching import stack_frames
from seed_matrace.specs import EnvSpec, check_env_output, empty_env_output, env_output_spec
from seed_matrace.types import EnvOutput
from seed_matrace.vector_env import GamesVectorEnv, VectorEnv

if TYPE_CHECKING:
    from seed_matrace.replay import PlayedBattle


class FrameStack:
    """The ``depth`` newest observations of a team in E environments, zero before the episode's first.

    The next observation is written into ``next_frame`` and counts from ``push`` on.
    """

    __copy__ = copy.deepcopy  # a copy plays its own battles

    def __init__(self, depth: int, num_envs: int, spec: EnvSpec) -> None:
        """Starts without observations.

        Args:
          depth: k, at least 1.
          num_envs: E.
          spec: sizes of one observation.

        Raises:
          ValueError: ``depth`` is less than 1.
        """
        if depth < 1:
            raise ValueError(f"frame_stack is {depth}; at least 1 expected")
        self.num_envs = num_envs
        self._ring = np.zeros((depth, num_envs, spec.n_agents, spec.obs_dim), np.float32)
        self._newest = np.zeros(1, np.int64)  # its index in the ring
        self._seen = np.zeros(num_envs, np.int32)  # observations of the episode at hand, at most depth

    @property
    def next_index(self) -> int:
        """Number of ``next_frame`` among ``frames``."""
        return (int(self._newest[0]) + 1) % len(self._ring)

    @property
    def frames(self) -> list[np.ndarray]:
        """Views of the memory of all observations, float32 [E, N, O]; ``next_frame`` is each in turn."""
        return list(self._ring)

    @property
    def next_frame(self) -> np.ndarray:
        """Where the next observation belongs, float32 [E, N, O]."""
        return self._ring[self.next_index]

    def stack_final(self, final: np.ndarray, ended: np.ndarray, out: np.ndarray) -> None:
        """Writes what ended episodes showed last; to be called before the next episodes' first observation is pushed.

        Args:
          final: float32 [E, N, O], the last observations.
          ended: bool [E].
          out: float32 [E, N, k * O], written; 0 where no episode ended.
        """
        seen = np.where(ended, np.minimum(self._seen + 1, len(self._ring)), 0).astype(np.int32)
        stack_frames(self._ring, self.next_index, final, seen, out)

    def push(self, episode_start: np.ndarray, out: np.ndarray) -> None:
        """Takes the observation in ``next_frame`` and writes the stacks.

        Args:
          episode_start: bool [E], True at an episode start.
          out: float32 [E, N, k * O], written.
        """
        self._newest[0] = index = self.next_index
        np.add(self._seen, 1, out=self._seen)
        np.minimum(self._seen, len(self._ring), out=self._seen)
        np.copyto(self._seen, 1, where=episode_start)
        stack_frames(self._ring, index, self._ring[index], self._seen, out)

    def memory(self) -> list[np.ndarray]:
        """Everything that changes, as arrays that share its memory."""
        return [self._newest, self._seen, self._ring]


class FrameStackVectorEnv:
    """A vector environment whose observations are stacks of another's; the state stays as it is.

    The other environment writes everything but observations straight into the output, and observations into the stack.
    """

    def __init__(self, env: VectorEnv, depth: int) -> None:
        """Takes over ``env``; ``depth`` is how many observations are stacked, at least 1."""
        self.spec = dataclasses.replace(env.spec, obs_dim=depth * env.spec.obs_dim)
        self.num_envs = env.num_envs
        self._env = env
        self._stack = FrameStack(depth, env.num_envs, env.spec)
        self._final_obs = env_output_spec(env.spec, env.num_envs).final_obs.empty()
        self._header = f"stack of {depth}\n".encode()
        self._out: EnvOutput | None = None
        self._inner: list[EnvOutput] = []

    def reset(self, out: EnvOutput | None = None) -> EnvOutput:
        """See ``VectorEnv``."""
        out = empty_env_output(self.spec, self.num_envs) if out is None else out
        self._env.reset(self._unstacked(out))
        out.final_obs[...] = 0
        self._stack.push(np.ones(self.num_envs, np.bool_), out.obs)
        return out

    def step(self, actions: np.ndarray, out: EnvOutput | None = None) -> EnvOutput:
        """See ``VectorEnv``."""
        out = empty_env_output(self.spec, self.num_envs) if out is None else out
        self._env.step(actions, self._unstacked(out))
        ended = out.terminated | out.truncated
        if self.spec.with_final:
            self._stack.stack_final(self._final_obs, ended, out.final_obs)
        self._stack.push(ended, out.obs)
        return out

    def get_state_bytes(self) -> bytes:
        """See ``VectorEnv``."""
        arrays = [array.tobytes() for array in self._stack.memory()]
        return b"".join([self._header, *arrays, self._env.get_state_bytes()])

    def set_state_bytes(self, state: bytes) -> None:
        """See ``VectorEnv``."""
        memory, start = self._stack.memory(), len(self._header)
        end = start + sum(array.nbytes for array in memory)
        if not state.startswith(self._header) or len(state) < end:
            cut_off = ": it is cut off" if state.startswith(self._header) else ""
            raise ValueError(f"not a state of a {self._header.decode().strip()} observations{cut_off}")
        self._env.set_state_bytes(state[end:])  # raises before anything has changed here
        for array in memory:
            array[...] = np.frombuffer(state, array.dtype, array.size, start).reshape(array.shape)
            start += array.nbytes

    __copy__ = copy.deepcopy  # a copy plays its own battles

    def __getstate__(self) -> dict[str, Any]:
        """For copies and pickles: views of the stack are made anew."""
        return {**self.__dict__, "_out": None, "_inner": []}

    def battle(self, index: int) -> PlayedBattle | None:
        """See ``GamesVectorEnv``; observations are not stacked."""
        return cast(GamesVectorEnv, self._env).battle(index)

    def abandon(self) -> None:
        """See ``GamesVectorEnv``; only of stacks on top of one."""
        cast(GamesVectorEnv, self._env).abandon()

    def close(self) -> None:
        """See ``VectorEnv``."""
        self._env.close()
        self._out, self._inner = None, []

    def _unstacked(self, out: EnvOutput) -> EnvOutput:
        """``out`` with memory for single observations in place of the stacks; made once for each ``out``."""
        if self._out is not out:
            check_env_output(out, self.spec, self.num_envs)
            inner = out._replace(final_obs=self._final_obs)
            self._out, self._inner = out, [inner._replace(obs=frame) for frame in self._stack.frames]
        return self._inner[self._stack.next_index]
