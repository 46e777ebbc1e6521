"""Environments of PettingZoo's parallel API, any of them with discrete actions, as a vector environment.

The other way round, the simulator as an environment of PettingZoo, is in ``pettingzoo``.
"""

from __future__ import annotations

import dataclasses
import hashlib

import numpy as np

from seed_matrace.env_options import EnvOptions
from seed_matrace.envs.pettingzoo_team import PettingZooTeam
from seed_matrace.specs import EnvSpec, check_env_output, empty_env_output
from seed_matrace.types import EnvOutput, flatten
from seed_matrace.vector_env import check_actions

_DIGEST = 16  # bytes


def pettingzoo_spec(config: EnvOptions) -> EnvSpec:
    """Sizes of the environment; it has to be made for that."""
    team = PettingZooTeam(config)
    team.close()
    return team.spec


def _check_teams(name: str, teams: list[PettingZooTeam]) -> None:
    """Raises ValueError unless they are environments of their own, and of one size."""
    if len({id(team.made) for team in teams}) < len(teams):
        raise ValueError(f"{name} gives the same environment again and again; a new one at each call expected")
    for team in teams:
        if team.spec != teams[0].spec:
            raise ValueError(f"{name} makes environments of different sizes: {teams[0].spec} and {team.spec}")


class PettingZooVectorEnv:
    """E environments of one kind that step one after the other and reset themselves (see ``vector_env.VectorEnv``).

    Episode k of environment j is reset with a seed of its own, made of ``seed``, ``first_env + j`` and k. So an episode
    under way is kept as its actions, and gone on with by playing them again: no environment has to be copied.
    """

    def __init__(
        self, config: EnvOptions, num_envs: int, seed: int, first_env: int = 0, *, with_final: bool = False
    ) -> None:
        self._teams = [PettingZooTeam(config) for _ in range(num_envs)]
        _check_teams(config.map_name, self._teams)
        self.spec = dataclasses.replace(self._teams[0].spec, with_final=with_final)
        self.num_envs = num_envs
        self._streams = [(seed, first_env + index) for index in range(num_envs)]
        self._episode = [-1] * num_envs
        self._returns = np.zeros(num_envs)
        self._played: list[list[np.ndarray]] = [[] for _ in self._teams]  # of the episodes under way
        self._avail_actions: np.ndarray | None = None
        about = f"{config.map_name} {config.arguments or {}} {num_envs} environments, {first_env}+ of seed {seed}"
        self._header = f"pettingzoo {about}\n".encode()

    def reset(self, out: EnvOutput | None = None) -> EnvOutput:
        """See ``VectorEnv``."""
        out = self._cleared(out)
        for index in range(self.num_envs):
            self._begin(index)
        self._show(out)
        return out

    @np.errstate(over="ignore")  # a reward that float32 cannot hold is infinite, which training refuses
    def step(self, actions: np.ndarray, out: EnvOutput | None = None) -> EnvOutput:
        """See ``VectorEnv``."""
        actions = check_actions(actions, self._avail_actions)
        out = self._cleared(out)
        for index, team in enumerate(self._teams):
            step = team.step(actions[index])
            self._played[index].append(actions[index].copy())
            self._returns[index] += step.reward
            out.reward[index], out.terminated[index], out.truncated[index] = step[:3]
            if step.terminated or step.truncated:
                out.episode.episode_return[index] = self._returns[index]
                out.episode.length[index] = len(self._played[index])
                out.episode.battle_won[index] = step.won
                if self.spec.with_final:
                    out.final_obs[index], out.final_state[index] = team.obs, team.state()
                self._begin(index)
        self._show(out)
        return out

    def get_state_bytes(self) -> bytes:
        """See ``VectorEnv``; the episodes' numbers and actions, and a digest of what is seen now."""
        if self._avail_actions is None:
            raise RuntimeError("nothing to keep before the first reset")
        lengths = [len(played) for played in self._played]
        actions = [row for played in self._played for row in played]
        numbers = np.concatenate([self._episode, lengths, *actions]).astype("<i8")
        return self._header + self._digest() + numbers.tobytes()

    def set_state_bytes(self, state: bytes) -> None:
        """See ``VectorEnv``.

        Raises:
          ValueError: not such a state, or the environment does not play the same again.
        """
        start = len(self._header) + _DIGEST
        numbers = np.frombuffer(state[start:], "<i8") if (len(state) - start) % 8 == 0 else np.empty(0, "<i8")
        episode, lengths = numbers[: self.num_envs], numbers[self.num_envs : 2 * self.num_envs]
        expected = 2 * self.num_envs + int(lengths.sum()) * self.spec.n_agents
        if not state.startswith(self._header) or len(numbers) != expected or len(lengths) != self.num_envs:
            whole = ", or not whole" if state.startswith(self._header) else ""
            raise ValueError(f"not a state of {self._header.decode().strip()}{whole}")
        rows = iter(numbers[2 * self.num_envs :].astype(np.int32).reshape(-1, self.spec.n_agents))
        for index, team in enumerate(self._teams):
            self._episode[index] = int(episode[index]) - 1
            self._begin(index)
            for _ in range(lengths[index]):
                self._played[index].append(next(rows))
                self._returns[index] += team.step(self._played[index][-1]).reward
        self._avail_actions = np.stack([team.avail_actions for team in self._teams])
        if self._digest() != state[start - _DIGEST : start]:
            raise ValueError(
                "the environment does not play the same again from the same seed and actions, so what was under way "
                "cannot be gone on with: does it draw from its reset's seed alone?"
            )

    def close(self) -> None:
        """See ``VectorEnv``."""
        for team in self._teams:
            team.close()
        self._teams = []

    def _begin(self, index: int) -> None:
        self._episode[index] += 1
        self._played[index].clear()
        self._returns[index] = 0.0
        seeds = np.random.SeedSequence((*self._streams[index], self._episode[index]))
        self._teams[index].reset(int(seeds.generate_state(1)[0]) >> 1)

    def _cleared(self, out: EnvOutput | None) -> EnvOutput:
        if out is None:
            return empty_env_output(self.spec, self.num_envs)
        check_env_output(out, self.spec, self.num_envs)
        for array in flatten(out):
            array[...] = 0
        return out

    def _show(self, out: EnvOutput) -> None:
        for index, team in enumerate(self._teams):
            out.obs[index], out.avail_actions[index], out.state[index] = team.obs, team.avail_actions, team.state()
        self._avail_actions = out.avail_actions.copy()

    def _digest(self) -> bytes:
        digest = hashlib.blake2b(digest_size=_DIGEST)
        for team in self._teams:
            for array in (team.obs, team.avail_actions, team.state()):
                digest.update(np.ascontiguousarray(array).tobytes())
        return digest.digest()
