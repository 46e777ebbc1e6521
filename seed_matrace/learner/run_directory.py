"""The directory of a run: made, locked, and recognised when it is given again."""

from __future__ import annotations

import fcntl
from collections.abc import Iterable
from pathlib import Path
from typing import IO

from seed_matrace.config import Config, ConfigError, decides_learning, load_config, options
from seed_matrace.files import read_checked, write_checked

OPERATIVE_CONFIG = "operative_config.gin"
CHECKPOINTS_DIR = "checkpoints"
CHECKPOINT_STATE = "state.json"  # of a checkpoint, written last
_OF_A_RUN = ("run.json", "metrics.jsonl", "eval/results.json")
_ADVICE = "put back a copy of it; options of a run are changed by --gin_param"


class RunDirectory:
    """Owns one run directory as long as it is open; no second learner can.

    Raises:
      ValueError: the directory cannot be written, or another learner works in it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            path.mkdir(parents=True, exist_ok=True)
            self._lock: IO[str] = (path / ".lock").open("w")
        except OSError as error:
            raise ValueError(
                f"cannot write to run directory {path}: {error.strerror}; choose another --run_dir"
            ) from None
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ValueError(f"another learner is at work in {path}; stop it or choose another --run_dir") from None

    def write_config(self, config_text: str, operative_text: str) -> None:
        """Writes down the configuration: as it was given when the run began, and every option as it is now."""
        if not is_run_directory(self.path):
            write_checked(self.path / "config.gin", config_text)
        write_checked(self.path / OPERATIVE_CONFIG, operative_text)

    def check_same_run(self, given: Config) -> None:
        """Raises ConfigError if the run here was begun with another configuration that matters."""
        differing = differences(self.path, given)
        if differing:
            raise ConfigError(
                f"{self.path} holds a run of another configuration ({'; '.join(differing)}); "
                f"choose another --run_dir, and --init_from={self.path} to start from its weights"
            )

    def close(self) -> None:
        self._lock.close()


def is_run_directory(path: Path) -> bool:
    """Whether a run was begun in ``path``: it holds anything that a run leaves, whole or not.

    A run that was killed before its run.json was there has left nothing but its configuration, and begins anew.
    """
    return any((path / name).exists() for name in _OF_A_RUN) or any((path / CHECKPOINTS_DIR).glob("[!.]*"))


def load_run_config(run_dir: Path, gin_params: Iterable[str] = ()) -> tuple[Config, str, str]:
    """The configuration a run was begun with, as ``load_config`` returns it.

    Raises:
      ValueError: no run was begun there, or its configuration is missing or not what was written.
    """
    path = run_dir / OPERATIVE_CONFIG
    try:
        read_checked(path, _ADVICE)
    except FileNotFoundError:
        if is_run_directory(run_dir):
            raise ValueError(f"{run_dir} holds a run but no {OPERATIVE_CONFIG}; put back a copy of it") from None
        raise ValueError(f"{run_dir} is not a run directory: it has no {OPERATIVE_CONFIG}") from None
    return load_config([path], list(gin_params))


def differences(run_dir: Path, given: Config) -> list[str]:
    """How the run begun in ``run_dir`` differs from ``given`` in what decides what is learnt; [] if it may go on.

    Options that are newer than the run count as left at their defaults.
    """
    before, now = options(load_run_config(run_dir)[0]), options(given)
    return [
        f"{name} was {before[name]!r}, now {now[name]!r}"
        for name in sorted(now)
        if before[name] != now[name] and decides_learning(name)
    ]
