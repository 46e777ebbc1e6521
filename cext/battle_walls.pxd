"""Walking round those who stand fast: straight on until they are touched, then along them, round the nearer end."""

from libc.math cimport sqrtf
from libc.stdint cimport int32_t

from battle cimport GROUND_LAYER, MAX_UNITS, Battle, Line, Scratch, Unit

cdef enum:
    TURNS = 8  # of 15 degrees
    LOOK_PERIOD = 4  # loops until a walker that goes round others looks again which way is shorter


cdef inline void join_line(const Battle* battle, Scratch* scratch, int u, bint stands_fast) noexcept nogil:
    """Counts a unit among those who stand fast on the ground, or not."""
    cdef Line* line = &scratch.line
    line.unit[line.count] = u
    line.x[line.count] = battle.units[u].x
    line.y[line.count] = battle.units[u].y
    line.separation[line.count] = battle.stats[u].separation
    line.count += stands_fast


cdef inline void close_line(Line* line) noexcept nogil:
    """Fills up with nobody, far away, to a multiple of four, as many as the compiler compares at once."""
    cdef int v
    for v in range(line.count, line.count + 3):
        line.x[v] = line.y[v] = 1e6
        line.separation[v] = 0.0


cdef struct Blockers:  # who stands fast so near to a walker that a step can go into it
    int count
    float x[MAX_UNITS + 1]  # from the walker
    float y[MAX_UNITS + 1]
    float gap[MAX_UNITS + 1]  # who only just touches is not in the way


cdef inline bint runs_into(const Battle* battle, const Line* line, int u, float dx, float dy) noexcept nogil:
    """Whether the step (dx, dy) of u goes into anybody but its target."""
    cdef const Unit* unit = &battle.units[u]
    cdef int v, target = unit.target, hits = 0
    cdef float ox, oy, px, py, gap
    cdef float x = unit.x, y = unit.y
    cdef float separation = battle.stats[u].separation - <float>0.00390625
    for v in range((line.count + 3) & ~3):
        ox = line.x[v] - x
        oy = line.y[v] - y
        px = ox - dx
        py = oy - dy
        gap = separation + line.separation[v]
        hits += (px * px + py * py < gap * gap) & (ox * dx + oy * dy > 0) & (line.unit[v] != target)
    return hits > 0


cdef inline void find_blockers(const Battle* battle, const Line* line, int u, Blockers* blockers) noexcept nogil:
    """Collects whom a step of u can go into; its target is not in its way."""
    cdef const Unit* unit = &battle.units[u]
    cdef int v, n = 0
    cdef float ox, oy, gap, reach
    cdef float x = unit.x, y = unit.y
    cdef float separation = battle.stats[u].separation - <float>0.00390625
    cdef float margin = battle.stats[u].speed + <float>0.0625
    for v in range(line.count):
        ox = line.x[v] - x
        oy = line.y[v] - y
        gap = separation + line.separation[v]
        reach = gap + margin
        blockers.x[n] = ox
        blockers.y[n] = oy
        blockers.gap[n] = gap
        n += (ox * ox + oy * oy < reach * reach) & (line.unit[v] != unit.target)
    blockers.count = n


cdef inline int first_free(const Blockers* blockers, const float* x, const float* y) noexcept nogil:
    """Which of the steps (x, y) [TURNS] is the first that goes into nobody; TURNS if all do.

    Tries them all, which the compiler does at once; nobody could predict where to stop.
    """
    cdef int32_t hits[TURNS]
    cdef int v, turn
    cdef float px, py, ox, oy, gap
    for turn in range(TURNS):
        hits[turn] = 0
    for v in range(blockers.count):
        ox = blockers.x[v]
        oy = blockers.y[v]
        gap = blockers.gap[v]
        for turn in range(TURNS):
            px = ox - x[turn]
            py = oy - y[turn]
            hits[turn] |= (px * px + py * py < gap * gap) & (ox * x[turn] + oy * y[turn] > 0)
    for turn in range(TURNS):
        if not hits[turn]:
            return turn
    return TURNS


cdef inline float nearer_end(const Battle* battle, const Line* line, int u, float hx, float hy) noexcept nogil:
    """Round which end of the wall ahead in direction (hx, hy) the way is shorter: 1 left, -1 right.

    The wall is the nearest unit in the way and all others ahead, up to 1.5 cells behind it, that leave no gap for u.
    """
    cdef const Unit* unit = &battle.units[u]
    cdef float along[MAX_UNITS + 4]
    cdef float left[MAX_UNITS + 4]
    cdef float right[MAX_UNITS + 4]
    cdef int32_t ahead[MAX_UNITS + 4]
    cdef float low, high, reach, across, gap, ox, oy
    cdef int v, n, nearest = -1
    cdef bint grows = True, nearer
    for v in range((line.count + 3) & ~3):
        ox = line.x[v] - unit.x
        oy = line.y[v] - unit.y
        along[v] = ox * hx + oy * hy
        across = hx * oy - hy * ox
        gap = battle.stats[u].separation + line.separation[v]
        left[v] = across - gap
        right[v] = across + gap
        ahead[v] = (along[v] > 0) & (line.unit[v] != unit.target)
    for v in range(line.count):  # without branches, which nobody could predict
        nearer = (nearest < 0) | (along[v] < along[max(nearest, 0)])
        nearest = v if ahead[v] & (left[v] < 0) & (right[v] > 0) & nearer else nearest
    if nearest < 0:  # it just touches
        return -1.0
    low = left[nearest]
    high = right[nearest]
    reach = along[nearest] + <float>1.5
    n = 0
    for v in range(line.count):
        left[n] = left[v]
        right[n] = right[v]
        n += ahead[v] & (along[v] <= reach)
    while grows:
        grows = False
        for v in range(n):
            if (left[v] < low) & (right[v] > low):
                low = left[v]
                grows = True
            if (right[v] > high) & (left[v] < high):
                high = right[v]
                grows = True
    return 1.0 if high < -low else -1.0


cdef inline void step_round(Battle* battle, Scratch* scratch, int u, float dx, float dy) noexcept nogil:
    """Takes the step (dx, dy), turned aside as little as is free; straight on if nothing is: pushes decide then."""
    cdef Unit* unit = &battle.units[u]
    cdef const Line* line = &scratch.line
    cdef Blockers blockers
    cdef float xs[TURNS + 1]  # the step, turned more and more; last as it is
    cdef float ys[TURNS + 1]
    cdef float length, side, cosine = 1.0, sine = 0.0, turned
    cdef int turn = TURNS
    xs[TURNS], ys[TURNS] = dx, dy
    if battle.stats[u].layer != GROUND_LAYER or not runs_into(battle, line, u, dx, dy):
        unit.detour = 0
    else:
        find_blockers(battle, line, u, &blockers)
        if unit.detour == 0 or unit.scan_wait % LOOK_PERIOD == 0:
            length = sqrtf(dx * dx + dy * dy)
            unit.detour = <int>nearer_end(battle, line, u, dx / length, dy / length)
        side = <float>unit.detour
        for turn in range(TURNS):
            turned = cosine * <float>0.9659258 - sine * <float>0.2588190
            sine = sine * <float>0.9659258 + cosine * <float>0.2588190
            cosine = turned
            xs[turn] = cosine * dx - side * sine * dy
            ys[turn] = side * sine * dx + cosine * dy
        turn = first_free(&blockers, xs, ys)
    scratch.next_x[u] = unit.x + xs[turn]
    scratch.next_y[u] = unit.y + ys[turn]
    unit.facing_x = xs[turn]
    unit.facing_y = ys[turn]
