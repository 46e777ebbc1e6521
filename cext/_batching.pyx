"""Copies of whole steps: what lies between the environments and the networks."""

from libc.stdint cimport int32_t
from libc.string cimport memcpy, memset


def stack_frames(
    const float[:, :, :, ::1] ring,  # IN
    Py_ssize_t newest_place,
    const float[:, :, ::1] newest,  # IN
    const int32_t[::1] seen,  # IN
    float[:, :, ::1] stacks,  # OUT
):
    """Writes each agent's newest observations side by side, oldest first.

    Args:
      ring: [K, E, N, O], the K newest observations; the place after ``newest_place`` holds the oldest.
      newest_place: the place that belongs to the newest; it is not read.
      newest: [E, N, O].
      seen: [E], how many of the K are of the episode at hand; the older ones count as 0.
      stacks: [E, N, K * O], written.

    Raises:
      ValueError: sizes that do not belong together, or a place outside of the ring.
    """
    cdef Py_ssize_t depth = ring.shape[0], envs = ring.shape[1], agents = ring.shape[2], dim = ring.shape[3]
    cdef Py_ssize_t env, agent, age, row = dim * sizeof(float)
    cdef float* target
    if not 0 <= newest_place < depth:
        raise ValueError(f"place {newest_place} in a ring of {depth}")
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
                        memcpy(target, &ring[(newest_place - age + depth) % depth, env, agent, 0], row)
                    else:
                        memcpy(target, &newest[env, agent, 0], row)
                    target += dim
