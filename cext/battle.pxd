"""One battle: its units as arrays, and one game loop of it.

Rules, sources and deviations: docs/simulator.md. All arithmetic is float32 in a fixed order and positions lie on
the engine's grid of 1/4096, so a battle is the same on every platform. The naive twin is
seed_matrace/_cext/reference_battle.py. Unit slots: allies (agents) first, then enemies.
"""

from libc.stdint cimport int32_t, uint8_t, uint64_t

from feature_kernel cimport MAX_UNITS

cdef enum Order:
    IDLE = 0
    MOVE = 1  # to (goal_x, goal_y), then idle
    ATTACK = 2  # ``target`` until it is dead, then idle
    ATTACK_MOVE = 3  # to (goal_x, goal_y), fighting whatever comes in reach

cdef enum Stance:
    STANDING = 0  # no wish to move; yields to friends
    ANCHORED = 1  # shooting; yields to nobody
    MOVING = 2

cdef struct UnitStats:  # seed_matrace.skirmish.units.UNIT_STATS_DTYPE
    float health_max
    float shield_max
    float armor
    float radius
    float speed
    float damage
    float bonus_damage
    float reach
    float reach_slop
    float scan
    float period
    int32_t damage_point
    int32_t backswing
    int32_t attributes
    int32_t bonus_attributes

cdef struct Rules:  # of the engine and the map; the same in every environment
    float delay_low
    float delay_span
    float minimum_damage
    float help_radius
    int help_period
    float attack_x
    float attack_y
    float arrival_radius
    int map_x
    int map_y
    const uint8_t* walkable

cdef struct Battle:  # [n_units] each
    int n_agents
    int n_units
    const Rules* rules
    const UnitStats* stats
    const float* separation
    float* x
    float* y
    float* health
    float* shield
    float* cooldown  # loops until the next attack may start
    float* goal_x
    float* goal_y
    int32_t* order
    int32_t* target  # unit attacked or chased, -1 none
    int32_t* windup  # loops until the shot leaves, 0 when not aiming
    int32_t* backswing  # loops the unit still stands after a shot
    int32_t* help_wait  # loops until it may call for help again
    uint64_t random_key
    uint64_t* random_counter

cdef struct Scratch:  # of one game loop
    bint alive[MAX_UNITS]  # at the start of the loop: shots of one loop are simultaneous
    bint in_reach[MAX_UNITS]  # its target stands within weapon range
    int stance[MAX_UNITS]
    float to_x[MAX_UNITS]  # where the unit wants to go
    float to_y[MAX_UNITS]
    float next_x[MAX_UNITS]
    float next_y[MAX_UNITS]
    float anchor_x[MAX_UNITS]  # position where anchored, else far away
    float anchor_y[MAX_UNITS]
    float line_x[2]  # centre of the units that stand and shoot, of allies and of enemies
    float line_y[2]
    float push_x[MAX_UNITS]
    float push_y[MAX_UNITS]


cdef inline float distance2(const Battle* battle, int u, int v) noexcept nogil:
    """Squared distance of two units, centre to centre."""
    cdef float dx = battle.x[v] - battle.x[u]
    cdef float dy = battle.y[v] - battle.y[u]
    return dx * dx + dy * dy


cdef inline bint within(const Battle* battle, int u, int v, float reach) noexcept nogil:
    """Whether the edge of unit v is at most ``reach`` from the centre of unit u."""
    cdef float limit = reach + battle.stats[v].radius
    return distance2(battle, u, v) <= limit * limit
