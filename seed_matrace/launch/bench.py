"""What this machine can do: env steps per second of each part alone, and of the whole."""

from __future__ import annotations

import itertools
import os
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from seed_matrace.config import Config
from seed_matrace.envs.registry import backend_name, make_training_env, training_spec
from seed_matrace.inference.groups import GroupPlan, plan_groups
from seed_matrace.launch.random_data import fill_randomly, random_actions, random_unroll
from seed_matrace.skirmish.vector_env import SkirmishVectorEnv
from seed_matrace.specs import empty_env_output, policy_output_spec

if TYPE_CHECKING:
    from seed_matrace.learner.strategy import Devices

_ENV_BATCH = 64
_WARM_UP = 3
_SLICE_S = 0.1


def bench_env(config: Config, seconds: float) -> dict[str, Any]:
    """Env steps per second of one thread stepping 64 environments with random available actions."""
    env = make_training_env(config, _ENV_BATCH, seed=0)
    out = env.reset(empty_env_output(env.spec, _ENV_BATCH))
    actions = policy_output_spec(env.spec, _ENV_BATCH).action.empty()
    rng = np.random.default_rng(0)

    def choose() -> np.ndarray:
        if isinstance(env, SkirmishVectorEnv):
            return env.sample_actions(actions)  # NumPy takes longer to choose than small maps take to step
        return random_actions(rng, out.avail_actions)

    seconds_per_call = _seconds_per_call(lambda: env.step(choose(), out), seconds)
    env.close()
    return _result(config, "env", env_steps_per_s=_ENV_BATCH / seconds_per_call, num_envs=_ENV_BATCH)


def bench_inference(
    config: Config, seconds: float, plan: GroupPlan | None = None, devices: Devices | None = None
) -> dict[str, Any]:
    """Env steps per second of gathering, running the policy and appending to unrolls, in batches of one group."""
    from seed_matrace.inference.inference import Inference, VersionedPolicy
    from seed_matrace.inference.unrolls import Unrolls
    from seed_matrace.learner.learner import Learner
    from seed_matrace.learner.sources import unroll_sizes
    from seed_matrace.transport.slots import empty_slot

    plan = plan or plan_groups(config.run.num_envs, 1, config.actor.groups_per_actor)
    spec = training_spec(config)
    learner = Learner(config, spec, seed=0, devices=devices)
    policy = VersionedPolicy(learner.policy_step, lambda: 0, learner.share)
    sizes = unroll_sizes(config, plan)
    unrolls = Unrolls(spec, sizes)
    inference = Inference(policy, unrolls, spec, plan, seed=0)
    slots = [empty_slot(spec, plan.group_size) for _ in range(plan.num_groups)]
    for slot in slots:
        fill_randomly(slot.env)

    turns = itertools.cycle(range(plan.num_groups))

    def serve_one_group() -> None:
        group = next(turns)
        inference.infer([group], [slots[group]])
        full = unrolls.take(timeout_s=0)
        if full is not None:
            unrolls.release(full)

    # Until all memory has been written once: to get it from the system takes longer than to use it.
    for _ in range(plan.num_groups * (1 + sizes.queued) * sizes.unroll_length):
        serve_one_group()
    seconds_per_call = _seconds_per_call(serve_one_group, seconds)
    return _result(config, "inference", env_steps_per_s=plan.group_size / seconds_per_call, batch_envs=plan.group_size)


def bench_train(config: Config, seconds: float, devices: Devices | None = None) -> dict[str, Any]:
    """Learner steps per second, and the env steps they train on, of the train step alone and of the learner's loop.

    ``compiled_share`` is the part of the loop's time that it spends in the train step: the rest is waiting for the
    batcher and keeping the books.
    """
    from seed_matrace.launch.bench_run import learner_loop

    alone = _train_alone(config, seconds / 2, devices)
    loop = learner_loop(config, seconds / 2, devices)
    return alone | {f"loop_{name}": figure for name, figure in loop.items()}


