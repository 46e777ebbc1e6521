"""What this machine can do: env steps per second of each part alone, and of the whole."""

from __future__ import annotations

import contextlib
import itertools
import math
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from seed_matrace.bench.random_data import fill_randomly, random_actions, random_unroll
from seed_matrace.config import Config
from seed_matrace.envs.registry import backend_name
from seed_matrace.inference.groups import GroupPlan
from seed_matrace.skirmish.vector_env import SkirmishVectorEnv
from seed_matrace.specs import empty_env_output, policy_output_spec
from seed_matrace.training.local import default_num_actors, local_groups
from seed_matrace.training_env import make_training_env, training_spec

if TYPE_CHECKING:
    from seed_matrace.learner.strategy import Devices

_ENV_BATCH = 64
_WARM_UP = 3
_SLICE_S = 0.1
_ROUNDS = 8


@dataclass
class Part:
    """A part of the program at work alone, in one thread, and how long that has been measured."""

    run: Callable[[], Any]
    env_steps: int  # of one run
    runs: int = 0
    seconds: float = 0.0
    best: float = math.inf  # seconds per env step in the best of all slices: what other programs took is left out

    def measure(self, seconds: float) -> Part:
        """Goes on for so long, at least for one run; returns itself."""
        deadline = time.perf_counter() + seconds
        while (started := time.perf_counter()) < deadline or not self.runs:
            runs = 0
            while (elapsed := time.perf_counter() - started) < min(_SLICE_S, seconds) or not runs:
                self.run()
                runs += 1
            self.runs, self.seconds = self.runs + runs, self.seconds + elapsed
            self.best = min(self.best, elapsed / (runs * self.env_steps))
        return self

    @property
    def seconds_per_env_step(self) -> float:
        """Mean of all that was measured."""
        return self.seconds / (self.runs * self.env_steps)


def bench_env(config: Config, seconds: float) -> dict[str, Any]:
    """Env steps per second of one thread stepping 64 environments with random available actions."""
    with _simulator(config, _ENV_BATCH) as part:
        return _result(config, "env", env_steps_per_s=1 / part.measure(seconds).best, num_envs=_ENV_BATCH)


def bench_inference(config: Config, seconds: float, devices: Devices | None = None) -> dict[str, Any]:
    """Env steps per second of gathering, running the policy and appending to unrolls, in batches of one group."""
    part = _inference(config, local_groups(config, default_num_actors()), devices)
    return _result(config, "inference", env_steps_per_s=1 / part.measure(seconds).best, batch_envs=part.env_steps)


def bench_train(config: Config, seconds: float, devices: Devices | None = None) -> dict[str, Any]:
    """Learner steps per second, and the env steps they train on, of the train step alone and of the learner's loop.

    ``compiled_share`` is the part of the loop's time that it spends in the train step: the rest is waiting for the
    batcher and keeping the books.
    """
    from seed_matrace.bench.runs import learner_loop

    alone = _train_step(config, devices)
    env_steps_per_s = 1 / alone.measure(seconds / 2).best
    loop = learner_loop(config, seconds / 2, devices)
    return _result(
        config,
        "train",
        env_steps_per_s=env_steps_per_s,
        learner_steps_per_s=env_steps_per_s / alone.env_steps,
        **{f"loop_{name}": figure for name, figure in loop.items()},
    )


def bench_transport(config: Config, seconds: float) -> dict[str, Any]:
    """Steps of groups per second that each carrier takes and answers."""
    from seed_matrace.bench.transport import transport_figures

    return _result(config, "transport", **transport_figures(config, seconds))


def bench_end_to_end(
    config: Config, seconds: float, num_actors: int, operative_text: str, devices: Devices | None = None
) -> dict[str, Any]:
    """Env steps per second through simulator, shared memory, inference and training; what each costs; the bound.

    ``bound_env_steps_per_s`` is what all cores would reach if each did as much as one thread alone does, and none ever
    waited. Parts and whole are measured in turns, ``rounds`` times, all by their means: what other programs take of
    the machine, or a shared machine's changing speed, is in both. ``share_of_best_bound`` is against a bound of each
    part's best slice of 0.1 s instead.

    Args:
      operative_text: ``config`` as a gin file, for the actors.
    """
    from seed_matrace.bench.runs import whole_topology

    cores, part_s = os.cpu_count() or 1, seconds / (2 * _ROUNDS)
    plan = local_groups(config, num_actors)
    wholes = []
    with contextlib.ExitStack() as stack:
        parts = {
            "simulator": stack.enter_context(_simulator(config, plan.group_size)),
            "inference": _inference(config, plan, devices),
            "training": _train_step(config, devices),
            "transport": stack.enter_context(_transport(config, plan)),
            "batching": _batching(config, plan),
        }
        for number in range(_ROUNDS):
            for part in parts.values():
                part.measure(part_s / len(parts))
            wholes.append(whole_topology(config, part_s, num_actors, operative_text, devices))
            print(f"round {number + 1} of {_ROUNDS}: {wholes[-1]['env_steps_per_s']:>12,.0f} env steps/s", flush=True)
    costs = {name: part.seconds_per_env_step for name, part in parts.items()}
    for name, cost in costs.items():
        print(f"{name:<10} alone, one thread: {1e6 * cost:8.2f} us per env step, {1 / cost:>12,.0f} env steps/s")
    total = sum(costs.values())
    bound = cores / total
    print(f"together              : {1e6 * total:8.2f} us per env step, {bound:>12,.0f} env steps/s on {cores} cores")
    whole = {name: float(np.mean([figures[name] for figures in wholes])) for name in wholes[0]}
    reached = whole["env_steps_per_s"]
    best_bound = cores / sum(part.best for part in parts.values())
    print(f"the whole reaches {reached:,.0f} env steps/s, {reached / bound:.2f} of the bound")
    best = reached / best_bound
    print(f"with each part at its best moment the bound is {best_bound:,.0f}, and {best:.2f} of it reached")
    return _result(config, "end_to_end", num_actors=num_actors, rounds=_ROUNDS, **whole) | {
        **{f"{name}_us_per_env_step": 1e6 * cost for name, cost in costs.items()},
        "cores": cores,
        "bound_env_steps_per_s": bound,
        "share_of_bound": reached / bound,
        "share_of_best_bound": best,
    }


