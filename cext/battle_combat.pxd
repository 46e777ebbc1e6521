"""The attack cycle: cooldown, damage point, shot, backswing."""

from battle cimport DIRECT, EXPLOSION, Battle, Scratch, UnitStats
from battle_damage cimport strike
from battle_log cimport SHOT, note
from battle_shots cimport launch
from random_stream cimport draw_unit


cdef inline void shoot(Battle* battle, int u) noexcept nogil:
    """The shot leaves; the next may start a period (with its random delay) after this one started."""
    cdef int target = battle.target[u]
    cdef const UnitStats* stats = &battle.stats[u]
    cdef float delay
    if battle.health[target] <= 0:  # somebody else got it in this very loop: the shot is saved
        return
    note(battle.log, SHOT, u, target, 0)
    if stats.effect == DIRECT:
        strike(battle, u, target)
    elif stats.effect == EXPLOSION:
        battle.health[u] = 0.0
        return
    else:
        launch(battle, u, target)
    delay = battle.rules.delay_low + battle.rules.delay_span * draw_unit(battle.random_key, battle.random_counter)
    battle.cooldown[u] = stats.period - <float>stats.damage_point + delay
    battle.backswing[u] = stats.backswing


cdef inline void attack(Battle* battle, Scratch* scratch, int u) noexcept nogil:
    """One loop of a unit's attack cycle: cooldown, aim for the damage point, shoot."""
    battle.cooldown[u] = max(battle.cooldown[u] - <float>1.0, <float>0.0)
    if battle.backswing[u] > 0:
        battle.backswing[u] -= 1
    if not scratch.in_reach[u]:
        return
    if battle.windup[u] > 0:
        battle.windup[u] -= 1
        if battle.windup[u] == 0:
            shoot(battle, u)
    elif battle.cooldown[u] < <float>0.5:  # the loop nearest to the moment the weapon is ready
        battle.windup[u] = battle.stats[u].damage_point
        if battle.windup[u] == 0:
            shoot(battle, u)
