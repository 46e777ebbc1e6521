"""Whether a run may be resumed: it was begun with the same configuration, on the same rules."""

from __future__ import annotations

import shlex
from pathlib import Path

from seed_matrace.config import Config, ConfigError, decides_learning, defaults_of, options
from seed_matrace.envs.registry import backend_name
from seed_matrace.learner.run_directory import backend_of, load_run_config
from seed_matrace.registered import OPEN


def check_same_run(run_dir: Path, given: Config) -> None:
    """Raises ConfigError if the run in ``run_dir`` was begun with another configuration that matters."""
    differing = differences(run_dir, given)
    if differing:
        raise ConfigError(
            f"{run_dir} holds a run of another configuration ({'; '.join(differing)}); "
            f"choose another --run_dir, and {shlex.quote(f'--init_from={run_dir}')} to start from its weights"
        )


def differences(run_dir: Path, given: Config) -> list[str]:
    """How the run begun in ``run_dir`` differs from ``given`` in what decides what is learnt; [] if it may be resumed.

    Options that are newer than the run count as left at their defaults. Scenario files are the same if their contents
    are, wherever they lie. A run does not resume with another version of what it was begun on.
    """
    started = load_run_config(run_dir, registry=OPEN)[0]
    before, now = defaults_of(given) | options(started), options(given)
    old, new = started.env.scenario, given.env.scenario
    differing = []
    begun_on, plays = backend_of(run_dir), backend_name(started.env)
    if begun_on not in ("", plays):
        differing = [f"it was begun on {begun_on}, and what plays here is {plays}, by other rules"]
    if old and new and old.is_file():
        if old.read_bytes() != new.read_bytes():
            differing += [f"{new} has changed since; --run_dir alone goes on with the run's own copy, {old}"]
        now["env.map_name"] = before["env.map_name"]
    return differing + [
        f"{name} was {before[name]!r}, now {now[name]!r}"
        for name in sorted(now)
        if before[name] != now[name] and decides_learning(name)
    ]
