"""An episode of one battle in SMAC's terms: start, orders from actions, reward, end."""

from libc.stdint cimport int32_t
from libc.string cimport memcpy

from battle cimport (
    ATTACK, ATTACK_MOVE, BURST, HEAL, IDLE, MAX_UNITS, MOVE, Battle, Rules, Scratch, can_hit, cancel_aim
)
from battle_combat cimport attack
from battle_log cimport BattleLog
from battle_movement cimport move_units, plan
from battle_recovery cimport can_heal, choose_patient, heal, recover
from battle_shots cimport carry_shots, explode_dead
from battle_targets cimport SCAN_PERIOD, keep_target, look_round
from feature_layout cimport EAST, FIRST_TARGET, NO_OP, NORTH, SOUTH, STOP, WEST
from outcome cimport EpisodeRules, battle_reward, end_code, vitality, with_outcome
from random_stream cimport draw_below, draw_unit

cdef struct StepResult:
    double reward
    int end_code


cdef inline void start_unit(Battle* battle, int u, float x, float y) noexcept nogil:
    """A full unit at (x, y) that wants nothing."""
    battle.x[u] = x
    battle.y[u] = y
    battle.health[u] = battle.stats[u].health_max
    battle.shield[u] = battle.stats[u].shield_max
    battle.cooldown[u] = 0.0
    if battle.stats[u].effect == HEAL:
        battle.energy[u] = battle.stats[u].energy_start
    battle.velocity_x[u] = 0.0
    battle.velocity_y[u] = 0.0
    battle.order[u] = IDLE
    battle.target[u] = -1
    battle.windup[u] = 0
    battle.weapon_wait[u] = 0.0
    battle.backswing[u] = 0
    battle.facing_x[u] = 1.0 if u < battle.n_agents else -1.0
    battle.facing_y[u] = 0.0
    battle.scan_wait[u] = 0
    battle.shot_at[u] = -1
    battle.alarm[u] = -1
    battle.detour[u] = 0
    battle.help_wait[u] = 0
    battle.shield_wait[u] = 0
    battle.shot_target[u] = -1
    battle.exploded[u] = 0


cdef inline void start_battle(Battle* battle, const float* spawn, const int* created) noexcept nogil:
    """Full units at ``spawn`` [n_units, 2]; the enemy gets its opening attack-move, allies stand idle.

    Units look round in turn, in the order in which they were ``created``.
    """
    cdef const Rules* rules = battle.rules
    cdef int u
    cdef int enemies = battle.n_units - battle.n_agents
    cdef float along = 0, x = 0, y = 0
    cdef int phase = <int>draw_below(battle.random_key, battle.random_counter, SCAN_PERIOD)
    for u in range(battle.n_units):
        start_unit(battle, u, spawn[2 * u], spawn[2 * u + 1])
        battle.scan_wait[u] = 1 + (phase + created[u]) % SCAN_PERIOD
    if rules.attack_span_x != 0 or rules.attack_span_y != 0:
        along = draw_unit(battle.random_key, battle.random_counter)
    for u in range(battle.n_agents, battle.n_units):
        x += battle.x[u]
        y += battle.y[u]
    x = rules.attack_x + along * rules.attack_span_x - x / <float>enemies
    y = rules.attack_y + along * rules.attack_span_y - y / <float>enemies
    for u in range(battle.n_agents, battle.n_units):  # each keeps its position in the group
        battle.order[u] = ATTACK_MOVE
        battle.goal_x[u] = battle.x[u] if rules.attack_own_place else battle.x[u] + x
        battle.goal_y[u] = battle.y[u] if rules.attack_own_place else battle.y[u] + y


cdef inline bint refused(const Battle* battle, int u, int target) noexcept nogil:
    """Whether the game would not take this order: weapons that cannot hit, patients that need nothing."""
    if battle.stats[u].effect == HEAL:
        return not can_heal(battle, u, target)
    return not can_hit(battle, u, target)


cdef inline bint take_order(Battle* battle, int u, int order, int target, float x, float y) noexcept nogil:
    """Puts a unit on an order; returns whether the game takes it.

    A new order interrupts aiming, second blow and backswing; the attack at hand, ordered again, interrupts nothing, and
    no order without a target what fires freely.

    Args:
      target: unit to attack or heal; -1 for the other orders.
      x, y: where to go; for orders without a target point whatever.
    """
    if order == ATTACK and battle.order[u] == ATTACK and battle.target[u] == target:
        return True
    if order == ATTACK and refused(battle, u, target):
        return False
    battle.backswing[u] = 0
    if target >= 0 or not battle.stats[u].fires_freely:
        cancel_aim(battle, u)
        battle.target[u] = target
    if battle.stats[u].effect == BURST:
        battle.shot_target[u] = -1
    battle.order[u] = order
    if order == MOVE or order == ATTACK_MOVE:
        battle.goal_x[u] = x
        battle.goal_y[u] = y
    return True


