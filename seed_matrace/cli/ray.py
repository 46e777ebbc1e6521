"""``ray``: a run on a Ray cluster (docs/ray.md)."""

from __future__ import annotations

from absl import flags

from seed_matrace.cli.command import Command, use_sc2_python
from seed_matrace.cli.training import define_learner_flags, learner_options
from seed_matrace.training.process import stop_on_signals


def _define_flags(values: flags.FlagValues) -> None:
    define_learner_flags(values)
    flags.DEFINE_integer("num_actors", None, "actors on all nodes together (default: 1)", 1, flag_values=values)
    flags.DEFINE_string(
        "address", "auto", "of the Ray cluster; auto: the one of this machine, local: a new one", flag_values=values
    )


def _ray(values: flags.FlagValues, _: list[str]) -> None:
    try:
        from seed_matrace.training.ray_cluster import train_on_ray
    except ImportError as error:
        if error.name != "ray":
            raise
        raise ImportError("Ray is not installed; it is installed by: pip install 'seed_matrace[ray]'") from None
    use_sc2_python(values)
    train_on_ray(
        learner_options(values),
        values.address,
        stop_on_signals("stopping: the learner finishes its step and writes a checkpoint; Ctrl-C again does not wait"),
    )


RAY = Command(
    "Trains on a Ray cluster, which finds machines for the learner and its actors and restarts them.",
    "seed-matrace ray maps/8m.gin --address=auto --num_actors=200 --run_dir=/shared/runs/8m",
    _define_flags,
    _ray,
    keeps_going=True,
)
