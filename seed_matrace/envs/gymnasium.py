"""The embedded simulator as a vector environment of Gymnasium (``pip install seed_matrace[gymnasium]``).

With this module imported, ``gymnasium.make_vec("seed_matrace/3m-v0", 64)`` makes it and ``gymnasium.make`` a single
battle (``gymnasium_env``); ``"seed_matrace/Skirmish-v1"`` takes a ``map_name``, which may be a scenario file.
"""

from __future__ import annotations

import copy
import secrets
from typing import Any

import numpy as np
from gymnasium import register, spaces
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space

from seed_matrace.envs.joint_actions import are_replaced, playable
from seed_matrace.foreign_files import shown
from seed_matrace.skirmish.maps import map_names
from seed_matrace.skirmish.vector_env import SkirmishVectorEnv
from seed_matrace.smac_options import SkirmishOptions
from seed_matrace.specs import EnvSpec, empty_env_output
from seed_matrace.types import EnvOutput


class SkirmishGymnasiumVectorEnv(VectorEnv):
    """E battles, each a team that acts as one.

    Observations are {"obs": float32 [E, N, O], "state": float32 [E, S]}, actions int [E, N].

    Battles that end start anew in the same step (``AutoresetMode.SAME_STEP``): then infos have ``final_obs``, an object
    array with what each ended battle showed last, and ``final_info``, how it went. Or in the next one, as some of
    Gymnasium's wrappers want it (``NEXT_STEP``): what was chosen for it is not looked at then, and how it went is in
    the infos of its end. ``infos["action_mask"]``, int8 [E, N, A], says what may be chosen next. A battle that runs out
    of time is truncated.

    Args:
      map_name: one of SMAC's maps, or the path of a scenario file (``.json``).
      num_envs: E, at least 1.
      autoreset_mode: SAME_STEP or NEXT_STEP, also by their values "SameStep" and "NextStep".
      unavailable_actions: "replaced" by the first available one, or "refused" with a ValueError.
      smac_options: SMAC's options by name, as ``obs_last_action=True``.

    Raises:
      TypeError: unknown option; the message names the near ones.
      ValueError: unknown map, likewise; a value of the wrong type or out of range.
    """

    metadata = {"autoreset_mode": AutoresetMode.SAME_STEP}  # noqa: RUF012

    __copy__ = copy.deepcopy  # a copy plays its own battles

    def __init__(
        self,
        map_name: str = "3m",
        num_envs: int = 1,
        *,
        autoreset_mode: AutoresetMode | str = AutoresetMode.SAME_STEP,
        unavailable_actions: str = "replaced",
        **smac_options: Any,
    ) -> None:
        if not isinstance(num_envs, int | np.integer) or isinstance(num_envs, bool) or num_envs < 1:
            raise ValueError(f"num_envs is {shown(num_envs)}; a whole number from 1 expected")
        self._replaces = are_replaced(unavailable_actions)
        if autoreset_mode not in ("SameStep", "NextStep", AutoresetMode.SAME_STEP, AutoresetMode.NEXT_STEP):
            raise ValueError(f"autoreset_mode is {shown(autoreset_mode)}; 'SameStep' or 'NextStep' expected")
        self.metadata = {"autoreset_mode": AutoresetMode(autoreset_mode)}
        self._same_step = self.metadata["autoreset_mode"] is AutoresetMode.SAME_STEP
        self._map_name, self._options = map_name, SkirmishOptions.from_dict(smac_options)
        self.num_envs = num_envs
        self._battles: SkirmishVectorEnv | None = None
        self._avail_actions: np.ndarray | None = None
        self._ended = np.zeros(num_envs, np.bool_)  # in the step before
        self.single_observation_space, self.single_action_space = spaces_of(self._make(0).spec)
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        """Starts all battles.

        Args:
          seed: battle j plays random stream j of it; None goes on with the streams at hand, at first with any.
          options: nothing is made of them.
        """
        if self.closed:
            raise RuntimeError("the environment is closed")
        super().reset(seed=seed)
        if seed is not None or self._battles is None:
            self._battles = self._make(secrets.randbits(31) if seed is None else seed)
        self._ended = np.zeros(self.num_envs, np.bool_)
        out = self._battles.reset()
        return self._shown(out), self._infos(out)

    def step(
        self, actions: np.ndarray
    ) -> tuple[dict[str, np.ndarray], np.ndarray, np.ndarray, np.ndarray, dict[str, Any]]:
        """Plays one step of every battle.

        Args:
          actions: whole numbers [E, N].

        Raises:
          ValueError: wrong shape or dtype; an action that does not exist, or is not available and would be refused.
          RuntimeError: before ``reset``, or closed.
        """
        if self._battles is None or self._avail_actions is None:
            raise RuntimeError("step() before the first reset(), or after close()")
        replaces = self._replaces and not self._options.heuristic_ai
        chosen = playable(actions, self._avail_actions, replaces=replaces)
        starts = self._ended & (not self._same_step)
        chosen[starts] = self._avail_actions[starts].argmax(axis=-1)
        out = empty_env_output(self._battles.spec, self.num_envs)
        if starts.any():
            with self._battles.leaving(starts, out):  # so that their next battles are those of their streams
                self._battles.step(chosen, out)
            self._battles.reset_some(starts, out)
        else:
            self._battles.step(chosen, out)
        self._ended, infos = out.terminated | out.truncated, self._infos(out)
        if self._ended.any():
            infos |= (_final if self._same_step else _statistics)(out, self._ended)
        return self._shown(out), out.reward.astype(np.float64), out.terminated, out.truncated, infos

    def close_extras(self, **kwargs: Any) -> None:
        """Frees the battles."""
        self._battles = None

    def _make(self, seed: int) -> SkirmishVectorEnv:
        ends = {"with_final": self._same_step, "autoreset": self._same_step}
        return SkirmishVectorEnv(self._map_name, self.num_envs, seed, options=self._options, **ends)

    def _shown(self, out: EnvOutput) -> dict[str, np.ndarray]:
        self._avail_actions = out.avail_actions
        return {"obs": out.obs, "state": out.state}

    def _infos(self, out: EnvOutput) -> dict[str, Any]:
        return _with_masks({"action_mask": out.avail_actions.astype(np.int8)}, np.ones(self.num_envs, np.bool_))


