"""Single-bit flips over all files of a run: python benchmarks/bit_flips.py --flips=1000 --seed=0.

One small one-process run is trained to its end, with evaluations, replays, two checkpoints, a scenario file of its own
and an exported policy, and stands in the directory of a sweep. For each flip the directory is copied, one bit of one
file is another, and everything that read this file of the intact directory reads it again: a resumed training run,
evaluation of either checkpoint, the start of another run from its weights, plot, report, replays and the exported
policy. What comes of it must be what the intact directory gives, maybe from the older checkpoint with a sentence about
the newer, or without the best weights so far with a sentence about them; or one sentence (ValueError, OSError or
RuntimeError of one line). Anything else is a failure: a traceback, or another result. Half of the flips choose their
file by its bytes, half choose all files alike.

The counts go to --output as JSON; the exit code is 1 if there was a failure.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import logging
import os
import random
import re
import shutil
import sys
import tempfile
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import absl.logging
import numpy as np
import tensorflow as tf

from seed_matrace.evaluation import policy as policy_module
from seed_matrace.evaluation.export import export_numpy
from seed_matrace.evaluation.numpy_policy import load_numpy_policy
from seed_matrace.evaluation.replays import replays_over_training
from seed_matrace.evaluation.scores import read_scores
from seed_matrace.evaluation.sweep_record import SweepRun, write_sweep
from seed_matrace.learner.learner import Learner
from seed_matrace.learner.metrics import read_metrics
from seed_matrace.learner.run_directory import load_run_config
from seed_matrace.learner.run_info import read_run_info
from seed_matrace.learner.strategy import Devices
from seed_matrace.replay import read_replay
from seed_matrace.skirmish.maps import load_map
from seed_matrace.sweeps import report
from seed_matrace.training import run as run_module
from seed_matrace.training import train as train_module
from seed_matrace.training import warm_start
from seed_matrace.training_env import training_spec
from seed_matrace.viewer.plot import find_runs
from seed_matrace.viewer.runs import averages_said, by_variant, read_run

RUN = SweepRun("battle", "matrace", 7, (), ())
STEPS = 240
PARAMS = [
    *("run.num_envs=6", "learner.batch_size=4", "learner.unroll_length=5", "run.checkpoint_fraction=0.25"),
    *("network.policy_layers=(8,)", "network.critic_layers=(8,)", "run.stop_win_rate=0", "run.report_fraction=0.1"),
    *("evaluation.every_fraction=0.5", "evaluation.episodes=2", "evaluation.absolute_episodes=3"),
]
SCENARIO = {
    "terrain": "octagon",
    "episode_limit": 12,
    "allies": [{"unit": "Marine", "count": 2, "at": [9, 16]}],
    "enemies": [{"unit": "Zergling", "count": 2, "at": [14, 16]}],
}
# What the program says when it does without a checkpoint: which that is, and what this outcome is called.
FALLBACKS = {
    "passed over a checkpoint": ("step-*", "older checkpoint"),
    "the best of the evaluations to come is kept instead": ("best-*", "another best"),
}
FINE = ("nobody reads it", "identical", *(called for _, called in FALLBACKS.values()), "sentence")
ANOTHER = "another result"
Reader = Callable[[Path], Any]


class Sentence(Exception):  # noqa: N818, it is no error
    """A sentence instead of a result."""


class KeptLearners:
    """Makes each learner once and sets its weights back, which saves the tracing of its functions."""

    def __init__(self) -> None:
        self._made: dict[str, tuple[Learner, list[np.ndarray]]] = {}

    def __call__(self, config: Any, spec: Any, seed: int, devices: Any = None) -> Learner:
        key = f"{config.network} {config.loss} {config.optimizer} {config.learner} {spec} {seed}"
        if key not in self._made:
            learner = Learner(config, spec, seed, devices)
            self._made[key] = learner, [variable.numpy() for variable in learner.variables]
        learner, first = self._made[key]
        for variable, value in zip(learner.variables, first, strict=True):
            variable.assign(value)
        learner.publish()
        return learner


def train(run_dir: Path, steps: int, *params: str, **options: Any) -> None:
    """Begins or resumes the run until so many env steps."""
    given = train_module.TrainOptions(
        gin_params=[*params, f"run.total_env_steps={steps}"], run_dir=str(run_dir), num_actors=0, **options
    )
    with contextlib.redirect_stdout(io.StringIO()):
        train_module.train(given, threading.Event())


def make_run(folder: Path) -> Path:
    """The directory of a sweep with the run in it; returns the run's directory."""
    run_dir = folder / "sweep" / RUN.name
    (folder / "mine").mkdir()
    scenario = folder / "mine" / "battle.json"
    scenario.write_text(json.dumps(SCENARIO))
    train(run_dir, STEPS, *PARAMS, f"env.map_name='{scenario}'", seed=RUN.seed)
    shutil.rmtree(scenario.parent)
    write_sweep(folder / "sweep", [RUN])
    export_numpy(policy_module.load_policy(run_dir), run_dir / "policy.npz")
    return run_dir


