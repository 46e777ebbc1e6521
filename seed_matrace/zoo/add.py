"""A team of a zoo, made from a run: its best weights, how they play, and where they come from."""

from __future__ import annotations

import json
import re
import shlex
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from seed_matrace.envs.registry import backend_name
from seed_matrace.evaluation.battle_seeds import BattlesOf
from seed_matrace.evaluation.episodes import summarise
from seed_matrace.evaluation.export import export_numpy
from seed_matrace.evaluation.policy import TrainedPolicy, load_policy, play
from seed_matrace.files import write_file
from seed_matrace.learner.metrics import METRICS_FILE, read_metrics
from seed_matrace.learner.networks_file import write_networks
from seed_matrace.learner.run_directory import OPERATIVE_CONFIG, is_team, load_run_config, noted_modules
from seed_matrace.learner.run_info import RUN_FILE, read_run_info
from seed_matrace.zoo.card import card
from seed_matrace.zoo.folder import check_place, put
from seed_matrace.zoo.team import (
    BACKEND,
    CARD,
    FILES,
    FORMAT,
    KEPT,
    POLICY_FILE,
    REPLAY_FILE,
    TeamError,
    check_name,
    entry_of,
)

EPISODES, SEED = 320, 1  # as ``eval`` plays unless it is told otherwise: it repeats what the card says
_PLOTTED = (
    *("train/win_rate", "train/return", "eval/win_rate", "eval/win_rate_ci95_low", "eval/win_rate_ci95_high"),
    *("eval/return", "perf/policy_lag_mean", "perf/policy_lag_max"),
)


def add_team(run_dir: Path, name: str, zoo: Path, *, replace: bool = False) -> Path:
    """Makes a team of a run's best weights, plays its evaluation, and puts it into ``zoo``; returns its folder.

    Raises:
      TeamError: the run cannot be a team; another of that name is there, and ``replace`` is not set.
      ValueError: not a run directory.
      CheckpointError: it has no usable best checkpoint.
    """
    check_name(name)
    if is_team(run_dir):
        raise TeamError(f"{run_dir} is a team of a zoo already; seed-matrace zoo fetch copies one")
    if noted_modules(run_dir):
        raise TeamError(
            f"{run_dir} was trained with --module: whoever opens it runs that code, and a team is data alone"
        )
    env = load_run_config(run_dir)[0].env
    if env.backend != BACKEND or env.scenario is not None:
        raise TeamError(f"{run_dir} plays {env.map_name} on {env.backend}; a team plays a map of SMAC's on {BACKEND}")
    check_place(zoo, name, replace=replace)
    policy = load_policy(run_dir)
    if other_rules := policy.other_rules(backend_name(env)):
        raise TeamError(f"{run_dir}: {other_rules}")
    with tempfile.TemporaryDirectory() as folder:
        files = _files(run_dir, name, policy, Path(folder))
    return put(zoo, name, files, replace=replace)


def _files(run_dir: Path, name: str, policy: TrainedPolicy, folder: Path) -> dict[str, bytes]:
    seed = BattlesOf.EVAL_COMMAND.seed(SEED)
    stats = play(policy, EPISODES, seed=seed, replays=1, replay_dir=folder / "played")
    write_file(folder / REPLAY_FILE, (folder / "played" / "eval_0000.npz").read_bytes())
    export_numpy(policy, folder / POLICY_FILE)
    write_networks(folder, {"policy": policy.network, "critic": policy.critic}, policy.env_steps)
    write_file(folder / OPERATIVE_CONFIG, (run_dir / OPERATIVE_CONFIG).read_bytes())
    write_file(folder / METRICS_FILE, "".join(map(_line, read_metrics(run_dir))))
    info = read_run_info(run_dir)
    evaluation = {key: round(float(value), 6) for key, value in summarise(stats).items()}
    team: dict[str, Any] = {
        "format": FORMAT,
        "name": name,
        "env_steps": policy.env_steps,
        "command": command_of(info),
        "evaluation": {**evaluation, "episodes": EPISODES, "seed": SEED},
    }
    facts = {**{key: info.get(key) for key in KEPT}, "team": team}
    write_file(folder / CARD, card(facts, policy))
    files = {file: (folder / file).read_bytes() for file in FILES}
    team["files"] = {file: entry_of(content) for file, content in files.items()}
    return {RUN_FILE: (json.dumps(facts, indent=2) + "\n").encode(), **files}


def _line(report: Mapping[str, Any]) -> str:
    """What plots show of a report."""
    kept = {tag: float(f"{report[tag]:.6g}") for tag in _PLOTTED if report.get(tag) is not None}
    return json.dumps({"env_steps": report["env_steps"], "wall_s": report.get("wall_s"), **kept}) + "\n"


def command_of(info: Mapping[str, Any]) -> str:
    """What the run was begun with, but for places of its machine: RUN is another run that it began from."""
    argv = [str(word) for word in info.get("argv", [])[1:]]
    for flag in ("--run_dir", "-run_dir"):
        if flag in argv:
            del argv[argv.index(flag) : argv.index(flag) + 2]
    for at, word in enumerate(argv[:-1]):
        if word in ("--init_from", "-init_from"):
            argv[at : at + 2] = [f"--init_from={argv[at + 1]}"]
    words = [_without_place(word) for word in argv if not word.lstrip("-").startswith("run_dir=")]
    return f"seed-matrace {shlex.join(words)}" if words else ""


def _without_place(word: str) -> str:
    if re.match(r"--?init_from=(?!zoo/)", word):
        return "--init_from=RUN"
    return re.sub(r"""(?<![^\s='"])(~[^/\s'"]*|\.\.)?/[^'"=]*/""", "", word)
