"""Where units go: goals, walking, flying."""

from libc.math cimport sqrtf

from battle cimport ANCHORED, GROUND_LAYER, IDLE, MOVE, MOVING, Battle, Crowd, Scratch, Unit, UnitStats
from battle_crowd cimport join_crowd, push_apart
from battle_edges cimport settle
from battle_paths cimport turn_corner
from battle_walls cimport close_line, join_line, step_round


cdef inline void plan(Battle* battle, Scratch* scratch, int u) noexcept nogil:
    """Decides whether a unit shoots, stands or moves, and where to; colossi and flyers go round nobody who stands.

    With & and | and without branches, which nobody could predict.
    """
    cdef Unit* unit = &battle.units[u]
    cdef const UnitStats* stats = &battle.stats[u]
    cdef int order = unit.order, target = unit.target
    cdef float x = unit.x, y = unit.y
    cdef bint fires_walking = (order == MOVE) & stats.fires_freely
    cdef bint shoots = (scratch.in_reach[u] | (unit.backswing > 0)) & (not fires_walking)
    cdef bint stands_fast = (stats.speed <= 0) | shoots
    cdef bint chases = (target >= 0) & (not fires_walking)
    cdef float to_x = battle.units[target].x if chases else unit.goal_x
    cdef float to_y = battle.units[target].y if chases else unit.goal_y
    cdef bint goes = chases | (order == MOVE) | ((order != IDLE) & ((to_x != x) | (to_y != y)))
    scratch.stance[u] = ANCHORED * stands_fast + MOVING * (goes & (not stands_fast))  # or STANDING: 0
    scratch.to_x[u] = to_x
    scratch.to_y[u] = to_y
    scratch.next_x[u] = x
    scratch.next_y[u] = y
    join_line(battle, scratch, u, stands_fast & (stats.layer == GROUND_LAYER))


cdef inline void walk(Battle* battle, Scratch* scratch, int u) noexcept nogil:
    """One loop's step towards the goal, round those who stand in the way."""
    cdef Unit* unit = &battle.units[u]
    cdef float dx = scratch.to_x[u] - unit.x
    cdef float dy = scratch.to_y[u] - unit.y
    cdef float distance = sqrtf(dx * dx + dy * dy)
    cdef float speed = battle.stats[u].speed
    cdef float scale
    if distance > speed:
        scale = speed / distance
        dx = dx * scale
        dy = dy * scale
    elif unit.order == MOVE:
        unit.order = IDLE
    step_round(battle, scratch, u, dx, dy)


cdef inline void fly(Battle* battle, Scratch* scratch, int u) noexcept nogil:
    """One loop of a unit that needs time to speed up, brake and turn: it brakes when it only just can still stop."""
    cdef Unit* unit = &battle.units[u]
    cdef const UnitStats* stats = &battle.stats[u]
    cdef float vx = unit.velocity_x, vy = unit.velocity_y
    cdef float speed = sqrtf(vx * vx + vy * vy)
    cdef float dx = 0.0, dy = 0.0, distance = 0.0, hx, hy, turned, side
    if scratch.stance[u] == MOVING:
        dx = scratch.to_x[u] - unit.x
        dy = scratch.to_y[u] - unit.y
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
    if scratch.stance[u] == MOVING and distance <= speed and unit.order == MOVE:
        unit.order = IDLE
    if distance > 0:
        dx = dx / distance
        dy = dy / distance
        turned = sqrtf(speed * speed + stats.lateral * stats.lateral)
        if (hx * dx + hy * dy) * turned >= speed:  # the way there lies within what a loop can turn it
            hx, hy = dx, dy
        else:
            side = stats.lateral if hx * dy - hy * dx >= 0 else -stats.lateral
            hx, hy = (speed * hx - side * hy) / turned, (speed * hy + side * hx) / turned
    unit.velocity_x = speed * hx
    unit.velocity_y = speed * hy
    scratch.next_x[u] = unit.x + unit.velocity_x
    scratch.next_y[u] = unit.y + unit.velocity_y


cdef inline void settle_crowd(Battle* battle, Scratch* scratch, Crowd* crowd) noexcept nogil:
    """Pushes the units of a layer apart and puts them where they end up."""
    cdef int i
    push_apart(battle, scratch, crowd)
    for i in range(crowd.count):
        settle(battle, crowd.unit[i], crowd.x[i], crowd.y[i])


cdef inline void move_units(Battle* battle, Scratch* scratch) noexcept nogil:
    """Movement phase of one loop: everybody walks as planned from the same positions, then all are pushed apart."""
    cdef const Unit* unit
    cdef int k, u
    scratch.ground.count = scratch.air.count = 0
    close_line(&scratch.line)
    for k in range(scratch.n_living):
        u = scratch.living[k]
        unit = &battle.units[u]
        if battle.stats[u].acceleration > 0:
            fly(battle, scratch, u)
        elif scratch.stance[u] == MOVING:
            if unit.target >= 0 and unit.order != MOVE:  # agents walk first
                scratch.to_x[u] = scratch.next_x[unit.target]
                scratch.to_y[u] = scratch.next_y[unit.target]
            turn_corner(battle, scratch, u)
            walk(battle, scratch, u)
        join_crowd(battle, scratch, u)
    settle_crowd(battle, scratch, &scratch.ground)
    if battle.rules.has_air:
        settle_crowd(battle, scratch, &scratch.air)
