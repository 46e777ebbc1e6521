"""Ways to stack the observations of 64 environments: python benchmarks/frame_stack.py [repeats].

Prints one line per map and depth, minima over the repeats in microseconds for one step of all environments. The last
line is one JSON object.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable

import numpy as np
from timing import best_us
from twins.batching import stack_frames as stack_frames_naively

from seed_matrace._cext._batching import stack_frames
from seed_matrace.envs.registry import env_spec
from seed_matrace.sections.env import EnvConfig

MAPS = ("3m", "8m", "27m_vs_30m")
DEPTHS = (2, 4)
NUM_ENVS = 64


def ways(map_name: str, depth: int) -> dict[str, Callable[[], None]]:
    """One step each: the kernel, its twin, and the usual way to shift a stack by one observation and copy it."""
    spec, rng = env_spec(EnvConfig(map_name)), np.random.default_rng(0)
    dim = spec.obs_dim
    ring = rng.random((depth, NUM_ENVS, spec.n_agents, dim), np.float32)
    seen = rng.integers(1, 2 * depth, NUM_ENVS, np.int32)
    stacks = np.zeros((NUM_ENVS, spec.n_agents, depth * dim), np.float32)
    kept, ended = np.zeros_like(stacks), seen == 1

    def shift() -> None:
        kept[..., :-dim] = kept[..., dim:]
        kept[ended] = 0
        kept[..., -dim:] = ring[0]
        stacks[...] = kept

    return {
        "kernel": lambda: stack_frames(ring, 0, ring[0], seen, stacks),
        "numpy, shifting": shift,
        "naive twin": lambda: stack_frames_naively(ring, 0, ring[0], seen, stacks),
    }


if __name__ == "__main__":
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 100
    results = {}
    for map_name in MAPS:
        for depth in DEPTHS:
            key = f"{map_name} x {depth}"
            best = best_us(ways(map_name, depth), count)
            results[key] = {name: round(us, 1) for name, us in best.items()}
            print(f"{key:>14}  " + "  ".join(f"{name} {us} us" for name, us in results[key].items()))
    print(json.dumps(results))
