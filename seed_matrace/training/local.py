"""Actors as child processes: started, watched, restarted, stopped."""

from __future__ import annotations

import os
import subprocess
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from absl import logging

from seed_matrace.config import Config
from seed_matrace.envs.registry import plays_elsewhere
from seed_matrace.inference.actors import ActorsLostError
from seed_matrace.inference.groups import GroupPlan, plan_groups
from seed_matrace.interpreter import start
from seed_matrace.types import ONE_HOST, Host

_POLL_S = 0.2
_FIRST_BACKOFF_S = 0.5
_LAST_BACKOFF_S = 30.0
_HEALTHY_S = 60.0  # an actor that lived this long starts over with the shortest backoff
_AT_ONCE_S = 20.0
_MOST_FAILURES = 5  # of one actor in a row, at once
_MAX_WORDS = 2000
_SENTENCE = "\nseed-matrace: "  # as the program begins what it says of a mistake
_STOP_S = 5.0


@dataclass
class _Child:
    process: subprocess.Popen[bytes] | None = None
    started_at: float = 0.0
    backoff_s: float = _FIRST_BACKOFF_S
    restart_at: float = 0.0
    acted_before: int = 0  # env steps of its earlier lives
    log_bytes: int = 0  # of its log, before this life
    failures: int = 0  # at once, in a row


class LocalActors:
    """Keeps actor processes running until closed; use it as a context manager.

    The actors have a process group of their own, so that Ctrl-C reaches only this process, which then stops them. They
    end by themselves if it is killed.

    Args:
      task_ids: the numbers of the actors.
      flags: of the program ``actor``, the same for all: where their learner is, what they play.
      logs: folder for actor_000.log, actor_001.log, ...
      note: told when an actor dies and is restarted.
      acted: env steps of an actor so far, if that is known here.

    Attributes:
      error: set once an actor has failed at once several times in a row, with its own last words.
    """

    def __init__(
        self,
        task_ids: Iterable[int],
        flags: Sequence[str],
        logs: Path,
        note: Callable[[str], None],
        acted: Callable[[int], int] = lambda _: 0,
    ) -> None:
        self.error: BaseException | None = None
        self._acted = acted
        self._flags = flags
        self._logs = logs
        self._note = note
        self._children = {task_id: _Child() for task_id in task_ids}
        self._stdin, self._alive = os.pipe()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="actors", daemon=True)

    def __enter__(self) -> LocalActors:
        self._logs.mkdir(parents=True, exist_ok=True)
        for task_id in self._children:
            self._start(task_id)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
        running = [child.process for child in self._children.values() if child.process is not None]
        for process in running:
            process.terminate()
        deadline = time.monotonic() + _STOP_S
        for process in running:
            try:
                process.wait(max(deadline - time.monotonic(), 0.01))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        os.close(self._stdin)
        os.close(self._alive)

    def _watch(self) -> None:
        while not self._stop.wait(_POLL_S):
            for task_id, child in self._children.items():
                try:
                    self._look_after(task_id, child)
                except Exception as error:  # such as a note that cannot be printed: the actors stay looked after
                    logging.warning("looking after actor %d: %s", task_id, error)

    def _look_after(self, task_id: int, child: _Child) -> None:
        if child.process is not None and child.process.poll() is not None:
            self._bury(task_id, child)
        if child.process is None and time.monotonic() >= child.restart_at:
            self._start_again(task_id, child)

    def _start(self, task_id: int) -> None:
        command = [*start(), "actor", f"--task_id={task_id}", "--end_with_stdin", *self._flags]
        child = self._children[task_id]
        child.acted_before = self._acted(task_id)
        with self._log_file(task_id).open("ab") as log:
            child.log_bytes = os.fstat(log.fileno()).st_size
            child.process = _spawn(command, self._stdin, log)
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
        returncode, waiting_s = child.process.returncode, child.backoff_s
        if returncode:  # else it ended in order, and says in its log why
            self._count_failure(task_id, child, now - child.started_at)
        child.process, child.restart_at = None, now + waiting_s
        child.backoff_s = min(2 * waiting_s, _LAST_BACKOFF_S)
        if returncode:
            how, log = _how(returncode), self._log_file(task_id)
            self._note(f"actor {task_id} ended ({how}); restarting it in {waiting_s:g} s, its log is {log}")

    def _count_failure(self, task_id: int, child: _Child, lived_s: float) -> None:
        """Gives up on an actor that can be started as often as one likes."""
        assert child.process is not None
        by_itself = child.process.returncode > 0
        failed_at_once = (by_itself and lived_s < _AT_ONCE_S) or self._acted(task_id) == child.acted_before
        child.failures = child.failures + 1 if failed_at_once else 0
        if child.failures >= _MOST_FAILURES and self.error is None:
            self.error = ActorsLostError(
                f"actor {task_id} ended {child.failures} times in a row soon after its start "
                f"({_how(child.process.returncode)}). {self._last_words(task_id, child)}"
            )

    def _last_words(self, task_id: int, child: _Child) -> str:
        """What an actor printed last: its program's sentence, or else the last line, which is an exception's."""
        log = self._log_file(task_id)
        if not log.is_file():  # a container's standard output
            return f"Its log is {log}"
        with log.open("rb") as file:
            file.seek(max(child.log_bytes, log.stat().st_size - _MAX_WORDS))
            text = "\n" + file.read().decode(errors="replace").strip()
        words = text.rpartition(_SENTENCE if _SENTENCE in text else "\n")[2]
        return f"Its last words, in {log}: {words}" if words else f"It said nothing in {log}"

    def _log_file(self, task_id: int) -> Path:
        return self._logs / f"actor_{task_id:03d}.log"


def default_num_actors() -> int:
    """One actor for every two cores: the learner's process keeps the other half busy; but two on two cores."""
    cores = _usable_cores()
    return max(cores // 2, min(cores, 2))


def local_groups(config: Config, num_actors: int, host: Host = ONE_HOST) -> GroupPlan:
    """``plan_groups`` for actors that share this machine with their learner."""
    cores = None if plays_elsewhere(config.env) else _usable_cores()  # actors only wait for games in other programs
    return plan_groups(config.run.num_envs, num_actors, config.actor.groups_per_actor, host, cores=cores)


def _usable_cores() -> int:
    return len(os.sched_getaffinity(0))


def _spawn(command: list[str], stdin: int, log: IO[bytes]) -> subprocess.Popen[bytes]:
    # One thread per actor: NumPy's thread pools would only fight over the cores.
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    return subprocess.Popen(
        command,
        stdin=stdin,
        stdout=log,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        env={**os.environ, **threads},
    )


def _how(returncode: int) -> str:
    return f"signal {-returncode}" if returncode < 0 else f"exit code {returncode}"
