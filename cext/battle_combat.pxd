"""The attack cycle: cooldown, damage point, shot, backswing."""

from libc.math cimport sqrtf

from battle cimport DIRECT, EXPLOSION, Battle, Scratch, Unit, UnitStats
from battle_damage cimport strike
from battle_log cimport SHOT, note
from battle_shots cimport launch
from random_stream cimport draw_unit


cdef inline bint face(Battle* battle, int u, int target) noexcept nogil:
    """Turns u towards its target by 62.5 degrees, what a loop allows; whether that leaves less than 11.25 to it."""
    cdef Unit* unit = &battle.units[u]
    cdef float dx = battle.units[target].x - unit.x
    cdef float dy = battle.units[target].y - unit.y
    cdef float fx = unit.facing_x, fy = unit.facing_y
    cdef float length, along, side
    if dx == fx and dy == fy:
        return True
    length = sqrtf((dx * dx + dy * dy) * (fx * fx + fy * fy))
    along = dx * fx + dy * fy
    if along >= <float>0.46174861 * length or battle.stats[u].speed <= 0:
        unit.facing_x = dx
        unit.facing_y = dy
        return True
    side = <float>0.88701083 if fx * dy >= fy * dx else <float>-0.88701083
    unit.facing_x = <float>0.46174861 * fx - side * fy
    unit.facing_y = side * fx + <float>0.46174861 * fy
    return along >= <float>0.27982903 * length


cdef inline void shoot(Battle* battle, int u) noexcept nogil:
    """The shot leaves."""
    cdef Unit* unit = &battle.units[u]
    cdef int target = unit.target
    cdef const UnitStats* stats = &battle.stats[u]
    if battle.units[target].health <= 0:  # somebody else got it in this very loop: the shot is saved
        unit.weapon_wait = 0.0
        return
    note(battle.log, SHOT, u, target, 0)
    unit.shot_at = target
    if stats.effect == DIRECT:
        strike(battle, u, target)
    elif stats.effect == EXPLOSION:
        unit.health = 0.0
        return
    else:
        launch(battle, u, target)
    unit.gauge = unit.weapon_wait
    unit.backswing = stats.backswing


cdef inline void attack(Battle* battle, Scratch* scratch, int u) noexcept nogil:
    """One loop of a unit's attack cycle: turn, aim for the damage point, shoot.

    A period and its random delay count from the start of an attack; what is left of the loop in which a busy weapon is
    ready again counts for the next.
    """
    cdef Unit* unit = &battle.units[u]
    cdef const UnitStats* stats = &battle.stats[u]
    cdef bint faces
    unit.gauge = max(unit.gauge - <float>1.0, <float>0.0)
    unit.weapon_wait = max(unit.weapon_wait, <float>0.0) - <float>(unit.weapon_wait > 0)
    unit.backswing -= unit.backswing > 0
    if not scratch.in_reach[u]:
        return
    faces = stats.fires_freely or face(battle, u, unit.target)
    if unit.windup > 0:
        unit.windup -= 1
        if unit.windup == 0:
            shoot(battle, u)
    elif unit.weapon_wait <= 0 and faces:
        unit.weapon_wait += stats.period + (
            battle.rules.delay_low + battle.rules.delay_span * draw_unit(battle.random_key, battle.random_counter)
        )
        unit.windup = stats.damage_point
        if unit.windup == 0:
            shoot(battle, u)
