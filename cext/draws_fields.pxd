"""From the Python DrawTables and DrawnTeams to the C ones."""

from libc.stdint cimport int32_t, uint8_t

from battle cimport UnitStats
from draws cimport DrawnTeam, DrawTables


cdef inline int fill_draws(DrawTables* target, object source) except -1:
    """Copies sizes and borrows array memory: the caller keeps ``source`` alive."""
    cdef const float[::1] type_cdf = source.type_cdf
    cdef const UnitStats[:, ::1] stats = source.stats
    cdef const double[:, ::1] norms = source.norms
    cdef const int32_t[:, ::1] type_number = source.type_number
    cdef const uint8_t[::1] healer = source.healer
    cdef const uint8_t[::1] exception = source.exception
    cdef const float[::1] start_cdf = source.start_cdf
    cdef const int32_t[::1] mirrored = source.mirrored
    cdef const int32_t[:, ::1] n_boxes = source.n_boxes
    cdef const float[:, :, :, ::1] boxes = source.boxes
    target.n_types = type_cdf.shape[0]
    target.type_cdf = &type_cdf[0]
    target.stats = &stats[0, 0]
    target.norms = &norms[0, 0]
    target.type_number = &type_number[0, 0]
    target.healer = &healer[0]
    target.exception = &exception[0]
    target.n_starts = start_cdf.shape[0]
    target.start_cdf = &start_cdf[0]
    target.mirrored = &mirrored[0]
    target.n_boxes = &n_boxes[0, 0]
    target.boxes = &boxes[0, 0, 0, 0]
    return 0


cdef inline int fill_team(DrawnTeam* target, object source, int env) except -1:
    """Borrows the memory of one environment's team."""
    cdef UnitStats[:, ::1] stats = source.stats
    cdef float[:, :, ::1] spawn = source.spawn
    cdef double[:, :, ::1] norms = source.norms
    cdef int32_t[:, ::1] type_number = source.type_number
    cdef uint8_t[:, ::1] healer = source.healer
    target.spawn = &spawn[env, 0, 0]
    if not stats.shape[1]:  # always the same units
        return 0
    target.stats = &stats[env, 0]
    target.norms = &norms[env, 0, 0]
    target.type_number = &type_number[env, 0]
    target.healer = &healer[env, 0]
    return 0
