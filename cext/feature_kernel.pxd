"""SMAC's observation, state and availability of one environment as a function of a unit table.

Source: starcraft2.py of SMAC 1.0.0 (get_obs_agent, get_state, get_avail_agent_actions). Numbers are computed in
float64 and rounded to float32, as there. The naive twin is tests/twins/features.py.
"""

from libc.stdint cimport uint8_t
from libc.string cimport memcpy, memset

from feature_layout cimport NO_OP, FeatureLayout, UnitTable
from feature_obs cimport Vitals, measure, write_agent, write_type


cdef inline float timestep(const FeatureLayout* layout, const UnitTable* units) noexcept nogil:
    return <float>(<double>units.step / <double>layout.episode_limit)


cdef inline void write_state(
    const FeatureLayout* layout, const UnitTable* units, const Vitals* vitals, float* state
) noexcept nogil:
    """State [state_dim]: allies, enemies, last actions one-hot (all zeros right after reset), timestep."""
    cdef int u, width
    cdef bint shields
    cdef double center_x = layout.map_x / 2.0, center_y = layout.map_y / 2.0
    cdef float* row = state
    memset(state, 0, layout.state_dim * sizeof(float))
    for u in range(layout.n_units):
        shields = layout.ally_shields if u < layout.n_agents else layout.enemy_shields
        width = 3 + (u < layout.n_agents) + shields + layout.type_bits
        if units.health[u] > 0:
            row[0] = vitals.health[u]
            row += 1
            if u < layout.n_agents:
                row[0] = <float>(units.gauge[u] / layout.gauge_norm[u])
                row += 1
            row[0] = <float>((vitals.x[u] - center_x) / layout.max_distance_x)
            row[1] = <float>((vitals.y[u] - center_y) / layout.max_distance_y)
            row += 2
            if shields:
                row[0] = vitals.shield[u]
                row += 1
            row = write_type(layout, u, row)
        else:
            row += width
    if layout.state_last_action:
        for u in range(layout.n_agents):
            if units.last_action[u] >= 0:
                row[u * layout.n_actions + units.last_action[u]] = 1.0
        row += layout.n_agents * layout.n_actions
    if layout.state_timestep:
        row[0] = timestep(layout, units)


cdef inline void write_features(
    const FeatureLayout* layout, const UnitTable* units, float* obs, uint8_t* avail, float* state
) noexcept nogil:
    """obs [n_agents, obs_dim], avail [n_agents, n_actions] and state [state_dim] of one environment."""
    cdef Vitals vitals
    cdef int agent
    measure(layout, units, &vitals)
    memset(obs, 0, layout.n_agents * layout.obs_dim * sizeof(float))
    for agent in range(layout.n_agents):
        if units.health[agent] > 0:
            write_agent(layout, units, &vitals, agent, obs + agent * layout.obs_dim, avail + agent * layout.n_actions)
        else:
            memset(avail + agent * layout.n_actions, 0, layout.n_actions)
            avail[agent * layout.n_actions + NO_OP] = 1
        if layout.obs_timestep:  # the dead see it too
            obs[(agent + 1) * layout.obs_dim - 1] = timestep(layout, units)
    if layout.obs_as_state:
        memcpy(state, obs, layout.state_dim * sizeof(float))
    else:
        write_state(layout, units, &vitals, state)
