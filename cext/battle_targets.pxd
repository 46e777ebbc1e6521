"""Whom a unit attacks: who attacks it first, then the nearest."""

from libc.math cimport INFINITY

from battle cimport (
    ATTACK, ATTACK_MOVE, IDLE, MOVE, Battle, Scratch, Unit, can_hit, cancel_aim, distance2, first_foe, last_foe,
    threatens, within
)

cdef enum:
    SCAN_PERIOD = 8  # loops


cdef inline int rank(const Battle* battle, int u, int v) noexcept nogil:
    """How urgent it is for u to attack v: whoever is ordered to attack u, or counts as if it were, goes first."""
    cdef const Unit* other = &battle.units[v]
    cdef bint attacks = (other.order == ATTACK) & (other.target == u) | battle.stats[v].always_threatens
    return 2 * ((not battle.rules.mixed_targets) | threatens(battle, v, u)) + attacks


cdef inline int best_in_scan(const Battle* battle, int u) noexcept nogil:
    """Of the opponents in scan that it can hit the most urgent, then the nearest; -1 if there is none."""
    cdef int v, found, best = -1, best_rank = -1
    cdef bint better
    cdef float d2, limit, best_d2 = 0
    for v in range(first_foe(battle, u), last_foe(battle, u)):
        d2 = distance2(battle, u, v)
        limit = battle.stats[u].scan + battle.stats[v].radius
        found = rank(battle, u, v)
        better = (found > best_rank) | ((found == best_rank) & (d2 < best_d2))
        better &= (battle.units[v].health > 0) & (d2 <= limit * limit)
        better &= (not battle.rules.mixed_targets) | can_hit(battle, u, v)
        best = v if better else best
        best_rank = found if better else best_rank
        best_d2 = d2 if better else best_d2
    return best


cdef inline void keep_target(Battle* battle, Scratch* scratch, int u) noexcept nogil:
    """Forgets a dead target; whether a living one is in reach. Who fires freely finds itself one.

    Branches only on what is rare: nobody could predict the rest.
    """
    cdef Unit* unit = &battle.units[u]
    cdef int target = unit.target
    cdef int at = max(target, 0)  # anybody, where there is no target
    cdef bint lives = battle.units[at].health > 0
    cdef bint reached = within(battle, u, at, battle.stats[u].reach_slop if unit.windup > 0 else battle.stats[u].reach)
    reached &= (target >= 0) & lives
    scratch.in_reach[u] = reached
    if (target >= 0) & (not lives):
        unit.target = -1
        if unit.order == ATTACK:
            unit.order = IDLE
    if (not reached) & (unit.windup > 0):
        cancel_aim(battle, u)
    if (not reached) & (battle.stats[u].fires_freely != 0) and (unit.order == MOVE or unit.order == IDLE):
        target = best_in_scan(battle, u)
        scratch.in_reach[u] = target >= 0 and within(battle, u, target, battle.stats[u].reach)
        unit.target = target if scratch.in_reach[u] else -1


cdef inline bint keeps(const Battle* battle, int u, int target, int found) noexcept nogil:
    """Whether u stays with a target: none is more urgent, and in reach u has shot at it, farther off it attacks u."""
    cdef int urgency = rank(battle, u, target)
    if rank(battle, u, found) > urgency:
        return False
    if within(battle, u, target, battle.stats[u].reach):
        return battle.units[u].shot_at == target
    return urgency & 1


cdef inline void look_round(Battle* battle, Scratch* scratch, int u) noexcept nogil:
    """On attack-move, at every scan: takes the best target; without one also when alarmed."""
    cdef Unit* unit = &battle.units[u]
    cdef int target = unit.target, alarm = unit.alarm, found
    cdef bint due = unit.scan_wait <= 1
    unit.alarm = -1
    unit.scan_wait = SCAN_PERIOD if due else unit.scan_wait - 1
    cdef bint urgent = (target < 0) & ((alarm >= 0) | (battle.stats[u].scan >= INFINITY))  # who hunts looks always
    if not ((unit.order == ATTACK_MOVE) & (due | urgent)):
        return
    if target >= 0 and battle.units[target].health <= 0:  # somebody got it in this loop
        return
    found = best_in_scan(battle, u)
    if found < 0 and target < 0 and alarm >= 0 and battle.units[alarm].health > 0 and can_hit(battle, u, alarm):
        found = alarm
    if found < 0 or found == target or (target >= 0 and keeps(battle, u, target, found)):
        return
    cancel_aim(battle, u)
    unit.target = found
    scratch.in_reach[u] = within(battle, u, found, battle.stats[u].reach)
