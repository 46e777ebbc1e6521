"""The embedded simulator as a batched environment of TorchRL (``pip install seed_matrace[torchrl]``)."""

from __future__ import annotations

import secrets
from typing import Any

import numpy as np

from seed_matrace.envs.joint_actions import are_replaced, playable
from seed_matrace.fields import whole_number
from seed_matrace.skirmish.vector_env import SkirmishVectorEnv
from seed_matrace.smac_options import SkirmishOptions
from seed_matrace.specs import EnvSpec
from seed_matrace.types import EnvOutput, flatten, unflatten

try:
    import torch
    from tensordict import TensorDict, TensorDictBase
    from torchrl.data import Categorical, Composite, Unbounded
    from torchrl.envs import EnvBase
except ImportError as error:
    raise ImportError(f"{error}: pip install 'seed_matrace[torchrl]' brings what this module is for") from error

GROUP = "agents"
STATISTICS = ("battle_won", "dead_allies", "dead_enemies")


class SkirmishEnv(EnvBase):
    """E battles as one environment of batch size [E], with the names and shapes of TorchRL's ``SMACv2Env``.

    | ("agents", "observation") | float32 [E, N, O] |
    | ("agents", "action_mask") | bool [E, N, A], what may be chosen next |
    | ("agents", "action") | int64 [E, N] |
    | "state" | float32 [E, S] |
    | "reward" | float32 [E, 1], the team's |
    | "terminated", "truncated", "done" | bool [E, 1]; a battle that runs out of time is truncated |
    | ("info", "battle_won"), "dead_allies", "dead_enemies" | bool and int32 [E], how battles went that end here |

    A step shows how battles ended; ``reset`` with ``_reset`` starts some of them anew, at any time. Battles that have
    ended and are not started anew stay as they are. Battle j plays random stream j of the seed.

    Args:
      map_name: one of SMAC's maps, or the path of a scenario file (``.json``).
      num_envs: E, at least 1.
      seed: at least 0; random if None. ``set_seed`` sets another.
      device: where tensors are wanted; the battles are played on the CPU.
      unavailable_actions: "replaced" by the first available one, or "refused" with a ValueError.
      smac_options: SMAC's options by name, as ``obs_last_action=True``.

    Raises:
      TypeError: unknown option; the message names the near ones.
      ValueError: unknown map, likewise; a value of the wrong type or out of range.
    """

    def __init__(
        self,
        map_name: str = "3m",
        num_envs: int = 1,
        *,
        seed: int | None = None,
        device: Any = None,
        unavailable_actions: str = "replaced",
        **smac_options: Any,
    ) -> None:
        self._options = SkirmishOptions.from_dict(smac_options)
        self._replaces = are_replaced(unavailable_actions) and not self._options.heuristic_ai
        self.map_name = map_name
        num_envs = whole_number("num_envs", num_envs, 1)
        super().__init__(device=device, batch_size=torch.Size([num_envs]))
        self._set_seed(secrets.randbits(31) if seed is None else seed)
        spec = self._battles.spec
        self.episode_limit = spec.episode_limit
        self.group_map = {GROUP: [f"agent_{index}" for index in range(spec.n_agents)]}
        self._make_specs(spec, num_envs)

    def _make_specs(self, spec: EnvSpec, num_envs: int) -> None:
        batch, agents = (num_envs,), (num_envs, spec.n_agents)
        device = {"device": self.device}
        flag = Categorical(2, (num_envs, 1), dtype=torch.bool, **device)
        action = Categorical(spec.n_actions, agents, dtype=torch.int64, **device)
        observed = {
            "observation": Unbounded((*agents, spec.obs_dim), dtype=torch.float32, **device),
            "action_mask": Categorical(2, (*agents, spec.n_actions), dtype=torch.bool, **device),
        }
        info = {name: Unbounded(batch, dtype=torch.int32, **device) for name in STATISTICS}
        info["battle_won"] = Categorical(2, batch, dtype=torch.bool, **device)
        self.action_spec = Composite({GROUP: Composite({"action": action}, shape=agents, **device)}, shape=batch)
        self.observation_spec = Composite(
            {
                GROUP: Composite(observed, shape=agents, **device),
                "state": Unbounded((num_envs, spec.state_dim), dtype=torch.float32, **device),
                "info": Composite(info, shape=batch, **device),
            },
            shape=batch,
            **device,
        )
        self.reward_spec = Unbounded((num_envs, 1), dtype=torch.float32, **device)
        ends = {name: flag.clone() for name in ("done", "terminated", "truncated")}
        self.done_spec = Composite(ends, shape=batch, **device)

    def _set_seed(self, seed: int | None) -> None:
        """Begins the streams of battles of ``seed``; ``reset`` must follow."""
        seed = secrets.randbits(31) if seed is None else seed
        num_envs = self.batch_size[0]
        self._battles = SkirmishVectorEnv(self.map_name, num_envs, seed, options=self._options, autoreset=False)
        self._out: EnvOutput | None = None

    def _reset(self, tensordict: TensorDictBase | None = None, **_: Any) -> TensorDictBase:
        which = None if tensordict is None else tensordict.get("_reset", None)
        if self._out is None or which is None or bool(which.all()):
            self._out = self._battles.reset()
        else:
            self._out = unflatten([array.copy() for array in flatten(self._out)])  # what was shown stays as it is
            self._battles.reset_some(which.cpu().numpy().reshape(-1), self._out)
        return self._shown(self._out)

    def _step(self, tensordict: TensorDictBase) -> TensorDictBase:
        if self._out is None:
            raise RuntimeError("step() before the first reset(), or after set_seed() without one")
        before = self._out
        rest = before.terminated | before.truncated
        if (partial := tensordict.get("_step", None)) is not None:
            rest = rest | ~partial.cpu().numpy().reshape(-1)
        chosen = playable(
            tensordict.get((GROUP, "action")).cpu().numpy(), before.avail_actions, replaces=self._replaces
        )
        if rest.any():
            chosen[rest] = before.avail_actions[rest].argmax(axis=-1)
            self._out = unflatten([array.copy() for array in flatten(before)])
            self._out.reward[...] = 0  # of those that rest
            with self._battles.leaving(rest, self._out):
                self._battles.step(chosen, self._out)
        else:
            self._out = self._battles.step(chosen)
        out = self._out
        shown = self._shown(out)
        shown["reward"] = self._tensor(out.reward[:, None])
        shown["terminated"] = self._tensor(out.terminated[:, None])
        shown["truncated"] = self._tensor(out.truncated[:, None])
        shown["done"] = shown["terminated"] | shown["truncated"]
        return shown

    def _shown(self, out: EnvOutput) -> TensorDictBase:
        mask = self._tensor(out.avail_actions.view(np.bool_))
        self.full_action_spec[GROUP, "action"].update_mask(mask)  # for actions at random
        agents = TensorDict(
            {"observation": self._tensor(out.obs), "action_mask": mask}, batch_size=mask.shape[:2], device=self.device
        )
        info = {name: self._tensor(getattr(out.episode, name)) for name in STATISTICS}
        shown = {
            GROUP: agents,
            "state": self._tensor(out.state),
            "info": TensorDict(info, batch_size=self.batch_size, device=self.device),
        }
        return TensorDict(shown, batch_size=self.batch_size, device=self.device)

    def _tensor(self, array: np.ndarray) -> torch.Tensor:
        tensor = torch.from_numpy(array)
        return tensor if self.device is None else tensor.to(self.device)

    def close(self, **options: Any) -> None:
        """Frees the battles; safe to call twice."""
        self._battles.close()
        super().close(**options)
