"""Walking round those who stand fast: straight on until they are touched, then along them, round the nearer end."""

from libc.math cimport fabsf, sqrtf

from battle cimport ANCHORED, LAYERS, Battle, Line, Scratch

cdef enum:
    TURNS = 8  # of 15 degrees


cdef inline void find_lines(const Battle* battle, Scratch* scratch) noexcept nogil:
    """Who stands fast, by layer."""
    cdef int k, u, n
    cdef Line* line
    for n in range(LAYERS):
        scratch.lines[n].count = 0
    for k in range(scratch.n_living):
        u = scratch.living[k]
        if scratch.stance[u] != ANCHORED:
            continue
        line = &scratch.lines[battle.stats[u].layer]
        n = line.count
        line.unit[n] = u
        line.x[n] = battle.x[u]
        line.y[n] = battle.y[u]
        line.separation[n] = battle.stats[u].separation
        line.count = n + 1


cdef inline bint blocked(const Battle* battle, const Line* line, int u, float dx, float dy) noexcept nogil:
    """Whether the step (dx, dy) of u goes into somebody who stands fast and is not its target."""
    cdef int v, hits = 0, target = battle.target[u]
    cdef float ox, oy, px, py, gap
    cdef float x = battle.x[u], y = battle.y[u]
    cdef float separation = battle.stats[u].separation - <float>0.00390625  # who only just touches is not in the way
    for v in range(line.count):
        ox = line.x[v] - x
        oy = line.y[v] - y
        px = ox - dx
        py = oy - dy
        gap = separation + line.separation[v]
        hits += (px * px + py * py < gap * gap) & (ox * dx + oy * dy > 0) & (line.unit[v] != target)
    return hits > 0


cdef inline float nearer_end(const Battle* battle, const Line* line, int u, float hx, float hy) noexcept nogil:
    """Round which end of the wall ahead in direction (hx, hy) the way is shorter: 1 left, -1 right.

    The wall is the nearest unit in the way and all others ahead, up to a cell behind it, that leave no gap for u.
    """
    cdef float low = 0.0, high = 0.0, nearest = -1.0, along, across, gap, ox, oy
    cdef int v
    cdef bint grows = True
    for v in range(line.count):
        ox = line.x[v] - battle.x[u]
        oy = line.y[v] - battle.y[u]
        along = ox * hx + oy * hy
        across = hx * oy - hy * ox
        gap = battle.stats[u].separation + line.separation[v]
        if line.unit[v] != battle.target[u] and along > 0 and fabsf(across) < gap and (nearest < 0 or along < nearest):
            nearest = along
            low = across - gap
            high = across + gap
    while grows:
        grows = False
        for v in range(line.count):
            ox = line.x[v] - battle.x[u]
            oy = line.y[v] - battle.y[u]
            along = ox * hx + oy * hy
            across = hx * oy - hy * ox
            gap = battle.stats[u].separation + line.separation[v]
            if line.unit[v] == battle.target[u] or along <= 0 or along > nearest + <float>1.0:
                continue
            if across - gap < low and across + gap > low:
                low = across - gap
                grows = True
            if across + gap > high and across - gap < high:
                high = across + gap
                grows = True
    return 1.0 if high < -low else -1.0


cdef inline void step_round(Battle* battle, Scratch* scratch, int u, float dx, float dy) noexcept nogil:
    """Takes the step (dx, dy), turned aside as little as is free; straight on if nothing is: pushes decide then."""
    cdef const Line* line = &scratch.lines[battle.stats[u].layer]
    cdef float length, side, cosine = 1.0, sine = 0.0, turned, x = dx, y = dy
    cdef int _turn
    if blocked(battle, line, u, dx, dy):
        length = sqrtf(dx * dx + dy * dy)
        side = nearer_end(battle, line, u, dx / length, dy / length)
        for _turn in range(TURNS):
            turned = cosine * <float>0.9659258 - sine * <float>0.2588190
            sine = sine * <float>0.9659258 + cosine * <float>0.2588190
            cosine = turned
            x = cosine * dx - side * sine * dy
            y = side * sine * dx + cosine * dy
            if not blocked(battle, line, u, x, y):
                break
        else:
            x = dx
            y = dy
    scratch.next_x[u] = battle.x[u] + x
    scratch.next_y[u] = battle.y[u] + y
    battle.facing_x[u] = x
    battle.facing_y[u] = y
