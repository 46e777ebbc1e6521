"""run.json: what a run says of itself, and how far it has come. Nothing here imports TensorFlow."""

from __future__ import annotations

import contextlib
import importlib.metadata
import json
import os
import platform
import secrets
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from seed_matrace.files import read_checked, write_checked
from seed_matrace.foreign_files import parse_json
from seed_matrace.version import __version__

RUN_FILE = "run.json"


def write_run_info(
    run_dir: str | Path,
    *,
    backend: str,
    map_name: str,
    seed: int,
    argv: Sequence[str],
    devices: str = "",
    init_from: str | None = None,
    num_actors: int | None = None,
    scenario: Mapping[str, str] | None = None,
    sizes: Mapping[str, Any] | None = None,
    modules: Sequence[Mapping[str, str]] = (),
    sinks: Sequence[str] = (),
) -> None:
    """Writes run.json: what was started, when, where, with which versions; a resumed run adds itself under ``resumed``.

    From here on the directory holds a run. Its ``id`` is in each of its checkpoints, too, and its reports and results
    are bound to it; a run with one keeps checksums of its files. Runs of older versions have none, and get none.

    Args:
      run_dir: the run directory, made if missing.
      backend: what plays the battles, with its version, e.g. "skirmish-1".
      map_name: SMAC map, or the stem of a scenario file.
      seed: the run's seed.
      argv: the command line.
      devices: what the learner runs on.
      init_from: the run directory from whose weights it starts.
      num_actors: processes that step environments; what the run has unless a command says otherwise.
      scenario: of a scenario file name and digest, as ``run_directory.scenario_info`` has them.
      sizes: of the environment, where the run has to note them (``registry.noted_spec``).
      modules: that it goes on with, as ``run_directory.modules_info``.
      sinks: where reports go besides the run's files; what the run has unless a command says otherwise.
    """
    path = Path(run_dir) / RUN_FILE
    path.parent.mkdir(parents=True, exist_ok=True)
    start = _session(argv, devices)
    if path.exists():
        info = read_run_info(run_dir)
        info.pop("finished", None)
        info["resumed"] = [*info.get("resumed", []), start]
    else:
        info = {**_begun({"map": map_name, "backend": backend, "seed": int(seed)}, init_from), **start}
    if num_actors is not None:
        info["num_actors"] = num_actors
    if scenario is not None:
        info.setdefault("scenario", dict(scenario))
    if sizes is not None:
        info["sizes"] = dict(sizes)
    if modules:
        start["modules"] = [f"{module['file']} {module['sha256']}" for module in modules]
        info["modules"] = list(map(dict, modules))
    if sinks or "sinks" in info:
        info["sinks"] = list(sinks)
    _write_run_file(path, info)


def _session(argv: Sequence[str], devices: str) -> dict[str, Any]:
    """What every session notes of itself."""
    return {
        "start_time": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
        "argv": list(argv),
        "devices": devices,
        "git": _git_commit(),
        "versions": _versions(),
    }


def _begun(about: Mapping[str, Any], init_from: str | None) -> dict[str, Any]:
    """What never changes of a run."""
    info = {"id": secrets.token_hex(8), **about, "init_from": init_from}
    if init_from and (of_source := run_id(init_from)):
        info["init_from_id"] = of_source  # finds it again wherever it is moved to
    return info


def write_finished(run_dir: str | Path, why: str) -> None:
    """Notes in run.json that the run is over, and why: its budget or its target was reached."""
    _write_run_file(Path(run_dir) / RUN_FILE, {**read_run_info(run_dir), "finished": why})


def why_finished(run_dir: str | Path) -> str:
    """Why the run is over, as ``write_finished`` was told; "" of one that is not, or without run.json."""
    return str(_noted(run_dir).get("finished", ""))


def write_checkpointed(run_dir: str | Path) -> None:
    """Notes in run.json that there has been a checkpoint: from now on a run without any is not one that just began."""
    with contextlib.suppress(FileNotFoundError):
        info = read_run_info(run_dir)
        if not info.get("checkpointed"):
            _write_run_file(Path(run_dir) / RUN_FILE, {**info, "checkpointed": True})


def was_checkpointed(run_dir: str | Path) -> bool:
    """Whether ``write_checkpointed`` was called; False without run.json, or of a run of an older version."""
    return bool(_noted(run_dir).get("checkpointed"))


def _write_run_file(path: Path, info: Mapping[str, Any]) -> None:
    write_checked(path, json.dumps(info, indent=2) + "\n")


def read_run_info(run_dir: str | os.PathLike[str]) -> dict[str, Any]:
    """What ``write_run_info`` wrote.

    Raises:
      FileNotFoundError: the directory has no run.json.
      ValueError: the file is not what ``write_run_info`` writes.
    """
    path = Path(run_dir) / RUN_FILE
    content = read_checked(path)
    try:
        info = parse_json(content)
    except ValueError as error:
        raise ValueError(f"{path} cannot be read: {error}; put back a copy of it") from None
    if isinstance(info, dict) and "id" in info:
        read_checked(path, must_be_noted=True)
    wanted = {"map": str, "backend": str, "seed": int}
    missing = [name for name, kind in wanted.items() if not isinstance(info, dict) or type(info.get(name)) is not kind]
    if missing:
        raise ValueError(f"{path} lacks {', '.join(sorted(missing))}")
    return dict(info)


def scenario_of(run_dir: str | Path) -> str:
    """What tells the scenario file of a run from others of its name; "" of a map of SMAC's, or without run.json."""
    return str(_noted(run_dir).get("scenario", {}).get("sha256", ""))


def run_id(run_dir: str | os.PathLike[str]) -> str:
    """What tells the run's checkpoints from those of others; "" of a run of an older version, or without run.json."""
    return str(_noted(run_dir).get("id", ""))


def _noted(run_dir: str | os.PathLike[str]) -> dict[str, Any]:
    """As ``read_run_info``, but nothing without run.json."""
    try:
        return read_run_info(run_dir)
    except FileNotFoundError:
        return {}


def _versions() -> dict[str, str | None]:
    found: dict[str, str | None] = {"python": platform.python_version(), "seed_matrace": __version__}
    for package in ("numpy", "tensorflow"):
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            found[package] = None
    return found


def _git_commit() -> str | None:
    """Commit of the checkout this program runs from, "-dirty" added where it was changed; None outside of one."""
    # git itself would look further up, and an installed package may lie inside somebody else's checkout.
    root = Path(__file__).parents[2]
    if not (root / ".git").exists():
        return None
    command = ["git", "-C", str(root), "describe", "--always", "--dirty", "--abbrev=40", "--match="]
    try:
        result = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return result.stdout.strip() or None
