"""The command ``seed-matrace``: subcommands and their flags. Flags are defined here and nowhere else.

Flags say where and how much machine; what is learnt is said in gin files.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import textwrap
import threading
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from absl import flags, logging

from seed_matrace.config import load_config

BENCH_PARTS = ("env", "inference", "train", "end_to_end")


@dataclass(frozen=True)
class Command:
    summary: str
    example: str
    define_flags: Callable[[flags.FlagValues], None]
    run: Callable[[flags.FlagValues, list[str]], int | None]  # None is exit code 0
    arguments: str = ""


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one subcommand; returns the exit code: 0, 1 after a failure, 2 after a mistake of the user."""
    args = list(sys.argv[1:] if argv is None else argv)
    if not args or args[0] in ("-h", "--help", "help"):
        print(_overview())
        return 0 if args else 2
    name, rest = args[0], args[1:]
    if name not in COMMANDS:
        return _fail(f"unknown command {name!r}; one of {', '.join(COMMANDS)}")
    command = COMMANDS[name]
    values = flags.FlagValues()
    flags.DEFINE_bool("traceback", False, "show where in the program an error was raised", flag_values=values)
    command.define_flags(values)
    if "-h" in rest or "--help" in rest:
        print(_help(name, command, values))
        return 0
    try:
        positional = values([f"seed-matrace {name}", *rest])[1:]
        if positional and not command.arguments:
            raise flags.Error(f"unexpected argument {positional[0]!r}; see seed-matrace {name} --help")
        return command.run(values, positional) or 0
    except flags.Error as error:
        return _fail(str(error))
    except KeyboardInterrupt:
        return 130
    except (ValueError, OSError, RuntimeError, ArithmeticError, ImportError) as error:
        if values.is_parsed() and values.traceback:
            traceback.print_exc()
        return _fail(_explained(error))


def _explained(error: Exception) -> str:
    if isinstance(error, ImportError) and (error.name or "").startswith("seed_matrace._cext"):
        return f"{error}; the compiled extensions are missing or old: run ./run_local.sh or pip install ."
    return str(error)


def _fail(message: str) -> int:
    print(f"seed-matrace: {message}", file=sys.stderr)
    return 2


def _overview() -> str:
    lines = [f"  {name:<8} {command.summary}" for name, command in COMMANDS.items()]
    return "\n".join(
        ["usage: seed-matrace COMMAND [FLAGS]", "", *lines, "", "seed-matrace COMMAND --help tells more of each."]
    )


def _help(name: str, command: Command, values: flags.FlagValues) -> str:
    lines = [f"usage: seed-matrace {name} {command.arguments}[FLAGS]".strip(), "", command.summary, ""]
    for flag_name in values:
        flag = values[flag_name]
        default = "" if flag.default in (None, [], False, "") else f" (default: {flag.default})"
        lines += textwrap.wrap(
            f"{flag.help}{default}", 100, initial_indent=f"  --{flag_name:<22}", subsequent_indent=" " * 26
        )
    return "\n".join([*lines, "", "example:", f"  {command.example}"])


def _define_gin_flags(values: flags.FlagValues) -> None:
    flags.DEFINE_multi_string(
        "gin_file", [], "gin file, may be repeated; own files or shipped ones such as maps/8m.gin", flag_values=values
    )
    flags.DEFINE_multi_string(
        "gin_param", [], "binding such as 'loss.discount=0.98', may be repeated", flag_values=values
    )


def _define_learner_flags(values: flags.FlagValues) -> None:
    _define_gin_flags(values)
    flags.DEFINE_string("run_dir", None, "run directory; one that holds a run is resumed", flag_values=values)
    flags.DEFINE_integer("seed", None, "seed of everything random (default: 0)", lower_bound=0, flag_values=values)
    flags.DEFINE_string("init_from", None, "run directory whose best weights to start from", flag_values=values)


def _define_train_flags(values: flags.FlagValues) -> None:
    _define_learner_flags(values)
    flags.DEFINE_integer(
        "num_actors",
        None,
        "actor processes on this machine; 0 does all in one process, reproducibly (default: half the cores)",
        lower_bound=0,
        flag_values=values,
    )


def _define_standalone_learner_flags(values: flags.FlagValues) -> None:
    _define_learner_flags(values)
    flags.DEFINE_integer("num_actors", 1, "how many actors will connect", lower_bound=1, flag_values=values)
    _define_address_flag(values)


def _define_address_flag(values: flags.FlagValues) -> None:
    flags.DEFINE_string("server_address", None, "the learner's socket, unix:/path/to/socket", flag_values=values)


def _define_actor_flags(values: flags.FlagValues) -> None:
    _define_gin_flags(values)
    _define_address_flag(values)
    flags.DEFINE_integer("task_id", 0, "number of this actor, 0 to num_actors - 1", lower_bound=0, flag_values=values)
    flags.DEFINE_float(
        "reconnect_timeout_s", 600.0, "give up when no learner was there this long", lower_bound=0.0, flag_values=values
    )


