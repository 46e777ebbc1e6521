"""How many steps of groups the two carriers take and answer, with nobody who steps environments or runs a policy.

Actors are threads of a few processes on this machine, which they share with the learner's end: what a network adds is
not in the figures, nor what it would take off the learner's host.
"""

from __future__ import annotations

import concurrent.futures
import contextlib
import multiprocessing
import socket
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from seed_matrace.bench.random_data import fill_randomly
from seed_matrace.config import Config
from seed_matrace.inference.groups import GROUPS_PER_ACTOR, GroupPlan, GroupTable
from seed_matrace.training_env import make_schema, training_spec
from seed_matrace.transport.address import Address, HostPort
from seed_matrace.transport.carriers import connect, listen
from seed_matrace.transport.security import NO_SECURITY
from seed_matrace.transport.server import Admission, Ready, Server
from seed_matrace.transport.slots import slot_type

_GROUP_SIZE = 16
_LOCAL_ACTORS = 2
_HOSTS = (1, 8, 64)
_PROCESSES = 4  # at most, to play the actors
_SETTLE_S = 0.5


def transport_figures(config: Config, seconds: float) -> dict[str, float]:
    """Round trips (a step of a group, and its actions) per second of each carrier; bytes per second where bytes travel.

    Beside them what the machine gives: round trips of 8 bytes over a raw Unix socket, and copying of such slots.
    """
    part_s = seconds / (3 + len(_HOSTS))
    with tempfile.TemporaryDirectory(prefix="seed_matrace-bench-") as folder:
        local: Address = Path(folder) / "actors.sock"
        round_trips = {"shared_memory": _carrier(config, local, _LOCAL_ACTORS, part_s)}
    for hosts in _HOSTS:
        round_trips[f"grpc_{hosts}_hosts"] = _carrier(config, HostPort("127.0.0.1", _free_port()), hosts, part_s)
    slot_bytes = slot_type(training_spec(config), _GROUP_SIZE).itemsize
    return {
        "group_size": _GROUP_SIZE,
        "slot_bytes": slot_bytes,
        **{f"{name}_round_trips_per_s": figure for name, figure in round_trips.items()},
        **{f"{name}_bytes_per_s": figure * slot_bytes for name, figure in round_trips.items() if "grpc" in name},
        "unix_socket_round_trips_per_s": _unix_socket(part_s),
        "memcpy_bytes_per_s": _memcpy(slot_bytes, part_s),
    }


@contextlib.contextmanager
def round_trips_in_one_thread(config: Config, group_size: int) -> Iterator[Callable[[], None]]:
    """A function that plays both ends of a connection over shared memory: a step of one group goes there and back."""
    plan = GroupPlan(1, group_size, 1)
    with tempfile.TemporaryDirectory(prefix="seed_matrace-bench-") as folder:
        address = Path(folder) / "actors.sock"
        with (
            contextlib.closing(listen([address], _admission(config, plan), NO_SECURITY)) as server,
            concurrent.futures.ThreadPoolExecutor(1) as pool,
        ):
            joining = pool.submit(connect, address, 0, make_schema(config), NO_SECURITY)
            while not joining.done():
                server.poll(0.1)

            def round_trip() -> None:
                client.send_ready([0])
                while not _serve(server):
                    pass
                client.wait_answers()

            with contextlib.closing(joining.result()) as client:
                yield round_trip


def _carrier(config: Config, address: Address, num_actors: int, seconds: float) -> float:
    per_actor = config.actor.groups_per_actor or GROUPS_PER_ACTOR
    plan = GroupPlan(num_actors * per_actor, _GROUP_SIZE, num_actors)
    parts = [range(first, num_actors, _PROCESSES) for first in range(min(_PROCESSES, num_actors))]
    with (
        contextlib.closing(listen([address], _admission(config, plan), NO_SECURITY)) as server,
        _processes(_act_as, [(config, address, task_ids) for task_ids in parts]),
    ):
        seen: set[int] = set()
        while len(seen) < plan.num_groups:
            seen.update(_serve(server))
        _rate(lambda: len(_serve(server)), _SETTLE_S)
        return _rate(lambda: len(_serve(server)), seconds)


def _admission(config: Config, plan: GroupPlan) -> Admission:
    return Admission(make_schema(config), plan.capacity, GroupTable(plan, seed=0).assign)


def _serve(server: Server) -> list[int]:
    """Answers whoever is ready, with the actions that stand there."""
    ready = [event.group for event in server.poll(1.0) if isinstance(event, Ready)]
    if ready:
        server.answer(ready)
    return ready


def _act_as(config: Config, address: Address, task_ids: range) -> None:
    threads = [threading.Thread(target=_echo, args=(config, address, task_id)) for task_id in task_ids]
    for thread in threads:
        thread.start()


def _echo(config: Config, address: Address, task_id: int) -> None:
    """An actor that sends the same steps again and again, until its learner has gone."""
    with (
        contextlib.suppress(OSError),
        contextlib.closing(connect(address, task_id, make_schema(config), NO_SECURITY)) as client,
    ):
        for slot in client.slots:
            fill_randomly(slot.env)
        client.send_ready(list(range(len(client.slots))))
        while True:
            client.send_ready(client.wait_answers())


def _unix_socket(seconds: float) -> float:
    here, there = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with here, _processes(_bounce, [(there,)]):
        there.close()

        def round_trip() -> int:
            here.send(bytes(8))
            return bool(here.recv(8))

        return _rate(round_trip, seconds)


def _bounce(peer: socket.socket) -> None:
    while data := peer.recv(8):
        peer.send(data)


def _memcpy(size: int, seconds: float) -> float:
    source, target = np.ones(size, np.uint8), np.empty(size, np.uint8)

    def copy() -> int:
        target[...] = source
        return size

    return _rate(copy, seconds)


def _rate(work: Callable[[], int], seconds: float) -> float:
    done, started = 0, time.perf_counter()
    while (elapsed := time.perf_counter() - started) < seconds:
        done += work()
    return done / elapsed


@contextlib.contextmanager
def _processes(target: Callable[..., None], calls: list[tuple[Any, ...]]) -> Iterator[None]:
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=target, args=args, daemon=True) for args in calls]
    for process in processes:
        process.start()
    try:
        yield
    finally:
        for process in processes:
            process.kill()
            process.join()


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])
