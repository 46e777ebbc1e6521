"""Who is in which slot: the map's own units, and enemies numbered anew."""

from libc.stdint cimport int32_t, uint8_t
from libc.string cimport memcpy

from battle cimport MAX_UNITS, Battle, UnitStats
from draws cimport DrawnTeam
from feature_layout cimport FeatureLayout
from random_stream cimport draw_below


cdef inline void map_team(
    DrawnTeam* team, const UnitStats* stats, const float* spawn, const FeatureLayout* layout, bint types_vary
) noexcept nogil:
    """The map's own units, in the order of creation."""
    cdef int units = layout.n_units
    memcpy(team.spawn, spawn, 2 * units * sizeof(float))
    if types_vary:
        memcpy(team.stats, stats, units * sizeof(UnitStats))
        memcpy(team.norms, layout.health_max, units * sizeof(double))
        memcpy(team.norms + units, layout.shield_norm, units * sizeof(double))
        memcpy(team.norms + 2 * units, layout.gauge_norm, units * sizeof(double))
        memcpy(team.type_number, layout.type_number, units * sizeof(int32_t))
        memcpy(team.healer, layout.healer, units)


cdef inline void number_enemies(const Battle* battle, DrawnTeam* team, bint types_vary, int* made) noexcept nogil:
    """In the order of creation every enemy takes the first or the last slot that is still free, at random."""
    cdef float spawn[2 * MAX_UNITS]
    cdef UnitStats stats[MAX_UNITS]
    cdef double norms[3 * MAX_UNITS]
    cdef int32_t type_number[MAX_UNITS]
    cdef uint8_t healer[MAX_UNITS]
    cdef int units = battle.n_units, first = battle.n_agents, last = battle.n_units - 1, created, slot, k
    memcpy(spawn, team.spawn, 2 * units * sizeof(float))
    if types_vary:
        memcpy(stats, team.stats, units * sizeof(UnitStats))
        memcpy(norms, team.norms, 3 * units * sizeof(double))
        memcpy(type_number, team.type_number, units * sizeof(int32_t))
        memcpy(healer, team.healer, units)
    for created in range(battle.n_agents, units):
        if draw_below(battle.random_key, battle.random_counter, 2):
            slot = first
            first += 1
        else:
            slot = last
            last -= 1
        made[slot] = created
        team.spawn[2 * slot] = spawn[2 * created]
        team.spawn[2 * slot + 1] = spawn[2 * created + 1]
        if types_vary:
            team.stats[slot] = stats[created]
            team.type_number[slot] = type_number[created]
            team.healer[slot] = healer[created]
            for k in range(3):
                team.norms[k * units + slot] = norms[k * units + created]
