"""Whom a unit attacks: what it can hit, threats first, then the nearest."""

from battle cimport (
    ATTACK, ATTACK_MOVE, IDLE, MOVE, Battle, Scratch, can_hit, distance2, first_foe, last_foe, threatens, within
)


cdef inline int nearest_in_scan(const Battle* battle, int u) noexcept nogil:
    """Nearest living opponent inside the scan radius (ties: lowest slot), -1 if there is none."""
    cdef int v, best = -1
    cdef float d2, best_d2 = 0
    for v in range(first_foe(battle, u), last_foe(battle, u)):
        if battle.health[v] <= 0:
            continue
        d2 = distance2(battle, u, v)
        if (best < 0 or d2 < best_d2) and within(battle, u, v, battle.stats[u].scan):
            best = v
            best_d2 = d2
    return best


cdef inline int best_in_scan(const Battle* battle, int u) noexcept nogil:
    """The same where units differ in what they can hit: nearest threat, without one the nearest harmless unit."""
    cdef int v, best = -1
    cdef float d2, best_d2 = 0
    cdef bint threat, best_threat = False
    for v in range(first_foe(battle, u), last_foe(battle, u)):
        if battle.health[v] <= 0 or not can_hit(battle, u, v):
            continue
        d2 = distance2(battle, u, v)
        threat = threatens(battle, v, u)
        if best >= 0 and (threat < best_threat or (threat == best_threat and d2 >= best_d2)):
            continue
        if within(battle, u, v, battle.stats[u].scan):
            best = v
            best_d2 = d2
            best_threat = threat
    return best


cdef inline bint attacks(const Battle* battle, int v, int u) noexcept nogil:
    return battle.order[v] == ATTACK and battle.target[v] == u


cdef inline int nearest_attacker(const Battle* battle, int u) noexcept nogil:
    cdef int v, best = -1
    cdef float d2, best_d2 = 0
    for v in range(first_foe(battle, u), last_foe(battle, u)):
        if battle.health[v] <= 0 or not attacks(battle, v, u) or not can_hit(battle, u, v):
            continue
        d2 = distance2(battle, u, v)
        if (best < 0 or d2 < best_d2) and within(battle, u, v, battle.stats[u].scan + battle.rules.knobs[50]):
            best = v
            best_d2 = d2
    return best


cdef inline void choose_target(Battle* battle, Scratch* scratch, int u) noexcept nogil:
    """Drops dead targets; units on attack-move keep one in reach, else take the best in scan, else go on chasing."""
    cdef int target = battle.target[u], found
    cdef bint aiming = battle.windup[u] > 0
    cdef bint held = False
    if target >= 0 and battle.health[target] <= 0:
        target = -1
    if target >= 0:
        held = within(battle, u, target, battle.stats[u].reach_slop if aiming else battle.stats[u].reach)
    if battle.order[u] == ATTACK and target < 0:
        battle.order[u] = IDLE
    if battle.rules.knobs[48] > 0 and battle.order[u] == ATTACK_MOVE and (target < 0 or not attacks(battle, target, u)):
        found = nearest_attacker(battle, u)
        if found >= 0 and found != target:
            target = found
            battle.windup[u] = 0
            held = within(battle, u, target, battle.stats[u].reach)
    if battle.order[u] == ATTACK_MOVE and not held and (battle.rules.knobs[49] < 2 or target < 0 or not attacks(battle, target, u)):
        found = best_in_scan(battle, u) if battle.rules.mixed_targets else nearest_in_scan(battle, u)
        if found >= 0 and found != target:
            target = found
            battle.windup[u] = 0
            held = within(battle, u, target, battle.stats[u].reach)
    if not held and battle.stats[u].fires_freely and (battle.order[u] == MOVE or battle.order[u] == IDLE):
        found = best_in_scan(battle, u) if battle.rules.mixed_targets else nearest_in_scan(battle, u)
        held = found >= 0 and within(battle, u, found, battle.stats[u].reach)
        battle.windup[u] = 0
        target = found if held else -1
    if not held:
        battle.windup[u] = 0
    battle.target[u] = target
    scratch.in_reach[u] = held
