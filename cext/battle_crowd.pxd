"""Units that overlap push each other apart, layer by layer; walkers who meet pass each other on the right.

A unit's ``separation`` is its radius less half the overlap that the game lets be.
"""

from libc.math cimport fabsf, sqrtf
from libc.stdint cimport int32_t

from battle cimport ANCHORED, GROUND_LAYER, MAX_UNITS, MOVING, Battle, Crowd, Pairs, Scratch, UnitStats

cdef enum:
    PUSH_ROUNDS = 5


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
    crowd.count = n + 1


cdef inline float yielding(const Battle* battle, const Crowd* crowd, int i, int j) noexcept nogil:
    """Which part of an overlap with j, which comes after it, unit i gives way; j gives way the rest.

    Who stands fast does not, nor who stands and is met by an opponent; friends who stand yield to who walks. Of two who
    walk the bigger yields more, and of two agents the one in the lower slot.
    """
    cdef int mine = crowd.stance[i], other = crowd.stance[j]
    cdef float radius, size, part
    if mine == MOVING and other == MOVING:
        radius = battle.stats[crowd.unit[i]].radius
        size = radius * radius * radius
        radius = battle.stats[crowd.unit[j]].radius
        part = size / (size + radius * radius * radius)
        if crowd.unit[j] < battle.n_agents:  # and so is i, which comes before it
            part = min(part + <float>0.2, <float>1.0)
        return part
    if mine == other:
        return 0.5
    if mine == ANCHORED or other == ANCHORED:
        return 0.0 if mine == ANCHORED else 1.0
    if (crowd.unit[i] < battle.n_agents) != (crowd.unit[j] < battle.n_agents):
        return 1.0 if mine == MOVING else 0.0
    return <float>0.15 if mine == MOVING else <float>0.85


cdef inline float pass_by(
    const Battle* battle, const Scratch* scratch, const Crowd* crowd, int i, int j, float nx, float ny
) noexcept nogil:
    """How far two that walk into each other, j from i in direction (nx, ny), turn aside: each to its right, or left if
    it is below 0; to the right if nothing decides.
    """
    cdef int u = crowd.unit[i], v = crowd.unit[j]
    cdef float wx = (scratch.next_x[v] - battle.units[v].x) - (scratch.next_x[u] - battle.units[u].x)
    cdef float wy = (scratch.next_y[v] - battle.units[v].y) - (scratch.next_y[u] - battle.units[u].y)
    cdef float along = wy * nx - wx * ny, m2 = wx * wx + wy * wy, speeds, aside
    if wx * nx + wy * ny >= 0:
        return 0.0
    speeds = battle.stats[u].speed + battle.stats[v].speed
    aside = <float>0.15 * m2 / (speeds * speeds) * (sqrtf(m2) - fabsf(along))
    return -aside if along < 0 else aside


cdef inline void find_near(const Crowd* crowd, int j, int32_t* near) noexcept nogil:
    """Which units before j are so near to it that pushes may bring them together; to a multiple of four, as many as the
    compiler compares at once.
    """
    cdef int i
    cdef float dx, dy, gap
    cdef float x = crowd.x[j], y = crowd.y[j], separation = crowd.separation[j]
    for i in range((j + 3) & ~3):
        dx = x - crowd.x[i]
        dy = y - crowd.y[i]
        gap = crowd.separation[i] + <float>0.125 + separation
        near[i] = dx * dx + dy * dy < gap * gap


cdef inline void find_pairs(const Crowd* crowd, Pairs* pairs) noexcept nogil:
    """Who may come to push whom. The first round fills in their numbers.

    A unit's pairs come in the order of slots; which of others' come between makes no difference. In this order loops
    are as long in a big crowd as in a small one, which processors learn.
    """
    cdef int32_t near[MAX_UNITS + 4]
    cdef int i, j, n = 0
    for j in range(1, crowd.count):
        find_near(crowd, j, near)
        for i in range(j):  # without branches, which nobody could predict
            pairs.units[n] = MAX_UNITS * j + i
            n += near[i]
    pairs.count = n


cdef inline void give_way(const Battle* battle, Crowd* crowd, int i, float x, float y) noexcept nogil:
    """Moves a unit by (x, y); nobody gets faster by that than it walks or flies at will."""
    cdef int u = crowd.unit[i]
    cdef float speed = battle.stats[u].speed, dx, dy, d2
    x = crowd.x[i] + x
    y = crowd.y[i] + y
    dx = x - battle.units[u].x
    dy = y - battle.units[u].y
    d2 = dx * dx + dy * dy
    if d2 > speed * speed:
        d2 = speed / sqrtf(d2)
        x = battle.units[u].x + dx * d2
        y = battle.units[u].y + dy * d2
    crowd.x[i] = x
    crowd.y[i] = y


cdef inline float push_pair(
    const Battle* battle, const Scratch* scratch, Crowd* crowd, Pairs* pairs, int k, float part, bint first
) noexcept nogil:
    """Moves two overlapping units apart along the line between them (east-west if they coincide); how much they did.

    Args:
      part: of their overlap.
    """
    cdef int i = <int>(pairs.units[k] % MAX_UNITS), j = <int>(pairs.units[k] // MAX_UNITS)
    cdef float dx = crowd.x[j] - crowd.x[i]
    cdef float dy = crowd.y[j] - crowd.y[i]
    cdef float d2 = dx * dx + dy * dy, distance, overlap, mine, other, aside = 0.0
    if first:
        pairs.gap[k] = crowd.separation[i] + crowd.separation[j]
        pairs.yields[k] = -1.0
    if d2 >= pairs.gap[k] * pairs.gap[k]:
        return 0.0
    distance = sqrtf(d2)
    overlap = pairs.gap[k] - distance
    if distance > 0:
        dx = dx / distance
        dy = dy / distance
    else:
        dx = 1.0
        dy = 0.0
    if pairs.yields[k] < 0:
        pairs.yields[k] = yielding(battle, crowd, i, j)
    if first and crowd.stance[i] == MOVING and crowd.stance[j] == MOVING:
        aside = pass_by(battle, scratch, crowd, i, j, dx, dy)
    mine = overlap * part * pairs.yields[k]
    other = overlap * part - mine
    give_way(battle, crowd, i, dy * aside - dx * mine, -dx * aside - dy * mine)
    give_way(battle, crowd, j, dx * other - dy * aside, dy * other + dx * aside)
    return overlap


cdef inline float push_all(
    const Battle* battle, const Scratch* scratch, Crowd* crowd, Pairs* pairs, float part, bint first
) noexcept nogil:
    """One round of pushes; the greatest overlap that it met."""
    cdef int k
    cdef float worst = 0.0
    for k in range(pairs.count):
        worst = max(worst, push_pair(battle, scratch, crowd, pairs, k, part, first))
    return worst


cdef inline void push_apart(const Battle* battle, const Scratch* scratch, Crowd* crowd) noexcept nogil:
    """Parts the overlapping pair after pair until hardly anybody overlaps.

    After the first round by more than they overlap, as in successive over-relaxation: a throng needs few rounds then.
    """
    cdef Pairs pairs
    cdef int _round
    cdef float worst
    find_pairs(crowd, &pairs)
    worst = push_all(battle, scratch, crowd, &pairs, 1.0, True)
    for _round in range(1, PUSH_ROUNDS):
        if worst <= <float>0.01:
            return
        worst = push_all(battle, scratch, crowd, &pairs, 1.8, False)
