"""Facts of ``smac.env.StarCraft2Env``, SMAC 1.0.0 (commit d6aab33): what it takes and what is public of it."""

SIGNATURE = {
    "map_name": "8m", "step_mul": 8, "move_amount": 2, "difficulty": "7", "game_version": None, "seed": None,
    "continuing_episode": False, "obs_all_health": True, "obs_own_health": True, "obs_last_action": False,
    "obs_pathing_grid": False, "obs_terrain_height": False, "obs_instead_of_state": False,
    "obs_timestep_number": False, "state_last_action": True, "state_timestep_number": False, "reward_sparse": False,
    "reward_only_positive": True, "reward_death_value": 10, "reward_win": 200, "reward_defeat": 0,
    "reward_negative_scale": 0.5, "reward_scale": True, "reward_scale_rate": 20, "replay_dir": "", "replay_prefix": "",
    "window_size_x": 1920, "window_size_y": 1200, "heuristic_ai": False, "heuristic_rest": False, "debug": False,
}  # fmt: skip
PUBLIC = {
    "agents", "ally_state_attr_names", "baneling_id", "battles_game", "battles_won", "can_move", "check_bounds",
    "close", "colossus_id", "continuing_episode", "death_tracker_ally", "death_tracker_enemy", "debug",
    "defeat_counted", "difficulty", "distance", "enemies", "enemy_state_attr_names", "episode_limit",
    "force_restarts", "full_restart", "game_version", "get_agent_action", "get_agent_action_heuristic",
    "get_ally_num_attributes", "get_avail_actions", "get_avail_agent_actions", "get_enemy_num_attributes",
    "get_env_info", "get_obs", "get_obs_agent", "get_obs_ally_feats_size", "get_obs_enemy_feats_size",
    "get_obs_move_feats_size", "get_obs_own_feats_size", "get_obs_size", "get_state", "get_state_dict",
    "get_state_size", "get_stats", "get_surrounding_height", "get_surrounding_pathing", "get_surrounding_points",
    "get_total_actions", "get_unit_by_id", "get_unit_type_id", "get_unit_types", "get_visibility_matrix",
    "heuristic_ai", "heuristic_rest", "heuristic_targets", "hydralisk_id", "init_units", "last_action",
    "last_stats", "map_name", "map_type", "map_x", "map_y", "marauder_id", "marine_id", "max_distance_x",
    "max_distance_y", "max_reward", "medivac_id", "n_actions", "n_actions_move", "n_actions_no_attack",
    "n_agents", "n_enemies", "n_obs_height", "n_obs_pathing", "obs_all_health", "obs_instead_of_state",
    "obs_last_action", "obs_own_health", "obs_pathing_grid", "obs_terrain_height", "obs_timestep_number",
    "only_medivac_left", "pathing_grid", "previous_ally_units", "previous_enemy_units", "render", "renderer",
    "replay_dir", "replay_prefix", "reset", "reward", "reward_battle", "reward_death_value", "reward_defeat",
    "reward_negative_scale", "reward_only_positive", "reward_scale", "reward_scale_rate", "reward_sparse",
    "reward_win", "save_replay", "seed", "shield_bits_ally", "shield_bits_enemy", "stalker_id",
    "state_last_action", "state_timestep_number", "step", "terrain_height", "timeouts", "unit_max_cooldown",
    "unit_max_shield", "unit_shoot_range", "unit_sight_range", "unit_type_bits", "update_units", "win_counted",
    "window_size", "zealot_id", "zergling_id",
}  # fmt: skip
