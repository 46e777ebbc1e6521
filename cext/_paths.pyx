"""Which cells of a terrain see each other."""

from libc.math cimport fabs, floor
from libc.stdint cimport uint8_t


cdef inline bint clear_between(
    const uint8_t[:, ::1] walkable, double x, double y, double dx, double dy, int samples
) noexcept nogil:
    cdef int k
    for k in range(samples + 1):
        if not walkable[<int>floor(x + dx * k / samples), <int>floor(y + dy * k / samples)]:
            return False
    return True


def find_sight(const uint8_t[:, ::1] walkable, const int[:, ::1] cells, double clearance, uint8_t[:, ::1] sight):
    """Marks the pairs of cells between whose centres a strip of walkable ground runs.

    Args:
      walkable: [width, height].
      cells: [C, 2], walkable cells (x, y).
      clearance: half the width of the strip, below 0.5.
      sight: [C, C], written.
    """
    cdef Py_ssize_t i, j
    cdef int samples
    cdef double x, y, dx, dy, length, side_x, side_y
    for i in range(cells.shape[0]):
        x, y = cells[i, 0] + 0.5, cells[i, 1] + 0.5
        sight[i, i] = 1
        for j in range(i):
            dx, dy = cells[j, 0] + 0.5 - x, cells[j, 1] + 0.5 - y
            length = (dx * dx + dy * dy) ** 0.5
            samples = <int>(8 * (fabs(dx) + fabs(dy)))
            side_x, side_y = -dy / length * clearance, dx / length * clearance
            sight[i, j] = sight[j, i] = (
                clear_between(walkable, x, y, dx, dy, samples)
                and clear_between(walkable, x + side_x, y + side_y, dx, dy, samples)
                and clear_between(walkable, x - side_x, y - side_y, dx, dy, samples)
            )
