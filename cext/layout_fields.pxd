"""From the Python FeatureLayout to the C one."""

from libc.stdint cimport int32_t, uint8_t

from feature_layout cimport FeatureLayout


cdef inline int fill_options(FeatureLayout* target, object source) except -1:
    """What the map's options make of its features."""
    cdef object options = source.options
    target.look_ahead = options.move_amount / 2
    target.stride = <int>options.move_amount
    target.obs_all_health = options.obs_all_health
    target.obs_own_health = options.own_health_shown
    target.obs_last_action = options.obs_last_action
    target.obs_pathing_grid = options.obs_pathing_grid
    target.obs_terrain_height = options.obs_terrain_height
    target.obs_timestep = options.obs_timestep_number
    target.obs_as_state = options.obs_instead_of_state
    target.state_last_action = options.state_last_action
    target.state_timestep = options.state_timestep_number
    target.episode_limit = source.episode_limit
    target.enemy_width = source.enemy_features
    target.ally_width = source.ally_features
    return 0


cdef inline int fill_layout(FeatureLayout* target, object source) except -1:
    """Copies sizes and borrows array memory: the caller keeps ``source`` alive."""
    cdef const uint8_t[:, ::1] pathing = source.pathing
    cdef const double[:, ::1] height = source.smac_height
    cdef const double[::1] health_max = source.health_max
    cdef const double[::1] shield_norm = source.shield_norm
    cdef const double[::1] gauge_norm = source.gauge_norm
    cdef const int32_t[::1] type_number = source.type_number
    cdef const uint8_t[::1] healer = source.healer
    target.n_agents = source.n_agents
    target.n_enemies = source.n_enemies
    target.n_units = source.n_agents + source.n_enemies
    target.n_actions = source.n_actions
    target.type_bits = source.unit_type_bits
    target.ally_shields = source.ally_shields
    target.enemy_shields = source.enemy_shields
    fill_options(target, source)
    target.obs_dim = source.obs_dim
    target.state_dim = source.state_dim
    target.map_x = pathing.shape[0]
    target.map_y = pathing.shape[1]
    target.max_distance_x, target.max_distance_y = source.max_distance
    target.pathing = &pathing[0, 0]
    target.height = &height[0, 0]
    target.health_max = &health_max[0]
    target.shield_norm = &shield_norm[0]
    target.gauge_norm = &gauge_norm[0]
    target.type_number = &type_number[0]
    target.healer = &healer[0]
    return 0
