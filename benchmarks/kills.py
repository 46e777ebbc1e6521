"""Training through random kills: python benchmarks/kills.py MINUTES FOLDER [SEED].

Two addresses, shared memory and gRPC, two actors at each. Every few seconds an actor is killed or stopped for a while,
now and then the learner is killed, and whoever was killed is started again. Env steps and memory are looked at all the
time; they are written into FOLDER as kills.json and plotted as kills.png. Fails when env steps stand still for five
minutes or something is left behind in the end.
"""

from __future__ import annotations

import json
import random
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import psutil

from seed_matrace.learner.metrics import read_metrics
from seed_matrace.viewer.style import new_figure, save_figure, style_axes

ACTORS = 4
ACTOR_S, LEARNER_S = (4.0, 16.0), (120.0, 300.0)  # between two kills
STOPPED_S = 15.0
LOOK_S = 5.0
STANDSTILL_S = 300.0
LAST_S = 90.0  # of the soak, in which a learner lives
PARAMS = ("run.total_env_steps=200000000", "run.num_envs=32", "run.report_fraction=1e-5", "run.stop_win_rate=0")
PARAMS += ("run.checkpoint_fraction=1e-4", "evaluation.every_fraction=2e-3", "inference.actor_timeout_s=8.0")


class Run:
    """A learner and its actors, each of which can be killed and is started again."""

    def __init__(self, folder: Path) -> None:
        self.run_dir = folder / "run"
        with socket.create_server(("127.0.0.1", 0)) as server:
            port = server.getsockname()[1]
        self._addresses = [f"--server_address=unix:{folder}/learner.sock", f"--server_address=127.0.0.1:{port}"]
        self._params = [f"--gin_param={param}" for param in PARAMS]
        self._log = (folder / "output.log").open("a")
        self.learner = self._start_learner()
        self.actors = [self._start_actor(task_id) for task_id in range(ACTORS)]

    def kill_learner(self) -> None:
        self.learner.kill()
        self.learner.wait()
        self.learner = self._start_learner()

    def kill_actor(self, task_id: int) -> None:
        self.actors[task_id].kill()
        self.actors[task_id].wait()
        self.actors[task_id] = self._start_actor(task_id)

    def restart_ended(self) -> None:
        """An actor that came before its predecessor was found dead is told that its number is taken, and ends."""
        if self.learner.poll() is not None:
            raise RuntimeError(f"the learner has ended with exit code {self.learner.returncode}")
        for task_id, actor in enumerate(self.actors):
            if actor.poll() is not None:
                self.actors[task_id] = self._start_actor(task_id)

    def look(self) -> dict[str, Any]:
        memory = [psutil.Process(process.pid).memory_info().rss / 2**20 for process in (self.learner, *self.actors)]
        reports = read_metrics(self.run_dir) if (self.run_dir / "metrics.jsonl").exists() else []
        last = next((line for line in reversed(reports) if "dropped_env_steps" in line), {})
        names = ("env_steps", "acted_env_steps", "dropped_env_steps")
        return {"learner_mb": memory[0], "actors_mb": memory[1:], **{name: last.get(name, 0) for name in names}}

    def stop(self) -> None:
        for process in (*self.actors, self.learner):
            process.send_signal(signal.SIGCONT)
            process.send_signal(signal.SIGTERM)
        for process in (*self.actors, self.learner):
            process.wait(60)
        assert self.learner.returncode == 0, f"the learner ended with exit code {self.learner.returncode}"

    def _start_learner(self) -> subprocess.Popen[bytes]:
        return self._start("learner", f"--num_actors={ACTORS}", f"--run_dir={self.run_dir}", *self._addresses)

    def _start_actor(self, task_id: int) -> subprocess.Popen[bytes]:
        return self._start("actor", f"--task_id={task_id}", self._addresses[task_id % 2])

    def _start(self, *args: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "seed_matrace", *args, "--gin_file=maps/3m.gin", *self._params]
        return subprocess.Popen(command, stdout=self._log, stderr=subprocess.STDOUT)


def soak(run: Run, seconds: float, rng: random.Random) -> dict[str, Any]:
    """Kills for so long; what was seen, and how often who was killed."""
    started = grew_at = time.monotonic()
    kill_learner_at, trouble_at = started + rng.uniform(*LEARNER_S), started + 20.0
    stopped: dict[int, float] = {}
    counts = {"actors_killed": 0, "actors_stopped": 0, "learners_killed": 0}
    seen: list[dict[str, Any]] = []
    highest = 0
    while (now := time.monotonic()) < started + seconds:
        if kill_learner_at <= now < started + seconds - LAST_S:
            run.kill_learner()
            counts["learners_killed"] += 1
            kill_learner_at, highest = now + rng.uniform(*LEARNER_S), 0  # it goes on from its checkpoint
        for task_id in [task_id for task_id, until in stopped.items() if now >= until]:
            del stopped[task_id]
            run.actors[task_id].send_signal(signal.SIGCONT)
        if now >= trouble_at:
            trouble_at = now + rng.uniform(*ACTOR_S)
            task_id = rng.randrange(ACTORS)
            if task_id not in stopped and rng.random() < 0.2:
                run.actors[task_id].send_signal(signal.SIGSTOP)
                stopped[task_id] = now + STOPPED_S
                counts["actors_stopped"] += 1
            else:
                run.kill_actor(task_id)
                stopped.pop(task_id, None)
                counts["actors_killed"] += 1
        run.restart_ended()
        seen.append({"time_s": round(now - started, 1), **run.look()})
        if seen[-1]["env_steps"] > highest:
            highest, grew_at = seen[-1]["env_steps"], now
        if now - grew_at > STANDSTILL_S:
            raise RuntimeError(f"env steps have stood still at {highest} for {STANDSTILL_S:g} s")
        time.sleep(LOOK_S)
    return {**counts, "seen": seen}


def plot(results: dict[str, Any]) -> Any:
    seen = results["seen"]
    minutes = [look["time_s"] / 60 for look in seen]
    figure = new_figure(9.0, 3.4)
    steps, memory = figure.subplots(1, 2)
    steps.plot(minutes, [look["env_steps"] / 1e6 for look in seen])
    steps.set(xlabel="minutes", ylabel="million env steps trained on")
    memory.plot(minutes, [look["learner_mb"] for look in seen], label="learner")
    memory.plot(minutes, [max(look["actors_mb"]) for look in seen], label="largest actor")
    memory.set(xlabel="minutes", ylabel="resident memory, MiB", ylim=(0, None))
    memory.legend(frameon=False)
    for axes in (steps, memory):
        style_axes(axes)
    killed = f"{results['actors_killed']} actors and {results['learners_killed']} learners killed"
    figure.suptitle(f"3m through random kills: {killed}, {results['actors_stopped']} actors stopped", fontsize=10)
    return figure


def main(minutes: float, output: str, seed: int = 0) -> None:
    with tempfile.TemporaryDirectory() as folder:
        run = Run(Path(folder))
        try:
            results = soak(run, 60 * minutes, random.Random(seed))
            run.stop()
        finally:
            for process in (run.learner, *run.actors):
                process.kill()
        assert not (Path(folder) / "learner.sock").exists(), "the learner's socket is still there"
    (Path(output) / "kills.json").write_text(json.dumps(results) + "\n")
    save_figure(plot(results), Path(output) / "kills.png")
    last = results["seen"][-1]
    print(json.dumps({**{name: value for name, value in results.items() if name != "seen"}, **last}))


if __name__ == "__main__":
    main(float(sys.argv[1]), sys.argv[2], *(int(word) for word in sys.argv[3:]))