@contextlib.contextmanager
def _simulator(config: Config, num_envs: int) -> Iterator[Part]:
    env = make_training_env(config, num_envs, seed=0)
    out = env.reset(empty_env_output(env.spec, num_envs))
    actions = policy_output_spec(env.spec, num_envs).action.empty()
    rng = np.random.default_rng(0)

    def choose() -> np.ndarray:
        if isinstance(env, SkirmishVectorEnv):
            return env.sample_actions(actions)  # NumPy takes longer to choose than small maps take to step
        return random_actions(rng, out.avail_actions)

    with contextlib.closing(env):
        yield Part(lambda: env.step(choose(), out), num_envs)


def _inference(config: Config, plan: GroupPlan, devices: Devices | None) -> Part:
    from seed_matrace.inference.inference import Inference, VersionedPolicy
    from seed_matrace.inference.own_rewards import OwnRewards
    from seed_matrace.inference.unrolls import Unrolls
    from seed_matrace.learner.learner import Learner
    from seed_matrace.training.own_code import reward_of
    from seed_matrace.training.sources import unroll_sizes
    from seed_matrace.transport.slots import empty_slot

    spec = training_spec(config)
    learner = Learner(config, spec, seed=0, devices=devices)
    policy = VersionedPolicy(learner.policy_step, lambda: 0, learner.alias)
    sizes = unroll_sizes(config, plan)
    unrolls = Unrolls(spec, sizes)
    reward = reward_of(config)
    own = OwnRewards(*reward, spec, plan.num_groups, plan.group_size) if reward else None
    inference = Inference(policy, unrolls, spec, plan, seed=0, own_rewards=own)
    slots = [empty_slot(spec, plan.group_size) for _ in range(plan.num_groups)]
    for slot in slots:
        fill_randomly(slot.env)
    turns = itertools.count()

    def serve_one_group() -> None:
        turn = next(turns)
        group = turn % plan.num_groups
        inference.infer([group], [slots[group]])
        if turn % sizes.unroll_length == 0:  # in time for the group that is full first
            while (full := unrolls.take(timeout_s=0)) is not None:
                unrolls.release(full)

    # Until all memory has been written once: to get it from the system takes longer than to use it.
    for _ in range(plan.num_groups * (1 + sizes.queued) * sizes.unroll_length):
        serve_one_group()
    return Part(serve_one_group, plan.group_size)


def _train_step(config: Config, devices: Devices | None) -> Part:
    from seed_matrace.learner.learner import Learner

    sizes = config.learner
    learner = Learner(config, training_spec(config), seed=0, devices=devices)
    batch = random_unroll(config, sizes.batch_size)

    def train() -> None:
        learner.train_step(batch)["losses/total"]

    for _ in range(_WARM_UP):
        train()
    return Part(train, sizes.batch_size * sizes.unroll_length)


@contextlib.contextmanager
def _transport(config: Config, plan: GroupPlan) -> Iterator[Part]:
    """Both ends of a connection over shared memory."""
    from seed_matrace.bench.transport import round_trips_in_one_thread

    with round_trips_in_one_thread(config, plan.group_size) as round_trip:
        yield Part(round_trip, plan.group_size)


def _batching(config: Config, plan: GroupPlan) -> Part:
    """Assembling unrolls into batches."""
    from seed_matrace.bench.runs import always_full
    from seed_matrace.training.batcher import Batcher
    from seed_matrace.training.sources import unroll_sizes

    sizes = config.learner
    batcher = Batcher(always_full(config, plan), training_spec(config), sizes.batch_size, unroll_sizes(config, plan))
    batch = batcher.new_batch()
    return Part(lambda: batcher.fill(batch), sizes.batch_size * sizes.unroll_length)


def _result(config: Config, part: str, **figures: Any) -> dict[str, Any]:
    return {"bench": part, "map": config.env.title, "backend": backend_name(config.env), **figures}
