"""``bench``: how fast the parts and the whole are, and how soon battles are won."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from absl import flags

from seed_matrace.cli.command import Command, define_gin_flags, define_module_flag, print_json, refuse_word
from seed_matrace.foreign_files import printable
from seed_matrace.training.process import import_tensorflow, stop_on_signals

TIME_TO_WIN = "time_to_win"
BENCH_PARTS = ("env", "transport", "inference", "train", "end_to_end", TIME_TO_WIN)
_FLAGS_OF = {  # those that not every part takes
    **dict.fromkeys(("seconds",), tuple(part for part in BENCH_PARTS if part != TIME_TO_WIN)),
    **dict.fromkeys(
        ("sweep_dir", "against", "marks", "seeds", "first_seed", "budget", "window", "evaluate_every", "parallel"),
        (TIME_TO_WIN,),
    ),
    **dict.fromkeys(("peer", "compare"), (TIME_TO_WIN,)),
}


def _define_bench_flags(values: flags.FlagValues) -> None:
    define_gin_flags(values)
    define_module_flag(values)
    flags.DEFINE_float("seconds", 10.0, "how long to measure", lower_bound=0.1, flag_values=values)
    flags.DEFINE_integer(
        "num_actors",
        None,
        "actor processes of end_to_end (default: half the cores, at least two), or of each run of time_to_win (0)",
        lower_bound=0,
        flag_values=values,
    )
    _define_wins_flags(values)


def _define_wins_flags(values: flags.FlagValues) -> None:
    flags.DEFINE_string(
        "sweep_dir",
        "sweeps/time_to_win",
        "time_to_win: its runs and results; given again, it goes on",
        flag_values=values,
    )
    flags.DEFINE_multi_string(
        "against",
        [],
        "time_to_win: another setting, gin files and bindings between semicolons (base.gin: the defaults); repeatable",
        flag_values=values,
    )
    flags.DEFINE_list(
        "marks",
        ["0.8", "0.95", "target"],
        "time_to_win: fractions of training battles won, and target for run.stop_win_rate in evaluations",
        flag_values=values,
    )
    for name, default, doc in (
        ("seeds", 5, "time_to_win: runs of each map and setting"),
        ("budget", None, "time_to_win: env steps of a run, at most (default: as the map has it)"),
        ("window", 20_000, "time_to_win: env steps over which training battles are counted"),
        ("evaluate_every", 50_000, "time_to_win: env steps between evaluations"),
        ("parallel", 1, "time_to_win: runs at a time, with one thread inside an operation each if more than one"),
    ):
        flags.DEFINE_integer(name, default, doc, lower_bound=1, flag_values=values)
    flags.DEFINE_integer("first_seed", 0, "time_to_win: seed of the first run", lower_bound=0, flag_values=values)
    flags.DEFINE_string(
        "peer",
        None,
        "time_to_win: command of another program, with {map}, {seed} and {budget}, that prints its reports as JSON",
        flag_values=values,
    )
    flags.DEFINE_string(
        "compare", None, "time_to_win: an older time_to_win.json, to print what is needed of it", flag_values=values
    )


def _bench(values: flags.FlagValues, parts: list[str]) -> int:
    if not parts or parts[0] not in BENCH_PARTS:
        raise flags.Error(f"say what to measure: seed-matrace bench {'|'.join(BENCH_PARTS)}")
    if parts[1:]:
        refuse_word(parts[1], "bench")
    for name, takers in _FLAGS_OF.items():
        if values[name].present and parts[0] not in takers:
            raise flags.Error(f"--{name} is none of bench {parts[0]}'s flags; it is one of {', '.join(takers)}")
    if parts[0] == TIME_TO_WIN:
        return _time_to_win(values)
    if values.num_actors == 0:
        raise flags.Error("--num_actors=0: at least 1 expected; only time_to_win plays in the learner's process")
    _measure(values, parts[0])
    return 0


def _measure(values: flags.FlagValues, part: str) -> None:
    from seed_matrace.bench import parts as bench
    from seed_matrace.config import load_config
    from seed_matrace.modules import read_modules, registry_of, told
    from seed_matrace.training.local import default_num_actors

    modules = read_modules(values.module)
    config, _, operative_text = load_config(values.gin_file, values.gin_param, registry=registry_of(modules))
    for text in map(told, modules):
        print(printable(text))
    for hook in config.registry.hooks:
        print(printable(f"{hook.where}: bench calls no hooks, {hook.name!r} neither"))
    seconds, num_actors = values.seconds, values.num_actors or default_num_actors()
    devices = None
    if part not in ("env", "transport"):
        import_tensorflow()
        from seed_matrace.learner.strategy import set_up_tensorflow

        devices = set_up_tensorflow(config, deterministic=False, local_actors=num_actors)
        if devices.host.count > 1:
            raise ValueError("bench measures one host; unset TF_CONFIG")
    measure: dict[str, Callable[[], dict[str, Any]]] = {
        "env": lambda: bench.bench_env(config, seconds),
        "transport": lambda: bench.bench_transport(config, seconds),
        "inference": lambda: bench.bench_inference(config, seconds, devices=devices),
        "train": lambda: bench.bench_train(config, seconds, devices),
        "end_to_end": lambda: bench.bench_end_to_end(config, seconds, num_actors, operative_text, devices),
    }
    print_json(measure[part]())


def _time_to_win(values: flags.FlagValues) -> int:
    from seed_matrace.bench.time_to_win import RESULTS, time_to_win
    from seed_matrace.bench.win_plan import WinOptions
    from seed_matrace.bench.win_tables import ratio_table, read_wins, wins_table
    from seed_matrace.modules import read_modules
    from seed_matrace.sweeps.page import Block, Paragraph, to_markdown

    older = None if values.compare is None else read_wins(values.compare)
    options = WinOptions(
        sweep_dir=Path(values.sweep_dir),
        gin_files=values.gin_file,
        gin_params=values.gin_param,
        against=values.against,
        marks=values.marks,
        seeds=values.seeds,
        first_seed=values.first_seed,
        budget=values.budget,
        window=values.window,
        evaluate_every=values.evaluate_every,
        num_actors=values.num_actors or 0,
        parallel=values.parallel,
        peer=values.peer,
        modules=read_modules(values.module),
    )
    outcome, results = time_to_win(options, stop_on_signals(), lambda text: print(printable(text), flush=True))
    blocks: list[Block] = [wins_table(results)]
    if ratios := ratio_table(results, older):
        blocks += [Paragraph(f"What {next(iter(results['settings']))} needs of what others need, medians:"), ratios]
    print("\n" + to_markdown(blocks, Path()))
    print(printable(f"{outcome}\nresults: {options.sweep_dir / RESULTS}"))
    return outcome.exit_code


BENCH = Command(
    "Measures env, transport, inference, train or end_to_end, the last line being a JSON object; or time_to_win.",
    "seed-matrace bench end_to_end maps/3m.gin",
    _define_bench_flags,
    _bench,
    arguments=f"{'|'.join(BENCH_PARTS)} ",
    keeps_going=True,
)
