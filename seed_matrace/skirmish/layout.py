"""Sizes and constants of SMAC's observation and state vectors: what the feature kernel needs besides units."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from seed_matrace.smac_options import SkirmishOptions, SmacOptions
from seed_matrace.specs import EnvSpec
from seed_matrace.unit_columns import Rows, UnitColumns

ACTIONS_WITHOUT_TARGET = 6  # no-op, stop, north, south, east, west
MOVE_FEATURES = 4
PATHING_FEATURES = 8
HEIGHT_FEATURES = 9
DEFAULT_OPTIONS = SkirmishOptions()
FLOOR_HEIGHT, PIT_HEIGHT = 191 / 255, 135 / 255  # what the game reports of a map's floor and of the void around it


@dataclass(frozen=True, eq=False)
class FeatureLayout:
    """Everything but the units themselves; U = n_agents + n_enemies slots, allies first.

    A slot's *gauge* is what SMAC shows of it in column 1 of the state: weapon cooldown, or energy for a healer.
    """

    n_agents: int
    n_enemies: int
    unit_type_bits: int
    ally_shields: bool  # the own race has shields (SMAC's shield_bits_ally)
    enemy_shields: bool
    pathing: np.ndarray  # uint8 [map_x, map_y], 1 = walkable
    max_distance: tuple[float, float]  # playable area (x, y)
    health_max: np.ndarray  # float64 [U]
    shield_norm: np.ndarray  # float64 [U]
    gauge_norm: np.ndarray  # float64 [U], read for allies only
    type_number: np.ndarray  # int32 [U], position of the one-hot type
    healer: np.ndarray  # uint8 [U], 1 = medivac of an MMM map: its attack slots heal allies instead
    options: SmacOptions = DEFAULT_OPTIONS
    episode_limit: int = 1  # env steps; only the timestep options look at it
    height: np.ndarray | None = None  # float64 [map_x, map_y] in 0..1, as the game has it; None: from ``pathing``

    def __deepcopy__(self, memo: object) -> FeatureLayout:
        return self  # nothing in it changes

    @property
    def n_actions(self) -> int:
        return ACTIONS_WITHOUT_TARGET + self.n_enemies

    @property
    def move_features(self) -> int:
        """Width of the first block of an observation."""
        pathing = PATHING_FEATURES if self.options.obs_pathing_grid else 0
        return MOVE_FEATURES + pathing + (HEIGHT_FEATURES if self.options.obs_terrain_height else 0)

    @property
    def enemy_features(self) -> int:
        """Width of an enemy's row in an observation."""
        return 4 + self.unit_type_bits + (1 + self.enemy_shields if self.options.obs_all_health else 0)

    @property
    def ally_features(self) -> int:
        """Width of another agent's row in an observation."""
        health = 1 + self.ally_shields if self.options.obs_all_health else 0
        return 4 + self.unit_type_bits + health + (self.n_actions if self.options.obs_last_action else 0)

    @property
    def own_features(self) -> int:
        """Width of an agent's own block; a stray 0 ends it with obs_timestep_number, as in SMAC."""
        health = 1 + self.ally_shields if self.options.own_health_shown else 0
        return self.unit_type_bits + health + self.options.obs_timestep_number

    @property
    def declared_obs_dim(self) -> int:
        """What SMAC's get_obs_size() says: one too few with obs_timestep_number."""
        rows = self.n_enemies * self.enemy_features + (self.n_agents - 1) * self.ally_features
        return self.move_features + rows + self.own_features

    @property
    def obs_dim(self) -> int:
        return self.declared_obs_dim + self.options.obs_timestep_number

    @property
    def state_dim(self) -> int:
        if self.options.obs_instead_of_state:
            return self.n_agents * self.obs_dim
        ally, enemy = 4 + self.unit_type_bits + self.ally_shields, 3 + self.unit_type_bits + self.enemy_shields
        last_action = self.n_agents * self.n_actions if self.options.state_last_action else 0
        return self.n_agents * ally + self.n_enemies * enemy + last_action + self.options.state_timestep_number

    @cached_property
    def smac_height(self) -> np.ndarray:
        """float64 [map_x, map_y] as SMAC reads the heights: it turns them upside down, the walkable grid not."""
        height = np.where(self.pathing, FLOOR_HEIGHT, PIT_HEIGHT) if self.height is None else self.height
        return np.ascontiguousarray(height[:, ::-1], np.float64)

    def with_options(self, options: SmacOptions, episode_limit: int) -> FeatureLayout:
        """The same map seen through other options."""
        return replace(self, options=options, episode_limit=episode_limit)

    def spec(self, episode_limit: int) -> EnvSpec:
        """The environment's spec with these features."""
        return EnvSpec(
            n_agents=self.n_agents,
            n_actions=self.n_actions,
            obs_dim=self.obs_dim,
            state_dim=self.state_dim,
            episode_limit=episode_limit,
            units=self.units,
        )

    @property
    def units(self) -> UnitColumns:
        """Where units stand: observations are movement, enemies, allies, own; states allies, enemies, last actions."""
        enemies = Rows(self.move_features, self.enemy_features, self.n_enemies)
        allies = Rows(_end(enemies), self.ally_features, self.n_agents - 1)
        own = Rows(_end(allies), self.obs_dim - _end(allies), 1)
        state_allies = Rows(0, 4 + self.unit_type_bits + self.ally_shields, self.n_agents)
        state_enemies = Rows(_end(state_allies), 3 + self.unit_type_bits + self.enemy_shields, self.n_enemies)
        last_actions = Rows(_end(state_enemies), self.n_actions, self.n_agents)
        of_allies = (state_allies, last_actions) if self.options.state_last_action else (state_allies,)
        has_rows = not self.options.obs_instead_of_state
        return UnitColumns(
            own=(Rows(0, self.move_features, 1), own),
            allies=(allies,),
            enemies=(enemies,),
            state_allies=of_allies if has_rows else (),
            state_enemies=(state_enemies,) if has_rows else (),
            first_target=ACTIONS_WITHOUT_TARGET,
            healers=tuple(np.flatnonzero(self.healer[: self.n_agents]).tolist()),
        )


def _end(rows: Rows) -> int:
    return rows.start + rows.width * rows.units
