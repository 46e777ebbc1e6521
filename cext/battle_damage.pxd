"""What a hit does: shield, armor, life, and the victim's call for help."""

from battle cimport ATTACK_MOVE, Battle, Unit, UnitStats, distance2, first_friend, last_friend
from battle_log cimport HIT, note


cdef inline void hurt(Battle* battle, int u, int target) noexcept nogil:
    """One hit of u: the shield takes what it can without armor, the rest goes to life less armor."""
    cdef const UnitStats* attacker = &battle.stats[u]
    cdef const UnitStats* victim = &battle.stats[target]
    cdef Unit* unit = &battle.units[target]
    cdef float damage = attacker.damage
    cdef float absorbed
    if attacker.bonus_attributes & victim.attributes:
        damage += attacker.bonus_damage
    absorbed = min(unit.shield, damage)
    unit.shield -= absorbed
    damage -= absorbed
    if damage > 0:
        damage = max(damage - victim.armor * attacker.armor_factor, battle.rules.minimum_damage)
        unit.health = max(unit.health - damage, <float>0.0)
    unit.shield_wait = victim.shield_wait


cdef inline void call_for_help(Battle* battle, int victim, int attacker) noexcept nogil:
    """Alarms the victim, and from time to time the friends near it."""
    cdef Unit* unit = &battle.units[victim]
    cdef int friend
    cdef float radius = battle.rules.help_radius
    unit.alarm = attacker
    if unit.order != ATTACK_MOVE or unit.help_wait > 0:
        return
    unit.help_wait = battle.rules.help_period
    for friend in range(first_friend(battle, victim), last_friend(battle, victim)):
        if distance2(battle, victim, friend) <= radius * radius:
            battle.units[friend].alarm = attacker


cdef inline void strike(Battle* battle, int u, int target) noexcept nogil:
    """One hit of u and what it stirs up."""
    cdef const Unit* victim = &battle.units[target]
    cdef float before = victim.health + victim.shield
    hurt(battle, u, target)
    note(battle.log, HIT, u, target, before - victim.health - victim.shield)
    call_for_help(battle, target, u)
