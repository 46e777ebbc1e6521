"""Where units go: goals, walking round those who stand and shoot, pushing apart, walkable ground."""

from libc.math cimport sqrtf
from libc.stdint cimport int32_t

from battle cimport ANCHORED, ATTACK_MOVE, IDLE, MOVE, MOVING, STANDING, Battle, Rules, Scratch


cdef enum:
    LOOK_AHEAD = 4  # steps: far enough not to walk into the notch between two neighbours
    PUSH_ROUNDS = 2


cdef inline float snap(float v) noexcept nogil:
    """Nearest point of the engine's grid of 1/4096."""
    return <float>(<int32_t>(v * <float>4096.0 + <float>0.5)) * <float>0.000244140625


cdef inline bint stands(const Rules* rules, float x, float y) noexcept nogil:
    """Whether (x, y) is on walkable ground."""
    if x < 0 or y < 0 or x >= rules.map_x or y >= rules.map_y:
        return False
    return rules.walkable[<int>x * rules.map_y + <int>y]


cdef inline void plan(Battle* battle, Scratch* scratch, int u) noexcept nogil:
    """Decides whether a unit shoots, stands or walks, and where to."""
    cdef int target = battle.target[u]
    cdef float dx, dy
    scratch.stance[u] = STANDING
    if scratch.in_reach[u] or battle.backswing[u] > 0:
        scratch.stance[u] = ANCHORED
    elif target >= 0:
        scratch.stance[u] = MOVING
        scratch.to_x[u] = battle.x[target]
        scratch.to_y[u] = battle.y[target]
    elif battle.order[u] != IDLE:
        scratch.to_x[u] = battle.goal_x[u]
        scratch.to_y[u] = battle.goal_y[u]
        dx = scratch.to_x[u] - battle.x[u]
        dy = scratch.to_y[u] - battle.y[u]
        if battle.order[u] == MOVE or dx * dx + dy * dy > battle.rules.arrival_radius * battle.rules.arrival_radius:
            scratch.stance[u] = MOVING


cdef inline bint blocked(const Battle* battle, const Scratch* scratch, int u, float x, float y) noexcept nogil:
    """Whether unit u at (x, y) would come nearer into somebody who stands and shoots."""
    cdef int v, hits = 0
    cdef float dx, dy, ox, oy, gap, d2
    for v in range(battle.n_units):
        dx = scratch.anchor_x[v] - x
        dy = scratch.anchor_y[v] - y
        ox = scratch.anchor_x[v] - battle.x[u]
        oy = scratch.anchor_y[v] - battle.y[u]
        gap = battle.separation[u] + battle.separation[v]
        d2 = dx * dx + dy * dy
        hits += (d2 < gap * gap) & (d2 < ox * ox + oy * oy)
    return hits > 0


cdef inline bint try_turn(
    const Battle* battle, Scratch* scratch, int u, float dx, float dy, float cosine, float sine
) noexcept nogil:
    """Takes the step (dx, dy) turned by an angle, if nobody is in the way there."""
    cdef float step_x = cosine * dx - sine * dy
    cdef float step_y = sine * dx + cosine * dy
    if blocked(battle, scratch, u, battle.x[u] + step_x * <float>LOOK_AHEAD, battle.y[u] + step_y * <float>LOOK_AHEAD):
        return False
    scratch.next_x[u] = battle.x[u] + step_x
    scratch.next_y[u] = battle.y[u] + step_y
    return True


cdef inline bint detour(Battle* battle, Scratch* scratch, int u, float dx, float dy, float side) noexcept nogil:
    """Steps aside by 30, 60, 90 or 120 degrees, the smallest that is free."""
    cdef float half = 0.5
    cdef float root = 0.8660254
    return (
        try_turn(battle, scratch, u, dx, dy, root, side * half)
        or try_turn(battle, scratch, u, dx, dy, half, side * root)
        or try_turn(battle, scratch, u, dx, dy, 0.0, side)
        or try_turn(battle, scratch, u, dx, dy, -half, side * root)
    )


cdef inline void find_line(const Battle* battle, Scratch* scratch, int side) noexcept nogil:
    """Centre of the firing line of one side (0 allies, 1 enemies); far away where nobody shoots."""
    cdef int u, count = 0
    cdef float x = 0.0, y = 0.0
    for u in range(battle.n_agents if side else 0, battle.n_units if side else battle.n_agents):
        if scratch.alive[u] and scratch.stance[u] == ANCHORED:
            x += battle.x[u]
            y += battle.y[u]
            count += 1
    scratch.line_x[side] = x / <float>count if count else <float>-1000.0
    scratch.line_y[side] = y / <float>count if count else <float>-1000.0


