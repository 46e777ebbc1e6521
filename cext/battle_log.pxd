"""What happens in a battle that is recorded, game loop by game loop."""

from libc.stdint cimport int32_t

cdef enum Event:  # seed_matrace.replay.EVENTS
    SHOT = 0  # of a unit at a target
    HIT = 1
    HEAL = 2
    BLAST = 3  # a unit explodes

cdef struct BattleLog:  # seed_matrace.skirmish.recording.StepLog
    int n_units
    int loops  # kept of the step at hand
    int max_loops
    int count  # events of the step at hand
    int max_events
    float* units  # [max_loops, 5, n_units]: x, y, health, shield, gauge after each loop
    int32_t* intents  # [2, n_units]: order and target in the end
    int32_t* events  # [max_events, 4]: loop, event, unit, target
    float* amounts  # [max_events]: health and shield taken, or health restored


cdef inline void note(BattleLog* log, int event, int unit, int target, float amount) noexcept nogil:
    """Nothing, where nobody records."""
    cdef int32_t* row
    if log == NULL or log.count >= log.max_events:
        return
    row = log.events + 4 * log.count
    row[0], row[1], row[2], row[3] = log.loops, event, unit, target
    log.amounts[log.count] = amount
    log.count += 1
