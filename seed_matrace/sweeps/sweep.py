"""``seed-matrace sweep``: many runs, some at a time, each a ``train`` process with a run directory of its own.

What is finished is told by the run directories alone, so the same command resumes after any kind of stop.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import os
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from seed_matrace.config import Config
from seed_matrace.config_effects import warnings_of
from seed_matrace.evaluation.sweep_record import SWEEP_FILE, SweepRun, read_sweep, sweep_actors, write_sweep
from seed_matrace.files import check_utf8
from seed_matrace.interpreter import start
from seed_matrace.learner.run_directory import MODULES_DIR, is_run_directory, load_run_config, run_around
from seed_matrace.learner.run_info import why_finished
from seed_matrace.modules import ModuleFile, registry_of
from seed_matrace.registered import OPEN, Registry
from seed_matrace.sweeps.display import SweepDisplay
from seed_matrace.sweeps.plan import (
    PlannedRun,
    check_scenario,
    keep_modules,
    keep_plan,
    load_planned,
    plan_file,
    plan_sweep,
    sweep_modules,
)
from seed_matrace.sweeps.status import RunStatus, State
from seed_matrace.training.same_run import differences

_POLL_S = 0.2
_STOP_S = 120.0  # for a run to end the evaluation it may be in and write its checkpoint
_LIBC = ctypes.CDLL(None)
_PR_SET_PDEATHSIG = 1


@dataclass(frozen=True)
class SweepOptions:
    """The flags of ``sweep``; with none but ``sweep_dir`` the sweep begun there is resumed."""

    sweep_dir: Path
    gin_files: Sequence[str] = ()
    gin_params: Sequence[str] = ()
    gin_axes: Sequence[str] = ()
    grids: Sequence[str] = ()
    seeds: int | None = None
    first_seed: int = 0
    num_actors: int | None = None  # None: as the sweep was begun, or 0
    parallel: int | None = None  # None: as many as the cores carry
    modules: Sequence[ModuleFile] = ()  # of one's own; those that the sweep keeps besides


@dataclass(frozen=True)
class Outcome:
    """What became of a sweep: how many runs are finished, which failed and why, whether it was stopped."""

    finished: int
    total: int
    failures: Mapping[SweepRun, str]
    stopped: bool

    @property
    def exit_code(self) -> int:
        """0 if every run is finished, 1 if one failed, 130 after Ctrl-C as shells have it."""
        return 1 if self.failures else 130 if self.finished < self.total else 0

    def __str__(self) -> str:
        lines = [f"{self.finished} of {self.total} runs finished"]
        lines += [f"  failed: {run.name}, {why}" for run, why in self.failures.items()]
        if self.finished < self.total:
            lines.append("  the same command goes on with the rest" + (", the failed ones too" * bool(self.failures)))
        return "\n".join(lines)


@dataclass(frozen=True)
class Watch:
    """Whoever looks on while a sweep runs: whether a run, by its directory, has done enough; told when one ended."""

    enough: Callable[[Path], bool] = lambda run_dir: False
    ended: Callable[[], None] = lambda: None


def sweep(
    options: SweepOptions, stop: threading.Event, *, runs: Sequence[SweepRun] = (), watch: Watch | None = None
) -> Outcome:
    """Begins or resumes a sweep and stays until every run is through or ``stop`` is set.

    Args:
      runs: what it is to consist of, instead of what the flags say.
      watch: whose ``enough`` ends a run, which then counts as finished.

    Raises:
      ValueError: what makes it impossible, before anything is started or written.
    """
    check_utf8("--sweep_dir", options.sweep_dir)
    if (around := run_around(options.sweep_dir / SWEEP_FILE)) is not None:
        raise ValueError(f"--sweep_dir={options.sweep_dir} lies inside the run {around}: name a folder elsewhere")
    begun = (options.sweep_dir / SWEEP_FILE).exists()
    num_actors = sweep_actors(options.sweep_dir) if begun and options.num_actors is None else options.num_actors or 0
    modules = sweep_modules(options.sweep_dir, options.modules)
    registry = registry_of(modules)
    planned = (
        [load_planned(run, registry=registry) for run in runs] if runs else _planned(options, num_actors, registry)
    )
    for plan in planned:
        check_scenario(options.sweep_dir, plan)
        _check_goes_on(options.sweep_dir / plan.run.name, plan.config)
    warnings = (text for plan in planned for text in warnings_of(plan.config, num_actors, here=True))
    for text in dict.fromkeys(warnings):
        print(f"warning: {text}", file=sys.stderr, flush=True)
    parallel = options.parallel or max(len(os.sched_getaffinity(0)) // (1 + num_actors), 1)
    with _locked(options.sweep_dir):
        for plan in planned:
            keep_plan(options.sweep_dir, plan)
        keep_modules(options.sweep_dir, modules)
        write_sweep(options.sweep_dir, [plan.run for plan in planned], num_actors)
        return _Sweep(options, planned, parallel, num_actors, watch or Watch()).run(stop)


def _planned(options: SweepOptions, num_actors: int, registry: Registry) -> list[PlannedRun]:
    """What the flags ask for, and whatever else an earlier command has begun in the directory."""
    begun = read_sweep(options.sweep_dir) if (options.sweep_dir / SWEEP_FILE).exists() else []
    says_what = options.gin_files or options.gin_params or options.gin_axes or options.grids or options.seeds
    asked: list[PlannedRun] = []
    if says_what or not begun:
        seeds = range(options.first_seed, options.first_seed + (options.seeds or 1))
        try:
            runs = plan_sweep(
                gin_files=options.gin_files,
                gin_params=options.gin_params,
                gin_axes=options.gin_axes,
                grids=options.grids,
                seeds=seeds,
                num_actors=num_actors,
                registry=registry,
            )
            asked = [load_planned(run, registry=registry) for run in runs]
        except ValueError as error:
            alone = f"; --sweep_dir={options.sweep_dir} alone goes on with what the sweep holds" if begun else ""
            raise ValueError(f"{error}{alone}") from None
    names = {plan.run.name for plan in asked}
    return [*asked, *(load_planned(run, options.sweep_dir, registry) for run in begun if run.name not in names)]


def _check_goes_on(run_dir: Path, given: Config) -> None:
    if is_run_directory(run_dir) and (differing := differences(run_dir, given)):
        raise ValueError(
            f"{run_dir} holds a run of another configuration ({'; '.join(differing)}); choose another --sweep_dir"
        )


@contextlib.contextmanager
def _locked(sweep_dir: Path) -> Iterator[None]:
    sweep_dir.mkdir(parents=True, exist_ok=True)
    with (sweep_dir / ".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ValueError(f"another sweep is at work in {sweep_dir}") from None
        yield


class _Sweep:
    """The runs of a sweep, those under way as child processes."""

    def __init__(
        self, options: SweepOptions, planned: Sequence[PlannedRun], parallel: int, num_actors: int, watch: Watch
    ) -> None:
        self._options = options
        self._watch = watch
        self._num_actors_of_new = num_actors
        self._parallel = parallel
        self._statuses = {plan.run: self._status(plan) for plan in planned}
        self._waiting = deque(run for run, status in self._statuses.items() if status.state is State.WAITING)
        self._children: dict[SweepRun, subprocess.Popen[bytes]] = {}
        self._failures: dict[SweepRun, str] = {}
        self._display = SweepDisplay(self._statuses, parallel)

    def _status(self, plan: PlannedRun) -> RunStatus:
        run_dir = self._options.sweep_dir / plan.run.name
        status = RunStatus(run_dir, plan.config.run.total_env_steps)
        status.poll()
        if _is_finished(run_dir, plan.config) or self._watch.enough(run_dir):
            status.state = State.FINISHED
        return status

    def run(self, stop: threading.Event) -> Outcome:
        """Runs what is not finished yet."""
        with self._display:
            try:
                while self._children or (self._waiting and not stop.is_set()):
                    self._start_some(stop)
                    time.sleep(_POLL_S)
                    self._look_after_children()
                    if stop.is_set():
                        self._stop_children()
            finally:
                for child in self._children.values():
                    child.kill()
                    child.wait()
        states = [status.state for status in self._statuses.values()]
        return Outcome(states.count(State.FINISHED), len(states), self._failures, stop.is_set())

    def _start_some(self, stop: threading.Event) -> None:
        while self._waiting and len(self._children) < self._parallel and not stop.is_set():
            run = self._waiting.popleft()
            self._children[run] = _start(run, self._options.sweep_dir, self._num_actors(run))
            status = self._statuses[run]
            status.state = State.RUNNING
            begun = f"goes on from about {status.env_steps:,} env steps" if status.env_steps else "begun"
            self._display.note(f"{run.name}: {begun}")

    def _num_actors(self, run: SweepRun) -> int | None:
        """None of a resumed run: it has its own, unless the command says another."""
        if is_run_directory(self._options.sweep_dir / run.name):
            return self._options.num_actors
        return self._num_actors_of_new

    def _look_after_children(self) -> None:
        for run, child in list(self._children.items()):
            self._statuses[run].poll()
            if child.poll() is not None:
                del self._children[run]
                self._bury(run, child.returncode)
                self._watch.ended()
            elif self._watch.enough(self._options.sweep_dir / run.name):
                child.terminate()
        self._display.refresh()

    def _bury(self, run: SweepRun, returncode: int, *, stopped: bool = False) -> None:
        status, run_dir = self._statuses[run], self._options.sweep_dir / run.name
        if (returncode == 0 and why_finished(run_dir)) or self._watch.enough(run_dir):
            status.state = State.FINISHED
            win_rate = "" if status.win_rate is None else f", evaluation win rate {status.win_rate:.2f}"
            self._display.note(f"{run.name}: finished at {status.env_steps:,} env steps{win_rate}")
        elif stopped:
            status.state = State.WAITING
        else:
            status.state = State.FAILED
            self._failures[run] = _why(run_dir, returncode)
            self._display.note(f"{run.name}: FAILED, {self._failures[run]}")

    def _stop_children(self) -> None:
        """Lets every child write its checkpoint and end."""
        self._display.note(f"stopping {len(self._children)} runs; Ctrl-C again does not wait for their checkpoints")
        for child in self._children.values():
            child.terminate()
        deadline = time.monotonic() + _STOP_S
        for run, child in list(self._children.items()):
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.wait(max(deadline - time.monotonic(), 0.01))
                del self._children[run]
                self._bury(run, child.returncode, stopped=True)
        for child in self._children.values():  # they will go on from the checkpoint before
            child.kill()
            child.wait()
        self._children.clear()


def _is_finished(run_dir: Path, given: Config) -> bool:
    """Whether the run is over; one that is may be resumed if its budget or its target has been raised since."""
    if not is_run_directory(run_dir) or not why_finished(run_dir):
        return False
    stored = load_run_config(run_dir, registry=OPEN)[0]
    return (stored.run, stored.evaluation) == (given.run, given.evaluation)


def _start(run: SweepRun, sweep_dir: Path, num_actors: int | None) -> subprocess.Popen[bytes]:
    run_dir = sweep_dir / run.name
    command = [
        *(*start(), "train", f"--run_dir={run_dir}", f"--seed={run.seed}"),
        f"--gin_file={plan_file(sweep_dir, run)}",
        *([] if num_actors is None else [f"--num_actors={num_actors}"]),
        *(f"--module={path}" for path in sorted((sweep_dir / MODULES_DIR).glob("*.py"))),
    ]
    log = _log_file(run_dir)
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as file:
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C reaches the sweep alone, which then stops its runs
            preexec_fn=_die_with_parent,
        )


def _die_with_parent() -> None:
    """A sweep that is killed leaves no run behind that would go on unseen."""
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _log_file(run_dir: Path) -> Path:
    return run_dir / "logs" / "train.log"


def _why(run_dir: Path, returncode: int) -> str:
    log = _log_file(run_dir)
    how = f"signal {-returncode}" if returncode < 0 else f"exit code {returncode}"
    lines = log.read_text(errors="replace").split("\n")
    said = next((line.strip() for line in reversed(lines) if line.strip()), "it printed nothing")
    return f"{how}: {said} ({log})"
