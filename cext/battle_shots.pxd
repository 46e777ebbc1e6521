"""Hits that come later than their shot: second blows, missiles, sweeping lances. A unit has one shot under way.

A missile keeps its position in (shot_x, shot_y); a sweep keeps the middle of its line there and the direction of the
shot in (shot_dx, shot_dy).
"""

from libc.math cimport sqrtf
from libc.stdint cimport uint8_t
from libc.string cimport memset

from battle cimport BURST, EXPLOSION, MISSILE, Battle, Scratch, Unit, UnitStats, can_hit, first_foe, last_foe, within
from battle_damage cimport strike
from battle_log cimport BLAST, note

cdef enum Mark:  # of one lance on one opponent; above LANDED: loops until the hit, plus LANDED
    UNTOUCHED = 0
    LANDED = 1


cdef inline void second_blow(Battle* battle, Scratch* scratch, int u) noexcept nogil:
    """Lands ``hit_wait`` after the first if both live and are not apart."""
    cdef Unit* unit = &battle.units[u]
    cdef int target = unit.shot_target
    unit.shot_age += 1
    if not scratch.alive[u] or battle.units[target].health <= 0:
        unit.shot_target = -1
    elif unit.shot_age >= battle.stats[u].hit_wait:
        unit.shot_target = -1
        if within(battle, u, target, battle.stats[u].reach_slop):
            strike(battle, u, target)


cdef inline void fly_missile(Battle* battle, int u) noexcept nogil:
    """Follows its target and hits at its edge; lost if the target dies first."""
    cdef Unit* unit = &battle.units[u]
    cdef int target = unit.shot_target
    cdef float dx = battle.units[target].x - unit.shot_x
    cdef float dy = battle.units[target].y - unit.shot_y
    cdef float distance = sqrtf(dx * dx + dy * dy)
    cdef float speed = battle.stats[u].missile_speed
    cdef float scale
    if battle.units[target].health <= 0:
        unit.shot_target = -1
    elif distance <= speed + battle.stats[target].radius:
        unit.shot_target = -1
        strike(battle, u, target)
    else:
        scale = speed / distance
        unit.shot_x += dx * scale
        unit.shot_y += dy * scale


cdef inline bint touches(const Battle* battle, int u, int v, float low, float high) noexcept nogil:
    """Whether v is on the stretch [low, high] of u's line that a lance goes over in this loop."""
    cdef const Unit* unit = &battle.units[u]
    cdef float dx = battle.units[v].x - unit.shot_x
    cdef float dy = battle.units[v].y - unit.shot_y
    cdef float along = unit.shot_dx * dy - unit.shot_dy * dx
    cdef float across = unit.shot_dx * dx + unit.shot_dy * dy
    cdef float reach = battle.stats[u].splash_radius + battle.stats[v].radius
    cdef float beyond = max(max(low - along, along - high), <float>0.0)
    return beyond * beyond + across * across <= reach * reach


cdef inline void sweep_lance(Battle* battle, int u, float side, uint8_t* marks) noexcept nogil:
    """One loop of the lance that begins at ``side`` (-1, 1): touches opponents and hits those touched before.

    Its points are a step apart; the first of them touch in the loop of the shot itself.
    """
    cdef const UnitStats* stats = &battle.stats[u]
    cdef int v
    cdef int first = <int>(stats.sweep_rate * <float>(battle.units[u].shot_age - 1))
    cdef int last = <int>(stats.sweep_rate * <float>battle.units[u].shot_age) - 1
    cdef float start = stats.sweep_step * <float>first - stats.sweep_reach
    cdef float end = min(stats.sweep_step * <float>last - stats.sweep_reach, stats.sweep_reach)
    cdef bint sweeps = start <= end
    cdef float low = start if side < 0 else -end
    cdef float high = end if side < 0 else -start
    for v in range(first_foe(battle, u), last_foe(battle, u)):
        if battle.units[v].health <= 0 or not can_hit(battle, u, v):
            continue
        if marks[v] > LANDED:
            marks[v] -= 1
            if marks[v] == LANDED:
                strike(battle, u, v)
        elif sweeps and marks[v] == UNTOUCHED and touches(battle, u, v, low, high):
            marks[v] = <uint8_t>(LANDED + stats.hit_wait)


cdef inline void sweep(Battle* battle, int u) noexcept nogil:
    """Both lances, which go over the place where the target stood."""
    cdef Unit* unit = &battle.units[u]
    cdef uint8_t* marks = battle.sweep_marks + 2 * u * battle.n_units
    unit.shot_age += 1
    sweep_lance(battle, u, -1.0, marks)
    sweep_lance(battle, u, 1.0, marks + battle.n_units)
    if unit.shot_age >= battle.stats[u].sweep_wait:
        unit.shot_target = -1


cdef inline void launch(Battle* battle, int u, int target) noexcept nogil:
    """Starts the shot of u at ``target``."""
    cdef Unit* unit = &battle.units[u]
    cdef float dx = battle.units[target].x - unit.x
    cdef float dy = battle.units[target].y - unit.y
    cdef float distance = sqrtf(dx * dx + dy * dy)
    unit.shot_target = target
    unit.shot_age = 0
    if battle.stats[u].effect == BURST:
        strike(battle, u, target)
    elif battle.stats[u].effect == MISSILE:
        unit.shot_x = unit.x
        unit.shot_y = unit.y
    else:
        unit.shot_x = battle.units[target].x
        unit.shot_y = battle.units[target].y
        unit.shot_dx = dx / distance if distance > 0 else <float>1.0
        unit.shot_dy = dy / distance if distance > 0 else <float>0.0
        memset(battle.sweep_marks + 2 * u * battle.n_units, UNTOUCHED, 2 * battle.n_units)
        sweep(battle, u)


cdef inline void carry_shots(Battle* battle, Scratch* scratch) noexcept nogil:
    """One loop of all shots under way; missiles and lances outlive who shot them."""
    cdef int u
    for u in range(battle.n_units):
        if battle.units[u].shot_target < 0:
            continue
        if battle.stats[u].effect == MISSILE:
            fly_missile(battle, u)
        elif battle.stats[u].effect == BURST:
            second_blow(battle, scratch, u)
        else:
            sweep(battle, u)


cdef inline void explode_dead(Battle* battle) noexcept nogil:
    """Whoever explodes does it once when dead, and takes opponents around along; those may explode in turn."""
    cdef int u, v
    cdef bint again = True
    while again:
        again = False
        for u in range(battle.n_units):
            if battle.stats[u].effect != EXPLOSION or battle.units[u].health > 0 or battle.units[u].exploded:
                continue
            battle.units[u].exploded = 1
            note(battle.log, BLAST, u, u, 0)
            again = True
            for v in range(first_foe(battle, u), last_foe(battle, u)):
                if battle.units[v].health <= 0 or not can_hit(battle, u, v):
                    continue
                if within(battle, u, v, battle.stats[u].splash_radius):
                    strike(battle, u, v)
