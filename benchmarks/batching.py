"""What lies between environments and networks, on one inference batch: python benchmarks/batching.py [repeats].

Two groups of 32 environments are gathered into the staging batch, appended to their unrolls and answered; unrolls are
assembled into the paper's batch. Beside each, plain copies of as many bytes: what no kernel could beat. One line per
map, minima over the repeats in microseconds, and the same for the policy step between the two. The last line is one
JSON object.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
from timing import best_us

from seed_matrace.config import load_config
from seed_matrace.envs.registry import training_spec
from seed_matrace.inference.groups import GroupPlan
from seed_matrace.inference.inference import Inference, VersionedPolicy
from seed_matrace.inference.unrolls import Unrolls
from seed_matrace.launch.bench_run import always_full
from seed_matrace.launch.random_data import fill_randomly
from seed_matrace.learner.batcher import Batcher
from seed_matrace.learner.learner import Learner
from seed_matrace.learner.sources import unroll_sizes
from seed_matrace.transport.slots import empty_slot
from seed_matrace.types import PolicyOutput, flatten

MAPS = ("3m", "8m", "27m_vs_30m")
PLAN = GroupPlan(num_groups=2, group_size=32, num_actors=1)


def copying(num_bytes: int) -> Callable[[], None]:
    source, target = np.ones(num_bytes, np.uint8), np.empty(num_bytes, np.uint8)

    def copy() -> None:
        target[...] = source

    return copy


def ways(map_name: str) -> dict[str, Callable[[], Any]]:
    config, _, _ = load_config([f"maps/{map_name}.gin", "paper.gin"])
    spec, sizes = training_spec(config), unroll_sizes(config, PLAN)
    slots = [empty_slot(spec, PLAN.group_size) for _ in range(PLAN.num_groups)]
    for slot in slots:
        fill_randomly(slot.env)
    unrolls = Unrolls(spec, sizes)
    learner = Learner(config, spec, seed=0)
    rows = PLAN.num_groups * PLAN.group_size
    answers = PolicyOutput(
        np.zeros((rows, spec.n_agents), np.int32), np.zeros((rows, spec.n_agents), np.float32), None
    )  # fmt: skip

    def inference(step: Any) -> Callable[[], None]:
        serving = Inference(VersionedPolicy(step, lambda: 0), unrolls, spec, PLAN, seed=0)

        def serve() -> None:
            serving.infer([0, 1], slots)
            while (full := unrolls.take(0)) is not None:
                unrolls.release(full)

        return serve

    batcher = Batcher(always_full(config, PLAN), spec, config.learner.batch_size, sizes)
    batch = batcher.new_batch()
    gathered = sum(array.nbytes for slot in slots for array in flatten(slot.env))
    return {
        "serving": inference(lambda *_: answers),
        "its bytes, twice": copying(2 * gathered),
        "serving and policy step": inference(learner.policy_step),
        "assembling": lambda: batcher.fill(batch),
        "its bytes": copying(sum(array.nbytes for array in batch)),
    }


if __name__ == "__main__":
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 100
    results = {}
    for map_name in MAPS:
        results[map_name] = {name: round(us, 1) for name, us in best_us(ways(map_name), count).items()}
        print(f"{map_name:>10}  " + "  ".join(f"{name} {us} us" for name, us in results[map_name].items()))
    print(json.dumps(results))
