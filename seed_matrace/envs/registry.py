"""From a configured backend and map to environments."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

from seed_matrace.env_options import EnvOptions
from seed_matrace.envs.backend import Asked
from seed_matrace.envs.backends import backend_of
from seed_matrace.envs.frame_stack import FrameStackVectorEnv
from seed_matrace.fields import whole_number
from seed_matrace.specs import EnvSpec, read_env_spec, spec_as_json
from seed_matrace.starcraft2.options import StarCraft2Options
from seed_matrace.vector_env import VectorEnv


def env_spec(env: EnvOptions) -> EnvSpec:
    """Sizes of the configured map with the configured options; only PettingZoo's environments are built for it.

    Raises:
      ValueError: unknown map; the message names the near ones. An environment of PettingZoo's that cannot be had.
    """
    return _stacked(backend_of(env).spec(env), env)


def noted_spec(env: EnvOptions) -> dict[str, Any] | None:
    """Sizes without stacking that a run must note, as an environment would have to be built for them; else None."""
    backend = backend_of(env)
    return spec_as_json(backend.spec(env)) if backend.sizes_are_noted else None


def spec_of_run(env: EnvOptions, noted: Any) -> EnvSpec:
    """As ``env_spec``, without building anything where a run has noted its sizes.

    Args:
      noted: what ``noted_spec`` gave when the run began; None: nothing is known of it.

    Raises:
      ValueError: as ``env_spec``; or ``noted`` is no such thing.
    """
    if noted is None or not backend_of(env).sizes_are_noted:
        return env_spec(env)
    try:
        spec = read_env_spec(noted)
    except ValueError as error:
        raise ValueError(f"the sizes that the run noted are not those of an environment: {error}") from None
    return _stacked(spec, env)


def backend_name(env: EnvOptions) -> str:
    """What results are stamped with, e.g. "skirmish-1"; results of different backends do not compare."""
    backend = backend_of(env)
    return f"{backend.stamp}-{backend.version(env)}"


def plays_elsewhere(env: EnvOptions) -> bool:
    """Whether games live in programs of their own: they take long, cannot be kept, and can be lost."""
    return backend_of(env).plays_elsewhere


def can_record(env: EnvOptions) -> bool:
    """Whether there are replays of its battles."""
    return backend_of(env).can_record


def has_winner(env: EnvOptions) -> bool:
    """Whether episodes are won or lost; if not, returns are all there is to compare."""
    return not backend_of(env).nobody_wins(env)


def make_vector_env(
    env: EnvOptions,
    num_envs: int,
    seed: int,
    first_env: int = 0,
    *,
    with_final: bool = False,
    games: StarCraft2Options | None = None,
    replay: Path | None = None,
    recorded: int = 0,
) -> VectorEnv:
    """``num_envs`` environments; environment j is random stream ``first_env + j`` of ``seed``.

    Args:
      with_final, games, replay, recorded: see ``envs.backend.Asked``; games as by default if None.

    Raises:
      ValueError: a number out of range; as ``env_spec``.
    """
    num_envs = whole_number("num_envs", num_envs, 1)
    seed, first_env = whole_number("seed", seed, 0), whole_number("first_env", first_env, 0)
    asked = Asked(num_envs, seed, first_env, with_final, games or StarCraft2Options(), replay, recorded)
    frames = backend_of(env).make(env, asked)
    return FrameStackVectorEnv(frames, env.frame_stack) if env.frame_stack > 1 else frames


def _stacked(spec: EnvSpec, env: EnvOptions) -> EnvSpec:
    units = spec.units and spec.units.stacked(env.frame_stack, spec.obs_dim)
    return dataclasses.replace(spec, obs_dim=env.frame_stack * spec.obs_dim, units=units)
