"""The way round obstacles of the terrain, from a table made once per map (seed_matrace.skirmish.paths)."""

from battle cimport WALKS, Battle, Rules, Scratch


cdef inline int cell_at(const Rules* rules, float x, float y) noexcept nogil:
    """The walkable cell nearest to (x, y)."""
    cdef int column = min(max(<int>x, 0), rules.map_x - 1)
    cdef int row = min(max(<int>y, 0), rules.map_y - 1)
    return rules.cell_of[column * rules.map_y + row]


cdef inline void turn_corner(const Battle* battle, Scratch* scratch, int u) noexcept nogil:
    """Puts the next corner of the way in the place of a destination that is not straight ahead."""
    cdef const Rules* rules = battle.rules
    cdef int here, there, corner
    if rules.cells == 0 or battle.stats[u].mover != WALKS:
        return
    here = cell_at(rules, battle.units[u].x, battle.units[u].y)
    there = cell_at(rules, scratch.to_x[u], scratch.to_y[u])
    corner = rules.corner[here * rules.cells + there]
    if corner >= 0:
        scratch.to_x[u] = rules.cell_center[2 * corner]
        scratch.to_y[u] = rules.cell_center[2 * corner + 1]
