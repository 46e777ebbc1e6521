"""How many actors a job's learner can feed on, and what that comes to: from measured service times."""

from __future__ import annotations

from dataclasses import dataclass

from seed_matrace.bench.scaling import MEASURED, ServiceTimes, actors_to_saturate, env_steps_per_s
from seed_matrace.config import Config
from seed_matrace.envs.registry import env_spec, plays_elsewhere
from seed_matrace.sections.env import EnvConfig
from seed_matrace.specs import EnvSpec
from seed_matrace.training.topology import Topology

CARRIER = "gRPC"
_MEASURED_MAPS = ("3m", "27m_vs_30m")
_GAME_STEP_S = 0.01  # of StarCraft II, which needs about 0.005 to 0.02


@dataclass(frozen=True)
class Estimate:
    """Of a learner that has its host to itself.

    Attributes:
      env_step_s: what one step of one environment takes an actor.
      enough_actors: more than these only wait.
      limit_env_steps_per_s: what the learner takes then.
      env_steps_per_s: what the actors of the job reach.
      hours: the whole budget takes at that rate.
    """

    times: ServiceTimes
    cores: float
    env_step_s: float
    enough_actors: float
    limit_env_steps_per_s: float
    env_steps_per_s: float
    hours: float


def estimate(config: Config, topology: Topology, *, cores: float, env_step_s: float | None = None) -> Estimate:
    """For a configuration on a learner with so many cores.

    Args:
      env_step_s: None measures the simulator on this machine, for a second, or takes 10 ms for StarCraft II.
    """
    times = service_times(env_spec(config.env))
    if env_step_s is None:
        env_step_s = _GAME_STEP_S if plays_elsewhere(config.env) else _measured_step_s(config)
    reached = env_steps_per_s(times, cores, max(topology.num_actors, 1), env_step_s)
    return Estimate(
        times=times,
        cores=cores,
        env_step_s=env_step_s,
        enough_actors=actors_to_saturate(times, cores, env_step_s),
        limit_env_steps_per_s=times.env_steps_per_s(cores),
        env_steps_per_s=reached,
        hours=config.run.total_env_steps / reached / 3600,
    )


def service_times(spec: EnvSpec) -> ServiceTimes:
    """Of a learner over gRPC: on a line, over the numbers of one env step, through the two maps that were measured."""
    near, far = (env_spec(EnvConfig(map_name=name)) for name in _MEASURED_MAPS)
    low, high = (MEASURED[name, CARRIER] for name in _MEASURED_MAPS)
    fraction = (_numbers(spec) - _numbers(near)) / (_numbers(far) - _numbers(near))

    def between(at_near: float, at_far: float) -> float:
        return max(at_near + fraction * (at_far - at_near), at_near / 2)

    return ServiceTimes(between(low.busiest_thread, high.busiest_thread), between(low.all_threads, high.all_threads))


def describe(config: Config, topology: Topology, result: Estimate, learner_machine: str) -> str:
    """The estimate in words, and what it rests on."""
    map_name, enough = config.env.title, max(round(result.enough_actors), 1)
    verdict = "the learner is at its limit" if topology.num_actors >= enough else "the learner has time to spare"
    return "\n".join(
        [
            f"{map_name}: an env step costs an actor {1e6 * result.env_step_s:,.1f} us, the learner "
            f"{result.times.all_threads:.0f} us of all its threads and {result.times.busiest_thread:.0f} us of the "
            "busiest one",
            f"a learner on {learner_machine} ({result.cores:g} cores) is at its limit with {_actors(enough)}: "
            f"{result.limit_env_steps_per_s:,.0f} env steps/s",
            f"{_actors(topology.num_actors)}: {result.env_steps_per_s:,.0f} env "
            f"steps/s, {verdict}; {config.run.total_env_steps:,} env steps take {result.hours:.1f} h",
            "learner: times measured on 3m and 27m_vs_30m, CPU only, groups of 4 environments, one learner step on a "
            "batch (benchmarks/README.md), on a line between them for other maps; not measured in Google Cloud",
            *_what_is_not_in_it(config),
        ]
    )


def _what_is_not_in_it(config: Config) -> list[str]:
    updates = config.learner.updates_per_batch
    if updates == 1:
        return []
    batches = 1 + (updates - 1) / min(config.learner.minibatches, config.learner.batch_size)
    return [
        f"learner.updates_per_batch = {updates} is not in these times: the learner takes up to {batches:.1f} times as "
        "long and is at its limit with as many fewer actors"
    ]


def _actors(count: int) -> str:
    return f"{count:,} actor{'' if count == 1 else 's'}"


def _numbers(spec: EnvSpec) -> int:
    return spec.n_agents * (spec.obs_dim + spec.n_actions) + spec.state_dim


def _measured_step_s(config: Config) -> float:
    from seed_matrace.bench.parts import bench_env

    return 1 / float(bench_env(config, 1.0)["env_steps_per_s"])
