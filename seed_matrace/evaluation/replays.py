"""Replays of a run's evaluated battles: the first, the best, the newest, and some on the way."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from seed_matrace.files import write_file
from seed_matrace.replay import SUFFIX, Replay, read_replay, write_replay

FOLDER = "replays"
BEST = f"best{SUFFIX}"
_ON_THE_WAY = 16  # replays kept between the first and the newest, at least half as many


class EvaluationReplays:
    """The folder ``replays`` of a run: ``0012.npz`` is of evaluation 12, ``best.npz`` of the best weights.

    Args:
      run_dir: the run directory.
      evaluations: how many the run has behind it; replays of later ones are of a session that is forgotten.
    """

    def __init__(self, run_dir: Path, evaluations: int) -> None:
        self._folder = run_dir / FOLDER
        self._newest: Path | None = None
        for path, number in _numbered(self._folder):
            if number >= evaluations:
                path.unlink()

    def keep(self, replay: Replay, evaluation: int) -> None:
        """Keeps a battle of the newest evaluation; of the older ones fewer and fewer are left, evenly apart.

        Raises:
          OSError: it cannot be written.
        """
        self._newest = None  # until it is written
        self._newest = write_replay(self._folder / f"{evaluation:04d}{SUFFIX}", replay)
        stride = 1
        while evaluation / stride > _ON_THE_WAY:
            stride *= 2
        for path, number in _numbered(self._folder):
            if number % stride and number != evaluation:
                path.unlink()

    def keep_as_best(self) -> None:
        """What was kept just now becomes the best."""
        if self._newest is not None:
            write_file(self._folder / BEST, self._newest.read_bytes())


def find_replays(run_dir: Path) -> list[Path]:
    """The replays of a run's evaluations in their order, without the best's copy."""
    return [path for path, _ in _numbered(run_dir / FOLDER)]


def replays_over_training(run_dir: Path, fractions: Sequence[float] = (0.0, 0.1, 0.5, 1.0)) -> list[Path]:
    """Those nearest to the given fractions of the env steps that the run was trained on.

    Raises:
      ValueError: there is none.
    """
    steps = {path: _env_steps(path) for path in find_replays(run_dir)}
    if not steps:
        raise ValueError(f"{run_dir} has no replays")
    last = max(steps.values())
    return [min(steps, key=lambda path: abs(steps[path] - fraction * last)) for fraction in fractions]


def _env_steps(path: Path) -> int:
    steps = read_replay(path).about.get("env_steps")
    if type(steps) is not int:
        raise ValueError(f"{path} does not say after how many env steps it was played")
    return steps


def _numbered(folder: Path) -> list[tuple[Path, int]]:
    found = [path for path in folder.glob(f"*{SUFFIX}") if path.name.removesuffix(SUFFIX).isdigit()]
    return [(path, int(path.name.removesuffix(SUFFIX))) for path in sorted(found)]
