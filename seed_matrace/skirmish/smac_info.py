"""The part of SMAC's interface that says sizes and names and needs no battle."""

from __future__ import annotations

from typing import Any

import numpy as np

from seed_matrace.skirmish.layout import (
    ACTIONS_WITHOUT_TARGET,
    HEIGHT_FEATURES,
    MOVE_FEATURES,
    PATHING_FEATURES,
    FeatureLayout,
)
from seed_matrace.skirmish.map_params import registered_limit
from seed_matrace.skirmish.maps import SkirmishMap
from seed_matrace.skirmish.multi_agent_env import MultiAgentEnv
from seed_matrace.skirmish.smac_attributes import ATTRIBUTES, FIXED, FREE, TYPE_IDS, UNITS
from seed_matrace.smac_options import SkirmishOptions


class SmacInfo(MultiAgentEnv):
    """Sizes, names and options as attributes and methods of ``smac.env.StarCraft2Env``."""

    # Types of what the constructor sets by name.
    options: SkirmishOptions
    battle_map: SkirmishMap
    layout: FeatureLayout
    map_name: str
    map_type: str
    n_enemies: int
    n_actions: int
    n_actions_no_attack: int
    unit_type_bits: int
    shield_bits_ally: int
    shield_bits_enemy: int
    map_x: int
    map_y: int
    max_distance_x: float
    max_distance_y: float
    pathing_grid: np.ndarray  # bool [map_x, map_y]
    terrain_height: np.ndarray  # float64 [map_x, map_y] in 0..1
    obs_all_health: bool
    obs_own_health: bool
    obs_last_action: bool
    obs_pathing_grid: bool
    obs_terrain_height: bool
    obs_instead_of_state: bool
    obs_timestep_number: bool
    state_last_action: bool
    state_timestep_number: bool
    reward_only_positive: bool
    reward_death_value: float
    reward_negative_scale: float
    heuristic_ai: bool
    continuing_episode: bool
    replay_dir: str
    replay_prefix: str
    reward_sparse: bool
    reward_win: float
    reward_defeat: float
    reward_scale: bool
    reward_scale_rate: float
    _move_amount: float
    _step_mul: int | None
    max_reward: float

    def __init__(self, battle_map: SkirmishMap, options: SkirmishOptions) -> None:
        layout = battle_map.layout.with_options(options, registered_limit(battle_map))
        self.__dict__.update(options=options, battle_map=battle_map, layout=layout)
        fixed: dict[str, Any] = {name: getattr(options, name) for name in FIXED if hasattr(options, name)}
        fixed |= {
            "obs_own_health": options.own_health_shown,
            "map_name": battle_map.name,
            "map_type": battle_map.map_type,
            "n_agents": battle_map.n_agents,
            "n_enemies": battle_map.n_enemies,
            "n_actions": self.layout.n_actions,
            "n_actions_no_attack": ACTIONS_WITHOUT_TARGET,
            "n_actions_move": MOVE_FEATURES,
            "n_obs_pathing": PATHING_FEATURES,
            "n_obs_height": HEIGHT_FEATURES,
            "unit_type_bits": battle_map.unit_type_bits,
            "shield_bits_ally": int(self.layout.ally_shields),
            "shield_bits_enemy": int(self.layout.enemy_shields),
            "map_x": battle_map.walkable.shape[0],
            "map_y": battle_map.walkable.shape[1],
            "max_distance_x": self.layout.max_distance[0],
            "max_distance_y": self.layout.max_distance[1],
            "pathing_grid": battle_map.walkable.astype(bool),
            "terrain_height": self.layout.smac_height.copy(),
            "_move_amount": int(options.move_amount) if options.move_amount.is_integer() else options.move_amount,
            "_step_mul": options.step_mul,
        }
        fixed["pathing_grid"].setflags(write=False)
        fixed["terrain_height"].setflags(write=False)
        fixed |= dict.fromkeys(("_min_unit_type", *TYPE_IDS), 0)
        for name in UNITS:  # a subclass may have written them down already
            self.__dict__.pop(name, None)
        self.__dict__.update(fixed)
        self.__dict__.update({name: getattr(options, name) for name in FREE})
        self.__dict__["episode_limit"] = self.layout.episode_limit
        self._built = True
        self.window_size = options.window_size_x, options.window_size_y
        self._agent_race, self._bot_race = battle_map.races
        types = [f"type_{bit}" for bit in range(battle_map.unit_type_bits)]
        shield = [["shield"] * bits for bits in (fixed["shield_bits_ally"], fixed["shield_bits_enemy"])]
        self.ally_state_attr_names = ["health", "energy/cooldown", "rel_x", "rel_y", *shield[0], *types]
        self.enemy_state_attr_names = ["health", "rel_x", "rel_y", *shield[1], *types]
        self._attributes_of_kernel = len(self.ally_state_attr_names), len(self.enemy_state_attr_names)

    def get_env_info(self) -> dict[str, Any]:
        """state_shape, obs_shape, n_actions, n_agents, episode_limit, agent_features and enemy_features."""
        features = {"agent_features": self.ally_state_attr_names, "enemy_features": self.enemy_state_attr_names}
        return super().get_env_info() | features

    def get_obs_size(self) -> int:
        """Declared width of an observation; with obs_timestep_number the real one is wider by one, as in SMAC."""
        enemies, allies = self.get_obs_enemy_feats_size(), self.get_obs_ally_feats_size()
        ends = self.get_obs_move_feats_size() + self.get_obs_own_feats_size()
        return ends + enemies[0] * enemies[1] + allies[0] * allies[1]

    def get_state_size(self) -> int:
        """Declared width of the state."""
        if self.options.obs_instead_of_state:
            return self.n_agents * self.get_obs_size()
        units = self.n_agents * self.get_ally_num_attributes() + self.n_enemies * self.get_enemy_num_attributes()
        actions = self.n_agents * self.n_actions if self.state_last_action else 0
        return units + actions + int(self.state_timestep_number)

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

    def unit_shoot_range(self, agent_id: int) -> float:
        """Cells within which availability lets an agent attack."""
        return 6

    def unit_sight_range(self, agent_id: int) -> float:
        """Cells within which an agent sees."""
        return 9


for _name, _property in ATTRIBUTES.items():
    setattr(SmacInfo, _name, _property)