def resume(run_dir: Path) -> Any:
    before = read_run_info(run_dir)
    train(run_dir, STEPS + 60)
    return {
        "run": {name: before.get(name) for name in ("id", "seed", "map", "backend", "scenario")},
        "metrics": _untimed(read_metrics(run_dir)),
        "results": re.sub(r'"elapsed_time": [\d.]+', "", (run_dir / "eval" / "results.json").read_text()),
        "checkpoints": {path.name: _variables(path) for path in sorted((run_dir / "checkpoints").iterdir())},
        "replays": {path.name: _replay(path) for path in sorted((run_dir / "replays").glob("*.npz"))},
    }


def evaluate(run_dir: Path, checkpoint: str) -> Any:
    policy = policy_module.load_policy(run_dir, checkpoint)
    weights = [variable.numpy().tobytes() for variable in policy.network.variables]
    config = str(policy.config).replace(str(run_dir), "RUN")
    return config, policy.env_steps, weights, len(load_map(policy.config.env.map_name).units)


def start_from(run_dir: Path) -> Any:
    config = load_run_config(run_dir)[0]
    learner = run_module.Learner(config, training_spec(config), 1)
    warm_start.start_from(learner, run_dir)
    return [variable.numpy().tobytes() for variable in learner.policy.variables]


def plot(run_dir: Path) -> Any:
    runs = [read_run(path) for path in find_runs([run_dir.parents[2]])]
    variants = by_variant(runs)
    facts = [(run.map_name, run.backend, run.seed, _untimed(run.reports)) for run in runs]
    scores = {name: {k: vars(v) for k, v in read_scores(run_dir, name).items()} for name in variants}
    return facts, scores, averages_said(variants)


def make_report(run_dir: Path) -> Any:
    with mock.patch.object(report, "save_figure", lambda figure, path: (path.write_bytes(b"") and path) or path):
        page = report.write_report(run_dir.parents[2])
    return page.with_suffix(".md").read_text(), page.with_name("results.json").read_text()


def watch(run_dir: Path) -> Any:
    replays = [*replays_over_training(run_dir), run_dir / "replays" / "best.npz"]
    return [_replay(path) for path in replays]


def exported(run_dir: Path) -> Any:
    policy = load_numpy_policy(run_dir / "policy.npz")
    return str(policy.facts), {name: array.tobytes() for name, array in policy.weights.items()}


READERS: dict[str, Reader] = {
    "resume": resume,
    "eval best": lambda run_dir: evaluate(run_dir, "best"),
    "eval latest": lambda run_dir: evaluate(run_dir, "latest"),
    "init_from": start_from,
    "plot": plot,
    "report": make_report,
    "watch": watch,
    "exported policy": exported,
}


def _untimed(reports: Any) -> Any:
    timed = re.compile(r"perf/.*|.*(_s|_per_s|_ms|_mb)")
    return [{tag: value for tag, value in line.items() if not timed.fullmatch(tag)} for line in reports]


def _variables(folder: Path) -> dict[str, bytes]:
    reader = tf.train.load_checkpoint(str(folder / "variables"))
    names = (name for name in reader.get_variable_to_shape_map() if "_CHECKPOINTABLE_OBJECT_GRAPH" not in name)
    return {name: np.asarray(reader.get_tensor(name)).tobytes() for name in names}


def _replay(path: Path) -> Any:
    replay = read_replay(path)
    return str(replay.about), [array.tobytes() for array in replay.arrays().values()]


class Opened:
    """Notes which files below a folder are opened for reading; an audit hook stays for ever, so there is one."""

    def __init__(self) -> None:
        self.folder: str | None = None
        self.paths: set[str] = set()
        sys.addaudithook(self._hook)

    def _hook(self, event: str, args: tuple[Any, ...]) -> None:
        if self.folder and event == "open" and isinstance(args[0], (str, bytes, os.PathLike)):
            path = os.path.realpath(os.fsdecode(args[0]))
            if path.startswith(self.folder):
                self.paths.add(path[len(self.folder) :])


def _read(read: Reader, sweep_dir: Path) -> Any:
    """The result, or Sentence; whatever else is raised is what the flip was for."""
    try:
        return read(sweep_dir / RUN.name)
    except (ValueError, OSError, RuntimeError) as error:  # what the program says in a sentence
        said = str(error)
        if not said or "\n" in said.strip():
            raise
        raise Sentence(said) from None


class Said(logging.Handler):
    """What of the sentences in FALLBACKS the program has said."""

    def __init__(self) -> None:
        super().__init__()
        self.fallback = ""

    def emit(self, record: logging.LogRecord) -> None:
        for sentence in FALLBACKS:
            if sentence in record.getMessage():
                self.fallback = sentence


