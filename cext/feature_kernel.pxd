"""SMAC's observation, state and availability of one environment as a function of a unit table.

Source: starcraft2.py of SMAC 1.0.0 (get_obs_agent, get_state, get_avail_agent_actions). Numbers are computed in
float64 and rounded to float32, as there. The naive twin is seed_matrace/_cext/reference.py.
"""

from libc.math cimport sqrt
from libc.stdint cimport int32_t, uint8_t
from libc.string cimport memcpy, memset

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

cdef struct Sight:  # what one agent sees of every unit
    double distance[MAX_UNITS]
    float near[MAX_UNITS]  # distance / sight range
    float dx[MAX_UNITS]
    float dy[MAX_UNITS]

cdef struct Vitals:  # per unit, the same for every observer
    float health[MAX_UNITS]
    float shield[MAX_UNITS]
    double x[MAX_UNITS]
    double y[MAX_UNITS]


cdef inline uint8_t can_stand(const FeatureLayout* layout, int cell_x, int cell_y) noexcept nogil:
    if cell_x < 0 or cell_x >= layout.map_x or cell_y < 0 or cell_y >= layout.map_y:
        return 0
    return layout.pathing[cell_x * layout.map_y + cell_y]


cdef inline void measure(const FeatureLayout* layout, const UnitTable* units, Vitals* vitals) noexcept nogil:
    cdef int u
    for u in range(layout.n_units):
        vitals.x[u] = units.x[u]
        vitals.y[u] = units.y[u]
        vitals.health[u] = <float>(units.health[u] / layout.health_max[u])
    if layout.ally_shields or layout.enemy_shields:
        for u in range(layout.n_units):
            vitals.shield[u] = <float>(units.shield[u] / layout.shield_norm[u])


cdef inline void look(const FeatureLayout* layout, const Vitals* vitals, int agent, Sight* sight) noexcept nogil:
    """Centre-to-centre distances and offsets from ``agent`` to every unit, in units of the sight range 9."""
    cdef int u
    cdef double dx, dy, distance
    cdef double x = vitals.x[agent], y = vitals.y[agent]
    for u in range(layout.n_units):
        dx = vitals.x[u] - x
        dy = vitals.y[u] - y
        distance = sqrt(dx * dx + dy * dy)
        sight.distance[u] = distance
        sight.near[u] = <float>(distance / 9.0)
        sight.dx[u] = <float>(dx / 9.0)
        sight.dy[u] = <float>(dy / 9.0)


cdef inline void write_avail(
    const FeatureLayout* layout, const UnitTable* units, const Sight* sight, int agent, uint8_t* avail
) noexcept nogil:
    """Availability [n_actions] of a living agent; a move looks half as far as it goes."""
    cdef int slot, target
    cdef double x = units.x[agent], y = units.y[agent], ahead = layout.look_ahead
    avail[NO_OP] = 0
    avail[STOP] = 1
    avail[NORTH] = can_stand(layout, <int>x, <int>(y + ahead))
    avail[SOUTH] = can_stand(layout, <int>x, <int>(y - ahead))
    avail[EAST] = can_stand(layout, <int>(x + ahead), <int>y)
    avail[WEST] = can_stand(layout, <int>(x - ahead), <int>y)
    if not layout.healer[agent]:
        for slot in range(layout.n_enemies):
            target = layout.n_agents + slot
            avail[FIRST_TARGET + slot] = (units.health[target] > 0) & (sight.distance[target] <= 6.0)
        return
    for slot in range(layout.n_enemies):
        avail[FIRST_TARGET + slot] = (
            slot < layout.n_agents
            and not layout.healer[slot]
            and units.health[slot] > 0
            and sight.distance[slot] <= 6.0
        )


cdef inline float* write_type(const FeatureLayout* layout, int u, float* row) noexcept nogil:
    """Writes the one-hot type of a unit and returns the place behind it, as all ``float*`` functions here do."""
    cdef int bit
    for bit in range(layout.type_bits):
        row[bit] = layout.type_number[u] == bit
    return row + layout.type_bits


cdef inline float* write_action(const FeatureLayout* layout, int action, float* row) noexcept nogil:
    cdef int choice
    for choice in range(layout.n_actions):
        row[choice] = action == choice
    return row + layout.n_actions


cdef inline float* write_seen_unit(
    const FeatureLayout* layout, const Vitals* vitals, const Sight* sight, int u, float first, bint shields, float* row
) noexcept nogil:
    row[0] = first
    row[1] = sight.near[u]
    row[2] = sight.dx[u]
    row[3] = sight.dy[u]
    row += 4
    if layout.obs_all_health:
        row[0] = vitals.health[u]
        row += 1
        if shields:
            row[0] = vitals.shield[u]
            row += 1
    return write_type(layout, u, row)


cdef inline float* write_hidden_unit(int width, float* row) noexcept nogil:
    cdef int column
    for column in range(width):
        row[column] = 0.0
    return row + width


