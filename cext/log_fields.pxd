"""From the Python StepLog to the C BattleLog, and back."""

from libc.stdint cimport int32_t

from battle_log cimport BattleLog


cdef inline int fill_log(BattleLog* target, object source) except -1:
    """Borrows array memory: the caller keeps ``source`` alive."""
    cdef float[:, :, ::1] units = source.units
    cdef int32_t[:, ::1] intents = source.intents
    cdef int32_t[:, ::1] events = source.events
    cdef float[::1] amounts = source.amounts
    target.n_units = units.shape[2]
    target.max_loops, target.max_events = units.shape[0], events.shape[0]
    target.loops = target.count = 0
    target.units, target.intents = &units[0, 0, 0], &intents[0, 0]
    target.events, target.amounts = &events[0, 0], &amounts[0]
    return 0
