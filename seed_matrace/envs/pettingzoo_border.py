"""The border to environments that others wrote: all they answer is checked here, once, and becomes plain values."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np
from absl import logging

from seed_matrace.env_options import EnvOptions
from seed_matrace.envs import pettingzoo_spaces as spaces
from seed_matrace.envs.foreign_code import ForeignError, foreign_call
from seed_matrace.envs.pettingzoo_makers import make_parallel_env
from seed_matrace.foreign_files import shown

_MOST_STEPS = 10_000_000
_LARGEST_FLOAT32 = float(np.finfo(np.float32).max)
_STEP = ("observations", "rewards", "terminations", "truncations", "infos")


class Seen(NamedTuple):
    """What there is to see."""

    present: list[Any]  # agents that are there, in the environment's order
    obs: dict[Any, np.ndarray]  # float32 [size of the agent's]
    masks: dict[Any, np.ndarray]  # bool [actions of the agent's], where there is one


class Played(NamedTuple):
    """What a step led to."""

    seen: Seen
    reward: float  # of all agents together
    over: bool
    out_of_time: bool  # an agent's end was a truncation
    won: bool


class ForeignEnv:
    """A parallel environment; agents are its ``possible_agents``, in their order.

    Raises, as all its methods:
      ForeignError: one sentence with the environment, the agent and the field that is not as PettingZoo's parallel API
        has it, or what the environment raised.
    """

    def __init__(self, config: EnvOptions) -> None:
        self._config, self._name = config, config.map_name
        self.made = make_parallel_env(config)
        with self._reading("possible_agents"):
            self.agents = self._list("possible_agents", self.made.possible_agents)
            self._known = set(self.agents)
        if not self.agents:
            raise self._fault("possible_agents is empty; the names of all agents that there can be expected")
        self.readers = {agent: spaces.Reader(field, space) for agent, field, space in self._spaces("observation")}
        self.choices = {agent: spaces.read_choices(field, space) for agent, field, space in self._spaces("action")}
        if not any(reader.size for reader in self.readers.values()):
            raise self._fault("its agents observe nothing; an observation_space with at least one number expected")
        self._state_size: int | None = None
        self._acting: list[Any] = []
        self._check_reset()

    def episode_limit(self) -> int:
        """``env.episode_limit``, or the environment's ``max_cycles``."""
        if self._config.episode_limit:
            return self._config.episode_limit
        with self._reading("max_cycles"):
            limit = getattr(getattr(self.made, "unwrapped", self.made), "max_cycles", None)
        steps = _whole_number(limit)
        if not 1 <= steps <= _MOST_STEPS:
            raise ForeignError(
                f"{self._name} does not say how long an episode can be (max_cycles is {shown(limit)}): set "
                "env.episode_limit to a number of steps"
            )
        return steps

    def reset(self, seed: int) -> Seen:
        """Starts an episode that hangs on ``seed`` alone."""
        with self._reading("reset"):
            answer = self.made.reset(seed=seed)
        with self._reading("reading what reset gave"):
            if isinstance(answer, Mapping):
                raise self._fault("reset gave observations alone; the pair (observations, infos) expected")
            observations, infos = self._parts("reset", answer, ("observations", "infos"))
            self._acting = self._present()
            if not self._acting:
                raise self._fault("agents is empty after reset; those that begin the episode expected")
            return self._see(self._acting, observations, infos)

    def step(self, actions: Mapping[Any, int]) -> Played:
        """Plays one step.

        Args:
          actions: of every agent, counted from 0; only those that are there are told theirs.
        """
        acting = self._acting
        given = {agent: self.choices[agent][0] + actions[agent] for agent in acting}
        with self._reading("step"):
            answer = self.made.step(given)
        with self._reading("reading what step gave"):
            observations, rewards, *ends, infos = self._parts("step", answer, _STEP)
            terminated, truncated = (
                {agent: self._end(field, agent, flags) for agent in acting}
                for field, flags in zip(_STEP[2:4], ends, strict=True)
            )
            present = self._acting = self._present()
            ended = {agent for agent in acting if terminated[agent] or truncated[agent]}
            over = not set(present) - ended
            seen = [agent for agent in acting if agent in observations] if over else present
            return Played(
                self._see(seen, observations, infos),
                self._reward(rewards),
                over,
                any(truncated.values()),
                over and self._won(infos),
            )

    def state(self) -> np.ndarray | None:
        """The environment's own state, float32 [S], of one size for ever; None if it has none."""
        advice = "env.obs_instead_of_state = True goes without it"
        with self._reading("state"):
            try:
                state = getattr(self.made, "state", None)
                value = state() if callable(state) else state
            except (NotImplementedError, AttributeError) as error:
                missing = isinstance(error, NotImplementedError) or error.name == "state"  # of what it wraps
                if self._state_size is not None or not missing:
                    raise
                return None
        if state is None:
            return None
        field = self._at("state()")
        array = spaces.as_float32(field, spaces.numbers(field, value, f"numbers ({advice})"))
        self._state_size = array.size if self._state_size is None else self._state_size
        if array.size != self._state_size or not array.size:
            raise self._fault(f"state() is {array.size} numbers; {self._state_size or 'some'} expected ({advice})")
        return array

    def close(self) -> None:
        """Frees what the environment holds; what it raises is only logged, since nothing is lost by it."""
        try:
            with self._reading("close"):
                getattr(self.made, "close", lambda: None)()
        except ForeignError as error:
            logging.warning("%s", error)

    def _reading(self, what: str) -> Any:
        return foreign_call(self._name, what)

    def _at(self, field: str, agent: Any = None) -> str:
        return f"environment {self._name}: {field}" + ("" if agent is None else f"[{shown(agent)}]")

    def _fault(self, what: str) -> ForeignError:
        return ForeignError(f"environment {self._name}: {what}")

    def _check_reset(self) -> None:
        """Whether ``reset`` can be told a seed, without which no episode could be played again."""
        with self._reading("reset"):
            reset = self.made.reset
        try:
            inspect.signature(reset).bind(seed=0)
        except TypeError as error:
            raise self._fault(f"reset cannot be called as reset(seed=...): {error}") from None
        except ValueError:  # it has no signature that Python knows
            pass

    def _spaces(self, kind: str) -> Iterable[tuple[Any, str, Any]]:
        """Agents with their spaces, and what those are called; as dictionaries too, as the older API has them."""
        field = f"{kind}_space"
        with self._reading(field):
            given: Callable[[Any], Any] | Mapping[Any, Any] | None = getattr(self.made, field, None)
            given = getattr(self.made, f"{field}s", None) if given is None else given
        for agent in self.agents:
            with self._reading(f"{field}({shown(agent)})"):
                space = given(agent) if callable(given) else given.get(agent) if isinstance(given, Mapping) else None
            yield agent, self._at(f"{field}({shown(agent)})"), space

    def _list(self, field: str, value: Any) -> list[Any]:
        """Names of agents, each once."""
        flat = isinstance(value, str | bytes) or (isinstance(value, np.ndarray) and value.ndim != 1)
        if flat or not isinstance(value, Iterable):
            raise self._fault(f"{field} is {shown(value)}; a list of agents expected")
        names = list(value)
        for name in names:
            try:
                hash(name)
            except TypeError:
                raise self._fault(f"{field} has {shown(name)}; a name, or what else can be a key, expected") from None
            if names.count(name) > 1:
                raise self._fault(f"{field} has {shown(name)} twice")
        return names

    def _present(self) -> list[Any]:
        with self._reading("agents"):
            names = self._list("agents", self.made.agents)
        for name in names:
            if name not in self._known:
                raise self._fault(f"agents has {shown(name)}, who is not in possible_agents")
        return names

    def _parts(self, call: str, answer: Any, fields: tuple[str, ...]) -> list[Mapping[Any, Any]]:
        """The dictionaries of an answer, whose keys are agents."""
        if not isinstance(answer, tuple | list) or len(answer) != len(fields):
            got = f"{len(answer)} values" if isinstance(answer, tuple | list) else shown(answer)
            raise self._fault(f"{call} gave {got}; ({', '.join(fields)}) expected")
        parts = []
        for field, part in zip(fields, answer, strict=True):
            part = {} if field == "infos" and part is None else part
            if not isinstance(part, Mapping):
                raise self._fault(f"{field} of {call} is {shown(part)}; a dictionary by agent expected")
            for name in part:
                # Infos may have parts that are nobody's, as "__common__".
                if name not in self._known and not (field == "infos" and str(name).startswith("__")):
                    raise self._fault(f"{field} of {call} has {shown(name)}, who is not in possible_agents")
            parts.append(part)
        return parts

    def _end(self, field: str, agent: Any, flags: Mapping[Any, Any]) -> bool:
        if agent not in flags:
            raise self._fault(f"{field} says nothing of {shown(agent)}, who acted; True or False expected")
        return spaces.read_flag(self._at(field, agent), flags[agent])

    def _see(self, agents: list[Any], observations: Mapping[Any, Any], infos: Mapping[Any, Any]) -> Seen:
        seen = Seen(agents, {}, {})
        for agent in agents:
            if agent not in observations:
                raise self._fault(f"observations has nothing of {shown(agent)}, who is in agents")
            observation, field = observations[agent], self._at("observations", agent)
            seen.obs[agent] = self.readers[agent].read(field, observation)
            mask = observation.get(spaces.MASK) if isinstance(observation, Mapping) else None
            if mask is None:
                mask, field = self._info(agent, infos).get(spaces.MASK), self._at("infos", agent)
            if mask is not None:
                seen.masks[agent] = spaces.read_mask(f"{field}[{spaces.MASK!r}]", mask, self.choices[agent][1])
        return seen

    def _info(self, agent: Any, infos: Mapping[Any, Any]) -> Mapping[Any, Any]:
        info = infos.get(agent)
        info = {} if info is None else info
        if not isinstance(info, Mapping):
            raise self._fault(f"infos[{shown(agent)}] is {shown(info)}; a dictionary expected")
        return info

    def _reward(self, rewards: Mapping[Any, Any]) -> float:
        """Of all agents, in one order; what one is paid that has left is the team's, too."""
        paid = (agent for agent in self.agents if agent in rewards)
        read = {agent: spaces.read_number(self._at("rewards", agent), rewards[agent]) for agent in paid}
        total = sum(read.values())
        if not abs(total) <= _LARGEST_FLOAT32:
            agent = max(read, key=lambda name: (not math.isfinite(read[name]), abs(read[name])))
            logging.log_first_n(
                logging.WARNING, "%s is %.6g, at which training stops", 1, self._at("rewards", agent), read[agent]
            )
        return total

    def _won(self, infos: Mapping[Any, Any]) -> bool:
        wanted = self._config.won_info
        if not wanted:
            return False
        told = {agent: info[wanted] for agent in self.agents if wanted in (info := self._info(agent, infos))}
        if not told:
            logging.log_first_n(
                logging.WARNING,
                "environment %s: no info at the end of an episode has env.won_info = %r; it counts as not won",
                1,
                self._name,
                wanted,
            )
        flags = {agent: spaces.read_flag(f"{self._at('infos', agent)}[{wanted!r}]", told[agent]) for agent in told}
        return any(flags.values())


def _whole_number(value: Any) -> int:
    """0 if it is none."""
    try:
        number = 0.0 if isinstance(value, bool) else spaces.read_number("", value)
    except ForeignError:
        return 0
    return int(number) if number.is_integer() else 0
