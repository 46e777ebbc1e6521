"""A host of its own that plays battles with each new best team of a run: more than training has time for."""

from __future__ import annotations

import contextlib
import json
import shutil
import subprocess
import threading
from pathlib import Path

from absl import logging

from seed_matrace.foreign_files import parse_json
from seed_matrace.interpreter import start
from seed_matrace.learner.run_directory import (
    CHECKPOINT_STATE,
    CHECKPOINTS_DIR,
    MODULES_DIR,
    OPERATIVE_CONFIG,
    SCENARIO_DIR,
)
from seed_matrace.vertex.cluster import JobFolders

RESULTS_FILE = "evaluator.jsonl"
_POLL_S = 10.0
_EPISODES = 320


def evaluate_best(folders: JobFolders, work_dir: Path, stop: threading.Event) -> int:
    """Until ``stop`` is set plays each new best checkpoint of the bucket; returns the exit code.

    A line for each goes to RESULTS_FILE beside the run.
    """
    results = folders.run.parent / RESULTS_FILE
    lines = [line for line in _lines(results) if _checkpoint_of(line)]
    played = {_checkpoint_of(line) for line in lines}
    while True:
        best = max((folders.run / CHECKPOINTS_DIR).glob(f"best-*/{CHECKPOINT_STATE}"), default=None)
        if best is not None and best.parent.name not in played:
            line = _play(folders.run, best.parent.name, work_dir)
            if line is not None:
                played.add(best.parent.name)
                lines.append(line)
                results.write_text("\n".join(lines) + "\n")
                print(line, flush=True)
        if stop.wait(_POLL_S):
            return 0


def _lines(results: Path) -> list[str]:
    return results.read_text(errors="replace").splitlines() if results.exists() else []


def _checkpoint_of(line: str) -> str:
    """What a line is about; "" of one that is not whole, whose battles are played again."""
    with contextlib.suppress(ValueError, TypeError, KeyError):
        return str(parse_json(line)["checkpoint"])
    logging.warning("%s has a line that is not whole: %.60s", RESULTS_FILE, line)
    return ""


def _play(run: Path, checkpoint: str, work_dir: Path) -> str | None:
    """One JSON object about battles with a checkpoint; None if it is gone or not whole yet."""
    here = work_dir / "evaluated"
    shutil.rmtree(here, ignore_errors=True)
    try:
        shutil.copytree(run / CHECKPOINTS_DIR / checkpoint, here / CHECKPOINTS_DIR / checkpoint)
        shutil.copy(run / OPERATIVE_CONFIG, here)
        if (run / SCENARIO_DIR).is_dir():
            shutil.copytree(run / SCENARIO_DIR, here / SCENARIO_DIR)
    except (OSError, shutil.Error) as error:
        logging.info("%s cannot be copied (%s); looking again", checkpoint, error)
        return None
    modules = (f"--module={path}" for path in sorted((run / MODULES_DIR).glob("*.py")))
    command = [*start(), "eval", f"--run_dir={here}", f"--episodes={_EPISODES}", *modules]
    result = subprocess.run(command, capture_output=True, text=True)
    if result.returncode:
        logging.warning("%s cannot be played (%s); looking again", checkpoint, result.stderr.strip())
        return None
    return json.dumps({"checkpoint": checkpoint, **json.loads(result.stdout.splitlines()[-1])})
