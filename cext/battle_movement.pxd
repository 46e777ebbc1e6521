"""Where units go: goals, walking round those who stand and shoot, flying."""

from libc.math cimport sqrtf

from battle cimport (
    AIR_LAYER, ANCHORED, GROUND_LAYER, IDLE, LAYERS, MOVE, MOVING, STANDING, Battle, Line, Scratch, UnitStats
)
from battle_crowd cimport push_apart
from battle_edges cimport settle, stands
from battle_paths cimport turn_corner


cdef enum:
    LOOK_AHEAD = 4  # steps: far enough not to walk into the notch between two neighbours
    PUSH_ROUNDS = 2
    GAPS = 8  # places on either side of a target that a melee unit considers


cdef inline void plan(Battle* battle, Scratch* scratch, int u) noexcept nogil:
    """Decides whether a unit shoots, stands or moves, and where to."""
    cdef int target = battle.target[u]
    cdef float dx, dy
    cdef bint fires_walking = battle.order[u] == MOVE and battle.stats[u].fires_freely
    scratch.stance[u] = STANDING
    if battle.stats[u].speed <= 0 or ((scratch.in_reach[u] or battle.backswing[u] > 0) and not fires_walking):
        scratch.stance[u] = ANCHORED
    elif target >= 0 and not fires_walking:
        scratch.stance[u] = MOVING
        scratch.to_x[u] = battle.x[target]
        scratch.to_y[u] = battle.y[target]
    elif battle.order[u] != IDLE:
        scratch.to_x[u] = battle.goal_x[u]
        scratch.to_y[u] = battle.goal_y[u]
        dx = scratch.to_x[u] - battle.x[u]
        dy = scratch.to_y[u] - battle.y[u]
        if battle.order[u] == MOVE or dx != 0 or dy != 0:
            scratch.stance[u] = MOVING


cdef inline bint blocked(const Battle* battle, const Line* line, int u, float x, float y) noexcept nogil:
    """Whether unit u at (x, y) would come nearer into somebody who stands and shoots."""
    cdef int v, hits = 0
    cdef float dx, dy, ox, oy, gap, d2
    cdef float separation = battle.stats[u].separation
    for v in range(line.count):
        dx = line.x[v] - x
        dy = line.y[v] - y
        ox = line.x[v] - battle.x[u]
        oy = line.y[v] - battle.y[u]
        gap = separation + line.separation[v] - battle.rules.knobs[35]
        d2 = dx * dx + dy * dy
        hits += (d2 < gap * gap) & (d2 < ox * ox + oy * oy)
    return hits > 0


cdef inline bint try_turn(
    Battle* battle, Scratch* scratch, int u, float dx, float dy, float cosine, float sine
) noexcept nogil:
    """Takes the step (dx, dy) turned by an angle, if nobody is in the way there."""
    cdef float step_x = cosine * dx - sine * dy
    cdef float step_y = sine * dx + cosine * dy
    cdef float ahead_x = battle.x[u] + step_x * <float>LOOK_AHEAD
    cdef float ahead_y = battle.y[u] + step_y * <float>LOOK_AHEAD
    if blocked(battle, &scratch.lines[battle.stats[u].layer], u, ahead_x, ahead_y):
        return False
    scratch.next_x[u] = battle.x[u] + step_x
    scratch.next_y[u] = battle.y[u] + step_y
    battle.facing_x[u] = step_x
    battle.facing_y[u] = step_y
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


cdef inline void find_lines(const Battle* battle, Scratch* scratch) noexcept nogil:
    """Who stands and shoots: places by layer, and the centre of each side (far away where nobody does)."""
    cdef int k, u, side, n
    cdef int count[2]
    cdef Line* line
    for n in range(LAYERS):
        scratch.lines[n].count = 0
    for side in range(2):
        count[side] = 0
        scratch.line_x[side] = 0.0
        scratch.line_y[side] = 0.0
    for k in range(scratch.n_living):
        u = scratch.living[k]
        if scratch.stance[u] != ANCHORED:
            continue
        side = u >= battle.n_agents
        count[side] += 1
        scratch.line_x[side] += battle.x[u]
        scratch.line_y[side] += battle.y[u]
        line = &scratch.lines[battle.stats[u].layer]
        n = line.count
        line.x[n] = battle.x[u]
        line.y[n] = battle.y[u]
        line.separation[n] = battle.stats[u].separation
        line.count = n + 1
    for side in range(2):
        scratch.line_x[side] = scratch.line_x[side] / <float>count[side] if count[side] else <float>-1000.0
        scratch.line_y[side] = scratch.line_y[side] / <float>count[side] if count[side] else <float>-1000.0


cdef inline float shorter_side(const Battle* battle, const Scratch* scratch, int u, float dx, float dy) noexcept nogil:
    """Round which end of its own firing line a unit heading along (dx, dy) is there sooner: 1 left, -1 right."""
    cdef int side = u >= battle.n_agents
    cdef float cross = dx * (battle.y[u] - scratch.line_y[side]) - dy * (battle.x[u] - scratch.line_x[side])
    return 1.0 if cross >= 0 else -1.0


cdef inline bint taken(const Battle* battle, const Line* line, int u, float x, float y) noexcept nogil:
    """Whether somebody who stands and fights leaves unit u no room at (x, y)."""
    cdef int v, hits = 0
    cdef float dx, dy, gap
    cdef float separation = battle.stats[u].separation
    for v in range(line.count):
        dx = line.x[v] - x
        dy = line.y[v] - y
        gap = separation + line.separation[v] - battle.rules.knobs[35]
        hits += dx * dx + dy * dy < gap * gap
    return hits > 0


