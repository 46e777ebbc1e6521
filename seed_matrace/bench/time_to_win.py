"""``seed-matrace bench time_to_win``: env steps and seconds until battles are won, as a sweep that stops there.

Each setting is a variant of the sweep. Runs, and lines of a peer, are the only record: results are made of them anew
whenever a run ends, so that a command given again goes on.
"""

from __future__ import annotations

import json
import os
import platform
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from seed_matrace.bench.marks import Curve, Marks, Winning, curve_of, reached
from seed_matrace.bench.peer import PEER, Peer, peer_curve, run_peers
from seed_matrace.bench.win_plan import WinOptions, Wins, plan_wins
from seed_matrace.evaluation.sweep_record import SweepRun
from seed_matrace.files import write_file
from seed_matrace.learner.run_directory import is_run_directory
from seed_matrace.learner.run_info import read_run_info, why_finished
from seed_matrace.sweeps.sweep import Outcome, SweepOptions, Watch, sweep

RESULTS = "time_to_win.json"
FORMAT = 1


def time_to_win(
    options: WinOptions, stop: threading.Event, show: Callable[[str], None]
) -> tuple[Outcome, dict[str, Any]]:
    """Runs what is not done yet; returns what became of it, and the results, which ``sweep_dir`` holds as well.

    Raises:
      ValueError: what makes it impossible, before anything is started.
    """
    wins = plan_wins(options)
    peers = [] if options.peer is None else _peers(wins, options.peer)
    directories = {wins.run_dir(run): run for run in wins.runs}
    winning = Winning(
        {path: wins.marks[run.map_name] for path, run in directories.items()},
        {path: wins.configs[run.map_name].evaluation.episodes for path, run in directories.items()},
    )
    watch = Watch(winning.enough, lambda: _write(wins, {}))
    flags = SweepOptions(
        options.sweep_dir, num_actors=options.num_actors, parallel=options.parallel, modules=options.modules
    )
    outcome = sweep(flags, stop, runs=wins.runs, watch=watch)
    if peers and not stop.is_set():
        run_peers(peers, options.parallel, stop, show)
    _write(wins, outcome.failures)
    return outcome, results_of(wins, outcome.failures)


def _peers(wins: Wins, command: str) -> list[Peer]:
    of = {(run.map_name, run.seed): None for run in wins.runs}
    folder = wins.options.sweep_dir / PEER
    return [Peer(command, map_name, seed, wins.budget(map_name), wins.marks[map_name], folder) for map_name, seed in of]


def _write(wins: Wins, failures: Mapping[SweepRun, str]) -> None:
    write_file(wins.options.sweep_dir / RESULTS, json.dumps(results_of(wins, failures), indent=1) + "\n")


def results_of(wins: Wins, failures: Mapping[SweepRun, str]) -> dict[str, Any]:
    """What ``time_to_win.json`` holds: of the runs that are over alone."""
    options = wins.options
    return {
        "bench": "time_to_win",
        "format": FORMAT,
        "machine": {"processor": _processor(), "cores": os.cpu_count(), "system": platform.platform(terse=True)},
        "parallel": options.parallel,
        "num_actors": options.num_actors,
        "window_env_steps": options.window,
        "evaluate_every_env_steps": options.evaluate_every,
        "settings": {s.label: [*s.gin_files, *s.gin_params] for s in wins.settings},
        "peer": options.peer,
        "maps": {
            name: {
                "backend": wins.backends[name],
                "budget": wins.budget(name),
                "marks": marks.names,
                "target": marks.target and {"win_rate": marks.target[0], "episodes": marks.target[1]},
            }
            for name, marks in wins.marks.items()
        },
        "runs": [*_ours(wins, failures), *_theirs(wins)],
    }


def _ours(wins: Wins, failures: Mapping[SweepRun, str]) -> Iterator[dict[str, Any]]:
    for run in wins.runs:
        path = wins.run_dir(run)
        if not is_run_directory(path):
            continue
        marks = wins.marks[run.map_name]
        curve = curve_of(path, wins.configs[run.map_name].evaluation.episodes)
        result = _result(run.map_name, run.variant, run.seed, curve, marks)
        budget_used = why_finished(path) and curve.env_steps >= wins.budget(run.map_name)
        if None not in result["marks"].values() or budget_used or run in failures:
            info = read_run_info(path)
            failed = {"failed": failures[run]} if run in failures else {}
            yield result | {"commit": info["git"], "versions": info["versions"], **failed}


def _theirs(wins: Wins) -> Iterator[dict[str, Any]]:
    for peer in _peers(wins, wins.options.peer) if wins.options.peer else ():
        curve, over = peer_curve(peer)
        if over:
            yield _result(peer.map_name, PEER, peer.seed, curve, peer.marks) | {"ended": over}


def _result(map_name: str, setting: str, seed: int, curve: Curve, marks: Marks) -> dict[str, Any]:
    """Seconds count from when the first batch was trained on; ``start_up_s`` is what came before."""
    return {
        "map": map_name,
        "setting": setting,
        "seed": seed,
        "env_steps": curve.env_steps,
        "start_up_s": round(curve.start_up_s, 2),
        "sessions": curve.sessions,
        "marks": {
            name: point and {"env_steps": point.env_steps, "seconds": round(point.seconds, 2)}
            for name, point in reached(curve.points, marks).items()
        },
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or "unknown"