def spaces_of(sizes: EnvSpec) -> tuple[spaces.Dict, spaces.MultiDiscrete]:
    """What one battle shows, and what its team chooses."""
    obs = spaces.Box(-np.inf, np.inf, (sizes.n_agents, sizes.obs_dim), np.float32)
    state = spaces.Box(-np.inf, np.inf, (sizes.state_dim,), np.float32)
    return spaces.Dict({"obs": obs, "state": state}), spaces.MultiDiscrete([sizes.n_actions] * sizes.n_agents)


def _final(out: EnvOutput, ended: np.ndarray) -> dict[str, Any]:
    """What is told of the battles that ended, as Gymnasium's own vector environments do."""
    final_obs = np.full(len(ended), None, object)
    for env in np.flatnonzero(ended):
        final_obs[env] = {"obs": out.final_obs[env], "state": out.final_state[env]}
    return _with_masks({"final_obs": final_obs, "final_info": _statistics(out, ended)}, ended)


def _statistics(out: EnvOutput, ended: np.ndarray) -> dict[str, Any]:
    names = ("battle_won", "dead_allies", "dead_enemies")
    return _with_masks({name: getattr(out.episode, name) for name in names}, ended)


def _with_masks(infos: dict[str, Any], there: np.ndarray) -> dict[str, Any]:
    """``infos`` and, by the same names behind an underscore, which environments have them: bool [E]."""
    return {**infos, **{f"_{name}": there.copy() for name in infos}}


def _register(name: str, **kwargs: Any) -> None:
    single = "seed_matrace.envs.gymnasium_env:SkirmishGymnasiumEnv"
    register(f"seed_matrace/{name}", single, vector_entry_point=SkirmishGymnasiumVectorEnv, kwargs=kwargs)


_register("Skirmish-v1")
for _name in map_names():
    _register(f"{_name}-v0", map_name=_name)
