"""Sizes and constants of SMAC's observation and state vectors: what the feature kernel needs besides units."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from seed_matrace.specs import EnvSpec

ACTIONS_WITHOUT_TARGET = 6  # no-op, stop, north, south, east, west
MOVE_FEATURES = 4


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
    healer: np.ndarray  # uint8 [U], 1 = attack slots heal allies instead (medivacs of the MMM maps)
    state_last_action: bool = True

    @property
    def n_actions(self) -> int:
        return ACTIONS_WITHOUT_TARGET + self.n_enemies

    @property
    def obs_dim(self) -> int:
        ally, enemy = 5 + self.unit_type_bits + self.ally_shields, 5 + self.unit_type_bits + self.enemy_shields
        own = 1 + self.unit_type_bits + self.ally_shields
        return MOVE_FEATURES + self.n_enemies * enemy + (self.n_agents - 1) * ally + own

    @property
    def state_dim(self) -> int:
        ally, enemy = 4 + self.unit_type_bits + self.ally_shields, 3 + self.unit_type_bits + self.enemy_shields
        last_action = self.n_agents * self.n_actions if self.state_last_action else 0
        return self.n_agents * ally + self.n_enemies * enemy + last_action

    def spec(self, episode_limit: int) -> EnvSpec:
        """The environment's spec with these features."""
        return EnvSpec(
            n_agents=self.n_agents,
            n_actions=self.n_actions,
            obs_dim=self.obs_dim,
            state_dim=self.state_dim,
            episode_limit=episode_limit,
        )
