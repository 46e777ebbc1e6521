"""Actors as child processes of the learner: started, watched, restarted, stopped."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO

_POLL_S = 0.2
_FIRST_BACKOFF_S = 0.5
_LAST_BACKOFF_S = 30.0
_HEALTHY_S = 60.0  # an actor that lived this long starts over with the shortest backoff
_STOP_S = 5.0


@dataclass
class _Child:
    process: subprocess.Popen[bytes] | None = None
    started_at: float = 0.0
    backoff_s: float = _FIRST_BACKOFF_S
    restart_at: float = 0.0


class LocalActors:
    """Keeps ``num_actors`` actor processes running until closed; use it as a context manager.

    The actors have a process group of their own, so that Ctrl-C reaches only the learner, which then stops them. If
    the learner is killed they find its socket closed and end by themselves.

    Args:
      address: of the learner's socket, "unix:/path".
      config_file: gin file that the actors load.
      logs: folder for actor_000.log, actor_001.log, ...
      note: told when an actor dies and is restarted.
    """

    def __init__(
        self, num_actors: int, address: str, config_file: Path, logs: Path, note: Callable[[str], None]
    ) -> None:
        self._address = address
        self._config_file = config_file
        self._logs = logs
        self._note = note
        self._children = [_Child() for _ in range(num_actors)]
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="actors", daemon=True)

    def __enter__(self) -> LocalActors:
        self._logs.mkdir(parents=True, exist_ok=True)
        for task_id in range(len(self._children)):
            self._start(task_id)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
        running = [child.process for child in self._children if child.process is not None]
        for process in running:
            process.terminate()
        deadline = time.monotonic() + _STOP_S
        for process in running:
            try:
                process.wait(max(deadline - time.monotonic(), 0.01))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def _watch(self) -> None:
        while not self._stop.wait(_POLL_S):
            for task_id, child in enumerate(self._children):
                if child.process is not None and child.process.poll() is not None:
                    self._bury(task_id, child)
                if child.process is None and time.monotonic() >= child.restart_at:
                    self._start_again(task_id, child)

    def _start(self, task_id: int) -> None:
        command = [
            *(sys.executable, "-m", "seed_matrace", "actor"),
            f"--server_address={self._address}",
            f"--task_id={task_id}",
            f"--gin_file={self._config_file}",
            "--reconnect_timeout_s=0",
        ]
        child = self._children[task_id]
        with self._log_file(task_id).open("ab") as log:
            child.process = _spawn(command, log)
        child.started_at = time.monotonic()

    def _start_again(self, task_id: int, child: _Child) -> None:
        try:
            self._start(task_id)
        except OSError as error:  # no memory, no space for its log
            child.restart_at = time.monotonic() + child.backoff_s
            child.backoff_s = min(2 * child.backoff_s, _LAST_BACKOFF_S)
            self._note(f"cannot start actor {task_id} ({error}); trying again in {child.backoff_s:g} s")

    def _bury(self, task_id: int, child: _Child) -> None:
        assert child.process is not None
        now = time.monotonic()
        if now - child.started_at > _HEALTHY_S:
            child.backoff_s = _FIRST_BACKOFF_S
        self._note(
            f"actor {task_id} ended ({_how(child.process.returncode)}); restarting it in {child.backoff_s:g} s, "
            f"its log is {self._log_file(task_id)}"
        )
        child.process, child.restart_at = None, now + child.backoff_s
        child.backoff_s = min(2 * child.backoff_s, _LAST_BACKOFF_S)

    def _log_file(self, task_id: int) -> Path:
        return self._logs / f"actor_{task_id:03d}.log"


def default_num_actors() -> int:
    """One actor for every two cores: the learner's process keeps the other half busy."""
    return max(len(os.sched_getaffinity(0)) // 2, 1)


def _spawn(command: list[str], log: IO[bytes]) -> subprocess.Popen[bytes]:
    # One thread per actor: NumPy's thread pools would only fight over the cores.
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    return subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        env={**os.environ, **threads},
    )


def _how(returncode: int) -> str:
    return f"signal {-returncode}" if returncode < 0 else f"exit code {returncode}"
