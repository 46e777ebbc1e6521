"""Units that overlap push each other apart, layer by layer; walkers who meet pass each other on the right.

A unit's ``separation`` is its radius less half the overlap that the game lets be.
"""

from libc.math cimport fabsf, sqrtf
from libc.stdint cimport int32_t

from battle cimport ANCHORED, GROUND_LAYER, MAX_UNITS, MOVING, Battle, Crowd, Scratch, UnitStats

cdef enum:
    PUSH_ROUNDS = 2


cdef inline void join_crowd(const Battle* battle, Scratch* scratch, int u) noexcept nogil:
    """Puts a unit, where it wants to be, into the crowd of its layer."""
    cdef const UnitStats* stats = &battle.stats[u]
    cdef Crowd* crowd = &scratch.ground if stats.layer == GROUND_LAYER else &scratch.air
    cdef int n = crowd.count
    crowd.unit[n] = u
    crowd.stance[n] = scratch.stance[u]
    crowd.x[n] = scratch.next_x[u]
    crowd.y[n] = scratch.next_y[u]
    crowd.separation[n] = stats.separation
    crowd.size[n] = stats.radius * stats.radius * stats.radius
    crowd.count = n + 1


cdef inline float yielding(const Battle* battle, const Crowd* crowd, int i, int j) noexcept nogil:
    """Which part of an overlap with j, which comes after it, unit i gives way; j gives way the rest.

    Who stands fast does not, nor who stands and is met by an opponent; friends who stand yield to who walks. Of two who
    walk the bigger yields more, and of two agents the one in the lower slot.
    """
    cdef int mine = crowd.stance[i], other = crowd.stance[j]
    cdef float share
    if mine == MOVING and other == MOVING:
        share = crowd.size[i] / (crowd.size[i] + crowd.size[j])
        if crowd.unit[j] < battle.n_agents:  # and so is i, which comes before it
            share = min(share + <float>0.2, <float>1.0)
        return share
    if mine == other:
        return 0.5
    if mine == ANCHORED or other == ANCHORED:
        return 0.0 if mine == ANCHORED else 1.0
    if (crowd.unit[i] < battle.n_agents) != (crowd.unit[j] < battle.n_agents):
        return 1.0 if mine == MOVING else 0.0
    return <float>0.15 if mine == MOVING else <float>0.85


cdef inline void pass_by(
    const Battle* battle, const Scratch* scratch, Crowd* crowd, int i, int j, float nx, float ny
) noexcept nogil:
    """Two that walk into each other, j from i in direction (nx, ny), turn aside: to the right if nothing decides."""
    cdef int u = crowd.unit[i], v = crowd.unit[j]
    cdef float wx = (scratch.next_x[v] - battle.x[v]) - (scratch.next_x[u] - battle.x[u])
    cdef float wy = (scratch.next_y[v] - battle.y[v]) - (scratch.next_y[u] - battle.y[u])
    cdef float along = wy * nx - wx * ny, m2 = wx * wx + wy * wy, speeds, aside
    if wx * nx + wy * ny >= 0:
        return
    speeds = battle.stats[u].speed + battle.stats[v].speed
    aside = <float>0.15 * m2 / (speeds * speeds) * (sqrtf(m2) - fabsf(along))
    if along < 0:
        aside = -aside
    crowd.push_x[i] += ny * aside
    crowd.push_y[i] -= nx * aside
    crowd.push_x[j] -= ny * aside
    crowd.push_y[j] += nx * aside


cdef inline void push_pair(
    const Battle* battle, const Scratch* scratch, Crowd* crowd, int i, int j, bint first
) noexcept nogil:
    """Moves two overlapping units apart along the line between them (east-west if they coincide)."""
    cdef float dx = crowd.x[j] - crowd.x[i]
    cdef float dy = crowd.y[j] - crowd.y[i]
    cdef float gap = crowd.separation[i] + crowd.separation[j]
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
    other = overlap - mine
    crowd.push_x[i] -= dx * mine
    crowd.push_y[i] -= dy * mine
    crowd.push_x[j] += dx * other
    crowd.push_y[j] += dy * other
    if first and crowd.stance[i] == MOVING and crowd.stance[j] == MOVING:
        pass_by(battle, scratch, crowd, i, j, dx, dy)


cdef inline int overlaps(const Crowd* crowd, int i, int32_t* hit) noexcept nogil:
    """How many units behind i overlap with it; ``hit`` says which."""
    cdef int j, count = 0
    cdef float dx, dy, gap
    cdef float x = crowd.x[i], y = crowd.y[i], separation = crowd.separation[i]
    for j in range(i + 1, crowd.count):
        dx = crowd.x[j] - x
        dy = crowd.y[j] - y
        gap = separation + crowd.separation[j]
        hit[j] = dx * dx + dy * dy < gap * gap
        count += hit[j]
    return count


cdef inline bint push_round(const Battle* battle, const Scratch* scratch, Crowd* crowd, bint first) noexcept nogil:
    """One round of pushes, all from the same places; a crowd needs more than one to come apart. Whether it pushed."""
    cdef int32_t hit[MAX_UNITS]
    cdef int i, j, left
    cdef bint pushed = False
    for i in range(crowd.count):
        crowd.push_x[i] = 0.0
        crowd.push_y[i] = 0.0
    for i in range(crowd.count):
        left = overlaps(crowd, i, hit)
        j = i
        while left > 0:
            j += 1
            if hit[j]:
                push_pair(battle, scratch, crowd, i, j, first)
                pushed = True
                left -= 1
    for i in range(crowd.count):
        crowd.x[i] += crowd.push_x[i]
        crowd.y[i] += crowd.push_y[i]
    return pushed


cdef inline void push_apart(const Battle* battle, const Scratch* scratch, Crowd* crowd) noexcept nogil:
    cdef int _round
    for _round in range(PUSH_ROUNDS):
        if not push_round(battle, scratch, crowd, _round == 0):
            break


cdef inline void slow_down(const Battle* battle, Scratch* scratch, const Crowd* crowd, int i) noexcept nogil:
    """Where pushes leave a unit: next_x and next_y. Nobody gets faster than it walks or flies at will."""
    cdef int u = crowd.unit[i]
    cdef float speed = battle.stats[u].speed
    cdef float dx = crowd.x[i] - battle.x[u]
    cdef float dy = crowd.y[i] - battle.y[u]
    cdef float d2 = dx * dx + dy * dy
    scratch.next_x[u] = crowd.x[i]
    scratch.next_y[u] = crowd.y[i]
    if d2 > speed * speed and battle.stats[u].acceleration == 0:
        d2 = speed / sqrtf(d2)
        scratch.next_x[u] = battle.x[u] + dx * d2
        scratch.next_y[u] = battle.y[u] + dy * d2
