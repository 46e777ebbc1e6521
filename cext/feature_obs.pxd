"""What one agent sees and may do, as rows of SMAC's observation and availability (get_obs_agent,
get_avail_agent_actions); see feature_kernel.pxd.
"""

from libc.math cimport sqrt
from libc.stdint cimport uint8_t

from feature_layout cimport (
    EAST, FIRST_TARGET, MAX_UNITS, NO_OP, NORTH, SOUTH, STOP, WEST, FeatureLayout, UnitTable
)

cdef struct Sight:  # of one agent
    double x
    double y
    double distance[MAX_UNITS]  # to every unit, centre to centre

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
    cdef int u
    cdef double dx, dy
    cdef double x = vitals.x[agent], y = vitals.y[agent]
    sight.x, sight.y = x, y
    for u in range(layout.n_units):
        dx = vitals.x[u] - x
        dy = vitals.y[u] - y
        sight.distance[u] = sqrt(dx * dx + dy * dy)


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
    """Writes the one-hot type of a unit into zeros and returns the pointer behind it, as all ``float*`` functions here
    do.
    """
    cdef int type = layout.type_number[u]
    if 0 <= type < layout.type_bits:
        row[type] = 1.0
    return row + layout.type_bits


cdef inline float* write_action(const FeatureLayout* layout, int action, float* row) noexcept nogil:
    if action >= 0:
        row[action] = 1.0
    return row + layout.n_actions


cdef inline float* write_seen_unit(
    const FeatureLayout* layout, const Vitals* vitals, const Sight* sight, int u, float first, bint shields, float* row
) noexcept nogil:
    """Distance and offsets are in units of the sight range 9."""
    row[0] = first
    row[1] = <float>(sight.distance[u] / 9.0)
    row[2] = <float>((vitals.x[u] - sight.x) / 9.0)
    row[3] = <float>((vitals.y[u] - sight.y) / 9.0)
    row += 4
    if layout.obs_all_health:
        row[0] = vitals.health[u]
        row += 1
        if shields:
            row[0] = vitals.shield[u]
            row += 1
    return write_type(layout, u, row)


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
    return row + layout.obs_timestep  # SMAC reserves a column for the timestep, then appends it behind


cdef inline void write_agent(
    const FeatureLayout* layout, const UnitTable* units, const Vitals* vitals, int agent, float* row, uint8_t* avail
) noexcept nogil:
    """Observation [obs_dim], zeros so far, but for the timestep, and availability [n_actions] of one living agent.

    Of units out of sight and dead ones the zeros stay.
    """
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
            row += layout.enemy_width
    for u in range(layout.n_agents):
        if u == agent:
            continue
        if sight.distance[u] < 9.0 and units.health[u] > 0:
            row = write_seen_unit(layout, vitals, &sight, u, 1.0, layout.ally_shields, row)
            if layout.obs_last_action:
                row = write_action(layout, units.last_action[u], row)
        else:
            row += layout.ally_width
    write_own(layout, vitals, agent, row)