def _define_eval_flags(values: flags.FlagValues) -> None:
    flags.DEFINE_string("run_dir", None, "run directory", flag_values=values)
    flags.DEFINE_integer("episodes", 320, "battles to play", lower_bound=1, flag_values=values)
    flags.DEFINE_integer("seed", 1, "seed of the battles", lower_bound=0, flag_values=values)
    flags.DEFINE_enum("checkpoint", "best", ["best", "latest"], "which weights to play with", flag_values=values)
    flags.DEFINE_string(
        "backend", None, "what plays the battles (default: what the team was trained on)", flag_values=values
    )


def _define_plot_flags(values: flags.FlagValues) -> None:
    flags.DEFINE_string(
        "output", None, "a .png, .svg or .pdf file (default: RUN/learning_curve.png)", flag_values=values
    )
    flags.DEFINE_enum(
        "kind",
        "auto",
        ["auto", "curves", "maps", "profile"],
        "curves of one map, a panel for each of several, or a performance profile",
        flag_values=values,
    )
    flags.DEFINE_enum(
        "statistic",
        "median",
        ["median", "iqm"],
        "of seeds: median, quartiles; or IQM, interval",
        flag_values=values,
    )
    flags.DEFINE_bool("published", True, "maps: published StarCraft II results beside the curves", flag_values=values)
    flags.DEFINE_bool("paper", False, "maps: all 14 of the paper, in its order", flag_values=values)


def _define_sweep_flags(values: flags.FlagValues) -> None:
    _define_gin_flags(values)
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
        "num_actors", 0, "actor processes of each run; 0 is reproducible", lower_bound=0, flag_values=values
    )
    flags.DEFINE_integer(
        "parallel", None, "runs at a time (default: one per core, less with actors)", lower_bound=1, flag_values=values
    )


def _define_bench_flags(values: flags.FlagValues) -> None:
    _define_gin_flags(values)
    flags.DEFINE_float("seconds", 10.0, "how long to measure", lower_bound=0.1, flag_values=values)
    flags.DEFINE_integer(
        "num_actors", None, "actor processes of end_to_end (default: half the cores)", lower_bound=1, flag_values=values
    )


def _required(values: flags.FlagValues, name: str) -> str:
    value = values[name].value
    if value is None:
        raise flags.Error(f"--{name} is needed")
    return str(value)


def _train(values: flags.FlagValues, _: list[str]) -> None:
    from seed_matrace.launch.local import default_num_actors

    _run_learner(values, num_actors=default_num_actors() if values.num_actors is None else values.num_actors)


def _learner(values: flags.FlagValues, _: list[str]) -> None:
    from seed_matrace.actor.actor import socket_path

    address = _required(values, "server_address")
    _run_learner(values, num_actors=values.num_actors, listen_at=socket_path(address))


def _run_learner(values: flags.FlagValues, *, num_actors: int, listen_at: Path | None = None) -> None:
    from seed_matrace.launch.train import TrainOptions, train

    _import_tensorflow()
    options = TrainOptions(
        gin_files=values.gin_file,
        gin_params=values.gin_param,
        run_dir=values.run_dir,
        seed=values.seed,
        init_from=values.init_from,
        num_actors=num_actors,
        listen_at=listen_at,
    )
    train(options, _stop_on_signals())


def _actor(values: flags.FlagValues, _: list[str]) -> None:
    from seed_matrace.actor.actor import run_actor

    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    logging.set_verbosity(logging.INFO)
    config = load_config(values.gin_file, values.gin_param)[0]
    run_actor(
        config,
        _required(values, "server_address"),
        values.task_id,
        reconnect_timeout_s=values.reconnect_timeout_s,
    )


def _eval(values: flags.FlagValues, _: list[str]) -> None:
    from seed_matrace.envs.registry import backend_name
    from seed_matrace.evaluation.episodes import summarise

    _import_tensorflow()
    from seed_matrace.evaluation.policy import load_policy, play

    policy = load_policy(_required(values, "run_dir"), values.checkpoint)
    env = replace(policy.config.env, backend=values.backend or policy.config.env.backend)
    stats = play(policy, values.episodes, seed=(2 << 32) + values.seed, env=env)
    result: dict[str, Any] = {"map": env.map_name, "backend": backend_name(env), "env_steps": policy.env_steps}
    _print_json({**result, **summarise(stats)})


def _sweep(values: flags.FlagValues, _: list[str]) -> int:
    from seed_matrace.launch.sweep import SweepOptions, sweep

    options = SweepOptions(
        sweep_dir=Path(_required(values, "sweep_dir")),
        gin_files=values.gin_file,
        gin_params=values.gin_param,
        gin_axes=values.gin_axis,
        grids=values.grid,
        seeds=values.seeds,
        first_seed=values.first_seed,
        num_actors=values.num_actors,
        parallel=values.parallel,
    )
    outcome = sweep(options, _stop_on_signals())
    print(outcome)
    return outcome.exit_code


