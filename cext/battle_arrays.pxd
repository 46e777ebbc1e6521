"""Where a battle's arrays lie in the memory of a group of battles."""

from libc.stdint cimport int32_t

from battle cimport Battle

cdef enum:
    FLOAT_FIELDS = 16
    INT_FIELDS = 13


cdef inline void point_at(Battle* battle, float* reals, int32_t* ints, int stride) noexcept nogil:
    """Points the fields at rows of ``stride`` units in reals [FLOAT_FIELDS, stride] and ints [INT_FIELDS, stride]."""
    battle.x, battle.y = reals, reals + stride
    battle.health, battle.shield = reals + 2 * stride, reals + 3 * stride
    battle.cooldown = battle.energy = reals + 4 * stride
    battle.goal_x, battle.goal_y = reals + 5 * stride, reals + 6 * stride
    battle.velocity_x, battle.velocity_y = reals + 7 * stride, reals + 8 * stride
    battle.shot_x, battle.shot_y = reals + 9 * stride, reals + 10 * stride
    battle.shot_dx, battle.shot_dy = reals + 11 * stride, reals + 12 * stride
    battle.weapon_wait = reals + 13 * stride
    battle.facing_x, battle.facing_y = reals + 14 * stride, reals + 15 * stride
    battle.order, battle.target = ints, ints + stride
    battle.windup, battle.backswing = ints + 2 * stride, ints + 3 * stride
    battle.help_wait, battle.shield_wait = ints + 4 * stride, ints + 5 * stride
    battle.shot_target, battle.shot_age = ints + 6 * stride, ints + 7 * stride
    battle.exploded = ints + 8 * stride
    battle.scan_wait, battle.alarm = ints + 9 * stride, ints + 10 * stride
    battle.detour, battle.shot_at = ints + 11 * stride, ints + 12 * stride
