"""From a configured backend and map to environments: the only place that knows which backends exist."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

from seed_matrace.config import Config, EnvConfig, StarCraft2Config
from seed_matrace.envs import counting
from seed_matrace.envs.frame_stack import FrameStackVectorEnv
from seed_matrace.envs.pettingzoo_makers import package_version
from seed_matrace.envs.pettingzoo_vector_env import PettingZooVectorEnv, pettingzoo_spec
from seed_matrace.files import digest
from seed_matrace.skirmish import maps
from seed_matrace.skirmish.vector_env import VERSION, SkirmishVectorEnv
from seed_matrace.specs import EnvSpec, read_env_spec
from seed_matrace.starcraft2.installation import stamp
from seed_matrace.starcraft2.vector_env import StarCraft2VectorEnv, starcraft2_spec
from seed_matrace.transport.schema import Schema
from seed_matrace.vector_env import VectorEnv


def env_spec(env: EnvConfig) -> EnvSpec:
    """Sizes of the configured map with the configured options; only PettingZoo's environments are built for it.

    Raises:
      ValueError: unknown map; the message names the near ones. An environment of PettingZoo's that cannot be had.
    """
    spec = _frame_spec(env)
    return dataclasses.replace(spec, obs_dim=env.frame_stack * spec.obs_dim)


def training_spec(config: Config) -> EnvSpec:
    """Sizes of what the learner is sent: with what episodes showed last, if the loss asks for it."""
    return dataclasses.replace(env_spec(config.env), with_final=config.loss.bootstrap_time_limit)


def noted_spec(env: EnvConfig) -> dict[str, Any] | None:
    """Sizes without stacking that a run must note, as an environment would have to be built for them; else None."""
    return dataclasses.asdict(_frame_spec(env)) if env.backend == "pettingzoo" else None


def spec_of_run(env: EnvConfig, noted: Any) -> EnvSpec:
    """As ``env_spec``, without building anything where a run has noted its sizes.

    Args:
      noted: what ``noted_spec`` gave when the run began; None: nothing is known of it.

    Raises:
      ValueError: as ``env_spec``; or ``noted`` is no such thing.
    """
    if noted is None or env.backend != "pettingzoo":
        return env_spec(env)
    try:
        spec = read_env_spec(noted)
    except ValueError as error:
        raise ValueError(f"the sizes that the run noted are not those of an environment: {error}") from None
    return dataclasses.replace(spec, obs_dim=env.frame_stack * spec.obs_dim)


def backend_name(env: EnvConfig) -> str:
    """What results are stamped with, e.g. "skirmish-1"; results of different backends do not compare."""
    if env.backend == "starcraft2":
        return stamp(env.game_version)
    if env.backend == "pettingzoo":
        return f"pettingzoo-{package_version(env.map_name)}"
    return f"{env.backend}-{counting.VERSION if env.backend == 'counting' else VERSION}"


def plays_elsewhere(env: EnvConfig) -> bool:
    """Whether games live in programs of their own: they take long, cannot be kept, and can be lost."""
    return env.backend == "starcraft2"


def has_winner(env: EnvConfig) -> bool:
    """Whether episodes are won or lost; if not, returns are all there is to compare."""
    return env.backend != "pettingzoo" or bool(env.won_info)


def make_schema(config: Config) -> Schema:
    """What an actor and a learner must agree on: what a process of ``config`` is built for."""
    asked = {f"env.{name}": value for name, value in dataclasses.asdict(config.env).items()}
    options = json.loads(json.dumps(asked))  # as the other side reads them: lists for tuples
    del options["env.backend"], options["env.map_name"]
    scenario = config.env.scenario
    if scenario is not None:  # each side has a file of its own
        options[f"contents of {scenario.name} (SHA-256)"] = digest(scenario.read_bytes())
    return Schema(backend_name(config.env), config.env.title, training_spec(config), options)


def make_training_env(config: Config, num_envs: int, seed: int, first_env: int = 0) -> VectorEnv:
    """As ``make_vector_env``, with the sizes of ``training_spec``."""
    with_final = config.loss.bootstrap_time_limit
    return make_vector_env(config.env, num_envs, seed, first_env, with_final=with_final, games=config.starcraft2)


def make_vector_env(
    env: EnvConfig,
    num_envs: int,
    seed: int,
    first_env: int = 0,
    *,
    with_final: bool = False,
    games: StarCraft2Config | None = None,
    replay: Path | None = None,
    recorded: int = 0,
) -> VectorEnv:
    """``num_envs`` environments; environment j is random stream ``first_env + j`` of ``seed``.

    Args:
      with_final: whether they also show what episodes showed last.
      games: how games of StarCraft II are watched over; as by default if None.
      replay: file for a replay by the game itself of the first of them; the simulators leave none.
      recorded: so many of them, the first ones, keep ``GamesVectorEnv.battle``; the simulators play battles again.
    """
    frames: VectorEnv
    if env.backend == "counting":
        frames = counting.CountingVectorEnv(num_envs, first_env, with_final=with_final)
    elif env.backend == "pettingzoo":
        frames = PettingZooVectorEnv(env, num_envs, seed, first_env, with_final=with_final)
    elif env.backend == "starcraft2":
        limits = games or StarCraft2Config()
        frames = StarCraft2VectorEnv(
            env.map_name, num_envs, seed, first_env, env, limits,
            with_final=with_final, replay=replay, recorded=recorded,
        )  # fmt: skip
    else:
        frames = SkirmishVectorEnv(env.map_name, num_envs, seed, first_env, env, with_final=with_final)
    return FrameStackVectorEnv(frames, env.frame_stack) if env.frame_stack > 1 else frames


def _frame_spec(env: EnvConfig) -> EnvSpec:
    """Sizes without stacking."""
    if env.backend == "counting":
        return counting.SPEC
    if env.backend == "pettingzoo":
        return pettingzoo_spec(env)
    if env.backend == "starcraft2":
        return starcraft2_spec(env.map_name, env)
    battle_map = maps.load_map(env.map_name)
    return battle_map.layout.with_options(env, battle_map.episode_limit).spec(battle_map.episode_limit)
