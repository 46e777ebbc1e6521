"""``sweep.json``: which runs a sweep consists of. Written before the first of them begins."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from seed_matrace.files import read_checked, write_checked
from seed_matrace.foreign_files import parse_json

SWEEP_FILE = "sweep.json"
PLAIN_VARIANT = "matrace"  # what runs are called that nothing but map and seed sets apart
_FORMAT = 1


@dataclass(frozen=True)
class SweepRun:
    """One run of a sweep: a map, a variant of the settings, a seed, and the flags that make it so."""

    map_name: str
    variant: str
    seed: int
    gin_files: tuple[str, ...]
    gin_params: tuple[str, ...]

    @property
    def combination(self) -> tuple[str, str]:
        """What the seeds of one experiment share."""
        return self.map_name, self.variant

    @property
    def name(self) -> str:
        """Its run directory within the sweep's, e.g. "3m/entropy_cost=0.1/seed_0"."""
        return f"{self.map_name}/{self.variant}/seed_{self.seed}"


def write_sweep(sweep_dir: str | Path, runs: Iterable[SweepRun], num_actors: int = 0) -> None:
    """Writes ``sweep.json`` as a whole.

    Args:
      num_actors: of each run that begins.
    """
    content = {"format": _FORMAT, "num_actors": num_actors, "runs": [dataclasses.asdict(run) for run in runs]}
    write_checked(Path(sweep_dir) / SWEEP_FILE, json.dumps(content, indent=1) + "\n")


def read_sweep(sweep_dir: str | Path) -> list[SweepRun]:
    """The runs of a sweep, in the order in which they are to be run.

    Raises:
      ValueError: no sweep was begun there, or its file is not what ``write_sweep`` writes.
    """
    return _read(sweep_dir)[0]


def sweep_actors(sweep_dir: str | Path) -> int:
    """How many actors each run of a sweep begins with; ValueError as ``read_sweep``."""
    return _read(sweep_dir)[1]


def _read(sweep_dir: str | Path) -> tuple[list[SweepRun], int]:
    path = Path(sweep_dir) / SWEEP_FILE
    try:
        written = read_checked(path)
    except FileNotFoundError:
        raise ValueError(f"{sweep_dir} is not the directory of a sweep: it has no {SWEEP_FILE}") from None
    try:
        content = parse_json(written)
        if content["format"] != _FORMAT:
            raise ValueError(f"format {content['format']}, this program knows {_FORMAT}")
        return [_run(entry) for entry in content["runs"]], int(content.get("num_actors", 0))
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{path} cannot be used: {error}") from None


def _run(entry: dict[str, Any]) -> SweepRun:
    lists = {name: tuple(entry[name]) for name in ("gin_files", "gin_params")}
    return SweepRun(**{**entry, **lists})
