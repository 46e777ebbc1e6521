"""Copies of whole steps, and sums over them: what lies between the environments and the networks."""

cimport numpy as cnp
from libc.stdint cimport int32_t, int64_t
from libc.string cimport memcpy, memset

cnp.import_array()

cdef enum:
    MAX_ARRAYS = 32
    WORTH_LETTING_OTHERS_RUN = 1 << 16  # bytes; less is copied sooner than Python's lock is given away and had back


cdef struct Copy:
    char* target
    const char* source
    Py_ssize_t size  # bytes


def copy_rows(
    list targets,  # OUT
    Py_ssize_t first_target,
    list sources,  # IN
    Py_ssize_t first_source,
    Py_ssize_t rows,
):
    """Copies rows of several arrays that belong together, such as the fields of one step.

    A row is what an index into a source's first axis names. A target may have more leading axes, [T+1, E, ...] for a
    source of [E, ...]: its rows count through all of them.

    Args:
      targets: C-contiguous arrays, written from row ``first_target`` on.
      sources: as many, of the same dtypes, read from row ``first_source`` on.
      rows: how many.

    Raises:
      ValueError: arrays that do not belong together, or rows that are not there.
    """
    cdef Copy[MAX_ARRAYS] copies
    cdef Py_ssize_t index, total = 0, count = len(targets)
    if count != len(sources) or count > MAX_ARRAYS:
        raise ValueError(f"{count} targets for {len(sources)} sources; expected equally many, at most {MAX_ARRAYS}")
    if first_target < 0 or first_source < 0 or rows < 0:
        raise ValueError(f"{rows} rows from {first_source} to {first_target}: none of these may be negative")
    for index in range(count):
        copies[index] = _copy_of(targets[index], first_target, sources[index], first_source, rows)
        total += copies[index].size
    if total < WORTH_LETTING_OTHERS_RUN:
        _copy_all(copies, count)
    else:
        with nogil:
            _copy_all(copies, count)


cdef Copy _copy_of(
    cnp.ndarray target, Py_ssize_t first_target, cnp.ndarray source, Py_ssize_t first_source, Py_ssize_t rows
) except *:
    cdef Copy copy
    cdef Py_ssize_t row = source.itemsize, left_out = target.ndim - source.ndim, target_rows = 1
    cdef int axis
    cdef bint fits = source.ndim > 0 and left_out >= 0 and cnp.PyArray_TYPE(target) == cnp.PyArray_TYPE(source)
    for axis in range(1, source.ndim):
        fits = fits and target.shape[left_out + axis] == source.shape[axis]
        row *= source.shape[axis]
    if not fits or not (cnp.PyArray_IS_C_CONTIGUOUS(target) and cnp.PyArray_ISWRITEABLE(target)) \
            or not cnp.PyArray_IS_C_CONTIGUOUS(source):
        raise ValueError(
            f"rows of {source.dtype} {(<object> source).shape} do not fit {target.dtype} {(<object> target).shape}, "
            "or one of the two is not C-contiguous or not writeable"
        )
    for axis in range(left_out + 1):
        target_rows *= target.shape[axis]
    if first_source + rows > source.shape[0] or first_target + rows > target_rows:
        raise ValueError(
            f"rows {first_source} to {first_source + rows} of {source.shape[0]} into rows {first_target} to "
            f"{first_target + rows} of {target_rows}"
        )
    copy.target = <char*> cnp.PyArray_DATA(target) + first_target * row
    copy.source = <const char*> cnp.PyArray_DATA(source) + first_source * row
    copy.size = rows * row
    return copy


cdef inline void _copy_all(const Copy* copies, Py_ssize_t count) noexcept nogil:
    cdef Py_ssize_t index
    for index in range(count):
        memcpy(copies[index].target, copies[index].source, copies[index].size)


def sum_episodes(
    cnp.ndarray[cnp.uint8_t, cast=True] terminated not None,  # IN
    cnp.ndarray[cnp.uint8_t, cast=True] truncated not None,  # IN
    cnp.ndarray[cnp.uint8_t, cast=True] battle_won not None,  # IN
    const float[:] episode_return,  # IN
    const int32_t[:] length,  # IN
    Py_ssize_t rows,
):
    """Adds up the episodes that ended with a step.

    Args:
      terminated: bool [E].
      truncated: bool [E].
      battle_won: bool [E], looked at, as the two below, where an episode ended.
      episode_return: [E].
      length: [E], env steps.
      rows: the first so many of E count.

    Returns:
      How many there were, how many of them won, and the sums of their returns and of their lengths.

    Raises:
      ValueError: an array of another dtype, or shorter than ``rows``.
    """
    cdef Py_ssize_t row, shortest = terminated.shape[0]
    cdef int64_t episodes = 0, won = 0, total_length = 0
    cdef double total_return = 0.0
    shortest = min(shortest, truncated.shape[0], battle_won.shape[0], episode_return.shape[0], length.shape[0])
    if not 0 <= rows <= shortest:
        raise ValueError(f"{rows} rows of arrays of which one has {shortest}")
    for row in range(rows):
        if terminated[row] or truncated[row]:
            episodes += 1
            won += battle_won[row] != 0
            total_return += episode_return[row]
            total_length += length[row]
    return episodes, won, total_return, total_length


def stack_frames(
    const float[:, :, :, ::1] ring,  # IN
    Py_ssize_t newest_index,
    const float[:, :, ::1] newest,  # IN
    const int32_t[::1] seen,  # IN
    float[:, :, ::1] stacks,  # OUT
):
    """Writes each agent's newest observations side by side, oldest first.

    Args:
      ring: [K, E, N, O], the K newest observations; the index after ``newest_index`` holds the oldest.
      newest_index: the index that belongs to the newest; it is not read.
      newest: [E, N, O].
      seen: [E], how many of the K are of the episode at hand; the older ones count as 0.
      stacks: [E, N, K * O], written.

    Raises:
      ValueError: sizes that do not belong together, or an index outside of the ring.
    """
    cdef Py_ssize_t depth = ring.shape[0], envs = ring.shape[1], agents = ring.shape[2], dim = ring.shape[3]
    cdef Py_ssize_t env, agent, age, row = dim * sizeof(float)
    cdef float* target
    if not 0 <= newest_index < depth:
        raise ValueError(f"index {newest_index} in a ring of {depth}")
    sizes = envs, agents, dim
    if (newest.shape[0], newest.shape[1], newest.shape[2]) != sizes or seen.shape[0] != envs:
        raise ValueError(f"newest and seen must have the ring's sizes [E, N, O] = {list(sizes)}")
    if (stacks.shape[0], stacks.shape[1], stacks.shape[2]) != (envs, agents, depth * dim):
        raise ValueError(f"stacks must be {[envs, agents, depth * dim]} for a ring of {depth} x {list(sizes)}")
    if dim == 0:
        return
    with nogil:
        for env in range(envs):
            for agent in range(agents):
                target = &stacks[env, agent, 0]
                for age in range(depth - 1, -1, -1):
                    if age >= seen[env]:
                        memset(target, 0, row)
                    elif age:
                        memcpy(target, &ring[(newest_index - age + depth) % depth, env, agent, 0], row)
                    else:
                        memcpy(target, &newest[env, agent, 0], row)
                    target += dim
