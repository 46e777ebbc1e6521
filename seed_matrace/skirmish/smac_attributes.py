"""Attributes of SMAC's class that anybody may set: what the compiled battle was told is fixed, the rest is checked.

Their values are in the instance's ``__dict__``, as SMAC's are, so that a class attribute of a subclass is overruled by
the constructor here, too.
"""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from seed_matrace.fields import check_value, plain
from seed_matrace.smac_options import SmacOptions

TYPE_IDS = tuple(
    f"{name}_id"
    for name in (
        "marine", "marauder", "medivac", "stalker", "zealot", "colossus", "hydralisk", "zergling", "baneling",
    )
)  # fmt: skip
# What the compiled battle was told once and for all, or tells. Other options count as they are when they are looked at.
FIXED = (
    "map_name", "map_type", "n_agents", "n_enemies", "n_actions", "n_actions_no_attack", "n_actions_move",
    "n_obs_pathing", "n_obs_height", "unit_type_bits", "shield_bits_ally", "shield_bits_enemy", "map_x", "map_y",
    "max_distance_x", "max_distance_y", "pathing_grid", "terrain_height", "obs_all_health", "obs_own_health",
    "obs_last_action", "obs_pathing_grid", "obs_terrain_height", "obs_instead_of_state", "obs_timestep_number",
    "state_last_action", "state_timestep_number", "reward_only_positive", "reward_death_value",
    "reward_negative_scale", "heuristic_ai", "heuristic_rest", "_move_amount", "_step_mul", "_min_unit_type", *TYPE_IDS,
    "shuffle_enemies", "options", "battle_map", "layout",  # not of SMAC's class, but in the way of a subclass's own
)  # fmt: skip
FREE = (
    "difficulty", "game_version", "continuing_episode", "debug", "replay_dir", "replay_prefix", "reward_sparse",
    "reward_win", "reward_defeat", "reward_scale", "reward_scale_rate",
)  # fmt: skip
UNITS = ("agents", "enemies", "previous_ally_units", "previous_enemy_units")


def is_built(instance: Any) -> bool:
    """Whether the constructor has been through; what was set before, it overrules."""
    return "_built" in instance.__dict__


def _attribute(name: str, check: Callable[[Any, Any], Any]) -> property:
    """``check`` takes the instance and the new value, and returns what is kept of it."""

    def read(instance: Any) -> Any:
        try:
            return instance.__dict__[name]
        except KeyError:
            raise AttributeError(name) from None

    def write(instance: Any, value: Any) -> None:
        instance.__dict__[name] = check(instance, value) if is_built(instance) else value

    return property(read, write)


def _refuse(name: str, instance: Any, value: Any) -> Any:
    now = getattr(instance, name)
    if np.array_equal(now, value):
        return now
    raise AttributeError(
        f"{name} is fixed when the environment is made; it cannot become {value!r}. Where it is an option, give it "
        "to the constructor"
    )


def _check_option(name: str, instance: Any, value: Any) -> Any:
    return check_value(SmacOptions, name, os.fspath(value) if isinstance(value, os.PathLike) else value)


def _check_limit(instance: Any, value: Any) -> float:
    limit = plain(value)
    if isinstance(limit, bool) or not isinstance(limit, (int, float)) or not limit > 0:
        raise ValueError(f"episode_limit is {value!r}; env steps, more than 0, expected")
    return limit


def _check_maximum(instance: Any, value: Any) -> float:
    maximum = plain(value)
    if isinstance(maximum, bool) or not isinstance(maximum, (int, float)) or not 0 < abs(maximum) < 1e38:
        raise ValueError(
            f"max_reward is {value!r}, but rewards are divided by it: a number other than 0 expected; reward_scale "
            "= False leaves them as they are"
        )
    return maximum


ATTRIBUTES = {
    **{name: _attribute(name, partial(_refuse, name)) for name in FIXED},
    **{name: _attribute(name, partial(_check_option, name)) for name in FREE},
    "episode_limit": _attribute("episode_limit", _check_limit),
    "max_reward": _attribute("max_reward", _check_maximum),
}


class _Overruled(property):
    """An attribute that a subclass has given a value, which counts until the constructor gives it another."""

    def __init__(self, attribute: property, name: str, value: Any) -> None:
        super().__init__(attribute.fget, attribute.fset)
        self._name, self._value = name, value

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        if instance is None or not (is_built(instance) or self._name in instance.__dict__):
            return self._value
        return super().__get__(instance, owner)


def overrule_values(subclass: type, base: type) -> None:
    """Lets what the constructor says overrule the values of a class's attributes, as with SMAC's class.

    Raises:
      TypeError: a property in the place of what is fixed.
    """
    for name in (*ATTRIBUTES, *UNITS):
        original, found = getattr(base, name), inspect.getattr_static(subclass, name)
        if found is original or isinstance(found, _Overruled):
            continue
        if not hasattr(type(found), "__set__"):
            setattr(subclass, name, _Overruled(original, name, found))
        elif name in FIXED:
            raise TypeError(
                f"{subclass.__name__} makes a property of {name}, which is fixed when the environment is made: the "
                "battle would not be played so. Where it is an option, give it to the constructor"
            )
