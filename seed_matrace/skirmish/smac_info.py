"""The part of SMAC's interface that says sizes and names and needs no battle."""

from __future__ import annotations

import dataclasses
from typing import Any

from seed_matrace.skirmish.layout import ACTIONS_WITHOUT_TARGET, HEIGHT_FEATURES, MOVE_FEATURES, PATHING_FEATURES
from seed_matrace.skirmish.maps import SkirmishMap
from seed_matrace.smac_options import SmacOptions


class SmacInfo:
    """Sizes, names and options as attributes and methods of ``smac.env.StarCraft2Env``.

    Every option of ``SmacOptions`` is an attribute too, as in SMAC: ``env.reward_win``.
    """

    def __init__(self, battle_map: SkirmishMap, options: SmacOptions) -> None:
        self.options = options
        for item in dataclasses.fields(SmacOptions):
            setattr(self, item.name, getattr(options, item.name))
        self.obs_own_health = options.own_health_shown
        self.battle_map = battle_map
        self.layout = battle_map.layout.with_options(options, battle_map.episode_limit)
        self.map_name = battle_map.name
        self.map_type = battle_map.map_type
        self.n_agents: int = battle_map.n_agents
        self.n_enemies: int = battle_map.n_enemies
        self.n_actions: int = self.layout.n_actions
        self.n_actions_no_attack = ACTIONS_WITHOUT_TARGET
        self.n_actions_move = MOVE_FEATURES
        self.n_obs_pathing = PATHING_FEATURES
        self.n_obs_height = HEIGHT_FEATURES
        self.episode_limit: int = battle_map.episode_limit
        self.unit_type_bits = battle_map.unit_type_bits
        self.shield_bits_ally = int(self.layout.ally_shields)
        self.shield_bits_enemy = int(self.layout.enemy_shields)
        self.map_x, self.map_y = battle_map.walkable.shape
        self.max_distance_x, self.max_distance_y = self.layout.max_distance
        self.pathing_grid = battle_map.walkable.astype(bool)
        self.terrain_height = self.layout.smac_height
        types = [f"type_{bit}" for bit in range(self.unit_type_bits)]
        shield = [["shield"] * bits for bits in (self.shield_bits_ally, self.shield_bits_enemy)]
        self.ally_state_attr_names = ["health", "energy/cooldown", "rel_x", "rel_y", *shield[0], *types]
        self.enemy_state_attr_names = ["health", "rel_x", "rel_y", *shield[1], *types]

    def get_env_info(self) -> dict[str, Any]:
        """state_shape, obs_shape, n_actions, n_agents, episode_limit, agent_features and enemy_features."""
        return {
            "state_shape": self.get_state_size(),
            "obs_shape": self.get_obs_size(),
            "n_actions": self.get_total_actions(),
            "n_agents": self.n_agents,
            "episode_limit": self.episode_limit,
            "agent_features": self.ally_state_attr_names,
            "enemy_features": self.enemy_state_attr_names,
        }

    def get_obs_size(self) -> int:
        """Declared width of an observation; with obs_timestep_number the real one is wider by one, as in SMAC."""
        return self.layout.declared_obs_dim

    def get_state_size(self) -> int:
        """Declared width of the state."""
        if self.options.obs_instead_of_state:
            return self.n_agents * self.get_obs_size()
        return self.layout.state_dim

    def get_total_actions(self) -> int:
        """Number of actions of an agent."""
        return self.n_actions

    def get_obs_move_feats_size(self) -> int:
        """Width of the first block of an observation."""
        return self.layout.move_features

    def get_obs_enemy_feats_size(self) -> tuple[int, int]:
        """Rows and columns of the enemies' block."""
        return self.n_enemies, self.layout.enemy_features

    def get_obs_ally_feats_size(self) -> tuple[int, int]:
        """Rows and columns of the block of the other agents."""
        return self.n_agents - 1, self.layout.ally_features

    def get_obs_own_feats_size(self) -> int:
        """Width of an agent's own block."""
        return self.layout.own_features

    def get_ally_num_attributes(self) -> int:
        """Numbers that the state has of each agent."""
        return len(self.ally_state_attr_names)

    def get_enemy_num_attributes(self) -> int:
        """Numbers that the state has of each enemy."""
        return len(self.enemy_state_attr_names)

    def unit_shoot_range(self, agent_id: int) -> int:
        """Cells within which availability lets an agent attack."""
        return 6

    def unit_sight_range(self, agent_id: int) -> int:
        """Cells within which an agent sees."""
        return 9
