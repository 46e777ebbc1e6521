"""``sweep`` and ``report``: many runs (docs/sweeps.md)."""

from __future__ import annotations

from pathlib import Path

from absl import flags

from seed_matrace.cli.command import Command, define_gin_flags, define_module_flag, required
from seed_matrace.foreign_files import printable
from seed_matrace.training.process import stop_on_signals


def _define_sweep_flags(values: flags.FlagValues) -> None:
    define_gin_flags(values)
    define_module_flag(values)
    flags.DEFINE_string(
        "sweep_dir", None, "holds a run directory per run; a sweep begun there goes on", flag_values=values
    )
    flags.DEFINE_multi_string(
        "gin_axis",
        [],
        "gin files, separated by commas, of which each run loads one; may be repeated",
        flag_values=values,
    )
    flags.DEFINE_multi_string(
        "grid",
        [],
        "values of which each run takes one: 'loss.discount=[0.98, 0.99]'; may be repeated",
        flag_values=values,
    )
    flags.DEFINE_integer("seeds", None, "runs of each combination (default: 1)", lower_bound=1, flag_values=values)
    flags.DEFINE_integer("first_seed", 0, "seed of the first of them", lower_bound=0, flag_values=values)
    flags.DEFINE_integer(
        "num_actors",
        None,
        "actor processes of each run (default: as the sweep and its runs were begun; 0, which is reproducible)",
        lower_bound=0,
        flag_values=values,
    )
    flags.DEFINE_integer(
        "parallel", None, "runs at a time (default: one per core, less with actors)", lower_bound=1, flag_values=values
    )


def _sweep(values: flags.FlagValues, _: list[str]) -> int:
    from seed_matrace.modules import read_modules
    from seed_matrace.sweeps.sweep import SweepOptions, sweep

    options = SweepOptions(
        sweep_dir=Path(required(values, "sweep_dir")),
        gin_files=values.gin_file,
        gin_params=values.gin_param,
        gin_axes=values.gin_axis,
        grids=values.grid,
        seeds=values.seeds,
        first_seed=values.first_seed,
        num_actors=values.num_actors,
        parallel=values.parallel,
        modules=read_modules(values.module),
    )
    outcome = sweep(options, stop_on_signals())
    print(printable(str(outcome)))
    return outcome.exit_code


SWEEP = Command(
    "Trains every combination of maps, variants and seeds; the same command goes on where it stopped.",
    "seed-matrace sweep --sweep_dir=sweeps/entropy --gin_axis=maps/3m.gin,maps/8m.gin "
    "--grid='loss.entropy_cost=[0.1,1.0]' --seeds=5",
    _define_sweep_flags,
    _sweep,
    keeps_going=True,
)


def _report(_: flags.FlagValues, sweep_dirs: list[str]) -> None:
    from seed_matrace.sweeps.report import write_report

    if len(sweep_dirs) != 1:
        raise flags.Error("give the directory of one sweep, as in: seed-matrace report sweeps/entropy")
    print(write_report(sweep_dirs[0], note=lambda text: print(printable(text))))


REPORT = Command(
    "Writes one page of a sweep: win rates with intervals, curves, profile, what differs.",
    "seed-matrace report sweeps/entropy",
    lambda values: None,
    _report,
    arguments="SWEEP_DIR ",
)
