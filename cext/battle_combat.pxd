"""Who attacks whom, when, and what it does: target choice, attack cycle, damage, call for help."""

from battle cimport ATTACK, ATTACK_MOVE, IDLE, Battle, Scratch, UnitStats, distance2, within
from random_stream cimport draw_unit


cdef inline int nearest_in_scan(const Battle* battle, int u) noexcept nogil:
    """Nearest living opponent inside the scan radius (ties: lowest slot), -1 if there is none."""
    cdef int first = battle.n_agents if u < battle.n_agents else 0
    cdef int last = battle.n_units if u < battle.n_agents else battle.n_agents
    cdef int v, best = -1
    cdef float d2, best_d2 = 0
    for v in range(first, last):
        if battle.health[v] <= 0:
            continue
        d2 = distance2(battle, u, v)
        if (best < 0 or d2 < best_d2) and within(battle, u, v, battle.stats[u].scan):
            best = v
            best_d2 = d2
    return best


cdef inline void choose_target(Battle* battle, Scratch* scratch, int u) noexcept nogil:
    """Drops dead targets; units on attack-move keep one in reach, else take the nearest, else go on chasing."""
    cdef int target = battle.target[u], found
    cdef bint aiming = battle.windup[u] > 0
    cdef bint held = False
    scratch.in_reach[u] = False
    if target >= 0 and battle.health[target] <= 0:
        target = -1
    if target >= 0:
        held = within(battle, u, target, battle.stats[u].reach_slop if aiming else battle.stats[u].reach)
    if battle.order[u] == ATTACK and target < 0:
        battle.order[u] = IDLE
    if battle.order[u] == ATTACK_MOVE and not held:
        found = nearest_in_scan(battle, u)
        if found >= 0 and found != target:
            target = found
            battle.windup[u] = 0
            held = within(battle, u, target, battle.stats[u].reach)
    if not held:
        battle.windup[u] = 0
    battle.target[u] = target
    scratch.in_reach[u] = held


cdef inline void hit(Battle* battle, int u, int target) noexcept nogil:
    """One hit: the shield takes what it can without armor, the rest goes to life less armor."""
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
        damage = max(damage - victim.armor, battle.rules.minimum_damage)
        battle.health[target] = max(battle.health[target] - damage, <float>0.0)


cdef inline void call_for_help(Battle* battle, int victim, int attacker) noexcept nogil:
    """A victim on attack-move brings friends near it that have nothing to shoot at onto its attacker."""
    cdef int first = 0 if victim < battle.n_agents else battle.n_agents
    cdef int last = battle.n_agents if victim < battle.n_agents else battle.n_units
    cdef int friend
    cdef float radius = battle.rules.help_radius
    if battle.order[victim] != ATTACK_MOVE or battle.help_wait[victim] > 0:
        return
    battle.help_wait[victim] = battle.rules.help_period
    for friend in range(first, last):
        if battle.order[friend] != ATTACK_MOVE or battle.target[friend] >= 0 or battle.health[friend] <= 0:
            continue
        if distance2(battle, victim, friend) <= radius * radius:
            battle.target[friend] = attacker


cdef inline void shoot(Battle* battle, int u) noexcept nogil:
    """The shot leaves; the next may start a period (with its random delay) after this one started."""
    cdef int target = battle.target[u]
    cdef const UnitStats* stats = &battle.stats[u]
    cdef float delay
    if battle.health[target] <= 0:  # somebody else got it in this very loop: the shot is saved
        return
    hit(battle, u, target)
    delay = battle.rules.delay_low + battle.rules.delay_span * draw_unit(battle.random_key, battle.random_counter)
    battle.cooldown[u] = stats.period - <float>stats.damage_point + delay
    battle.backswing[u] = stats.backswing
    call_for_help(battle, target, u)


cdef inline void attack(Battle* battle, Scratch* scratch, int u) noexcept nogil:
    """One loop of a unit's attack cycle: cooldown, aim for the damage point, shoot."""
    battle.cooldown[u] = max(battle.cooldown[u] - <float>1.0, <float>0.0)
    if battle.backswing[u] > 0:
        battle.backswing[u] -= 1
    if battle.help_wait[u] > 0:
        battle.help_wait[u] -= 1
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
