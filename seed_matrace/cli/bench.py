"""``bench``: how fast the parts and the whole are."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from absl import flags

from seed_matrace.cli.command import Command, define_gin_flags, print_json, refuse_word
from seed_matrace.training.process import import_tensorflow

BENCH_PARTS = ("env", "transport", "inference", "train", "end_to_end")


def _define_bench_flags(values: flags.FlagValues) -> None:
    define_gin_flags(values)
    flags.DEFINE_float("seconds", 10.0, "how long to measure", lower_bound=0.1, flag_values=values)
    flags.DEFINE_integer(
        "num_actors",
        None,
        "actor processes of end_to_end (default: half the cores, at least two)",
        lower_bound=1,
        flag_values=values,
    )


def _bench(values: flags.FlagValues, parts: list[str]) -> None:
    if not parts or parts[0] not in BENCH_PARTS:
        raise flags.Error(f"say what to measure: seed-matrace bench {'|'.join(BENCH_PARTS)}")
    if parts[1:]:
        refuse_word(parts[1], "bench")
    from seed_matrace.bench import parts as bench
    from seed_matrace.config import load_config
    from seed_matrace.training.local import default_num_actors

    config, _, operative_text = load_config(values.gin_file, values.gin_param)
    seconds, num_actors = values.seconds, values.num_actors or default_num_actors()
    devices = None
    if parts[0] not in ("env", "transport"):
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
    print_json(measure[parts[0]]())


BENCH = Command(
    "Measures env, transport, inference, train or end_to_end; the last line printed is one JSON object.",
    "seed-matrace bench end_to_end maps/3m.gin",
    _define_bench_flags,
    _bench,
    arguments=f"{'|'.join(BENCH_PARTS)} ",
)
