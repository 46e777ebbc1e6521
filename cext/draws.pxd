"""Teams and positions drawn anew for every episode, from the battle's own random stream."""

from libc.stdint cimport int32_t, uint8_t

from battle cimport MAX_UNITS, WALKS, Battle, UnitStats
from battle_edges cimport SHAPES, edge_at
from random_stream cimport draw_below, draw_unit

cdef enum:
    MAX_BOXES = 4
    TRIES = 64  # draws of a position before the box's safe one is taken
    TEAMS = 1000  # draws of a team of exceptions alone before its first member is made another

cdef struct DrawTables:  # seed_matrace.skirmish.random_teams.DrawTables; sides: 0 allies, 1 enemies
    int n_types
    const float* type_cdf  # [n_types], cumulative distribution
    const UnitStats* stats  # [2, n_types]
    const double* norms  # [3, n_types]: greatest health, and what shield and gauge are divided by
    const int32_t* type_number  # [2, n_types]
    const uint8_t* healer  # [n_types]
    const uint8_t* exception  # [n_types], 1 = a team of nothing else is drawn again
    int n_starts
    const float* start_cdf  # [n_starts], cumulative distribution
    const int32_t* mirrored  # [n_starts]: enemies stand opposite to allies
    const int32_t* n_boxes  # [n_starts, 2]
    const float* boxes  # [n_starts, 2, MAX_BOXES, 6]: x0, y0, x1, y1 and a walkable point

cdef struct DrawnTeam:  # a row of seed_matrace.skirmish.random_teams.DrawnTeams, [n_units] each
    UnitStats* stats
    float* spawn  # [n_units, 2]
    double* norms  # [3, n_units]
    int32_t* type_number
    uint8_t* healer


cdef inline int draw_category(const Battle* battle, const float* cumulative, int count) noexcept nogil:
    """Inverse of a cumulative distribution at a uniform draw."""
    cdef float u = draw_unit(battle.random_key, battle.random_counter)
    cdef int k
    for k in range(count - 1):
        if u < cumulative[k]:
            return k
    return count - 1


cdef inline void draw_some(
    const Battle* battle, const DrawTables* tables, int first, int last, int* types
) noexcept nogil:
    """Types of slots ``first`` up to ``last``, again as long as they are exceptions alone."""
    cdef int u, _team
    cdef bint alone
    for _team in range(TEAMS):
        alone = first < last
        for u in range(first, last):
            types[u] = draw_category(battle, tables.type_cdf, tables.n_types)
            alone = alone and tables.exception[types[u]]
        if not alone:
            return
    types[first] = 0
    while tables.exception[types[first]]:
        types[first] += 1


cdef inline void draw_types(const Battle* battle, const DrawTables* tables, int* types) noexcept nogil:
    """Types of all slots: allies by type, enemies alike as far as they go, the others drawn on."""
    cdef int agents = battle.n_agents, u, k, moved
    draw_some(battle, tables, 0, agents, types)
    draw_some(battle, tables, 2 * agents, battle.n_units, types)
    for u in range(1, agents):  # insertion sort: SMAC numbers agents by type
        moved = types[u]
        k = u
        while k > 0 and types[k - 1] > moved:
            types[k] = types[k - 1]
            k -= 1
        types[k] = moved
    for u in range(agents, min(2 * agents, battle.n_units)):
        types[u] = types[u - agents]


cdef inline void dress(const Battle* battle, const DrawTables* tables, int u, int type, DrawnTeam* team) noexcept nogil:
    """Makes slot u a unit of a type."""
    cdef int k, side = u >= battle.n_agents
    team.stats[u] = tables.stats[side * tables.n_types + type]
    team.type_number[u] = tables.type_number[side * tables.n_types + type]
    team.healer[u] = tables.healer[type]
    for k in range(3):
        team.norms[k * battle.n_units + u] = tables.norms[k * tables.n_types + type]


cdef inline bint free_position(const Battle* battle, const DrawnTeam* team, int u, float x, float y) noexcept nogil:
    """Whether u can stand at (x, y) beside the slots before it."""
    cdef int v
    cdef float dx, dy, gap
    if edge_at(battle.rules, WALKS, <int>x, <int>y) & SHAPES:
        return False
    for v in range(u):
        dx = team.spawn[2 * v] - x
        dy = team.spawn[2 * v + 1] - y
        gap = team.stats[u].separation + team.stats[v].separation
        if dx * dx + dy * dy < gap * gap:
            return False
    return True


cdef inline void draw_position(
    const Battle* battle, const DrawTables* tables, int start, int u, DrawnTeam* team
) noexcept nogil:
    """A uniform point of one of the side's boxes, free and walkable."""
    cdef int side = u >= battle.n_agents, _try
    cdef int count = tables.n_boxes[2 * start + side]
    cdef const float* box = tables.boxes + 6 * MAX_BOXES * (2 * start + side)
    cdef float x = 0, y = 0
    box += 6 * <int>draw_below(battle.random_key, battle.random_counter, count)
    for _try in range(TRIES):
        x = on_grid(box[0] + (box[2] - box[0]) * draw_unit(battle.random_key, battle.random_counter))
        y = on_grid(box[1] + (box[3] - box[1]) * draw_unit(battle.random_key, battle.random_counter))
        if free_position(battle, team, u, x, y):
            break
    else:
        x = box[4]
        y = box[5]
    team.spawn[2 * u] = x
    team.spawn[2 * u + 1] = y


cdef inline float on_grid(float v) noexcept nogil:
    """The engine's grid of 1/4096, downwards: never across the edge of a cell."""
    return <float>(<int32_t>(v * <float>4096.0)) * <float>0.000244140625


cdef inline void draw_team(const Battle* battle, const DrawTables* tables, DrawnTeam* team) noexcept nogil:
    """Draws everybody's type and position for the next episode."""
    cdef int types[MAX_UNITS]
    cdef int u, start
    cdef float x, y
    draw_types(battle, tables, types)
    start = draw_category(battle, tables.start_cdf, tables.n_starts)
    for u in range(battle.n_units):
        dress(battle, tables, u, types[u], team)
        if u >= battle.n_agents and u < 2 * battle.n_agents and tables.mirrored[start]:
            x = <float>battle.rules.map_x - team.spawn[2 * (u - battle.n_agents)]
            y = team.spawn[2 * (u - battle.n_agents) + 1]
            if free_position(battle, team, u, x, y):
                team.spawn[2 * u] = x
                team.spawn[2 * u + 1] = y
                continue
        draw_position(battle, tables, start, u, team)
