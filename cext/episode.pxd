"""An episode of one battle in SMAC's terms: start, orders from actions, reward, end."""

from libc.stdint cimport int32_t

from battle cimport (
    ATTACK, ATTACK_MOVE, BURST, HEAL, IDLE, MAX_UNITS, MOVE, Battle, Rules, Scratch, Unit, can_hit, cancel_aim
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
    cdef Unit* unit = &battle.units[u]
    unit.x = x
    unit.y = y
    unit.health = battle.stats[u].health_max
    unit.shield = battle.stats[u].shield_max
    unit.gauge = 0.0
    if battle.stats[u].effect == HEAL:
        unit.gauge = battle.stats[u].energy_start
    unit.velocity_x = 0.0
    unit.velocity_y = 0.0
    unit.order = IDLE
    unit.target = -1
    unit.windup = 0
    unit.weapon_wait = 0.0
    unit.backswing = 0
    unit.facing_x = 1.0 if u < battle.n_agents else -1.0
    unit.facing_y = 0.0
    unit.scan_wait = 0
    unit.shot_at = -1
    unit.alarm = -1
    unit.detour = 0
    unit.help_wait = 0
    unit.shield_wait = 0
    unit.shot_target = -1
    unit.exploded = 0


cdef inline void start_battle(Battle* battle, const float* spawn, const int* created) noexcept nogil:
    """Full units at ``spawn`` [n_units, 2]; the enemy gets its opening attack-move, allies stand idle.

    Units look round in turn, in the order in which they were ``created``.
    """
    cdef const Rules* rules = battle.rules
    cdef int u
    cdef int enemies = battle.n_units - battle.n_agents
    cdef Unit* unit
    cdef float along = 0, x = 0, y = 0
    cdef int phase = <int>draw_below(battle.random_key, battle.random_counter, SCAN_PERIOD)
    for u in range(battle.n_units):
        start_unit(battle, u, spawn[2 * u], spawn[2 * u + 1])
        battle.units[u].scan_wait = 1 + (phase + created[u]) % SCAN_PERIOD
    if rules.attack_span_x != 0 or rules.attack_span_y != 0:
        along = draw_unit(battle.random_key, battle.random_counter)
    for u in range(battle.n_agents, battle.n_units):
        x += battle.units[u].x
        y += battle.units[u].y
    x = rules.attack_x + along * rules.attack_span_x - x / <float>enemies
    y = rules.attack_y + along * rules.attack_span_y - y / <float>enemies
    for u in range(battle.n_agents, battle.n_units):  # each keeps its position in the group
        unit = &battle.units[u]
        unit.order = ATTACK_MOVE
        unit.goal_x = unit.x if rules.attack_own_place else unit.x + x
        unit.goal_y = unit.y if rules.attack_own_place else unit.y + y


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
    cdef Unit* unit = &battle.units[u]
    if order == ATTACK and unit.order == ATTACK and unit.target == target:
        return True
    if order == ATTACK and refused(battle, u, target):
        return False
    unit.backswing = 0
    if target >= 0 or not battle.stats[u].fires_freely:
        cancel_aim(battle, u)
        unit.target = target
    if battle.stats[u].effect == BURST:
        unit.shot_target = -1
    unit.order = order
    if order == MOVE or order == ATTACK_MOVE:
        unit.goal_x = x
        unit.goal_y = y
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
            battle.units[u].x + move_amount * <float>((action == EAST) - (action == WEST)),
            battle.units[u].y + move_amount * <float>((action == NORTH) - (action == SOUTH)),
        )


cdef inline void begin_loop(Battle* battle, Scratch* scratch) noexcept nogil:
    """Who lives, and what it is after."""
    cdef int u, n = 0
    for u in range(battle.n_units):
        scratch.alive[u] = battle.units[u].health > 0
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
        battle.units[u].help_wait -= battle.units[u].help_wait > 0
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


cdef inline void write_units(const Battle* battle, float* rows) noexcept nogil:
    """What the game shows of its units, [5, n_units]: x, y, health, shield, gauge."""
    cdef const Unit* unit
    cdef int u, units = battle.n_units
    for u in range(units):
        unit = &battle.units[u]
        rows[u] = unit.x
        rows[units + u] = unit.y
        rows[2 * units + u] = unit.health
        rows[3 * units + u] = unit.shield
        rows[4 * units + u] = unit.gauge


cdef inline void keep_loop(const Battle* battle, BattleLog* log) noexcept nogil:
    """Writes down where a game loop has led."""
    cdef int u
    if log.loops >= log.max_loops:
        return
    write_units(battle, log.units + 5 * log.n_units * log.loops)
    for u in range(log.n_units):
        log.intents[u] = battle.units[u].order
        log.intents[log.n_units + u] = battle.units[u].target
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
        if battle.units[u].health > 0:
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
