"""The embedded simulator as a vector environment."""

from __future__ import annotations

import contextlib
import copy
import dataclasses
import re
from collections.abc import Iterator
from typing import Any

import numpy as np

from seed_matrace._cext._skirmish import Skirmish
from seed_matrace.fields import whole_number
from seed_matrace.foreign_files import shown
from seed_matrace.replay import EFFECTS
from seed_matrace.skirmish.battles import build_battles, reward_divisor, step_battles
from seed_matrace.skirmish.layout import DEFAULT_OPTIONS
from seed_matrace.skirmish.maps import load_map
from seed_matrace.skirmish.recording import Recording
from seed_matrace.skirmish.slots import slot_stats, slot_types
from seed_matrace.skirmish.units import UnitType
from seed_matrace.smac_options import SmacOptions
from seed_matrace.specs import EnvSpec, check_env_output, empty_env_output
from seed_matrace.types import EnvOutput, flatten
from seed_matrace.vector_env import as_actions

VERSION = "3"  # of the rules: grows whenever a battle of the same seed and actions can play differently
BACKEND = f"skirmish-{VERSION}"
_LONGEST_BACKEND = 20  # characters
_HEALS = EFFECTS.index("heal")


def is_other_version(backend: str) -> bool:
    """Whether results, replays or states are of another version of the simulator, with other rules."""
    return re.fullmatch(r"skirmish-\d+", backend) is not None and backend != BACKEND


