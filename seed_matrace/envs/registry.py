"""From a configured backend and map to environments: the only place that knows which backends exist."""

from __future__ import annotations

import dataclasses

from seed_matrace.config import Config, EnvConfig
from seed_matrace.envs import counting
from seed_matrace.envs.base import VectorEnv
from seed_matrace.envs.frame_stack import FrameStackVectorEnv
from seed_matrace.skirmish import maps
from seed_matrace.skirmish.vector_env import VERSION, SkirmishVectorEnv
from seed_matrace.specs import EnvSpec


def env_spec(env: EnvConfig) -> EnvSpec:
    """Sizes of the configured map with the configured options, without building an environment.

    Raises:
      ValueError: unknown map; the message names the near ones.
    """
    spec = _frame_spec(env)
    return dataclasses.replace(spec, obs_dim=env.frame_stack * spec.obs_dim)


def training_spec(config: Config) -> EnvSpec:
    """Sizes of what the learner is sent: with what episodes showed last, if the loss asks for it."""
    return dataclasses.replace(env_spec(config.env), with_final=config.loss.bootstrap_time_limit)


def backend_name(env: EnvConfig) -> str:
    """What results are stamped with, e.g. "skirmish-1"; results of different backends do not compare."""
    return f"{env.backend}-{counting.VERSION if env.backend == 'counting' else VERSION}"


def make_training_env(config: Config, num_envs: int, seed: int, first_env: int = 0) -> VectorEnv:
    """As ``make_vector_env``, with the sizes of ``training_spec``."""
    return make_vector_env(config.env, num_envs, seed, first_env, with_final=config.loss.bootstrap_time_limit)


def make_vector_env(
    env: EnvConfig, num_envs: int, seed: int, first_env: int = 0, *, with_final: bool = False
) -> VectorEnv:
    """``num_envs`` environments; environment j is random stream ``first_env + j`` of ``seed``.

    Args:
      with_final: whether they also show what episodes showed last.
    """
    frames: VectorEnv
    if env.backend == "counting":
        frames = counting.CountingVectorEnv(num_envs, first_env, with_final=with_final)
    else:
        frames = SkirmishVectorEnv(env.map_name, num_envs, seed, first_env, env, with_final=with_final)
    return FrameStackVectorEnv(frames, env.frame_stack) if env.frame_stack > 1 else frames


def _frame_spec(env: EnvConfig) -> EnvSpec:
    """Sizes without stacking."""
    if env.backend == "counting":
        return counting.SPEC
    battle_map = maps.load_map(env.map_name)
    return battle_map.layout.with_options(env, battle_map.episode_limit).spec(battle_map.episode_limit)
