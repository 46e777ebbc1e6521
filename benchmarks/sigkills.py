"""One-process runs through SIGKILL: python benchmarks/sigkills.py KILLS OUTPUT.json [SEED].

Every kind of network, loss and environment below trains once undisturbed. Then each trains again and again, in a
process that gets SIGKILL at a random moment, until it has reached its end; what it leaves behind must be the
undisturbed run's, bit for bit: metrics, evaluated episodes, replays, weights, statistics and optimizer. Goes on until
KILLS processes were killed. They are forks of one that has imported TensorFlow but not used it, which saves seconds.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import re
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from seed_matrace.cli import main as command
from seed_matrace.learner.metrics import read_metrics
from seed_matrace.replay import read_replay

SMALL = (
    "run.num_envs=6",
    "learner.batch_size=4",
    "learner.unroll_length=5",
    "run.total_env_steps=1200",
    "run.report_fraction=0.05",
    "run.checkpoint_fraction=0.05",
    "run.stop_win_rate=0",
    "evaluation.every_fraction=0.15",
    "evaluation.episodes=3",
)
TINY = ("network.policy_layers=(8,)", "network.critic_layers=(8,)")
EVERYTHING = (
    "network.agent_id=True",
    "network.last_action=True",
    "network.layer_norm=True",
    "network.normalise_obs=True",
    "network.normalise_values=True",
    "learner.policy_lag=2",
    "env.frame_stack=3",
)
PETTINGZOO = ("env.backend='pettingzoo'", "env.map_name='mpe2.simple_spread_v3'", "env.arguments={'max_cycles': 9}")
KINDS: dict[str, tuple[str, ...]] = {
    "joint observations": TINY,
    "state": (*TINY, "network.critic_input='state'"),
    "deep, layer norm, bfloat16": ("network.layer_norm=True", "network.dtype='bfloat16'"),
    "own observations": (*TINY, "network.critic_input='own_obs'", "loss.importance_weights='per_agent'"),
    "separate policies": (*TINY, "network.share_policy=False", "loss.importance_weights='none'"),
    "previous actions": (*TINY, *EVERYTHING, "network.critic_input='joint_obs_and_actions'", "loss.mean_value=True"),
    "recurrent": (*TINY, "network.policy_gru_units=5", "network.critic_gru_units=6"),
    "recurrent, own observations": (
        *TINY,
        *("network.critic_input='own_obs'", "network.share_policy=False"),
        *("network.policy_gru_units=5", "network.critic_gru_units=6", "network.last_action=True"),
    ),
    "time limit, schedules": (
        *TINY,
        *("loss.bootstrap_time_limit=True", "loss.kl_cost=0.1", "loss.max_abs_reward=1.0", "optimizer.warmup_steps=9"),
        *("optimizer.decay_env_steps=1000", "env.obs_last_action=True", "network.normalise_values=True"),
    ),
    "PettingZoo": (*TINY, *PETTINGZOO),
    "PettingZoo, recurrent": (*TINY, *PETTINGZOO, "network.policy_gru_units=5", "env.frame_stack=2"),
}


def train(kind: str, run_dir: Path) -> int:
    """Begins a run or goes on with it in a process of its own; returns its process id."""
    pid = os.fork()
    if pid:
        return pid
    with contextlib.suppress(BaseException), (run_dir.parent / "output.log").open("a") as log:
        os.dup2(log.fileno(), 1)
        os.dup2(log.fileno(), 2)
        params = [f"--gin_param={param}" for param in (*SMALL, *KINDS[kind])]
        os._exit(command(["train", "--gin_file=maps/3m.gin", f"--run_dir={run_dir}", "--num_actors=0", *params]))
    os._exit(70)


def left_behind(run_dir: Path) -> dict[str, Any]:
    """What two runs of one seed must have in common."""
    timed = re.compile(r"perf/.*|.*(_s|_per_s|_ms|_mb)")
    reports = [{k: v for k, v in line.items() if not timed.fullmatch(k)} for line in read_metrics(run_dir)]
    results = re.sub(r'"elapsed_time": [\d.]+', "", (run_dir / "eval" / "results.json").read_text())
    replays = {path.name: read_replay(path) for path in sorted((run_dir / "replays").glob("*.npz"))}
    folders = sorted((run_dir / "checkpoints").iterdir())
    return {
        "metrics": reports,
        "results": results,
        "replays": {n: (r.about, [a.tobytes() for a in r.arrays().values()]) for n, r in replays.items()},
        "checkpoints": [folder.name for folder in folders],
        "variables": [_variables(folder) for folder in folders],
        "files": sorted(path.name for path in run_dir.iterdir()),
    }


def _variables(folder: Path) -> dict[str, bytes]:
    reader = tf.train.load_checkpoint(str(folder / "variables"))
    names = (name for name in reader.get_variable_to_shape_map() if "_CHECKPOINTABLE_OBJECT_GRAPH" not in name)
    return {name: np.asarray(reader.get_tensor(name)).tobytes() for name in names}


def main(kills: int, output: str, seed: int = 0) -> None:
    rng = random.Random(seed)
    killed: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as scratch:
        folders = {kind: Path(scratch) / re.sub(r"\W+", "_", kind) for kind in KINDS}
        took_s = {kind: _train_undisturbed(kind, folder) for kind, folder in folders.items()}
        runs: dict[str, list[Path]] = {kind: [] for kind in KINDS}
        while killed.total() < kills:
            for kind, folder in folders.items():
                runs[kind].append(folder / f"run_{len(runs[kind])}")
                killed[kind] += _train_through_kills(kind, runs[kind][-1], took_s[kind], rng)
            print(f"{killed.total()} of {kills} killed", flush=True)
        for kind, folder in folders.items():  # reading checkpoints starts TensorFlow's threads, which no fork survives
            expected = left_behind(folder / "undisturbed")
            for run_dir in runs[kind]:
                _compare(run_dir, left_behind(run_dir), expected)
    compared = {kind: len(paths) for kind, paths in runs.items()}
    result = {"killed": killed.total(), "by_kind": dict(killed), "runs_compared": compared, "differing": 0}
    Path(output).write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps(result))


def _train_undisturbed(kind: str, folder: Path) -> float:
    """Returns the seconds that it took."""
    folder.mkdir()
    started = time.monotonic()
    _, status = os.waitpid(train(kind, folder / "undisturbed"), 0)
    _check(kind, folder, status)
    return time.monotonic() - started


def _train_through_kills(kind: str, run_dir: Path, longest_s: float, rng: random.Random) -> int:
    """Goes on with a run until it is over; returns how many of its processes were killed."""
    kills = 0
    while True:
        pid, deadline = train(kind, run_dir), time.monotonic() + rng.uniform(0.1, longest_s)
        longest_s *= 1.05  # so that a machine which has become slower ends it, too
        while not (ended := os.waitpid(pid, os.WNOHANG))[0] and time.monotonic() < deadline:
            time.sleep(0.01)
        if not ended[0]:
            os.kill(pid, signal.SIGKILL)
            ended = os.waitpid(pid, 0)
        if not os.WIFSIGNALED(ended[1]) or os.WTERMSIG(ended[1]) != signal.SIGKILL:
            _check(kind, run_dir.parent, ended[1])
            return kills
        kills += 1


def _check(kind: str, folder: Path, status: int) -> None:
    if status:
        log = (folder / "output.log").read_text()[-2000:]
        sys.exit(f"{kind}: a run ended with exit code {os.waitstatus_to_exitcode(status)}\n{log}")


def _compare(run_dir: Path, found: dict[str, Any], expected: dict[str, Any]) -> None:
    differing = [name for name in expected if found[name] != expected[name]]
    if differing:
        kept = shutil.copytree(run_dir.parent, Path(tempfile.mkdtemp()) / run_dir.parent.name)
        sys.exit(f"{run_dir.name}: {', '.join(differing)} differ from the undisturbed run; both are in {kept}")


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2], *(int(word) for word in sys.argv[3:]))
