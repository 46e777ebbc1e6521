"""Another program that learns the same maps, under the same clock: a command that prints a JSON line a report."""

from __future__ import annotations

import contextlib
import json
import os
import shlex
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from seed_matrace.bench.marks import Curve, Marks, Point, reached
from seed_matrace.files import write_file
from seed_matrace.foreign_files import parse_json, printable, shown

PEER = "peer"  # what its runs are called among the settings
_EXPECTED = (
    'JSON such as {"env_steps": 20000, "win_rate": 0.4} or {"env_steps": 50000, "eval_win_rate": 0.5, '
    '"eval_episodes": 32} expected, one line a report'
)


@dataclass(frozen=True)
class Peer:
    """One run of the peer.

    Attributes:
      command: with ``{map}``, ``{seed}`` and ``{budget}`` where these belong.
      folder: holds what its runs printed, and when.
    """

    command: str
    map_name: str
    seed: int
    budget: int
    marks: Marks
    folder: Path

    @property
    def words(self) -> list[str]:
        """Of the command line.

        Raises:
          ValueError: it is no command, or names something else in braces.
        """
        try:
            return [
                word.format(map=self.map_name, seed=self.seed, budget=self.budget) for word in shlex.split(self.command)
            ]
        except (ValueError, LookupError, AttributeError) as error:
            raise ValueError(
                f"--peer={self.command!r} cannot be used ({error}); a command with {{map}}, {{seed}} and {{budget}} "
                "expected, other braces doubled"
            ) from None

    @property
    def file(self) -> Path:
        return self.folder / self.map_name / f"seed_{self.seed}.json"


def run_peers(peers: Sequence[Peer], parallel: int, stop: threading.Event, show: Callable[[str], None]) -> None:
    """Runs the peer on every map and seed that it is not over with, so many at a time, until ``stop`` is set."""

    def run(peer: Peer) -> None:
        if stop.is_set() or peer_curve(peer)[1]:
            return
        show(f"{PEER} on {peer.map_name}, seed {peer.seed}: begun")
        ended = _run(peer, stop)
        show(f"{PEER} on {peer.map_name}, seed {peer.seed}: {ended or 'stopped'}")

    for peer in peers:
        peer.words  # noqa: B018  # before the first one starts
        peer_curve(peer)
    with ThreadPoolExecutor(parallel) as pool:
        list(pool.map(run, peers))


def peer_curve(peer: Peer) -> tuple[Curve, str]:
    """What is kept of a run, and how it ended; an empty curve and "" before it has.

    Raises:
      ValueError: what is kept is of another command, or was altered.
    """
    if not peer.file.exists():
        return Curve([], 0.0), ""
    try:
        kept = parse_json(peer.file.read_bytes())
        command, ended = kept["command"], str(kept["ended"])
        timed = [(float(seconds), dict(report)) for seconds, report in kept["reports"]]
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{peer.file} cannot be used: {error}; remove it to run the peer again") from None
    if command != peer.words:
        raise ValueError(
            f"{peer.file} is of another command ({shlex.join(command)}); remove it, or choose another --sweep_dir"
        )
    return _curve(timed), ended


def _curve(timed: Sequence[tuple[float, dict[str, Any]]]) -> Curve:
    """Its first report ends its start-up."""
    start_up_s = timed[0][0] if timed else 0.0
    return Curve([_point(report, seconds - start_up_s) for seconds, report in timed], start_up_s)


def _point(report: dict[str, Any], seconds: float) -> Point:
    evaluated = report.get("eval_win_rate")
    battles = None if evaluated is None else (float(evaluated), int(report.get("eval_episodes", 1)))
    won = report.get("win_rate")
    return Point(int(report["env_steps"]), seconds, None if won is None else float(won), battles)


def _run(peer: Peer, stop: threading.Event) -> str:
    """Until every mark or the budget is reached; returns how it ended, "" if it was stopped."""
    started = time.monotonic()
    try:
        process = subprocess.Popen(
            peer.words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, start_new_session=True
        )
    except OSError as error:
        raise ValueError(f"the peer cannot be started: {error}") from None
    watcher = threading.Thread(target=_kill_when_stopped, args=(process, stop), daemon=True)
    watcher.start()
    timed: list[tuple[float, dict[str, Any]]] = []
    ended = ""
    try:
        for report in _reports(process, peer):
            timed.append((time.monotonic() - started, report))
            ended = _why_over(timed, peer)
            if ended:
                break
    finally:
        _kill(process)
    if stop.is_set():
        return ""
    if not ended:
        if process.returncode:
            raise ValueError(f"the peer ended with exit code {process.returncode}: {shlex.join(peer.words)}")
        ended = "it ended by itself"
    peer.file.parent.mkdir(parents=True, exist_ok=True)
    write_file(peer.file, json.dumps({"command": peer.words, "ended": ended, "reports": timed}) + "\n")
    return ended


def _reports(process: subprocess.Popen[str], peer: Peer) -> Iterator[dict[str, Any]]:
    """The lines that begin a JSON object; others are the peer's own talk."""
    assert process.stdout
    for line in process.stdout:
        if not line.startswith("{"):
            continue
        try:
            report = parse_json(line)
            _point(report, 0.0)
        except (ValueError, KeyError, TypeError):
            raise ValueError(
                f"the peer on {peer.map_name} printed {shown(printable(line.strip()))}; {_EXPECTED}"
            ) from None
        yield report


def _why_over(timed: Sequence[tuple[float, dict[str, Any]]], peer: Peer) -> str:
    points = _curve(timed).points
    if None not in reached(points, peer.marks).values():
        return "every mark reached"
    return "budget used" if points[-1].env_steps >= peer.budget else ""


def _kill_when_stopped(process: subprocess.Popen[str], stop: threading.Event) -> None:
    while process.poll() is None:
        if stop.wait(0.2):
            _kill(process)


def _kill(process: subprocess.Popen[str]) -> None:
    """It and what it started."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
