"""The embedded simulator as tasks of BenchMARL (``pip install seed_matrace[benchmarl]``)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from seed_matrace.envs.torchrl import GROUP, SkirmishEnv

try:
    from benchmarl.environments import TaskClass
    from tensordict import TensorDictBase
    from torchrl.data import Composite
except ImportError as error:
    raise ImportError(f"{error}: pip install 'seed_matrace[benchmarl]' brings what this module is for") from error


class SkirmishTask(TaskClass):
    """Battles on one map; ``skirmish_task`` makes it. One environment of it plays all ``num_envs`` battles."""

    def get_env_fun(
        self, num_envs: int, continuous_actions: bool, seed: int | None, device: Any
    ) -> Callable[[], SkirmishEnv]:
        """What makes an environment of ``num_envs`` battles."""
        options = dict(self.config)
        return lambda: SkirmishEnv(self.name, num_envs, seed=seed, device=device, **options)

    def supports_continuous_actions(self) -> bool:
        """No."""
        return False

    def supports_discrete_actions(self) -> bool:
        """Yes."""
        return True

    def has_render(self, env: Any) -> bool:
        """No: BenchMARL would draw the first battle of many."""
        return False

    def max_steps(self, env: Any) -> int:
        """The map's time limit."""
        return int(env.episode_limit)

    def group_map(self, env: Any) -> dict[str, list[str]]:
        """One group of all agents."""
        agents: dict[str, list[str]] = env.group_map
        return agents

    def observation_spec(self, env: Any) -> Composite:
        """What agents see."""
        return _only(env, (GROUP, "observation"))

    def action_mask_spec(self, env: Any) -> Composite:
        """What may be chosen."""
        return _only(env, (GROUP, "action_mask"))

    def state_spec(self, env: Any) -> Composite:
        """SMAC's state."""
        return _only(env, "state")

    def info_spec(self, env: Any) -> None:
        """None: how battles went is the team's, and BenchMARL's are those of groups."""
        return None

    def action_spec(self, env: Any) -> Composite:
        """What agents do."""
        return env.full_action_spec_unbatched

    @staticmethod
    def env_name() -> str:
        """As it stands in BenchMARL's results."""
        return "skirmish"

    @staticmethod
    def log_info(batch: TensorDictBase) -> dict[str, float]:
        """The fraction of battles that ended in a batch and were won, if any did."""
        done = batch.get(("next", "done")).squeeze(-1)
        won = batch.get(("next", "info", "battle_won"))[done]
        return {"collection/info/win_rate": won.float().mean().item()} if len(won) else {}


def _only(env: Any, key: Any) -> Composite:
    """The part ``key`` of what is observed."""
    observed = env.full_observation_spec_unbatched
    top = key[0] if isinstance(key, tuple) else key
    part = observed[top].clone()
    for other in [name for name in part if isinstance(key, tuple) and name != key[1]]:
        del part[other]
    return Composite({top: part}, shape=observed.shape, device=observed.device)


def skirmish_task(map_name: str = "3m", **options: Any) -> SkirmishTask:
    """Battles on ``map_name`` as what ``benchmarl.experiment.Experiment`` takes for ``task``.

    Args:
      map_name: one of SMAC's maps, or the path of a scenario file (``.json``).
      options: of ``SkirmishEnv``, SMAC's among them, as ``obs_last_action=True``.

    Raises:
      TypeError: unknown option; the message names the near ones.
      ValueError: unknown map, likewise; a value of the wrong type or out of range.
    """
    SkirmishEnv(map_name, **options).close()  # so that a mistake is told here
    return SkirmishTask(name=map_name, config=options)
