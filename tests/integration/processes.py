"""Starting the program as users do, and looking at what it left behind."""

from __future__ import annotations

import ast
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

ROOT = Path(__file__).parents[2]
TINY = (
    "env.backend='counting'",
    "run.num_envs=8",
    "learner.batch_size=4",
    "learner.unroll_length=5",
    "network.policy_layers=(8,)",
    "network.critic_layers=(8,)",
    "evaluation.episodes=4",
    "evaluation.absolute_episodes=0",
    "run.stop_win_rate=0",
)
UNTIMED_SUFFIXES = ("_s", "_per_s", "_ms", "_mb")


def tiny_run(total_env_steps: int, *more: str) -> list[str]:
    """Flags of a run that needs no game and little time."""
    return [f"--gin_param={param}" for param in (*TINY, f"run.total_env_steps={total_env_steps}", *more)]


def command(*args: object) -> list[str]:
    return [sys.executable, "-m", "seed_matrace", *map(str, args)]


def run(*args: object, timeout_s: float = 120) -> subprocess.CompletedProcess[str]:
    """Runs the program to its end."""
    return subprocess.run(command(*args), capture_output=True, text=True, timeout=timeout_s, env=_environment())


def run_in_turn(*commands: Sequence[object], timeout_s: float = 120) -> list[subprocess.CompletedProcess[str]]:
    """Runs several command lines in one process, which loads TensorFlow once; how each ended and what it said.

    One that trains comes first: training sets up TensorFlow, which nothing may have used before.
    """
    lines = [[str(word) for word in words] for words in commands]
    program = (
        f"import sys\nfrom seed_matrace.cli import main\nfor words in {lines!r}:\n    code = main(words)\n"
        "    print(f'\\0{code}', end='\\0', flush=True)\n    print(end='\\0', file=sys.stderr, flush=True)"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=timeout_s, env=_environment()
    )
    outputs, errors = ended.stdout.split("\0"), ended.stderr.split("\0")
    assert (ended.returncode, len(errors)) == (0, len(lines) + 1), ended.stdout + ended.stderr
    said = zip(lines, outputs[1::2], outputs[::2], errors, strict=False)  # the last of outputs and errors are empty
    return [subprocess.CompletedProcess(words, int(code), output, error) for words, code, output, error in said]


def loaded(statements: str, *names: str) -> list[str]:
    """Modules whose names begin with one of ``names``, as a fresh interpreter has loaded them after ``statements``."""
    program = f"{statements}\nimport sys\nprint([name for name in sys.modules if name.startswith({names})])"
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return ast.literal_eval(result.stdout.splitlines()[-1])


def start(*args: object, **environment: str) -> subprocess.Popen[str]:
    """Starts the program in a process group of its own."""
    return subprocess.Popen(
        command(*args),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
        env={**_environment(), **environment},
    )


def finish(process: subprocess.Popen[str], timeout_s: float = 60) -> str:
    """What the process printed; it is killed if it does not end in time."""
    try:
        return process.communicate(timeout=timeout_s)[0]
    except subprocess.TimeoutExpired:
        process.kill()
        raise


def metrics(run_dir: Path) -> list[dict]:
    """The complete lines of a run's metrics, while it runs too."""
    path = run_dir / "metrics.jsonl"
    lines = path.read_text().split("\n")[:-1] if path.exists() else []
    return [json.loads(line) for line in lines]


def reports(run_dir: Path) -> list[dict]:
    """Those of ``metrics`` that are not of evaluations."""
    return [line for line in metrics(run_dir) if "perf/actors_alive" in line]


def actors_alive(run_dir: Path) -> int:
    """As of the newest report."""
    lines = reports(run_dir)
    return lines[-1]["perf/actors_alive"] if lines else 0


def untimed_metrics(run_dir: Path) -> list[dict]:
    """Metrics without the keys that may differ between two runs of a seed."""
    return [
        {
            key: value
            for key, value in line.items()
            if not key.startswith("perf/") and not key.endswith(UNTIMED_SUFFIXES)
        }
        for line in metrics(run_dir)
    ]


def env_steps(run_dir: Path) -> int:
    lines = metrics(run_dir)
    return lines[-1]["env_steps"] if lines else -1


def actors_of(address_part: str) -> list[int]:
    """Process ids of actors whose command line holds ``address_part``."""
    return processes_where(lambda words: "actor" in words and any(address_part in word for word in words))


def processes_where(fits: Callable[[list[str]], bool]) -> list[int]:
    """Process ids of all that live and whose command line, word by word, fits."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes().decode(errors="replace").split("\0")
        except OSError:
            continue
        if fits(words):
            found.append(int(path.parent.name))
    return found


def tasks(count: int) -> list[str]:
    """TF_CONFIG of each of so many hosts, all of which are this machine."""
    sockets = [socket.create_server(("localhost", 0)) for _ in range(count)]
    workers = [f"localhost:{server.getsockname()[1]}" for server in sockets]
    for server in sockets:
        server.close()
    return [
        json.dumps({"cluster": {"worker": workers}, "task": {"type": "worker", "index": index}})
        for index in range(count)
    ]


def wait_until(condition: Callable[[], object], what: str, timeout_s: float = 90) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {timeout_s} s: {what}")
        time.sleep(0.05)


def kill_group(process: subprocess.Popen[str]) -> None:
    """Kills a started process if it still lives."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT)}
