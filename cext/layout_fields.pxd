"""From the Python FeatureLayout to the C one."""

from libc.stdint cimport int32_t, uint8_t

from feature_kernel cimport FeatureLayout


cdef inline int fill_layout(FeatureLayout* target, object source) except -1:
    """Copies sizes and borrows array memory: the caller keeps ``source`` alive."""
    cdef const uint8_t[:, ::1] pathing = source.pathing
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
    target.state_last_action = source.state_last_action
    target.obs_dim = source.obs_dim
    target.state_dim = source.state_dim
    target.map_x = pathing.shape[0]
    target.map_y = pathing.shape[1]
    target.max_distance_x, target.max_distance_y = source.max_distance
    target.pathing = &pathing[0, 0]
    target.health_max = &health_max[0]
    target.shield_norm = &shield_norm[0]
    target.gauge_norm = &gauge_norm[0]
    target.type_number = &type_number[0]
    target.healer = &healer[0]
    return 0
