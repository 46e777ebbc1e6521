"""Units that overlap push each other apart, layer by layer."""

from libc.math cimport sqrtf

from battle cimport ANCHORED, MOVING, Battle, Crowd, Scratch


cdef inline void gather(const Battle* battle, Scratch* scratch, int layer) noexcept nogil:
    """Collects the living units of a layer where they want to be."""
    cdef Crowd* crowd = &scratch.crowd
    cdef int k, u, n = 0
    for k in range(scratch.n_living):
        u = scratch.living[k]
        if battle.stats[u].layer == layer:
            crowd.unit[n] = u
            crowd.stance[n] = scratch.stance[u]
            crowd.x[n] = scratch.next_x[u]
            crowd.y[n] = scratch.next_y[u]
            crowd.separation[n] = battle.stats[u].separation
            crowd.step_x[n] = scratch.next_x[u] - battle.x[u]
            crowd.step_y[n] = scratch.next_y[u] - battle.y[u]
            n += 1
    crowd.count = n


cdef inline float yielding(const Battle* battle, const Crowd* crowd, int i, int j) noexcept nogil:
    """Which part of an overlap with j unit i gives way: whoever shoots, or is met by an enemy, does not."""
    cdef int mine = crowd.stance[i], other = crowd.stance[j]
    cdef float a, b
    if mine == other:
        if mine != MOVING:
            return 0.5
        a = crowd.separation[i]
        b = crowd.separation[j]
        if battle.rules.knobs[37] > 0:
            a = a * a * a
            b = b * b * b
        a = a / (a + b) if battle.rules.knobs[37] > 0 else <float>0.5
        if crowd.unit[i] < battle.n_agents and crowd.unit[j] < battle.n_agents:
            a += battle.rules.knobs[38] if i < j else -battle.rules.knobs[38]
        return a
    if mine == ANCHORED or other == ANCHORED:
        return 0.0 if mine == ANCHORED else 1.0
    if (crowd.unit[i] < battle.n_agents) != (crowd.unit[j] < battle.n_agents):
        return 1.0 if mine == MOVING else 0.0
    return <float>1.0 - battle.rules.knobs[34] if mine == MOVING else battle.rules.knobs[34]


cdef inline void turn_aside(const Battle* battle, Crowd* crowd, int i, int j, float nx, float ny) noexcept nogil:
    """Two walking units that meet pass each other, on the right if nothing decides."""
    cdef float ux = crowd.step_x[j] - crowd.step_x[i]
    cdef float uy = crowd.step_y[j] - crowd.step_y[i]
    cdef float along, m2, speeds, aside
    if ux * nx + uy * ny >= 0:
        return
    along = uy * nx - ux * ny
    m2 = ux * ux + uy * uy
    speeds = battle.stats[crowd.unit[i]].speed + battle.stats[crowd.unit[j]].speed
    aside = battle.rules.knobs[36] * m2 / (speeds * speeds) * (sqrtf(m2) - abs(along))
    if along < 0:
        aside = -aside
    crowd.push_x[i] += ny * aside
    crowd.push_y[i] -= nx * aside
    crowd.push_x[j] -= ny * aside
    crowd.push_y[j] += nx * aside


cdef inline void push_pair(const Battle* battle, Crowd* crowd, int i, int j, bint first) noexcept nogil:
    """Moves two overlapping units apart along the line between them (east-west if they coincide)."""
    cdef float dx = crowd.x[j] - crowd.x[i]
    cdef float dy = crowd.y[j] - crowd.y[i]
    cdef float gap = crowd.separation[i] + crowd.separation[j] - battle.rules.knobs[32]
    cdef float distance = sqrtf(dx * dx + dy * dy)
    cdef float overlap = gap - distance
    cdef float mine, other
    if distance > 0:
        dx = dx / distance
        dy = dy / distance
    else:
        dx = 1.0
        dy = 0.0
    mine = overlap * yielding(battle, crowd, i, j)
    other = overlap * yielding(battle, crowd, j, i)
    crowd.push_x[i] -= dx * mine
    crowd.push_y[i] -= dy * mine
    crowd.push_x[j] += dx * other
    crowd.push_y[j] += dy * other
    if first and battle.rules.knobs[36] > 0 and crowd.stance[i] == MOVING and crowd.stance[j] == MOVING:
        turn_aside(battle, crowd, i, j, dx, dy)


cdef inline int overlaps(const Battle* battle, const Crowd* crowd, int i) noexcept nogil:
    """How many units behind i overlap with it."""
    cdef int j, count = 0
    cdef float dx, dy, gap
    cdef float x = crowd.x[i], y = crowd.y[i], radius = crowd.separation[i] - battle.rules.knobs[32]
    for j in range(i + 1, crowd.count):
        dx = crowd.x[j] - x
        dy = crowd.y[j] - y
        gap = radius + crowd.separation[j]
        count += dx * dx + dy * dy < gap * gap
    return count


cdef inline void push_round(const Battle* battle, Crowd* crowd, bint first) noexcept nogil:
    """One round of pushes, all from the same positions; a crowd needs more than one to come apart."""
    cdef int i, j
    cdef float dx, dy, gap
    for i in range(crowd.count):
        crowd.push_x[i] = 0.0
        crowd.push_y[i] = 0.0
    for i in range(crowd.count):
        if overlaps(battle, crowd, i) == 0:
            continue
        for j in range(i + 1, crowd.count):
            dx = crowd.x[j] - crowd.x[i]
            dy = crowd.y[j] - crowd.y[i]
            gap = crowd.separation[i] + crowd.separation[j] - battle.rules.knobs[32]
            if dx * dx + dy * dy < gap * gap:
                push_pair(battle, crowd, i, j, first)
    for i in range(crowd.count):
        crowd.x[i] += crowd.push_x[i]
        crowd.y[i] += crowd.push_y[i]


cdef inline void push_apart(const Battle* battle, Scratch* scratch, int layer, int rounds) noexcept nogil:
    """Pushes in a layer; next_x and next_y are what comes of it."""
    cdef Crowd* crowd = &scratch.crowd
    cdef int i, u, _round
    cdef float dx, dy, d2, speed
    gather(battle, scratch, layer)
    for _round in range(rounds):
        push_round(battle, crowd, _round == 0)
    for i in range(crowd.count):
        u = crowd.unit[i]
        dx = crowd.x[i] - battle.x[u]
        dy = crowd.y[i] - battle.y[u]
        d2 = dx * dx + dy * dy
        speed = battle.stats[u].speed
        if battle.rules.knobs[33] > 0 and d2 > speed * speed and battle.stats[u].acceleration == 0:
            d2 = speed / sqrtf(d2)
            scratch.next_x[u] = battle.x[u] + dx * d2
            scratch.next_y[u] = battle.y[u] + dy * d2
        else:
            scratch.next_x[u] = crowd.x[i]
            scratch.next_y[u] = crowd.y[i]