cdef inline float find_gap(const Battle* battle, Scratch* scratch, int u, float side) noexcept nogil:
    """Puts the nearest free place round a crowded target in the place of u's destination.

    Returns:
      On which side of the straight way it is: 1 left, -1 right; ``side``, which goes first, if all are taken.
    """
    cdef int target = battle.target[u], _k, _turn
    cdef float reach = <float>0.95 * (battle.stats[u].reach + battle.stats[target].radius)
    cdef float dx = battle.x[u] - battle.x[target], dy = battle.y[u] - battle.y[target]
    cdef float distance = sqrtf(dx * dx + dy * dy)
    cdef float step_cosine = 0.9238795, step_sine = 0.38268343  # 22.5 degrees
    cdef float cosine = 1.0, sine = 0.0, turned, x, y
    if not distance > 0:
        return side
    dx = dx * reach / distance
    dy = dy * reach / distance
    for _k in range(GAPS):
        turned = cosine * step_cosine - sine * step_sine
        sine = sine * step_cosine + cosine * step_sine
        cosine = turned
        for _turn in range(2):
            x = battle.x[target] + (cosine * dx + side * sine * dy)
            y = battle.y[target] + (cosine * dy - side * sine * dx)
            if not taken(battle, &scratch.lines[battle.stats[u].layer], u, x, y) and stands(battle, u, x, y):
                scratch.to_x[u] = x
                scratch.to_y[u] = y
                return side
            side = -side
    return side


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
    if battle.rules.knobs[48] == 1 and not battle.stats[u].melee:
        return
    if battle.rules.knobs[48] == 2 and not battle.stats[u].melee:
        scratch.next_x[u] = battle.x[u] + dx
        scratch.next_y[u] = battle.y[u] + dy
        return
    if battle.rules.knobs[48] == 3:
        return
    if battle.rules.knobs[48] == 4:
        scratch.next_x[u] = battle.x[u] + dx
        scratch.next_y[u] = battle.y[u] + dy
        return
    side = shorter_side(battle, scratch, u, dx, dy)
    if battle.stats[u].melee and battle.target[u] >= 0:
        side = find_gap(battle, scratch, u, side)
        dx = scratch.to_x[u] - battle.x[u]
        dy = scratch.to_y[u] - battle.y[u]
        scale = speed / max(sqrtf(dx * dx + dy * dy), speed)
        dx = dx * scale
        dy = dy * scale
        if try_turn(battle, scratch, u, dx, dy, 1.0, 0.0):
            return
    if not detour(battle, scratch, u, dx, dy, side):
        detour(battle, scratch, u, dx, dy, -side)


cdef inline void fly(Battle* battle, Scratch* scratch, int u) noexcept nogil:
    """One loop of a unit that needs time to speed up, to brake and to turn: it brakes when it only just can still stop."""
    cdef const UnitStats* stats = &battle.stats[u]
    cdef float vx = battle.velocity_x[u], vy = battle.velocity_y[u]
    cdef float speed = sqrtf(vx * vx + vy * vy)
    cdef float dx = 0.0, dy = 0.0, distance = 0.0, hx, hy, turned, side
    if scratch.stance[u] == MOVING:
        dx = scratch.to_x[u] - battle.x[u]
        dy = scratch.to_y[u] - battle.y[u]
        distance = sqrtf(dx * dx + dy * dy)
    if speed > 0:
        hx, hy = vx / speed, vy / speed
    else:
        hx = dx / distance if distance > 0 else <float>0.0
        hy = dy / distance if distance > 0 else <float>0.0
    if distance <= speed * speed / (<float>2.0 * stats.acceleration):
        speed = max(speed - stats.acceleration, <float>0.0)
    else:
        speed = min(speed + stats.acceleration, stats.speed)
    if scratch.stance[u] == MOVING and distance <= speed and battle.order[u] == MOVE:
        battle.order[u] = IDLE
    if distance > 0:
        dx = dx / distance
        dy = dy / distance
        turned = sqrtf(speed * speed + stats.lateral * stats.lateral)
        if (hx * dx + hy * dy) * turned >= speed:  # the way there lies within what a loop can turn it
            hx, hy = dx, dy
        else:
            side = stats.lateral if hx * dy - hy * dx >= 0 else -stats.lateral
            hx, hy = (speed * hx - side * hy) / turned, (speed * hy + side * hx) / turned
    battle.velocity_x[u] = speed * hx
    battle.velocity_y[u] = speed * hy
    scratch.next_x[u] = battle.x[u] + battle.velocity_x[u]
    scratch.next_y[u] = battle.y[u] + battle.velocity_y[u]


cdef inline void move_units(Battle* battle, Scratch* scratch) noexcept nogil:
    """Movement phase of one loop: everybody plans and walks from the same positions, then all are pushed apart."""
    cdef int k, u
    for k in range(scratch.n_living):
        u = scratch.living[k]
        scratch.next_x[u] = battle.x[u]
        scratch.next_y[u] = battle.y[u]
        plan(battle, scratch, u)
    find_lines(battle, scratch)
    for k in range(scratch.n_living):
        u = scratch.living[k]
        if battle.stats[u].acceleration > 0:
            fly(battle, scratch, u)
        elif scratch.stance[u] == MOVING:
            if battle.target[u] >= 0 and battle.order[u] != MOVE:  # agents walk first
                scratch.to_x[u] = scratch.next_x[battle.target[u]]
                scratch.to_y[u] = scratch.next_y[battle.target[u]]
            turn_corner(battle, scratch, u)
            walk(battle, scratch, u)
    push_apart(battle, scratch, GROUND_LAYER, PUSH_ROUNDS)
    if battle.rules.has_air:
        push_apart(battle, scratch, AIR_LAYER, PUSH_ROUNDS)
    for k in range(scratch.n_living):
        settle(battle, scratch, scratch.living[k])
