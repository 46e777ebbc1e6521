"""What an env step was worth and whether it ended the battle, by SMAC's rules.

Source: starcraft2.py of SMAC 1.0.0 (update_units, only_medivac_left, reward_battle, step), float64 in its order of
operations. The naive twin is tests/twins/outcome.py.
"""

from libc.math cimport fabs
from libc.stdint cimport uint8_t

from battle cimport Battle, Unit

cdef enum EndCode:  # SMAC's battle outcome
    LOST = -1
    DRAWN = 0
    WON = 1
    GOES_ON = 2

cdef struct EpisodeRules:  # see seed_matrace.smac_options
    int loops_per_step
    float move_amount
    const uint8_t* healer  # [n_units], 1 = medivac of an MMM map
    bint mmm  # whether there are any
    bint sparse
    bint only_positive
    double death_value
    double win
    double defeat
    double negative_scale
    double scale  # what rewards are divided by
    bint scales  # whether they are scaled; where enemies are drawn, by
    double other_scale  # this
    double vitality_scale  # and this for each point of the enemies' health and shield


cdef inline int end_code(const Battle* battle, const EpisodeRules* rules) noexcept nogil:
    """Who is alive decides; on MMM maps medivacs alone have lost, even to nobody."""
    cdef int u
    cdef int allies = 0, fighters = 0, enemies = 0, enemy_healers = 0
    for u in range(battle.n_agents):
        allies += battle.units[u].health > 0
        fighters += (battle.units[u].health > 0) & (rules.healer[u] == 0)
    for u in range(battle.n_agents, battle.n_units):
        enemies += battle.units[u].health > 0
        enemy_healers += (battle.units[u].health > 0) & (rules.healer[u] != 0)
    if (allies == 0 and enemies > 0) or (rules.mmm and fighters == 0):
        return LOST
    if (allies > 0 and enemies == 0) or (enemies == 1 and enemy_healers == 1):
        return WON
    return GOES_ON if allies > 0 else DRAWN


cdef inline double vitality(const Battle* battle, int u) noexcept nogil:
    """Health and shield of a living unit, 0 of a dead one."""
    cdef const Unit* unit = &battle.units[u]
    return <double>unit.health + <double>unit.shield if unit.health > 0 else 0.0


cdef inline double battle_reward(const Battle* battle, const EpisodeRules* rules, const double* before) noexcept nogil:
    """SMAC's dense reward for what happened since ``before``, every unit's vitality [n_units]; 0 if sparse.

    Positive rewards are absolute values: shields that regenerate pay, too.
    """
    cdef int u
    cdef double enemy_loss = 0, ally_loss = 0, deaths = 0
    if rules.sparse:
        return 0
    if not rules.only_positive:
        for u in range(battle.n_agents):
            if before[u] > 0 and battle.units[u].health <= 0:
                deaths -= rules.death_value * rules.negative_scale
                ally_loss += before[u] * rules.negative_scale
            elif before[u] > 0:
                ally_loss += rules.negative_scale * (before[u] - battle.units[u].health - battle.units[u].shield)
    for u in range(battle.n_agents, battle.n_units):
        if before[u] > 0 and battle.units[u].health <= 0:
            deaths += rules.death_value
            enemy_loss += before[u]
        elif before[u] > 0:
            enemy_loss += before[u] - battle.units[u].health - battle.units[u].shield
    return fabs(enemy_loss + deaths) if rules.only_positive else enemy_loss + deaths - ally_loss


cdef inline double with_outcome(double reward, int code, const EpisodeRules* rules) noexcept nogil:
    """Adds what victory or defeat is worth, then scales, the sparse reward too."""
    if code == WON:
        reward = 1 if rules.sparse else reward + rules.win
    elif code == LOST:
        reward = -1 if rules.sparse else reward + rules.defeat
    return reward / rules.scale