cdef inline float shorter_side(const Battle* battle, const Scratch* scratch, int u, float dx, float dy) noexcept nogil:
    """Round which end of its own firing line a unit heading along (dx, dy) is there sooner: 1 left, -1 right."""
    cdef int side = u >= battle.n_agents
    cdef float cross = dx * (battle.y[u] - scratch.line_y[side]) - dy * (battle.x[u] - scratch.line_x[side])
    return 1.0 if cross >= 0 else -1.0


cdef inline void walk(Battle* battle, Scratch* scratch, int u) noexcept nogil:
    """One loop's step towards the goal, round those who stand in the way; no step if there is no way round."""
    cdef float dx = scratch.to_x[u] - battle.x[u]
    cdef float dy = scratch.to_y[u] - battle.y[u]
    cdef float distance = sqrtf(dx * dx + dy * dy)
    cdef float speed = battle.stats[u].speed
    cdef float scale, side
    if distance > speed:
        scale = speed / distance
        dx = dx * scale
        dy = dy * scale
    elif battle.order[u] == MOVE:
        battle.order[u] = IDLE
    if try_turn(battle, scratch, u, dx, dy, 1.0, 0.0):
        return
    side = shorter_side(battle, scratch, u, dx, dy)
    if not detour(battle, scratch, u, dx, dy, side):
        detour(battle, scratch, u, dx, dy, -side)


cdef inline float yielding(const Battle* battle, const Scratch* scratch, int u, int v) noexcept nogil:
    """Which part of an overlap with v unit u gives way: whoever shoots, or is met by an enemy, does not."""
    cdef int mine = scratch.stance[u], other = scratch.stance[v]
    if mine == other:
        return 0.5
    if mine == ANCHORED or other == ANCHORED:
        return 0.0 if mine == ANCHORED else 1.0
    if (u < battle.n_agents) != (v < battle.n_agents):
        return 1.0 if mine == MOVING else 0.0
    return 0.5


cdef inline void push_pair(Battle* battle, Scratch* scratch, int u, int v) noexcept nogil:
    """Moves two overlapping units apart along the line between them (east-west if they coincide)."""
    cdef float dx = scratch.next_x[v] - scratch.next_x[u]
    cdef float dy = scratch.next_y[v] - scratch.next_y[u]
    cdef float gap = battle.separation[u] + battle.separation[v]
    cdef float distance = sqrtf(dx * dx + dy * dy)
    cdef float overlap = gap - distance
    cdef float mine, other
    if distance > 0:
        dx = dx / distance
        dy = dy / distance
    else:
        dx = 1.0
        dy = 0.0
    mine = overlap * yielding(battle, scratch, u, v)
    other = overlap * yielding(battle, scratch, v, u)
    scratch.push_x[u] -= dx * mine
    scratch.push_y[u] -= dy * mine
    scratch.push_x[v] += dx * other
    scratch.push_y[v] += dy * other


cdef inline int overlaps(const Battle* battle, const Scratch* scratch, int u) noexcept nogil:
    """How many units of a higher slot overlap with unit u."""
    cdef int v, count = 0
    cdef float dx, dy, gap
    cdef float x = scratch.next_x[u], y = scratch.next_y[u], radius = battle.separation[u]
    for v in range(u + 1, battle.n_units):
        dx = scratch.next_x[v] - x
        dy = scratch.next_y[v] - y
        gap = radius + battle.separation[v]
        count += dx * dx + dy * dy < gap * gap
    return count


cdef inline void push_apart(Battle* battle, Scratch* scratch) noexcept nogil:
    """One round of pushes, all from the same positions; a crowd needs more than one to come apart."""
    cdef int u, v
    cdef float dx, dy, gap
    for u in range(battle.n_units):
        scratch.push_x[u] = 0.0
        scratch.push_y[u] = 0.0
    for u in range(battle.n_units):
        if overlaps(battle, scratch, u) == 0:
            continue
        for v in range(u + 1, battle.n_units):
            dx = scratch.next_x[v] - scratch.next_x[u]
            dy = scratch.next_y[v] - scratch.next_y[u]
            gap = battle.separation[u] + battle.separation[v]
            if dx * dx + dy * dy < gap * gap:
                push_pair(battle, scratch, u, v)
    for u in range(battle.n_units):
        scratch.next_x[u] += scratch.push_x[u]
        scratch.next_y[u] += scratch.push_y[u]


cdef inline void settle(Battle* battle, Scratch* scratch, int u) noexcept nogil:
    """Puts the unit where it ends up: on the grid and on walkable ground, sliding along what is not."""
    cdef float x = snap(scratch.next_x[u])
    cdef float y = snap(scratch.next_y[u])
    if stands(battle.rules, x, y):
        battle.x[u] = x
        battle.y[u] = y
    elif stands(battle.rules, x, battle.y[u]):
        battle.x[u] = x
    elif stands(battle.rules, battle.x[u], y):
        battle.y[u] = y
