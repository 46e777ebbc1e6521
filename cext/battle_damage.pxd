"""What a hit does: shield, armor, life, and the victim's call for help."""

from battle cimport ATTACK_MOVE, Battle, UnitStats, distance2, first_friend, last_friend
from battle_log cimport HIT, note


cdef inline void hurt(Battle* battle, int u, int target) noexcept nogil:
    """One hit of u: the shield takes what it can without armor, the rest goes to life less armor."""
    cdef const UnitStats* attacker = &battle.stats[u]
    cdef const UnitStats* victim = &battle.stats[target]
    cdef float damage = attacker.damage
    cdef float absorbed
    if attacker.bonus_attributes & victim.attributes:
        damage += attacker.bonus_damage
    absorbed = min(battle.shield[target], damage)
    battle.shield[target] -= absorbed
    damage -= absorbed
    if damage > 0:
        damage = max(damage - victim.armor * attacker.armor_factor, battle.rules.minimum_damage)
        battle.health[target] = max(battle.health[target] - damage, <float>0.0)
    battle.shield_wait[target] = victim.shield_wait


cdef inline void call_for_help(Battle* battle, int victim, int attacker) noexcept nogil:
    """Alarms the victim, and from time to time the friends near it."""
    cdef int friend
    cdef float radius = battle.rules.help_radius
    battle.alarm[victim] = attacker
    if battle.order[victim] != ATTACK_MOVE or battle.help_wait[victim] > 0:
        return
    battle.help_wait[victim] = battle.rules.help_period
    for friend in range(first_friend(battle, victim), last_friend(battle, victim)):
        if distance2(battle, victim, friend) <= radius * radius:
            battle.alarm[friend] = attacker


cdef inline void strike(Battle* battle, int u, int target) noexcept nogil:
    """One hit of u and what it stirs up."""
    cdef float before = battle.health[target] + battle.shield[target]
    hurt(battle, u, target)
    note(battle.log, HIT, u, target, before - battle.health[target] - battle.shield[target])
    call_for_help(battle, target, u)