class SkirmishVectorEnv:
    """E battles on one map that step together and reset themselves (see ``vector_env.VectorEnv``).

    Environment j plays the random stream ``first_env + j`` of ``seed``: the same battles whatever the number of
    environments or the process they run in.

    Args:
      map_name: one of ``maps.map_names()``, or the path of a scenario file (``.json``).
      num_envs: E, at least 1.
      seed: at least 0.
      first_env: number of the first stream, at least 0.
      options: SMAC's options of observations, states, rewards and steps; ``SkirmishOptions`` has the simulator's own,
        too. With ``heuristic_ai`` any existing actions may be given; they are not played, but shown as last actions,
        as in SMAC.
      with_final: also shows what episodes showed last, before the next one began (``final_obs``, ``final_state``).
      autoreset: whether battles that end start anew in the same step. If not, a step shows how they ended, and
        ``reset`` must follow.

    Raises:
      ValueError: unknown map (the message names near ones), or a number out of range.
    """

    spec: EnvSpec
    num_envs: int

    def __init__(
        self,
        map_name: str,
        num_envs: int,
        seed: int = 0,
        first_env: int = 0,
        options: SmacOptions = DEFAULT_OPTIONS,
        *,
        with_final: bool = False,
        autoreset: bool = True,
    ) -> None:
        num_envs = whole_number("num_envs", num_envs, 1)
        seed, first_env = whole_number("seed", seed, 0), whole_number("first_env", first_env, 0)
        self.map = load_map(map_name)
        self.options = options
        self.layout = self.map.layout.with_options(options, self.map.episode_limit)
        self.spec = dataclasses.replace(self.layout.spec(self.map.episode_limit), with_final=with_final)
        self.num_envs = num_envs
        try:
            self._battles: Skirmish | None = build_battles(
                self.map,
                self.layout,
                num_envs,
                seed,
                first_env,
                reward_divisor=reward_divisor(self.map, options),
                autoreset=autoreset,
                shuffle_enemies=getattr(options, "shuffle_enemies", DEFAULT_OPTIONS.shuffle_enemies),
            )
        except MemoryError as error:
            raise ValueError(
                f"num_envs is {num_envs}; there is no memory for so many ({error}), choose fewer"
            ) from None
        self._streams = f"{first_env}+ of seed {seed}" + "".join(f", {k}={v}" for k, v in options.changed().items())
        self._playing = False
        self._recording: Recording | None = None
        self._checked_out: EnvOutput | None = None  # whoever steps gives the same arrays again

    def reset(self, out: EnvOutput | None = None) -> EnvOutput:
        """Starts an episode in every environment; reward 0, no ends.

        Args:
          out: arrays to write into, as ``specs.empty_env_output`` makes them; fresh ones if None.

        Returns:
          ``out``, or fresh arrays that later steps do not touch.

        Raises:
          ValueError: an array of ``out`` has another shape or dtype, or is not C-contiguous.
          RuntimeError: the environment is closed.
        """
        battles = self._open()
        out = self._output(out)
        for array in flatten(out)[3:]:  # reward, ends, episode statistics, what episodes showed last
            array[...] = 0
        battles.reset(out.obs, out.avail_actions, out.state)
        self._playing = True
        return out

    def reset_some(self, which: np.ndarray, out: EnvOutput) -> EnvOutput:
        """Starts an episode in some environments, and leaves the others as they are: for ``autoreset=False``.

        Args:
          which: bool [E].
          out: what the step before wrote; where ``which``, its observations become those of the new episodes, and
            reward, ends and statistics 0.

        Returns:
          ``out``.

        Raises:
          ValueError: wrong shape or dtype.
          RuntimeError: not reset yet, or closed.
        """
        self._begun("reset_some")
        with self.leaving(~_mask(which, self.num_envs), out):
            self.reset(out)
        return out

    @contextlib.contextmanager
    def leaving(self, which: np.ndarray, out: EnvOutput) -> Iterator[None]:
        """Afterwards environments ``which``, bool [E], and their rows of ``out`` are as before, whatever was played.

        Raises:
          ValueError: wrong shape or dtype.
          RuntimeError: closed.
        """
        rows = np.flatnonzero(_mask(which, self.num_envs))
        changing = [*self._open().memory(), *flatten(self._output(out))]
        stood = [array[rows] for array in changing]
        yield
        for array, before in zip(changing, stood, strict=True):
            array[rows] = before

    def step(self, actions: np.ndarray, out: EnvOutput | None = None) -> EnvOutput:
        """Plays one step of every environment.

        Args:
          actions: [E, N] of any integer dtype, each available in the step before; int32 is not copied.
          out: as in ``reset``.

        Returns:
          As ``reset`` does. Nothing has been played when an error is raised.

        Raises:
          ValueError: wrong shape or dtype, or an action that is not available.
          RuntimeError: not reset yet, or closed.
        """
        battles = self._begun("step")
        actions = self._checked(battles, actions)
        out = self._output(out)
        step_battles(battles, actions, out)
        if self._recording is not None:
            self._recording.add(*battles.recorded(), battles.last_step()[1][0], float(out.reward[0]))
        return out

    def record(self) -> Recording:
        """Records environment 0 from here on; to be called after ``reset``, for one episode."""
        battles = self._open()
        self._recording = Recording(self.map, self.options.loops_per_step, self.unit_types(), battles.units()[0])
        battles.record(self._recording.log)
        return self._recording

    def sample_actions(self, out: np.ndarray | None = None) -> np.ndarray:
        """Samples available actions uniformly, from streams of their own: battles are not disturbed.

        Args:
          out: C-contiguous int32 [E, N] to write into; a fresh array if None.

        Returns:
          ``out`` or the fresh array.

        Raises:
          ValueError: ``out`` has another shape or dtype, or is not C-contiguous.
          RuntimeError: not reset yet, or closed.
        """
        battles = self._begun("sample_actions")
        shape = (self.num_envs, self.spec.n_agents)
        actions = np.empty(shape, np.int32) if out is None else out
        if actions.shape != shape:
            raise ValueError(f"out has shape {actions.shape}; {shape} expected")
        battles.sample_actions(actions)
        return actions

    def units(self) -> np.ndarray:
        """Every unit now: float32 [E, 5, U] of x, y, health, shield, gauge; U is allies, then enemies.

        The gauge is the weapon cooldown in game loops, or the energy of a healer.
        """
        return self._open().units()

    def unit_types(self, env: int = 0) -> tuple[UnitType, ...]:
        """Unit types of all slots in the episode at hand: numbers of enemies and random teams change with it."""
        if not 0 <= env < self.num_envs:
            raise ValueError(f"environment {env}; 0 to {self.num_envs - 1} expected")
        return slot_types(self.map, self._begun("unit_types"), env)

    def unit_stats(self) -> np.ndarray:
        """UNIT_STATS_DTYPE [E, U] of the units in all slots in the episodes at hand."""
        return slot_stats(self.map, self._begun("unit_stats"))

    def healers(self) -> np.ndarray:
        """Bool [E, U]: where healers are in the episodes at hand, whose attack actions mean their friends."""
        return np.asarray(self.unit_stats()["effect"] == _HEALS)

    def get_state_bytes(self) -> bytes:
        """The battles as they stand, random streams included; ``set_state_bytes`` goes on from there bit for bit."""
        memory = self._open().memory()
        return b"".join([self._state_header(), bytes([self._playing]), *(array.tobytes() for array in memory)])

    def set_state_bytes(self, state: bytes) -> None:
        """Puts the battles where ``get_state_bytes`` of an environment with the same arguments left them.

        Raises:
          ValueError: the bytes are of another map, seed, number of environments or version, or are cut off.
        """
        memory = self._open().memory()
        of_before = self._of_what().encode() + b"\n"  # states did not tell the map's content once
        header = of_before if state.startswith(of_before) else self._state_header()
        expected = len(header) + 1 + sum(array.nbytes for array in memory)
        if not state.startswith(header) or len(state) != expected:
            raise ValueError(f"not a state of {self._of_what()} ({expected} bytes): {self._why_not(state)}")
        self._playing = bool(state[len(header)])
        start = len(header) + 1
        for array in memory:
            array[...] = np.frombuffer(state, array.dtype, array.size, start).reshape(array.shape)
            start += array.nbytes

    def _why_not(self, state: bytes) -> str:
        earlier = state[:_LONGEST_BACKEND].split(b" ")[0].decode(errors="replace")
        if is_other_version(earlier):
            return f"it is of {earlier}, whose battles go by other rules"
        header = state.partition(b"\n")[0].decode(errors="replace")
        of_what, _, content = header.partition(", map ")
        if of_what != self._of_what():
            return f"it is of {shown(header)}"
        if content not in ("", self.map.content):
            return f"it is of another map called {self.map.name}, with other contents"
        return f"it has {len(state)} bytes, as none of this build of {BACKEND} has"

    def _of_what(self) -> str:
        return f"{BACKEND} {self.map.name} {self.num_envs} environments, streams {self._streams}"

    def _state_header(self) -> bytes:
        return f"{self._of_what()}, map {self.map.content}\n".encode()

    __copy__ = copy.deepcopy  # a copy plays its own battles

    def __getstate__(self) -> dict[str, Any]:
        """For copies and pickles: they go on bit for bit, with outputs of their own."""
        return {**self.__dict__, "_checked_out": None}

    def close(self) -> None:
        """Frees the battles; safe to call twice."""
        self._battles = None
        self._checked_out = None

    def _open(self) -> Skirmish:
        if self._battles is None:
            raise RuntimeError("the environment is closed")
        return self._battles

    def _begun(self, call: str) -> Skirmish:
        battles = self._open()
        if not self._playing:
            raise RuntimeError(f"{call}() before the first reset(); call reset() to start the episodes")
        return battles

    def _checked(self, battles: Skirmish, actions: np.ndarray) -> np.ndarray:
        actions = as_actions(actions, (self.num_envs, self.spec.n_agents))
        if self.options.heuristic_ai:
            if not ((actions >= 0) & (actions < self.spec.n_actions)).all():
                raise ValueError(f"actions must be in 0..{self.spec.n_actions - 1}, whoever plays")
            return actions
        bad = battles.first_unavailable(actions)
        if bad is not None:
            env, agent = bad
            raise ValueError(
                f"environment {env}, agent {agent}: action {actions[env, agent]} is not available; "
                f"available: {battles.available(env, agent)}"
            )
        return actions

    def _output(self, out: EnvOutput | None) -> EnvOutput:
        if out is None:
            return empty_env_output(self.spec, self.num_envs)
        if out is not self._checked_out:
            check_env_output(out, self.spec, self.num_envs)
            self._checked_out = out
        return out


def _mask(which: np.ndarray, num_envs: int) -> np.ndarray:
    if not isinstance(which, np.ndarray) or which.shape != (num_envs,) or which.dtype != np.bool_:
        raise ValueError(f"which is {shown(which)}; bool [{num_envs}] expected")
    return which
