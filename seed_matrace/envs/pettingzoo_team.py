"""One parallel environment of PettingZoo as a team with one size of observations and actions for all roles."""

from __future__ import annotations

import importlib
import importlib.metadata
import os
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np

from seed_matrace.config import EnvConfig
from seed_matrace.specs import EnvSpec

_MASK = "action_mask"


class TeamStep(NamedTuple):
    """What a step of a team led to, besides what is to be seen."""

    reward: float
    terminated: bool
    truncated: bool
    won: bool


class PettingZooTeam:
    """Agents are the environment's ``possible_agents`` in their order, there or not.

    Shorter observations end in zeros, actions that a role does not have are unavailable. An agent that is not
    there, yet or any more, observes zeros and can only choose action 0, which nobody carries out.

    Raises:
      ValueError: no such environment, or none that can be trained; the message says why.
    """

    def __init__(self, config: EnvConfig) -> None:
        self._config = config
        self._env = _make_parallel_env(config)
        self._agents: list[Any] = list(self._env.possible_agents)
        self._readers = {agent: _reader(agent, self._env.observation_space(agent)) for agent in self._agents}
        self._choices = {agent: _choices(agent, self._env.action_space(agent)) for agent in self._agents}
        limit = config.episode_limit or getattr(self._env.unwrapped, "max_cycles", None)
        if not isinstance(limit, int) or limit < 1:
            raise ValueError(
                f"{config.map_name} does not say how long an episode can be (max_cycles is {limit!r}): set "
                "env.episode_limit to a number of steps"
            )
        obs_dim = max(reader.size for reader in self._readers.values())
        n_actions = max(count for _, count in self._choices.values())
        self.obs = np.zeros((len(self._agents), obs_dim), np.float32)
        self.avail_actions = np.zeros((len(self._agents), n_actions), np.uint8)
        self._has_state = not config.obs_instead_of_state
        self._steps = 0
        self.reset(0)
        self.spec = EnvSpec(len(self._agents), n_actions, obs_dim, self.state().size, limit)

    def reset(self, seed: int) -> None:
        """Starts an episode that hangs on ``seed`` alone."""
        observations, infos = self._env.reset(seed=seed)
        self._steps = 0
        self._see(self._env.agents, observations, infos)

    def step(self, actions: np.ndarray) -> TeamStep:
        """Plays one step; ``actions`` int32 [N], each available. After an episode's end ``reset`` must come."""
        acting = list(self._env.agents)
        given = {agent: self._choices[agent][0] + int(actions[self._agents.index(agent)]) for agent in acting}
        observations, rewards, terminations, truncations, infos = self._env.step(given)
        self._steps += 1
        over = all(terminations[agent] or truncations[agent] for agent in acting)
        out_of_time = any(truncations[agent] for agent in acting) if over else self._steps >= self.spec.episode_limit
        self._see(acting if over else self._env.agents, observations, infos)
        reward = sum(float(rewards.get(agent, 0.0)) for agent in acting)
        return TeamStep(
            reward=reward / len(self._agents) if self._config.team_reward == "mean" else reward,
            terminated=over and not out_of_time,
            truncated=out_of_time,
            won=any(bool(infos.get(agent, {}).get(self._config.won_info, False)) for agent in acting),
        )

    def state(self) -> np.ndarray:
        """The environment's own state; all agents' observations if it has none or they are asked for. float32 [S]."""
        if self._has_state:
            try:
                return np.asarray(self._env.state(), np.float32).ravel()
            except (NotImplementedError, AttributeError):
                self._has_state = False
        return self.obs.ravel()

    def close(self) -> None:
        """Frees what the environment holds."""
        self._env.close()

    def _see(self, present: Iterable[Any], observations: Mapping[Any, Any], infos: Mapping[Any, Any]) -> None:
        self.obs[...] = 0.0
        self.avail_actions[...] = 0
        for agent in present:
            index, reader, observation = self._agents.index(agent), self._readers[agent], observations[agent]
            self.obs[index, : reader.size] = reader.read(observation)
            mask = observation.get(_MASK) if reader.masked else None
            mask = infos.get(agent, {}).get(_MASK) if mask is None else mask
            self.avail_actions[index, : self._choices[agent][1]] = 1 if mask is None else np.asarray(mask) != 0
        self.avail_actions[~self.avail_actions.any(axis=1), 0] = 1


class _Reader(NamedTuple):
    """How an agent's observation becomes numbers."""

    size: int
    read: Callable[[Any], np.ndarray]
    masked: bool  # whether it is a dictionary with an action mask


def _reader(agent: Any, space: Any) -> _Reader:
    from gymnasium import spaces

    masked = isinstance(space, spaces.Dict) and _MASK in space.spaces
    seen = spaces.Dict({name: part for name, part in space.spaces.items() if name != _MASK}) if masked else space
    if not seen.is_np_flattenable:
        raise ValueError(f"agent {agent!r} observes {space}; a space of a fixed size expected")
    names = list(seen.spaces) if masked else []

    def read(observation: Any) -> np.ndarray:
        observation = {name: observation[name] for name in names} if masked else observation
        return np.asarray(spaces.flatten(seen, observation), np.float32)

    return _Reader(spaces.flatdim(seen), read, masked)


def _choices(agent: Any, space: Any) -> tuple[int, int]:
    """First action and number of actions."""
    from gymnasium import spaces

    if not isinstance(space, spaces.Discrete):
        raise ValueError(
            f"agent {agent!r} acts in {space}; only discrete actions (gymnasium.spaces.Discrete) can be learnt"
        )
    return int(space.start), int(space.n)


def package_version(map_name: str) -> str:
    """Version of the package that an environment's function is in, as "mpe2-1.1.1"."""
    package = map_name.split(".")[0]
    try:
        return f"{package}-{importlib.metadata.version(package)}"
    except importlib.metadata.PackageNotFoundError:
        return package


def _make_parallel_env(config: EnvConfig) -> Any:
    os.environ.setdefault("PYGAME_HIDE_SUPPORT_PROMPT", "1")  # pygame greets on stdout, where results are read from
    name = config.map_name
    function = _find(name)
    try:
        env = function(**(config.arguments or {}))
    except TypeError as error:
        raise ValueError(f"{name} does not take env.arguments = {config.arguments or {}}: {error}") from error
    if hasattr(env, "agent_iter") or not hasattr(env, "possible_agents"):
        raise ValueError(
            f"{name} makes {type(env).__name__}, which is no parallel environment with possible_agents; "
            "PettingZoo's modules have a function parallel_env, and pettingzoo.utils.aec_to_parallel turns others"
        )
    return env


def _find(name: str) -> Callable[..., Any]:
    """The function of that name, or ``parallel_env`` of the module of that name."""
    expected = "env.map_name = 'package.module' with a parallel_env in it, or 'package.module.function', expected"
    path, tried = name, ""
    while path:
        try:
            found: Any = importlib.import_module(path)
        except ModuleNotFoundError as error:
            if error.name is None or not f"{path}.".startswith(f"{error.name}."):
                raise ValueError(f"{name} needs the package {error.name}, which is not installed") from error
            path, _, last = path.rpartition(".")
            tried = f"{last}.{tried}" if tried else last
            continue
        for attribute in (tried or "parallel_env").split("."):
            found = getattr(found, attribute, None)
        if callable(found):
            return found
        raise ValueError(f"there is no function {tried or 'parallel_env'!r} in {path}; {expected}")
    raise ValueError(f"there is no module {name.split('.')[0]!r} (for {name!r}); install its package. {expected}")
