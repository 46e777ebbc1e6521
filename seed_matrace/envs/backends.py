"""The table of backends: the only place that knows which there are, and what is peculiar to one.

What plays is imported when it is asked: a configuration is checked without it.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from seed_matrace.env_options import EnvOptions
from seed_matrace.envs.backend import Asked, Backend
from seed_matrace.fields import FieldError
from seed_matrace.pettingzoo_options import PettingZooOptions
from seed_matrace.smac_options import STARCRAFT2_BUILDS, SkirmishOptions

if TYPE_CHECKING:
    from seed_matrace.specs import EnvSpec
    from seed_matrace.vector_env import VectorEnv


def _names(options: type) -> frozenset[str]:
    return frozenset(item.name for item in dataclasses.fields(options))


_SMAC = _names(SkirmishOptions)
_OF_EVERY_BACKEND = {"map_name", "backend", "frame_stack"}


def _smac_spec(env: EnvOptions) -> EnvSpec:
    from seed_matrace.skirmish.maps import load_map

    battle_map = load_map(env.map_name)
    return battle_map.layout.with_options(env, battle_map.episode_limit).spec(battle_map.episode_limit)


def _skirmish_version(env: EnvOptions) -> str:
    from seed_matrace.skirmish.vector_env import VERSION

    return VERSION


def _make_skirmish(env: EnvOptions, asked: Asked) -> VectorEnv:
    from seed_matrace.skirmish.vector_env import SkirmishVectorEnv

    return SkirmishVectorEnv(
        env.map_name, asked.num_envs, asked.seed, asked.first_env, env, with_final=asked.with_final
    )


_SKIRMISH = Backend(
    name="skirmish",
    spec=_smac_spec,
    make=_make_skirmish,
    version=_skirmish_version,
    is_smac=True,
    can_record=True,
    plays_scenarios=True,
    options=_SMAC,
)


def _starcraft2_version(env: EnvOptions) -> str:
    from seed_matrace.starcraft2.installation import stamp

    return stamp(env.game_version).removeprefix("sc2-")


def _make_starcraft2(env: EnvOptions, asked: Asked) -> VectorEnv:
    from seed_matrace.starcraft2.vector_env import StarCraft2VectorEnv

    return StarCraft2VectorEnv(
        env.map_name, asked.num_envs, asked.seed, asked.first_env, env, asked.games,
        with_final=asked.with_final, replay=asked.replay, recorded=asked.recorded,
    )  # fmt: skip


def _check_starcraft2(env: EnvOptions) -> None:
    if env.game_version not in (None, *STARCRAFT2_BUILDS):
        versions = " or ".join(map(repr, STARCRAFT2_BUILDS))
        raise FieldError(f"game_version must be {versions}, whose results compare, not {env.game_version!r}")


_STARCRAFT2 = Backend(
    name="starcraft2",
    spec=_smac_spec,
    make=_make_starcraft2,
    version=_starcraft2_version,
    stamped="sc2",
    is_smac=True,
    plays_elsewhere=True,
    can_record=True,
    plays_scenarios=True,
    options=_SMAC - {"shuffle_enemies"},
    idle_options=frozenset({"shuffle_enemies"}),
    idle_reason="StarCraft II numbers the enemies itself, anew for each battle",
    check=_check_starcraft2,
)


def _pettingzoo_spec(env: EnvOptions) -> EnvSpec:
    from seed_matrace.envs.pettingzoo_vector_env import pettingzoo_spec

    return pettingzoo_spec(env)


def _pettingzoo_version(env: EnvOptions) -> str:
    from seed_matrace.envs.pettingzoo_makers import package_version

    return package_version(env.map_name)


def _make_pettingzoo(env: EnvOptions, asked: Asked) -> VectorEnv:
    from seed_matrace.envs.pettingzoo_vector_env import PettingZooVectorEnv

    return PettingZooVectorEnv(env, asked.num_envs, asked.seed, asked.first_env, with_final=asked.with_final)


_PETTINGZOO = Backend(
    name="pettingzoo",
    spec=_pettingzoo_spec,
    make=_make_pettingzoo,
    version=_pettingzoo_version,
    title="PettingZoo's environments",
    nobody_wins=lambda env: "" if env.won_info else "nobody wins without env.won_info",
    sizes_are_noted=True,
    options=_names(PettingZooOptions) | {"obs_instead_of_state"},
)


def _counting_spec(env: EnvOptions) -> EnvSpec:
    from seed_matrace.envs.counting import SPEC

    return SPEC


def _counting_version(env: EnvOptions) -> str:
    from seed_matrace.envs.counting import VERSION

    return str(VERSION)


def _make_counting(env: EnvOptions, asked: Asked) -> VectorEnv:
    from seed_matrace.envs.counting import CountingVectorEnv

    return CountingVectorEnv(asked.num_envs, asked.first_env, with_final=asked.with_final)


_COUNTING = Backend(
    name="counting",
    spec=_counting_spec,
    make=_make_counting,
    version=_counting_version,
    is_smac=True,
    idle_options=_SMAC | {"map_name"},
    idle_reason="env.backend = 'counting' has no battles",
)

BACKENDS = {backend.name: backend for backend in (_SKIRMISH, _STARCRAFT2, _PETTINGZOO, _COUNTING)}


def backend_of(env: EnvOptions) -> Backend:
    """What plays a configuration's environments."""
    return BACKENDS[env.backend]


def backend_stamped(stamp: str) -> Backend | None:
    """Of which backend a stamp with its version is, as "skirmish-3"; None: of none in the table."""
    begun = [backend for backend in BACKENDS.values() if stamp.startswith(f"{backend.stamp}-")]
    return max(begun, key=lambda backend: len(backend.stamp), default=None)  # "sc2-x" may be a backend, too


def check_options(env: EnvOptions) -> None:
    """Raises FieldError if an option is set that the backend does nothing with, or that its other options exclude."""
    backend = backend_of(env)
    known = _OF_EVERY_BACKEND | backend.options | backend.idle_options
    for item in dataclasses.fields(EnvOptions):
        if item.name in known or getattr(env, item.name) == item.default:
            continue
        played = backend.title or f"env.backend = {backend.name!r}"
        if item.name in _SMAC:
            raise FieldError(f"{item.name} is of SMAC's battles and means nothing to {played}: leave it out")
        owner = next((other for other in BACKENDS.values() if item.name in other.options), None)
        if owner is None:
            raise FieldError(
                f"{item.name} is of no backend: one in the table of backends must have it in its `options`"
            )
        raise FieldError(f"{item.name} is of {owner.title or 'another backend'}: env.backend = {owner.name!r} expected")
    backend.check(env)
