"""How many actors one learner can feed on: from the processor time it spends on an env step."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ServiceTimes:
    """Processor time per env step of a learner that is as busy as it can be, in microseconds."""

    busiest_thread: float  # the one that cannot be helped by another core
    all_threads: float

    def env_steps_per_s(self, cores: float) -> float:
        """What a learner with so many cores to itself can take."""
        return 1e6 / max(self.busiest_thread, self.all_threads / cores)


def acting_env_steps_per_s(num_actors: int, env_step_s: float) -> float:
    """What actors play that step one environment at a time, as long as the learner answers in time."""
    return num_actors / env_step_s


def actors_to_saturate(times: ServiceTimes, cores: float, env_step_s: float) -> float:
    """With how many such actors a learner is at its limit; more only wait.

    Args:
      cores: of the learner's machine.
      env_step_s: what one step of one environment takes an actor; StarCraft II needs about 0.005 to 0.02.
    """
    return times.env_steps_per_s(cores) * env_step_s


def env_steps_per_s(times: ServiceTimes, cores: float, num_actors: int, env_step_s: float) -> float:
    """What a learner and its actors reach together."""
    return min(acting_env_steps_per_s(num_actors, env_step_s), times.env_steps_per_s(cores))


# By map and carrier, default settings, groups of 4 environments, one EPYC core: benchmarks/scaling.py measures them.
MEASURED = {
    ("3m", "shared memory"): ServiceTimes(busiest_thread=30.7, all_threads=47.6),
    ("3m", "gRPC"): ServiceTimes(busiest_thread=27.0, all_threads=81.1),
    ("27m_vs_30m", "shared memory"): ServiceTimes(busiest_thread=45.1, all_threads=136.6),
    ("27m_vs_30m", "gRPC"): ServiceTimes(busiest_thread=44.4, all_threads=189.9),
}
