"""Where ground ends: units keep their inner radius from blocked cells, flyers stay in the playable area."""

from libc.math cimport sqrtf
from libc.stdint cimport int32_t

from battle cimport FLIES, Battle, Rules, Unit

cdef enum Shape:  # of the blocked part of a cell, seed_matrace.skirmish.edges
    OPEN = 0
    SOLID = 1
    SOLID_SW = 2  # the half on this side of the diagonal
    SOLID_SE = 3
    SOLID_NW = 4
    SOLID_NE = 5
    SHAPES = 7
    NEAR = 8  # set beside the shape where a cell within one of it is blocked


cdef inline float snap(float v) noexcept nogil:
    """Nearest point of the engine's grid of 1/4096."""
    return <float>(<int32_t>(v * <float>4096.0 + <float>0.5)) * <float>0.000244140625


cdef inline int edge_at(const Rules* rules, int mover, int column, int row) noexcept nogil:
    """Shape and flag of a cell; everything beyond the map is solid."""
    if (<unsigned int>column >= <unsigned int>rules.map_x) | (<unsigned int>row >= <unsigned int>rules.map_y):
        return SOLID | NEAR
    return rules.edges[mover][column * rules.map_y + row]


cdef inline bint push_out(int shape, int column, int row, float margin, float* x, float* y) noexcept nogil:
    """Moves (x, y) out to ``margin`` from the blocked part of a cell; False if it lies inside of it."""
    cdef bint east = shape == SOLID_SE or shape == SOLID_NE, north = shape == SOLID_NW or shape == SOLID_NE
    cdef float a = x[0] - <float>column, b = y[0] - <float>row  # from the solid corner into the cell
    cdef float near_a, near_b, beyond, d2, scale
    if east:
        a = <float>1.0 - a
    if north:
        b = <float>1.0 - b
    near_a = min(max(a, <float>0.0), <float>1.0)
    near_b = min(max(b, <float>0.0), <float>1.0)
    if shape != SOLID and near_a + near_b > <float>1.0:
        beyond = (a + b - <float>1.0) * <float>0.5
        near_a = min(max(a - beyond, <float>0.0), <float>1.0)
        near_b = <float>1.0 - near_a
    d2 = (a - near_a) * (a - near_a) + (b - near_b) * (b - near_b)
    if d2 < margin * margin:
        if d2 > 0:
            scale = margin / sqrtf(d2)
            a = near_a + (a - near_a) * scale
            b = near_b + (b - near_b) * scale
        elif a <= 0:  # on its edge
            a = -margin
        elif b <= 0:
            b = -margin
        elif shape != SOLID and a + b >= <float>1.0:
            a += margin * <float>0.70710678
            b += margin * <float>0.70710678
        elif shape == SOLID and a >= <float>1.0:
            a = <float>1.0 + margin
        elif shape == SOLID and b >= <float>1.0:
            b = <float>1.0 + margin
        else:
            return False
        x[0] = <float>column + (<float>1.0 - a if east else a)
        y[0] = <float>row + (<float>1.0 - b if north else b)
    return True


cdef inline bint push_out_of_all(const Battle* battle, int u, float* x, float* y) noexcept nogil:
    """Moves (x, y) to where unit u can stand, if it is too near to what is blocked; False if it lies inside of it."""
    cdef int mover = battle.stats[u].mover, column = <int>x[0], row = <int>y[0], i, j, shape
    if not edge_at(battle.rules, mover, column, row) & NEAR:
        return True
    for i in range(column - 1, column + 2):
        for j in range(row - 1, row + 2):
            shape = edge_at(battle.rules, mover, i, j) & SHAPES
            if shape != OPEN and not push_out(shape, i, j, battle.stats[u].margin, x, y):
                return False
    return True


cdef inline bint stands(const Battle* battle, int u, float x, float y) noexcept nogil:
    """Whether unit u has room between edges at (x, y), or nearly."""
    cdef float free_x = x, free_y = y
    if battle.stats[u].mover == FLIES:
        return True
    return push_out_of_all(battle, u, &free_x, &free_y) and (x - free_x) * (x - free_x) + (y - free_y) * (
        y - free_y
    ) < <float>0.015625


cdef inline void settle(Battle* battle, int u, float to_x, float to_y) noexcept nogil:
    """Puts a unit that wants to be at (to_x, to_y) there: on the grid and its ground, off edges that are too near."""
    cdef Unit* unit = &battle.units[u]
    cdef const Rules* rules = battle.rules
    cdef float x = to_x, y = to_y
    if battle.stats[u].mover == FLIES:
        x = min(max(x, rules.area_x0), rules.area_x1)
        y = min(max(y, rules.area_y0), rules.area_y1)
    elif edge_at(rules, battle.stats[u].mover, <int>x, <int>y) & NEAR:
        if x == unit.x and y == unit.y:
            return
        if not push_out_of_all(battle, u, &x, &y):
            return  # a push has put it inside of what is blocked
        if (x != to_x or y != to_y) and not push_out_of_all(battle, u, &x, &y):
            return
    unit.x = snap(x)
    unit.y = snap(y)
