"""The attack cycle: cooldown, damage point, shot, backswing."""

from libc.math cimport sqrtf

from battle cimport DIRECT, EXPLOSION, Battle, Scratch, UnitStats
from battle_damage cimport strike
from battle_log cimport SHOT, note
from battle_shots cimport launch
from random_stream cimport draw_unit


cdef inline bint face(Battle* battle, int u, int target) noexcept nogil:
    """Turns u towards its target by 62.5 degrees, what a loop allows; whether that leaves less than 11.25 to it."""
    cdef float dx = battle.x[target] - battle.x[u]
    cdef float dy = battle.y[target] - battle.y[u]
    cdef float fx = battle.facing_x[u], fy = battle.facing_y[u]
    cdef float length, along, side
    if dx == fx and dy == fy:
        return True
    length = sqrtf((dx * dx + dy * dy) * (fx * fx + fy * fy))
    along = dx * fx + dy * fy
    if along >= <float>0.46174861 * length or battle.stats[u].speed <= 0:
        battle.facing_x[u] = dx
        battle.facing_y[u] = dy
        return True
    side = <float>0.88701083 if fx * dy >= fy * dx else <float>-0.88701083
    battle.facing_x[u] = <float>0.46174861 * fx - side * fy
    battle.facing_y[u] = side * fx + <float>0.46174861 * fy
    return along >= <float>0.27982903 * length


cdef inline void shoot(Battle* battle, int u) noexcept nogil:
    """The shot leaves."""
    cdef int target = battle.target[u]
    cdef const UnitStats* stats = &battle.stats[u]
    if battle.health[target] <= 0:  # somebody else got it in this very loop: the shot is saved
        battle.weapon_wait[u] = 0.0
        return
    note(battle.log, SHOT, u, target, 0)
    battle.shot_at[u] = target
    if stats.effect == DIRECT:
        strike(battle, u, target)
    elif stats.effect == EXPLOSION:
        battle.health[u] = 0.0
        return
    else:
        launch(battle, u, target)
    battle.cooldown[u] = battle.weapon_wait[u]
    battle.backswing[u] = stats.backswing


cdef inline void attack(Battle* battle, Scratch* scratch, int u) noexcept nogil:
    """One loop of a unit's attack cycle: turn, aim for the damage point, shoot.

    A period and its random delay count from the start of an attack; what is left of the loop in which a busy weapon is
    ready again counts for the next.
    """
    cdef const UnitStats* stats = &battle.stats[u]
    cdef bint faces
    battle.cooldown[u] = max(battle.cooldown[u] - <float>1.0, <float>0.0)
    battle.weapon_wait[u] = max(battle.weapon_wait[u], <float>0.0) - <float>(battle.weapon_wait[u] > 0)
    battle.backswing[u] -= battle.backswing[u] > 0
    if not scratch.in_reach[u]:
        return
    faces = stats.fires_freely or face(battle, u, battle.target[u])
    if battle.windup[u] > 0:
        battle.windup[u] -= 1
        if battle.windup[u] == 0:
            shoot(battle, u)
    elif battle.weapon_wait[u] <= 0 and faces:
        battle.weapon_wait[u] += stats.period + (
            battle.rules.delay_low + battle.rules.delay_span * draw_unit(battle.random_key, battle.random_counter)
        )
        battle.windup[u] = stats.damage_point
        if battle.windup[u] == 0:
            shoot(battle, u)