cdef inline float* write_surroundings(
    const FeatureLayout* layout, const UnitTable* units, int agent, float* row
) noexcept nogil:
    """Walkability of 8 points around and height of the same and the own; SMAC says 1 of points off the map."""
    cdef int reach = layout.stride
    cdef int* dx = [0, 0, 2 * reach, -2 * reach, reach, -reach, reach, -reach, 0]
    cdef int* dy = [2 * reach, -2 * reach, 0, 0, reach, -reach, -reach, reach, 0]
    cdef int point, x, y
    cdef bint inside
    cdef float* height_row = row + 8 * layout.obs_pathing_grid
    for point in range(9):
        x = <int>units.x[agent] + dx[point]
        y = <int>units.y[agent] + dy[point]
        inside = x >= 0 and x < layout.map_x and y >= 0 and y < layout.map_y
        if layout.obs_pathing_grid and point < 8:
            row[point] = layout.pathing[x * layout.map_y + y] if inside else 1
        if layout.obs_terrain_height:
            height_row[point] = <float>layout.height[x * layout.map_y + y] if inside else <float>1.0
    return height_row + 9 * layout.obs_terrain_height


cdef inline float* write_own(const FeatureLayout* layout, const Vitals* vitals, int agent, float* row) noexcept nogil:
    if layout.obs_own_health:
        row[0] = vitals.health[agent]
        row += 1
        if layout.ally_shields:
            row[0] = vitals.shield[agent]
            row += 1
    row = write_type(layout, agent, row)
    if layout.obs_timestep:
        row[0] = 0.0  # SMAC reserves a column for the timestep, then appends it behind
        row += 1
    return row


cdef inline void write_agent(
    const FeatureLayout* layout, const UnitTable* units, const Vitals* vitals, int agent, float* row, uint8_t* avail
) noexcept nogil:
    """Observation [obs_dim] but for the timestep, and availability [n_actions] of one living agent."""
    cdef Sight sight
    cdef int u, column
    look(layout, vitals, agent, &sight)
    write_avail(layout, units, &sight, agent, avail)
    for column in range(4):
        row[column] = avail[NORTH + column]
    row += 4
    if layout.obs_pathing_grid or layout.obs_terrain_height:
        row = write_surroundings(layout, units, agent, row)
    for u in range(layout.n_agents, layout.n_units):
        if sight.distance[u] < 9.0 and units.health[u] > 0:
            row = write_seen_unit(
                layout, vitals, &sight, u, avail[FIRST_TARGET + u - layout.n_agents], layout.enemy_shields, row
            )
        else:
            row = write_hidden_unit(layout.enemy_width, row)
    for u in range(layout.n_agents):
        if u == agent:
            continue
        if sight.distance[u] < 9.0 and units.health[u] > 0:
            row = write_seen_unit(layout, vitals, &sight, u, 1.0, layout.ally_shields, row)
            if layout.obs_last_action:
                row = write_action(layout, units.last_action[u], row)
        else:
            row = write_hidden_unit(layout.ally_width, row)
    write_own(layout, vitals, agent, row)


cdef inline float timestep(const FeatureLayout* layout, const UnitTable* units) noexcept nogil:
    return <float>(<double>units.step / <double>layout.episode_limit)


cdef inline void write_state(
    const FeatureLayout* layout, const UnitTable* units, const Vitals* vitals, float* state
) noexcept nogil:
    """State [state_dim]: allies, enemies, last actions one-hot (all zeros right after reset), timestep."""
    cdef int u, width
    cdef bint shields
    cdef double center_x = layout.map_x / 2.0, center_y = layout.map_y / 2.0
    cdef float* row = state
    memset(state, 0, layout.state_dim * sizeof(float))
    for u in range(layout.n_units):
        shields = layout.ally_shields if u < layout.n_agents else layout.enemy_shields
        width = 3 + (u < layout.n_agents) + shields + layout.type_bits
        if units.health[u] > 0:
            row[0] = vitals.health[u]
            row += 1
            if u < layout.n_agents:
                row[0] = <float>(units.gauge[u] / layout.gauge_norm[u])
                row += 1
            row[0] = <float>((vitals.x[u] - center_x) / layout.max_distance_x)
            row[1] = <float>((vitals.y[u] - center_y) / layout.max_distance_y)
            row += 2
            if shields:
                row[0] = vitals.shield[u]
                row += 1
            row = write_type(layout, u, row)
        else:
            row += width
    if layout.state_last_action:
        for u in range(layout.n_agents):
            if units.last_action[u] >= 0:
                row[u * layout.n_actions + units.last_action[u]] = 1.0
        row += layout.n_agents * layout.n_actions
    if layout.state_timestep:
        row[0] = timestep(layout, units)


cdef inline void write_features(
    const FeatureLayout* layout, const UnitTable* units, float* obs, uint8_t* avail, float* state
) noexcept nogil:
    """obs [n_agents, obs_dim], avail [n_agents, n_actions] and state [state_dim] of one environment."""
    cdef Vitals vitals
    cdef int agent
    measure(layout, units, &vitals)
    for agent in range(layout.n_agents):
        if units.health[agent] > 0:
            write_agent(layout, units, &vitals, agent, obs + agent * layout.obs_dim, avail + agent * layout.n_actions)
        else:
            memset(obs + agent * layout.obs_dim, 0, layout.obs_dim * sizeof(float))
            memset(avail + agent * layout.n_actions, 0, layout.n_actions)
            avail[agent * layout.n_actions + NO_OP] = 1
        if layout.obs_timestep:  # the dead see it too
            obs[(agent + 1) * layout.obs_dim - 1] = timestep(layout, units)
    if layout.obs_as_state:
        memcpy(state, obs, layout.state_dim * sizeof(float))
    else:
        write_state(layout, units, &vitals, state)
