"""Which cells of a terrain see each other, and the shortest ways among them."""

from libc.math cimport INFINITY, fabs, fmax
from libc.stdint cimport int16_t, int32_t, uint8_t


cdef inline bint clear_between(
    const int16_t[:, ::1] room, double x, double y, double dx, double dy, double side_x, double side_y, int samples
) noexcept nogil:
    """Whether a line from (x, y) and those beside it touch walkable cells alone."""
    cdef double along_x, along_y, longest = fmax(fabs(dx), fabs(dy))
    cdef int k = 0, free
    while k <= samples:
        along_x, along_y = dx * k / samples, dy * k / samples
        free = room[<int>(x + along_x), <int>(y + along_y)]
        if free > 0:  # nothing is blocked so near to all three lines
            k += <int>((free - 0.51) * samples / longest) + 1
            continue
        if free < 0 or room[<int>(x + side_x + along_x), <int>(y + side_y + along_y)] < 0:
            return False
        if room[<int>(x - side_x + along_x), <int>(y - side_y + along_y)] < 0:
            return False
        k += 1
    return True


def find_sight(const int16_t[:, ::1] room, const int32_t[:, ::1] cells, double clearance, uint8_t[:, ::1] sight):
    """Marks the pairs of cells between whose centres a strip of walkable ground runs.

    Args:
      room: [width, height], how many rings of cells round each are all walkable; -1: it is blocked itself.
      cells: [C, 2], walkable cells (x, y).
      clearance: half the width of the strip, below 0.5.
      sight: [C, C], written.
    """
    cdef Py_ssize_t i, j
    cdef double x, y, dx, dy, length
    for i in range(cells.shape[0]):
        x, y = cells[i, 0] + 0.5, cells[i, 1] + 0.5
        sight[i, i] = 1
        for j in range(i):
            dx, dy = cells[j, 0] + 0.5 - x, cells[j, 1] + 0.5 - y
            length = (dx * dx + dy * dy) ** 0.5
            sight[i, j] = sight[j, i] = clear_between(
                room, x, y, dx, dy, -dy / length * clearance, dx / length * clearance, <int>(8 * (fabs(dx) + fabs(dy)))
            )


def find_ways(const int32_t[::1] corners, double[:, ::1] length, int16_t[:, ::1] corner):
    """Shortens ways by the algorithm of Floyd and Warshall, with nothing but corners on the way.

    Args:
      corners: numbers of cells.
      length: [C, C], of the straight ways, inf where there is none; made that of the shortest.
      corner: [C, C], -1; made the first corner on the way.
    """
    cdef Py_ssize_t i, j, k, via
    cdef double to_via, round_it
    cdef int16_t first
    for k in range(corners.shape[0]):
        via = corners[k]
        for i in range(length.shape[0]):
            to_via = length[i, via]
            if to_via == INFINITY:
                continue
            first = corner[i, via] if corner[i, via] >= 0 else <int16_t>via
            for j in range(length.shape[0]):
                round_it = to_via + length[via, j]
                if round_it < length[i, j] - 1e-9:
                    length[i, j] = round_it
                    corner[i, j] = first
