"""Counter-based random numbers: draw n of a stream is a hash of (key, n), so streams never depend on each other."""

from libc.stdint cimport uint32_t, uint64_t


cdef inline uint64_t mix64(uint64_t z) noexcept nogil:
    """The finalizer of SplitMix64 (Steele, Lea, Flood 2014): a bijection that scatters every input bit."""
    z = (z ^ (z >> 30)) * <uint64_t>0xBF58476D1CE4E5B9
    z = (z ^ (z >> 27)) * <uint64_t>0x94D049BB133111EB
    return z ^ (z >> 31)


cdef inline uint64_t stream_key(uint64_t seed, uint64_t env, uint64_t purpose) noexcept nogil:
    """Key of one purpose's stream in environment ``env`` of ``seed``."""
    return mix64(mix64(mix64(seed) + env) + purpose)


cdef inline uint64_t draw(uint64_t key, uint64_t* counter) noexcept nogil:
    """64 random bits; advances the counter."""
    counter[0] += 1
    return mix64(key + counter[0] * <uint64_t>0x9E3779B97F4A7C15)


cdef inline float draw_unit(uint64_t key, uint64_t* counter) noexcept nogil:
    """Uniform float32 in [0, 1), a multiple of 2^-24."""
    return <float>(draw(key, counter) >> 40) * <float>5.9604644775390625e-08


cdef inline uint32_t draw_below(uint64_t key, uint64_t* counter, uint32_t bound) noexcept nogil:
    """Uniform integer in [0, bound)."""
    return <uint32_t>(((draw(key, counter) >> 32) * bound) >> 32)
