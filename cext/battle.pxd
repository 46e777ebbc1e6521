"""One battle: its units as arrays, and what every rule asks of them.

Rules, sources and deviations: docs/simulator.md. All arithmetic is float32 in a fixed order and positions lie on
the engine's grid of 1/4096, so a battle is the same on every platform. The naive twin is
tests/twins/battle.py. Unit slots: allies (agents) first, then enemies.
"""

from libc.stdint cimport int16_t, int32_t, uint8_t, uint32_t, uint64_t

from battle_log cimport BattleLog
from feature_layout cimport MAX_UNITS

cdef enum Order:
    IDLE = 0
    MOVE = 1  # to (goal_x, goal_y), then idle
    ATTACK = 2  # ``target`` (a healer: its patient) until it is dead, then idle
    ATTACK_MOVE = 3  # to (goal_x, goal_y), fighting (a healer: healing) whatever comes in reach

cdef enum Stance:
    STANDING = 0  # no wish to move; yields to friends
    ANCHORED = 1  # shooting; yields to nobody
    MOVING = 2

cdef enum Effect:  # what happens when a weapon goes off; seed_matrace.skirmish.units.EFFECTS
    DIRECT = 0  # one hit at once
    BURST = 1  # one hit at once, another after ``hit_wait`` if nothing interrupts
    MISSILE = 2  # one hit on arrival
    SWEEP = 3  # two lances along a line across the target
    EXPLOSION = 4  # the unit dies; whoever of its kind dies takes the neighbourhood along
    HEAL = 5  # no weapon: a beam on a friend

cdef enum Layer:  # units of different layers do not collide
    GROUND_LAYER = 0
    AIR_LAYER = 1

cdef enum Mover:  # rows of Rules.edges; flyers have none
    WALKS = 0
    CLIMBS = 1  # cliffs
    FLIES = 2

cdef struct UnitStats:  # seed_matrace.skirmish.units.UNIT_STATS_DTYPE
    float health_max
    float shield_max
    float armor
    float radius
    float separation
    float margin  # that its centre keeps from what is blocked
    float speed
    float acceleration  # 0: full speed at once
    float lateral  # acceleration across the way, which turns it
    float health_regen
    float shield_regen
    float energy_start
    float energy_max
    float energy_regen
    float damage  # of one hit; of a healer: health per loop
    float bonus_damage
    float armor_factor  # 0 where damage ignores armor
    float reach
    float reach_slop
    float scan
    float period
    float missile_speed
    float splash_radius
    float sweep_reach
    float sweep_rate  # points per loop
    float sweep_step
    float heal_cost  # energy per health
    float heal_energy  # least energy to begin healing without an order
    int32_t effect
    int32_t damage_point
    int32_t backswing
    int32_t hit_wait  # loops to the second hit, or of a sweep from the touch to the hit
    int32_t sweep_wait  # of a sweep: loops to its last hit
    int32_t shield_wait  # loops without damage until the shield recovers
    int32_t attributes
    int32_t bonus_attributes  # of a healer: attributes it can heal
    int32_t planes  # bits of the planes in which it can be hit
    int32_t targets  # bits of the planes it can hit
    int32_t always_threatens
    int32_t fires_freely  # whatever its order, also while it walks
    int32_t layer
    int32_t mover

cdef struct Rules:  # of the engine and the map; the same in every environment
    float delay_low
    float delay_span
    float minimum_damage
    float help_radius
    int help_period
    bint attack_own_place  # no opening order: units stay where they are created
    float attack_x
    float attack_y
    float attack_span_x  # the point is drawn between this and that
    float attack_span_y
    bint mixed_targets  # somebody cannot hit, or is not threatened by, some opponent
    bint has_shots  # some hits come later than their shot
    bint has_sweeps
    bint has_explosions
    bint has_recovery
    bint has_air  # units above the ground, which collide with each other only
    int map_x
    int map_y
    const uint8_t* edges[2]  # [map_x * map_y] each: what is blocked for walkers and cliff walkers, battle_edges.pxd
    float area_x0  # the playable area, where flyers stay
    float area_y0
    float area_x1
    float area_y1
    int cells  # walkable cells; 0 where every straight way is walkable
    const int16_t* cell_of  # [map_x * map_y]: nearest walkable cell
    const int16_t* corner  # [cells * cells]: cell to walk to on the way from one to another, -1 straight on
    const float* cell_center  # [cells * 2]

cdef enum:  # fields of Unit
    UNIT_FLOATS = 16
    UNIT_INTS = 13

