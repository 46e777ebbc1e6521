"""SMAC's scripted team: everybody goes for the nearest enemy until it is dead, healers for the nearest wounded.

Source: get_agent_action_heuristic of starcraft2.py, SMAC 1.0.0, and what it does rather than means: marauders do go
for medivacs, because it looks for the allied medivac's type id among enemies. Only the dead, for whom it goes on to
name actions that nobody carries out, do nothing here.
"""

from libc.math cimport fabs, sqrt
from libc.stdint cimport int32_t, uint8_t

from battle cimport Battle
from feature_layout cimport EAST, FIRST_TARGET, NO_OP, NORTH, SOUTH, WEST, FeatureLayout


cdef inline bint wanted(const Battle* battle, const FeatureLayout* layout, int u, bint heal) noexcept nogil:
    """Whether unit u still has to be killed, or healed."""
    if battle.units[u].health <= 0:
        return False
    return not heal or (not layout.healer[u] and battle.units[u].health != battle.stats[u].health_max)


cdef inline int nearest_wanted(
    const Battle* battle, const FeatureLayout* layout, int agent, bint heal
) noexcept nogil:
    """Slot of the nearest unit on its side, closer than the map's diagonal (ties: lowest slot); -1 if none."""
    cdef int first = 0 if heal else battle.n_agents
    cdef int last = battle.n_agents if heal else battle.n_units
    cdef int u, best = -1
    cdef double dx, dy, distance
    cdef double best_distance = sqrt(
        layout.max_distance_x * layout.max_distance_x + layout.max_distance_y * layout.max_distance_y
    )
    for u in range(first, last):
        if not wanted(battle, layout, u, heal):
            continue
        dx = <double>battle.units[u].x - <double>battle.units[agent].x
        dy = <double>battle.units[u].y - <double>battle.units[agent].y
        distance = sqrt(dx * dx + dy * dy)
        if distance < best_distance:
            best = u
            best_distance = distance
    return best - first if best >= 0 else -1


cdef inline int direction(const Battle* battle, int agent, int u) noexcept nogil:
    """The move along the longer axis towards unit u."""
    cdef double dx = <double>battle.units[u].x - <double>battle.units[agent].x
    cdef double dy = <double>battle.units[u].y - <double>battle.units[agent].y
    if fabs(dx) > fabs(dy):
        return EAST if dx > 0 else WEST
    return NORTH if dy > 0 else SOUTH


cdef inline int heuristic_action(
    const Battle* battle, const FeatureLayout* layout, const uint8_t* avail, int agent, bint rest, int32_t* target
) noexcept nogil:
    """The action that the script takes for ``agent``, available or not; no-op leaves its last order.

    Args:
      avail: availability [n_actions] of the agent; only ``rest`` looks at it.
      rest: walk where the attack is not available.
      target: slot that the agent is after, -1 none; kept from step to step.
    """
    cdef bint heal = layout.healer[agent]
    cdef int first = 0 if heal else battle.n_agents
    cdef int action
    if battle.units[agent].health <= 0:
        return NO_OP
    if target[0] < 0 or not wanted(battle, layout, first + target[0], heal):
        target[0] = nearest_wanted(battle, layout, agent, heal)
    if target[0] < 0:
        return NO_OP
    action = FIRST_TARGET + target[0]
    if rest and not (action < layout.n_actions and avail[action]):
        return direction(battle, agent, first + target[0])
    return action
