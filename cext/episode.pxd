"""An episode of one battle in SMAC's terms: start, orders from actions, reward, end."""

from libc.stdint cimport int32_t

from battle cimport (
    ANCHORED, ATTACK, ATTACK_MOVE, IDLE, MAX_UNITS, MOVE, MOVING, Battle, Scratch
)
from battle_combat cimport attack, choose_target
from battle_movement cimport PUSH_ROUNDS, find_line, plan, push_apart, settle, walk
from feature_kernel cimport EAST, FIRST_TARGET, NO_OP, NORTH, SOUTH, STOP, WEST
from outcome cimport EpisodeRules, battle_reward, end_code, vitality, with_outcome

cdef struct StepResult:
    double reward
    int end_code


cdef inline void start_battle(Battle* battle, const float* spawn) noexcept nogil:
    """Full units at ``spawn`` [n_units, 2]; the enemy gets its opening attack-move, allies stand idle."""
    cdef int u
    for u in range(battle.n_units):
        battle.x[u] = spawn[2 * u]
        battle.y[u] = spawn[2 * u + 1]
        battle.health[u] = battle.stats[u].health_max
        battle.shield[u] = battle.stats[u].shield_max
        battle.cooldown[u] = 0.0
        battle.goal_x[u] = battle.rules.attack_x
        battle.goal_y[u] = battle.rules.attack_y
        battle.order[u] = IDLE if u < battle.n_agents else ATTACK_MOVE
        battle.target[u] = -1
        battle.windup[u] = 0
        battle.backswing[u] = 0
        battle.help_wait[u] = 0


cdef inline void give_order(Battle* battle, int u, int action, float move_amount) noexcept nogil:
    """Turns an action into an order; it interrupts aiming and backswing, unless it repeats the order at hand."""
    cdef int target = battle.n_agents + action - FIRST_TARGET
    if action == NO_OP:
        return
    if action >= FIRST_TARGET and battle.order[u] == ATTACK and battle.target[u] == target:
        return
    battle.windup[u] = 0
    battle.backswing[u] = 0
    battle.target[u] = -1
    if action == STOP:
        battle.order[u] = IDLE
    elif action >= FIRST_TARGET:
        battle.order[u] = ATTACK
        battle.target[u] = target
    else:
        battle.order[u] = MOVE
        battle.goal_x[u] = battle.x[u] + move_amount * <float>((action == EAST) - (action == WEST))
        battle.goal_y[u] = battle.y[u] + move_amount * <float>((action == NORTH) - (action == SOUTH))


cdef inline void move_units(Battle* battle, Scratch* scratch) noexcept nogil:
    """Movement phase of one loop: everybody plans and walks from the same positions, then all are pushed apart."""
    cdef int u, _round
    for u in range(battle.n_units):
        scratch.next_x[u] = battle.x[u]
        scratch.next_y[u] = battle.y[u]
        scratch.anchor_x[u] = -1000.0  # far away: in nobody's way
        scratch.anchor_y[u] = -1000.0
        if not scratch.alive[u]:
            scratch.next_x[u] = -1000.0 - 10.0 * u
            continue
        plan(battle, scratch, u)
        if scratch.stance[u] == ANCHORED:
            scratch.anchor_x[u] = battle.x[u]
            scratch.anchor_y[u] = battle.y[u]
    find_line(battle, scratch, 0)
    find_line(battle, scratch, 1)
    for u in range(battle.n_units):
        if scratch.alive[u] and scratch.stance[u] == MOVING:
            walk(battle, scratch, u)
    for _round in range(PUSH_ROUNDS):
        push_apart(battle, scratch)
    for u in range(battle.n_units):
        if scratch.alive[u]:
            settle(battle, scratch, u)


cdef inline void game_loop(Battle* battle, Scratch* scratch) noexcept nogil:
    """One game loop, 1/16 s: targets, attacks, movement. Who dies in it still shoots in it."""
    cdef int u
    for u in range(battle.n_units):
        scratch.alive[u] = battle.health[u] > 0
    for u in range(battle.n_units):
        if scratch.alive[u]:
            choose_target(battle, scratch, u)
    for u in range(battle.n_units):
        if scratch.alive[u]:
            attack(battle, scratch, u)
    move_units(battle, scratch)


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
    for _loop in range(rules.loops_per_step):
        game_loop(battle, &scratch)
    result.end_code = end_code(battle, rules)
    result.reward = with_outcome(battle_reward(battle, rules, before), result.end_code, rules)
    return result