def outcome(read: Reader, sweep_dir: Path, expected: Any, instead: dict[str, Any], said: Said) -> str:
    """One of FINE, or what is wrong; ``instead`` is what is right after each sentence."""
    said.fallback = ""
    try:
        found = _read(read, sweep_dir)
    except Sentence:
        return "sentence"
    except Exception as error:
        return f"{type(error).__name__}: {str(error)[:200]}"
    if not said.fallback:
        return "identical" if found == expected else ANOTHER
    return FALLBACKS[said.fallback][1] if found == instead.get(said.fallback) else ANOTHER


def choose(paths: list[Path], rng: random.Random, evenly: bool) -> tuple[Path, int]:
    """One of the files, and one of its bits."""
    path = rng.choice(paths) if evenly else rng.choices(paths, [path.stat().st_size for path in paths])[0]
    return path, rng.randrange(8 * path.stat().st_size)


@contextlib.contextmanager
def prepared() -> Iterator[None]:
    """One process for all runs: learners are kept, and TensorFlow is set up once."""
    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.experimental.enable_op_determinism()
    kept = KeptLearners()
    with contextlib.ExitStack() as stack:
        for module in (run_module, policy_module, warm_start):
            stack.enter_context(mock.patch.object(module, "Learner", kept))
        stack.enter_context(mock.patch("seed_matrace.learner.strategy.set_up_tensorflow", return_value=Devices()))
        stack.enter_context(mock.patch.object(train_module, "conclusion", return_value=""))
        yield


def flip_bits(flips: int, seed: int, folder: Path, every_file: bool = False) -> dict[str, Any]:
    """Makes the run in ``folder`` and tries the flips on copies of it; returns the counts and the failures.

    Args:
      every_file: takes the files in turn instead of by chance, so that few flips come by all of them.
    """
    opened, rng = Opened(), random.Random(seed)
    make_run(folder)
    intact = folder / "sweep"
    read_by: dict[str, list[str]] = {}
    expected: dict[str, Any] = {}
    instead: dict[str, dict[str, Any]] = {name: {} for name in READERS}
    said = Said()
    absl.logging.get_absl_logger().addHandler(said)
    for name, read in READERS.items():
        for sentence, (checkpoints, _) in FALLBACKS.items():
            copy = _copy(intact, folder)
            shutil.rmtree(max((copy / RUN.name / "checkpoints").glob(checkpoints)))
            with contextlib.suppress(Sentence):
                instead[name][sentence] = _read(read, copy)
        copy = _copy(intact, folder)
        opened.folder, opened.paths = f"{os.path.realpath(copy)}/", set()
        expected[name] = _read(read, copy)
        opened.folder = None
        for path in opened.paths:
            read_by.setdefault(path, []).append(name)
    paths = sorted(path for path in intact.rglob("*") if path.is_file() and path.stat().st_size)
    outcomes: Counter[str] = Counter()
    by_file: dict[str, Counter[str]] = {}
    failures = []
    for number in range(flips):
        among = [paths[number % len(paths)]] if every_file else paths
        path, bit = choose(among, rng, evenly=number % 2 == 1)
        inside = str(path.relative_to(intact))
        found = {FINE[0]}
        for name in read_by.get(inside, ()):
            copy = _copy(intact, folder)
            _flip(copy / inside, bit)
            found.add(what := outcome(READERS[name], copy, expected[name], instead[name], said))
            if what not in FINE:
                failures.append({"file": inside, "bit": bit, "reader": name, "outcome": what})
        worst = max(found, key=FINE.index) if found <= set(FINE) else "failure"
        outcomes[worst] += 1
        by_file.setdefault(re.sub(r"\d{4,}", "N", Path(inside).name), Counter())[worst] += 1
        if number % 50 == 49:
            print(f"{number + 1} of {flips}: {dict(outcomes)}", flush=True)
    return {
        "flips": flips,
        "seed": seed,
        "files": len(paths),
        "bytes": sum(path.stat().st_size for path in paths),
        "outcomes": dict(outcomes),
        "by_file": {name: dict(counts) for name, counts in sorted(by_file.items())},
        "failures": failures,
    }


def _copy(intact: Path, folder: Path) -> Path:
    copy = folder / "copy" / "sweep"
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(intact, copy)
    return copy


def _flip(path: Path, bit: int) -> None:
    content = bytearray(path.read_bytes())
    content[bit // 8] ^= 1 << bit % 8
    path.write_bytes(content)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--flips", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--every_file", action="store_true", help="take the files in turn, not by chance")
    parser.add_argument("--output", default=str(Path(__file__).parent / "results" / "bit_flips.json"))
    values = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, prepared():
        result = flip_bits(values.flips, values.seed, Path(folder), values.every_file)
    Path(values.output).write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps(result["outcomes"]), f"{len(result['failures'])} failures")
    return 1 if result["failures"] else 0


if __name__ == "__main__":
    sys.exit(main())
