"""What comes back: shields, life, energy, and the healers' beams."""

from battle cimport (
    ATTACK, ATTACK_MOVE, IDLE, Battle, Scratch, Unit, UnitStats, distance2, first_friend, last_friend, within
)
from battle_log cimport HEAL, note
from battle_targets cimport SCAN_PERIOD


cdef inline bint can_heal(const Battle* battle, int u, int v) noexcept nogil:
    """Whether v lives, is of a kind that u heals, and lacks life."""
    return (
        0 < battle.units[v].health < battle.stats[v].health_max
        and (battle.stats[u].bonus_attributes & battle.stats[v].attributes) != 0
        and u != v
    )


cdef inline int worst_in_scan(const Battle* battle, int u) noexcept nogil:
    """Friend in scan with the least part of its life (ties: nearest, lowest slot), -1 if nobody needs healing."""
    cdef int v, best = -1
    cdef float part, d2, best_part = 0, best_d2 = 0
    for v in range(first_friend(battle, u), last_friend(battle, u)):
        if not can_heal(battle, u, v) or not within(battle, u, v, battle.stats[u].scan):
            continue
        part = battle.units[v].health / battle.stats[v].health_max
        d2 = distance2(battle, u, v)
        if best < 0 or part < best_part or (part == best_part and d2 < best_d2):
            best = v
            best_part = part
            best_d2 = d2
    return best


cdef inline bint fights_beside(const Battle* battle, int u) noexcept nogil:
    """Whether somebody u could heal, were it hurt, has an opponent to attack within u's scan."""
    cdef int v
    for v in range(first_friend(battle, u), last_friend(battle, u)):
        if v == u or battle.units[v].health <= 0 or battle.units[v].target < 0:
            continue
        if battle.stats[u].bonus_attributes & battle.stats[v].attributes and within(battle, u, v, battle.stats[u].scan):
            return True
    return False


cdef inline void choose_patient(Battle* battle, Scratch* scratch, int u) noexcept nogil:
    """Keeps a patient until it is dead or whole; healers on attack-move look for another, and stay with who fights."""
    cdef Unit* unit = &battle.units[u]
    cdef const UnitStats* stats = &battle.stats[u]
    cdef int target = unit.target
    cdef bint held = False
    unit.scan_wait -= 1
    if target >= 0 and not can_heal(battle, u, target):
        target = -1
    if target >= 0:
        held = within(battle, u, target, stats.reach_slop if unit.windup > 0 else stats.reach)
    if unit.order == ATTACK and target < 0:
        unit.order = IDLE
    if unit.order != ATTACK_MOVE:
        unit.backswing = 0
    elif not held and unit.scan_wait <= 0:
        target = worst_in_scan(battle, u) if unit.gauge >= stats.heal_energy else -1
        held = target >= 0 and within(battle, u, target, stats.reach)
        unit.backswing = target < 0 and fights_beside(battle, u)
    if unit.scan_wait <= 0:
        unit.scan_wait = SCAN_PERIOD
    unit.windup = held
    unit.target = target
    scratch.in_reach[u] = held


cdef inline void heal(Battle* battle, Scratch* scratch, int u) noexcept nogil:
    """One loop of a beam: one healer per patient, energy in proportion to the life restored."""
    cdef Unit* unit = &battle.units[u]
    cdef const UnitStats* stats = &battle.stats[u]
    cdef int target = unit.target
    cdef float restored
    unit.gauge = min(unit.gauge + stats.energy_regen, stats.energy_max)
    if not scratch.in_reach[u] or scratch.healed[target] or battle.units[target].health <= 0:
        return
    restored = min(stats.damage, battle.stats[target].health_max - battle.units[target].health)
    if unit.gauge < restored * stats.heal_cost:
        return
    scratch.healed[target] = True
    unit.gauge -= restored * stats.heal_cost
    battle.units[target].health += restored
    note(battle.log, HEAL, u, target, restored)


cdef inline void recover(Battle* battle, int u) noexcept nogil:
    """One loop of regeneration: life always, shields after some time without damage."""
    cdef Unit* unit = &battle.units[u]
    cdef const UnitStats* stats = &battle.stats[u]
    if unit.health <= 0:
        return
    unit.health = min(unit.health + stats.health_regen, stats.health_max)
    unit.shield = min(unit.shield + stats.shield_regen * <float>(unit.shield_wait <= 0), stats.shield_max)
    unit.shield_wait -= unit.shield_wait > 0
