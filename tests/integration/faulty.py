"""A learner's side to break actors against, and an actor that stops where it is told to, to be killed there."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

from ends import free_port
from processes import ROOT, wait_until
from spelling import SpellingPolicy, assert_one_stretch

from seed_matrace.actor.actor import _act
from seed_matrace.config import load_config
from seed_matrace.envs.counting import CountingVectorEnv
from seed_matrace.inference.groups import GroupPlan
from seed_matrace.training.sources import Acting, ActorSource
from seed_matrace.training_env import make_schema
from seed_matrace.transport.address import HostPort, parse_address
from seed_matrace.transport.carriers import connect
from seed_matrace.transport.security import NO_SECURITY
from seed_matrace.types import Unroll

PARAMS = (
    "env.backend='counting'",
    "learner.unroll_length=7",
    "learner.batch_size=2",
    "network.critic_input='state'",
)
FLAGS = [f"--gin_param={param}" for param in PARAMS]
PLAN = GroupPlan(num_groups=4, group_size=2, num_actors=2)


class SlowVectorEnv(CountingVectorEnv):
    """Leaves the processor to others."""

    def step(self, actions, out=None):
        time.sleep(0.005)
        return super().step(actions, out)


class LearnersSide:
    """Serves actors, looks at every unroll they make, and counts the env steps of those it takes as trained on.

    Actor 1 lives in a thread of this process and must not be disturbed by what happens to actor 0.
    """

    def __init__(self, address, *params: str) -> None:
        self.address = address
        self.config, _, _ = load_config([], [*PARAMS, *params])
        self.notes: list[str] = []
        self.trained_env_steps = 0
        policy = SpellingPolicy()
        acting = Acting(self.config, policy.step, lambda: policy.version, seed=0, session=0, resume={})
        self.source = ActorSource(acting, PLAN, [address], note=self.notes.append)
        self._stop = threading.Event()
        self._errors: list[BaseException] = []
        self._threads = [threading.Thread(target=self._guarded, args=(work,)) for work in (self._learn, self._play)]
        for thread in self._threads:
            thread.start()

    def figures(self, task_id):
        return self.source.actor_figures()[task_id]

    def connected(self, task_id) -> bool:
        figures = self.source.actor_figures()
        return task_id in figures and figures[task_id].connected

    def wait_until_lost(self, task_id=0) -> str:
        """The reason, which is noted a moment after the actor counts as lost."""
        return self.wait_until_noted(f"actor {task_id} left: ")

    def wait_until_noted(self, start) -> str:
        wait_until(lambda: any(note.startswith(start) for note in self.notes), f"a note '{start}...'")
        (note,) = [note for note in self.notes if note.startswith(start)]
        return note

    def assert_others_go_on(self, env_steps=30) -> None:
        before, trained = self.figures(1), self.trained_env_steps
        wait_until(lambda: self.figures(1).acted_env_steps > before.acted_env_steps + env_steps, "actor 1 going on")
        wait_until(lambda: self.trained_env_steps > trained, "training")
        assert self.figures(1).connections == before.connections

    def close(self) -> None:
        """Ends everything; raises what went wrong, and unless every step accepted was trained on or dropped."""
        try:
            self._stop.set()
            self._threads[1].join()
            wait_until(lambda: not self.source.actors_alive, "all actors to be gone")
            unrolls = self.source._unrolls
            # Batches are as wide as groups: none is left half full.
            wait_until(
                lambda: (
                    unrolls.accepted_env_steps == self.trained_env_steps + self.source.dropped_env_steps or self._errors
                ),
                "all steps to be accounted for",
            )
            assert self.source.waiting_env_steps == 0
        finally:
            self._stop.set()
            self._learning_over = True
            self._threads[0].join()
            self.source.close()
        for error in self._errors:
            raise error
        acted = sum(figures.acted_env_steps for figures in self.source.actor_figures().values())
        first_steps = PLAN.group_size * self.first_steps()
        assert acted - first_steps <= unrolls.accepted_env_steps <= acted

    def first_steps(self) -> int:
        """At most so many groups began a life."""
        return 2 * sum(figures.connections for figures in self.source.actor_figures().values())

    _learning_over = False

    def _guarded(self, work) -> None:
        try:
            work()
        except BaseException as error:
            self._errors.append(error)

    def _learn(self) -> None:
        while not self._learning_over:
            batch = self.source.next_batch()
            if batch is None:
                continue
            for column in range(batch.reward.shape[1]):
                assert_one_stretch(Unroll(*(array[:, column].copy() for array in batch)))
            self.trained_env_steps += batch.reward[1:].size
            self.source.release(batch)

    def _play(self) -> None:
        stop = self._stop

        class Env(SlowVectorEnv):
            def step(self, actions, out=None):
                if stop.is_set():
                    raise ConnectionResetError("the test is over")
                return super().step(actions, out)

        with (
            contextlib.closing(connect(self.address, 1, make_schema(self.config), NO_SECURITY)) as client,
            contextlib.suppress(ConnectionResetError),
        ):
            _act(client, lambda num_envs, seed, first_env: Env(num_envs, first_env))


def new_address(carrier: str, folder: Path):
    return folder / "learner.sock" if carrier == "unix" else free_port()


def as_flag(address) -> str:
    return f"--server_address={f'unix:{address}' if isinstance(address, Path) else address}"


class Victim:
    """Actor 0 in a process of its own that says when it has reached ``phase`` and waits there."""

    def __init__(self, address, phase: str) -> None:
        text = as_flag(address).partition("=")[2]
        path = os.pathsep.join([str(ROOT), str(ROOT / "tests/transport")])
        self.process = subprocess.Popen(
            [sys.executable, __file__, text, phase],
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": path},
        )
        self.process_id = self.process.pid

    def wait_until_there(self) -> None:
        assert self.process.stdout.readline() == "there\n"

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.communicate()


class Relay:
    """Carries bytes between a client and ``address``; slowly from the client, or no more once it is told to stop."""

    def __init__(self, address: HostPort, *, bytes_per_turn: int = 1 << 16, turn_s: float = 0.0) -> None:
        self.left: int | None = None  # bytes from the client still to be carried; None: all
        self.stopped = threading.Event()
        self._turn = bytes_per_turn, turn_s
        listener = socket.create_server(("127.0.0.1", 0))
        self.address = HostPort("127.0.0.1", listener.getsockname()[1])
        threading.Thread(target=self._run, args=(listener, address), daemon=True).start()

    def _run(self, listener, address) -> None:
        while True:
            client, _ = listener.accept()
            server = socket.create_connection(address)
            threading.Thread(target=self._carry, args=(client, server, True), daemon=True).start()
            threading.Thread(target=self._carry, args=(server, client, False), daemon=True).start()

    def _carry(self, source, target, from_client) -> None:
        size, pause_s = self._turn if from_client else (1 << 16, 0.0)
        with contextlib.suppress(OSError):
            while data := source.recv(size):
                if from_client and self.left is not None:
                    data = data[: self.left]
                    self.left -= len(data)
                if data:
                    target.sendall(data)
                if from_client and self.left == 0:
                    self.stopped.set()
                    threading.Event().wait()
                time.sleep(pause_s)
        with contextlib.suppress(OSError):
            target.shutdown(socket.SHUT_WR)


def stay() -> None:
    print("there", flush=True)
    threading.Event().wait()


class StoppingVectorEnv(SlowVectorEnv):
    """Stops in its 17th step: before it has written anything, or in the middle of it."""

    stops_after_writing = False
    steps = 0

    def step(self, actions, out=None):
        self.steps += 1
        if self.steps == 17:
            if self.stops_after_writing:
                out.obs[...] = -1.0
                out.reward[: self.num_envs // 2] = -1.0
            stay()
        return super().step(actions, out)


def connect_only(address) -> None:
    """As far as an actor comes before it says who it is."""
    if isinstance(address, Path):
        stranger = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        stranger.connect(str(address))
    else:
        stranger = socket.create_connection(address)
        stranger.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
    stay()


def act_until(phase: str, address) -> None:
    config, _, _ = load_config([], PARAMS)
    relay = Relay(address) if phase == "mid-write" and isinstance(address, HostPort) else None
    client = connect(relay.address if relay else address, 0, make_schema(config), NO_SECURITY)

    def make_env(num_envs, seed, first_env):
        env = StoppingVectorEnv(num_envs, first_env)
        env.stops_after_writing = phase == "mid-write"
        if phase == "waiting" or relay:
            env.steps = 100  # stops elsewhere
        return env

    answers = 0
    wait_answers = client.wait_answers

    def counting_answers():
        nonlocal answers
        answers += 1
        if answers == 25 and phase == "waiting":
            stay()
        if answers == 25 and relay:
            relay.left = 30
            threading.Thread(target=lambda: relay.stopped.wait() and stay()).start()
        return wait_answers()

    client.wait_answers = counting_answers
    _act(client, make_env)


if __name__ == "__main__":
    place = parse_address(sys.argv[1])
    connect_only(place) if sys.argv[2] == "connecting" else act_until(sys.argv[2], place)