cdef struct Unit:  # all that changes of it; fields in the order of saved states, two cache lines
    float x
    float y
    float health
    float shield
    float gauge  # loops until the next attack may start, as the game shows it: from the shot on; of a healer its energy
    float goal_x
    float goal_y
    float velocity_x  # of units that accelerate
    float velocity_y
    float shot_x  # the shot under way, see battle_shots.pxd
    float shot_y
    float shot_dx
    float shot_dy
    float weapon_wait  # the gauge as the game counts it: from the start of the attack on
    float facing_x  # where a unit looks, of any length
    float facing_y
    int32_t order
    int32_t target  # unit attacked, healed or chased, -1 none
    int32_t windup  # loops until the shot leaves, 0 when not aiming; 1 while a beam is on
    int32_t backswing  # loops the unit still stands after a shot; of a healer: 1 beside friends who fight
    int32_t help_wait  # loops until it may call for help again
    int32_t shield_wait  # loops until the shield recovers
    int32_t shot_target  # unit the shot under way is meant for, -1 none
    int32_t shot_age
    int32_t exploded
    int32_t scan_wait  # loops until it looks round for a better target
    int32_t alarm  # who has hit it, or a friend near it, in this loop; -1 nobody
    int32_t detour  # on which side it walks round those in its way: 1 left, -1 right, 0 straight on
    int32_t shot_at  # whom its last shot was meant for, -1 nobody
    int32_t _unused[3]

cdef struct Battle:
    int n_agents
    int n_units
    const Rules* rules
    const UnitStats* stats  # [n_units]
    Unit* units  # [n_units]
    uint8_t* sweep_marks  # [n_units, 2, n_units] where there are sweeps: what each lance of a unit did to whom
    uint64_t random_key
    uint64_t* random_counter
    BattleLog* log  # NULL unless the battle is recorded

cdef struct Crowd:  # living units of one layer, in the order of slots
    int count
    int unit[MAX_UNITS]
    int stance[MAX_UNITS]
    float x[MAX_UNITS + 4]
    float y[MAX_UNITS + 4]
    float separation[MAX_UNITS + 4]

cdef enum:
    MAX_PAIRS = MAX_UNITS * (MAX_UNITS - 1) // 2 + 1  # one more to write into

cdef struct Pairs:  # of a crowd's units: who may come to push whom
    int count
    uint32_t units[MAX_PAIRS]  # MAX_UNITS * j + i, i before j
    float gap[MAX_PAIRS]  # at which they touch
    float yields[MAX_PAIRS]  # the part of an overlap that i gives way

cdef struct Line:  # units on the ground that stand fast
    int count
    int unit[MAX_UNITS + 4]
    float x[MAX_UNITS + 4]
    float y[MAX_UNITS + 4]
    float separation[MAX_UNITS + 4]

cdef struct Scratch:  # of one game loop
    int n_living
    int living[MAX_UNITS]  # at the start of the loop: shots of one loop are simultaneous
    bint alive[MAX_UNITS]
    bint in_reach[MAX_UNITS]  # its target stands within weapon range
    bint healed[MAX_UNITS]  # somebody's beam is on it
    int stance[MAX_UNITS]
    float to_x[MAX_UNITS]  # where the unit wants to go
    float to_y[MAX_UNITS]
    float next_x[MAX_UNITS]
    float next_y[MAX_UNITS]
    Line line
    Crowd ground
    Crowd air


cdef inline int first_foe(const Battle* battle, int u) noexcept nogil:
    return battle.n_agents if u < battle.n_agents else 0


cdef inline int last_foe(const Battle* battle, int u) noexcept nogil:
    """Behind the last slot of the other side."""
    return battle.n_units if u < battle.n_agents else battle.n_agents


cdef inline int first_friend(const Battle* battle, int u) noexcept nogil:
    return 0 if u < battle.n_agents else battle.n_agents


cdef inline int last_friend(const Battle* battle, int u) noexcept nogil:
    """Behind the last slot of the own side."""
    return battle.n_agents if u < battle.n_agents else battle.n_units


cdef inline float distance2(const Battle* battle, int u, int v) noexcept nogil:
    """Squared distance of two units, centre to centre."""
    cdef float dx = battle.units[v].x - battle.units[u].x
    cdef float dy = battle.units[v].y - battle.units[u].y
    return dx * dx + dy * dy


cdef inline bint within(const Battle* battle, int u, int v, float reach) noexcept nogil:
    """Whether the edge of unit v is at most ``reach`` from the centre of unit u."""
    cdef float limit = reach + battle.stats[v].radius
    return distance2(battle, u, v) <= limit * limit


cdef inline bint can_hit(const Battle* battle, int u, int v) noexcept nogil:
    """Whether u's weapon reaches the plane v is in."""
    return (battle.stats[u].targets & battle.stats[v].planes) != 0


cdef inline void cancel_aim(Battle* battle, int u) noexcept nogil:
    """Ends an attack before its shot; another may start at once."""
    cdef Unit* unit = &battle.units[u]
    if unit.windup > 0:
        unit.windup = 0
        unit.weapon_wait = 0.0


cdef inline bint threatens(const Battle* battle, int v, int u) noexcept nogil:
    """Whether u counts v as a threat."""
    return can_hit(battle, v, u) | battle.stats[v].always_threatens
