"""A whole run: ``run.*``, ``evaluation.*``, and on how much machine, ``topology.*``."""

from __future__ import annotations

from dataclasses import dataclass

from seed_matrace.fields import option as _option
from seed_matrace.sections.checked import Checked


@dataclass(frozen=True)
class RunConfig(Checked):
    total_env_steps: int = _option(10_000_000, "budget: env steps to train on", low=1, may_change=True)
    num_envs: int = _option(128, "environments together; decides the policy lag", low=1)
    report_fraction: float = _option(
        0.005, "write metrics each time this fraction of the budget is used", low=1e-5, high=1.0
    )
    checkpoint_fraction: float = _option(
        0.02, "checkpoint each time this fraction of the budget is used", low=1e-4, high=1.0
    )
    keep_checkpoints: int = _option(2, "newest checkpoints to keep, besides the best", low=1, may_change=True)
    stop_win_rate: float = _option(
        0.0, "stop early at this evaluation win rate; 0 never does", low=0.0, high=1.0, may_change=True
    )
    stop_loss: float = _option(
        1e12, "stop with an error at a loss beyond this: training has exploded", above=0.0, may_change=True
    )
    stop_episodes: int = _option(96, "newest evaluation episodes that stop_win_rate looks at", low=1, may_change=True)


@dataclass(frozen=True)
class EvaluationConfig(Checked):
    every_fraction: float = _option(0.02, "evaluate each time this fraction of the budget is used", low=1e-4, high=1.0)
    every_env_steps: int = _option(0, "evaluate every so many env steps instead; 0 goes by every_fraction", low=0)
    episodes: int = _option(32, "episodes of one evaluation", low=1, high=1_000_000)
    replays: bool = _option(
        True, "the simulator: keep replays of evaluations' first battles, the best's too", may_change=True
    )
    absolute_episodes: int | None = _option(
        None,
        "at the end, episodes to play with the best weights; None: ten times evaluation.episodes, 0: none",
        low=0,
        high=1_000_000,
        may_change=True,
    )

    @property
    def episodes_at_the_end(self) -> int:
        """Of the absolute metric."""
        return 10 * self.episodes if self.absolute_episodes is None else self.absolute_episodes


@dataclass(frozen=True)
class TopologyConfig(Checked):
    """On how much machine a run is; nothing of it says what is learnt. ``training.topology`` makes a plan of it."""

    num_actors: int | None = _option(None, "actor processes in all, unless --num_actors says so", low=1, machine=True)
    actors_per_host: int = _option(16, "actor processes of one actor host, at most", low=1, machine=True)
    cpus_per_actor: float = _option(1.0, "cores that are reserved for an actor process", low=0.1, machine=True)
    learner_cpus: float = _option(2.0, "cores that are reserved for the learner", low=0.1, machine=True)
    learner_gpus: int | None = _option(
        None, "GPUs that are reserved for it; None: one if there is any", low=0, machine=True
    )
    learner_port: int = _option(
        0, "where it listens for actors on other hosts; 0: any port", low=0, high=65535, machine=True
    )