def _plot(values: flags.FlagValues, run_dirs: list[str]) -> None:
    from seed_matrace.viewer.plot import PlotOptions, plot

    if not run_dirs:
        raise flags.Error("give at least one run directory, as in: seed-matrace plot runs/3m")
    options = PlotOptions(values.kind, values.statistic, published=values.published, whole_paper=values.paper)
    print(plot(run_dirs, values.output, options))


def _report(_: flags.FlagValues, sweep_dirs: list[str]) -> None:
    from seed_matrace.viewer.report import write_report

    if len(sweep_dirs) != 1:
        raise flags.Error("give the directory of one sweep, as in: seed-matrace report sweeps/entropy")
    print(write_report(sweep_dirs[0]))


def _bench(values: flags.FlagValues, parts: list[str]) -> None:
    if len(parts) != 1 or parts[0] not in BENCH_PARTS:
        raise flags.Error(f"say what to measure: seed-matrace bench {'|'.join(BENCH_PARTS)}")
    from seed_matrace.launch import bench
    from seed_matrace.launch.local import default_num_actors

    config, _, operative_text = load_config(values.gin_file, values.gin_param)
    if parts != ["env"]:
        _import_tensorflow()
        from seed_matrace.learner.run import set_up_tensorflow

        set_up_tensorflow(config, deterministic=False)
    seconds, num_actors = values.seconds, values.num_actors or default_num_actors()
    measure: dict[str, Callable[[], dict[str, Any]]] = {
        "env": lambda: bench.bench_env(config, seconds),
        "inference": lambda: bench.bench_inference(config, seconds),
        "train": lambda: bench.bench_train(config, seconds),
        "end_to_end": lambda: bench.bench_end_to_end(config, seconds, num_actors, operative_text),
    }
    _print_json(measure[parts[0]]())


def _import_tensorflow() -> None:
    """Imports TensorFlow without the lines it prints about itself on every start.

    Raises:
      ImportError: it is not installed.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    stderr = os.dup(2)
    with open(os.devnull, "w") as nowhere:
        os.dup2(nowhere.fileno(), 2)
        try:
            import tensorflow as tf

            tf.config.list_physical_devices()  # looks for GPUs, and says so
        except ImportError as error:
            raise ImportError(f"{error}; the learner is installed by: pip install 'seed_matrace[learner]'") from None
        finally:
            os.dup2(stderr, 2)
            os.close(stderr)


def _print_json(result: dict[str, Any]) -> None:
    rounded = {name: float(f"{value:.6g}") if isinstance(value, float) else value for name, value in result.items()}
    print(json.dumps(rounded))


def _stop_on_signals() -> threading.Event:
    """An event that Ctrl-C or SIGTERM sets; a second Ctrl-C interrupts at once."""
    stop = threading.Event()

    def handle(*_: object) -> None:
        if stop.is_set():
            raise KeyboardInterrupt
        stop.set()

    signal.signal(signal.SIGINT, handle)
    signal.signal(signal.SIGTERM, handle)
    return stop


COMMANDS = {
    "train": Command(
        "Trains a team on this machine: one learner and its actors.",
        "seed-matrace train --gin_file=maps/8m.gin --num_actors=2 --run_dir=runs/8m",
        _define_train_flags,
        _train,
    ),
    "learner": Command(
        "Runs a learner that actors started elsewhere connect to.",
        "seed-matrace learner --gin_file=maps/8m.gin --num_actors=2 --server_address=unix:/tmp/learner.sock",
        _define_standalone_learner_flags,
        _learner,
    ),
    "actor": Command(
        "Steps environments for a learner; needs no TensorFlow.",
        "seed-matrace actor --gin_file=maps/8m.gin --server_address=unix:/tmp/learner.sock --task_id=0",
        _define_actor_flags,
        _actor,
    ),
    "eval": Command(
        "Plays battles with a trained team; the last line printed is one JSON object.",
        "seed-matrace eval --run_dir=runs/8m --episodes=400",
        _define_eval_flags,
        _eval,
    ),
    "sweep": Command(
        "Trains every combination of maps, variants and seeds; the same command goes on where it stopped.",
        "seed-matrace sweep --sweep_dir=sweeps/entropy --gin_axis=maps/3m.gin,maps/8m.gin "
        "--grid='loss.entropy_cost=[0.1,1.0]' --seeds=5",
        _define_sweep_flags,
        _sweep,
    ),
    "plot": Command(
        "Draws runs, or all runs under a directory: seeds as bands, variants as colours, maps as panels.",
        "seed-matrace plot sweeps/entropy --statistic=iqm --output=entropy.svg",
        _define_plot_flags,
        _plot,
        arguments="RUN... ",
    ),
    "report": Command(
        "Writes one page of a sweep: win rates with intervals, curves, profile, what differs.",
        "seed-matrace report sweeps/entropy",
        lambda values: None,
        _report,
        arguments="SWEEP_DIR ",
    ),
    "bench": Command(
        "Measures env, inference, train or end_to_end; the last line printed is one JSON object.",
        "seed-matrace bench end_to_end --gin_file=maps/3m.gin",
        _define_bench_flags,
        _bench,
        arguments=f"{'|'.join(BENCH_PARTS)} ",
    ),
}
