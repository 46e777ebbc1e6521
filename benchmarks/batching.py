"""What lies between environments and networks, on one inference batch: python benchmarks/batching.py [repeats].

Two groups of 32 environments are gathered into the staging batch (also by NumPy and by the kernel's naive twin),
appended to their unrolls and answered; unrolls are assembled into the paper's batch. Beside serving and assembling,
plain copies of as many bytes: what no kernel could beat. One line per map, minima over the repeats in microseconds,
and the same with the policy step. The last line is one JSON object.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
from timing import best_us
from twins.batching import copy_rows as copy_rows_naively

from seed_matrace._cext._batching import copy_rows
from seed_matrace.bench.random_data import fill_randomly
from seed_matrace.bench.runs import always_full
from seed_matrace.config import load_config
from seed_matrace.inference.groups import GroupPlan
from seed_matrace.inference.inference import Inference, VersionedPolicy
from seed_matrace.inference.unrolls import Unrolls
from seed_matrace.learner.learner import Learner
from seed_matrace.specs import empty_env_output
from seed_matrace.training.batcher import Batcher
from seed_matrace.training.sources import unroll_sizes
from seed_matrace.training_env import training_spec
from seed_matrace.transport.slots import empty_slot
from seed_matrace.types import PolicyOutput, flatten

MAPS = ("3m", "8m", "27m_vs_30m")
PLAN = GroupPlan(num_groups=2, group_size=32, num_actors=1)


def copying(num_bytes: int) -> Callable[[], None]:
    source, target = np.ones(num_bytes, np.uint8), np.empty(num_bytes, np.uint8)

    def copy() -> None:
        target[...] = source

    return copy


def copy_by_numpy(targets: Any, first_target: int, sources: Any, first_source: int, rows: int) -> None:
    for target, source in zip(targets, sources, strict=True):
        target[first_target : first_target + rows] = source[first_source : first_source + rows]


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
        serving = Inference(VersionedPolicy(step, lambda: 0, learner.alias), unrolls, spec, PLAN, seed=0)

        def serve() -> None:
            serving.infer([0, 1], slots)
            while (full := unrolls.take(0)) is not None:
                unrolls.release(full)

        return serve

    batcher = Batcher(always_full(config, PLAN), spec, config.learner.batch_size, sizes)
    batch = batcher.new_batch()
    gathered = sum(array.nbytes for slot in slots for array in flatten(slot.env))
    staging, steps = flatten(empty_env_output(spec, rows)), [flatten(slot.env) for slot in slots]

    def gathering(copy: Callable[..., None]) -> Callable[[], None]:
        def gather() -> None:
            for index, step in enumerate(steps):
                copy(staging, index * PLAN.group_size, step, 0, PLAN.group_size)

        return gather

    return {
        "gathering": gathering(copy_rows),
        "by NumPy": gathering(copy_by_numpy),
        "by the naive twin": gathering(copy_rows_naively),
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
