"""Of what and for what features are written: one environment's units, and the sizes and options of a map."""

from libc.stdint cimport int32_t, uint8_t

cdef enum:
    MAX_UNITS = 256

cdef enum:
    NO_OP = 0
    STOP = 1
    NORTH = 2
    SOUTH = 3
    EAST = 4
    WEST = 5
    FIRST_TARGET = 6

cdef struct FeatureLayout:  # see seed_matrace.skirmish.layout
    int n_agents
    int n_enemies
    int n_units
    int n_actions
    int type_bits
    bint ally_shields
    bint enemy_shields
    bint obs_all_health
    bint obs_own_health
    bint obs_last_action
    bint obs_pathing_grid
    bint obs_terrain_height
    bint obs_timestep
    bint obs_as_state
    bint state_last_action
    bint state_timestep
    int enemy_width  # of an enemy's row in an observation
    int ally_width
    int obs_dim
    int state_dim
    int episode_limit
    int stride  # cells between the points that the pathing and height options look at
    double look_ahead  # cells that availability of a move looks ahead
    int map_x
    int map_y
    double max_distance_x
    double max_distance_y
    const uint8_t* pathing
    const double* height
    const double* health_max
    const double* shield_norm
    const double* gauge_norm
    const int32_t* type_number
    const uint8_t* healer

cdef struct UnitTable:  # one environment, [n_units] each, allies first; dead: health 0
    const float* x
    const float* y
    const float* health
    const float* shield
    const float* gauge
    const int32_t* last_action  # [n_agents], -1 right after reset
    int step  # env steps of the episode so far