cdef inline void give_order(Battle* battle, int u, int action, float move_amount) noexcept nogil:
    """Turns an action into an order."""
    cdef int target = action - FIRST_TARGET
    if action == NO_OP:
        return
    if action == STOP:
        take_order(battle, u, IDLE, -1, 0, 0)
    elif action >= FIRST_TARGET:
        if battle.stats[u].effect != HEAL:
            target += battle.n_agents
        take_order(battle, u, ATTACK, target, 0, 0)
    else:
        take_order(
            battle, u, MOVE, -1,
            battle.x[u] + move_amount * <float>((action == EAST) - (action == WEST)),
            battle.y[u] + move_amount * <float>((action == NORTH) - (action == SOUTH)),
        )


cdef inline void begin_loop(Battle* battle, Scratch* scratch) noexcept nogil:
    """Who lives, and what it is after."""
    cdef int u, n = 0
    for u in range(battle.n_units):
        scratch.alive[u] = battle.health[u] > 0
        scratch.healed[u] = False
        if not scratch.alive[u]:
            continue
        scratch.living[n] = u
        n += 1
        if battle.stats[u].effect == HEAL:
            choose_patient(battle, scratch, u)
        else:
            keep_target(battle, scratch, u)
    scratch.n_living = n


cdef inline void game_loop(Battle* battle, Scratch* scratch) noexcept nogil:
    """One game loop, 1/16 s: targets, attacks, recovery, movement. Who dies in it still shoots and walks in it.

    Most loops are short, so that a pass over the units costs nearly as much as what it does: what can be is in one.
    """
    cdef int k, u
    begin_loop(battle, scratch)
    if battle.rules.has_shots:
        carry_shots(battle, scratch)
    for k in range(scratch.n_living):
        u = scratch.living[k]
        battle.help_wait[u] -= battle.help_wait[u] > 0
        if battle.stats[u].effect == HEAL:
            heal(battle, scratch, u)
        else:
            attack(battle, scratch, u)
    if battle.rules.has_explosions:
        explode_dead(battle)
    scratch.line.count = 0
    for k in range(scratch.n_living):
        u = scratch.living[k]
        if battle.rules.has_recovery:
            recover(battle, u)
        if battle.stats[u].effect != HEAL:
            look_round(battle, scratch, u)
        plan(battle, scratch, u)
    move_units(battle, scratch)


cdef inline void keep_loop(const Battle* battle, BattleLog* log) noexcept nogil:
    """Writes down where a game loop has led."""
    cdef int units = log.n_units
    cdef float* row = log.units + 5 * units * log.loops
    cdef size_t size = units * sizeof(float)
    if log.loops >= log.max_loops:
        return
    memcpy(row, battle.x, size)
    memcpy(row + units, battle.y, size)
    memcpy(row + 2 * units, battle.health, size)
    memcpy(row + 3 * units, battle.shield, size)
    memcpy(row + 4 * units, battle.cooldown, size)  # of a healer its energy, in the same place
    memcpy(log.intents, battle.order, units * sizeof(int32_t))
    memcpy(log.intents + units, battle.target, units * sizeof(int32_t))
    log.loops += 1


cdef inline StepResult step_battle(Battle* battle, const EpisodeRules* rules, const int32_t* actions) noexcept nogil:
    """One env step: orders of the living, game loops, end code and reward."""
    cdef Scratch scratch
    cdef StepResult result
    cdef double before[MAX_UNITS]
    cdef int u, _loop
    for u in range(battle.n_units):
        before[u] = vitality(battle, u)
    for u in range(battle.n_agents):
        if battle.health[u] > 0:
            give_order(battle, u, actions[u], rules.move_amount)
    if battle.log != NULL:
        battle.log.loops = battle.log.count = 0
    for _loop in range(rules.loops_per_step):
        game_loop(battle, &scratch)
        if battle.log != NULL:
            keep_loop(battle, battle.log)
    result.end_code = end_code(battle, rules)
    result.reward = with_outcome(battle_reward(battle, rules, before), result.end_code, rules)
    return result
