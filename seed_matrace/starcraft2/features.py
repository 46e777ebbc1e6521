"""What a live ``smac.env.StarCraft2Env`` shows, computed by the feature kernel instead of SMAC's Python."""

from __future__ import annotations

import dataclasses
from typing import Any, NamedTuple

import numpy as np

from seed_matrace._cext._features import UnitFeatures
from seed_matrace.skirmish.layout import FeatureLayout
from seed_matrace.smac_options import SmacOptions

_SHOWN_OPTIONS = (
    *("obs_all_health", "obs_own_health", "obs_last_action", "obs_pathing_grid", "obs_terrain_height"),
    *("obs_instead_of_state", "obs_timestep_number", "state_last_action", "state_timestep_number"),
)


class SmacStep(NamedTuple):
    """What SMAC shows of one step."""

    obs: np.ndarray  # float32 [N, O]
    state: np.ndarray  # float32 [S]
    avail_actions: np.ndarray  # uint8 [N, A]


class StarCraft2Features:
    """Features of one ``StarCraft2Env``, bit for bit those of its get_obs, get_state and get_avail_actions.

    Widths are those of what SMAC returns, which with obs_timestep_number is one more than it declares; there SMAC's
    observations are float64 and these their float32.
    """

    def __init__(self, smac_env: Any) -> None:
        self._env = smac_env
        self._wave: object = None  # the units that the kernel was set up for
        self._layout: FeatureLayout | None = None

    def encode(self, out: SmacStep | None = None) -> SmacStep:
        """Features of the units as they are now; ``smac_env`` must have been reset.

        Args:
          out: C-contiguous arrays to write into; fresh ones if None.

        Raises:
          ValueError: a unit of a kind that SMAC has no number for.
        """
        env = self._env
        if env._unit_types is not self._wave:  # a new list whenever units have been spawned
            self._layout = live_layout(env)
            self._kernel = UnitFeatures(self._layout)
            self._sizes = self._layout.spec(env.episode_limit)
            self._wave = env._unit_types
        out = out or self._empty()
        self._kernel.write(
            env.agents, env.enemies, env.last_action, env._episode_steps, out.obs, out.avail_actions, out.state
        )
        return out

    def _empty(self) -> SmacStep:
        sizes = self._sizes
        return SmacStep(
            obs=np.empty((sizes.n_agents, sizes.obs_dim), np.float32),
            state=np.empty(sizes.state_dim, np.float32),
            avail_actions=np.empty((sizes.n_agents, sizes.n_actions), np.uint8),
        )


def smac_arguments(options: SmacOptions) -> dict[str, Any]:
    """``options`` as StarCraft2Env takes them: it looks into grids with move_amount, which floats cannot do."""
    values = {item.name: getattr(options, item.name) for item in dataclasses.fields(SmacOptions)}
    whole = options.move_amount == int(options.move_amount)
    return {**values, "move_amount": int(options.move_amount) if whole else options.move_amount}


def live_layout(env: Any) -> FeatureLayout:
    """Sizes and constants of the game that ``env`` plays, taken from its grids and units.

    Raises:
      ValueError: as ``StarCraft2Features.encode``.
    """
    allies = [env.agents[index] for index in range(env.n_agents)]
    enemies = [env.enemies[index] for index in range(env.n_enemies)]
    units = allies + enemies
    healers = [env.map_type == "MMM" and unit.unit_type == env.medivac_id for unit in allies]
    options = {name: getattr(env, name) for name in _SHOWN_OPTIONS}
    return FeatureLayout(
        n_agents=env.n_agents,
        n_enemies=env.n_enemies,
        unit_type_bits=env.unit_type_bits,
        ally_shields=env.shield_bits_ally > 0,
        enemy_shields=env.shield_bits_enemy > 0,
        pathing=np.ascontiguousarray(env.pathing_grid, np.uint8),
        max_distance=(env.max_distance_x, env.max_distance_y),
        health_max=np.array([unit.health_max for unit in units], np.float64),
        shield_norm=np.array([env.unit_max_shield(unit) or 1 for unit in units], np.float64),
        gauge_norm=np.array([env.unit_max_cooldown(unit) for unit in units], np.float64),
        type_number=_type_numbers(env, allies, enemies),
        healer=np.array(healers + [False] * len(enemies), np.uint8),
        options=SmacOptions(**options, move_amount=float(env._move_amount)),
        episode_limit=env.episode_limit,
        height=env.terrain_height[:, ::-1],
    )


def _type_numbers(env: Any, allies: list[Any], enemies: list[Any]) -> np.ndarray:
    if not env.unit_type_bits:
        return np.zeros(len(allies) + len(enemies), np.int32)
    numbers = [env.get_unit_type_id(unit, True) for unit in allies]
    numbers += [env.get_unit_type_id(unit, False) for unit in enemies]
    if not 0 <= min(numbers) <= max(numbers) < env.unit_type_bits:
        types = sorted({unit.unit_type for unit in allies + enemies})
        raise ValueError(f"{env.map_name} has units of types {types}; SMAC numbers {env.unit_type_bits} of each side")
    return np.array(numbers, np.int32)
