"""The embedded simulator as a single environment of Gymnasium: one battle, whose team acts as one."""

from __future__ import annotations

import copy
import secrets
from typing import Any

import gymnasium
import numpy as np

from seed_matrace.envs.gymnasium import spaces_of
from seed_matrace.envs.joint_actions import are_replaced, playable
from seed_matrace.skirmish.picture import render_battle, write_battle
from seed_matrace.skirmish.vector_env import SkirmishVectorEnv
from seed_matrace.smac_options import SkirmishOptions
from seed_matrace.specs import empty_env_output
from seed_matrace.types import EnvOutput


class SkirmishGymnasiumEnv(gymnasium.Env):
    """One battle, what ``gymnasium.make("seed_matrace/3m-v0")`` makes once ``seed_matrace.envs.gymnasium`` is imported.

    An observation is {"obs": float32 [N, O], "state": float32 [S]}, an action int [N]. ``info["action_mask"]``, int8
    [N, A], says what may be chosen next; ``action_space.sample(mask=tuple(info["action_mask"]))`` takes it. At the end
    the info has ``battle_won``, ``dead_allies`` and ``dead_enemies``. A battle that runs out of time is truncated.

    Args:
      map_name: one of SMAC's maps, or the path of a scenario file (``.json``).
      render_mode: None, "rgb_array" or "ansi".
      unavailable_actions: "replaced" by the first available one, or "refused" with a ValueError.
      smac_options: SMAC's options by name, as ``obs_last_action=True``.

    Raises:
      TypeError: unknown option; the message names the near ones.
      ValueError: unknown map, likewise; a value of the wrong type or out of range.
    """

    metadata = {"render_modes": ["rgb_array", "ansi"], "render_fps": 3}  # noqa: RUF012

    __copy__ = copy.deepcopy  # a copy plays its own battle

    def __init__(
        self,
        map_name: str = "3m",
        *,
        render_mode: str | None = None,
        unavailable_actions: str = "replaced",
        **smac_options: Any,
    ) -> None:
        if render_mode not in (None, *self.metadata["render_modes"]):
            raise ValueError(f"render_mode is {render_mode!r}; None, 'rgb_array' or 'ansi' expected")
        self.map_name, self.render_mode = map_name, render_mode
        self._options = SkirmishOptions.from_dict(smac_options)
        self._replaces = are_replaced(unavailable_actions) and not self._options.heuristic_ai
        self._battle: SkirmishVectorEnv | None = None
        self._closed, self._over = False, True
        spec = self._make(0).spec
        self._out = empty_env_output(spec, 1)
        self.observation_space, self.action_space = spaces_of(spec)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        """Starts a battle.

        Args:
          seed: begins the stream of battles of this seed; None goes on with the one at hand, at first with any.
          options: nothing is made of them.
        """
        if self._closed:
            raise RuntimeError("the environment is closed")
        super().reset(seed=seed)
        if seed is not None or self._battle is None:
            self._battle = self._make(secrets.randbits(31) if seed is None else seed)
        self._battle.reset(self._out)
        self._over = False
        return _shown(self._out), _info(self._out)

    def step(self, action: np.ndarray) -> tuple[dict[str, np.ndarray], float, bool, bool, dict[str, Any]]:
        """Plays one step.

        Args:
          action: whole numbers [N].

        Raises:
          ValueError: wrong shape or dtype; an action that does not exist, or is not available and would be refused.
          RuntimeError: before ``reset``, after the end of the battle, or closed.
        """
        if self._battle is None or self._over:
            raise RuntimeError("step() outside an episode; call reset() to start one")
        out = self._out
        self._battle.step(playable(action, out.avail_actions[0], replaces=self._replaces)[None], out)
        terminated, truncated, info = bool(out.terminated[0]), bool(out.truncated[0]), _info(out)
        self._over = terminated or truncated
        if self._over:
            for name in ("battle_won", "dead_allies", "dead_enemies"):
                info[name] = getattr(out.episode, name)[0].item()
        return _shown(out), float(out.reward[0]), terminated, truncated, info

    def render(self) -> np.ndarray | str | None:
        """The battle as ``render_mode`` says: uint8 [height, width, 3], or text."""
        if self._battle is None:
            raise RuntimeError("nothing to see before the first reset(), or after close()")
        if self.render_mode is None:
            return None
        paint = render_battle if self.render_mode == "rgb_array" else write_battle
        return paint(self._battle.map, self._battle.unit_types(), self._battle.units()[0])

    def close(self) -> None:
        """Frees the battle; safe to call twice."""
        self._battle, self._closed = None, True

    def _make(self, seed: int) -> SkirmishVectorEnv:
        return SkirmishVectorEnv(self.map_name, 1, seed, options=self._options, autoreset=False)


def _shown(out: EnvOutput) -> dict[str, np.ndarray]:
    return {"obs": out.obs[0].copy(), "state": out.state[0].copy()}


def _info(out: EnvOutput) -> dict[str, Any]:
    return {"action_mask": out.avail_actions[0].astype(np.int8)}