def _train_alone(config: Config, seconds: float, devices: Devices | None) -> dict[str, Any]:
    from seed_matrace.learner.learner import Learner

    sizes = config.learner
    learner = Learner(config, training_spec(config), seed=0, devices=devices)
    batch = random_unroll(config, sizes.batch_size)
    seconds_per_step = _seconds_per_call(lambda: learner.train_step(batch)["losses/total"].numpy(), seconds)
    per_step = sizes.batch_size * sizes.unroll_length
    return _result(
        config, "train", env_steps_per_s=per_step / seconds_per_step, learner_steps_per_s=1 / seconds_per_step
    )


def bench_transport(config: Config, seconds: float) -> dict[str, Any]:
    """Steps of groups per second that each carrier takes and answers."""
    from seed_matrace.launch.bench_transport import transport_figures

    return _result(config, "transport", **transport_figures(config, seconds))


def bench_end_to_end(
    config: Config, seconds: float, num_actors: int, operative_text: str, devices: Devices | None = None
) -> dict[str, Any]:
    """Env steps per second through simulator, shared memory, inference and training; what each costs; the bound.

    ``bound_env_steps_per_s`` is what all cores would reach if each did as much as one thread alone does, and none ever
    waited.

    Args:
      operative_text: ``config`` as a gin file, for the actors.
    """
    from seed_matrace.launch.bench_run import whole_topology

    cores, share = os.cpu_count() or 1, seconds / 8
    plan = plan_groups(config.run.num_envs, num_actors, config.actor.groups_per_actor)
    seconds_per_env_step = {
        "simulator": 1 / bench_env(config, share)["env_steps_per_s"],
        "inference": 1 / bench_inference(config, share, plan, devices)["env_steps_per_s"],
        "training": 1 / _train_alone(config, share, devices)["env_steps_per_s"],
        "transport": _transport_alone(config, share, plan),
        "batching": _batching_alone(config, share, plan),
    }
    for name, cost in seconds_per_env_step.items():
        print(f"{name:<10} alone, one thread: {1e6 * cost:8.2f} us per env step, {1 / cost:>12,.0f} env steps/s")
    total = sum(seconds_per_env_step.values())
    bound = cores / total
    print(f"together              : {1e6 * total:8.2f} us per env step, {bound:>12,.0f} env steps/s on {cores} cores")
    whole = whole_topology(config, seconds / 2, num_actors, operative_text, devices)
    reached = whole["env_steps_per_s"]
    print(f"the whole reaches {reached:,.0f} env steps/s, {reached / bound:.2f} of the bound")
    return _result(config, "end_to_end", num_actors=num_actors, **whole) | {
        **{f"{name}_us_per_env_step": 1e6 * cost for name, cost in seconds_per_env_step.items()},
        "cores": cores,
        "bound_env_steps_per_s": bound,
        "share_of_bound": reached / bound,
    }


def _transport_alone(config: Config, seconds: float, plan: GroupPlan) -> float:
    """Seconds per env step that both ends of a connection over shared memory spend, in one thread."""
    from seed_matrace.launch.bench_transport import round_trips_in_one_thread

    with round_trips_in_one_thread(config, plan.group_size) as round_trip:
        return _seconds_per_call(round_trip, seconds) / plan.group_size


def _batching_alone(config: Config, seconds: float, plan: GroupPlan) -> float:
    """Seconds per env step to assemble unrolls into batches."""
    from seed_matrace.launch.bench_run import always_full
    from seed_matrace.learner.batcher import Batcher
    from seed_matrace.learner.sources import unroll_sizes

    sizes = config.learner
    batcher = Batcher(always_full(config, plan), training_spec(config), sizes.batch_size, unroll_sizes(config, plan))
    batch = batcher.new_batch()
    return _seconds_per_call(lambda: batcher.fill(batch), seconds) / (sizes.batch_size * sizes.unroll_length)


def _seconds_per_call(call: Callable[[], Any], seconds: float) -> float:
    """Mean time of a call in the best of many short slices: what is lost to other programs is left out."""
    for _ in range(_WARM_UP):
        call()
    best, deadline = float("inf"), time.perf_counter() + seconds
    while (started := time.perf_counter()) < deadline or best == float("inf"):
        calls = 0
        while (elapsed := time.perf_counter() - started) < _SLICE_S:
            call()
            calls += 1
        best = min(best, elapsed / calls)
    return best


def _result(config: Config, part: str, **figures: Any) -> dict[str, Any]:
    return {"bench": part, "map": config.env.map_name, "backend": backend_name(config.env), **figures}
