"""What this machine can do: env steps per second of each part alone, and of the whole."""

from __future__ import annotations

import dataclasses
import itertools
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from seed_matrace.config import Config
from seed_matrace.envs.registry import backend_name, make_training_env, training_spec
from seed_matrace.inference.groups import GroupPlan, plan_groups
from seed_matrace.learner.run_directory import OPERATIVE_CONFIG
from seed_matrace.skirmish.vector_env import SkirmishVectorEnv
from seed_matrace.specs import EnvSpec, empty_env_output, empty_unroll, policy_output_spec
from seed_matrace.types import EnvOutput, Unroll

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
    from seed_matrace.transport.messages import empty_slot

    plan = plan or plan_groups(config.run.num_envs, 1, config.actor.groups_per_actor)
    spec = training_spec(config)
    policy = VersionedPolicy(Learner(config, spec, seed=0, devices=devices).policy_step, lambda: 0)
    unrolls = Unrolls(spec, unroll_sizes(config, plan))
    inference = Inference(policy, unrolls, spec, plan, seed=0)
    slots = [empty_slot(spec, plan.group_size) for _ in range(plan.num_groups)]
    for slot in slots:
        _fill_randomly(slot.env, spec)

    turns = itertools.cycle(range(plan.num_groups))

    def serve_one_group() -> None:
        group = next(turns)
        inference.infer([group], [slots[group]])
        full = unrolls.take(timeout_s=0)
        if full is not None:
            unrolls.release(full)

    seconds_per_call = _seconds_per_call(serve_one_group, seconds)
    return _result(config, "inference", env_steps_per_s=plan.group_size / seconds_per_call, batch_envs=plan.group_size)


def bench_train(config: Config, seconds: float, devices: Devices | None = None) -> dict[str, Any]:
    """Learner steps per second, and the env steps they train on."""
    from seed_matrace.learner.learner import Learner

    spec, sizes = training_spec(config), config.learner
    learner = Learner(config, spec, seed=0, devices=devices)
    batch = random_batch(config, spec)
    seconds_per_step = _seconds_per_call(lambda: learner.train_step(batch)["losses/total"].numpy(), seconds)
    per_step = sizes.batch_size * sizes.unroll_length
    return _result(
        config, "train", env_steps_per_s=per_step / seconds_per_step, learner_steps_per_s=1 / seconds_per_step
    )


def bench_end_to_end(
    config: Config, seconds: float, num_actors: int, operative_text: str, devices: Devices | None = None
) -> dict[str, Any]:
    """Env steps per second through simulator, shared memory, inference and training, and of each part alone.

    Args:
      operative_text: ``config`` as a gin file, for the actors.
    """
    parts = {
        "env": bench_env(config, seconds / 4),
        "inference": bench_inference(config, seconds / 4, devices=devices),
        "train": bench_train(config, seconds / 4, devices),
    }
    rates = {name: part["env_steps_per_s"] for name, part in parts.items()}
    for name, rate in rates.items():
        print(f"{name:<10} alone, one thread: {rate:>12,.0f} env steps/s, {1e6 / rate:8.2f} us per env step")
    whole = _whole_topology(config, seconds, num_actors, operative_text, devices)
    return _result(config, "end_to_end", num_actors=num_actors, **whole) | {
        f"{name}_per_s": rate for name, rate in rates.items()
    }


def random_actions(rng: np.random.Generator, avail_actions: np.ndarray) -> np.ndarray:
    """One available action per agent, each as likely as the others.

    Args:
      avail_actions: uint8 [E, N, A].

    Returns:
      int32 [E, N].
    """
    order = np.cumsum(avail_actions, axis=-1, dtype=np.int16)
    chosen = (rng.random(order.shape[:-1]) * order[..., -1]).astype(np.int16)
    return (order <= chosen[..., None]).sum(axis=-1, dtype=np.int32)


def random_batch(config: Config, spec: EnvSpec) -> Unroll:
    """A training batch of random numbers with available actions taken, for measuring."""
    rng, sizes = np.random.default_rng(0), config.learner
    batch = empty_unroll(spec, sizes.unroll_length, sizes.batch_size, **config.network.unroll_fields)
    batch.obs[...] = rng.uniform(-1, 1, batch.obs.shape)
    batch.state[...] = rng.uniform(-1, 1, batch.state.shape)
    batch.avail_actions[...] = rng.random(batch.avail_actions.shape) < 0.5
    batch.avail_actions[..., 1] = 1
    for step in range(sizes.unroll_length + 1):
        batch.action[step] = random_actions(rng, batch.avail_actions[step])
    batch.log_prob[...] = -np.log(batch.avail_actions.sum(axis=-1))
    batch.reward[...] = rng.uniform(0, 1, batch.reward.shape)
    batch.terminated[...] = rng.random(batch.terminated.shape) < 0.03
    if spec.with_final:
        batch.truncated[...] = ~batch.terminated & (rng.random(batch.truncated.shape) < 0.01)
    return batch


def _fill_randomly(env: EnvOutput, spec: EnvSpec) -> None:
    rng = np.random.default_rng(0)
    env.obs[...] = rng.uniform(-1, 1, env.obs.shape)
    env.avail_actions[...] = rng.random(env.avail_actions.shape) < 0.5
    env.avail_actions[..., 1] = 1


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


class _Recorder:
    """Stands in for the display: remembers when how many env steps were done, and says when to stop."""

    def __init__(self, seconds: float, stop: threading.Event) -> None:
        self.points: list[tuple[float, Mapping[str, Any]]] = []
        self._seconds = seconds
        self._stop = stop

    def update(self, metrics: Mapping[str, Any]) -> None:
        if "perf/env_steps_per_s" in metrics:
            self.points.append((time.perf_counter(), metrics))
            if self.points[-1][0] - self.points[0][0] > self._seconds:
                self._stop.set()

    def note(self, text: str) -> None:
        pass


def _whole_topology(
    config: Config, seconds: float, num_actors: int, operative_text: str, devices: Devices | None
) -> dict[str, Any]:
    """Trains for ``seconds`` with real actor processes; the first report only starts the clock."""
    from seed_matrace.launch.train import open_source
    from seed_matrace.learner.run import TrainingRun

    plan = plan_groups(config.run.num_envs, num_actors, config.actor.groups_per_actor)
    per_report = 4 * config.learner.batch_size * config.learner.unroll_length
    total = per_report * 100_000
    endless = dataclasses.replace(
        config,
        run=dataclasses.replace(
            config.run,
            total_env_steps=total,
            report_fraction=per_report / total,
            stop_win_rate=0.0,
            checkpoint_fraction=1.0,
        ),
        evaluation=dataclasses.replace(config.evaluation, every_fraction=1.0),
    )
    stop = threading.Event()
    recorder = _Recorder(seconds, stop)
    with tempfile.TemporaryDirectory(prefix="seed_matrace-bench-") as folder:
        path = Path(folder)
        (path / OPERATIVE_CONFIG).write_text(operative_text)
        run = TrainingRun(endless, path, 0, recorder, devices)
        with open_source(run, plan, num_actors=num_actors, run_dir=path, note=recorder.note) as source:
            run.train(source, stop)
    (first_s, first), (last_s, last) = recorder.points[0], recorder.points[-1]
    return {
        "env_steps_per_s": (last["env_steps"] - first["env_steps"]) / (last_s - first_s),
        "policy_lag_mean": float(np.mean([point["perf/policy_lag_mean"] for _, point in recorder.points])),
        "learner_idle": float(np.mean([point["perf/learner_idle"] for _, point in recorder.points])),
    }
